/*
 * storage.c -- the table of storage per op, and types from ranges.
 *
 * Why these: measured on DeiT-Tiny, asymmetric u8 at the inputs of linear
 * layers is worth 3.6 points of agreement over symmetric s8 and costs nothing
 * (the zero point folds into the bias); queries and keys do best with a scale
 * of their own per head; a value's scale goes into the multiplier of an output
 * channel, so values have one per channel for nothing; the residual stream
 * must not be 8 bits wide.
 */
#include "passes/storage.h"

#include "ir/quant.h"

#include <assert.h>
#include <math.h>

#define REQUANTIZED                                                            \
    (ST_BIT(ST_S16) | ST_BIT(ST_SCORE) | ST_BIT(ST_U8) | ST_BIT(ST_S8))
#define PER_COLUMN (REQUANTIZED | ST_BIT(ST_Q) | ST_BIT(ST_K) | ST_BIT(ST_V))
#define ANY        ((1u << NSTORAGE) - 1)
#define BYTE_FUNCTION                                                          \
    {                                                                          \
        REQUANTIZED,                                                           \
        {                                                                      \
            ST_U8                                                              \
        }                                                                      \
    }

const StorageUse vq_storage_use[NOP] = {
    [OP_RESHAPE] = {ANY, {ST_SAME}},
    [OP_TRANSPOSE] = {ANY, {ST_SAME}},
    [OP_CONCAT] = {ANY, {ST_SAME, ST_SAME, ST_SAME}},
    [OP_SLICE] = {ANY, {ST_SAME}},
    [OP_EXPAND] = {ANY, {ST_SAME}},
    [OP_LINEAR] = {PER_COLUMN | ST_BIT(ST_ACC), {ST_U8}},
    [OP_LAYERNORM] = {REQUANTIZED & ~ST_BIT(ST_SCORE), {ST_S16}},
    [OP_ATTENTION] = {REQUANTIZED, {ST_Q, ST_K, ST_V}},
    [OP_SOFTMAX] = {ST_BIT(ST_PROB), {ST_SCORE}},
    [OP_REDUCE_MEAN] = {REQUANTIZED, {ST_S16}},
    [OP_ADD] = {ST_BIT(ST_S16), {ST_S16, ST_S16}},
    [OP_GELU] = BYTE_FUNCTION,
    [OP_TANH] = BYTE_FUNCTION,
    [OP_SIGMOID] = BYTE_FUNCTION,
    [OP_RELU] = BYTE_FUNCTION,
    [OP_ERF] = BYTE_FUNCTION,
    [OP_CLIP] = BYTE_FUNCTION,
};

Storage
vq_storage_wanted(const PassContext *cx, const Op *op, uint32_t i)
{
    const StorageUse *u = &vq_storage_use[op->kind];
    Storage s = u->wants[vq_min(i, COUNT(u->wants) - 1)];

    if (cx->nonlinear != NL_IVIT)
        return s;
    return op->kind == OP_GELU || op->kind == OP_SOFTMAX ? ST_S8 : s;
}

int
vq_pbits(const PassContext *cx)
{
    return cx->nonlinear == NL_IVIT ? 15 : cx->pbits == 8 ? 8 : 16;
}

Storage
vq_storage_pick(unsigned can, unsigned want)
{
    /* Widest first: a narrower reader can be served by a conversion. Only an
     * output that nothing else reads takes raw accumulators. */
    static const Storage order[] = {ST_S16, ST_SCORE, ST_PROB, ST_U8, ST_S8,
                                    ST_Q,   ST_K,     ST_V,    ST_ACC};

    if (want == ST_BIT(ST_F32) && (can & ST_BIT(ST_ACC)))
        return ST_ACC;
    for (size_t i = 0; i < COUNT(order); i++)
        if (can & want & ST_BIT(order[i]))
            return order[i];
    for (size_t i = 0; i < COUNT(order); i++)
        if (can & ST_BIT(order[i]))
            return order[i];
    return ST_F32;
}

static float
largest(const Range *r, int64_t n)
{
    float m = 0;

    for (int64_t i = 0; i < n; i++)
        m = fmaxf(m, fmaxf(fabsf(r[i].lo), fabsf(r[i].hi)));
    return m;
}

/* One scale for the columns of each head, written out per column. */
static ValId
head_scales(Graph *g, const CalibEntry *e, int64_t cols, int64_t heads)
{
    float *s = NEWN(g->arena, float, cols);
    int64_t d = cols / heads;

    for (int64_t h = 0; h < heads; h++) {
        float m = fmaxf(largest(e->channel + h * d, d), 1e-12f);

        for (int64_t c = 0; c < d; c++)
            s[h * d + c] = m / 127;
    }
    return vq_const(g, vq_format(g->arena, "%s.s", e->name), TYPE(DT_F32, cols),
                    s);
}

static Type
per_head(Graph *g, Type t, DType dt, int32_t zero, const CalibEntry *e,
         int64_t heads)
{
    assert(heads > 0 && e->n == vq_cols(&t));
    t.dt = dt;
    t.q = (Quant){.scales = head_scales(g, e, vq_cols(&t), heads),
                  .axis = t.rank - 1,
                  .zero = zero};
    return t;
}

static Type
per_tensor(Type t, DType dt, Quant q)
{
    t.dt = dt;
    t.q = q;
    return t;
}

Type
vq_storage_type(Graph *g, const PassContext *cx, Storage s, Type t,
                const CalibEntry *e, int64_t heads)
{
    switch (s) {
    case ST_Q:
        return per_head(g, t, DT_U8, 128, e, heads);
    case ST_K:
        return per_head(g, t, DT_S8, 0, e, heads);
    case ST_V:
        return per_head(g, t, DT_S8, 0, e, vq_cols(&t));
    case ST_SCORE:
        return per_tensor(t, DT_S16, (Quant){.scale = VQ_SCORE_UNIT});
    case ST_PROB:
        return per_tensor(t, cx->pbits == 8 ? DT_U8 : DT_U16,
                          (Quant){.scale = ldexpf(1, -vq_pbits(cx))});
    case ST_U8:
        return per_tensor(
            t, DT_U8, vq_quant_range(e->range.lo, e->range.hi, DT_U8, false));
    case ST_S8:
        return per_tensor(
            t, DT_S8, vq_quant_range(e->range.lo, e->range.hi, DT_S8, true));
    default:
        assert(s == ST_F32);
        t.dt = DT_F32;
        t.q = (Quant){0};
        return t;
    }
}
