/*
 * calib_store.h -- what a Calib is, for the calib*.c files alone.
 */
#ifndef VQ_CALIB_STORE_H
#define VQ_CALIB_STORE_H

#include "passes/calib.h"
#include "passes/histogram.h"

#include "ir/names.h"

typedef struct Stat {
    CalibEntry entry;
    float *lo, *hi; /* extremes of each channel so far, entry.n of each */
    Histogram *histogram;
} Stat;

typedef struct Note {
    const char *name;
    double value;
} Note;

struct Calib {
    Arena *arena;
    CalibMethod method;
    double percentile;
    int64_t images;
    int pass;    /* the pass over the data that runs now */
    Names *stat; /* of Stat */
    Names *note; /* of Note */
};

typedef struct CalibMethodInfo {
    const char *text;
    int passes;
    /* NULL: the extremes stay. */
    Range (*choose)(const Histogram *, double percentile);
} CalibMethodInfo;

enum { NCALIBMETHOD = CM_MSE + 1 };
extern const CalibMethodInfo vq_calib_method[NCALIBMETHOD];

Stat *vq_calib_stat(const Calib *, const char *name); /* NULL: none */

#endif
