/*
 * ivit_test.c -- I-ViT's arithmetic against golden vectors, which an
 * independent simulation of the published formulas produced.
 */
#include "ir/quant.h"
#include "tests/ir/random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void
shift_exp_golden(void **state)
{
    static const int32_t golden[][2] = {
        {0, 524288},  {-1, 491520},  {-2, 491520},  {-3, 458752},
        {-8, 327680}, {-11, 262144}, {-16, 196608}, {-32, 73728},
        {-64, 10240}, {-100, 1024},  {-128, 192},   {-255, 16},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(golden); i++)
        assert_int_equal(vq_shift_exp(golden[i][0], -16, 15), golden[i][1]);
}

/* The exponential is within 9.2 % of the true one down to e^-6, and its
 * growth for positive arguments is stopped below 2^31. */
static void
shift_exp_is_an_exponential(void **state)
{
    (void)state;
    for (int x = 0; x >= -6 * 100; x--) {
        double got = vq_shift_exp(x, -100, 15) / (100 * 0x1p15);

        assert_true(fabs(got / exp(x / 100.0) - 1) < 0.092);
    }
    for (int32_t x0 = -2000; x0 < 0; x0++)
        for (int x = -255; x <= 128; x++)
            assert_true(vq_shift_exp(x, x0, 23) > 0);
}

/* Down to scores that are all but equal; the table is of the plain function
 * where that stays within 32 bits. */
static void
shift_exp_of_any_scale(void **state)
{
    const double scale[] = {0.01, 1e-3, 1e-5, 1e-8, 0x1p-29, 0x1p-100};
    int32_t e[256];

    (void)state;
    vq_shift_exp_table(0.01, 23, 128, e);
    for (int i = 0; i < 256; i++)
        assert_int_equal(e[i], vq_shift_exp(128 - i, -100, 23));
    for (size_t k = 0; k < COUNT(scale); k++) {
        vq_shift_exp_table(scale[k], 23, 0, e);
        for (int i = 0; i < 256; i++)
            assert_true(fabs(e[i] / exp(-i * scale[k]) / e[0] - 1) < 0.092);
    }
}

static void
shiftgelu_golden(void **state)
{
    static const int8_t x[] = {-128, -60, -30, -10, -1, 0, 1, 10, 30, 60, 127};
    static const int two_step[] = {0, 6, 24, 48, 63, 63, 65, 81, 104, 122, 120};
    static const int exact[] = {0, 6, 24, 48, 64, 64, 65, 81, 104, 122, 127};
    int32_t table[256], table_m[256];
    int16_t y[2][11];

    (void)state;
    for (int i = 0; i < 256; i++) {
        table[i] = vq_shift_exp(-i, -20, 23);
        table_m[i] = vq_shift_exp(128 - i, -20, 23);
    }
    assert_int_equal(table_m[127 + 128], 294912);
    vq_shiftgelu_row(false, table, table_m, x, 11, y[0]);
    vq_shiftgelu_row(true, table, table_m, x, 11, y[1]);
    for (int i = 0; i < 11; i++) {
        assert_int_equal(y[0][i], x[i] * two_step[i]);
        assert_int_equal(y[1][i], x[i] * exact[i]);
    }
}

/* Rows below zero need the exponential of a positive number; gains stay in
 * 0..127 whatever the scale. */
static void
shiftgelu_stays_in_range(void **state)
{
    (void)state;
    for (int32_t x0 = -300; x0 < 0; x0 += 7)
        for (int exact = 0; exact < 2; exact++) {
            int32_t table[256], table_m[256];
            int8_t x[] = {-128, -77, -5, -1};
            int16_t y[4];

            for (int i = 0; i < 256; i++) {
                table[i] = vq_shift_exp(-i, x0, 23);
                table_m[i] = vq_shift_exp(128 - i, x0, 23);
            }
            for (int n = 4; n > 0; n--) {
                vq_shiftgelu_row(exact, table, table_m, x, n, y);
                for (int i = 0; i < n; i++)
                    assert_true(y[i] <= 0 && y[i] >= x[i] * 127);
            }
        }
}

static void
norm_golden(void **state)
{
    static const int16_t x[] = {100, -200, 300, -400, 50, 0, -50, 200};
    static const int32_t want[] = {182920200, -365840400, 548760600, -731680800,
                                   91460100,  0,          -91460100, 365840400};
    int32_t y[8];

    (void)state;
    vq_ivit_norm_row(x, 8, y);
    for (int i = 0; i < 8; i++)
        assert_int_equal(y[i], want[i]);
}

/* The mean is rounded half to even: the element equal to it becomes 0. */
static void
norm_mean_half_even(void **state)
{
    static const struct {
        int16_t x[2];
        int zero; /* which element is the mean */
    } cases[] = {{{0, 1}, 0}, {{1, 2}, 1}, {{-1, 0}, 1}, {{-2, -1}, 0}};
    int32_t y[2];

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        vq_ivit_norm_row(cases[i].x, 2, y);
        assert_int_equal(y[cases[i].zero], 0);
        assert_true(y[1 - cases[i].zero] != 0);
    }
}

/* Constant rows give zero, extreme rows stay within 32 bits (the sanitizer
 * watches), and ordinary rows are normalised. */
static void
norm_at_its_limits(void **state)
{
    enum { N = 768 };
    const double unit = sqrt(N) / 0x1p30;
    uint64_t seed = 5;
    int16_t x[N];
    int32_t y[N];

    (void)state;
    for (int i = 0; i < N; i++)
        x[i] = 32767;
    vq_ivit_norm_row(x, N, y);
    assert_int_equal(y[3], 0);
    for (int i = 0; i < N; i++)
        x[i] = i & 1 ? 32767 : -32768;
    vq_ivit_norm_row(x, N, y);
    assert_true(fabs(y[1] * unit - 1) < 1e-3 && fabs(y[0] * unit + 1) < 1e-3);
    for (int i = 0; i < N; i++)
        x[i] = (int16_t)((vq_random_unit(&seed) - 0.5) * 20000);
    vq_ivit_norm_row(x, N, y);
    for (int i = 0; i < N; i++)
        assert_true(fabs(y[i] * unit - x[i] / (20000 / sqrt(12))) < 0.2);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shift_exp_golden),
        cmocka_unit_test(shift_exp_of_any_scale),
        cmocka_unit_test(shift_exp_is_an_exponential),
        cmocka_unit_test(shiftgelu_golden),
        cmocka_unit_test(shiftgelu_stays_in_range),
        cmocka_unit_test(norm_golden),
        cmocka_unit_test(norm_mean_half_even),
        cmocka_unit_test(norm_at_its_limits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
