/*
 * ops_shape.c -- ONNX operators that reshape, transpose, repeat and join.
 */
#include "frontend/import.h"

/* Fills in what Reshape leaves open: 0 copies, one -1 takes the rest. */
static bool
resolve_shape(const Node *n, const Type *x, int64_t *dim, int64_t rank)
{
    bool zero = vq_attr_int(n, "allowzero", 0) != 0;
    int64_t rest = vq_count(x), open = -1;

    for (int64_t i = 0; i < rank; i++) {
        if (dim[i] == 0 && !zero && i < x->rank)
            dim[i] = x->dim[i];
        if (dim[i] == -1 && open < 0)
            open = i;
        else if (dim[i] < 0 || (dim[i] && rest % dim[i] != 0))
            return false;
        else if (dim[i])
            rest /= dim[i];
    }
    if (open >= 0)
        dim[open] = rest;
    return true;
}

Item *
vq_onnx_reshape(Node *n)
{
    Item *x = vq_in(n, 0);
    int64_t dim[MAXRANK], rank;
    const int64_t *v;

    if (!vq_in_ints(n, 1, &v, &rank))
        return NULL;
    if (rank > MAXRANK)
        return vq_node_error(n, "to rank %lld; at most 8 is supported",
                             (long long)rank);
    for (int64_t i = 0; i < rank; i++)
        dim[i] = v[i];
    if (!resolve_shape(n, &x->type, dim, rank)) {
        Type want = vq_type_of(DT_S64, (int)rank, v);

        return vq_node_error(n, "%s cannot become %s",
                             vq_shape_text(n, &x->type),
                             vq_shape_text(n, &want));
    }
    return vq_reshape(n, x, (int)rank, dim);
}

Item *
vq_onnx_flatten(Node *n)
{
    Item *x = vq_in(n, 0);
    int rank = x->type.rank, axis = rank;
    int64_t dim[2] = {1, 1}, at = vq_attr_int(n, "axis", 1);

    if (at != rank && !vq_axis(n, at, rank, &axis))
        return NULL;
    for (int i = 0; i < rank; i++)
        dim[i >= axis] *= x->type.dim[i];
    return vq_reshape(n, x, 2, dim);
}

Item *
vq_onnx_squeeze(Node *n)
{
    Item *x = vq_in(n, 0);
    int64_t dim[MAXRANK], count;
    const int64_t *axes;
    unsigned mask;
    int rank = 0;

    if (!vq_attr_or_in(n, "axes", 1, &axes, &count) ||
        !vq_axes(n, axes, count, x->type.rank, &mask))
        return NULL;
    for (int i = 0; i < x->type.rank; i++) {
        bool drop = axes ? mask & 1u << i : x->type.dim[i] == 1;

        if (drop && x->type.dim[i] != 1)
            return vq_node_error(n, "axis %d of %s is not 1", i,
                                 vq_shape_text(n, &x->type));
        if (!drop)
            dim[rank++] = x->type.dim[i];
    }
    return vq_reshape(n, x, rank, dim);
}

Item *
vq_onnx_unsqueeze(Node *n)
{
    Item *x = vq_in(n, 0);
    int64_t dim[MAXRANK], count;
    const int64_t *axes;
    unsigned mask;
    int rank, from = 0;

    if (!vq_attr_or_in(n, "axes", 1, &axes, &count))
        return NULL;
    if (!axes || count > MAXRANK - x->type.rank)
        return vq_node_error(n,
                             "%lld axes to add to %s; at most 8 in all are "
                             "supported",
                             (long long)count, vq_shape_text(n, &x->type));
    rank = x->type.rank + (int)count;
    if (!vq_axes(n, axes, count, rank, &mask))
        return NULL;
    for (int i = 0; i < rank; i++)
        dim[i] = mask & 1u << i ? 1 : x->type.dim[from++];
    return vq_reshape(n, x, rank, dim);
}

Item *
vq_onnx_transpose(Node *n)
{
    Item *x = vq_in(n, 0);
    int rank = x->type.rank;
    int64_t reversed[MAXRANK];
    const int64_t *perm;
    unsigned mask;
    size_t count;

    for (int i = 0; i < rank; i++)
        reversed[i] = rank - 1 - i;
    perm = vq_attr_ints(n, "perm", &count);
    if (!perm)
        return vq_transpose(n, x, reversed);
    for (size_t i = 0; i < count; i++)
        if (perm[i] < 0)
            return vq_node_error(n, "perm has %lld in it", (long long)perm[i]);
    if (count != (size_t)rank)
        return vq_node_error(n, "perm has %zu axes, the input %d", count, rank);
    if (!vq_axes(n, perm, rank, rank, &mask))
        return NULL;
    return vq_transpose(n, x, perm);
}

Item *
vq_onnx_expand(Node *n)
{
    const int64_t *dim;
    int64_t rank;

    if (!vq_in_ints(n, 1, &dim, &rank))
        return NULL;
    if (rank > MAXRANK)
        return vq_node_error(n, "to rank %lld; at most 8 is supported",
                             (long long)rank);
    return vq_expand(n, vq_in(n, 0), (int)rank, dim);
}

