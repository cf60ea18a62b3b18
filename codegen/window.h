/* window.h -- windows on images with their channels last, [N x H x W x C]. */
#ifndef VQ_WINDOW_H
#define VQ_WINDOW_H

#include "codegen/module.h"
#include "ir/window.h"

/* The first pixel of row `turn` of windows, of all images' rows, where there
 * are no pads; elements of x are `size` bytes. */
Val vq_window_row(Build *, const Window *, Val x, Val turn, int64_t size);

#endif
