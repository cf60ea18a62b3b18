/*
 * graphs.c -- what targets do with a graph once they have one.
 */
#include "tests/fuzz/fuzz.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ir/eval.h"
#include "ir/text.h"
#include "passes/calib.h"
#include "passes/pass.h"
#include "passes/report.h"
#include "tests/ir/random.h"

/* All values together, in elements; and steps of all ops. */
enum { MAX_ELEMENTS = 1 << 18, MAX_STEPS = 1 << 22 };

/* An upper bound of the work of an op: each element of the result may look at
 * a row of each operand, or at all of a constant. */
static double
steps_of(const Graph *g, const Op *op)
{
    double out = (double)vq_count(vq_type(g, op->out)), most = 1;
    const Attr *kernel = vq_attr(op, A_KERNEL);

    if (kernel)
        most = (double)kernel->i[0] * (double)kernel->i[1];
    for (uint32_t i = 0; i < op->nin; i++) {
        const Type *t = vq_type(g, op->in[i]);
        double reach = op->in[i] ? (double)vq_cols(t) : 1;

        if (op->in[i] && out > 0)
            reach = fmax(reach, (double)vq_count(t) / out);
        if (op->kind == OP_CONV && i == 1)
            reach = (double)vq_count(t) / (double)t->dim[0];
        most = fmax(most, reach);
    }
    return out * most;
}

bool
fuzz_is_small(const Graph *g)
{
    double elements = 0, steps = 0;

    for (ValId v = 1; v < g->nval; v++)
        elements += (double)vq_count(vq_type(g, v));
    for (uint32_t i = 1; i < g->nop; i++)
        steps += steps_of(g, &g->op[i]);
    return elements <= MAX_ELEMENTS && steps <= MAX_STEPS;
}

/* f32 in [-2, 2); codes from the type's whole range. */
static void *
random_input(Arena *a, const Type *t, uint64_t *seed)
{
    int64_t n = vq_count(t), lo = vq_dtype[t->dt].lo, hi = vq_dtype[t->dt].hi;
    size_t bytes = vq_dtype[t->dt].bytes;
    char *data = vq_alloc(a, (size_t)vq_bytes(t) + 1);

    for (int64_t i = 0; i < n; i++) {
        float x = (float)(4 * vq_random_unit(seed) - 2);
        uint64_t code = vq_random(seed);

        if (t->dt != DT_F32 && t->dt != DT_S64)
            code = (uint64_t)lo + code % (uint64_t)(hi - lo + 1);
        memcpy(data + (size_t)i * bytes,
               t->dt == DT_F32 ? (void *)&x : (void *)&code, bytes);
    }
    return data;
}

void **
fuzz_evaluate(Fuzz *f, const Graph *g)
{
    const void **in = NEWN(&f->arena, const void *, g->nin + 1);
    void **out = NEWN(&f->arena, void *, g->nout + 1);
    uint64_t seed = 1;

    for (uint32_t i = 0; i < g->nin; i++)
        in[i] = random_input(&f->arena, vq_type(g, g->in[i]), &seed);
    for (uint32_t i = 0; i < g->nout; i++)
        out[i] =
            vq_alloc(&f->arena, (size_t)vq_bytes(vq_type(g, g->out[i])) + 1);
    vq_eval(g, &f->tmp, in, out, NULL, NULL);
    return out;
}

/* Moves a stream's malloc'ed bytes into the arena. */
static char *
take_bytes(Fuzz *f, char *text, size_t n)
{
    char *copy = vq_alloc(&f->arena, n + 1);

    memcpy(copy, text, n);
    free(text);
    return copy;
}

char *
fuzz_print(Fuzz *f, const Graph *g, size_t *n, char **blob, size_t *bloblen)
{
    char *text = NULL, *bytes = NULL;
    size_t nbytes = 0;
    FILE *to = open_memstream(&text, n);
    FILE *bin = blob ? open_memstream(&bytes, &nbytes) : NULL;

    fuzz_check(to && vq_print(g, to, bin), "a graph prints");
    fclose(to);
    if (bin) {
        fclose(bin);
        *blob = take_bytes(f, bytes, nbytes);
        *bloblen = nbytes;
    }
    return take_bytes(f, text, *n);
}

/* The first pass that makes the fact. */
static unsigned
pass_making(unsigned fact)
{
    unsigned i = 0;

    while (i < vq_npasses && !(vq_passes[i].makes & fact))
        i++;
    return i;
}

bool
fuzz_compile(Fuzz *f, Graph *g, uint64_t seed)
{
    Report *report = NEW(&f->arena, Report);
    PassOptions all = {.bisect_limit = -1};
    PassContext cx = {.diag = &f->diag,
                      .level = seed % 8 ? 2 : 0,
                      .nonlinear = (Nonlinear)(seed / 8 % 4),
                      .pbits = seed / 32 % 4 ? 16 : 8,
                      .dyadic = seed / 128 % 4 == 0,
                      .report = report};
    unsigned cut = pass_making(F_QUANTIZED);

    report->arena = &f->arena;
    if (!vq_run_passes(g, &cx, &all, 0, cut))
        return false;
    if (!(g->facts & F_INTEGER)) {
        /* What lib/compile.c refuses before it calibrates. */
        if (g->nin != 1 || vq_type(g, g->in[0])->dt != DT_F32 ||
            !fuzz_is_small(g))
            return true;
        cx.calib = vq_calib_random(&f->arena, &f->diag, g, 1, seed);
        if (!cx.calib)
            return false;
    }
    return vq_run_passes(g, &cx, &all, cut, vq_npasses);
}
