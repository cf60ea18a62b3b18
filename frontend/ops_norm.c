/*
 * ops_norm.c -- normalizations.
 */
#include "frontend/import.h"

/* x as [.. x C], C the product of the axes from `axis` on. */
static Item *
flatten_from(Node *n, Item *x, int axis)
{
    int64_t dim[MAXRANK];

    for (int i = 0; i < axis; i++)
        dim[i] = x->type.dim[i];
    dim[axis] = 1;
    for (int i = axis; i < x->type.rank; i++)
        dim[axis] *= x->type.dim[i];
    return vq_reshape(n, x, axis + 1, dim);
}

/* A scale or bias for the axes from `axis` on, as one vector. */
static Item *
flat_vector(Node *n, Item *w, const Type *x, int axis)
{
    int64_t count = 1;

    w = vq_expand(n, w, x->rank - axis, x->dim + axis);
    for (int i = axis; i < x->rank; i++)
        count *= x->dim[i];
    return vq_reshape(n, w, 1, &count);
}

static Item *
zeros(Node *n, int64_t count)
{
    return vq_item_new(n->im, n->loc, ET_FLOAT, 1, &count);
}

/* Mean and InvStdDev, the outputs that only training uses. */
static bool
give_statistics(Node *n, Item *x, unsigned axes, double eps)
{
    Item *mean, *y;

    if (!vq_wants_output(n, 1) && !vq_wants_output(n, 2))
        return true;
    mean = vq_reduce(n, OP_REDUCE_MEAN, x, axes, true);
    y = vq_make2(n, OP_SUB, x, mean);
    y = vq_reduce(n, OP_REDUCE_MEAN, vq_make2(n, OP_MUL, y, y), axes, true);
    y = vq_make2(n, OP_ADD, y, vq_item_f32(n->im, (float)eps));
    y = vq_make1(n, OP_RECIPROCAL, vq_make1(n, OP_SQRT, y));
    return mean && y && vq_set_output(n, 1, mean) && vq_set_output(n, 2, y);
}

Item *
vq_onnx_layernorm(Node *n)
{
    Item *x = vq_in(n, 0), *in[3];
    Attr attr = {.key = A_EPS, .n = 1};
    float eps;
    Item *y;
    int axis;

    if (!vq_attr_epsilon(n, 1e-5f, &eps) ||
        !vq_axis(n, vq_attr_int(n, "axis", -1), x->type.rank, &axis) ||
        !give_statistics(n, x, (1u << x->type.rank) - (1u << axis), eps))
        return NULL;
    attr.f = (double)eps;
    in[0] = flatten_from(n, x, axis);
    in[1] = flat_vector(n, vq_in(n, 1), &x->type, axis);
    if (!in[0] || !in[1])
        return NULL;
    in[2] = vq_in(n, 2) ? flat_vector(n, vq_in(n, 2), &x->type, axis)
                        : zeros(n, vq_count(&in[1]->type));
    y = vq_make(n, OP_LAYERNORM, in, 3, &attr, 1, NULL);
    return vq_reshape(n, y, x->type.rank, x->type.dim);
}

/* x / sqrt(mean(x^2) + eps) * scale */
Item *
vq_onnx_rmsnorm(Node *n)
{
    Item *x = vq_in(n, 0), *y;
    float eps;
    int axis;

    if (!vq_attr_epsilon(n, 1e-5f, &eps) ||
        !vq_axis(n, vq_attr_int(n, "axis", -1), x->type.rank, &axis))
        return NULL;
    y = vq_reduce(n, OP_REDUCE_MEAN, vq_make2(n, OP_MUL, x, x),
                  (1u << x->type.rank) - (1u << axis), true);
    y = vq_make2(n, OP_ADD, y, vq_item_f32(n->im, eps));
    y = vq_make2(n, OP_DIV, x, vq_make1(n, OP_SQRT, y));
    return vq_make2(n, OP_MUL, y, vq_in(n, 1));
}

/* A vector of C as [C x 1 x 1 ..], to go with axis 1 of x. */
static Item *
along_channels(Node *n, uint32_t i, const Type *x)
{
    int64_t dim[MAXRANK];

    for (int k = 0; k < x->rank - 1; k++)
        dim[k] = k ? 1 : x->dim[1];
    return vq_reshape(n, vq_in(n, i), x->rank - 1, dim);
}

/* x * s + (b - mean * s) with s = scale / sqrt(var + eps). */
Item *
vq_onnx_batchnorm(Node *n)
{
    Item *x = vq_in(n, 0), *scale, *bias, *mean, *var;
    float eps;

    if (!vq_attr_epsilon(n, 1e-5f, &eps))
        return NULL;
    if (vq_attr_int(n, "training_mode", 0))
        return vq_node_error(n, "is in training mode: export after .eval()");
    if (x->type.rank < 2)
        return vq_node_error(n, "input has no channels: %s",
                             vq_shape_text(n, &x->type));
    scale = along_channels(n, 1, &x->type);
    bias = along_channels(n, 2, &x->type);
    mean = along_channels(n, 3, &x->type);
    var = along_channels(n, 4, &x->type);
    var = vq_make2(n, OP_ADD, var, vq_item_f32(n->im, eps));
    scale = vq_make2(n, OP_DIV, scale, vq_make1(n, OP_SQRT, var));
    bias = vq_make2(n, OP_SUB, bias, vq_make2(n, OP_MUL, mean, scale));
    return vq_make2(n, OP_ADD, vq_make2(n, OP_MUL, x, scale), bias);
}
