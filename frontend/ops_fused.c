/*
 * ops_fused.c -- what ONNX Runtime fuses several operators into: products
 * with an activation, layers with the sum in front, weights of 4 bits.
 */
#include "frontend/import.h"

#include <math.h>
#include <string.h>

static Item *
number(Node *n, float v)
{
    return vq_item_f32(n->im, v);
}

static Item *
gelu(Node *n, Item *x, bool tanh)
{
    return vq_make(n, OP_GELU, &x, 1,
                   &(Attr){.key = A_TANH, .n = 1, .i = (int64_t[]){tanh}}, 1,
                   NULL);
}

static Item *
plus_input(Node *n, Item *x, uint32_t i)
{
    return vq_in(n, i) ? vq_make2(n, OP_ADD, x, vq_in(n, i)) : x;
}

/* FastGelu(x, bias) and BiasGelu(x, bias) */
Item *
vq_onnx_bias_gelu(Node *n)
{
    return gelu(n, plus_input(n, vq_in(n, 0), 1),
                strcmp(n->op->name, "FastGelu") == 0);
}

/* The first half of x + bias times the gelu of the second. */
Item *
vq_onnx_bias_split_gelu(Node *n)
{
    Item *x = plus_input(n, vq_in(n, 0), 1), *half;
    int last;

    if (!x || x->type.rank < 1 || vq_cols(&x->type) % 2 != 0)
        return x ? vq_node_error(n, "an odd number of columns") : NULL;
    last = x->type.rank - 1;
    half =
        vq_slice(n, x, last, vq_cols(&x->type) / 2, 1, vq_cols(&x->type) / 2);
    return vq_make2(n, OP_MUL,
                    vq_slice(n, x, last, 0, 1, vq_cols(&x->type) / 2),
                    gelu(n, half, false));
}

/* ---- activations by name ---- */

/* Number k of the attribute activation_params. */
static float
param(const Node *n, size_t k, float otherwise)
{
    const Onnx__AttributeProto *a = vq_node_attr(n, "activation_params");

    return a && k < a->n_floats ? a->floats[k] : otherwise;
}

static Item *
hard_sigmoid(Node *n, Item *x, float alpha, float beta)
{
    x = vq_make2(n, OP_MUL, x, number(n, alpha));
    return vq_clip(n, vq_make2(n, OP_ADD, x, number(n, beta)), 0, 1);
}

static Item *
leaky(Node *n, Item *x, float alpha)
{
    Item *low = vq_make2(n, OP_MIN, x, number(n, 0));

    return vq_make2(n, OP_ADD, vq_make1(n, OP_RELU, x),
                    vq_make2(n, OP_MUL, low, number(n, alpha)));
}

static Item *
activate(Node *n, Item *x)
{
    const Onnx__AttributeProto *a = vq_node_attr(n, "activation");

    if (!a || !a->has_s || a->s.len == 0)
        return x;
    if (vq_attr_is(n, "activation", "Relu", false))
        return vq_make1(n, OP_RELU, x);
    if (vq_attr_is(n, "activation", "Tanh", false))
        return vq_make1(n, OP_TANH, x);
    if (vq_attr_is(n, "activation", "Sigmoid", false))
        return vq_make1(n, OP_SIGMOID, x);
    if (vq_attr_is(n, "activation", "Clip", false))
        return vq_clip(n, x, (double)param(n, 0, -3.402823466e38f),
                       (double)param(n, 1, 3.402823466e38f));
    if (vq_attr_is(n, "activation", "LeakyRelu", false))
        return leaky(n, x,
                     param(n, 0, vq_attr_float(n, "activation_alpha", 0.01f)));
    if (vq_attr_is(n, "activation", "HardSigmoid", false))
        return hard_sigmoid(
            n, x, param(n, 0, vq_attr_float(n, "activation_alpha", 0.2f)),
            param(n, 1, vq_attr_float(n, "activation_beta", 0.5f)));
    return vq_node_error(n, "activation %.*s is not supported", (int)a->s.len,
                         (const char *)a->s.data);
}

/* Conv, + Z, activation */
Item *
vq_onnx_fused_conv(Node *n)
{
    Item *y = vq_conv(n, vq_in(n, 0), vq_in(n, 1), vq_in(n, 2));

    return activate(n, plus_input(n, y, 3));
}

Item *
vq_onnx_fused_gemm(Node *n)
{
    return activate(n, vq_gemm(n, vq_in(n, 0), vq_in(n, 1), vq_in(n, 2)));
}

/* Conv of [B x H x W x C] by [M x kH x kW x C]. */
Item *
vq_onnx_nhwc_conv(Node *n)
{
    static const int64_t in[] = {0, 3, 1, 2}, out[] = {0, 2, 3, 1};
    Item *x = vq_in(n, 0), *w = vq_in(n, 1);

    if (x->type.rank != 4 || w->type.rank != 4)
        return vq_node_error(n, "only 2-D convolution is supported");
    x = vq_conv(n, vq_transpose(n, x, in), vq_transpose(n, w, in), vq_in(n, 2));
    return activate(n, x ? vq_transpose(n, x, out) : NULL);
}

