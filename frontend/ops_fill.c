/*
 * ops_fill.c -- ONNX operators that put other elements in: Pad and Where.
 */
#include "frontend/import.h"

#include <math.h>

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
            vq_item_i(x)[i] = vq_whole(value, INT64_MIN, INT64_MAX);
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

/* Which of `size` elements stands at place i, which may be outside. */
typedef int64_t PlaceFn(int64_t i, int64_t size);

static int64_t
at_edge(int64_t i, int64_t size)
{
    return vq_clamp(i, 0, size - 1);
}

static int64_t
wrapped(int64_t i, int64_t size)
{
    return (i % size + size) % size;
}

/* The edge itself is not repeated. */
static int64_t
reflected(int64_t i, int64_t size)
{
    int64_t period = vq_max(2 * (size - 1), 1);

    i = wrapped(i, period);
    return i < size ? i : period - i;
}

/* NULL: constant; *ok: the mode is one of ONNX's. */
static PlaceFn *
place_fn(const Node *n, bool *ok)
{
    static const struct {
        const char *mode;
        PlaceFn *fn;
    } modes[] = {{"constant", NULL},
                 {"reflect", reflected},
                 {"edge", at_edge},
                 {"wrap", wrapped}};

    for (size_t i = 0; i < COUNT(modes); i++)
        if (vq_attr_is(n, "mode", modes[i].mode, i == 0)) {
            *ok = true;
            return modes[i].fn;
        }
    *ok = false;
    return NULL;
}

enum { MAXPADDED = 1 << 20 };

/* The same with elements of x in the new places. */
static Item *
pad_places(Node *n, Item *x, int axis, int64_t before, int64_t after,
           PlaceFn *fn)
{
    int64_t size = x->type.dim[axis], count = before + size + after, *index;

    if (before == 0 && after == 0)
        return x;
    if (size < 1 || count < 1 || count > MAXPADDED)
        return vq_node_error(n, "an axis of %lld would become %lld",
                             (long long)size, (long long)count);
    index = NEWN(n->im->arena, int64_t, (size_t)count);
    for (int64_t i = 0; i < count; i++)
        index[i] = fn(i - before, size);
    if (vq_known(x))
        return vq_fold_gather(n, x, vq_item_ints(n->im, index, count), axis);
    return vq_gather_runs(n, x, index, count, axis);
}

Item *
vq_onnx_pad(Node *n)
{
    Item *x = vq_in(n, 0);
    double value = vq_attr_float(n, "value", 0);
    const int64_t *pads, *axes;
    int64_t count, naxes;
    unsigned mask;
    PlaceFn *fn;
    bool ok;

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
    for (int64_t i = 0; i < count; i++)
        if (pads[i] < -(INT64_C(1) << 40) || pads[i] > INT64_C(1) << 40)
            return vq_node_error(n, "a pad of %lld", (long long)pads[i]);
    fn = place_fn(n, &ok);
    if (!ok)
        return vq_node_error(n, "this mode is not supported");
    for (int64_t i = 0; i < naxes && x; i++) {
        int axis;

        if (!vq_axis(n, axes ? axes[i] : i, x->type.rank, &axis))
            return NULL;
        x = fn ? pad_places(n, x, axis, pads[i], pads[naxes + i], fn)
               : pad_axis(n, x, axis, pads[i], pads[naxes + i], value);
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
