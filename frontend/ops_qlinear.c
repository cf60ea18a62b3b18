/*
 * ops_qlinear.c -- operators on codes (ONNX's and ONNX Runtime's QOperator
 * form): each is its float operator between a dequantization of its inputs and
 * a quantization of its result. Products of integers (MatMulInteger) give s32
 * codes whose scale is the product of the inputs'.
 */
#include "frontend/import.h"

#include <math.h>

/* Inputs i, i+1, i+2 are codes, scale, zero point: the numbers. Scales per
 * channel are along `axis`. */
static Item *
real_in(Node *n, uint32_t i, int64_t axis)
{
    Item *x = vq_in(n, i);

    if (!x)
        return vq_node_error(n, "input %u is missing", i);
    return vq_dequantize_item(n, x,
                              (QuantParams){.scale = vq_in(n, i + 1),
                                            .zero = vq_in(n, i + 2),
                                            .axis = axis});
}

/* y as codes by the scale in input i, the zero point in i+1. */
static Item *
coded(Node *n, Item *y, uint32_t i)
{
    Item *zero = vq_in(n, i + 1);

    return vq_quantize_item(n, y,
                            (QuantParams){.scale = vq_in(n, i), .zero = zero},
                            zero ? zero->et : ET_UINT8);
}

/* ---- products ---- */

Item *
vq_onnx_qlinear_matmul(Node *n)
{
    Item *a = real_in(n, 0, -2), *b = real_in(n, 3, -1);

    return coded(n, vq_make2(n, OP_MATMUL, a, b), 6);
}

/* s32 codes of a bias, on the scale of the sums: that of a times b's. */
static Item *
real_bias(Node *n, Item *bias, Item *a, Item *b, float factor)
{
    int64_t count;
    Item *scale;

    if (!a || !b || !vq_known(a) || !vq_known(b) || a->type.dt != DT_F32 ||
        b->type.dt != DT_F32 || vq_count(&a->type) != 1)
        return vq_node_error(n, "scales must be known at compile time");
    count = vq_count(&b->type);
    scale = vq_item_new(n->im, n->loc, ET_FLOAT, 1, &count);
    for (int64_t i = 0; scale && i < count; i++)
        vq_item_f(scale)[i] = factor * vq_item_f(a)[0] * vq_item_f(b)[i];
    return scale ? vq_dequantize_item(n, bias,
                                      (QuantParams){.scale = scale, .axis = -1})
                 : NULL;
}

Item *
vq_onnx_qlinear_conv(Node *n)
{
    Item *x = real_in(n, 0, 1), *w = real_in(n, 3, 0), *b = NULL;

    if (vq_attr_int(n, "channels_last", 0))
        return vq_node_error(n, "channels_last is not supported: quantize "
                                "without layout optimizations");
    if (vq_in(n, 8) &&
        !(b = real_bias(n, vq_in(n, 8), vq_in(n, 1), vq_in(n, 4), 1)))
        return NULL;
    return coded(n, vq_conv(n, x, w, b), 6);
}

/* com.microsoft.QGemm: C is s32; without a scale the result is float. */
Item *
vq_onnx_qgemm(Node *n)
{
    Item *a = real_in(n, 0, 0), *c = NULL, *y;
    Item *b = real_in(n, 3, vq_attr_int(n, "transB", 0) ? 0 : 1);

    if (vq_in(n, 6) && !(c = real_bias(n, vq_in(n, 6), vq_in(n, 1), vq_in(n, 4),
                                       vq_attr_float(n, "alpha", 1))))
        return NULL;
    y = vq_gemm(n, a, b, c);
    return vq_in(n, 7) ? coded(n, y, 7) : y;
}

/* Numbers x - zero of codes, times *scale, which is theirs. */
static Item *
whole_in(Node *n, uint32_t i, uint32_t zero, int64_t axis, float *scale)
{
    static const float one = 1;
    Item *x = vq_in(n, i), *s = vq_item_new(n->im, n->loc, ET_FLOAT, 0, NULL);
    Item *z = vq_in(n, zero);

    *scale = x->grid ? x->grid->scale : one;
    if (z && vq_count(&z->type) > 1) {
        s = vq_expand(n, s, z->type.rank, z->type.dim);
        if (!s)
            return NULL;
    }
    for (int64_t k = 0; k < vq_count(&s->type); k++)
        vq_item_f(s)[k] = *scale;
    return vq_dequantize_item(
        n, x, (QuantParams){.scale = s, .zero = z, .axis = axis});
}

