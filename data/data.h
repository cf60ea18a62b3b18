/*
 * data.h -- inputs for a model: images, .npy arrays, synthetic images.
 *
 * Needs ir/base.h alone. Nothing here keeps a file open between two calls, so
 * nothing needs closing; all memory is the arena's. Every function that
 * returns false has reported one line that names the file.
 */
#ifndef VQ_DATA_H
#define VQ_DATA_H

#include "ir/base.h"

#include <stdio.h>

/* ---- npy.c: numpy's arrays, format 1.0, 2.0 and 3.0 ---- */

typedef enum NpyType {
#define NPY(e, descr, text, bytes) NPY_##e,
#include "data/npy.def"
#undef NPY
    NNPY
} NpyType;

enum { NPY_MAXRANK = 8 };

typedef struct Npy {
    const char *path;
    NpyType type;
    int rank;
    int64_t dim[NPY_MAXRANK]; /* each at least 0 */
    int64_t rows;             /* dim[0]; 1 for rank 0 */
    int64_t cols;             /* elements of a row: all other axes */
    int64_t offset;           /* of the first element in the file */
} Npy;

/* Reads the header and checks that the file holds all it promises. `path`
 * must live as long as the Npy. */
bool vq_npy_open(Arena *tmp, Diag *, const char *path, Npy *);
/* Rows first .. first+n-1 as stored; `out` has room for n * cols elements. */
bool vq_npy_rows(const Npy *, Diag *, int64_t first, int64_t n, void *out);
/* The same as f32, from any type. */
bool vq_npy_rows_f32(const Npy *, Diag *, Arena *tmp, int64_t first, int64_t n,
                     float *out);
/* The same as s64, from the integer types; others are refused. */
bool vq_npy_rows_s64(const Npy *, Diag *, Arena *tmp, int64_t first, int64_t n,
                     int64_t *out);
size_t vq_npy_size(NpyType); /* bytes of an element */
const char *vq_npy_text(NpyType);
/* "[500 x 3 x 224 x 224]" */
const char *vq_npy_shape(Arena *, const int64_t *dim, int rank);

/* ---- npy_write.c ---- */

/* What stands before an array's elements, row-major, in a file. A failure
 * stays in the stream's error flag. */
void vq_npy_header(FILE *, NpyType, int rank, const int64_t *dim);

/* ---- image.c ---- */

typedef struct Image {
    int64_t width, height; /* at least 1, at most 10^8 pixels */
    int channels;          /* 3: RGB, 1: gray */
    uint8_t *pixel;        /* row-major from the top, channels together */
} Image;

/*
 * A JPEG or PNG, told by its first bytes, as 8-bit RGB. Gray is repeated,
 * palettes looked up, alpha dropped, 16 bits cut to their upper 8, CMYK read
 * as inverted (as Adobe writes it), orientation tags ignored: what Pillow's
 * open().convert("RGB") does, but that 16-bit gray is not clipped.
 */
bool vq_image_read(Arena *, Diag *, const char *path, Image *);
bool vq_image_named(const char *name); /* ends in .jpg, .jpeg or .png */

/* ---- preprocess.c: pixels to the model's input, as torchvision does ---- */

typedef struct Preprocess {
    int64_t channels;      /* 3, or 1: ITU-R 601 luma */
    int64_t height, width; /* of the model's input */
    int64_t resize;        /* the shorter side before the crop */
    float mean[3], std[3]; /* of pixels in [0, 1] */
} Preprocess;

/* The larger of height and width times 256/224, rounded. */
int64_t vq_resize_default(int64_t height, int64_t width);
/*
 * Shorter side to `resize` by bicubic with antialias (Pillow's, with its 8-bit
 * rounding; skipped when it already has that length), the middle height x
 * width, /255, minus mean, over std: out is f32 [channels x height x width].
 * resize is at least height and width.
 */
void vq_preprocess(Arena *tmp, const Image *, const Preprocess *, float *out);
/* The last step alone: pixels u8 [height x width x channels] to f32 CHW. */
void vq_normalize(const uint8_t *pixel, const Preprocess *, float *out);
/* Columns [x, x+w) and rows [y, y+h) of the image resampled to width x
 * height. */
Image vq_resample(Arena *, const Image *, int64_t width, int64_t height,
                  int64_t x, int64_t y, int64_t w, int64_t h);

/* ---- synth.c: images from nothing ---- */

/*
 * Image `index` of the sequence that `seed` names, ready for the model: noise
 * with falling spectra and correlated channels, as photographs have, pixels of
 * mean 0.45 and contrast 0.25 on average, each image with its own, clipped to
 * [0, 1]; then minus mean, over std. The same bits on every machine. `resize`
 * is not used.
 */
void vq_synth_image(Arena *tmp, const Preprocess *, uint64_t seed,
                    int64_t index, float *out);
/* n independent numbers of mean 0 and deviation 1, for inputs that are not
 * images. Near normal: sums of 12 uniform numbers. */
void vq_synth_noise(uint64_t seed, int64_t index, float *out, int64_t n);

/* ---- dataset.c: a sequence of model inputs ---- */

/* What the inputs are for. */
typedef struct DataSpec {
    int rank; /* of one input without its batch axis */
    int64_t dim[NPY_MAXRANK];
    int64_t resize;        /* 0: vq_resize_default */
    float mean[3], std[3]; /* std above 0 */
    int64_t limit;         /* only the first so many; 0: all */
    uint64_t seed;         /* of synthetic images */
} DataSpec;

enum { SYNTH_COUNT = 32 };

typedef struct Dataset Dataset;

/*
 * path is
 *   a folder          its .jpg, .jpeg and .png files, sorted by name;
 *   a list            text, one path a line before the first tab, relative to
 *                     the list's folder;
 *   an image          alone;
 *   a .npy            f32 or f64 [N x dim..], as the model takes it, or
 *                     u8 [N x H x W x C] pixels (u8 [N x H x W] for one
 *                     channel);
 *   NULL              synthetic: spec->limit inputs (0: SYNTH_COUNT).
 * Returns NULL after reporting what does not fit.
 */
Dataset *vq_dataset_open(Arena *, Diag *, const char *path, const DataSpec *);
int64_t vq_dataset_count(const Dataset *);
bool vq_dataset_synthetic(const Dataset *);
/* The elements of one input. */
int64_t vq_dataset_size(const Dataset *);
/* Input i, f32 of vq_dataset_size elements. */
bool vq_dataset_get(const Dataset *, Diag *, Arena *tmp, int64_t i, float *out);
/* Where input i comes from, for messages: a file's path. */
const char *vq_dataset_name(const Dataset *, int64_t i);

#endif
