/*
 * layout.c -- packing of weights, and how much scratch an op needs.
 */
#include "ir/layout.h"

#include "ir/base.h"
#include "ir/quant.h"

#include <string.h>

Type
vq_packed_type(int64_t rows, int64_t cols)
{
    return TYPE(DT_S8, vq_panels(cols), vq_panel_groups(rows), VQ_PANEL,
                VQ_KGROUP);
}

void
vq_pack(const int8_t *w, int64_t rows, int64_t cols, int8_t *packed)
{
    Type t = vq_packed_type(rows, cols);

    memset(packed, 0, (size_t)vq_bytes(&t));
    for (int64_t k = 0; k < rows; k++)
        for (int64_t c = 0; c < cols; c++)
            packed[vq_packed_at(rows, k, c)] = w[k * cols + c];
}

static int64_t
packed_bytes(int64_t rows, int64_t cols)
{
    return vq_panels(cols) * vq_tile_groups(rows) * VQ_PANEL * VQ_KGROUP;
}

AttentionScratch
vq_attention_scratch(const Graph *g, const Op *op)
{
    const Type *k = vq_type(g, op->in[1]);
    int64_t keys = k->dim[k->rank - 2], cols = vq_align(keys, 32);
    int64_t heads = vq_get_i(op, A_HEADS, 1), depth = vq_cols(k) / heads;
    int64_t width = vq_cols(vq_type(g, op->in[2])) / heads;
    int64_t plane = VQ_ROWBLOCK * vq_align(keys, 64);
    bool shiftmax = vq_get_i(op, A_SOFTMAX, SM_BASE2) == SM_SHIFTMAX;
    AttentionScratch s = {.keys = 0};

    s.comp = s.keys + 2 * packed_bytes(depth, keys);
    s.values = s.comp + cols * 4;
    s.sum = s.values + 2 * packed_bytes(keys, width);
    s.powers = s.sum + vq_align(VQ_ROWBLOCK * 4, VQ_SLOT);
    s.exp = s.powers + VQ_POWERS * 2;
    s.scores = s.exp + (shiftmax ? VQ_ROWBLOCK * cols * 4 : 0);
    s.high = s.scores + VQ_ROWBLOCK * cols * 2;
    s.low = s.high + plane;
    s.bias = vq_get_i(op, A_PBITS, 8) > 8 ? s.low + plane : s.low;
    s.wide = s.bias + vq_align(width, VQ_PANEL) * 4;
    s.bytes = s.wide + vq_wide_bytes(VQ_ROWBLOCK, vq_max(keys, depth));
    return s;
}

static int64_t
attention_bytes(const Graph *g, const Op *op)
{
    return vq_attention_scratch(g, op).bytes;
}

ProductScratch
vq_product_scratch(const Graph *g, const Op *op)
{
    const Type *b = vq_type(g, op->in[1]);
    int64_t k = b->dim[b->rank - 2], n = vq_cols(b);
    ProductScratch s = {.comp = 2 * packed_bytes(k, n)};

    s.wide = s.comp + vq_align(n, 32) * 4;
    s.bytes = s.wide + vq_wide_bytes(VQ_ROWBLOCK, k);
    return s;
}

static int64_t
product_bytes(const Graph *g, const Op *op)
{
    return vq_product_scratch(g, op).bytes;
}

SoftmaxScratch
vq_softmax_scratch(const Graph *g, const Op *op)
{
    int64_t cols = vq_align(vq_cols(vq_type(g, op->in[0])), 32);
    SoftmaxScratch s = {.powers = VQ_SLOT};

    s.exp = s.powers + VQ_POWERS * 2;
    s.bytes = s.exp + VQ_SOFTMAX_ROWS * cols * 4;
    return s;
}

static int64_t
softmax_bytes(const Graph *g, const Op *op)
{
    return vq_softmax_scratch(g, op).bytes;
}

static int64_t
linear_bytes(const Graph *g, const Op *op)
{
    const Type *a = vq_type(g, op->in[0]);

    return vq_wide_bytes(vq_rows(a), vq_cols(a));
}

typedef int64_t ScratchFn(const Graph *, const Op *);

static ScratchFn *const scratch_fn[NOP] = {
    [OP_I_ATTENTION] = attention_bytes,
    [OP_I_PRODUCT] = product_bytes,
    [OP_I_SOFTMAX] = softmax_bytes,
    [OP_K_LINEAR] = linear_bytes,
};

int64_t
vq_scratch(const Graph *g, const Op *op)
{
    return scratch_fn[op->kind] ? scratch_fn[op->kind](g, op) : 0;
}

int64_t
vq_part_bytes(const Graph *g)
{
    int64_t most = 0;

    for (uint32_t i = 1; i < g->nop; i++)
        most = vq_max(most, vq_scratch(g, &g->op[i]));
    return most ? vq_align(most + VQ_SLACK, VQ_SLOT) : 0;
}