/* A sum of products, as s32 codes on the scale of both. */
static Item *
as_sums(Node *n, Item *y, float scale)
{
    Grid *g = NEW(n->im->arena, Grid);

    if (!y)
        return NULL;
    *g = (Grid){.scale = scale, .lo = -0x1p31, .hi = 0x1p31};
    if (!y->v && !vq_item_value(n, y))
        return NULL;
    y->et = ET_INT32;
    y->data = NULL;
    y->grid = g;
    return y;
}

Item *
vq_onnx_matmul_integer(Node *n)
{
    float sa, sb;
    Item *a = whole_in(n, 0, 2, -2, &sa), *b = whole_in(n, 1, 3, -1, &sb);

    return as_sums(n, vq_make2(n, OP_MATMUL, a, b), sa * sb);
}

Item *
vq_onnx_conv_integer(Node *n)
{
    float sa, sb;
    Item *x = whole_in(n, 0, 2, 1, &sa), *w = whole_in(n, 1, 3, 0, &sb);

    return as_sums(n, vq_conv(n, x, w, NULL), sa * sb);
}

static Item *
with_bias(Node *n, Item *y, Item *bias)
{
    return bias ? vq_make2(n, OP_ADD, y, bias) : y;
}

/* com.microsoft.MatMulIntegerToFloat(A, B, a scale, b scale, zeros, bias) */
Item *
vq_onnx_matmul_to_float(Node *n)
{
    Item *a = vq_dequantize_item(
        n, vq_in(n, 0),
        (QuantParams){.scale = vq_in(n, 2), .zero = vq_in(n, 4), .axis = -2});
    Item *b = vq_dequantize_item(
        n, vq_in(n, 1),
        (QuantParams){.scale = vq_in(n, 3), .zero = vq_in(n, 5), .axis = -1});

    return with_bias(n, vq_make2(n, OP_MATMUL, a, b), vq_in(n, 6));
}

/* com.microsoft.DynamicQuantizeMatMul(A, B, b scale, b zero, bias) */
Item *
vq_onnx_dynamic_matmul(Node *n)
{
    Item *b = vq_dequantize_item(
        n, vq_in(n, 1),
        (QuantParams){.scale = vq_in(n, 2), .zero = vq_in(n, 3), .axis = -1});

    return with_bias(n, vq_make2(n, OP_MATMUL, vq_in(n, 0), b), vq_in(n, 4));
}

/* ---- com.microsoft, element by element and along axes ---- */

Item *
vq_onnx_qlinear_binary(Node *n)
{
    Item *a = real_in(n, 0, 0), *b = real_in(n, 3, 0);

    return coded(n, vq_make2(n, n->op->kind, a, b), 6);
}

Item *
vq_onnx_qlinear_unary(Node *n)
{
    return coded(n, vq_make1(n, n->op->kind, real_in(n, 0, 0)), 3);
}

/* Its opset says whether axes before `axis` are rows of one matrix. */
Item *
vq_onnx_qlinear_softmax(Node *n)
{
    Item *x = real_in(n, 0, 0);
    int axis;

    if (!x || !vq_axis(n, vq_attr_int(n, "axis", -1), x->type.rank, &axis))
        return NULL;
    if (vq_attr_int(n, "opset", 13) < 13 && axis != x->type.rank - 1)
        return vq_node_error(n, "over several axes is not supported");
    return coded(n, vq_softmax(n, x, axis), 3);
}

Item *
vq_onnx_qlinear_global_pool(Node *n)
{
    Item *x = real_in(n, 0, 0);
    unsigned all;

    if (!x)
        return NULL;
    all = (1u << x->type.rank) - 1;
    if (x->type.rank < 3)
        return vq_node_error(n, "input %s has no axes to pool",
                             vq_shape_text(n, &x->type));
    all &= vq_attr_int(n, "channels_last", 0) ? ~(1u | 1u << (x->type.rank - 1))
                                              : ~3u;
    return coded(n, vq_reduce(n, OP_REDUCE_MEAN, x, all, true), 3);
}

