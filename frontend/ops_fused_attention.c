/*
 * ops_fused_attention.c -- attention as ONNX Runtime's transformer optimizer
 * writes it: com.microsoft's Attention and MultiHeadAttention, and rotary
 * positions. Written out as products and a softmax, which fusion finds.
 */
#include "frontend/import.h"

#include <math.h>

/* [B x N x HD], with a bias of its columns, as [B x H x N x D]. A bias is of
 * the columns from `at` on. */
static Item *
split_heads(Node *n, Item *x, int64_t heads, Item *bias, int64_t at)
{
    static const int64_t perm[] = {0, 2, 1, 3};
    const int64_t *d;

    if (!x || (x->type.rank == 4 && !bias))
        return x;
    d = x->type.dim;
    if (x->type.rank != 3 || d[2] % heads != 0)
        return vq_node_error(n, "%s does not divide into %lld heads",
                             vq_shape_text(n, &x->type), (long long)heads);
    if (bias && (bias->type.rank != 1 || bias->type.dim[0] < at + d[2]))
        return vq_node_error(n, "a bias of %s", vq_shape_text(n, &bias->type));
    if (bias)
        x = vq_make2(n, OP_ADD, x, vq_slice(n, bias, 0, at, 1, d[2]));
    if (!x)
        return NULL;
    d = x->type.dim;
    x = vq_reshape(n, x, 4, (int64_t[]){d[0], d[1], heads, d[2] / heads});
    return x ? vq_transpose(n, x, perm) : NULL;
}

static Item *
join_heads(Node *n, Item *y)
{
    static const int64_t perm[] = {0, 2, 1, 3};
    const int64_t *d;

    y = y ? vq_transpose(n, y, perm) : NULL;
    if (!y)
        return NULL;
    d = y->type.dim;
    return vq_reshape(n, y, 3, (int64_t[]){d[0], d[1], d[2] * d[3]});
}

/* [N x M], -inf where a key comes after the query, the last query and the
 * last key aligned. */
static Item *
causal(Node *n, int64_t rows, int64_t cols)
{
    Item *y = vq_item_new(n->im, n->loc, ET_FLOAT, 2, (int64_t[]){rows, cols});

    for (int64_t i = 0; y && i < rows; i++)
        for (int64_t j = i + 1 + cols - rows; j < cols; j++)
            if (j >= 0)
                vq_item_f(y)[i * cols + j] = -INFINITY;
    return y;
}

/* softmax(scale q k^T + bias) v of [B x H x N x D] */
static Item *
attend(Node *n, Item *q, Item *k, Item *v, Item *bias)
{
    float scale = vq_attr_float(n, "scale", 0);
    Item *y;

    if (!q || !k || !v)
        return NULL;
    if (q->type.dim[3] != k->type.dim[3] || k->type.dim[2] != v->type.dim[2])
        return vq_node_error(
            n, "q %s, k %s and v %s do not match", vq_shape_text(n, &q->type),
            vq_shape_text(n, &k->type), vq_shape_text(n, &v->type));
    if (!(scale > 0))
        scale = 1 / sqrtf((float)q->type.dim[3]);
    y = vq_make2(n, OP_MATMUL, q, vq_swap_last(n, k));
    y = vq_make2(n, OP_MUL, y, vq_item_f32(n->im, scale));
    if (bias)
        y = vq_make2(n, OP_ADD, y, vq_to_float(n, bias));
    if (vq_attr_int(n, "unidirectional", 0))
        y = vq_make2(n, OP_ADD, y, causal(n, q->type.dim[2], k->type.dim[2]));
    return join_heads(n, vq_make2(n, OP_MATMUL, vq_softmax(n, y, 3), v));
}

static bool
heads_of(Node *n, int64_t *heads)
{
    *heads = vq_attr_int(n, "num_heads", 0);
    if (*heads >= 1 && *heads <= 1 << 20)
        return true;
    return vq_node_error(n, "%lld heads", (long long)*heads);
}

/* The widths of q, k and v side by side. */
static bool
widths_of(Node *n, int64_t cols, int64_t heads, int64_t wide[3])
{
    size_t count;
    const int64_t *given = vq_attr_ints(n, "qkv_hidden_sizes", &count);
    int64_t sum = 0;

    for (int i = 0; i < 3; i++) {
        wide[i] = given && count == 3 ? given[i] : cols / 3;
        if (wide[i] < 1 || wide[i] > cols || wide[i] % heads != 0)
            return vq_node_error(n, "%lld columns for %lld heads",
                                 (long long)wide[i], (long long)heads);
        sum += wide[i];
    }
    if (sum == cols)
        return true;
    return vq_node_error(n, "q, k and v have %lld columns, not %lld",
                         (long long)sum, (long long)cols);
}