/* ---- products ---- */

/* The matrix axis in front of all: [M x B.. x K] to [B.. x M x K]. */
static Item *
batch_back(Node *n, Item *x)
{
    int64_t perm[MAXRANK];
    int rank = x->type.rank;

    if (rank < 3)
        return x;
    for (int i = 0; i < rank - 2; i++)
        perm[i] = i + 1;
    perm[rank - 2] = 0;
    perm[rank - 1] = rank - 1;
    return vq_transpose(n, x, perm);
}

/* alpha A' B', each transposed as attributes say. */
Item *
vq_onnx_fused_matmul(Node *n)
{
    Item *a = vq_in(n, 0), *b = vq_in(n, 1);
    float alpha = vq_attr_float(n, "alpha", 1);

    if (a->type.rank < 2 || b->type.rank < 2)
        return vq_node_error(n, "%s by %s", vq_shape_text(n, &a->type),
                             vq_shape_text(n, &b->type));
    if (vq_attr_int(n, "transBatchA", 0))
        a = batch_back(n, a);
    if (vq_attr_int(n, "transBatchB", 0))
        b = batch_back(n, b);
    if (vq_attr_int(n, "transA", 0))
        a = vq_swap_last(n, a);
    if (vq_attr_int(n, "transB", 0))
        b = vq_swap_last(n, b);
    if (alpha == 1)
        return vq_make2(n, OP_MATMUL, a, b);
    if (b && vq_known(b)) /* the factor goes with the weights */
        return vq_make2(n, OP_MATMUL, a,
                        vq_make2(n, OP_MUL, b, number(n, alpha)));
    return vq_make2(n, OP_MUL, vq_make2(n, OP_MATMUL, a, b), number(n, alpha));
}

/* ---- MatMulNBits ---- */

typedef struct Blocks {
    int64_t k, n, bits, size, count; /* count: blocks of one column */
    const Item *codes, *scale, *zero;
} Blocks;

/* Number i of a row of numbers of `bits` bits, the low ones first. */
static int64_t
code_at(const int64_t *bytes, int64_t bits, int64_t i)
{
    int64_t each = 8 / bits;

    return bytes[i / each] >> (i % each * bits) & ((1 << bits) - 1);
}

static bool
read_blocks(Node *n, Blocks *b)
{
    int64_t row;

    *b = (Blocks){.k = vq_attr_int(n, "K", 0),
                  .n = vq_attr_int(n, "N", 0),
                  .bits = vq_attr_int(n, "bits", 4),
                  .size = vq_attr_int(n, "block_size", 0),
                  .codes = vq_in(n, 1),
                  .scale = vq_in(n, 2),
                  .zero = vq_in(n, 3)};
    if (!vq_known(b->codes) || !vq_known(b->scale) ||
        (b->zero && !vq_known(b->zero)) || vq_in(n, 4) ||
        (b->zero && b->zero->type.dt != DT_S64))
        return vq_node_error(n, "its weights must be known at compile time, "
                                "with whole zero points and no g_idx");
    if ((b->bits != 2 && b->bits != 4 && b->bits != 8) || b->size < 16 ||
        b->size > 1 << 20 || b->k < 1 || b->n < 1 || b->k > 1 << 30 ||
        b->n > 1 << 30)
        return vq_node_error(n, "%lld bits in blocks of %lld",
                             (long long)b->bits, (long long)b->size);
    b->count = (b->k + b->size - 1) / b->size;
    row = (b->count * b->bits + 7) / 8;
    if (vq_count(&b->codes->type) != b->n * b->count * b->size * b->bits / 8 ||
        vq_count(&b->scale->type) != b->n * b->count ||
        (b->zero && vq_count(&b->zero->type) != b->n * row))
        return vq_node_error(n, "its weights do not fit %lld x %lld",
                             (long long)b->k, (long long)b->n);
    return true;
}

/* The weights as numbers, [K x N]. */
static Item *
dequantize(Node *n, const Blocks *b)
{
    Item *w = vq_item_new(n->im, n->loc, ET_FLOAT, 2, (int64_t[]){b->k, b->n});
    int64_t bytes = b->size * b->bits / 8, row = (b->count * b->bits + 7) / 8;

    for (int64_t c = 0; w && c < b->n; c++)
        for (int64_t i = 0; i < b->k; i++) {
            int64_t at = c * b->count + i / b->size;
            int64_t zero = b->zero ? code_at(vq_item_i(b->zero) + c * row,
                                             b->bits, i / b->size)
                                   : 1 << (b->bits - 1);
            int64_t q =
                code_at(vq_item_i(b->codes) + at * bytes, b->bits, i % b->size);

            vq_item_f(w)[i * b->n + c] =
                (float)(q - zero) * vq_item_f(b->scale)[at];
        }
    return w;
}

/* (A, codes, scales, zeros, g_idx, bias): A times weights in blocks along K */
Item *
vq_onnx_matmul_nbits(Node *n)
{
    Blocks b;

    if (!read_blocks(n, &b))
        return NULL;
    return plus_input(n, vq_make2(n, OP_MATMUL, vq_in(n, 0), dequantize(n, &b)),
                      5);
}
