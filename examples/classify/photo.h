/* photo.h -- a picture in memory. */
#ifndef PHOTO_H
#define PHOTO_H

#include <stdint.h>

typedef struct Photo {
    int width, height;
    uint8_t *rgb; /* malloc'ed, rows from the top */
} Photo;

/* A JPEG or PNG, told by its first bytes. Returns 0, or says on stderr what is
 * wrong and returns -1. */
int photo_load(const char *path, Photo *);

/* The middle side x side of the photo after its shorter side was brought to
 * `resize` by bicubic interpolation with antialiasing, as torchvision does it:
 * the preprocessing that vitqc calibrates with. rgb: side * side * 3 bytes.
 * Returns 0, or -1 without memory. */
int photo_crop(const Photo *, int resize, int side, uint8_t *rgb);

#endif
