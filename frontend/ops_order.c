/*
 * ops_order.c -- ONNX operators that count, order or number elements; all but
 * their shapes must be known at compile time.
 */
#include "frontend/import.h"

#include <stdlib.h>
#include <string.h>

/* ---- along an axis ---- */

/* x as [outer x size x inner]. */
typedef struct Lines {
    int64_t outer, size, inner;
} Lines;

static Lines
lines_of(const Type *t, int axis)
{
    Lines l = {1, t->dim[axis], vq_count_from(t, axis + 1)};

    for (int i = 0; i < axis; i++)
        l.outer *= t->dim[i];
    return l;
}

static bool
need_known(Node *n)
{
    if (vq_known(vq_in(n, 0)))
        return true;
    return vq_node_error(n,
                         "is supported only on what is known at compile time, "
                         "but %s depends on the model's input: cut the model "
                         "before it, and do it in the program",
                         n->p->input[0]);
}

/* One line's sums; `last` first where they go backwards. */
static void
sum_line(const Item *x, Item *y, int64_t at, Lines l, bool exclusive,
         bool reverse)
{
    double sum = 0;
    int64_t whole = 0;

    for (int64_t i = 0; i < l.size; i++) {
        int64_t k = at + (reverse ? l.size - 1 - i : i) * l.inner;

        if (x->type.dt == DT_F32) {
            vq_item_f(y)[k] =
                (float)(sum + (exclusive ? 0 : (double)vq_item_f(x)[k]));
            sum += (double)vq_item_f(x)[k];
        } else {
            int64_t next =
                (int64_t)((uint64_t)whole + (uint64_t)vq_item_i(x)[k]);

            vq_item_i(y)[k] = vq_wrap_int(x->et, exclusive ? whole : next);
            whole = next;
        }
    }
}

Item *
vq_onnx_cumsum(Node *n)
{
    Item *x = vq_in(n, 0), *y;
    bool exclusive = vq_attr_int(n, "exclusive", 0) != 0;
    bool reverse = vq_attr_int(n, "reverse", 0) != 0;
    double at;
    int axis;
    Lines l;

    if (!need_known(n) || !vq_in_scalar(n, 1, &at) ||
        !vq_axis(n, vq_whole(at, -99, 99), x->type.rank, &axis))
        return NULL;
    l = lines_of(&x->type, axis);
    y = vq_item_like(n->im, n->loc, x->et, &x->type);
    for (int64_t o = 0; y && o < l.outer; o++)
        for (int64_t i = 0; i < l.inner; i++)
            sum_line(x, y, o * l.size * l.inner + i, l, exclusive, reverse);
    return y;
}

static double
value_at(const Item *x, int64_t i)
{
    return x->type.dt == DT_F32 ? (double)vq_item_f(x)[i]
                                : (double)vq_item_i(x)[i];
}

/* ArgMax and ArgMin. */
Item *
vq_onnx_arg(Node *n)
{
    Item *x = vq_in(n, 0), *y;
    bool least = strcmp(n->op->name, "ArgMin") == 0;
    bool last = vq_attr_int(n, "select_last_index", 0) != 0;
    Type t = x->type;
    int axis;
    Lines l;

    if (!need_known(n) || !vq_axis(n, vq_attr_int(n, "axis", 0), t.rank, &axis))
        return NULL;
    l = lines_of(&t, axis);
    if (l.size < 1)
        return vq_node_error(n, "of an empty axis");
    t.dim[axis] = 1;
    y = vq_item_like(n->im, n->loc, ET_INT64, &t);
    for (int64_t o = 0; y && o < l.outer * l.inner; o++) {
        int64_t at = o / l.inner * l.size * l.inner + o % l.inner, best = 0;

        for (int64_t i = 1; i < l.size; i++) {
            double a = value_at(x, at + i * l.inner);
            double b = value_at(x, at + best * l.inner);

            if (least ? a < b : a > b || (last && !(a < b) && !(a > b)))
                best = i;
            else if (last && least && !(a < b) && !(a > b))
                best = i;
        }
        vq_item_i(y)[o] = best;
    }
    if (!y || vq_attr_int(n, "keepdims", 1))
        return y;
    for (int i = axis; i < t.rank - 1; i++)
        t.dim[i] = t.dim[i + 1];
    return vq_reshape(n, y, t.rank - 1, t.dim);
}

typedef struct Ranked {
    double value; /* negated where the least is first */
    int64_t at;
} Ranked;

static int
by_rank(const void *a, const void *b)
{
    const Ranked *x = a, *y = b;

    if (x->value < y->value || x->value > y->value)
        return x->value < y->value ? 1 : -1;
    return (x->at > y->at) - (x->at < y->at);
}

