/*
 * fold_move.c -- moves of constants of either kind, empty ones included.
 *
 * Everything but a gather and a concat is a view: an offset and one stride
 * for each axis of the result.
 */
#include "frontend/import.h"

#include <string.h>

static size_t
elem_bytes(const Item *x)
{
    return vq_dtype[x->type.dt].bytes;
}

/* One row: count elements `step` apart. */
static void
copy_row(char *to, const char *from, int64_t count, int64_t step, size_t size)
{
    if (size == sizeof(uint32_t))
        for (int64_t i = 0; i < count; i++)
            memcpy(to + i * 4, from + i * step * 4, 4);
    else
        for (int64_t i = 0; i < count; i++)
            memcpy(to + i * 8, from + i * step * 8, 8);
}

/* Advances the index of all axes but the last; false after the end. */
static bool
next_row(const Type *t, int64_t *index)
{
    for (int i = t->rank - 2; i >= 0; i--) {
        if (++index[i] < t->dim[i])
            return true;
        index[i] = 0;
    }
    return false;
}

Item *
vq_fold_view(Node *n, const Item *x, const Type *shape, int64_t offset,
             const int64_t *stride)
{
    Item *y = vq_item_like(n->im, n->loc, x->et, shape);
    int64_t index[MAXRANK] = {0}, cols = vq_cols(shape);
    int last = shape->rank - 1;
    size_t size = elem_bytes(x);
    char *to;

    if (!y || vq_count(shape) == 0)
        return y;
    to = (char *)y->data;
    do {
        int64_t at = offset;

        for (int i = 0; i < last; i++)
            at += index[i] * stride[i];
        copy_row(to, (const char *)x->data + at * (int64_t)size, cols,
                 last >= 0 ? stride[last] : 0, size);
        to += cols * (int64_t)size;
    } while (next_row(shape, index));
    return y;
}

Item *
vq_fold_expand(Node *n, const Item *x, const Type *shape)
{
    int64_t stride[MAXRANK], step = 1;
    int lead = shape->rank - x->type.rank;

    for (int i = shape->rank - 1; i >= 0; i--) {
        int64_t dim = i < lead ? 1 : x->type.dim[i - lead];

        stride[i] = dim == 1 ? 0 : step;
        step *= dim;
    }
    return vq_fold_view(n, x, shape, 0, stride);
}

/* What concat's inputs must have in common, and the sum along the axis. */
static bool
join_shapes(Node *n, Item *const *in, uint32_t count, int axis, Type *t)
{
    *t = in[0]->type;
    for (uint32_t i = 1; i < count; i++) {
        Type like = in[i]->type;

        if (like.rank == t->rank) {
            int64_t more = like.dim[axis];

            like.dim[axis] = t->dim[axis];
            if (like.dt == t->dt && vq_same_shape(&like, t) &&
                !__builtin_add_overflow(t->dim[axis], more, &t->dim[axis]))
                continue;
        }
        vq_node_error(n,
                      "input %u is %s %s, which does not go with %s %s along "
                      "axis %d",
                      i, vq_elem_text(in[i]->et),
                      vq_shape_text(n, &in[i]->type), vq_elem_text(in[0]->et),
                      vq_shape_text(n, t), axis);
        return false;
    }
    return true;
}

Item *
vq_fold_concat(Node *n, Item *const *in, uint32_t count, int axis)
{
    int64_t rows = 1, inner = 1;
    char *to;
    Type t;
    Item *y;

    if (!join_shapes(n, in, count, axis, &t))
        return NULL;
    y = vq_item_like(n->im, n->loc, in[0]->et, &t);
    if (!y || vq_count(&t) == 0)
        return y;
    for (int i = 0; i < t.rank; i++)
        *(i < axis ? &rows : &inner) *= i == axis ? 1 : t.dim[i];
    to = (char *)y->data;
    for (int64_t r = 0; r < rows; r++)
        for (uint32_t i = 0; i < count; i++) {
            size_t bytes =
                (size_t)(in[i]->type.dim[axis] * inner) * elem_bytes(in[i]);

            memcpy(to, (const char *)in[i]->data + (size_t)r * bytes, bytes);
            to += bytes;
        }
    return y;
}

static bool
check_indices(Node *n, const Item *index, int64_t size)
{
    for (int64_t i = 0; i < vq_count(&index->type); i++)
        if (vq_item_i(index)[i] < -size || vq_item_i(index)[i] >= size) {
            vq_node_error(n, "index %lld is outside an axis of length %lld",
                          (long long)vq_item_i(index)[i], (long long)size);
            return false;
        }
    return true;
}

Item *
vq_fold_gather(Node *n, const Item *x, const Item *index, int axis)
{
    int rank = x->type.rank - 1 + index->type.rank, k = 0;
    int64_t dim[2 * MAXRANK], rows = 1, inner = 1;
    int64_t size = x->type.dim[axis], count = vq_count(&index->type);
    size_t bytes;
    char *to;
    Item *y;

    if (rank > MAXRANK)
        return vq_node_error(n, "a result of rank %d", rank);
    if (!check_indices(n, index, size))
        return NULL;
    for (int i = 0; i < axis; i++)
        rows *= dim[k++] = x->type.dim[i];
    for (int i = 0; i < index->type.rank; i++)
        dim[k++] = index->type.dim[i];
    for (int i = axis + 1; i < x->type.rank; i++)
        inner *= dim[k++] = x->type.dim[i];
    y = vq_item_new(n->im, n->loc, x->et, rank, dim);
    if (!y || vq_count(&y->type) == 0)
        return y;
    bytes = (size_t)inner * elem_bytes(x);
    to = (char *)y->data;
    for (int64_t r = 0; r < rows; r++)
        for (int64_t i = 0; i < count; i++, to += bytes) {
            int64_t at = vq_item_i(index)[i];

            at = r * size + (at < 0 ? at + size : at);
            memcpy(to, (const char *)x->data + (size_t)at * bytes, bytes);
        }
    return y;
}
