/*
 * ops_norm_more.c -- normalizations by groups, by length, and those that ONNX
 * Runtime fuses with the sum in front of them.
 */
#include "frontend/import.h"

#include <string.h>

static Item *
number(Node *n, float v)
{
    return vq_item_f32(n->im, v);
}

static Item *
filled(Node *n, int64_t count, float v)
{
    Item *x = vq_item_new(n->im, n->loc, ET_FLOAT, 1, &count);

    for (int64_t i = 0; x && i < count; i++)
        vq_item_f(x)[i] = v;
    return x;
}

/* (x - mean) / sqrt(var + epsilon) over the last axis, times gamma, plus beta;
 * each may be NULL. Epsilon is the node's, or else `otherwise`. */
static Item *
layernorm(Node *n, Item *x, Item *gamma, Item *beta, float otherwise)
{
    Attr attr = {.key = A_EPS, .n = 1};
    int64_t cols;
    Item *in[3];
    float eps;

    if (!x || !vq_attr_epsilon(n, otherwise, &eps))
        return NULL;
    attr.f = (double)eps;
    cols = vq_cols(&x->type);
    in[0] = x;
    in[1] = gamma ? vq_expand(n, gamma, 1, &cols) : filled(n, cols, 1);
    in[2] = beta ? vq_expand(n, beta, 1, &cols) : filled(n, cols, 0);
    return vq_make(n, OP_LAYERNORM, in, 3, &attr, 1, NULL);
}

/* x / sqrt(mean(x^2) + eps) * gamma over the last axis */
static Item *
rms_norm(Node *n, Item *x, Item *gamma, float otherwise)
{
    float eps;
    Item *y;

    if (!x || !vq_attr_epsilon(n, otherwise, &eps))
        return NULL;
    if (x->type.rank == 0)
        return vq_node_error(n, "a single number has no axis");
    y = vq_reduce(n, OP_REDUCE_MEAN, vq_make2(n, OP_MUL, x, x),
                  1u << (x->type.rank - 1), true);
    y = vq_make2(n, OP_ADD, y, number(n, eps));
    y = vq_make2(n, OP_DIV, x, vq_make1(n, OP_SQRT, y));
    return vq_make2(n, OP_MUL, y, gamma);
}

/* ---- by groups of channels ---- */

/* Each of G groups of [B x C x ..] by its own mean and variance. */
static Item *
norm_groups(Node *n, Item *x, int64_t groups)
{
    const Type *t = &x->type;
    int64_t count = vq_count(t);
    Item *y;

    if (t->rank < 3 || groups < 1 || t->dim[1] % groups != 0 || count == 0)
        return vq_node_error(n, "%s in %lld groups", vq_shape_text(n, t),
                             (long long)groups);
    y = vq_reshape(n, x, 3,
                   (int64_t[]){t->dim[0], groups, count / t->dim[0] / groups});
    y = layernorm(n, y, NULL, NULL, 1e-5f);
    return vq_reshape(n, y, t->rank, t->dim);
}

/* A vector of C, or of groups of channels, along axis 1 of x. */
static Item *
along_channels(Node *n, Item *v, const Type *x)
{
    int64_t channels = x->dim[1], count = v ? vq_count(&v->type) : 0;
    int64_t dim[MAXRANK];

    if (!v || v->type.rank != 1 || count < 1 || channels % count != 0)
        return vq_node_error(n, "a vector does not go with %lld channels",
                             (long long)channels);
    if (count != channels) {
        int64_t each = channels / count;

        v = vq_reshape(n, v, 2, (int64_t[]){count, 1});
        v = vq_expand(n, v, 2, (int64_t[]){count, each});
        v = vq_reshape(n, v, 1, &channels);
    }
    for (int i = 0; i < x->rank - 1; i++)
        dim[i] = i ? 1 : channels;
    return vq_reshape(n, v, x->rank - 1, dim);
}

static bool
is_all(const Item *x, float v)
{
    if (!x || !vq_known(x) || x->type.dt != DT_F32)
        return false;
    for (int64_t i = 0; i < vq_count(&x->type); i++)
        if (vq_item_f(x)[i] < v || vq_item_f(x)[i] > v)
            return false;
    return true;
}

/* Keras's converters write a layernorm as one by channels, with a scale of 1
 * and its own scale behind. */
static Item *
scale_channels(Node *n, Item *y, Item *scale, Item *bias)
{
    if (!y || (is_all(scale, 1) && is_all(bias, 0)))
        return y;
    scale = along_channels(n, scale, &y->type);
    bias = along_channels(n, bias, &y->type);
    return vq_make2(n, OP_ADD, vq_make2(n, OP_MUL, y, scale), bias);
}

