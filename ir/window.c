/*
 * window.c -- an op's windows, by its types and attributes.
 */
#include "ir/window.h"

Window
vq_window_of(const Graph *g, const Op *op)
{
    static const int64_t none[4];
    const Type *x = vq_type(g, op->in[0]), *y = vq_type(g, op->out);
    const Attr *pad = vq_attr(op, A_PADS);

    return (Window){.height = x->dim[1],
                    .width = x->dim[2],
                    .channels = x->dim[3],
                    .oh = y->dim[1],
                    .ow = y->dim[2],
                    .images = x->dim[0],
                    .kernel = vq_attr(op, A_KERNEL)->i,
                    .stride = vq_attr(op, A_STRIDES)->i,
                    .dilation = vq_attr(op, A_DILATIONS)->i,
                    .pad = pad ? pad->i : none};
}