/* One axis repeated: expand a new axis before it, then join the two. */
static Item *
repeat_axis(Node *n, Item *x, int axis, int64_t times)
{
    int64_t dim[MAXRANK], wide[MAXRANK];
    int rank = x->type.rank;

    for (int i = 0; i < rank; i++)
        dim[i] = x->type.dim[i];
    if (dim[axis] == 1) {
        dim[axis] = times;
        return vq_expand(n, x, rank, dim);
    }
    if (rank == MAXRANK)
        return vq_node_error(n, "a tensor of rank 8");
    for (int i = 0; i <= rank; i++)
        wide[i] = i == axis ? 1 : x->type.dim[i > axis ? i - 1 : i];
    x = vq_reshape(n, x, rank + 1, wide);
    wide[axis] = times;
    x = vq_expand(n, x, rank + 1, wide);
    if (__builtin_mul_overflow(dim[axis], times, &dim[axis]))
        return vq_node_error(n, "the result is too large");
    return vq_reshape(n, x, rank, dim);
}

Item *
vq_onnx_tile(Node *n)
{
    Item *x = vq_in(n, 0);
    const int64_t *times;
    int64_t count;

    if (!vq_in_ints(n, 1, &times, &count))
        return NULL;
    if (count != x->type.rank)
        return vq_node_error(n, "%lld repeats for rank %d", (long long)count,
                             x->type.rank);
    for (int i = 0; i < count && x; i++) {
        if (times[i] < 1)
            return vq_node_error(n, "repeats axis %d %lld times", i,
                                 (long long)times[i]);
        if (times[i] > 1)
            x = repeat_axis(n, x, i, times[i]);
    }
    return x;
}

Item *
vq_onnx_concat(Node *n)
{
    int axis;

    for (uint32_t i = 0; i < n->nin; i++)
        if (!vq_in(n, i))
            return vq_node_error(n, "input %u is missing", i);
    if (!vq_axis(n, vq_attr_int(n, "axis", 1), vq_in(n, 0)->type.rank, &axis))
        return NULL;
    return vq_concat(n, n->in, n->nin, axis);
}

/* [B x C x H x W] with blocks of s: checks that they fit. */
static bool
blocks(const Node *n, const Type *t, int64_t *s)
{
    *s = vq_attr_int(n, "blocksize", 0);
    if (t->rank == 4 && *s >= 1 && *s < 1 << 20)
        return true;
    vq_node_error(n, "blocks of %lld in %s", (long long)*s,
                  vq_shape_text(n, t));
    return false;
}

Item *
vq_onnx_depth_to_space(Node *n)
{
    static const int64_t perm[2][6] = {{0, 3, 4, 1, 5, 2},  /* DCR */
                                       {0, 1, 4, 2, 5, 3}}; /* CRD */
    Item *x = vq_in(n, 0);
    const int64_t *d = x->type.dim;
    bool is_crd = vq_attr_is(n, "mode", "CRD", false);
    int64_t s, c;

    if (!blocks(n, &x->type, &s))
        return NULL;
    c = d[1] / (s * s);
    x = vq_reshape(n, x, 6,
                   is_crd ? (int64_t[]){d[0], c, s, s, d[2], d[3]}
                          : (int64_t[]){d[0], s, s, c, d[2], d[3]});
    x = vq_transpose(n, x, perm[is_crd]);
    if (!x)
        return NULL;
    return vq_reshape(n, x, 4, (int64_t[]){d[0], c, d[2] * s, d[3] * s});
}

Item *
vq_onnx_space_to_depth(Node *n)
{
    static const int64_t perm[] = {0, 3, 5, 1, 2, 4};
    Item *x = vq_in(n, 0);
    const int64_t *d = x->type.dim;
    int64_t s;

    if (!blocks(n, &x->type, &s))
        return NULL;
    x = vq_reshape(n, x, 6, (int64_t[]){d[0], d[1], d[2] / s, s, d[3] / s, s});
    x = vq_transpose(n, x, perm);
    if (!x)
        return NULL;
    return vq_reshape(n, x, 4,
                      (int64_t[]){d[0], d[1] * s * s, d[2] / s, d[3] / s});
}

Item *
vq_onnx_identity(Node *n)
{
    return vq_in(n, 0);
}

/* In inference; the mask is all true. */
Item *
vq_onnx_dropout(Node *n)
{
    Item *x = vq_in(n, 0), *mask;
    double training = 0;

    if (vq_in(n, 2) && !vq_in_scalar(n, 2, &training))
        return NULL;
    if (training != 0)
        return vq_node_error(n, "is in training mode: export after .eval()");
    if (vq_wants_output(n, 1)) {
        mask = vq_item_like(n->im, n->loc, ET_BOOL, &x->type);
        if (!mask)
            return NULL;
        for (int64_t i = 0; i < vq_count(&x->type); i++)
            vq_item_i(mask)[i] = 1;
        if (!vq_set_output(n, 1, mask))
            return NULL;
    }
    return x;
}
