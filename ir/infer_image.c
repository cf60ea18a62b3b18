/*
 * infer_image.c -- the types of ops on images with their channels last,
 * [N x H x W x C], and of pad.
 */
#include "ir/infer.h"
#include "ir/text.h"

bool
vq_infer_pad(const Infer *c)
{
    const Type *x = vq_infer_in(c, 0);
    const int64_t *pad;

    if (!vq_infer_list(c, A_PADS, 2 * (uint32_t)x->rank, 0, INT32_MAX, &pad))
        return false;
    *c->out = *x;
    for (int i = 0; i < x->rank; i++)
        c->out->dim[i] += pad[i] + pad[x->rank + i];
    if (!x->q.scales || c->out->dim[x->q.axis] == x->dim[x->q.axis])
        return true;
    return vq_infer_error(c, "%s cannot be padded along the axis of its scales",
                          vq_infer_text(c, 0));
}

/* Positions of the op's windows on `padded` pixels of an axis; 0: none. */
static int64_t
count_windows(int64_t padded, int64_t kernel, int64_t stride, int64_t dilation)
{
    if (kernel - 1 > (padded - 1) / dilation)
        return 0;
    return (padded - 1 - (kernel - 1) * dilation) / stride + 1;
}

/* Input 0 as an image, with rows and columns of windows for pixels. */
static bool
infer_windows(const Infer *c, const int64_t *pad, const int64_t **kernel)
{
    const Type *x = vq_infer_in(c, 0);
    const int64_t *stride, *dilation;

    if (x->rank != 4)
        return vq_infer_error(c, "%s must be an image of rank 4 (NHWC)",
                              vq_infer_text(c, 0));
    if (!vq_infer_list(c, A_KERNEL, 2, 1, INT32_MAX, kernel) ||
        !vq_infer_list(c, A_STRIDES, 2, 1, INT32_MAX, &stride) ||
        !vq_infer_list(c, A_DILATIONS, 2, 1, INT32_MAX, &dilation))
        return false;
    *c->out = *x;
    for (int i = 0; i < 2; i++) {
        int64_t *n = &c->out->dim[1 + i];

        *n = count_windows(*n + pad[i] + pad[2 + i], (*kernel)[i], stride[i],
                           dilation[i]);
        if (*n == 0)
            return vq_infer_error(c,
                                  "windows of %lld x %lld are larger than %s",
                                  (long long)(*kernel)[0],
                                  (long long)(*kernel)[1], vq_infer_text(c, 0));
    }
    return true;
}

static const int64_t no_pads[4];

bool
vq_infer_unfold(const Infer *c)
{
    const int64_t *kernel;

    if (!infer_windows(c, no_pads, &kernel))
        return false;
    c->out->dim[3] *= kernel[0] * kernel[1];
    if (!c->out->q.scales ||
        (c->out->q.axis != 3 && kernel[0] * kernel[1] == 1))
        return true;
    return vq_infer_error(c, "the per-channel axis of %s does not survive",
                          vq_infer_text(c, 0));
}

/* Its windows may reach beyond the image, where nothing is. */
bool
vq_infer_maxpool(const Infer *c)
{
    const Type *x = vq_infer_in(c, 0);
    const int64_t *pad, *kernel;

    if (!vq_infer_list(c, A_PADS, 4, 0, INT32_MAX, &pad) ||
        !infer_windows(c, pad, &kernel))
        return false;
    if (!x->q.scales || x->q.axis == 0 || x->q.axis == 3)
        return true;
    return vq_infer_error(c, "the per-channel axis of %s does not survive",
                          vq_infer_text(c, 0));
}

/* A row of weights for each pixel of the window. */
static bool
infer_weights(const Infer *c)
{
    const Type *x = vq_infer_in(c, 0), *w = vq_infer_in(c, 1);
    const int64_t *kernel;

    if (!infer_windows(c, no_pads, &kernel))
        return false;
    if (w->rank != 2 || w->dim[0] != kernel[0] * kernel[1] ||
        w->dim[1] != x->dim[3])
        return vq_infer_error(c, "%s are not %lld x %lld weights for %s",
                              vq_infer_text(c, 1), (long long)kernel[0],
                              (long long)kernel[1], vq_infer_text(c, 0));
    return vq_infer_vector(c, 2, w->dim[1]);
}

bool
vq_infer_depthwise(const Infer *c)
{
    if (!infer_weights(c))
        return false;
    *c->out = vq_type_of(DT_F32, c->out->rank, c->out->dim);
    return true;
}

/* The shape found, with this dtype and what the caller wants of the rest. */
static bool
finish(const Infer *c, DType dt)
{
    *c->out = vq_type_of(dt, c->out->rank, c->out->dim);
    if (c->want)
        c->out->q = c->want->q;
    return true;
}

bool
vq_infer_idepthwise(const Infer *c)
{
    return infer_weights(c) && finish(c, DT_S32);
}

bool
vq_infer_kdepthwise(const Infer *c)
{
    if (!infer_weights(c))
        return false;
    if (!vq_infer_in(c, 3))
        return finish(c, DT_S32);
    if (!c->want || c->want->dt == DT_NONE)
        return vq_infer_error(c, "the type of the result must be given");
    return finish(c, c->want->dt);
}
