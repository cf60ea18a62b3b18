/* window.h -- windows on images with their channels last, [N x H x W x C]. */
#ifndef VQ_WINDOW_H
#define VQ_WINDOW_H

#include "codegen/module.h"

typedef struct Window {
    int64_t height, width, channels, oh, ow, images;
    const int64_t *kernel, *stride, *dilation, *pad;
} Window;

Window vq_window_of(const Graph *, const Op *);
/* The first pixel of row `turn` of windows, of all images' rows, where there
 * are no pads; elements of x are `size` bytes. */
Val vq_window_row(Build *, const Window *, Val x, Val turn, int64_t size);

#endif
