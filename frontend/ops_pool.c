/*
 * ops_pool.c -- MaxPool and AveragePool of images.
 *
 * Windows at the right and bottom that ceil_mode adds reach over more padding.
 * An average is a convolution channel by channel with equal weights; where
 * windows hold different numbers of pixels, a product per window follows.
 */
#include "frontend/import.h"

typedef struct Pool {
    int64_t in[2], out[2], kernel[2], strides[2], dilations[2];
    int64_t pads[4]; /* top, left, bottom, right, as the model has them */
    int64_t more[2]; /* of ceil_mode, at the bottom and right */
} Pool;

/* A list attribute of 2 or 4 numbers; of 1-D pools those of a first axis of
 * length 1 come in front. */
static bool
pool_list(const Node *n, const char *name, size_t count, int64_t otherwise,
          int64_t lo, bool flat, int64_t *list)
{
    size_t len, want = flat ? count / 2 : count;
    const int64_t *v = vq_attr_ints(n, name, &len);

    for (size_t i = 0; i < count; i++)
        list[i] = otherwise;
    if (v && len != want)
        return vq_node_error(n, "%s has %zu numbers, not %zu", name, len, want);
    for (size_t i = 0; v && i < want; i++) {
        if (v[i] < lo || v[i] > 1 << 20)
            return vq_node_error(n, "%s has %lld in it", name, (long long)v[i]);
        list[flat ? 2 * i + 1 : i] = v[i];
    }
    return true;
}

static int64_t
reach(const Pool *p, int i)
{
    return (p->kernel[i] - 1) * p->dilations[i] + 1;
}

static void
pad_same(Pool *p, int i, bool upper)
{
    int64_t out = (p->in[i] + p->strides[i] - 1) / p->strides[i];
    int64_t pad = vq_max((out - 1) * p->strides[i] + reach(p, i) - p->in[i], 0);

    p->pads[i] = upper ? pad / 2 : pad - pad / 2;
    p->pads[2 + i] = pad - p->pads[i];
}

/* How many windows there are; one that would start beyond the image and its
 * padding in front does not count. */
static bool
count_windows(const Node *n, Pool *p, int i, bool ceil)
{
    int64_t wide = p->in[i] + p->pads[i] + p->pads[2 + i] - reach(p, i);

    if (wide < 0)
        return vq_node_error(n, "a window is larger than the image");
    p->out[i] = (wide + (ceil ? p->strides[i] - 1 : 0)) / p->strides[i] + 1;
    if ((p->out[i] - 1) * p->strides[i] >= p->in[i] + p->pads[i])
        p->out[i]--;
    p->more[i] = vq_max((p->out[i] - 1) * p->strides[i] - wide, 0);
    return true;
}

static bool
read_pool(const Node *n, const Type *x, bool flat, Pool *p)
{
    bool ceil = vq_attr_int(n, "ceil_mode", 0) != 0;
    bool upper = vq_attr_is(n, "auto_pad", "SAME_UPPER", false);
    bool lower = vq_attr_is(n, "auto_pad", "SAME_LOWER", false);

    if (!vq_node_attr(n, "kernel_shape"))
        return vq_node_error(n, "has no kernel_shape");
    if (!pool_list(n, "kernel_shape", 2, 1, 1, flat, p->kernel) ||
        !pool_list(n, "strides", 2, 1, 1, flat, p->strides) ||
        !pool_list(n, "dilations", 2, 1, 1, flat, p->dilations) ||
        !pool_list(n, "pads", 4, 0, 0, flat, p->pads))
        return false;
    for (int i = 0; i < 2; i++) {
        p->in[i] = x->dim[2 + i];
        if (upper || lower)
            pad_same(p, i, upper);
        if (!count_windows(n, p, i, ceil))
            return false;
    }
    return true;
}

/* The image as [N x C x H x W], with an axis more for a 1-D pool. */
static Item *
as_image(Node *n, bool *flat)
{
    Item *x = vq_to_float(n, vq_in(n, 0));
    const int64_t *d;

    if (!x)
        return NULL;
    d = x->type.dim;
    *flat = x->type.rank == 3;
    if (*flat)
        return vq_reshape(n, x, 4, (int64_t[]){d[0], d[1], 1, d[2]});
    if (x->type.rank == 4)
        return x;
    return vq_node_error(n, "of %s; only images are supported",
                         vq_shape_text(n, &x->type));
}

static Item *
from_image(Node *n, Item *y, bool flat)
{
    const int64_t *d;

    if (!y || !flat)
        return y;
    d = y->type.dim;
    return vq_reshape(n, y, 3, (int64_t[]){d[0], d[1], d[3]});
}

