/*
 * object.c -- compiled models: load, run over images, describe.
 *
 * An object has a session of its own for its messages and memory.
 */
#include "lib/object.h"

#include "codegen/codegen.h"
#include "data/data.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

struct VitqcObject {
    Vitqc *v;
    Loaded *loaded;
    const char *path;
};

static double
now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- one call ---- */

int
vq_object_level(Vitqc *v, const VqrtModel *m, const char *name)
{
    char *all = vq_strdup(&v->tmp, "");

    if (!name)
        return m->best_level();
    for (uint32_t i = 0; i < m->nlevel; i++) {
        if (strcmp(m->level[i], name) == 0)
            return (int)i;
        all = vq_format(&v->tmp, "%s%s%s", all, i ? ", " : "", m->level[i]);
    }
    vq_usage(v, "no CPU level '%s' in this object; it has %s", name, all);
    return -1;
}

static int64_t
elements(const VqrtTensor *t)
{
    int64_t n = 1;

    for (uint32_t i = 0; i < t->rank; i++)
        n *= t->dim[i];
    return n;
}

static bool
check_model(Vitqc *v, const VqrtModel *m)
{
    if (m->abi != VQRT_ABI)
        return vq_error(&v->diag, NOLOC,
                        "the object has ABI %u, this vitqc %u: compile the "
                        "model again",
                        m->abi, VQRT_ABI);
    if (m->nin != 1 || m->in[0].type != VQRT_F32 || m->in[0].rank < 2)
        return vq_error(&v->diag, NOLOC,
                        "the model's input is not one batch "
                        "of f32 images");
    return true;
}

static void *
aligned(Arena *a, uint64_t bytes, uint64_t align)
{
    char *p = vq_alloc(a, (size_t)(bytes + align));

    return p + (align - (uintptr_t)p % align) % align;
}

bool
vq_runner_init(Vitqc *v, Runner *r, const VqrtModel *m, const char *level)
{
    Arena *a = &v->tmp;

    *r = (Runner){.model = m};
    if (!check_model(v, m))
        return false;
    r->level = vq_object_level(v, m, level);
    if (r->level < 0)
        return false;
    r->batch = m->in[0].dim[0];
    r->in = NEWN(a, float, (size_t)elements(&m->in[0]));
    r->out = NEWN(a, float *, m->nout);
    r->each = NEWN(a, int64_t, m->nout);
    for (uint32_t i = 0; i < m->nout; i++) {
        r->each[i] = elements(&m->out[i]) / r->batch;
        r->out[i] = NEWN(a, float, (size_t)elements(&m->out[i]));
    }
    r->work = aligned(a, m->work_bytes, m->work_align ? m->work_align : 64);
    return true;
}

bool
vq_runner_run(Vitqc *v, Runner *r)
{
    const void *in[] = {r->in};
    double start = now();
    int code = r->model->run_level(r->level, in, (void **)r->out, r->work);

    r->seconds += now() - start;
    if (code == VQRT_OK)
        return true;
    if (code == VQRT_ELEVEL)
        return vq_usage(v, "this CPU cannot run level '%s'",
                        r->model->level[r->level]);
    return vq_bug(&v->diag, NOLOC, "the object returned %d", code);
}

/* ---- the public calls ---- */

static bool
load(Vitqc *v, void *arg)
{
    VitqcObject *o = arg;

    v->path = o->path;
    v->diag.file = o->path;
    o->loaded = vq_load_object(&v->diag, o->path);
    return o->loaded != NULL;
}

VitqcStatus
vitqc_object_open(VitqcObject **op, const char *path,
                  const VitqcOptions *options)
{
    VitqcObject *o = calloc(1, sizeof *o);
    VitqcStatus status = o ? VITQC_OK : VITQC_ENOMEM;

    *op = NULL;
    if (o)
        status = vitqc_new(&o->v, options);
    if (status == VITQC_OK) {
        o->path = path;
        status = vq_guard(o->v, load, o);
    }
    if (status == VITQC_OK)
        *op = o;
    else
        vitqc_object_close(o);
    return status;
}

void
vitqc_object_close(VitqcObject *o)
{
    if (!o)
        return;
    if (o->loaded)
        vq_unload(o->loaded);
    vitqc_free(o->v);
    free(o);
}

const VqrtModel *
vitqc_object_model(const VitqcObject *o)
{
    return vq_loaded_model(o->loaded);
}

typedef struct RunArgs {
    VitqcObject *o;
    const char *level;
    const VitqcImages *images;
    const char *output;
    int index;
} RunArgs;

static bool
find_level(Vitqc *v, void *arg)
{
    RunArgs *a = arg;

    a->index = vq_object_level(v, vitqc_object_model(a->o), a->level);
    return a->index >= 0;
}

int
vitqc_object_level(VitqcObject *o, const char *name)
{
    RunArgs a = {.o = o, .level = name, .index = -1};

    vq_guard(o->v, find_level, &a);
    return a.index;
}

static bool
run_rows(Vitqc *v, Runner *r, const Feed *f, NpyWriter *npy)
{
    for (int64_t i = 0; i < f->count; i += f->batch) {
        int64_t n = vq_min(f->batch, f->count - i);

        vq_progress(v, "running", i, f->count);
        if (!vq_feed_read(v, f, i, r->in) || !vq_runner_run(v, r) ||
            !vq_npy_append(npy, &v->diag, r->out[0], n * r->each[0]))
            return false;
    }
    vq_progress(v, "running", f->count, f->count);
    return vq_npy_finish(npy, &v->diag);
}

static bool
run_images(Vitqc *v, void *arg)
{
    RunArgs *a = arg;
    const VqrtModel *m = vitqc_object_model(a->o);
    const VqrtTensor *in = &m->in[0], *out = &m->out[0];
    int64_t dim[NPY_MAXRANK];
    int rank = (int)vq_min(out->rank, NPY_MAXRANK);
    Runner r;
    Feed *f;

    if (!vq_runner_init(v, &r, m, a->level))
        return false;
    f = vq_feed_open(v, a->images, (int)in->rank, in->dim);
    if (!f)
        return false;
    memcpy(dim, out->dim, sizeof dim);
    dim[0] = f->count;
    v->npy = NEW(&v->tmp, NpyWriter);
    return vq_npy_create(&v->tmp, &v->diag, v->npy, a->output, NPY_F32, rank,
                         dim) &&
           run_rows(v, &r, f, v->npy);
}

VitqcStatus
vitqc_object_run(VitqcObject *o, const char *level, const VitqcImages *images,
                 const char *output)
{
    RunArgs a = {.o = o, .level = level, .images = images, .output = output};

    return vq_guard(o->v, run_images, &a);
}

typedef struct DescribeArgs {
    const char *path;
    FILE *to;
} DescribeArgs;

static bool
describe(Vitqc *v, void *arg)
{
    DescribeArgs *a = arg;

    v->path = v->diag.file = a->path;
    return vq_object_info(&v->diag, a->path, a->to);
}

VitqcStatus
vitqc_object_describe(const char *path, const VitqcOptions *options, FILE *to)
{
    DescribeArgs a = {path, to};
    Vitqc *v;
    VitqcStatus status = vitqc_new(&v, options);

    if (status == VITQC_OK)
        status = vq_guard(v, describe, &a);
    vitqc_free(v);
    return status;
}
