/*
 * ops_constant.c -- ONNX operators whose result must be known at compile time.
 */
#include "frontend/import.h"

#include <math.h>
#include <string.h>

/* ---- constants ---- */

static Item *
floats(Node *n, const float *f, size_t count, int rank)
{
    int64_t dim = (int64_t)count;
    Item *x = vq_item_new(n->im, n->loc, ET_FLOAT, rank, &dim);

    if (x && count)
        memcpy(vq_item_f(x), f, count * sizeof *f);
    return x;
}

static Item *
ints(Node *n, const int64_t *v, size_t count, int rank)
{
    int64_t dim = (int64_t)count;
    Item *x = vq_item_new(n->im, n->loc, ET_INT64, rank, &dim);

    if (x && count)
        memcpy(vq_item_i(x), v, count * sizeof *v);
    return x;
}

Item *
vq_onnx_constant(Node *n)
{
    const Onnx__AttributeProto *a;

    if ((a = vq_node_attr(n, "value")) && a->t)
        return vq_tensor_read(n->im, n->loc, a->t, n->p->output[0],
                              FINITE_OR_MASK);
    if ((a = vq_node_attr(n, "sparse_value")) && a->sparse_tensor)
        return vq_sparse_read(n->im, n->loc, a->sparse_tensor, n->p->output[0]);
    if ((a = vq_node_attr(n, "value_float")))
        return floats(n, &a->f, 1, 0);
    if ((a = vq_node_attr(n, "value_floats")))
        return floats(n, a->floats, a->n_floats, 1);
    if ((a = vq_node_attr(n, "value_int")))
        return ints(n, &a->i, 1, 0);
    if ((a = vq_node_attr(n, "value_ints")))
        return ints(n, a->ints, a->n_ints, 1);
    return vq_node_error(n, "only numbers are supported");
}

Item *
vq_onnx_constant_of_shape(Node *n)
{
    const Onnx__AttributeProto *a = vq_node_attr(n, "value");
    Item *value = vq_item_f32(n->im, 0);
    const int64_t *dim;
    int64_t rank;

    if (!vq_in_ints(n, 0, &dim, &rank))
        return NULL;
    if (a && a->t)
        value = vq_tensor_read(n->im, n->loc, a->t, "value", FINITE_OR_MASK);
    if (!value)
        return NULL;
    if (vq_count(&value->type) != 1 || rank > MAXRANK)
        return vq_node_error(n,
                             "a value of %lld elements, a shape of rank "
                             "%lld",
                             (long long)vq_count(&value->type),
                             (long long)rank);
    return vq_expand(n, vq_reshape(n, value, 0, NULL), (int)rank, dim);
}

Item *
vq_onnx_shape(Node *n)
{
    const Type *t = &vq_in(n, 0)->type;
    int64_t start = vq_attr_int(n, "start", 0);
    int64_t end = vq_attr_int(n, "end", t->rank);

    start = vq_clamp(start < 0 ? start + t->rank : start, 0, t->rank);
    end = vq_clamp(end < 0 ? end + t->rank : end, start, t->rank);
    return ints(n, t->dim + start, (size_t)(end - start), 1);
}

Item *
vq_onnx_size(Node *n)
{
    int64_t count = vq_count(&vq_in(n, 0)->type);

    return ints(n, &count, 1, 0);
}

enum { MAXRANGE = 1 << 24 };

static Item *
range_ints(Node *n, int64_t start, int64_t limit, int64_t step)
{
    double count = ceil(((double)limit - (double)start) / (double)step);
    int64_t dim = vq_whole(count, 0, MAXRANGE);
    Item *x = vq_item_new(n->im, n->loc, vq_in(n, 0)->et, 1, &dim);

    if (count > MAXRANGE)
        return vq_node_error(n, "%.0f numbers are too many", count);
    for (int64_t i = 0; x && i < dim; i++)
        vq_item_i(x)[i] = vq_wrap_int(x->et, start + i * step);
    return x;
}

