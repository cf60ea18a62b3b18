/*
 * verify.c -- float graph, evaluator and compiled code, image by image.
 *
 * Compiled code must give the evaluator's bits; how far both are from the
 * float graph is measured: per layer for values whose names both graphs have,
 * and by the outputs' argmax. The evaluator is slow, so it may be told to stop
 * after some images; float graph and object run over all.
 */
#include "lib/clock.h"
#include "lib/golden.h"
#include "lib/object.h"

#include "codegen/codegen.h"
#include "ir/eval.h"
#include "ir/text.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A value that both graphs have. */
typedef struct Pair {
    ValId real;   /* 0: only the integer graph has it */
    float *value; /* of the float graph, this batch */
    Closeness sum;
} Pair;

typedef struct Judge {
    Vitqc *v;
    const VitqcVerify *ask;
    VitqcVerified *say;
    Feed *feed;
    Runner run;
    int64_t *label;   /* NULL: none */
    float **real_out; /* NULL: the float graph is not known */
    float **eval_out;
    Pair *pair;     /* by the integer graph's ids */
    ValId *partner; /* by the float graph's ids: the integer graph's */
    Closeness sum;  /* of the outputs */
    Golden *golden; /* NULL: none */
} Judge;

void
vitqc_verify_init(VitqcVerify *o)
{
    *o = (VitqcVerify){.size = sizeof *o};
    vitqc_images_init(&o->images);
}

void
vitqc_verified_init(VitqcVerified *o)
{
    *o = (VitqcVerified){.size = sizeof *o, .first_mismatch = -1};
}

/* ---- making ready ---- */

static void
end_scratch(void *path)
{
    unlink(path);
}

static void
end_file(void *f)
{
    fclose(f);
}

static void
end_loaded(void *object)
{
    vq_unload(object);
}

/* The object in a temporary file, for the loader; NULL after a message. */
static const char *
compile_here(Vitqc *v)
{
    Owned *scratch = vq_own(&v->tmp, end_scratch);
    Owned *file = vq_own(&v->tmp, end_file);
    const char *dir = getenv("TMPDIR");
    char *path = vq_format(&v->tmp, "%s/vitqc.XXXXXX", dir ? dir : "/tmp");
    int fd = mkstemp(path);
    FILE *f = fd < 0 ? NULL : fdopen(fd, "wb");

    scratch->what = fd < 0 ? NULL : path;
    file->what = f;
    if (f && !vq_emit_code(v, VITQC_OBJECT, f))
        return NULL;
    file->what = NULL;
    if (f && fclose(f) == 0)
        return path;
    vq_io_error(&v->diag, path, "cannot write: %s", strerror(errno));
    return NULL;
}

static bool
same_tensor(const Type *t, const VqrtTensor *m)
{
    bool same = (uint32_t)t->rank == m->rank;

    for (int i = 0; same && i < t->rank; i++)
        same = t->dim[i] == m->dim[i];
    return same;
}

static bool
check_object(Vitqc *v, const VqrtModel *m)
{
    const Graph *g = v->g;
    bool same = m->nin == g->nin && m->nout == g->nout;

    for (uint32_t i = 0; same && i < g->nin; i++)
        same = same_tensor(vq_type(g, g->in[i]), &m->in[i]);
    for (uint32_t i = 0; same && i < g->nout; i++)
        same = same_tensor(vq_type(g, g->out[i]), &m->out[i]);
    return same || vq_error(&v->diag, NOLOC,
                            "the object was compiled from "
                            "another model");
}

static bool
load_object(Judge *j)
{
    Vitqc *v = j->v;
    const char *path = j->ask->object ? j->ask->object : compile_here(v);
    Owned *loaded = vq_own(&v->tmp, end_loaded);
    const VqrtModel *m;

    loaded->what = path ? vq_load_object(&v->diag, path) : NULL;
    if (!loaded->what)
        return false;
    m = vq_loaded_model(loaded->what);
    return check_object(v, m) &&
           vq_runner_init(v, &j->run, m, j->ask->level, NULL);
}

