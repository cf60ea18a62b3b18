/*
 * ops_reduce.c -- reductions, softmax and global pooling.
 */
#include "frontend/import.h"

/* The axes by attribute or input; none given means all, or none at all. */
bool
vq_reduced_axes(const Node *n, unsigned *mask)
{
    int rank = vq_in(n, 0)->type.rank;
    const int64_t *axes;
    int64_t count;

    if (!vq_attr_or_in(n, "axes", 1, &axes, &count) ||
        !vq_axes(n, axes, count, rank, mask))
        return false;
    if (count == 0 && !vq_attr_int(n, "noop_with_empty_axes", 0))
        *mask = (1u << rank) - 1;
    return true;
}

static bool
keeps(const Node *n)
{
    return vq_attr_int(n, "keepdims", 1) != 0;
}

/* Index and shape arithmetic, done at compile time. */
static bool
is_int(const Item *x)
{
    return vq_known(x) && x->type.dt == DT_S64;
}

Item *
vq_onnx_reduce(Node *n)
{
    unsigned axes;

    if (!vq_reduced_axes(n, &axes))
        return NULL;
    if (is_int(vq_in(n, 0)))
        return vq_fold_reduce(n, vq_in(n, 0), axes, keeps(n));
    return vq_reduce(n, n->op->kind, vq_in(n, 0), axes, keeps(n));
}

Item *
vq_onnx_reduce_min(Node *n)
{
    unsigned axes;
    Item *x;

    if (!vq_reduced_axes(n, &axes))
        return NULL;
    if (is_int(vq_in(n, 0)))
        return vq_fold_reduce(n, vq_in(n, 0), axes, keeps(n));
    x = vq_make1(n, OP_NEG, vq_in(n, 0));
    return vq_make1(n, OP_NEG, vq_reduce(n, OP_REDUCE_MAX, x, axes, keeps(n)));
}

Item *
vq_onnx_reduce_l1(Node *n)
{
    unsigned axes;

    if (!vq_reduced_axes(n, &axes))
        return NULL;
    return vq_reduce(n, OP_REDUCE_SUM, vq_make1(n, OP_ABS, vq_in(n, 0)), axes,
                     keeps(n));
}

/* ReduceSumSquare, and its square root. */
Item *
vq_onnx_reduce_l2(Node *n)
{
    Item *x = vq_in(n, 0);
    unsigned axes;

    if (!vq_reduced_axes(n, &axes))
        return NULL;
    x = vq_reduce(n, OP_REDUCE_SUM, vq_make2(n, OP_MUL, x, x), axes, keeps(n));
    return n->op->name[6] == 'L' ? vq_make1(n, OP_SQRT, x) : x;
}

Item *
vq_onnx_reduce_prod(Node *n)
{
    unsigned axes;

    if (!vq_reduced_axes(n, &axes))
        return NULL;
    if (!vq_known(vq_in(n, 0)))
        return vq_node_error(n, "is supported only on what is known at "
                                "compile time");
    return vq_fold_reduce(n, vq_in(n, 0), axes, keeps(n));
}

Item *
vq_onnx_softmax(Node *n)
{
    Item *x = vq_in(n, 0);
    int axis;

    if (!vq_axis(n, vq_attr_int(n, "axis", -1), x->type.rank, &axis))
        return NULL;
    return vq_softmax(n, x, axis);
}

/* Before opset 13: over all axes from `axis` on, as one. */
Item *
vq_onnx_softmax_flat(Node *n)
{
    Item *x = vq_in(n, 0), *y;
    int64_t dim[2] = {1, 1};
    int axis;

    if (!vq_axis(n, vq_attr_int(n, "axis", 1), x->type.rank, &axis))
        return NULL;
    if (axis == x->type.rank - 1)
        return vq_softmax(n, x, axis);
    for (int i = 0; i < x->type.rank; i++)
        dim[i >= axis] *= x->type.dim[i];
    y = vq_softmax(n, vq_reshape(n, x, 2, dim), 1);
    return vq_reshape(n, y, x->type.rank, x->type.dim);
}

Item *
vq_onnx_global_pool(Node *n)
{
    Item *x = vq_in(n, 0);

    if (x->type.rank < 3)
        return vq_node_error(n, "input %s has no axes to pool",
                             vq_shape_text(n, &x->type));
    return vq_reduce(n, n->op->kind, x, (1u << x->type.rank) - 4, true);
}
