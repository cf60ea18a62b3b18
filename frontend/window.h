/* window.h -- the windows of convolutions and pools. */
#ifndef VQ_FRONTEND_WINDOW_H
#define VQ_FRONTEND_WINDOW_H

#include "frontend/import.h"

/* Rows, then columns; of one axis of pixels alone there is one row. */
typedef struct Window {
    int64_t size[2], kernel[2], strides[2], dilations[2];
    int64_t pads[4];   /* top, left, bottom, right */
    int64_t beyond[2]; /* bottom, right: what ceil_mode adds to them */
} Window;

/* By the node's attributes; kernel_shape is asked for when kernel is NULL. */
bool vq_window_read(const Node *, const Item *x, const int64_t *kernel,
                    Window *);
/* How many windows there are along an axis. */
int64_t vq_window_count(const Window *, int axis);
/* [N x C x W] as [N x C x 1 x W], and a result back to the rank of x. */
Item *vq_with_rows(Node *, Item *);
Item *vq_without_rows(Node *, Item *, int rank);

#endif