Item *
vq_onnx_qlinear_reduce_mean(Node *n)
{
    Item *x = real_in(n, 0, 0);
    size_t count;
    const int64_t *axes = vq_attr_ints(n, "axes", &count);
    unsigned mask;

    if (!x || !vq_axes(n, axes, (int64_t)count, x->type.rank, &mask))
        return NULL;
    if (count == 0)
        mask = (1u << x->type.rank) - 1;
    return coded(n,
                 vq_reduce(n, OP_REDUCE_MEAN, x, mask,
                           vq_attr_int(n, "keepdims", 1) != 0),
                 3);
}

/* (y scale, y zero, then codes, scale, zero of each) */
Item *
vq_onnx_qlinear_concat(Node *n)
{
    uint32_t count = (n->nin - 2) / 3;
    Item **x = NEWN(n->im->arena, Item *, count);
    int axis;

    if ((n->nin - 2) % 3 != 0)
        return vq_node_error(n, "has %u inputs", n->nin);
    for (uint32_t i = 0; i < count; i++)
        if (!(x[i] = real_in(n, 2 + 3 * i, 0)))
            return NULL;
    if (!vq_axis(n, vq_attr_int(n, "axis", 0), x[0]->type.rank, &axis))
        return NULL;
    return coded(n, vq_concat(n, x, count, axis), 0);
}

/* ---- com.microsoft.QAttention ---- */

/* Part k of the columns of qkv, [B x N x 3HD], as [B x H x N x D]. */
static Item *
attention_part(Node *n, Item *qkv, int k, int64_t heads)
{
    static const int64_t perm[] = {0, 2, 1, 3};
    const int64_t *d = qkv->type.dim;
    int64_t wide = d[2] / 3;
    Item *x = vq_slice(n, qkv, 2, k * wide, 1, wide);

    x = vq_reshape(n, x, 4, (int64_t[]){d[0], d[1], heads, wide / heads});
    return x ? vq_transpose(n, x, perm) : NULL;
}

/* softmax(q k^T / sqrt(D)) v of a linear's columns. */
static Item *
attend(Node *n, Item *qkv, int64_t heads)
{
    static const int64_t perm[] = {0, 2, 1, 3};
    const int64_t *d = qkv->type.dim;
    float scale = 1 / sqrtf((float)(d[2] / 3 / heads));
    Item *q = attention_part(n, qkv, 0, heads);
    Item *k = vq_swap_last(n, attention_part(n, qkv, 1, heads));
    Item *v = attention_part(n, qkv, 2, heads), *y;

    y = vq_make2(n, OP_MUL, vq_make2(n, OP_MATMUL, q, k),
                 vq_item_f32(n->im, vq_attr_float(n, "scale", scale)));
    y = vq_softmax(n, y, 3);
    y = vq_make2(n, OP_MATMUL, y, v);
    y = y ? vq_transpose(n, y, perm) : NULL;
    return vq_reshape(n, y, 3, (int64_t[]){d[0], d[1], d[2] / 3});
}

/* (input, weight, bias, input scale, weight scale, mask, zeros, past) */
Item *
vq_onnx_qattention(Node *n)
{
    int64_t heads = vq_attr_int(n, "num_heads", 0);
    Item *x = vq_dequantize_item(
        n, vq_in(n, 0),
        (QuantParams){.scale = vq_in(n, 3), .zero = vq_in(n, 6)});
    Item *w = vq_dequantize_item(
        n, vq_in(n, 1),
        (QuantParams){.scale = vq_in(n, 4), .zero = vq_in(n, 7), .axis = -1});
    Item *y;

    if (!x || !w)
        return NULL;
    if (vq_in(n, 5) || vq_in(n, 8) || vq_attr_int(n, "unidirectional", 0))
        return vq_node_error(n, "a mask or past keys are not supported");
    y = vq_make2(n, OP_ADD, vq_make2(n, OP_MATMUL, x, w), vq_in(n, 2));
    if (!y)
        return NULL;
    if (y->type.rank != 3 || heads < 1 || y->type.dim[2] % (3 * heads) != 0)
        return vq_node_error(n, "%s does not divide into %lld heads",
                             vq_shape_text(n, &y->type), (long long)heads);
    return attend(n, y, heads);
}