static void
all_pads(const Pool *p, int64_t pads[4])
{
    for (int i = 0; i < 2; i++) {
        pads[i] = p->pads[i];
        pads[2 + i] = p->pads[2 + i] + p->more[i];
    }
}

Item *
vq_onnx_max_pool(Node *n)
{
    static const int64_t last[] = {0, 2, 3, 1}, first[] = {0, 3, 1, 2};
    int64_t pads[4];
    bool flat;
    Item *x = as_image(n, &flat);
    Pool p;

    if (!x || !read_pool(n, &x->type, flat, &p))
        return NULL;
    all_pads(&p, pads);
    Attr attrs[] = {{.key = A_KERNEL, .n = 2, .i = p.kernel},
                    {.key = A_STRIDES, .n = 2, .i = p.strides},
                    {.key = A_DILATIONS, .n = 2, .i = p.dilations},
                    {.key = A_PADS, .n = 4, .i = pads}};
    x = vq_transpose(n, x, last);
    x = vq_make(n, OP_MAXPOOL, &x, 1, attrs, COUNT(attrs), NULL);
    return from_image(n, x ? vq_transpose(n, x, first) : NULL, flat);
}

/* Of at, at + step, at + 2 step .. n of them: how many lie before `end`. */
static int64_t
count_before(int64_t at, int64_t step, int64_t n, int64_t end)
{
    return at >= end ? 0 : vq_min(n, (end - at + step - 1) / step);
}

/* How many pixels of window i along an axis count. */
static int64_t
pixels(const Pool *p, int axis, int64_t i, bool padding)
{
    int64_t lo = padding ? -p->pads[axis] : 0;
    int64_t hi = p->in[axis] + (padding ? p->pads[2 + axis] : 0);
    int64_t at = i * p->strides[axis] - p->pads[axis];
    int64_t step = p->dilations[axis], n = p->kernel[axis];

    return count_before(at, step, n, hi) - count_before(at, step, n, lo);
}

/* [Ho x Wo]: by what the sum over all pixels of a window is too small; NULL
 * when by nothing. */
static Item *
correction(Node *n, const Pool *p, bool padding, bool *any)
{
    Item *k = vq_item_new(n->im, n->loc, ET_FLOAT, 2, p->out);
    double area = (double)(p->kernel[0] * p->kernel[1]);

    *any = false;
    for (int64_t i = 0; k && i < p->out[0] * p->out[1]; i++) {
        int64_t count = pixels(p, 0, i / p->out[1], padding) *
                        pixels(p, 1, i % p->out[1], padding);

        vq_item_f(k)[i] = (float)(area / (double)vq_max(count, 1));
        *any = *any || (double)count < area;
    }
    return k;
}

/* [C x 1 x kh x kw], all one over the window's area. */
static Item *
equal_weights(Node *n, const Pool *p, int64_t channels)
{
    int64_t dim[] = {channels, 1, p->kernel[0], p->kernel[1]};
    Item *w = vq_item_new(n->im, n->loc, ET_FLOAT, 4, dim);

    for (int64_t i = 0; w && i < vq_count(&w->type); i++)
        vq_item_f(w)[i] = 1 / (float)(p->kernel[0] * p->kernel[1]);
    return w;
}

/* Whether one window is the whole image. */
static bool
is_whole(const Pool *p)
{
    return p->kernel[0] == p->in[0] && p->kernel[1] == p->in[1] &&
           p->out[0] == 1 && p->out[1] == 1 && p->pads[0] == 0 &&
           p->pads[1] == 0 && p->dilations[0] == 1 && p->dilations[1] == 1;
}

Item *
vq_onnx_average_pool(Node *n)
{
    bool padding = vq_attr_int(n, "count_include_pad", 0) != 0, flat, any;
    Item *x = as_image(n, &flat), *w, *k;
    int64_t pads[4], channels;
    Pool p;

    if (!x || !read_pool(n, &x->type, flat, &p))
        return NULL;
    if (is_whole(&p))
        return from_image(n, vq_reduce(n, OP_REDUCE_MEAN, x, 12, true), flat);
    channels = x->type.dim[1];
    all_pads(&p, pads);
    Attr attrs[] = {{.key = A_STRIDES, .n = 2, .i = p.strides},
                    {.key = A_PADS, .n = 4, .i = pads},
                    {.key = A_DILATIONS, .n = 2, .i = p.dilations},
                    {.key = A_GROUPS, .n = 1, .i = &channels}};
    w = equal_weights(n, &p, channels);
    k = correction(n, &p, padding, &any);
    x = vq_make(n, OP_CONV, (Item *[]){x, w}, 2, attrs, COUNT(attrs), NULL);
    if (any)
        x = vq_make2(n, OP_MUL, x, k);
    return from_image(n, x, flat);
}