Item *
vq_onnx_instance_norm(Node *n)
{
    Item *x = vq_in(n, 0);

    if (x->type.rank < 3)
        return vq_node_error(n, "of %s", vq_shape_text(n, &x->type));
    return scale_channels(n, norm_groups(n, x, x->type.dim[1]), vq_in(n, 1),
                          vq_in(n, 2));
}

/* Scales and biases of the groups (opset 18), or of the channels (21). */
Item *
vq_onnx_group_norm(Node *n)
{
    Item *y = norm_groups(n, vq_in(n, 0), vq_attr_int(n, "num_groups", 0));

    return scale_channels(n, y, vq_in(n, 1), vq_in(n, 2));
}

/* com.microsoft.GroupNorm: of [B x H x W x C], then SiLU if asked. */
Item *
vq_onnx_ms_group_norm(Node *n)
{
    static const int64_t in[] = {0, 3, 1, 2}, out[] = {0, 2, 3, 1};
    bool last = vq_attr_int(n, "channels_last", 1) != 0;
    Item *x = vq_in(n, 0);

    if (x->type.rank != 4)
        return vq_node_error(n, "of %s", vq_shape_text(n, &x->type));
    x = last ? vq_transpose(n, x, in) : x;
    x = x ? norm_groups(n, x, vq_attr_int(n, "groups", 0)) : NULL;
    x = scale_channels(n, x, vq_in(n, 1), vq_in(n, 2));
    if (vq_attr_int(n, "activation", 0))
        x = vq_make2(n, OP_MUL, x, vq_make1(n, OP_SIGMOID, x));
    return x && last ? vq_transpose(n, x, out) : x;
}

/* ---- by length, and by mean and variance ---- */

Item *
vq_onnx_lp_norm(Node *n)
{
    Item *x = vq_in(n, 0), *y;
    int64_t p = vq_attr_int(n, "p", 2);
    int axis;

    if (!vq_axis(n, vq_attr_int(n, "axis", -1), x->type.rank, &axis))
        return NULL;
    if (p != 1 && p != 2)
        return vq_node_error(n, "p is %lld", (long long)p);
    y = p == 1 ? vq_make1(n, OP_ABS, x) : vq_make2(n, OP_MUL, x, x);
    y = vq_reduce(n, OP_REDUCE_SUM, y, 1u << axis, true);
    return vq_make2(n, OP_DIV, x, p == 1 ? y : vq_make1(n, OP_SQRT, y));
}

/* (x - mean) / (sqrt(var) + 1e-9), as the operator's function has it */
Item *
vq_onnx_mean_variance(Node *n)
{
    static const int64_t nchw[] = {0, 2, 3};
    Item *x = vq_in(n, 0), *y;
    size_t count;
    const int64_t *axes = vq_attr_ints(n, "axes", &count);
    unsigned mask;

    if (!vq_axes(n, axes ? axes : nchw, axes ? (int64_t)count : 3, x->type.rank,
                 &mask))
        return NULL;
    x = vq_make2(n, OP_SUB, x, vq_reduce(n, OP_REDUCE_MEAN, x, mask, true));
    y = vq_reduce(n, OP_REDUCE_MEAN, vq_make2(n, OP_MUL, x, x), mask, true);
    y = vq_make2(n, OP_ADD, vq_make1(n, OP_SQRT, y), number(n, 1e-9f));
    return vq_make2(n, OP_DIV, x, y);
}

/* ---- with the sum in front ---- */

/* x + bias + skip: x is a product as a rule, which takes the bias in. */
static Item *
sum_inputs(Node *n, uint32_t last)
{
    Item *x = vq_in(n, 0);

    if (vq_in(n, last))
        x = vq_make2(n, OP_ADD, x, vq_in(n, last));
    x = vq_make2(n, OP_ADD, x, vq_in(n, 1));
    if (x && vq_wants_output(n, 3) && !vq_set_output(n, 3, x))
        return NULL;
    return x;
}

/* (x, skip, gamma, beta, bias); output 3 is the sum. */
Item *
vq_onnx_skip_layernorm(Node *n)
{
    return layernorm(n, sum_inputs(n, 4), vq_in(n, 2), vq_in(n, 3), 1e-12f);
}

/* (x, skip, gamma, bias); output 3 is the sum. */
Item *
vq_onnx_skip_rmsnorm(Node *n)
{
    return rms_norm(n, sum_inputs(n, 3), vq_in(n, 2), 1e-12f);
}
