/*
 * ops_elementwise.c -- ONNX operators that work element by element.
 */
#include "frontend/import.h"

#include <string.h>

static bool
both_known(const Item *a, const Item *b)
{
    return vq_known(a) && vq_known(b);
}

/* Integers are worked out now; one real operand makes all real. */
static Item *
make_binary(Node *n, const char *name, OpKind kind, Item *a, Item *b)
{
    if (a && b && both_known(a, b) && a->type.dt == DT_S64 &&
        b->type.dt == DT_S64)
        return vq_fold_binary(n, name, a, b);
    if (a && b && a->type.dt == DT_S64 && name && strcmp(name, "Pow") == 0 &&
        both_known(a, b)) {
        ElemType et = a->et; /* Pow gives its base's type */
        Item *y = vq_make2(n, kind, vq_to_float(n, a), b);

        return y ? vq_fold_cast(n, y, et) : NULL;
    }
    return vq_make2(n, kind, vq_to_float(n, a), vq_to_float(n, b));
}

Item *
vq_onnx_binary(Node *n)
{
    return make_binary(n, n->op->name, n->op->kind, vq_in(n, 0), vq_in(n, 1));
}

Item *
vq_onnx_variadic(Node *n)
{
    Item *x = vq_in(n, 0);

    for (uint32_t i = 1; x && i < n->nin; i++) {
        if (!vq_in(n, i))
            return vq_node_error(n, "input %u is missing", i);
        x = make_binary(n, n->op->name, n->op->kind, x, vq_in(n, i));
    }
    return x;
}

Item *
vq_onnx_mean(Node *n)
{
    Item *x = vq_in(n, 0);

    for (uint32_t i = 1; x && i < n->nin; i++) {
        if (!vq_in(n, i))
            return vq_node_error(n, "input %u is missing", i);
        x = make_binary(n, "Add", OP_ADD, x, vq_in(n, i));
    }
    return vq_make2(n, OP_MUL, x, vq_item_f32(n->im, 1.0f / (float)n->nin));
}

Item *
vq_onnx_unary(Node *n)
{
    Item *x = vq_in(n, 0);

    if (vq_known(x) && x->type.dt == DT_S64)
        return vq_fold_unary(n, n->op->name, x);
    return vq_make1(n, n->op->kind, x);
}

/* One number, or the default where the input is absent. */
static bool
bound(const Node *n, uint32_t i, double *v)
{
    return !vq_in(n, i) || vq_in_scalar(n, i, v);
}

Item *
vq_onnx_clip(Node *n)
{
    Item *x = vq_in(n, 0);
    double lo = -1e300, hi = 1e300;

    if (!bound(n, 1, &lo) || !bound(n, 2, &hi))
        return NULL;
    if (x->grid)
        return vq_clip_codes(n, x, lo < hi ? lo : hi, hi);
    if (vq_known(x) && x->type.dt == DT_S64) {
        if (vq_in(n, 1))
            x = vq_fold_binary(n, "Max", x, vq_in(n, 1));
        if (x && vq_in(n, 2))
            x = vq_fold_binary(n, "Min", x, vq_in(n, 2));
        return x;
    }
    /* ONNX: the upper bound wins when they cross. */
    return vq_clip(n, x, lo < hi ? lo : hi, hi);
}

Item *
vq_onnx_clip_attrs(Node *n)
{
    return vq_clip(n, vq_in(n, 0), vq_attr_float(n, "min", -3.402823466e38f),
                   vq_attr_float(n, "max", 3.402823466e38f));
}

static Item *
scaled(Node *n, Item *x, float factor)
{
    return vq_make2(n, OP_MUL, x, vq_item_f32(n->im, factor));
}

/* max(x, 0) + alpha * min(x, 0) */
Item *
vq_onnx_leaky_relu(Node *n)
{
    Item *x = vq_in(n, 0);
    Item *low = vq_make2(n, OP_MIN, x, vq_item_f32(n->im, 0));

    return vq_make2(n, OP_ADD, vq_make1(n, OP_RELU, x),
                    scaled(n, low, vq_attr_float(n, "alpha", 0.01f)));
}

static Item *
hard_sigmoid(Node *n, Item *x, float alpha, float beta)
{
    Item *line =
        vq_make2(n, OP_ADD, scaled(n, x, alpha), vq_item_f32(n->im, beta));

    return vq_clip(n, line, 0, 1);
}

Item *
vq_onnx_hard_sigmoid(Node *n)
{
    return hard_sigmoid(n, vq_in(n, 0), vq_attr_float(n, "alpha", 0.2f),
                        vq_attr_float(n, "beta", 0.5f));
}

Item *
vq_onnx_hard_swish(Node *n)
{
    Item *x = vq_in(n, 0);

    return vq_make2(n, OP_MUL, x, hard_sigmoid(n, x, 1.0f / 6, 0.5f));
}

/* x * sigmoid(alpha * x) */
static Item *
swish(Node *n, float alpha)
{
    Item *x = vq_in(n, 0);
    Item *at = alpha == 1 ? x : scaled(n, x, alpha);

    return vq_make2(n, OP_MUL, x, vq_make1(n, OP_SIGMOID, at));
}

Item *
vq_onnx_swish(Node *n)
{
    return swish(n, vq_attr_float(n, "alpha", 1));
}

Item *
vq_onnx_quick_gelu(Node *n)
{
    return swish(n, vq_attr_float(n, "alpha", 1.702f));
}

Item *
vq_onnx_softsign(Node *n)
{
    Item *x = vq_in(n, 0);
    Item *below =
        vq_make2(n, OP_ADD, vq_make1(n, OP_ABS, x), vq_item_f32(n->im, 1));

    return vq_make2(n, OP_DIV, x, below);
}

Item *
vq_onnx_gelu(Node *n)
{
    Item *x = vq_in(n, 0);
    bool tanh = vq_attr_is(n, "approximate", "tanh", false);

    return vq_make(n, OP_GELU, &x, 1,
                   &(Attr){.key = A_TANH, .n = 1, .i = (int64_t[]){tanh}}, 1,
                   NULL);
}
