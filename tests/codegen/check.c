/*
 * check.c -- the kernel checker: see check.h.
 */
#include "tests/codegen/check.h"

#include "ir/chunks.h"
#include "ir/eval.h"
#include "ir/layout.h"
#include "ir/quant.h"
#include "tests/codegen/amx_trap.h"
#include "tests/codegen/ways.h"
#include "tests/ir/random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* avxvnni-evex stands in for avxvnni where the CPU has AVX-512 only, amx-trap
 * for amx where it has no AMX. */
#define LEVELS "base,avx2,avxvnni,avxvnni-evex,avx512vnni"

static void
print_diag(void *user, Severity severity, const char *file, Loc loc,
           const char *text)
{
    (void)user;
    (void)severity;
    (void)loc;
    print_error("%s: %s\n", file ? file : "codegen", text);
}

void
case_start(Case *c, const char *name)
{
    *c = (Case){.diag = {.fn = print_diag}, .seed = 1};
    c->g = vq_graph_new(&c->arena, name);
}

void
case_end(Case *c)
{
    vq_arena_free(&c->arena);
}

int64_t
case_pick(Case *c, int64_t lo, int64_t hi)
{
    uint64_t r = vq_random(&c->seed), n = (uint64_t)hi - (uint64_t)lo + 1;

    return n ? (int64_t)((uint64_t)lo + r % n) : (int64_t)r;
}

static void
store_int(DType dt, void *to, int64_t i, int64_t x)
{
    memcpy((char *)to + i * vq_dtype[dt].bytes, &x, vq_dtype[dt].bytes);
}

ValId
case_in(Case *c, Type t)
{
    return vq_input(c->g, "in", t);
}

ValId
case_const(Case *c, Type t, const void *data)
{
    void *copy = vq_alloc(&c->arena, (size_t)vq_bytes(&t));

    memcpy(copy, data, (size_t)vq_bytes(&t));
    return vq_const(c->g, "const", t, copy);
}

ValId
case_random(Case *c, Type t, int64_t lo, int64_t hi)
{
    void *data = vq_alloc(&c->arena, (size_t)vq_bytes(&t));

    for (int64_t i = 0; i < vq_count(&t); i++)
        store_int(t.dt, data, i, case_pick(c, lo, hi));
    return vq_const(c->g, "const", t, data);
}

ValId
case_weight(Case *c, int64_t rows, int64_t cols)
{
    Type t = vq_packed_type(rows, cols);
    int8_t *w = vq_alloc(&c->arena, (size_t)(rows * cols));
    int8_t *packed = vq_alloc(&c->arena, (size_t)vq_bytes(&t));

    for (int64_t i = 0; i < rows * cols; i++)
        w[i] = (int8_t)case_pick(c, -128, 127);
    vq_pack(w, rows, cols, packed);
    return vq_const(c->g, "weight", t, packed);
}

void
case_requant(Case *c, int form, int64_t n, double span, DType dt, ValId *mul,
             ValId *shift)
{
    int32_t *m = NEWN(&c->arena, int32_t, n), *s = NEWN(&c->arena, int32_t, n);
    double codes = (double)(vq_dtype[dt].hi - vq_dtype[dt].lo);

    for (int64_t i = 0; i < n; i++) {
        double unit = (double)case_pick(c, 25, 200) / 100;
        double real = codes / 2 / span * unit;
        Requant r;

        if (form == RQ_NARROW)
            real = fmin(real, 1.0 / 65);
        r = vq_requant_of((RequantForm)form, case_pick(c, 0, 7) ? real : -real);
        m[i] = r.mul;
        s[i] = r.shift;
    }
    *mul = vq_const(c->g, "mul", TYPE(DT_S32, n), m);
    *shift = vq_const(c->g, "shift", TYPE(DT_S32, n), s);
}

void
case_requant_any(Case *c, int form, int64_t n, ValId *mul, ValId *shift)
{
    static const int64_t lo[] = {INT16_MIN, -16383, -INT32_MAX};
    static const int64_t hi[] = {INT16_MAX, 16383, INT32_MAX};
    int32_t *m = NEWN(&c->arena, int32_t, n), *s = NEWN(&c->arena, int32_t, n);

    for (int64_t i = 0; i < n; i++) {
        m[i] = (int32_t)(case_pick(c, 0, 7)   ? case_pick(c, lo[form], hi[form])
                         : case_pick(c, 0, 1) ? lo[form]
                                              : hi[form]);
        s[i] = (int32_t)case_pick(c, 0, form == RQ_DYADIC ? 62 : 31);
        if (form == RQ_WIDE)
            s[i] += (int32_t)(64 * case_pick(c, 0, 45));
    }
    *mul = vq_const(c->g, "mul", TYPE(DT_S32, n), m);
    *shift = vq_const(c->g, "shift", TYPE(DT_S32, n), s);
}

