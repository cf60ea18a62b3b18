/*
 * preprocess.c -- resize, crop, normalise: torchvision's Resize, CenterCrop,
 * ToTensor and Normalize on a Pillow image, to the last bit.
 */
#include "data/data.h"

#include <assert.h>

int64_t
vq_resize_default(int64_t height, int64_t width)
{
    return (vq_max(height, width) * 256 + 112) / 224;
}

/* Half of an extent's excess, rounded half to even as Python's round. */
static int64_t
half(int64_t excess)
{
    int64_t h = excess / 2;

    return excess % 2 ? h + h % 2 : h;
}

/* ITU-R 601 luma in 16 fraction bits, as Pillow's convert("L"). */
static Image
gray_of(Arena *a, const Image *im)
{
    int64_t n = im->width * im->height;
    Image g = {im->width, im->height, 1, vq_alloc(a, (size_t)n)};

    for (int64_t i = 0; i < n; i++) {
        const uint8_t *p = im->pixel + 3 * i;

        g.pixel[i] =
            (uint8_t)((p[0] * 19595 + p[1] * 38470 + p[2] * 7471 + 0x8000) >>
                      16);
    }
    return g;
}

void
vq_normalize(const uint8_t *pixel, const Preprocess *p, float *out)
{
    int64_t n = p->height * p->width;

    for (int64_t c = 0; c < p->channels; c++)
        for (int64_t i = 0; i < n; i++)
            *out++ = ((float)pixel[i * p->channels + c] / 255.0f - p->mean[c]) /
                     p->std[c];
}

/* The longer side is cut to an integer, not rounded, as in torchvision. */
void
vq_preprocess(Arena *tmp, const Image *im, const Preprocess *p, float *out)
{
    ArenaMark mark = vq_arena_mark(tmp);
    int64_t shorter = vq_min(im->width, im->height);
    int64_t w = p->resize * im->width / shorter;
    int64_t h = p->resize * im->height / shorter;
    Image from = *im;

    assert(p->resize >= p->width && p->resize >= p->height);
    assert(p->channels == 1 || (p->channels == 3 && im->channels == 3));
    if (p->channels < im->channels)
        from = gray_of(tmp, im);
    from = vq_resample(tmp, &from, w, h, half(w - p->width),
                       half(h - p->height), p->width, p->height);
    vq_normalize(from.pixel, p, out);
    vq_arena_release(tmp, mark);
}
