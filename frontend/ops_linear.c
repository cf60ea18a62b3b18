/*
 * ops_linear.c -- matrix products and convolution.
 */
#include "frontend/window.h"

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

/* A product of windows; one axis of pixels is an image of one row. */
Item *
vq_conv(Node *n, Item *x, Item *w, Item *b)
{
    Window c;
    int64_t groups = vq_attr_int(n, "group", 1);
    int rank;
    Item *y;

    if (!x || !w)
        return NULL;
    rank = x->type.rank;
    if (w->type.rank != rank || rank < 3)
        return vq_node_error(n,
                             "%s by %s; images and weights of one rank are "
                             "needed",
                             vq_shape_text(n, &x->type),
                             vq_shape_text(n, &w->type));
    if (!vq_window_read(n, x, w->type.dim + 2, &c))
        return NULL;
    Attr attrs[] = {{.key = A_STRIDES, .n = 2, .i = c.strides},
                    {.key = A_PADS, .n = 4, .i = c.pads},
                    {.key = A_DILATIONS, .n = 2, .i = c.dilations},
                    {.key = A_GROUPS, .n = 1, .i = &groups}};
    x = vq_with_rows(n, x);
    w = vq_with_rows(n, w);
    y = vq_make(n, OP_CONV, (Item *[]){x, w, b}, b ? 3 : 2, attrs, COUNT(attrs),
                NULL);
    return vq_without_rows(n, y, rank);
}

Item *
vq_onnx_conv(Node *n)
{
    return vq_conv(n, vq_in(n, 0), vq_in(n, 1), vq_in(n, 2));
}
