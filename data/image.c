/*
 * image.c -- JPEG and PNG files as 8-bit RGB.
 *
 * The decoders work on the whole file in memory and write into memory that
 * was taken before they start, so that neither their error jump nor the
 * arena's leaves anything behind.
 */
#include "data/image.h"

#include <string.h>
#include <strings.h>

enum { MAX_FILE = 1 << 28, MAX_PIXELS = 100 * 1000 * 1000 };

/* `most` pixels of a byte of the file: a JPEG has a bit or more for a block of
 * 64, and deflate makes 1032 bytes, of 8 pixels each, of one. */
static const struct {
    const char *magic;
    size_t len;
    int64_t most;
    ImageSize *size;
    ImageDecode *decode;
} formats[] = {
    {"\xff\xd8\xff", 3, 8 * 64, vq_jpeg_size, vq_jpeg_decode},
    {"\x89PNG\r\n\x1a\n", 8, 1032 * 8, vq_png_size, vq_png_decode},
};

bool
vq_image_named(const char *name)
{
    static const char *const ends[] = {".jpg", ".jpeg", ".png"};
    size_t n = strlen(name);

    for (size_t i = 0; i < COUNT(ends); i++) {
        size_t m = strlen(ends[i]);

        if (n > m && strcasecmp(name + n - m, ends[i]) == 0)
            return true;
    }
    return false;
}

int
vq_image_format(const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < COUNT(formats); i++)
        if (len >= formats[i].len &&
            memcmp(bytes, formats[i].magic, formats[i].len) == 0)
            return (int)i;
    return -1;
}

bool
vq_image_read(Arena *a, Diag *d, const char *path, Image *im)
{
    ImageFile f = {.path = path, .diag = d};
    int format;

    if (!vq_file_read(a, d, path, MAX_FILE, &f.bytes, &f.len))
        return false;
    format = vq_image_format(f.bytes, f.len);
    if (format < 0)
        return vq_file_error(d, path, "is neither a JPEG nor a PNG image");
    *im = (Image){.channels = 3};
    if (!formats[format].size(&f, im))
        return false;
    if (im->width < 1 || im->height < 1 || im->width > MAX_PIXELS / im->height)
        return vq_file_error(d, path,
                             "has %lld x %lld pixels; up to 10^8 are read",
                             (long long)im->width, (long long)im->height);
    if (im->width * im->height > formats[format].most * (int64_t)f.len)
        return vq_file_error(
            d, path, "has %lld x %lld pixels in no more than %zu bytes",
            (long long)im->width, (long long)im->height, f.len);
    im->pixel = vq_allocn(a, (size_t)(im->width * im->height), 3);
    f.row = vq_allocn(a, (size_t)im->width, 4);
    f.rows = vq_allocn(a, (size_t)im->height, sizeof *f.rows);
    for (int64_t y = 0; y < im->height; y++)
        f.rows[y] = im->pixel + y * im->width * 3;
    return formats[format].decode(&f, im);
}