Item *
vq_onnx_range(Node *n)
{
    double start, limit, step, count;
    int64_t dim;
    Item *x;

    if (!vq_in_scalar(n, 0, &start) || !vq_in_scalar(n, 1, &limit) ||
        !vq_in_scalar(n, 2, &step))
        return NULL;
    if (!(fabs(step) > 0) || fabs(start) > 0x1p53 || fabs(step) > 0x1p53)
        return vq_node_error(n, "from %g by %g", start, step);
    if (vq_in(n, 0)->type.dt == DT_S64)
        return range_ints(n, (int64_t)start, vq_whole(limit, -0x1p53, 0x1p53),
                          (int64_t)step);
    count = ceil((limit - start) / step);
    if (!(count <= MAXRANGE))
        return vq_node_error(n, "%.0f numbers are too many", count);
    dim = vq_whole(count, 0, MAXRANGE);
    x = vq_item_new(n->im, n->loc, ET_FLOAT, 1, &dim);
    for (int64_t i = 0; x && i < dim; i++)
        vq_item_f(x)[i] = (float)(start + (double)i * step);
    return x;
}

/* ---- casts ---- */

static Item *
cast_to(Node *n, int64_t et)
{
    Item *x = vq_in(n, 0);

    if (x->grid || (!vq_known(x) && !vq_is_float_elem((int32_t)et)))
        return vq_cast_codes(n, x, (ElemType)et);
    if (vq_is_float_elem((int32_t)et) && x->type.dt == DT_F32)
        return x; /* between float types: vitqc computes in f32 */
    if (et < ET_FLOAT || et == ET_STRING ||
        (et > ET_BFLOAT16 && et != ET_UINT4 && et != ET_INT4 &&
         et != ET_UINT2 && et != ET_INT2) ||
        (et > ET_UINT64 && et < ET_BFLOAT16))
        return vq_node_error(n, "to ONNX data type %lld is not supported",
                             (long long)et);
    return vq_fold_cast(n, x, (ElemType)et);
}

Item *
vq_onnx_cast(Node *n)
{
    return cast_to(n, vq_attr_int(n, "to", 0));
}

Item *
vq_onnx_cast_like(Node *n)
{
    return cast_to(n, vq_in(n, 1)->et);
}

/* ---- arithmetic and comparison ---- */

static bool
need_known(Node *n)
{
    for (uint32_t i = 0; i < n->nin; i++)
        if (vq_in(n, i) && !vq_known(vq_in(n, i))) {
            vq_node_error(n,
                          "is supported only on what is known at compile "
                          "time, but %s depends on the model's input",
                          n->p->input[i]);
            return false;
        }
    return true;
}

Item *
vq_onnx_known_binary(Node *n)
{
    const char *name = n->op->name;

    if (!need_known(n))
        return NULL;
    if (strcmp(name, "Mod") == 0 &&
        (vq_attr_int(n, "fmod", 0) || vq_in(n, 0)->type.dt == DT_F32))
        name = "fmod";
    if (strcmp(name, "BitShift") == 0)
        name = vq_attr_is(n, "direction", "LEFT", false) ? "left" : "right";
    return vq_fold_binary(n, name, vq_in(n, 0), vq_in(n, 1));
}

Item *
vq_onnx_known_unary(Node *n)
{
    return need_known(n) ? vq_fold_unary(n, n->op->name, vq_in(n, 0)) : NULL;
}

/* A value of the graph is taken to be finite: integers cannot hold a NaN. */
Item *
vq_onnx_isnan(Node *n)
{
    Item *x = vq_in(n, 0);
    Item *y = vq_item_like(n->im, n->loc, ET_BOOL, &x->type);

    for (int64_t i = 0; y && i < vq_count(&x->type); i++)
        vq_item_i(y)[i] =
            vq_known(x) && x->type.dt == DT_F32 && isnan(vq_item_f(x)[i]);
    return y;
}