/* The k greatest of each line; output 1 says where they were. */
Item *
vq_onnx_topk(Node *n)
{
    Item *x = vq_in(n, 0), *y, *where;
    bool largest = vq_attr_int(n, "largest", 1) != 0;
    int64_t k = vq_attr_int(n, "k", 0);
    Type t = x->type;
    Ranked *line;
    double count;
    int axis;
    Lines l;

    if (!need_known(n) ||
        !vq_axis(n, vq_attr_int(n, "axis", -1), t.rank, &axis) ||
        (vq_in(n, 1) && !vq_in_scalar(n, 1, &count)))
        return NULL;
    k = vq_in(n, 1) ? vq_whole(count, -1, INT32_MAX) : k;
    l = lines_of(&t, axis);
    if (k < 0 || k > l.size)
        return vq_node_error(n, "%lld of %lld", (long long)k,
                             (long long)l.size);
    t.dim[axis] = k;
    y = vq_item_like(n->im, n->loc, x->et, &t);
    where = vq_item_like(n->im, n->loc, ET_INT64, &t);
    line = NEWN(n->im->arena, Ranked, (size_t)l.size + 1);
    for (int64_t o = 0; y && where && o < l.outer * l.inner; o++) {
        int64_t from = o / l.inner * l.size * l.inner + o % l.inner;
        int64_t to = o / l.inner * k * l.inner + o % l.inner;

        for (int64_t i = 0; i < l.size; i++) {
            double v = value_at(x, from + i * l.inner);

            line[i] = (Ranked){largest ? v : -v, i};
        }
        qsort(line, (size_t)l.size, sizeof *line, by_rank);
        for (int64_t i = 0; i < k; i++) {
            int64_t p = from + line[i].at * l.inner;

            vq_item_i(where)[to + i * l.inner] = line[i].at;
            if (x->type.dt == DT_F32)
                vq_item_f(y)[to + i * l.inner] = vq_item_f(x)[p];
            else
                vq_item_i(y)[to + i * l.inner] = vq_item_i(x)[p];
        }
    }
    return y && where && vq_set_output(n, 1, where) ? y : NULL;
}

/* ---- made from numbers ---- */

/* off everywhere, on at the indices along a new axis. */
Item *
vq_onnx_one_hot(Node *n)
{
    Item *index = vq_in(n, 0), *values = vq_in(n, 2), *y;
    int64_t dim[MAXRANK], count, inner = 1;
    int rank = index->type.rank + 1, axis;
    double depth;

    if (!need_known(n) || !vq_in_scalar(n, 1, &depth) ||
        !vq_axis(n, vq_attr_int(n, "axis", -1), rank, &axis))
        return NULL;
    if (!vq_known(values) || vq_count(&values->type) != 2 || rank > MAXRANK ||
        !(depth >= 1 && depth <= 1 << 24))
        return vq_node_error(n, "of depth %g", depth);
    for (int i = 0; i < rank; i++)
        dim[i] =
            i == axis ? (int64_t)depth : index->type.dim[i > axis ? i - 1 : i];
    for (int i = axis + 1; i < rank; i++)
        inner *= dim[i];
    y = vq_item_new(n->im, n->loc, values->et, rank, dim);
    count = y ? vq_count(&y->type) : 0;
    if (count > 1 << 26)
        return vq_node_error(n, "%lld elements are too many", (long long)count);
    for (int64_t i = 0; i < count; i++) {
        int64_t k = i / inner % dim[axis];
        int64_t at = i / inner / dim[axis] * inner + i % inner;
        double want = value_at(index, at);
        bool on;

        want += want < 0 ? depth : 0;
        on = vq_whole(want, -1, 1 << 24) == k;
        if (values->type.dt == DT_F32)
            vq_item_f(y)[i] = vq_item_f(values)[on];
        else
            vq_item_i(y)[i] = vq_item_i(values)[on];
    }
    return y;
}

/* 1 on diagonal k of a matrix of the input's shape. */
Item *
vq_onnx_eye_like(Node *n)
{
    const Type *t = &vq_in(n, 0)->type;
    int64_t k = vq_attr_int(n, "k", 0);
    int64_t et = vq_attr_int(n, "dtype", vq_in(n, 0)->et);
    Item *y;

    if (t->rank != 2 || et < ET_FLOAT || et > ET_BFLOAT16 || et == ET_STRING)
        return vq_node_error(n, "of %s", vq_shape_text(n, t));
    y = vq_item_like(n->im, n->loc,
                     vq_is_float_elem((int32_t)et) ? ET_FLOAT : (ElemType)et,
                     t);
    k = vq_clamp(k, -t->dim[0], t->dim[1]);
    for (int64_t i = 0; y && i < t->dim[0]; i++)
        if (i + k >= 0 && i + k < t->dim[1]) {
            if (y->type.dt == DT_F32)
                vq_item_f(y)[i * t->dim[1] + i + k] = 1;
            else
                vq_item_i(y)[i * t->dim[1] + i + k] = 1;
        }
    return y;
}
