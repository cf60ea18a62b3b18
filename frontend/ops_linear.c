/*
 * ops_linear.c -- matrix products and convolution.
 */
#include "frontend/import.h"

Item *
vq_onnx_matmul(Node *n)
{
    return vq_make2(n, OP_MATMUL, vq_in(n, 0), vq_in(n, 1));
}

static Item *
scaled(Node *n, Item *x, float factor)
{
    if (factor == 1)
        return x;
    return vq_make2(n, OP_MUL, x, vq_item_f32(n->im, factor));
}

/* alpha * A' * B' + beta * C. alpha goes with B where that is a constant. */
Item *
vq_gemm(Node *n, Item *a, Item *b, Item *c)
{
    float alpha = vq_attr_float(n, "alpha", 1);
    float beta = vq_attr_float(n, "beta", 1);
    Item *y;

    if (!a || !b)
        return NULL;
    if (a->type.rank != 2 || b->type.rank != 2)
        return vq_node_error(n, "inputs must be matrices, not %s and %s",
                             vq_shape_text(n, &a->type),
                             vq_shape_text(n, &b->type));
    if (vq_attr_int(n, "transA", 0))
        a = vq_swap_last(n, a);
    if (vq_attr_int(n, "transB", 0))
        b = vq_swap_last(n, b);
    if (vq_known(b))
        y = vq_make2(n, OP_MATMUL, a, scaled(n, b, alpha));
    else
        y = scaled(n, vq_make2(n, OP_MATMUL, a, b), alpha);
    if (!c || beta == 0)
        return y;
    return vq_make2(n, OP_ADD, y, scaled(n, c, beta));
}

Item *
vq_onnx_gemm(Node *n)
{
    return vq_gemm(n, vq_in(n, 0), vq_in(n, 1), vq_in(n, 2));
}

/* A list attribute of exactly `count` numbers, or all `otherwise`. */
static bool
conv_list(const Node *n, const char *name, size_t count, int64_t otherwise,
          int64_t lo, int64_t *list)
{
    size_t len;
    const int64_t *v = vq_attr_ints(n, name, &len);

    if (v && len != count) {
        vq_node_error(n,
                      "%s has %zu numbers; only 2-D convolution, with %zu, "
                      "is supported",
                      name, len, count);
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        list[i] = v ? v[i] : otherwise;
        if (list[i] < lo || list[i] > 1 << 24) {
            vq_node_error(n, "%s has %lld in it", name, (long long)list[i]);
            return false;
        }
    }
    return true;
}

typedef struct ConvShape {
    int64_t kernel[2], strides[2], dilations[2], pads[4], groups;
} ConvShape;

/* SAME pads so that the output has ceil(input / stride) rows. */
static void
pad_same(const Item *x, ConvShape *c, bool upper)
{
    for (int i = 0; i < 2; i++) {
        int64_t in = x->type.dim[2 + i];
        int64_t out = (in + c->strides[i] - 1) / c->strides[i];
        int64_t reach = (c->kernel[i] - 1) * c->dilations[i] + 1;
        int64_t pad = vq_max((out - 1) * c->strides[i] + reach - in, 0);

        c->pads[i] = upper ? pad / 2 : pad - pad / 2;
        c->pads[2 + i] = pad - c->pads[i];
    }
}

static bool
read_conv(const Node *n, const Item *x, const Item *w, ConvShape *c)
{
    if (x->type.rank != 4 || w->type.rank != 4) {
        vq_node_error(n, "%s by %s; only 2-D convolution is supported",
                      vq_shape_text(n, &x->type), vq_shape_text(n, &w->type));
        return false;
    }
    c->kernel[0] = w->type.dim[2];
    c->kernel[1] = w->type.dim[3];
    c->groups = vq_attr_int(n, "group", 1);
    if (!conv_list(n, "strides", 2, 1, 1, c->strides) ||
        !conv_list(n, "dilations", 2, 1, 1, c->dilations) ||
        !conv_list(n, "pads", 4, 0, 0, c->pads))
        return false;
    if (vq_attr_is(n, "auto_pad", "SAME_UPPER", false))
        pad_same(x, c, true);
    else if (vq_attr_is(n, "auto_pad", "SAME_LOWER", false))
        pad_same(x, c, false);
    return true;
}

Item *
vq_conv(Node *n, Item *x, Item *w, Item *b)
{
    ConvShape c;

    if (!x || !w || !read_conv(n, x, w, &c))
        return NULL;
    Attr attrs[] = {{.key = A_STRIDES, .n = 2, .i = c.strides},
                    {.key = A_PADS, .n = 4, .i = c.pads},
                    {.key = A_DILATIONS, .n = 2, .i = c.dilations},
                    {.key = A_GROUPS, .n = 1, .i = &c.groups}};
    return vq_make(n, OP_CONV, (Item *[]){x, w, b}, b ? 3 : 2, attrs,
                   COUNT(attrs), NULL);
}

Item *
vq_onnx_conv(Node *n)
{
    return vq_conv(n, vq_in(n, 0), vq_in(n, 1), vq_in(n, 2));
}
