/*
 * resample.c -- bicubic with antialias, with Pillow's arithmetic.
 *
 * Separable: rows first, then columns, 8 bits between the two. A result is a
 * weighted sum of the pixels under a cubic (a = -0.5) that is stretched when
 * the image shrinks; weights have 22 fraction bits. This is Pillow's order up
 * to version 12; 13 takes columns first when the height shrinks by much more
 * than the width, as happens by rounding in images over twice as tall as wide,
 * and then differs by a few levels.
 */
#include "data/data.h"

#include <math.h>
#include <string.h>

enum { WEIGHT_BITS = 22 };

typedef struct Taps {
    int64_t most;   /* weights kept for each result */
    int64_t *first; /* first source pixel */
    int64_t *n;     /* how many */
    int32_t *weight;
} Taps;

static double
cubic(double x)
{
    const double a = -0.5;

    x = fabs(x);
    if (x < 1.0)
        return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
    if (x < 2.0)
        return (((x - 5) * x + 8) * x - 4) * a;
    return 0;
}

static void
set_weights(Taps *t, int64_t i, double center, double stretch, double *k)
{
    double sum = 0;

    for (int64_t j = 0; j < t->n[i]; j++) {
        double at = (double)(j + t->first[i]) - center + 0.5;

        k[j] = cubic(at * (1.0 / stretch));
        sum += k[j];
    }
    for (int64_t j = 0; j < t->n[i]; j++) {
        double w = (sum != 0.0 ? k[j] / sum : k[j]) * (1 << WEIGHT_BITS);

        t->weight[i * t->most + j] = (int32_t)(w < 0 ? w - 0.5 : w + 0.5);
    }
}

/* Results [begin, begin + n) of a line of `in` pixels made `out` long. */
static Taps
make_taps(Arena *a, int64_t in, int64_t out, int64_t begin, int64_t n)
{
    double scale = (double)in / (double)out;
    double stretch = scale < 1.0 ? 1.0 : scale;
    double support = 2.0 * stretch;
    Taps t = {.most = (int64_t)ceil(support) * 2 + 1};
    double *k = NEWN(a, double, (size_t)t.most);

    t.first = NEWN(a, int64_t, (size_t)n);
    t.n = NEWN(a, int64_t, (size_t)n);
    t.weight = vq_allocn(a, (size_t)n, (size_t)t.most * sizeof *t.weight);
    for (int64_t i = 0; i < n; i++) {
        double center = ((double)(begin + i) + 0.5) * scale;

        t.first[i] = vq_max((int64_t)(center - support + 0.5), 0);
        t.n[i] = vq_min((int64_t)(center + support + 0.5), in) - t.first[i];
        set_weights(&t, i, center, stretch, k);
    }
    return t;
}

static inline uint8_t
weigh(const uint8_t *p, int64_t step, const int32_t *w, int64_t n)
{
    int32_t sum = 1 << (WEIGHT_BITS - 1);

    for (int64_t j = 0; j < n; j++)
        sum += p[j * step] * w[j];
    return (uint8_t)vq_clamp(sum >> WEIGHT_BITS, 0, 255);
}

static Image
resample_rows(Arena *a, const Image *im, int64_t width, int64_t x, int64_t w)
{
    Taps t = make_taps(a, im->width, width, x, w);
    int c = im->channels;
    Image r = {w, im->height, c,
               vq_allocn(a, (size_t)(w * c), (size_t)im->height)};
    uint8_t *to = r.pixel;

    for (int64_t y = 0; y < im->height; y++)
        for (int64_t i = 0; i < w; i++) {
            const uint8_t *from = im->pixel + (y * im->width + t.first[i]) * c;

            for (int k = 0; k < c; k++)
                *to++ = weigh(from + k, c, t.weight + i * t.most, t.n[i]);
        }
    return r;
}

static Image
resample_cols(Arena *a, const Image *im, int64_t height, int64_t y, int64_t h)
{
    Taps t = make_taps(a, im->height, height, y, h);
    int64_t row = im->width * im->channels;
    Image r = {im->width, h, im->channels,
               vq_allocn(a, (size_t)row, (size_t)h)};
    uint8_t *to = r.pixel;

    for (int64_t i = 0; i < h; i++)
        for (int64_t k = 0; k < row; k++)
            *to++ = weigh(im->pixel + t.first[i] * row + k, row,
                          t.weight + i * t.most, t.n[i]);
    return r;
}

static Image
crop(Arena *a, const Image *im, int64_t x, int64_t y, int64_t w, int64_t h)
{
    int c = im->channels;
    Image r = {w, h, c, vq_allocn(a, (size_t)(w * c), (size_t)h)};

    for (int64_t i = 0; i < h; i++)
        memcpy(r.pixel + i * w * c, im->pixel + ((y + i) * im->width + x) * c,
               (size_t)(w * c));
    return r;
}

Image
vq_resample(Arena *a, const Image *im, int64_t width, int64_t height, int64_t x,
            int64_t y, int64_t w, int64_t h)
{
    bool rows = width != im->width, cols = height != im->height;
    Image r = *im;

    if (rows)
        r = resample_rows(a, &r, width, x, w);
    if (cols)
        r = resample_cols(a, &r, height, y, h);
    return crop(a, &r, rows ? 0 : x, cols ? 0 : y, w, h);
}
