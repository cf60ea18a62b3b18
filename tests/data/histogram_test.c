/*
 * histogram_test.c -- ranges chosen from known distributions.
 */
#include "common.h"

#include "passes/histogram.h"

#include <math.h>

enum { N = 200000 };

/* Mean 0, deviation 1: sums of 12 uniform numbers. */
static float *
normal(Bench *b)
{
    float *x = NEWN(&b->arena, float, N);
    uint64_t s = 1;

    for (int i = 0; i < N; i++) {
        double sum = -6;

        for (int k = 0; k < 12; k++) {
            s = s * UINT64_C(6364136223846793005) + 1442695040888963407u;
            sum += (double)(s >> 11) * 0x1p-53;
        }
        x[i] = (float)sum;
    }
    return x;
}

static Histogram *
count(Bench *b, const float *x, int64_t n)
{
    Histogram *h = NEW(&b->arena, Histogram);

    h->range = (Range){INFINITY, -INFINITY};
    for (int64_t i = 0; i < n; i++) {
        h->range.lo = fminf(h->range.lo, x[i]);
        h->range.hi = fmaxf(h->range.hi, x[i]);
    }
    vq_histogram_add(h, x, n);
    return h;
}

static void
percentiles_of_uniform(void **state)
{
    Bench *b = *state;
    float *x = NEWN(&b->arena, float, 10001);
    Histogram *h;
    Range r;

    for (int i = 0; i <= 10000; i++)
        x[i] = (float)(i - 4000);
    h = count(b, x, 10001);
    r = vq_histogram_percentile(h, 99);
    assert_float_equal(r.lo, -3900, 2);
    assert_float_equal(r.hi, 5900, 2);
    r = vq_histogram_percentile(h, 100);
    assert_float_equal(r.lo, -4000, 1e-3);
    assert_float_equal(r.hi, 6000, 1e-3);
}

/* The 99.99th percentile of the normal distribution is 3.72; of a sum of 12
 * uniform numbers a little less. */
static void
percentiles_drop_outliers(void **state)
{
    Bench *b = *state;
    float *x = normal(b);
    Range r;

    x[7] = 40;
    x[8] = -90;
    r = vq_histogram_percentile(count(b, x, N), 99.99);
    assert_float_equal(r.hi, 3.6, 0.2);
    assert_float_equal(r.lo, -3.6, 0.2);
}

static double
error_of(const float *x, int64_t n, Range r)
{
    double step = ((double)r.hi - r.lo) / 255, sum = 0;
    double zero = rint(-r.lo / step);

    for (int64_t i = 0; i < n; i++) {
        double q = fmin(fmax(rint(x[i] / step) + zero, 0), 255);
        double e = (q - zero) * step - x[i];

        sum += e * e;
    }
    return sum / (double)n;
}

/* Among symmetric ranges of a normal distribution's 256 codes the best clips
 * near 4 deviations; two outliers do not move it by much. */
static void
mse_clips_outliers(void **state)
{
    Bench *b = *state;
    float *x = normal(b);
    Range all, r;
    Histogram *h;
    double least;

    x[7] = 9;
    x[8] = -9;
    h = count(b, x, N);
    all = h->range;
    r = vq_histogram_mse(h, 0);
    assert_true(r.hi < 7 && r.hi > 3 && r.lo > -7 && r.lo < -3);
    least = error_of(x, N, r);
    assert_true(least < error_of(x, N, all));
    for (int i = 1; i <= 50; i++) {
        Range other = {all.lo * (float)i / 50, all.hi * (float)i / 50};

        assert_true(least < error_of(x, N, other) * 1.05);
    }
}

/* Nothing to gain: uniform values keep their range, and 0 is inside. */
static void
mse_keeps_uniform(void **state)
{
    Bench *b = *state;
    float *x = NEWN(&b->arena, float, 10000);
    Range r;

    for (int i = 0; i < 10000; i++)
        x[i] = 2 + (float)i / 10000;
    r = vq_histogram_mse(count(b, x, 10000), 0);
    assert_true(r.lo == 0);
    assert_float_equal(r.hi, 3, 0.011);
}

static void
constants_have_a_range(void **state)
{
    Bench *b = *state;
    const float three[] = {3, 3, 3}, none[] = {0, 0};
    Range r = vq_histogram_percentile(count(b, three, 3), 99.99);

    assert_true(r.lo == 3 && r.hi == 3);
    r = vq_histogram_mse(count(b, three, 3), 0);
    assert_true(r.lo == 0);
    assert_float_equal(r.hi, 3, 0.031);
    r = vq_histogram_mse(count(b, none, 2), 0);
    assert_true(r.lo == 0 && r.hi == 0);
}

/* The span of the largest numbers is more than a float holds. */
static void
extremes_do_not_overflow(void **state)
{
    Bench *b = *state;
    const float x[] = {-3e38f, 0, 1, 3e38f};
    Histogram *h = count(b, x, 4);
    Range r = vq_histogram_percentile(h, 100);

    assert_true(h->count[0] == 1 && h->count[VQ_BINS - 1] == 1);
    assert_true(r.lo >= -3e38f && r.hi <= 3e38f && r.lo < r.hi);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(percentiles_of_uniform), TEST(percentiles_drop_outliers),
        TEST(mse_clips_outliers),     TEST(mse_keeps_uniform),
        TEST(constants_have_a_range), TEST(extremes_do_not_overflow),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
