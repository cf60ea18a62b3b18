/*
 * synth_test.c -- the statistics of synthetic images.
 */
#include "common.h"

#include "data/data.h"

#include <math.h>

enum { N = 64, IMAGES = 60, AREA = N * N };

static const Preprocess plain = {3, N, N, N, {0, 0, 0}, {1, 1, 1}};

static void
seeds_name_sequences(void **state)
{
    Bench *b = *state;
    float a[3 * AREA], c[3 * AREA];

    vq_synth_image(&b->arena, &plain, 1, 0, a);
    vq_synth_image(&b->arena, &plain, 1, 0, c);
    assert_memory_equal(a, c, sizeof a);
    vq_synth_image(&b->arena, &plain, 1, 1, c);
    assert_memory_not_equal(a, c, sizeof a);
    vq_synth_image(&b->arena, &plain, 2, 0, c);
    assert_memory_not_equal(a, c, sizeof a);
}

static double
mean_product(const float *a, const float *b, double ma, double mb)
{
    double sum = 0;

    for (int i = 0; i < AREA; i++)
        sum += (a[i] - ma) * (b[i] - mb);
    return sum / AREA;
}

static void
pixels_are_as_photographs(void **state)
{
    Bench *b = *state;
    float x[3 * AREA];
    double mean[3] = {0}, var[3] = {0}, cov = 0;

    for (int i = 0; i < IMAGES; i++) {
        double m[3] = {0};

        vq_synth_image(&b->arena, &plain, 9, i, x);
        for (int k = 0; k < 3 * AREA; k++) {
            assert_true(x[k] >= 0 && x[k] <= 1);
            m[k / AREA] += x[k] / AREA;
        }
        for (int c = 0; c < 3; c++) {
            mean[c] += m[c] / IMAGES;
            var[c] +=
                mean_product(x + c * AREA, x + c * AREA, m[c], m[c]) / IMAGES;
        }
        cov += mean_product(x, x + 2 * AREA, m[0], m[2]) / IMAGES;
    }
    for (int c = 0; c < 3; c++) {
        assert_float_equal(mean[c], 0.45, 0.03);
        assert_float_equal(sqrt(var[c]), 0.25, 0.03);
    }
    assert_float_equal(cov / sqrt(var[0] * var[2]), 0.75, 0.1);
}

/* The mean power at f cycles a row, over all rows and images. */
static double
power_at(const float *x, int f)
{
    double power = 0;

    for (int y = 0; y < N; y++) {
        double re = 0, im = 0;

        for (int i = 0; i < N; i++) {
            re += x[y * N + i] * cos(2 * M_PI * f * i / N);
            im += x[y * N + i] * sin(2 * M_PI * f * i / N);
        }
        power += re * re + im * im;
    }
    return power;
}

/* Amplitudes f^-a give power f^-2a in two dimensions and, summed over the
 * other axis, f^(1-2a): slopes of 1, 2 and 3 in equal parts. */
static void
spectra_fall(void **state)
{
    Bench *b = *state;
    int seen[4] = {0};
    float x[3 * AREA];

    for (int i = 0; i < IMAGES; i++) {
        double slope;

        vq_synth_image(&b->arena, &plain, 3, i, x);
        slope = log(power_at(x, 2) / power_at(x, 8)) / log(4);
        assert_true(slope > 0.4 && slope < 3.6);
        seen[(int)rint(slope) & 3]++;
    }
    for (int k = 1; k <= 3; k++)
        assert_in_range(seen[k], IMAGES / 6, IMAGES / 2);
}

/* One channel, a shape that is not a square of two's power, mean and std. */
static void
input_is_normalised(void **state)
{
    Bench *b = *state;
    Preprocess p = {1, 37, 50, 50, {.5f}, {.25f}};
    float x[37 * 50], raw[37 * 50];

    vq_synth_image(&b->arena, &p, 4, 2, x);
    p.mean[0] = 0;
    p.std[0] = 1;
    vq_synth_image(&b->arena, &p, 4, 2, raw);
    for (int i = 0; i < 37 * 50; i++)
        assert_float_equal(x[i], (raw[i] - .5f) / .25f, 1e-5);
}

/* The bits do not depend on compiler, options, library or machine. */
static void
bits_are_known(void **state)
{
    Bench *b = *state;
    const Preprocess p = {
        3, 16, 16, 16, {.485f, .456f, .406f}, {.229f, .224f, .225f}};
    float x[768];
    uint64_t h = UINT64_C(0xcbf29ce484222325);

    vq_synth_image(&b->arena, &p, 1, 0, x);
    for (size_t i = 0; i < sizeof x; i++)
        h = (h ^ ((const uint8_t *)x)[i]) * UINT64_C(0x100000001b3);
    assert_int_equal(h, UINT64_C(0x3436000f15a5542c));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(seeds_name_sequences), TEST(pixels_are_as_photographs),
        TEST(spectra_fall),         TEST(input_is_normalised),
        TEST(bits_are_known),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
