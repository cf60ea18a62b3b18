/*
 * ops_select.c -- ONNX operators that take some of the elements.
 */
#include "frontend/import.h"

/* ---- Slice ---- */

/* ONNX's clamping of one axis: where to start and how many. Sentinels such as
 * INT64_MAX are ordinary numbers here. */
static int64_t
slice_range(int64_t *start, int64_t end, int64_t step, int64_t size)
{
    int64_t lo = step > 0 ? 0 : -1, hi = step > 0 ? size : size - 1;
    int64_t way;

    *start = *start < 0 ? *start + size : *start;
    end = end < 0 ? end + size : end;
    *start = vq_clamp(*start, step > 0 ? lo : 0, hi);
    end = vq_clamp(end, lo, hi);
    way = step > 0 ? end - *start : *start - end;
    step = step > 0 ? step : -step;
    return way <= 0 ? 0 : (way + step - 1) / step;
}

typedef struct SliceArgs {
    const int64_t *start, *end, *axes, *step; /* axes, step: may be NULL */
    int64_t count;
} SliceArgs;

static Item *
slice_axes(Node *n, const SliceArgs *a)
{
    Item *x = vq_in(n, 0);
    unsigned mask;

    if (a->axes && !vq_axes(n, a->axes, a->count, x->type.rank, &mask))
        return NULL;
    if (a->count > x->type.rank)
        return vq_node_error(n, "%lld axes of rank %d", (long long)a->count,
                             x->type.rank);
    for (int64_t i = 0; i < a->count && x; i++) {
        int64_t limit = INT64_C(1) << 41;
        int64_t step = vq_clamp(a->step ? a->step[i] : 1, -limit, limit);
        int64_t start = a->start[i], count;
        int axis;

        if (step == 0)
            return vq_node_error(n, "a step of 0");
        if (!vq_axis(n, a->axes ? a->axes[i] : i, x->type.rank, &axis))
            return NULL;
        count = slice_range(&start, a->end[i], step, x->type.dim[axis]);
        x = vq_slice(n, x, axis, start, count == 1 ? 1 : step, count);
    }
    return x;
}

Item *
vq_onnx_slice(Node *n)
{
    SliceArgs a;
    int64_t nend, naxes, nstep;

    if (!vq_in_ints(n, 1, &a.start, &a.count) ||
        !vq_in_ints(n, 2, &a.end, &nend) ||
        !vq_in_ints(n, 3, &a.axes, &naxes) ||
        !vq_in_ints(n, 4, &a.step, &nstep))
        return NULL;
    if (nend != a.count || (a.axes && naxes != a.count) ||
        (a.step && nstep != a.count))
        return vq_node_error(n, "starts, ends, axes and steps have not the "
                                "same length");
    return slice_axes(n, &a);
}

Item *
vq_onnx_slice_attrs(Node *n)
{
    SliceArgs a = {0};
    size_t count, nend, naxes;

    a.start = vq_attr_ints(n, "starts", &count);
    a.end = vq_attr_ints(n, "ends", &nend);
    a.axes = vq_attr_ints(n, "axes", &naxes);
    if (!a.start || nend != count || (a.axes && naxes != count))
        return vq_node_error(n, "starts, ends and axes have not the same "
                                "length");
    a.count = (int64_t)count;
    return slice_axes(n, &a);
}

/* ---- Split ---- */

/* How much of an axis output k takes; -1 after an error. */
static int64_t
split_size(const Node *n, const int64_t *sizes, int64_t nsizes, size_t k,
           int64_t size)
{
    int64_t parts = (int64_t)n->p->n_output, each = (size + parts - 1) / parts;

    if (sizes && nsizes != parts)
        vq_node_error(n, "%lld sizes for %lld outputs", (long long)nsizes,
                      (long long)parts);
    else if (sizes && sizes[k] < 0)
        vq_node_error(n, "a part of length %lld", (long long)sizes[k]);
    else if (sizes)
        return sizes[k];
    else if (size % parts != 0 && n->im->opset < 18)
        vq_node_error(n, "%lld does not divide by %lld", (long long)size,
                      (long long)parts);
    else
        return vq_clamp(size - (int64_t)k * each, 0, each);
    return -1;
}

