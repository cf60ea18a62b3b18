/*
 * image.c -- JPEG and PNG files, and what preprocessing makes of them.
 */
#include "tests/fuzz/fuzz.h"

#include <math.h>

#include "data/data.h"

static void
preprocess(Fuzz *f, const Image *im, int64_t channels, int64_t resize)
{
    Preprocess p = {channels, 12, 16, resize, {0.5F, 0.4F, 0.3F}, {1, 2, 3}};
    float *out = NEWN(&f->arena, float, 3 * 12 * 16);

    vq_preprocess(&f->tmp, im, &p, out);
    for (int i = 0; i < channels * 12 * 16; i++)
        fuzz_check(fabsf(out[i]) <= 1, "pixels are within their range");
}

void
fuzz_target(Fuzz *f, const uint8_t *data, size_t n)
{
    Image im;
    bool ok = vq_image_read(&f->arena, &f->diag,
                            fuzz_file(f, "in.png", data, n), &im);

    fuzz_check_said(f, ok);
    if (!ok)
        return;
    fuzz_check(im.channels == 3 && im.width >= 1 && im.height >= 1,
               "an image has pixels");
    if (im.width * im.height > 1 << 20)
        return;
    preprocess(f, &im, 3, 18);
    preprocess(f, &im, 1, 16);
}