Op *
case_op(Case *c, OpKind kind, Type t, const ValId *in, uint32_t nin)
{
    Op *op = vq_emit(c->g, kind, vq_op[kind].text, t, in, nin, NOLOC);

    vq_output(c->g, op->out);
    return op;
}

/* ---- compile ---- */

static bool
is_output(const Graph *g, ValId v)
{
    for (uint32_t i = 0; i < g->nout; i++)
        if (g->out[i] == v)
            return true;
    return false;
}

void
case_plan(Case *c)
{
    Graph *g = c->g;
    const Op *mixes;
    const Graph *one = g;
    int64_t at = 0;

    if (g->chunks > 1)
        one = vq_one_chunk(g, g->chunks, &c->arena, &mixes);
    for (uint32_t i = 1; i < g->nop; i++) {
        int64_t scratch = vq_scratch(one, &g->op[i]);

        if (!is_output(g, g->op[i].out)) {
            g->val[g->op[i].out].slot = at;
            at = vq_align(at + vq_bytes(vq_type(one, g->op[i].out)) + VQ_SLACK,
                          VQ_SLOT);
        }
        if (scratch) {
            g->op[i].scratch = at;
            at = vq_align(at + scratch + VQ_SLACK, VQ_SLOT);
        }
    }
    g->worksize = at;
    g->facts |= F_PLANNED;
}

bool
case_compile(Case *c, const char *path, const char *levels)
{
    CodegenOptions opt = {.triple = getenv("VQ_TEST_TARGET"),
                          .levels = levels,
                          .prefix = c->g->name,
                          .level = 2,
                          .grain = 1};
    Emitted e;
    FILE *f;
    bool ok;

    if (!vq_codegen(c->g, &c->diag, &opt, &e))
        return false;
    /* Emitters say why a loop has no vectors (remark.h). */
    ok = !strstr(e.report, "a loop without vectors\n");
    if (!ok)
        print_error("a loop without a reason:\n%s", e.report);
    f = fopen(path, "wb");
    ok = ok && f && fwrite(e.bytes, 1, e.size, f) == e.size;
    ok = f && fclose(f) == 0 && ok;
    vq_emitted_free(&e);
    return ok;
}

/* ---- run and compare ---- */

typedef enum Fill { FILL_RANDOM, FILL_LEAST, FILL_GREATEST, NFILL } Fill;

static float
fill_float(Case *c, Fill fill)
{
    static const float odd[] = {NAN, INFINITY, -INFINITY, -0.0f, 1e-42f};
    uint32_t r = next_random(&c->seed);

    if (fill != FILL_RANDOM)
        return fill == FILL_LEAST ? -3e38f : 3e38f;
    if (r % 64 < COUNT(odd))
        return odd[r % 64];
    /* Many are halfway between codes. */
    return r & 1 ? (float)(int)(r >> 1 & 1023) / 8 - 64
                 : (float)(vq_random_unit(&c->seed) * 8 - 4);
}

static void *
fill_input(Case *c, const Type *t, Fill fill)
{
    int64_t n = vq_count(t), slack = VQ_SLACK / vq_dtype[t->dt].bytes;
    void *data = vq_alloc(&c->arena, (size_t)vq_bytes(t) + VQ_SLACK);
    int64_t lo = vq_dtype[t->dt].lo, hi = vq_dtype[t->dt].hi;

    for (int64_t i = 0; i < n + slack; i++) {
        if (t->dt == DT_F32)
            ((float *)data)[i] = fill_float(c, fill);
        else
            store_int(t->dt, data, i,
                      fill == FILL_RANDOM || i >= n ? case_pick(c, lo, hi)
                      : fill == FILL_LEAST          ? lo
                                                    : hi);
    }
    return data;
}

static void
wanted_of(Case *c, ValId v, Wanted *o)
{
    const Type *t = vq_type(c->g, v);
    size_t n = (size_t)vq_bytes(t);

    *o = (Wanted){.size = vq_dtype[t->dt].bytes,
                  .count = vq_count(t),
                  .cols = vq_cols(t),
                  .bytes = n,
                  .want = vq_alloc(&c->arena, n + 1),
                  .got = (unsigned char *)vq_alloc(&c->arena, n + 2 * GUARD) +
                         GUARD};
    snprintf(o->name, sizeof o->name, "%s", c->g->val[v].name);
}

