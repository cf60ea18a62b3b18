/*
 * graphs.h -- for tests of passes: run two graphs on the same random inputs,
 * count ops, keep messages.
 */
#ifndef VQ_TESTS_GRAPHS_H
#define VQ_TESTS_GRAPHS_H

#include "ir/eval.h"
#include "passes/pass.h"
#include "tests/ir/random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static Arena A;
static char said[4096]; /* all messages, a line each */

static inline void
keep(void *user, Severity s, const char *file, Loc loc, const char *text)
{
    size_t n = strlen(said);

    (void)user, (void)s, (void)file, (void)loc;
    snprintf(said + n, sizeof said - n, "%s\n", text);
}

static Diag diag = {.fn = keep};

static inline int
start(void **state)
{
    (void)state;
    diag = (Diag){.fn = keep};
    said[0] = '\0';
    return 0;
}

static inline int
finish(void **state)
{
    (void)state;
    vq_arena_free(&A);
    return 0;
}

static inline float *
random_floats(int64_t n, uint64_t *seed)
{
    float *x = NEWN(&A, float, (size_t)n);

    for (int64_t i = 0; i < n; i++)
        x[i] = (float)(2 * vq_random_unit(seed) - 1);
    return x;
}

/* The first output, for inputs in [-1, 1) that the seed gives. */
static inline const float *
evaluate(const Graph *g, uint64_t seed)
{
    const void **in = NEWN(&A, const void *, g->nin);
    void **out = NEWN(&A, void *, g->nout);
    Arena tmp = {0};

    for (uint32_t i = 0; i < g->nin; i++)
        in[i] = random_floats(vq_count(vq_type(g, g->in[i])), &seed);
    for (uint32_t i = 0; i < g->nout; i++)
        out[i] = vq_alloc(&A, (size_t)vq_bytes(vq_type(g, g->out[i])));
    vq_eval(g, &tmp, in, out, NULL, NULL);
    vq_arena_free(&tmp);
    return out[0];
}

/* Largest difference, relative to the largest value. */
static inline double
difference(const float *a, const float *b, int64_t n)
{
    double most = 0, off = 0;

    for (int64_t i = 0; i < n; i++) {
        most = fmax(most, fabs((double)a[i]));
        off = fmax(off, fabs((double)a[i] - (double)b[i]));
        if (isnan(b[i]))
            return INFINITY;
    }
    return most > 0 ? off / most : off;
}

static inline unsigned
count_ops(const Graph *g, OpKind kind)
{
    unsigned n = 0;

    for (uint32_t i = 1; i < g->nop; i++)
        n += kind == NOP || g->op[i].kind == kind;
    return n;
}

#endif
