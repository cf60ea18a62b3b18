/*
 * histogram.c -- percentiles and least-error ranges from counts.
 */
#include "passes/histogram.h"

#include <math.h>

enum { STEPS = 100, CODES = 256 };

static double
bin_width(const Histogram *h)
{
    return ((double)h->range.hi - (double)h->range.lo) / VQ_BINS;
}

void
vq_histogram_add(Histogram *h, const float *x, int64_t n)
{
    double width = bin_width(h), lo = h->range.lo;
    double per = width > 0 ? 1 / width : 0;

    for (int64_t i = 0; i < n; i++) {
        int64_t bin = (int64_t)(((double)x[i] - lo) * per);

        h->count[vq_clamp(bin, 0, VQ_BINS - 1)]++;
    }
}

static double
total(const Histogram *h)
{
    double n = 0;

    for (int i = 0; i < VQ_BINS; i++)
        n += (double)h->count[i];
    return n;
}

/* The point that `left` values lie below (or, from above, that lie above). */
static double
quantile(const Histogram *h, double left, bool above)
{
    for (int i = 0; i < VQ_BINS; i++) {
        double n = (double)h->count[above ? VQ_BINS - 1 - i : i];

        if (n > 0 && left <= n) {
            double in = (i + left / n) * bin_width(h);

            return above ? h->range.hi - in : h->range.lo + in;
        }
        left -= n;
    }
    return above ? h->range.lo : h->range.hi;
}

Range
vq_histogram_percentile(const Histogram *h, double percentile)
{
    double out = total(h) * (100 - percentile) / 100;
    Range r = {(float)quantile(h, out, false), (float)quantile(h, out, true)};

    /* Below 50 percent, or by rounding, the ends could meet. */
    if (r.lo > r.hi)
        r.lo = r.hi = (r.lo + r.hi) / 2;
    return r;
}

/* The sum of the squared errors of all values under codes for [lo, hi]. */
static double
error_of(const Histogram *h, double lo, double hi)
{
    double width = bin_width(h), step = (hi - lo) / (CODES - 1);
    double within = step * step / 12, sum = 0;

    for (int i = 0; i < VQ_BINS; i++) {
        double x = h->range.lo + (i + 0.5) * width;
        double off = x < lo ? lo - x : x > hi ? x - hi : 0;

        sum += (double)h->count[i] *
               (off > 0 ? off * off + width * width / 12 : within);
    }
    return sum;
}

/* Tries every hundredth of the ends that move; keeps the best in *lo, *hi. */
static void
shrink(const Histogram *h, bool move_lo, bool move_hi, double *lo, double *hi)
{
    double least = INFINITY, from_lo = *lo, from_hi = *hi;

    for (int i = STEPS; i > 0; i--) {
        double l = move_lo ? from_lo * i / STEPS : from_lo;
        double u = move_hi ? from_hi * i / STEPS : from_hi;
        double e = error_of(h, l, u);

        if (e < least) {
            least = e;
            *lo = l;
            *hi = u;
        }
    }
}

Range
vq_histogram_mse(const Histogram *h, double unused)
{
    double lo = fmin(h->range.lo, 0), hi = fmax(h->range.hi, 0);

    (void)unused;
    shrink(h, true, true, &lo, &hi);
    shrink(h, false, true, &lo, &hi);
    shrink(h, true, false, &lo, &hi);
    return (Range){(float)lo, (float)hi};
}