/* The same of infinities, which no value of the graph is taken to have. */
Item *
vq_onnx_isinf(Node *n)
{
    Item *x = vq_in(n, 0);
    Item *y = vq_item_like(n->im, n->loc, ET_BOOL, &x->type);
    bool up = vq_attr_int(n, "detect_positive", 1) != 0;
    bool down = vq_attr_int(n, "detect_negative", 1) != 0;

    for (int64_t i = 0; y && i < vq_count(&x->type); i++)
        if (vq_known(x) && x->type.dt == DT_F32)
            vq_item_i(y)[i] =
                isinf(vq_item_f(x)[i]) && (vq_item_f(x)[i] > 0 ? up : down);
    return y;
}

/* ---- pieces of masks ---- */

static Item *
copy_of(Node *n, const Item *x)
{
    Item *y = vq_item_like(n->im, n->loc, x->et, &x->type);

    if (y)
        memcpy((void *)y->data, x->data,
               (size_t)vq_count(&x->type) * vq_dtype[x->type.dt].bytes);
    return y;
}

static bool
is_zero(const Item *x, int64_t i)
{
    return x->type.dt == DT_F32 ? vq_item_f(x)[i] == 0 : vq_item_i(x)[i] == 0;
}

/* [rank x how many]: the indices of the elements that are not 0. */
Item *
vq_onnx_nonzero(Node *n)
{
    Item *x = vq_in(n, 0), *y;
    int64_t dim[2] = {x->type.rank, 0}, k = 0, count = vq_count(&x->type);

    if (!need_known(n))
        return NULL;
    for (int64_t i = 0; i < count; i++)
        dim[1] += !is_zero(x, i);
    y = vq_item_new(n->im, n->loc, ET_INT64, 2, dim);
    for (int64_t i = 0; y && i < count; i++) {
        int64_t rest = i;

        if (is_zero(x, i))
            continue;
        for (int d = x->type.rank - 1; d >= 0; d--) {
            vq_item_i(y)[d * dim[1] + k] = rest % x->type.dim[d];
            rest /= x->type.dim[d];
        }
        k++;
    }
    return y;
}

static bool
in_triangle(int64_t row, int64_t col, bool upper, double k)
{
    double above = (double)col - (double)row - k;

    return upper ? above >= 0 : above <= 0;
}

/* 1 in the triangle, else 0. */
static Item *
triangle(Node *n, int64_t rows, int64_t cols, bool upper, double k)
{
    Item *y = vq_item_new(n->im, n->loc, ET_FLOAT, 2, (int64_t[]){rows, cols});

    for (int64_t i = 0; y && i < rows * cols; i++)
        vq_item_f(y)[i] = in_triangle(i / cols, i % cols, upper, k);
    return y;
}

/* Keeps the upper or lower triangle, from diagonal k on. */
Item *
vq_onnx_trilu(Node *n)
{
    Item *x = vq_in(n, 0), *y;
    bool upper = vq_attr_int(n, "upper", 1) != 0;
    double k = 0;
    int64_t rows, cols;

    if (vq_in(n, 1) && !vq_in_scalar(n, 1, &k))
        return NULL;
    if (x->type.rank < 2)
        return vq_node_error(n, "of rank %d", x->type.rank);
    rows = x->type.dim[x->type.rank - 2];
    cols = x->type.dim[x->type.rank - 1];
    if (!vq_known(x))
        return vq_make2(n, OP_MUL, x, triangle(n, rows, cols, upper, k));
    y = copy_of(n, x);
    for (int64_t i = 0; y && i < vq_count(&x->type); i++) {
        if (in_triangle(i / cols % rows, i % cols, upper, k))
            continue;
        if (x->type.dt == DT_F32)
            vq_item_f(y)[i] = 0;
        else
            vq_item_i(y)[i] = 0;
    }
    return y;
}
