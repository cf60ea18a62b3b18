/*
 * ops_function.c -- ONNX's functions of one value, in words of the IR, which
 * makes a table of each where its input is in bytes.
 */
#include "frontend/import.h"

#include <string.h>

static Item *
number(Node *n, float v)
{
    return vq_item_f32(n->im, v);
}

static Item *
plus(Node *n, Item *x, float v)
{
    return v == 0 ? x : vq_make2(n, OP_ADD, x, number(n, v));
}

static Item *
times(Node *n, Item *x, float v)
{
    return v == 1 ? x : vq_make2(n, OP_MUL, x, number(n, v));
}

static Item *
below_zero(Node *n, Item *x)
{
    return vq_make2(n, OP_MIN, x, number(n, 0));
}

/* 1 where x is above 0, else 0: no two numbers of a trained model lie closer
 * than 1 / 3e38. */
static Item *
is_positive(Node *n, Item *x)
{
    return vq_clip(n, times(n, x, 3e38f), 0, 1);
}

/* gamma * (max(x, 0) + alpha * (exp(min(x, 0) / width) - 1)) */
static Item *
exponential(Node *n, float alpha, float width, float gamma)
{
    Item *x = vq_in(n, 0), *low = times(n, below_zero(n, x), 1 / width);

    low = times(n, plus(n, vq_make1(n, OP_EXP, low), -1), alpha);
    return times(n, vq_make2(n, OP_ADD, vq_make1(n, OP_RELU, x), low), gamma);
}

Item *
vq_onnx_elu(Node *n)
{
    return exponential(n, vq_attr_float(n, "alpha", 1), 1, 1);
}

Item *
vq_onnx_selu(Node *n)
{
    return exponential(n, vq_attr_float(n, "alpha", 1.67326319217681884765625f),
                       1,
                       vq_attr_float(n, "gamma", 1.05070102214813232421875f));
}

Item *
vq_onnx_celu(Node *n)
{
    float alpha = vq_attr_float(n, "alpha", 1);

    if (!(alpha > 0))
        return vq_node_error(n, "alpha is %g", (double)alpha);
    return exponential(n, alpha, alpha, 1);
}

/* max(x, 0) + slope * min(x, 0), the slope broadcast to x */
Item *
vq_onnx_prelu(Node *n)
{
    Item *x = vq_in(n, 0), *low = below_zero(n, x);

    low = vq_make2(n, OP_MUL, low, vq_to_float(n, vq_in(n, 1)));
    return vq_make2(n, OP_ADD, vq_make1(n, OP_RELU, x), low);
}

/*
 * x tanh(log(1 + e^x)) = x m / (m + 2) with m = e^x (e^x + 2). From 20 on the
 * quotient is 1 in f32, and e^x squared would overflow later.
 */
Item *
vq_onnx_mish(Node *n)
{
    Item *x = vq_in(n, 0);
    Item *e = vq_make1(n, OP_EXP, vq_make2(n, OP_MIN, x, number(n, 20)));
    Item *m = vq_make2(n, OP_MUL, e, plus(n, e, 2));

    return vq_make2(n, OP_MUL, x, vq_make2(n, OP_DIV, m, plus(n, m, 2)));
}

/* x where it is above alpha, else 0 */
Item *
vq_onnx_thresholded_relu(Node *n)
{
    Item *x = vq_in(n, 0);

    return vq_make2(n, OP_MUL, x,
                    is_positive(n, plus(n, x, -vq_attr_float(n, "alpha", 1))));
}

/* x + bias below -lambd, x - bias above lambd, else 0 */
Item *
vq_onnx_shrink(Node *n)
{
    Item *x = vq_to_float(n, vq_in(n, 0)), *high, *low;
    float lambd = vq_attr_float(n, "lambd", 0.5f);
    float bias = vq_attr_float(n, "bias", 0);

    high = is_positive(n, plus(n, x, -lambd));
    low = is_positive(n, vq_make1(n, OP_NEG, plus(n, x, lambd)));
    high = vq_make2(n, OP_MUL, high, plus(n, x, -bias));
    low = vq_make2(n, OP_MUL, low, plus(n, x, bias));
    return vq_make2(n, OP_ADD, high, low);
}

/* -1, 0 or 1 */
Item *
vq_onnx_sign(Node *n)
{
    Item *x = vq_in(n, 0);

    if (vq_known(x))
        return vq_fold_unary(n, n->op->name, x);
    return vq_clip(n, times(n, x, 3e38f), -1, 1);
}

