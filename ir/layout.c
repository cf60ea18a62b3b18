/*
 * layout.c -- packing of weights, and how much scratch an op needs.
 */
#include "ir/layout.h"

#include "ir/base.h"

#include <string.h>

Type
vq_packed_type(int64_t rows, int64_t cols)
{
    return TYPE(DT_S8, vq_panels(cols), vq_kgroups(rows), VQ_PANEL, VQ_KGROUP);
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
    return vq_panels(cols) * vq_kgroups(rows) * VQ_PANEL * VQ_KGROUP;
}

AttentionScratch
vq_attention_scratch(const Graph *g, const Op *op)
{
    const Type *k = vq_type(g, op->in[1]);
    int64_t keys = k->dim[k->rank - 2], cols = vq_align(keys, VQ_PANEL);
    int64_t depth = vq_cols(k) / vq_get_i(op, A_HEADS, 1);
    int64_t planes = vq_get_i(op, A_PBITS, 8) > 8 ? 2 : 1;
    AttentionScratch s = {.keys = 0};

    s.comp = s.keys + packed_bytes(depth, keys);
    s.values = s.comp + vq_align(cols * 4, VQ_SLOT);
    s.scores = s.values + packed_bytes(keys, depth);
    s.probs = s.scores + VQ_ROWBLOCK * cols * 4;
    s.bytes = s.probs + planes * VQ_ROWBLOCK * vq_align(keys, 64);
    return s;
}

int64_t
vq_scratch(const Graph *g, const Op *op)
{
    return op->kind == OP_I_ATTENTION ? vq_attention_scratch(g, op).bytes : 0;
}
