/*
 * histogram.h -- how often a tensor takes which values, and the range of codes
 * that serves it best.
 */
#ifndef VQ_HISTOGRAM_H
#define VQ_HISTOGRAM_H

#include "passes/calib.h"

enum { VQ_BINS = 2048 };

/* Equal bins between two extremes, lo < hi or both equal. */
typedef struct Histogram {
    Range range;
    uint64_t count[VQ_BINS];
} Histogram;

/* Values outside the range count in the outer bins. */
void vq_histogram_add(Histogram *, const float *x, int64_t n);
/*
 * The range that leaves out 100 - percentile percent of the values at either
 * end, linear inside a bin.
 */
Range vq_histogram_percentile(const Histogram *, double percentile);
/*
 * The range, including 0, whose 256 codes give the least mean squared error:
 * step^2 / 12 for a value inside, the distance squared outside. Both ends
 * shrink together by 1/100ths first, then each alone. The second argument is
 * not used.
 */
Range vq_histogram_mse(const Histogram *, double);

#endif
