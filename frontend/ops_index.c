/*
 * ops_index.c -- ONNX operators that select or replace elements by indices
 * that are known at compile time.
 */
#include "frontend/import.h"

#include <string.h>

/* Input i as integers known now; NULL after an error. */
static Item *
known_indices(Node *n, uint32_t i)
{
    Item *x = vq_in(n, i);

    if (!vq_known(x) || x->type.dt != DT_S64)
        return vq_node_error(n,
                             "input %u (%s) must be integers known at compile "
                             "time",
                             i, n->p->input[i]);
    return x;
}

/* An index of an axis, counted from 0; -1 after an error. */
static int64_t
place(const Node *n, int64_t index, int64_t size)
{
    if (index >= -size && index < size)
        return index < 0 ? index + size : index;
    vq_node_error(n, "index %lld is outside an axis of length %lld",
                  (long long)index, (long long)size);
    return -1;
}

enum { MAXPLACES = 1 << 24 };

/* NULL after an error. */
static int64_t *
new_map(Node *n, int64_t count)
{
    if (count <= MAXPLACES)
        return NEWN(n->im->arena, int64_t, (size_t)count + 1);
    vq_node_error(n, "%lld elements are too many", (long long)count);
    return NULL;
}

/* ---- GatherND ---- */

/* The result's shape: the indices' without the last axis, then x's rest. */
static bool
gather_nd_type(Node *n, const Type *x, const Type *index, int batch, Type *out)
{
    int64_t len = vq_cols(index);

    *out = (Type){.dt = x->dt};
    if (index->rank < 1 || batch < 0 || batch >= index->rank ||
        batch >= x->rank || len < 1 || len > x->rank - batch)
        return vq_node_error(n, "indices %s do not go with %s",
                             vq_shape_text(n, index), vq_shape_text(n, x));
    for (int i = 0; i < batch; i++)
        if (index->dim[i] != x->dim[i])
            return vq_node_error(n, "indices %s do not go with %s",
                                 vq_shape_text(n, index), vq_shape_text(n, x));
    if (index->rank - 1 + x->rank - batch - len > MAXRANK)
        return vq_node_error(n, "a result of more than 8 axes");
    for (int i = 0; i < index->rank - 1; i++)
        out->dim[out->rank++] = index->dim[i];
    for (int i = batch + (int)len; i < x->rank; i++)
        out->dim[out->rank++] = x->dim[i];
    return true;
}

Item *
vq_onnx_gather_nd(Node *n)
{
    Item *x = vq_in(n, 0), *index = known_indices(n, 1), like;
    int batch = (int)vq_clamp(vq_attr_int(n, "batch_dims", 0), -1, MAXRANK);
    int64_t len, slice, tuples, each, *map;
    Type out;

    if (!index || !gather_nd_type(n, &x->type, &index->type, batch, &out))
        return NULL;
    like = (Item){.et = x->et};
    if (!vq_item_shape(n->im, n->loc, &like, out.rank, out.dim))
        return NULL;
    len = vq_cols(&index->type);
    slice = vq_count_from(&x->type, batch + (int)len);
    tuples = len ? vq_count(&index->type) / len : 0;
    each = vq_count_from(&index->type, batch) / len; /* tuples of one batch */
    map = new_map(n, vq_count(&out));
    for (int64_t i = 0; map && i < tuples; i++) {
        int64_t at = each ? i / each : 0;

        for (int64_t k = 0; k < len; k++) {
            int64_t size = x->type.dim[batch + k];
            int64_t p = place(n, vq_item_i(index)[i * len + k], size);

            if (p < 0)
                return NULL;
            at = at * size + p;
        }
        for (int64_t k = 0; k < slice; k++)
            map[i * slice + k] = at * slice + k;
    }
    return map ? vq_gather_map(n, x, map, &out) : NULL;
}

/* ---- GatherElements, ScatterElements, ScatterND ---- */

/* Where each element of the indices points to in x: its own place, but along
 * the axis. NULL after an error. */
static int64_t *
element_places(Node *n, const Type *x, const Item *index)
{
    const Type *t = &index->type;
    int64_t count = vq_count(t);
    int64_t *map = new_map(n, count);
    int axis;

    if (!map || !vq_axis(n, vq_attr_int(n, "axis", 0), x->rank, &axis))
        return NULL;
    for (int i = 0; i < x->rank; i++)
        if (t->rank != x->rank || (i != axis && t->dim[i] > x->dim[i])) {
            vq_node_error(n, "indices %s do not go with %s",
                          vq_shape_text(n, t), vq_shape_text(n, x));
            return NULL;
        }
    for (int64_t i = 0; i < count; i++) {
        int64_t rest = i, at = 0, step = 1;

        for (int a = x->rank - 1; a >= 0; a--) {
            int64_t p = rest % t->dim[a];

            rest /= t->dim[a];
            if (a == axis)
                p = place(n, vq_item_i(index)[i], x->dim[a]);
            if (p < 0)
                return NULL;
            at += p * step;
            step *= x->dim[a];
        }
        map[i] = at;
    }
    return map;
}

Item *
vq_onnx_gather_elements(Node *n)
{
    Item *x = vq_in(n, 0), *index = known_indices(n, 1);
    int64_t *map = index ? element_places(n, &x->type, index) : NULL;
    Type out;

    if (!map)
        return NULL;
    out = index->type;
    out.dt = x->type.dt;
    return vq_gather_map(n, x, map, &out);
}

static double
combine(const char *how, double a, double b)
{
    if (strcmp(how, "add") == 0)
        return a + b;
    if (strcmp(how, "mul") == 0)
        return a * b;
    if (strcmp(how, "max") == 0)
        return a > b ? a : b;
    return a < b ? a : b;
}

