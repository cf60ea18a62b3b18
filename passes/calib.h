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
    const char *name;   /* of the value in the fused float graph */
    Range range;        /* chosen by the method, per tensor */
    uint32_t n;         /* length of the last axis */
    Range *channel;     /* n min-max ranges along the last axis */
    const float *probe; /* the value on the first image; NULL after a load */
} CalibEntry;

typedef struct Calib Calib;

/*
 * Streaming: new, then for each pass over the same data begin, feed every
 * batch, end. The min-max method takes one pass, the others two. percentile
 * is in percent, 0: 99.99. feed fails on an activation that is not finite,
 * naming it. The probe is of the first image, in all places of the batch, so
 * that what is chosen by it does not depend on the batch.
 */
Calib *vq_calib_new(Arena *, const Graph *, CalibMethod, double percentile);
int vq_calib_passes(const Calib *);
void vq_calib_begin(Calib *, int pass);
bool vq_calib_feed(Calib *, Diag *, const Graph *, Arena *tmp,
                   const void *const *in);
void vq_calib_end(Calib *, int pass);

/* Min-max over a few seeded near-normal inputs: a calibration for a graph
 * that comes without data, as a test's does. NULL after reporting. */
Calib *vq_calib_random(Arena *, Diag *, const Graph *, int images,
                       uint64_t seed);
/* Without entries, for vq_calib_put. */
Calib *vq_calib_empty(Arena *);
/* Adds or replaces the entry of a value; name and channel ranges are copied,
 * the probe is not. */
void vq_calib_put(Calib *, const char *name, CalibEntry);

/* NULL: not known. */
const CalibEntry *vq_calib_find(const Calib *, const char *name);
/* The whole tensor's min-max range, whatever the method: for values with codes
 * to spare, as 16-bit ones, where clipping costs and gains nothing. */
Range vq_calib_extremes(const CalibEntry *);
int64_t vq_calib_images(const Calib *);
/* Reports when an input or computed f32 value of the graph has no entry of its
 * width: a loaded file may be of another model. */
bool vq_calib_check(const Calib *, Diag *, const Graph *);

/* Named numbers that passes measure on the first image and that must be the
 * same when a compilation starts from a saved file: which form of a nonlinear
 * op was chosen, the largest score of an attention. Saved with the ranges. */
void vq_calib_note(Calib *, const char *name, double);
bool vq_calib_noted(const Calib *, const char *name, double *);

/* JSON. `key` identifies the model and preprocessing; loading refuses a file
 * with another key after a message; NULL takes any. */
void vq_calib_save(const Calib *, FILE *, const char *key);
Calib *vq_calib_load(Arena *, Diag *, const char *path, const char *key);

#endif
