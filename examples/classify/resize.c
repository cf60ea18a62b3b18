/*
 * resize.c -- bicubic resampling with antialiasing, and the middle cut out.
 *
 * When an image shrinks, the cubic kernel (a = -0.5) is stretched by the
 * factor, so that every source pixel counts. First rows, then columns, each
 * rounded to bytes, as Pillow and torchvision do.
 */
#include "photo.h"

#include <math.h>
#include <stdlib.h>

static double
cubic(double x)
{
    const double a = -0.5;

    x = fabs(x);
    if (x < 1)
        return ((a + 2) * x - (a + 3)) * x * x + 1;
    if (x < 2)
        return (((x - 5) * x + 8) * x - 4) * a;
    return 0;
}

static uint8_t
to_byte(double x)
{
    return (uint8_t)(x < 0 ? 0 : x > 255 ? 255 : x + 0.5);
}

/*
 * Output samples first .. first+n-1 of a line of `from` pixels resampled to
 * `to`. Pixels of the source lie `step` bytes apart, those of the result
 * `outstep`; a pixel is three bytes. weight: room for a window.
 */
static void
resample(const uint8_t *in, int step, int from, int to, int first, int n,
         uint8_t *out, int outstep, double *weight)
{
    double scale = (double)from / to, stretch = scale > 1 ? scale : 1;

    for (int i = 0; i < n; i++) {
        double center = (first + i + 0.5) * scale, sum = 0, rgb[3] = {0};
        int lo = (int)(center - 2 * stretch + 0.5);
        int hi = (int)(center + 2 * stretch + 0.5);

        lo = lo < 0 ? 0 : lo;
        hi = hi > from ? from : hi;
        for (int k = lo; k < hi; k++) {
            weight[k - lo] = cubic((k + 0.5 - center) / stretch);
            sum += weight[k - lo];
        }
        for (int k = lo; k < hi; k++)
            for (int c = 0; c < 3; c++)
                rgb[c] += weight[k - lo] / sum * in[(int64_t)k * step + c];
        for (int c = 0; c < 3; c++)
            out[(int64_t)i * outstep + c] = to_byte(rgb[c]);
    }
}

int
photo_crop(const Photo *p, int resize, int side, uint8_t *rgb)
{
    int w = p->width, h = p->height;
    int tow = w <= h ? resize : (int)((int64_t)resize * w / h);
    int toh = w <= h ? (int)((int64_t)resize * h / w) : resize;
    int left = (int)lround((tow - side) / 2.0);
    int top = (int)lround((toh - side) / 2.0);
    double *weight = malloc(((size_t)w + (size_t)h + 16) * sizeof *weight);
    uint8_t *rows = malloc((size_t)side * 3 * (size_t)h);

    if (weight && rows) {
        for (int y = 0; y < h; y++)
            resample(p->rgb + (int64_t)y * w * 3, 3, w, tow, left, side,
                     rows + (int64_t)y * side * 3, 3, weight);
        for (int x = 0; x < side; x++)
            resample(rows + x * 3, side * 3, h, toh, top, side, rgb + x * 3,
                     side * 3, weight);
    }
    free(rows);
    free(weight);
    return weight && rows ? 0 : -1;
}