/* x rounded, less 1 where that is above x. Ceil(x) = -Floor(-x). */
Item *
vq_onnx_floor(Node *n)
{
    static const Grid whole = {.scale = 1, .lo = -0x1p31, .hi = 0x1p31};
    bool up = strcmp(n->op->name, "Ceil") == 0;
    Item *x = vq_in(n, 0), *y;

    if (vq_known(x))
        return vq_fold_unary(n, n->op->name, x);
    if (up)
        x = vq_make1(n, OP_NEG, x);
    y = vq_fakequant(n, x, whole);
    y = vq_make2(n, OP_SUB, y, is_positive(n, vq_make2(n, OP_SUB, y, x)));
    return up ? vq_make1(n, OP_NEG, y) : y;
}

static Item *
logarithm(Node *n, Item *x)
{
    return x && vq_known(x) ? vq_fold_unary(n, "Log", x)
                            : vq_make1(n, OP_LOG, x);
}

Item *
vq_onnx_log(Node *n)
{
    return logarithm(n, vq_in(n, 0));
}

/* log(1 + e^x) = max(x, 0) + log(1 + e^-|x|) */
Item *
vq_onnx_softplus(Node *n)
{
    Item *x = vq_in(n, 0);
    Item *e = vq_make1(n, OP_NEG, vq_make1(n, OP_ABS, x));

    e = logarithm(n, plus(n, vq_make1(n, OP_EXP, e), 1));
    return vq_make2(n, OP_ADD, vq_make1(n, OP_RELU, x), e);
}

/* x - max - log(sum(exp(x - max))) along axes */
static Item *
log_softmax(Node *n, Item *x, unsigned axes)
{
    Item *sum;

    x = vq_make2(n, OP_SUB, x, vq_reduce(n, OP_REDUCE_MAX, x, axes, true));
    sum = vq_reduce(n, OP_REDUCE_SUM, vq_make1(n, OP_EXP, x), axes, true);
    return vq_make2(n, OP_SUB, x, logarithm(n, sum));
}

Item *
vq_onnx_log_softmax(Node *n)
{
    Item *x = vq_in(n, 0);
    bool flat = n->im->opset < 13;
    int axis, rank = x->type.rank;

    if (!vq_axis(n, vq_attr_int(n, "axis", flat ? 1 : -1), rank, &axis))
        return NULL;
    return log_softmax(n, x, flat ? (1u << rank) - (1u << axis) : 1u << axis);
}

/* What is rare enough in models to be worked out at compile time only. */
Item *
vq_onnx_known_function(Node *n)
{
    Item *x = vq_in(n, 0);

    if (!vq_known(x))
        return vq_node_error(n,
                             "is supported only on what is known at compile "
                             "time, but %s depends on the model's input",
                             n->p->input[0]);
    if (x->type.dt != DT_F32 && strcmp(n->op->name, "BitwiseNot") != 0)
        x = vq_to_float(n, x);
    return x ? vq_fold_unary(n, n->op->name, x) : NULL;
}

/* log(sum(x)), log(sum(exp(x))): along the axes that a reduction names. */
Item *
vq_onnx_reduce_log(Node *n)
{
    Item *x = vq_to_float(n, vq_in(n, 0));
    bool keep = vq_attr_int(n, "keepdims", 1) != 0;
    unsigned axes;

    if (!x || !vq_reduced_axes(n, &axes))
        return NULL;
    if (strcmp(n->op->name, "ReduceLogSumExp") == 0)
        x = vq_make1(n, OP_EXP, x);
    return logarithm(n, vq_reduce(n, OP_REDUCE_SUM, x, axes, keep));
}

/* 1 at the first of the greatest of each line, else 0. */
Item *
vq_onnx_hardmax(Node *n)
{
    Item *x = vq_in(n, 0), *y;
    bool flat = n->im->opset < 13;
    int axis, rank = x->type.rank;
    int64_t size = 1, inner = 1;

    if (!vq_axis(n, vq_attr_int(n, "axis", flat ? 1 : -1), rank, &axis))
        return NULL;
    if (!vq_known(x) || x->type.dt != DT_F32)
        return vq_node_error(n, "is supported only on what is known at "
                                "compile time: cut the model before it, and "
                                "do it in the program");
    for (int i = axis; i < rank; i++)
        *(flat || i == axis ? &size : &inner) *= x->type.dim[i];
    y = vq_item_like(n->im, n->loc, ET_FLOAT, &x->type);
    for (int64_t o = 0; y && o < vq_count(&x->type) / vq_max(size, 1); o++) {
        const float *from = vq_item_f(x) + o / inner * size * inner + o % inner;
        int64_t best = 0;

        for (int64_t i = 1; i < size; i++)
            if (from[i * inner] > from[best * inner])
                best = i;
        vq_item_f(y)[from - vq_item_f(x) + best * inner] = 1;
    }
    return y;
}
