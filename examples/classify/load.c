/*
 * load.c -- JPEG by libjpeg, PNG by libpng's simple interface.
 */
#include "photo.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>
#include <png.h>

enum { MAX_PIXELS = 100000000 };

static int
fail(const char *path, const char *what)
{
    fprintf(stderr, "%s: %s\n", path, what);
    return -1;
}

typedef struct JpegError {
    struct jpeg_error_mgr base; /* first: libjpeg knows this part */
    jmp_buf jump;
} JpegError;

static void
on_jpeg_error(j_common_ptr jpeg)
{
    longjmp(((JpegError *)jpeg->err)->jump, 1);
}

static void
ignore_message(j_common_ptr jpeg)
{
    (void)jpeg;
}

static int
read_rows(struct jpeg_decompress_struct *jpeg, Photo *p)
{
    size_t row = (size_t)p->width * 3;

    p->rgb = malloc(row * (size_t)p->height);
    if (!p->rgb)
        return -1;
    while (jpeg->output_scanline < jpeg->output_height) {
        JSAMPROW to = p->rgb + row * jpeg->output_scanline;

        jpeg_read_scanlines(jpeg, &to, 1);
    }
    return 0;
}

static int
load_jpeg(FILE *f, Photo *p)
{
    struct jpeg_decompress_struct jpeg;
    JpegError error;
    volatile int code = -1; /* lives across a longjmp */

    jpeg.err = jpeg_std_error(&error.base);
    error.base.error_exit = on_jpeg_error;
    error.base.output_message = ignore_message;
    if (setjmp(error.jump)) {
        jpeg_destroy_decompress(&jpeg);
        return -1;
    }
    jpeg_create_decompress(&jpeg);
    jpeg_stdio_src(&jpeg, f);
    jpeg_read_header(&jpeg, TRUE);
    jpeg.out_color_space = JCS_RGB;
    jpeg_start_decompress(&jpeg);
    p->width = (int)jpeg.output_width;
    p->height = (int)jpeg.output_height;
    if ((int64_t)p->width * p->height <= MAX_PIXELS)
        code = read_rows(&jpeg, p);
    if (code == 0)
        jpeg_finish_decompress(&jpeg);
    jpeg_destroy_decompress(&jpeg);
    return code;
}

static int
load_png(FILE *f, Photo *p)
{
    png_image image = {.version = PNG_IMAGE_VERSION};
    int code = -1;

    if (!png_image_begin_read_from_stdio(&image, f))
        return -1;
    image.format = PNG_FORMAT_RGB;
    p->width = (int)image.width;
    p->height = (int)image.height;
    if ((int64_t)p->width * p->height <= MAX_PIXELS)
        p->rgb = malloc(PNG_IMAGE_SIZE(image));
    if (p->rgb && png_image_finish_read(&image, NULL, p->rgb, 0, NULL))
        code = 0;
    png_image_free(&image);
    return code;
}

int
photo_load(const char *path, Photo *p)
{
    FILE *f = fopen(path, "rb");
    unsigned char head[4] = {0};
    int code = -1;

    *p = (Photo){0};
    if (!f || fread(head, 1, 4, f) != 4) {
        if (f)
            fclose(f);
        return fail(path, "cannot read");
    }
    rewind(f);
    if (head[0] == 0xff && head[1] == 0xd8)
        code = load_jpeg(f, p);
    else if (memcmp(head, "\x89PNG", 4) == 0)
        code = load_png(f, p);
    fclose(f);
    if (code == 0)
        return 0;
    free(p->rgb);
    p->rgb = NULL;
    return fail(path, "not a JPEG or PNG that can be read");
}
