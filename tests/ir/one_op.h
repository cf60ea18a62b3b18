/*
 * one_op.h -- for tests of the evaluator: graphs of one op, and random data.
 *
 * Everything lives in the arena `A`, which a test's teardown frees.
 */
#ifndef VQ_TESTS_ONE_OP_H
#define VQ_TESTS_ONE_OP_H

#include "ir/eval.h"
#include "ir/quant.h"
#include "tests/ir/random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static Arena A;

typedef struct OneOp {
    Graph *g;
    Op *op;
    const void *in[12];
    void *out;
} OneOp;

/* Inputs are graph inputs with the data given; NULL data: an absent input. */
static inline OneOp
one_op(OpKind kind, Type out, const Type *types, const void *const *data,
       uint32_t nin)
{
    OneOp t = {.g = vq_graph_new(&A, "t")};
    ValId in[12];
    uint32_t n = 0;

    for (uint32_t i = 0; i < nin; i++) {
        in[i] = data[i] ? vq_input(t.g, "x", types[i]) : 0;
        if (data[i])
            t.in[n++] = data[i];
    }
    t.op = vq_emit(t.g, kind, "y", out, in, nin, NOLOC);
    vq_output(t.g, t.op->out);
    t.out = vq_alloc(&A, (size_t)vq_bytes(&out));
    return t;
}

/* Runs it; the result stays valid until the arena goes. */
static inline void *
run_op(OneOp *t)
{
    Arena tmp = {0};

    vq_eval(t->g, &tmp, t->in, &t->out, NULL, NULL);
    vq_arena_free(&tmp);
    return t->out;
}

/* n numbers in [lo, hi). */
static inline float *
random_f32(int64_t n, double lo, double hi, uint64_t seed)
{
    float *x = NEWN(&A, float, (size_t)n);

    for (int64_t i = 0; i < n; i++)
        x[i] = (float)(lo + (hi - lo) * vq_random_unit(&seed));
    return x;
}

/* n codes of all that the type can hold; not for f32 and s64. */
static inline void *
random_codes(DType dt, int64_t n, uint64_t seed)
{
    size_t bytes = (size_t)n * vq_dtype[dt].bytes;
    uint8_t *x = vq_alloc(&A, bytes);

    for (size_t i = 0; i < bytes; i++)
        x[i] = (uint8_t)next_random(&seed);
    return x;
}

/* The flat index, in an array of type t, of the element that numpy's
 * broadcasting puts at flat index i of an array of type `to`. */
static inline int64_t
broadcast_at(const Type *t, const Type *to, int64_t i)
{
    int64_t at = 0, step = 1;

    for (int a = to->rank - 1, b = t->rank - 1; b >= 0; a--, b--) {
        at += t->dim[b] == 1 ? 0 : i % to->dim[a] * step;
        step *= t->dim[b];
        i /= to->dim[a];
    }
    return at;
}

static inline void
assert_close(double got, double want, double scale)
{
    if (!(fabs(got - want) <= 1e-5 * (fabs(want) + scale)))
        fail_msg("got %.9g, want %.9g", got, want);
}

static inline int64_t
code_at(DType dt, const void *x, int64_t i)
{
    return dt == DT_U8    ? ((const uint8_t *)x)[i]
           : dt == DT_S8  ? ((const int8_t *)x)[i]
           : dt == DT_U16 ? ((const uint16_t *)x)[i]
           : dt == DT_S16 ? ((const int16_t *)x)[i]
                          : ((const int32_t *)x)[i];
}

static inline Type
stored(Type t, float scale, int32_t zero)
{
    return vq_type_quant(t, (Quant){.scale = scale, .zero = zero});
}

/* Tables of integer softmax and ShiftGELU. */
static inline int32_t *
base2_table(void)
{
    int32_t *table = NEWN(&A, int32_t, 64);

    for (int i = 0; i < 64; i++)
        table[i] = (int32_t)rint(65535 * exp2(-i / 64.0));
    return table;
}

static inline int32_t *
shift_table(int64_t from, int32_t x0, int n)
{
    int32_t *table = NEWN(&A, int32_t, 256);

    for (int i = 0; i < 256; i++)
        table[i] = vq_shift_exp((int32_t)from - i, x0, n);
    return table;
}

static inline int
free_arena(void **state)
{
    (void)state;
    vq_arena_free(&A);
    return 0;
}

#endif