static bool
refuse_rest(Node *n, uint32_t from, uint32_t but)
{
    for (uint32_t i = from; i < n->nin; i++)
        if (i != but && vq_in(n, i))
            return vq_node_error(n,
                                 "input %u (%s), a mask by lengths or past "
                                 "keys, is not supported: export without",
                                 i, n->p->input[i]);
    if (vq_attr_int(n, "do_rotary", 0))
        return vq_node_error(n, "do_rotary is not supported");
    return true;
}

/* (input, weights, bias, mask, past, attention bias) */
Item *
vq_onnx_ms_attention(Node *n)
{
    Item *x = vq_in(n, 0), *w = vq_in(n, 1), *part[3];
    int64_t heads, wide[3], at = 0;

    if (!heads_of(n, &heads) || !refuse_rest(n, 3, 5))
        return NULL;
    if (x->type.rank != 3 || w->type.rank != 2 ||
        !widths_of(n, w->type.dim[1], heads, wide))
        return x->type.rank == 3 && w->type.rank == 2
                   ? NULL
                   : vq_node_error(n, "%s by %s", vq_shape_text(n, &x->type),
                                   vq_shape_text(n, &w->type));
    x = vq_make2(n, OP_MATMUL, x, w);
    if (vq_in(n, 2))
        x = vq_make2(n, OP_ADD, x, vq_in(n, 2));
    for (int i = 0; i < 3; i++) {
        part[i] = vq_slice(n, x, 2, at, 1, wide[i]);
        part[i] = split_heads(n, part[i], heads, NULL, 0);
        at += wide[i];
    }
    return attend(n, part[0], part[1], part[2], vq_in(n, 5));
}

/* Part k of [B x N x H x parts x D] as [B x H x N x D]. */
static Item *
packed_part(Node *n, Item *x, int64_t k)
{
    static const int64_t perm[] = {0, 2, 1, 3};
    const int64_t *d = x->type.dim;

    if (k >= d[3])
        return vq_node_error(n, "packed as %s", vq_shape_text(n, &x->type));
    x = vq_slice(n, x, 3, k, 1, 1);
    x = vq_reshape(n, x, 4, (int64_t[]){d[0], d[1], d[2], d[4]});
    return x ? vq_transpose(n, x, perm) : NULL;
}

/* (query, key, value, bias, key padding mask, attention bias, past..). q, k
 * and v may be packed in one input, k and v in one, and k and v may have
 * their heads apart. */
Item *
vq_onnx_ms_multi_head(Node *n)
{
    Item *q = vq_in(n, 0), *k = vq_in(n, 1), *v = vq_in(n, 2);
    Item *bias = vq_in(n, 3);
    int64_t heads, wide;

    if (!heads_of(n, &heads) || !refuse_rest(n, 4, 5))
        return NULL;
    if (bias && (q->type.rank != 3 || (k && k->type.rank != 3)))
        return vq_node_error(n, "a bias of packed inputs is not supported");
    wide = vq_cols(&q->type);
    if (q->type.rank == 5)
        return attend(n, packed_part(n, q, 0), packed_part(n, q, 1),
                      packed_part(n, q, 2), vq_in(n, 5));
    if (!k)
        return vq_node_error(n, "has no keys");
    q = split_heads(n, q, heads, bias, 0);
    if (k->type.rank == 5)
        return attend(n, q, packed_part(n, k, 0), packed_part(n, k, 1),
                      vq_in(n, 5));
    if (!v)
        return vq_node_error(n, "has no values");
    return attend(n, q, split_heads(n, k, heads, bias, wide),
                  split_heads(n, v, heads, bias, 2 * wide), vq_in(n, 5));
}

/* ---- rotary positions ---- */

typedef struct Rotary {
    Item *x;         /* [B x H x N x D], or [B x N x H x D] */
    int tokens;      /* the axis of N */
    int64_t turned;  /* of the D columns */
    Item *cos, *sin; /* [B or 1 x .. x turned / 2], to go with x */
} Rotary;

/* Columns from `start` on, `count` of them, by `step`. */
static Item *
columns(Node *n, const Rotary *r, int64_t start, int64_t step, int64_t count)
{
    return vq_slice(n, r->x, 3, start, step, count);
}

