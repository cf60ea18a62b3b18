/*
 * image.h -- between image.c and the decoders, image_jpeg.c and image_png.c.
 */
#ifndef VQ_IMAGE_H
#define VQ_IMAGE_H

#include "data/data.h"

typedef struct ImageFile {
    const char *path;
    Diag *diag;
    uint8_t *bytes; /* the file */
    size_t len;
    uint8_t *row;   /* room for one row of 4 channels */
    uint8_t **rows; /* where each row of the image begins */
} ImageFile;

/* Width and height from the file's head. */
typedef bool ImageSize(const ImageFile *, Image *);
/* The pixels of an image of that size. */
typedef bool ImageDecode(const ImageFile *, Image *);

ImageSize vq_jpeg_size, vq_png_size;
ImageDecode vq_jpeg_decode, vq_png_decode;

/* Which format the first bytes announce; -1: neither. */
int vq_image_format(const uint8_t *bytes, size_t len);

#endif
