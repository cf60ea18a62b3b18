/*
 * ops_select.c -- ONNX operators that take some of the elements, and Pad and
 * Where, which put others in.
 */
#include "frontend/import.h"

#include <math.h>

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

/* How many indices from i on are equally spaced. */
static int64_t
run_length(const int64_t *index, int64_t i, int64_t count)
{
    int64_t k = i + 1;

    while (k < count && index[k] - index[k - 1] == index[i + 1] - index[i])
        k++;
    return i + 1 < count && index[i + 1] == index[i] ? 1 : k - i;
}

/* Indices in order as slices side by side. */
static Item *
gather_runs(Node *n, Item *x, const int64_t *index, int64_t count, int axis)
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
    return replace_axis(n, gather_runs(n, x, at, vq_count(&index->type), axis),
                        &x->type, axis, &index->type);
}

/* ---- Pad ---- */

static Item *
filled(Node *n, const Item *like, int axis, int64_t size, double value)
{
    Type t = like->type;
    Item *x;

    t.dim[axis] = size;
    x = vq_item_like(n->im, n->loc, like->et, &t);
    for (int64_t i = 0; x && i < vq_count(&t); i++)
        if (t.dt == DT_F32)
            vq_item_f(x)[i] = (float)value;
        else
            vq_item_i(x)[i] = (int64_t)value;
    return x;
}

/* Adds `before` and `after` elements to an axis; negative: takes them away. */
static Item *
pad_axis(Node *n, Item *x, int axis, int64_t before, int64_t after,
         double value)
{
    int64_t size = x->type.dim[axis];
    int64_t start = before < 0 ? -before : 0, cut = after < 0 ? -after : 0;
    Item *part[3];
    uint32_t k = 0;

    if (start > size || cut > size - start)
        return vq_node_error(n, "nothing is left of axis %d", axis);
    x = vq_slice(n, x, axis, start, 1, size - start - cut);
    if (!x)
        return NULL;
    if (before > 0)
        part[k++] = filled(n, x, axis, before, value);
    part[k++] = x;
    if (after > 0)
        part[k++] = filled(n, x, axis, after, value);
    return vq_concat(n, part, k, axis);
}

Item *
vq_onnx_pad(Node *n)
{
    Item *x = vq_in(n, 0);
    double value = vq_attr_float(n, "value", 0);
    const int64_t *pads, *axes;
    int64_t count, naxes;
    unsigned mask;
    bool zero = true;

    if (!vq_attr_or_in(n, "pads", 1, &pads, &count) ||
        !vq_in_ints(n, 3, &axes, &naxes) ||
        (vq_in(n, 2) && !vq_in_scalar(n, 2, &value)))
        return NULL;
    naxes = axes ? naxes : x->type.rank;
    if (!pads || count != 2 * naxes)
        return vq_node_error(n, "%lld pads for %lld axes", (long long)count,
                             (long long)naxes);
    if (axes && !vq_axes(n, axes, naxes, x->type.rank, &mask))
        return NULL;
    for (int64_t i = 0; i < count; i++) {
        zero = zero && pads[i] == 0;
        if (pads[i] < -(INT64_C(1) << 40) || pads[i] > INT64_C(1) << 40)
            return vq_node_error(n, "a pad of %lld", (long long)pads[i]);
    }
    if (!zero && !vq_attr_is(n, "mode", "constant", true))
        return vq_node_error(n, "only mode `constant` is supported");
    for (int64_t i = 0; i < naxes && x; i++) {
        int axis;

        if (!vq_axis(n, axes ? axes[i] : i, x->type.rank, &axis))
            return NULL;
        x = pad_axis(n, x, axis, pads[i], pads[naxes + i], value);
    }
    return x;
}

/* ---- Where ---- */

/* Element by element, all known and of one shape. */
static Item *
select_known(Node *n, const Item *c, Item *a, Item *b)
{
    Item *y = vq_item_like(n->im, n->loc, a->et, &a->type);

    for (int64_t i = 0; y && i < vq_count(&c->type); i++)
        if (a->type.dt == DT_F32)
            vq_item_f(y)[i] = vq_item_f(vq_item_i(c)[i] ? a : b)[i];
        else
            vq_item_i(y)[i] = vq_item_i(vq_item_i(c)[i] ? a : b)[i];
    return y;
}