/* Is an output what another op reads? */
static bool
reads_output(const Graph *g)
{
    for (uint32_t i = 1; i < g->nop; i++)
        for (uint32_t k = 0; k < g->op[i].nin; k++)
            if (is_output(g, g->op[i].in[k]))
                return true;
    return false;
}

/* Inputs, and what the evaluator makes of them. */
static void
prepare_run(Case *c, Run *r, Fill fill)
{
    const Graph *g = c->g;
    void **want = NEWN(&c->arena, void *, g->nout);

    *r = (Run){.in = NEWN(&c->arena, const void *, g->nin + 1),
               .out = NEWN(&c->arena, Wanted, g->nout),
               .fill = (int)fill,
               .all = fill == FILL_RANDOM,
               .apart = !reads_output(g)};
    for (uint32_t i = 0; i < g->nin; i++)
        r->in[i] = fill_input(c, vq_type(g, g->in[i]), fill);
    for (uint32_t i = 0; i < g->nout; i++) {
        wanted_of(c, g->out[i], &r->out[i]);
        want[i] = r->out[i].want;
    }
    vq_eval(g, &c->arena, r->in, want, NULL, NULL);
}

static void
run_all(Case *c, const VqrtModel *m)
{
    VqrtPool *pool = vqrt_pool_new(3);

    assert_non_null(pool);
    for (int fill = 0; fill < NFILL; fill++) {
        ArenaMark mark = vq_arena_mark(&c->arena);
        unsigned ran = 0;
        Run r;

        prepare_run(c, &r, (Fill)fill);
        r.work = vq_alloc(&c->arena, run_work_bytes(m, VQRT_MAXPARTS) + GUARD);
        r.pool = pool;
        for (uint32_t i = 0; i < m->nlevel; i++)
            ran += run_ways(m, &r, (int)i);
        assert_true(ran >= 1);
        vq_arena_release(&c->arena, mark);
    }
    vqrt_pool_free(pool);
}

static void
check_here(Case *c, const char *path)
{
    Loaded *l = vq_load_object(&c->diag, path);

    assert_non_null(l);
    amx_trap_start();
    run_all(c, vq_loaded_model(l));
    amx_trap_stop();
    vq_unload(l);
}

/* ---- on another machine ---- */

static void
put_run(FILE *f, const Graph *g, const Run *r)
{
    uint32_t head[3] = {(uint32_t)r->fill, r->all, r->apart};

    fwrite(head, sizeof head, 1, f);
    for (uint32_t i = 0; i < g->nin; i++) {
        uint64_t n = (uint64_t)vq_bytes(vq_type(g, g->in[i])) + VQ_SLACK;

        fwrite(&n, sizeof n, 1, f);
        fwrite(r->in[i], 1, n, f);
    }
    for (uint32_t i = 0; i < g->nout; i++) {
        fwrite(&r->out[i], sizeof r->out[i], 1, f);
        fwrite(r->out[i].want, 1, r->out[i].bytes, f);
    }
}

/* COMMAND OBJECT SYMBOL DATA: as runner.c reads them. */
static void
check_elsewhere(Case *c, const char *command, const char *path)
{
    char *data = vq_format(&c->arena, "%s.data", path);
    FILE *f = fopen(data, "wb");
    int status;

    assert_non_null(f);
    for (int fill = 0; fill < NFILL; fill++) {
        ArenaMark mark = vq_arena_mark(&c->arena);
        Run r;

        prepare_run(c, &r, (Fill)fill);
        put_run(f, c->g, &r);
        vq_arena_release(&c->arena, mark);
    }
    assert_int_equal(fclose(f), 0);
    status = system(vq_format(&c->arena, "%s %s %s_model %s", command, path,
                              c->g->name, data));
    unlink(data);
    assert_int_equal(status, 0);
}

void
case_check(Case *c)
{
    char path[] = "/tmp/vitqc-check-XXXXXX";
    const char *elsewhere = getenv("VQ_TEST_COMMAND");
    const char *levels =
        amx_trap_possible() ? LEVELS ",amx-trap" : LEVELS ",amx";
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    close(fd);
    case_plan(c);
    assert_true(case_compile(c, path, elsewhere ? NULL : levels));
    if (elsewhere)
        check_elsewhere(c, elsewhere, path);
    else
        check_here(c, path);
    if (!getenv("KEEP_OBJECTS"))
        unlink(path);
}
