/*
 * window.h -- windows of unfold, maxpool and depthwise on images with their
 * channels last, [N x H x W x C].
 */
#ifndef VQ_IR_WINDOW_H
#define VQ_IR_WINDOW_H

#include "ir/ir.h"

typedef struct Window {
    int64_t height, width, channels, oh, ow, images;
    const int64_t *kernel, *stride, *dilation, *pad; /* the op's */
} Window;

/* Without pads where the op has none. */
Window vq_window_of(const Graph *, const Op *);

#endif
