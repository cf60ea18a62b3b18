/*
 * ops_pool.c -- MaxPool and AveragePool of images.
 *
 * Windows at the right and bottom that ceil_mode adds reach over more padding.
 * An average is a convolution channel by channel with equal weights; where
 * windows hold different numbers of pixels, a product per window follows.
 */
#include "frontend/window.h"

/* The image as [N x C x H x W] and the node's windows. */
static Item *
read_pool(Node *n, Window *w)
{
    Item *x = vq_to_float(n, vq_in(n, 0));

    return x && vq_window_read(n, x, NULL, w) ? vq_with_rows(n, x) : NULL;
}

static void
all_pads(const Window *w, int64_t pads[4])
{
    for (int i = 0; i < 2; i++) {
        pads[i] = w->pads[i];
        pads[2 + i] = w->pads[2 + i] + w->beyond[i];
    }
}

Item *
vq_onnx_max_pool(Node *n)
{
    static const int64_t last[] = {0, 2, 3, 1}, first[] = {0, 3, 1, 2};
    Window w;
    Item *x = read_pool(n, &w);
    int64_t pads[4];

    if (!x)
        return NULL;
    all_pads(&w, pads);
    Attr attrs[] = {{.key = A_KERNEL, .n = 2, .i = w.kernel},
                    {.key = A_STRIDES, .n = 2, .i = w.strides},
                    {.key = A_PADS, .n = 4, .i = pads},
                    {.key = A_DILATIONS, .n = 2, .i = w.dilations}};
    x = vq_transpose(n, x, last);
    x = vq_make(n, OP_MAXPOOL, &x, 1, attrs, COUNT(attrs), NULL);
    return vq_without_rows(n, x ? vq_transpose(n, x, first) : NULL,
                           vq_in(n, 0)->type.rank);
}

/* Of at, at + step, at + 2 step .. n of them: how many lie before `end`. */
static int64_t
count_before(int64_t at, int64_t step, int64_t n, int64_t end)
{
    return at >= end ? 0 : vq_min(n, (end - at + step - 1) / step);
}

/* How many pixels of window i along an axis count. */
static int64_t
pixels(const Window *w, int axis, int64_t i, bool padding)
{
    int64_t lo = padding ? -w->pads[axis] : 0;
    int64_t hi = w->size[axis] + (padding ? w->pads[2 + axis] : 0);
    int64_t at = i * w->strides[axis] - w->pads[axis];
    int64_t step = w->dilations[axis], n = w->kernel[axis];

    return count_before(at, step, n, hi) - count_before(at, step, n, lo);
}

/* [Ho x 1] or [1 x Wo]: by what sums over the windows along an axis are too
 * small for the pixels that they have. */
static Item *
correction(Node *n, const Window *w, int axis, bool padding)
{
    int64_t dim[] = {1, 1};
    Item *k;

    dim[axis] = vq_window_count(w, axis);
    k = vq_item_new(n->im, n->loc, ET_FLOAT, 2, dim);
    for (int64_t i = 0; k && i < dim[axis]; i++)
        vq_item_f(k)[i] = (float)w->kernel[axis] /
                          (float)vq_max(pixels(w, axis, i, padding), 1);
    return k;
}

/* Windows in the middle have no fewer pixels than those at both ends. */
static bool
needs_correction(const Window *w, int axis, bool padding)
{
    return pixels(w, axis, 0, padding) < w->kernel[axis] ||
           pixels(w, axis, vq_window_count(w, axis) - 1, padding) <
               w->kernel[axis];
}

/* [C x 1 x kh x kw], all one over the window's area. */
static Item *
equal_weights(Node *n, const Window *w, int64_t channels)
{
    int64_t dim[] = {channels, 1, w->kernel[0], w->kernel[1]};
    Item *k = vq_item_new(n->im, n->loc, ET_FLOAT, 4, dim);

    for (int64_t i = 0; k && i < vq_count(&k->type); i++)
        vq_item_f(k)[i] = 1 / (float)(w->kernel[0] * w->kernel[1]);
    return k;
}

/* Whether one window is the whole image. */
static bool
is_whole(const Window *w)
{
    for (int i = 0; i < 2; i++)
        if (w->kernel[i] != w->size[i] || w->dilations[i] != 1 ||
            w->pads[i] != 0 || vq_window_count(w, i) != 1)
            return false;
    return true;
}

Item *
vq_onnx_average_pool(Node *n)
{
    bool padding = vq_attr_int(n, "count_include_pad", 0) != 0;
    int rank = vq_in(n, 0)->type.rank;
    Window w;
    Item *x = read_pool(n, &w);
    int64_t pads[4], channels;

    if (!x)
        return NULL;
    if (is_whole(&w))
        return vq_without_rows(n, vq_reduce(n, OP_REDUCE_MEAN, x, 12, true),
                               rank);
    channels = x->type.dim[1];
    all_pads(&w, pads);
    Attr attrs[] = {{.key = A_STRIDES, .n = 2, .i = w.strides},
                    {.key = A_PADS, .n = 4, .i = pads},
                    {.key = A_DILATIONS, .n = 2, .i = w.dilations},
                    {.key = A_GROUPS, .n = 1, .i = &channels}};
    x = vq_make(n, OP_CONV, (Item *[]){x, equal_weights(n, &w, channels)}, 2,
                attrs, COUNT(attrs), NULL);
    for (int axis = 0; axis < 2; axis++)
        if (needs_correction(&w, axis, padding))
            x = vq_make2(n, OP_MUL, x, correction(n, &w, axis, padding));
    return vq_without_rows(n, x, rank);
}
