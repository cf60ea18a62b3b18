/*
 * image_png.c -- PNG by libpng, without gamma correction.
 */
#include "data/image.h"

#include <setjmp.h>
#include <string.h>

#include <png.h>

typedef struct Png {
    png_structp png;
    png_infop info;
    const uint8_t *at, *end;
    char text[128];
} Png;

static void
stop(png_structp png, png_const_charp text)
{
    Png *p = png_get_error_ptr(png);

    snprintf(p->text, sizeof p->text, "%s", text);
    png_longjmp(png, 1);
}

/* libpng warns of profiles and text chunks, which are not used. */
static void
ignore(png_structp png, png_const_charp text)
{
    (void)png;
    (void)text;
}

static void
feed(png_structp png, png_bytep to, size_t n)
{
    Png *p = png_get_io_ptr(png);

    if ((size_t)(p->end - p->at) < n)
        png_error(png, "it is cut short");
    memcpy(to, p->at, n);
    p->at += n;
}

static bool
init(Png *p, const ImageFile *f)
{
    *p = (Png){.at = f->bytes, .end = f->bytes + f->len};
    p->png = png_create_read_struct(PNG_LIBPNG_VER_STRING, p, stop, ignore);
    p->info = p->png ? png_create_info_struct(p->png) : NULL;
    if (p->info)
        return true;
    png_destroy_read_struct(&p->png, &p->info, NULL);
    return vq_file_error(f->diag, f->path, "libpng does not start");
}

static void
begin(Png *p)
{
    png_set_user_limits(p->png, 0x7fffffff, 0x7fffffff);
    png_set_read_fn(p->png, p, feed);
    png_read_info(p->png, p->info);
}

static bool
fail(Png *p, const ImageFile *f)
{
    png_destroy_read_struct(&p->png, &p->info, NULL);
    return vq_file_error(f->diag, f->path, "is not a sound PNG: %s", p->text);
}

bool
vq_png_size(const ImageFile *f, Image *im)
{
    Png p;

    if (!init(&p, f))
        return false;
    if (setjmp(png_jmpbuf(p.png)))
        return fail(&p, f);
    begin(&p);
    im->width = png_get_image_width(p.png, p.info);
    im->height = png_get_image_height(p.png, p.info);
    png_destroy_read_struct(&p.png, &p.info, NULL);
    return true;
}

/* Whatever it holds, rows of RGB come out. */
static void
set_rgb(Png *p)
{
    png_byte kind = png_get_color_type(p->png, p->info);

    png_set_strip_16(p->png);
    if (kind == PNG_COLOR_TYPE_PALETTE)
        png_set_palette_to_rgb(p->png);
    if (kind == PNG_COLOR_TYPE_GRAY && png_get_bit_depth(p->png, p->info) < 8)
        png_set_expand_gray_1_2_4_to_8(p->png);
    if (!(kind & PNG_COLOR_MASK_COLOR))
        png_set_gray_to_rgb(p->png);
    png_set_strip_alpha(p->png);
    png_set_interlace_handling(p->png);
}

bool
vq_png_decode(const ImageFile *f, Image *im)
{
    Png p;

    if (!init(&p, f))
        return false;
    if (setjmp(png_jmpbuf(p.png)))
        return fail(&p, f);
    begin(&p);
    set_rgb(&p);
    png_read_update_info(p.png, p.info);
    if (png_get_rowbytes(p.png, p.info) != (size_t)im->width * 3)
        png_error(p.png, "its rows have an unknown form");
    png_read_image(p.png, f->rows);
    png_read_end(p.png, NULL);
    png_destroy_read_struct(&p.png, &p.info, NULL);
    return true;
}