static float **
new_outputs(Vitqc *v, const Graph *g)
{
    float **out = NEWN(&v->tmp, float *, g->nout);

    for (uint32_t i = 0; i < g->nout; i++)
        out[i] = NEWN(&v->tmp, float, (size_t)vq_count(vq_type(g, g->out[i])));
    return out;
}

static void
pair_values(Judge *j)
{
    const Graph *g = j->v->g, *real = j->v->real;

    j->partner = NEWN(&j->v->tmp, ValId, real->nval);
    for (ValId i = 1; i < g->nval; i++) {
        ValId r = g->val[i].data ? 0 : vq_find_value(real, g->val[i].name);

        if (!r || real->val[r].data || vq_type(real, r)->dt != DT_F32 ||
            vq_count(vq_type(real, r)) != vq_count(vq_type(g, i)))
            continue;
        j->pair[i].real = r;
        j->pair[i].value =
            NEWN(&j->v->tmp, float, (size_t)vq_count(vq_type(real, r)));
        j->partner[r] = i;
    }
}

static bool
make_ready(Judge *j)
{
    Vitqc *v = j->v;
    const Type *in = vq_type(v->g, v->g->in[0]);

    if (!load_object(j))
        return false;
    j->feed = vq_feed_open(v, &j->ask->images, in->rank, in->dim);
    if (!j->feed)
        return false;
    if (j->ask->labels) {
        j->label = vq_labels_read(v, j->feed, j->ask->labels);
        if (!j->label)
            return false;
    }
    if (j->ask->golden) {
        j->golden = vq_golden_open(v, j->ask->golden, j->feed->count);
        if (!j->golden)
            return false;
    }
    j->pair = NEWN(&v->tmp, Pair, v->g->nval);
    j->eval_out = new_outputs(v, v->g);
    if (v->real) {
        j->real_out = new_outputs(v, v->real);
        pair_values(j);
    }
    return true;
}

/* ---- one batch ---- */

static void
keep_real(void *user, const Graph *g, ValId id, const void *data)
{
    Judge *j = user;
    ValId mine = j->partner[id];

    if (mine)
        memcpy(j->pair[mine].value, data,
               (size_t)vq_count(vq_type(g, id)) * sizeof(float));
}

static void
compare_layer(void *user, const Graph *g, ValId id, const void *data)
{
    Judge *j = user;
    Pair *p = &j->pair[id];

    if (p->real)
        vq_closeness_add_value(&p->sum, &j->v->tmp, g, id, data, p->value);
}

/* Image b's outputs, bit for bit. */
static bool
same_bits(const Judge *j, int64_t b)
{
    for (uint32_t i = 0; i < j->v->g->nout; i++) {
        int64_t n = j->run.each[i];

        if (memcmp(j->run.out[i] + b * n, j->eval_out[i] + b * n,
                   (size_t)n * sizeof(float)) != 0)
            return false;
    }
    return true;
}

static int64_t
argmax(const float *x, int64_t n)
{
    int64_t best = 0;

    for (int64_t i = 1; i < n; i++)
        if (x[i] > x[best])
            best = i;
    return best;
}

/* Image `at`, the b-th of its batch. */
static void
judge_image(Judge *j, int64_t at, int64_t b)
{
    VitqcVerified *say = j->say;
    int64_t n = j->run.each[0];
    const float *mine = j->run.out[0] + b * n;
    int64_t best = argmax(mine, n);

    if (j->label) {
        say->labelled++;
        say->top1_object += best == j->label[at];
    }
    if (!j->real_out)
        return;
    const float *real = j->real_out[0] + b * n;
    int64_t real_best = argmax(real, n);

    say->agree += best == real_best;
    say->top1_float += j->label && real_best == j->label[at];
    for (int64_t i = 0; i < n; i++)
        vq_closeness_add(&j->sum, (double)real[i], (double)mine[i]);
}

static void
judge_bits(Judge *j, int64_t at, int64_t b)
{
    j->say->evaluated++;
    if (same_bits(j, b))
        return;
    if (j->say->mismatched++ == 0)
        j->say->first_mismatch = at;
}

