/*
 * ops_attention.c -- ONNX's Attention, written out as products and a softmax.
 *
 * softmax(scale * q k^T + mask) v, a head at a time. Inputs are [B x H x N x D]
 * or, with the numbers of heads as attributes, [B x N x HD]. Heads of k and v
 * may be fewer than those of q: each then serves several.
 */
#include "frontend/import.h"

#include <math.h>

/* Splits the heads of a [B x N x HD] input off. */
static Item *
with_heads(Node *n, Item *x, const char *attr)
{
    static const int64_t perm[] = {0, 2, 1, 3};
    int64_t heads = vq_attr_int(n, attr, 0);
    const int64_t *d = x->type.dim;

    if (x->type.rank == 4)
        return x;
    if (x->type.rank != 3 || heads < 1 || d[2] % heads != 0)
        return vq_node_error(n, "%s does not divide into %lld heads",
                             vq_shape_text(n, &x->type), (long long)heads);
    x = vq_reshape(n, x, 4, (int64_t[]){d[0], d[1], heads, d[2] / heads});
    return vq_transpose(n, x, perm);
}

/* Each head `times` times, side by side. */
static Item *
repeat_heads(Node *n, Item *x, int64_t times)
{
    const int64_t *d = x->type.dim;

    if (times == 1)
        return x;
    x = vq_reshape(n, x, 5, (int64_t[]){d[0], d[1], 1, d[2], d[3]});
    x = vq_expand(n, x, 5, (int64_t[]){d[0], d[1], times, d[2], d[3]});
    return vq_reshape(n, x, 4, (int64_t[]){d[0], d[1] * times, d[2], d[3]});
}

/* 0 where the mask lets through, else -inf. A float mask is added as it is. */
static Item *
mask_bias(Node *n, Item *mask)
{
    Item *bias;

    if (mask->type.dt == DT_F32)
        return mask;
    bias = vq_item_like(n->im, n->loc, ET_FLOAT, &mask->type);
    for (int64_t i = 0; bias && i < vq_count(&mask->type); i++)
        vq_item_f(bias)[i] = vq_item_i(mask)[i] ? 0 : -INFINITY;
    return bias;
}

/* [N x M], -inf where a key comes after the query. */
static Item *
causal_bias(Node *n, int64_t rows, int64_t cols)
{
    Item *bias =
        vq_item_new(n->im, n->loc, ET_FLOAT, 2, (int64_t[]){rows, cols});

    for (int64_t i = 0; bias && i < rows; i++)
        for (int64_t j = i + 1; j < cols; j++)
            vq_item_f(bias)[i * cols + j] = -INFINITY;
    return bias;
}

static Item *
add_masks(Node *n, Item *scores)
{
    const int64_t *d = scores->type.dim;

    if (vq_in(n, 3))
        scores = vq_make2(n, OP_ADD, scores, mask_bias(n, vq_in(n, 3)));
    if (vq_attr_int(n, "is_causal", 0))
        scores = vq_make2(n, OP_ADD, scores, causal_bias(n, d[2], d[3]));
    return scores;
}

static Item *
cap_scores(Node *n, Item *scores, float cap)
{
    if (cap == 0)
        return scores;
    scores = vq_make2(n, OP_DIV, scores, vq_item_f32(n->im, cap));
    return vq_make2(n, OP_MUL, vq_make1(n, OP_TANH, scores),
                    vq_item_f32(n->im, cap));
}

static bool
check_attention(const Node *n, const Item *q, const Item *k, const Item *v)
{
    bool masks = vq_in(n, 3) || vq_attr_int(n, "is_causal", 0);

    if (vq_in(n, 4) || vq_in(n, 5) || vq_in(n, 6))
        vq_node_error(n, "past keys and values are not supported");
    else if (masks && vq_attr_float(n, "softcap", 0) != 0)
        vq_node_error(n, "softcap together with a mask is not supported");
    else if (q->type.rank != 4 || k->type.rank != 4 || v->type.rank != 4 ||
             k->type.dim[1] != v->type.dim[1] ||
             q->type.dim[1] % k->type.dim[1] != 0)
        vq_node_error(n, "heads of q %s, k %s and v %s do not match",
                      vq_shape_text(n, &q->type), vq_shape_text(n, &k->type),
                      vq_shape_text(n, &v->type));
    else
        return true;
    return false;
}

Item *
vq_onnx_attention(Node *n)
{
    static const int64_t perm[] = {0, 2, 1, 3};
    Item *q = with_heads(n, vq_in(n, 0), "q_num_heads");
    Item *k = with_heads(n, vq_in(n, 1), "kv_num_heads");
    Item *v = with_heads(n, vq_in(n, 2), "kv_num_heads"), *y;
    float scale;
    int64_t times;

    if (!q || !k || !v || !check_attention(n, q, k, v))
        return NULL;
    scale = 1 / sqrtf((float)q->type.dim[3]);
    scale = vq_attr_float(n, "scale", scale);
    times = q->type.dim[1] / k->type.dim[1];
    k = vq_swap_last(n, repeat_heads(n, k, times));
    y = vq_make2(n, OP_MUL, vq_make2(n, OP_MATMUL, q, k),
                 vq_item_f32(n->im, scale));
    y = cap_scores(n, y, vq_attr_float(n, "softcap", 0));
    y = y ? add_masks(n, y) : NULL;
    if (!y)
        return NULL;
    y = vq_softmax(n, y, 3);
    y = vq_make2(n, OP_MATMUL, y, repeat_heads(n, v, times));
    if (!y || vq_in(n, 0)->type.rank == 4)
        return y;
    y = vq_transpose(n, y, perm);
    return y ? vq_reshape(n, y, 3,
                          (int64_t[]){y->type.dim[0], y->type.dim[1],
                                      y->type.dim[2] * y->type.dim[3]})
             : NULL;
}