Item *
vq_onnx_split(Node *n)
{
    Item *x = vq_in(n, 0), *first = NULL, *part;
    const int64_t *sizes;
    int64_t nsizes, at = 0;
    int axis;

    if (!vq_axis(n, vq_attr_int(n, "axis", 0), x->type.rank, &axis) ||
        !vq_attr_or_in(n, "split", 1, &sizes, &nsizes))
        return NULL;
    for (size_t k = 0; k < n->p->n_output; k++) {
        int64_t left = x->type.dim[axis] - at;
        int64_t size = split_size(n, sizes, nsizes, k, x->type.dim[axis]);

        if (size < 0)
            return NULL;
        if (size > left)
            return vq_node_error(n, "its parts are more than axis %d of %s",
                                 axis, vq_shape_text(n, &x->type));
        part = vq_slice(n, x, axis, at, 1, size);
        if (!part || (k && !vq_set_output(n, (uint32_t)k, part)))
            return NULL;
        first = k ? first : part;
        at += size;
    }
    if (at != x->type.dim[axis])
        return vq_node_error(n, "its parts are less than axis %d of %s", axis,
                             vq_shape_text(n, &x->type));
    return first;
}

/* ---- Gather ---- */

enum { MAXRUNS = 1024 };

/* How many indices from i on are equally spaced; 1 when they stay where they
 * are, as no slice does. */
static int64_t
run_length(const int64_t *index, int64_t i, int64_t count)
{
    int64_t k = i + 1;

    if (k < count && index[k] == index[i])
        return 1;
    while (k < count && index[k] - index[k - 1] == index[i + 1] - index[i])
        k++;
    return k - i;
}

Item *
vq_gather_runs(Node *n, Item *x, const int64_t *index, int64_t count, int axis)
{
    Item **part = NEWN(n->im->arena, Item *, MAXRUNS);
    uint32_t k = 0;

    for (int64_t i = 0, len; i < count; i += len) {
        len = run_length(index, i, count);
        if (k == MAXRUNS)
            return vq_node_error(n, "its indices are in more than %d runs",
                                 MAXRUNS);
        part[k++] = vq_slice(n, x, axis, index[i],
                             len > 1 ? index[i + 1] - index[i] : 1, len);
    }
    if (k == 0)
        return vq_node_error(n, "no index");
    return vq_concat(n, part, k, axis);
}

/* The indices counted from 0; NULL after an error. */
static int64_t *
positive(Node *n, const Item *index, int64_t size)
{
    int64_t count = vq_count(&index->type);
    int64_t *p = NEWN(n->im->arena, int64_t, (size_t)count + 1);

    for (int64_t i = 0; i < count; i++) {
        p[i] = vq_item_i(index)[i];
        if (p[i] < -size || p[i] >= size) {
            vq_node_error(n, "index %lld is outside an axis of length %lld",
                          (long long)p[i], (long long)size);
            return NULL;
        }
        p[i] += p[i] < 0 ? size : 0;
    }
    return p;
}

/* The shape of a gather: the indices' axes in the place of one of x's. */
static Item *
replace_axis(Node *n, Item *y, const Type *x, int axis, const Type *index)
{
    int64_t dim[2 * MAXRANK];
    int rank = 0;

    for (int i = 0; i < axis; i++)
        dim[rank++] = x->dim[i];
    for (int i = 0; i < index->rank; i++)
        dim[rank++] = index->dim[i];
    for (int i = axis + 1; i < x->rank; i++)
        dim[rank++] = x->dim[i];
    if (rank > MAXRANK)
        return vq_node_error(n, "a result of rank %d", rank);
    return vq_reshape(n, y, rank, dim);
}

Item *
vq_onnx_gather(Node *n)
{
    Item *x = vq_in(n, 0), *index = vq_in(n, 1);
    int64_t *at;
    int axis;

    if (!vq_axis(n, vq_attr_int(n, "axis", 0), x->type.rank, &axis))
        return NULL;
    if (!vq_known(index) || index->type.dt != DT_S64)
        return vq_node_error(n,
                             "input 1 (%s) must be integers known at "
                             "compile time",
                             n->p->input[1]);
    if (vq_known(x))
        return vq_fold_gather(n, x, index, axis);
    at = positive(n, index, x->type.dim[axis]);
    if (!at)
        return NULL;
    return replace_axis(n,
                        vq_gather_runs(n, x, at, vq_count(&index->type), axis),
                        &x->type, axis, &index->type);
}
