/*
 * calib.h -- what calibration learned about every value of the float graph.
 *
 * Values are known by name, so that ranges survive later passes and files.
 * A value that a pass makes after calibration inherits the ranges it is given.
 */
#ifndef VQ_CALIB_H
#define VQ_CALIB_H

#include "ir/ir.h"

typedef enum CalibMethod { CM_MINMAX, CM_PERCENTILE, CM_MSE } CalibMethod;

typedef struct Range {
    float lo, hi;
} Range;

typedef struct CalibEntry {
    const char *name; /* of the value in the fused float graph */
    Range range;      /* chosen by the method, per tensor */
    uint32_t n;       /* length of the last axis */
    Range *channel;   /* n min-max ranges along the last axis */
    const float *probe; /* the value on the first image; NULL after a load */
} CalibEntry;

typedef struct Calib Calib;

/* Streaming: new, then for each pass over the data begin, feed every batch,
 * end. The min-max method takes one pass, the others two. */
Calib *vq_calib_new(Arena *, const Graph *, CalibMethod, double percentile);
int vq_calib_passes(const Calib *);
void vq_calib_begin(Calib *, int pass);
void vq_calib_feed(Calib *, const Graph *, Arena *tmp, const void *const *in);
void vq_calib_end(Calib *, int pass);

/* NULL: not known. */
const CalibEntry *vq_calib_find(const Calib *, const char *name);
int64_t vq_calib_images(const Calib *);

/* JSON. `key` identifies the model and preprocessing; loading refuses a file
 * with another key. Both report through the Diag. */
bool vq_calib_save(const Calib *, Diag *, const char *path, const char *key);
Calib *vq_calib_load(Arena *, Diag *, const char *path, const char *key);

#endif
