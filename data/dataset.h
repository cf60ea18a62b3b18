/*
 * dataset.h -- between dataset.c and listing.c.
 */
#ifndef VQ_DATASET_H
#define VQ_DATASET_H

#include "data/data.h"

typedef enum DataKind {
    DATA_IMAGES,
    DATA_REAL,   /* .npy as the model takes it */
    DATA_PIXELS, /* .npy of u8 */
    DATA_SYNTHETIC
} DataKind;

struct Dataset {
    DataKind kind;
    DataSpec spec;
    Preprocess pre; /* channels 0: an input is not an image */
    const char *path;
    int64_t count, size;
    const char **file; /* DATA_IMAGES: count paths */
    Npy npy;
};

/* Fill ds->file and ds->count from the folder or list ds->path. */
bool vq_folder_read(Arena *, Dataset *, Diag *);
bool vq_list_read(Arena *, Dataset *, Diag *);

#endif
