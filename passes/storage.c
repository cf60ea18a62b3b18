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
/* What moves make: accumulators go through them, but do not begin there. */
#define ANY (((1u << NSTORAGE) - 1) & ~ST_BIT(ST_ACC))
#define ON_GRID                                                                \
    (ST_BIT(ST_S16) | ST_BIT(ST_U8) | ST_BIT(ST_S8) | ST_BIT(ST_Q) |           \
     ST_BIT(ST_K) | ST_BIT(ST_V))
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
    [OP_PAD] = {ANY, {ST_SAME}},
    [OP_UNFOLD] = {ANY, {ST_SAME}},
    [OP_MAXPOOL] = {ANY, {ST_SAME}},
    [OP_LINEAR] = {PER_COLUMN | ST_BIT(ST_ACC), {ST_U8}},
    [OP_DEPTHWISE] = {PER_COLUMN | ST_BIT(ST_ACC), {ST_U8}},
    [OP_MATMUL] = {REQUANTIZED, {ST_U8, ST_S8}},
    [OP_LAYERNORM] = {PER_COLUMN & ~ST_BIT(ST_SCORE), {ST_S16}},
    [OP_ATTENTION] = {REQUANTIZED, {ST_Q, ST_K, ST_V}},
    [OP_SOFTMAX] = {ST_BIT(ST_PROB), {ST_SCORE}},
    [OP_REDUCE_MEAN] = {REQUANTIZED, {ST_S16}},
    [OP_REDUCE_SUM] = {REQUANTIZED, {ST_S16}},
    [OP_ADD] = {ST_BIT(ST_S16), {ST_S16, ST_S16}},
    [OP_SUB] = {ST_BIT(ST_S16), {ST_S16, ST_S16}},
    [OP_NEG] = {REQUANTIZED, {ST_S16}},
    [OP_SCALE] = {REQUANTIZED, {ST_S16}},
    [OP_MUL] = {REQUANTIZED, {ST_U8, ST_U8}},
    [OP_GELU] = BYTE_FUNCTION,
    [OP_TANH] = BYTE_FUNCTION,
    [OP_SIGMOID] = BYTE_FUNCTION,
    [OP_RELU] = BYTE_FUNCTION,
    [OP_ERF] = BYTE_FUNCTION,
    [OP_CLIP] = BYTE_FUNCTION,
    [OP_FUNCTION] = BYTE_FUNCTION,
    [OP_LOOKUP] = BYTE_FUNCTION,
    [OP_FAKEQUANT] = {ON_GRID, {ST_S16}}, /* but see quantize.c */
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

typedef struct StorageRow {
    DType dt;
    int32_t zero; /* of a scale per head or channel */
    Type (*type)(Graph *, const PassContext *, const struct StorageRow *,
                 Type shape, const CalibEntry *, int64_t heads);
} StorageRow;

static Type
stored(Type t, DType dt, Quant q)
{
    t.dt = dt;
    t.q = q;
    return t;
}

static Type
type_real(Graph *g, const PassContext *cx, const StorageRow *r, Type t,
          const CalibEntry *e, int64_t heads)
{
    (void)g, (void)cx, (void)e, (void)heads;
    return stored(t, r->dt, (Quant){0});
}

static Type
type_per_head(Graph *g, const PassContext *cx, const StorageRow *r, Type t,
              const CalibEntry *e, int64_t heads)
{
    (void)cx;
    assert(heads > 0 && e->n == vq_cols(&t));
    return stored(t, r->dt,
                  (Quant){.scales = head_scales(g, e, vq_cols(&t), heads),
                          .axis = t.rank - 1,
                          .zero = r->zero});
}

static Type
type_per_channel(Graph *g, const PassContext *cx, const StorageRow *r, Type t,
                 const CalibEntry *e, int64_t heads)
{
    (void)heads;
    return type_per_head(g, cx, r, t, e, vq_cols(&t));
}

static Type
type_symmetric(Graph *g, const PassContext *cx, const StorageRow *r, Type t,
               const CalibEntry *e, int64_t heads)
{
    (void)g, (void)cx, (void)heads;
    return stored(t, r->dt,
                  vq_quant_range(e->range.lo, e->range.hi, r->dt, true));
}

static Type
type_asymmetric(Graph *g, const PassContext *cx, const StorageRow *r, Type t,
                const CalibEntry *e, int64_t heads)
{
    (void)g, (void)cx, (void)heads;
    return stored(t, r->dt,
                  vq_quant_range(e->range.lo, e->range.hi, r->dt, false));
}

static Type
type_score(Graph *g, const PassContext *cx, const StorageRow *r, Type t,
           const CalibEntry *e, int64_t heads)
{
    (void)g, (void)cx, (void)e, (void)heads;
    return stored(t, r->dt, (Quant){.scale = VQ_SCORE_UNIT});
}

static Type
type_probability(Graph *g, const PassContext *cx, const StorageRow *r, Type t,
                 const CalibEntry *e, int64_t heads)
{
    (void)g, (void)r, (void)e, (void)heads;
    return stored(t, vq_pbits(cx) == 8 ? DT_U8 : DT_U16,
                  (Quant){.scale = ldexpf(1, -vq_pbits(cx))});
}

static const StorageRow row[NSTORAGE] = {
    [ST_F32] = {DT_F32, 0, type_real},
    [ST_SCORE] = {DT_S16, 0, type_score},
    [ST_U8] = {DT_U8, 0, type_asymmetric},
    [ST_S8] = {DT_S8, 0, type_symmetric},
    [ST_Q] = {DT_U8, 128, type_per_head},
    [ST_K] = {DT_S8, 0, type_per_head},
    [ST_V] = {DT_S8, 0, type_per_channel},
    [ST_PROB] = {DT_U16, 0, type_probability},
};

Type
vq_storage_type(Graph *g, const PassContext *cx, Storage s, Type t,
                const CalibEntry *e, int64_t heads)
{
    assert(row[s].type);
    return row[s].type(g, cx, &row[s], t, e, heads);
}