/* 1 where the condition is `when`, else 0; in the condition's shape. */
static Item *
mask_of(Node *n, const Item *c, bool when)
{
    Item *m = vq_item_like(n->im, n->loc, ET_FLOAT, &c->type);

    for (int64_t i = 0; m && i < vq_count(&c->type); i++)
        vq_item_f(m)[i] = (vq_item_i(c)[i] != 0) == when;
    return m;
}

/* The constant where the condition is `when`, else 0; all: infinite there. */
static Item *
masked_known(Node *n, Item *c, Item *known, bool when, bool *all)
{
    Type t;
    Item *y;

    *all = true;
    if (!vq_broadcast_dims(&c->type, &known->type, &t))
        return vq_node_error(n, "%s and %s do not broadcast",
                             vq_shape_text(n, &c->type),
                             vq_shape_text(n, &known->type));
    c = vq_expand(n, c, t.rank, t.dim);
    known = vq_expand(n, known, t.rank, t.dim);
    if (!c || !known)
        return NULL;
    y = vq_item_like(n->im, n->loc, ET_FLOAT, &known->type);
    for (int64_t i = 0; y && i < vq_count(&c->type); i++)
        if ((vq_item_i(c)[i] != 0) == when) {
            vq_item_f(y)[i] = vq_item_f(known)[i];
            *all = *all && isinf(vq_item_f(known)[i]);
        }
    return y;
}

/* x where the condition is not `when`, else a constant: x * keep + constant.
 * Infinite constants, of masked attention, win without the product. */
static Item *
blend_known(Node *n, Item *c, Item *x, Item *known, bool when)
{
    bool infinite;
    Item *add = masked_known(n, c, known, when, &infinite);

    if (!add)
        return NULL;
    if (!infinite)
        x = vq_make2(n, OP_MUL, x, mask_of(n, c, !when));
    return vq_make2(n, OP_ADD, x, add);
}

/* One value for all: the condition is all true (1) or all false (0); or -1. */
static int
uniform(const Item *c)
{
    int64_t count = vq_count(&c->type);

    for (int64_t i = 1; i < count; i++)
        if (!vq_item_i(c)[i] != !vq_item_i(c)[0])
            return -1;
    return count ? vq_item_i(c)[0] != 0 : -1;
}

/* The condition is known; at least one of a and b is not. */
static Item *
select_values(Node *n, Item *c, Item *a, Item *b)
{
    if (vq_known(a))
        return blend_known(n, c, b, vq_to_float(n, a), true);
    if (vq_known(b))
        return blend_known(n, c, a, vq_to_float(n, b), false);
    return vq_make2(n, OP_ADD, vq_make2(n, OP_MUL, a, mask_of(n, c, true)),
                    vq_make2(n, OP_MUL, b, mask_of(n, c, false)));
}

Item *
vq_onnx_where(Node *n)
{
    Item *c = vq_in(n, 0), *a = vq_in(n, 1), *b = vq_in(n, 2), *y;
    Type t;

    if (!vq_known(c) || c->type.dt != DT_S64)
        return vq_node_error(n,
                             "its condition (%s) must be known at compile "
                             "time",
                             n->p->input[0]);
    if (!vq_broadcast_dims(&a->type, &b->type, &t) ||
        !vq_broadcast_dims(&c->type, &t, &t))
        return vq_node_error(n, "inputs do not broadcast");
    if (uniform(c) >= 0)
        return vq_expand(n, uniform(c) ? a : b, t.rank, t.dim);
    if (vq_known(a) && vq_known(b)) {
        if (a->type.dt != b->type.dt)
            return vq_node_error(n, "its inputs are not of one type");
        c = vq_expand(n, c, t.rank, t.dim);
        a = vq_expand(n, a, t.rank, t.dim);
        b = vq_expand(n, b, t.rank, t.dim);
        return c && a && b ? select_known(n, c, a, b) : NULL;
    }
    y = select_values(n, c, a, b);
    return y ? vq_expand(n, y, t.rank, t.dim) : NULL;
}