static int64_t
combine_ints(const char *how, int64_t a, int64_t b)
{
    if (strcmp(how, "add") == 0)
        return vq_wrapping_add(a, b);
    if (strcmp(how, "mul") == 0)
        return vq_wrapping_mul(a, b);
    return strcmp(how, "max") == 0 ? vq_max(a, b) : vq_min(a, b);
}

/* The attribute `reduction`; NULL after an error. */
static const char *
reduction_of(Node *n)
{
    static const char *const known[] = {"none", "add", "mul", "max", "min"};

    for (size_t i = 0; i < COUNT(known); i++)
        if (vq_attr_is(n, "reduction", known[i], i == 0))
            return known[i];
    vq_node_error(n, "this reduction is not supported");
    return NULL;
}

/* x with element at[i] combined with element i of the updates. */
static Item *
scatter_combine(Node *n, const Item *x, const Item *up, const int64_t *at,
                const char *how)
{
    Item *y = vq_item_like(n->im, n->loc, x->et, &x->type);

    if (!y || !vq_known(x) || !vq_known(up))
        return vq_node_error(n,
                             "reduction %s of what depends on the model's "
                             "input is not supported",
                             how);
    memcpy((void *)y->data, x->data,
           (size_t)vq_count(&x->type) * vq_dtype[x->type.dt].bytes);
    for (int64_t i = 0; i < vq_count(&up->type); i++)
        if (x->type.dt == DT_F32)
            vq_item_f(y)[at[i]] = (float)combine(
                how, (double)vq_item_f(y)[at[i]], (double)vq_item_f(up)[i]);
        else
            vq_item_i(y)[at[i]] =
                vq_wrap_int(x->et, combine_ints(how, vq_item_i(y)[at[i]],
                                                vq_item_i(up)[i]));
    return y;
}

/* x with element at[i] replaced by element i of the updates: a selection from
 * both, one behind the other. */
static Item *
scatter(Node *n, Item *x, Item *up, const int64_t *at)
{
    int64_t count = vq_count(&x->type), nup = vq_count(&up->type), *map;
    const char *how = reduction_of(n);
    Type out = x->type;

    if (!how || x->type.dt != up->type.dt)
        return how ? vq_node_error(n, "updates are not of the data's type")
                   : NULL;
    if (strcmp(how, "none") != 0)
        return scatter_combine(n, x, up, at, how);
    map = new_map(n, count);
    if (!map)
        return NULL;
    for (int64_t i = 0; i < count; i++)
        map[i] = i;
    for (int64_t i = 0; i < nup; i++)
        map[at[i]] = count + i;
    x = vq_reshape(n, x, 1, &count);
    up = vq_reshape(n, up, 1, &nup);
    if (!x || !up)
        return NULL;
    x = nup ? vq_concat(n, (Item *[]){x, up}, 2, 0) : x;
    return vq_gather_map(n, x, map, &out);
}

Item *
vq_onnx_scatter_elements(Node *n)
{
    Item *x = vq_in(n, 0), *index = known_indices(n, 1), *up = vq_in(n, 2);
    int64_t *at = index ? element_places(n, &x->type, index) : NULL;

    if (!at)
        return NULL;
    if (!vq_same_shape(&up->type, &index->type))
        return vq_node_error(n, "updates %s do not go with indices %s",
                             vq_shape_text(n, &up->type),
                             vq_shape_text(n, &index->type));
    return scatter(n, x, up, at);
}

Item *
vq_onnx_scatter_nd(Node *n)
{
    Item *x = vq_in(n, 0), *index = known_indices(n, 1), *up = vq_in(n, 2);
    int64_t len, count, slice, *map;

    if (!index)
        return NULL;
    len = vq_cols(&index->type);
    if (index->type.rank < 1 || len < 1 || len > x->type.rank)
        return vq_node_error(n, "indices of %lld axes into rank %d",
                             (long long)len, x->type.rank);
    count = vq_count(&index->type) / len;
    slice = vq_count_from(&x->type, (int)len);
    if (vq_count(&up->type) != count * slice)
        return vq_node_error(n, "updates %s do not fit",
                             vq_shape_text(n, &up->type));
    map = new_map(n, count * slice);
    for (int64_t i = 0; map && i < count; i++) {
        int64_t at = 0;

        for (int64_t k = 0; k < len; k++) {
            int64_t p = place(n, vq_item_i(index)[i * len + k], x->type.dim[k]);

            if (p < 0)
                return NULL;
            at = at * x->type.dim[k] + p;
        }
        for (int64_t k = 0; k < slice; k++)
            map[i * slice + k] = at * slice + k;
    }
    return map ? scatter(n, x, up, map) : NULL;
}

/* The elements along an axis, or of all, where the condition holds. */
Item *
vq_onnx_compress(Node *n)
{
    Item *x = vq_in(n, 0), *cond = known_indices(n, 1);
    int64_t size = vq_count(&x->type), k = 0, *index;
    int axis = 0;

    if (!cond)
        return NULL;
    if (!vq_node_attr(n, "axis"))
        x = vq_reshape(n, x, 1, &size);
    else if (!vq_axis(n, vq_attr_int(n, "axis", 0), x->type.rank, &axis))
        return NULL;
    index = NEWN(n->im->arena, int64_t, (size_t)vq_count(&cond->type) + 1);
    for (int64_t i = 0; x && i < vq_count(&cond->type); i++)
        if (vq_item_i(cond)[i] &&
            place(n, index[k++] = i, x->type.dim[axis]) < 0)
            return NULL;
    cond = vq_item_ints(n->im, index, k);
    if (!x || vq_known(x))
        return x ? vq_fold_gather(n, x, cond, axis) : NULL;
    return vq_gather_runs(n, x, index, k, axis);
}