/* (a cos - b sin, a sin + b cos) of the pairs a and b of columns */
static Item *
rotate(Node *n, const Rotary *r, bool interleaved)
{
    int64_t half = r->turned / 2, step = interleaved ? 2 : 1, dim[5];
    int64_t all = r->x->type.dim[3];
    Item *a = columns(n, r, 0, step, half);
    Item *b = columns(n, r, interleaved ? 1 : half, step, half), *y[2];

    y[0] = vq_make2(n, OP_SUB, vq_make2(n, OP_MUL, a, r->cos),
                    vq_make2(n, OP_MUL, b, r->sin));
    y[1] = vq_make2(n, OP_ADD, vq_make2(n, OP_MUL, a, r->sin),
                    vq_make2(n, OP_MUL, b, r->cos));
    if (interleaved) {
        for (int i = 0; i < 4; i++)
            dim[i] = i < 3 ? r->x->type.dim[i] : half;
        dim[4] = 1;
        y[0] = vq_reshape(n, y[0], 5, dim);
        y[1] = vq_reshape(n, y[1], 5, dim);
        dim[3] = r->turned;
        y[0] = vq_reshape(n, vq_concat(n, y, 2, 4), 4, dim);
    } else {
        y[0] = vq_concat(n, y, 2, 3);
    }
    if (r->turned == all)
        return y[0];
    y[1] = columns(n, r, r->turned, 1, all - r->turned);
    return vq_concat(n, y, 2, 3);
}

/* A cache of cosines or sines at the tokens' places, to go with x. */
static Item *
at_places(Node *n, const Rotary *r, Item *cache, Item *places)
{
    int64_t len = r->x->type.dim[r->tokens], half = r->turned / 2, dim[4];
    int64_t batch = 1;

    if (places && vq_count(&places->type) == 1 && len > 1)
        places = vq_fold_binary(n, "Add", vq_reshape(n, places, 0, NULL),
                                vq_item_range(n->im, len));
    if (!cache || (places && (!vq_known(places) || !vq_known(cache))))
        return vq_node_error(n, "its places must be known at compile time");
    if (places)
        cache = vq_fold_gather(n, cache, places, 0);
    if (cache && (len < 1 || vq_count(&cache->type) % (len * half) != 0))
        return vq_node_error(n, "a cache of %s does not go with %lld tokens",
                             vq_shape_text(n, &cache->type), (long long)len);
    if (cache)
        batch = vq_count(&cache->type) / (len * half);
    dim[0] = batch;
    dim[1] = dim[2] = 1;
    dim[r->tokens] = len;
    dim[3] = half;
    return vq_reshape(n, cache, 4, dim);
}

/* (x, cos, sin, places), or Microsoft's (x, places, cos, sin) */
Item *
vq_onnx_rotary(Node *n)
{
    bool ms = n->op->domain[0] != 0;
    Item *x = vq_in(n, 0), *places = vq_in(n, ms ? 1 : 3), *y;
    int64_t heads = vq_attr_int(n, "num_heads", 0);
    const int64_t *d = x->type.dim;
    Rotary r = {.x = x, .tokens = x->type.rank == 4 ? 2 : 1};

    if (x->type.rank == 3 && ms && heads == 0 && vq_in(n, 2) &&
        vq_in(n, 2)->type.rank == 2)
        heads = d[2] / vq_max(2 * vq_in(n, 2)->type.dim[1], 1);
    if (x->type.rank == 3 && heads >= 1 && d[2] % heads == 0)
        r.x = vq_reshape(n, x, 4, (int64_t[]){d[0], d[1], heads, d[2] / heads});
    if (!r.x || r.x->type.rank != 4)
        return vq_node_error(n, "%s of %lld heads", vq_shape_text(n, &x->type),
                             (long long)heads);
    r.turned = vq_attr_int(n, "rotary_embedding_dim", 0);
    r.turned = r.turned ? r.turned : r.x->type.dim[3];
    if (r.turned < 2 || r.turned % 2 || r.turned > r.x->type.dim[3])
        return vq_node_error(n, "%lld columns are turned", (long long)r.turned);
    r.cos = at_places(n, &r, vq_in(n, ms ? 2 : 1), places);
    r.sin = at_places(n, &r, vq_in(n, ms ? 3 : 2), places);
    if (!r.cos || !r.sin)
        return NULL;
    y = rotate(n, &r, vq_attr_int(n, "interleaved", 0) != 0);
    return vq_reshape(n, y, x->type.rank, d);
}
