/*
 * image_jpeg.c -- JPEG by libjpeg, with its default (accurate) transform and
 * smooth chroma upsampling.
 */
#include "data/image.h"

#include <setjmp.h>

#include <jpeglib.h>

#include <jerror.h>

typedef struct Jpeg {
    struct jpeg_decompress_struct info;
    struct jpeg_error_mgr error;
    jmp_buf out;
    char text[JMSG_LENGTH_MAX];
} Jpeg;

static void
stop(j_common_ptr info)
{
    Jpeg *j = (Jpeg *)info->client_data;

    info->err->format_message(info, j->text);
    longjmp(j->out, 1);
}

/* A decoder's warning about damaged data ends it: half an image would be
 * calibrated on as if it were one. Oddities of good files pass. */
static void
judge(j_common_ptr info, int level)
{
    int code = info->err->msg_code;

    if (level < 0 && code != JWRN_EXTRANEOUS_DATA && code != JWRN_ADOBE_XFORM &&
        code != JWRN_BOGUS_PROGRESSION)
        stop(info);
}

static void
begin(Jpeg *j, const ImageFile *f)
{
    jpeg_mem_src(&j->info, f->bytes, f->len);
    jpeg_read_header(&j->info, TRUE);
}

static void
init(Jpeg *j)
{
    *j = (Jpeg){0};
    j->info.err = jpeg_std_error(&j->error);
    j->error.error_exit = stop;
    j->error.emit_message = judge;
    j->info.client_data = j;
}

static bool
fail(Jpeg *j, const ImageFile *f)
{
    jpeg_destroy_decompress(&j->info);
    return vq_file_error(f->diag, f->path, "is not a sound JPEG: %s", j->text);
}

bool
vq_jpeg_size(const ImageFile *f, Image *im)
{
    Jpeg j;

    init(&j);
    if (setjmp(j.out))
        return fail(&j, f);
    jpeg_create_decompress(&j.info);
    begin(&j, f);
    im->width = j.info.image_width;
    im->height = j.info.image_height;
    jpeg_destroy_decompress(&j.info);
    return true;
}

/* CMYK as stored, which is 255 less the ink. */
static void
rgb_of_cmyk(const uint8_t *cmyk, uint8_t *rgb, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        for (int c = 0; c < 3; c++) {
            unsigned k = cmyk[4 * i + 3];
            unsigned ink = 255u - cmyk[4 * i + c];
            unsigned t = ink * k + 128;

            rgb[3 * i + c] = (uint8_t)(k - ((t + (t >> 8)) >> 8));
        }
}

bool
vq_jpeg_decode(const ImageFile *f, Image *im)
{
    Jpeg j;

    init(&j);
    if (setjmp(j.out))
        return fail(&j, f);
    jpeg_create_decompress(&j.info);
    begin(&j, f);
    j.info.out_color_space = j.info.num_components == 4 ? JCS_CMYK : JCS_RGB;
    jpeg_start_decompress(&j.info);
    while (j.info.output_scanline < j.info.output_height) {
        uint8_t *to = f->rows[j.info.output_scanline];
        JSAMPROW row = j.info.num_components == 4 ? f->row : to;

        jpeg_read_scanlines(&j.info, &row, 1);
        if (row == f->row)
            rgb_of_cmyk(row, to, im->width);
    }
    jpeg_finish_decompress(&j.info);
    jpeg_destroy_decompress(&j.info);
    return true;
}