static bool
judge_batch(Judge *j, int64_t at, bool evaluate)
{
    Vitqc *v = j->v;
    int64_t valid = vq_min(j->feed->batch, j->feed->count - at);
    const void *in[] = {j->run.in};
    double start;

    if (!vq_feed_read(v, j->feed, at, j->run.in) || !vq_runner_run(v, &j->run))
        return false;
    if (v->real) {
        start = vq_clock();
        vq_eval(v->real, &v->tmp, in, (void **)j->real_out,
                evaluate ? keep_real : NULL, j);
        j->say->float_seconds += vq_clock() - start;
    }
    if (evaluate)
        vq_eval(v->g, &v->tmp, in, (void **)j->eval_out,
                v->real ? compare_layer : NULL, j);
    for (int64_t b = 0; b < valid; b++) {
        judge_image(j, at + b, b);
        if (j->golden)
            vq_golden_image(j->golden, &j->run, at + b, b);
        if (evaluate)
            judge_bits(j, at + b, b);
    }
    return true;
}

/* ---- all of it ---- */

static void
list_layers(Judge *j)
{
    const Graph *g = j->v->g;
    Arena *a = &j->v->arena;
    VitqcLayer *layer = NEWN(a, VitqcLayer, g->nop);
    size_t n = 0;

    for (uint32_t i = 1; i < g->nop; i++) {
        ValId id = g->op[i].out;
        const Pair *p = &j->pair[id];

        /* What only moves data is as good as what it moves. */
        if (p->real && vq_op[g->op[i].kind].stage != STAGE_M)
            layer[n++] = (VitqcLayer){
                .name = g->val[id].name,
                .op = vq_op[g->op[i].kind].text,
                .type = vq_type_text(a, g, vq_type(g, id)),
                .sqnr = vq_decibel(p->sum.signal, p->sum.noise),
            };
    }
    j->say->layer = layer;
    j->say->nlayer = n;
}

static bool
judge_all(Judge *j)
{
    Vitqc *v = j->v;
    int64_t count = j->feed->count;
    int64_t evaluate = j->ask->evaluate ? j->ask->evaluate : count;

    for (int64_t i = 0; i < count; i += j->feed->batch) {
        vq_progress(v, "verifying", i, count);
        if (!judge_batch(j, i, i < evaluate))
            return false;
    }
    vq_progress(v, "verifying", count, count);
    j->say->images = count;
    j->say->sqnr = vq_decibel(j->sum.signal, j->sum.noise);
    j->say->float_seconds /= (double)count;
    j->say->object_seconds = j->run.seconds / (double)count;
    if (v->real)
        list_layers(j);
    return true;
}

typedef struct VerifyArgs {
    const VitqcVerify *ask;
    VitqcVerified *say;
} VerifyArgs;

static bool
verify(Vitqc *v, void *arg)
{
    VerifyArgs *a = arg;
    Judge j = {.v = v, .ask = a->ask, .say = a->say};

    if (!v->g || !(v->g->facts & F_PLANNED))
        return vq_usage(v, "only a compiled model can be verified");
    if (!make_ready(&j) || !judge_all(&j))
        return false;
    if (a->say->mismatched == 0)
        return !j.golden || vq_golden_close(v, j.golden, j.feed, a->say);
    v->fail = VITQC_EMISMATCH;
    return vq_error(&v->diag, NOLOC,
                    "compiled code (level %s) differs from the evaluator on "
                    "%lld of %lld images, first on %s",
                    j.run.model->level[j.run.level],
                    (long long)a->say->mismatched, (long long)a->say->evaluated,
                    vq_feed_name(j.feed, a->say->first_mismatch));
}

VitqcStatus
vitqc_verify(Vitqc *v, const VitqcVerify *given, VitqcVerified *result)
{
    VitqcVerify ask;
    VitqcVerified say;
    VerifyArgs args = {&ask, &say};
    VitqcStatus status;

    vitqc_verify_init(&ask);
    vitqc_verified_init(&say);
    vq_copy_known(&ask, sizeof ask, given, given->size);
    status = vq_guard(v, verify, &args);
    say.size = result->size;
    vq_copy_known(result, say.size, &say, sizeof say);
    return status;
}
