/*
 * eval_image.c -- pad, and ops on images with their channels last: unfold,
 * maxpool and depthwise convolutions.
 */
#include "ir/eval_fn.h"
#include "ir/window.h"

#include <math.h>
#include <string.h>

/* ---- windows ---- */

/* The pixel that window i holds at element k of its kernel, counted over all
 * images; -1: it lies outside. */
static int64_t
pixel_at(const Window *w, int64_t i, int64_t k)
{
    int64_t ox = i % w->ow, oy = i / w->ow % w->oh, image = i / w->ow / w->oh;
    int64_t y = oy * w->stride[0] + k / w->kernel[1] * w->dilation[0];
    int64_t x = ox * w->stride[1] + k % w->kernel[1] * w->dilation[1];

    y -= w->pad[0];
    x -= w->pad[1];
    if (y < 0 || y >= w->height || x < 0 || x >= w->width)
        return -1;
    return (image * w->height + y) * w->width + x;
}

static int64_t
count_windows(const Window *w)
{
    return w->images * w->oh * w->ow;
}

/* ---- moves ---- */

/* Real 0 in each element. */
static void
fill_zero(const Type *t, void *out)
{
    size_t size = vq_dtype[t->dt].bytes;
    int64_t zero = t->dt == DT_F32 ? 0 : t->q.zero, n = vq_count(t);

    for (int64_t i = 0; i < n; i++)
        memcpy((char *)out + (size_t)i * size, &zero, size);
}

void
vq_eval_pad(const EvalArgs *e)
{
    const Type *t = in_type(e, 0);
    const int64_t *pad = vq_attr(e->op, A_PADS)->i;
    int64_t size = vq_dtype[t->dt].bytes, base = 0;
    Walk w;

    fill_zero(out_type(e), e->out);
    vq_dense_steps(t, w.step[0]);
    vq_dense_steps(out_type(e), w.step[1]);
    for (int i = 0; i < t->rank; i++)
        base += pad[i] * w.step[1][i];
    vq_walk_init(&w, t, 2);
    while (vq_walk_row(&w))
        for (int64_t i = 0; i < w.cols; i++)
            memcpy((char *)e->out + (base + w.at[1] + i * w.by[1]) * size,
                   (const char *)e->in[0] + (w.at[0] + i * w.by[0]) * size,
                   (size_t)size);
}

void
vq_eval_unfold(const EvalArgs *e)
{
    Window w = vq_window_of(e->g, e->op);
    size_t row = (size_t)w.channels * vq_dtype[in_type(e, 0)->dt].bytes;
    int64_t area = w.kernel[0] * w.kernel[1], n = count_windows(&w);
    char *y = e->out;

    for (int64_t i = 0; i < n; i++)
        for (int64_t k = 0; k < area; k++, y += row)
            memcpy(y, (const char *)e->in[0] + (size_t)pixel_at(&w, i, k) * row,
                   row);
}

#define GREATEST(T, least)                                                     \
    static void greatest_##T(const Window *w, const void *from, void *to)      \
    {                                                                          \
        int64_t area = w->kernel[0] * w->kernel[1], n = count_windows(w);      \
        T *y = to;                                                             \
                                                                               \
        for (int64_t i = 0; i < n; i++, y += w->channels) {                    \
            for (int64_t c = 0; c < w->channels; c++)                          \
                y[c] = least;                                                  \
            for (int64_t k = 0; k < area; k++) {                               \
                int64_t at = pixel_at(w, i, k);                                \
                const T *x = (const T *)from + at * w->channels;               \
                                                                               \
                for (int64_t c = 0; at >= 0 && c < w->channels; c++)           \
                    y[c] = x[c] > y[c] ? x[c] : y[c];                          \
            }                                                                  \
        }                                                                      \
    }

GREATEST(float, -INFINITY)
GREATEST(uint8_t, 0)
GREATEST(int8_t, INT8_MIN)
GREATEST(uint16_t, 0)
GREATEST(int16_t, INT16_MIN)
GREATEST(int32_t, INT32_MIN)
GREATEST(int64_t, INT64_MIN)

void
vq_eval_maxpool(const EvalArgs *e)
{
    static void (*const greatest[NDTYPE])(const Window *, const void *,
                                          void *) = {
        [DT_F32] = greatest_float,   [DT_U8] = greatest_uint8_t,
        [DT_S8] = greatest_int8_t,   [DT_U16] = greatest_uint16_t,
        [DT_S16] = greatest_int16_t, [DT_S32] = greatest_int32_t,
        [DT_S64] = greatest_int64_t,
    };
    Window w = vq_window_of(e->g, e->op);

    greatest[out_type(e)->dt](&w, e->in[0], e->out);
}

/* ---- depthwise ---- */

void
vq_eval_depthwise(const EvalArgs *e)
{
    Window w = vq_window_of(e->g, e->op);
    int64_t area = w.kernel[0] * w.kernel[1], n = count_windows(&w);
    const float *bias = in_data(e, 2);
    double *sum = NEWN(e->tmp, double, (size_t)w.channels);
    float *y = e->out;

    for (int64_t i = 0; i < n; i++) {
        for (int64_t c = 0; c < w.channels; c++)
            sum[c] = bias ? (double)bias[c] : 0;
        for (int64_t k = 0; k < area; k++) {
            const float *x =
                (const float *)e->in[0] + pixel_at(&w, i, k) * w.channels;
            const float *f = (const float *)e->in[1] + k * w.channels;

            for (int64_t c = 0; c < w.channels; c++)
                sum[c] += (double)x[c] * (double)f[c];
        }
        for (int64_t c = 0; c < w.channels; c++)
            *y++ = (float)sum[c];
    }
}

/* Sums of window i. */
static void
sum_window(const EvalArgs *e, const Window *w, int64_t i, int32_t *sum)
{
    int64_t area = w->kernel[0] * w->kernel[1], n = w->channels;
    const int32_t *bias = in_data(e, 2);

    for (int64_t c = 0; c < n; c++)
        sum[c] = bias ? bias[c] : 0;
    for (int64_t k = 0; k < area; k++) {
        const uint8_t *x = (const uint8_t *)e->in[0] + pixel_at(w, i, k) * n;
        const int8_t *f = (const int8_t *)e->in[1] + k * n;

        for (int64_t c = 0; c < n; c++)
            sum[c] += x[c] * f[c];
    }
}

void
vq_eval_i_depthwise(const EvalArgs *e)
{
    Window w = vq_window_of(e->g, e->op);
    int64_t n = count_windows(&w);

    for (int64_t i = 0; i < n; i++)
        sum_window(e, &w, i, (int32_t *)e->out + i * w.channels);
}

void
vq_eval_k_depthwise(const EvalArgs *e)
{
    Window w = vq_window_of(e->g, e->op);
    int64_t n = count_windows(&w);
    const Type *out = out_type(e);
    int32_t *sum = NEWN(e->tmp, int32_t, (size_t)w.channels);
    RequantRow r = {.form = (RequantForm)vq_get_i(e->op, A_FORM, 0),
                    .mul = in_data(e, 3),
                    .shift = in_data(e, 4),
                    .zero = out->q.zero,
                    .dt = out->dt};

    if (!r.mul) {
        vq_eval_i_depthwise(e);
        return;
    }
    r.n = vq_count(in_type(e, 3));
    for (int64_t i = 0; i < n; i++) {
        sum_window(e, &w, i, sum);
        vq_requant_row(&r, sum, w.channels);
        vq_narrow(out->dt, sum, w.channels, e->out, i * w.channels);
    }
}
