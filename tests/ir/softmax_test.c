/*
 * softmax_test.c -- rows of integer softmax: I-ViT's Shiftmax against golden
 * vectors, both forms against the real function.
 */
#include "ir/quant.h"
#include "tests/ir/random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void
shiftmax_table(int32_t x0, int32_t *table)
{
    for (int i = 0; i < 256; i++)
        table[i] = vq_shift_exp(-i, x0, 15);
}

static void
base2_table(int32_t *table)
{
    for (int i = 0; i < 64; i++)
        table[i] = (int32_t)rint(65535 * exp2(-i / 64.0));
}

static void
shiftmax_golden(void **state)
{
    static const int32_t x[] = {0, 10, -20, 40, 37, -128, 127, 5};
    static const uint32_t e[] = {192, 384, 56, 2304, 1920, 16, 524288, 256};
    static const uint32_t p16[] = {11, 23, 3, 142, 118, 0, 32448, 15};
    static const uint32_t p8[] = {0, 0, 0, 0, 0, 0, 126, 0};
    int32_t table[256];
    uint32_t p[8];

    (void)state;
    shiftmax_table(-16, table);
    for (int i = 0; i < 8; i++)
        assert_int_equal(table[127 - x[i]], e[i]);
    vq_softmax_row(SM_SHIFTMAX, 15, table, x, 8, p);
    for (int i = 0; i < 8; i++)
        assert_int_equal(p[i], p16[i]);
    vq_softmax_row(SM_SHIFTMAX, 7, table, x, 8, p);
    for (int i = 0; i < 8; i++)
        assert_int_equal(p[i], p8[i]);
}

static void
real_softmax(const int32_t *x, int n, double unit, double *p)
{
    double sum = 0;
    int32_t mx = x[0];

    for (int i = 1; i < n; i++)
        mx = x[i] > mx ? x[i] : mx;
    for (int i = 0; i < n; i++)
        sum += p[i] = exp((x[i] - mx) * unit);
    for (int i = 0; i < n; i++)
        p[i] /= sum;
}

/* Largest error of a probability over rows of the given length. */
static double
worst_error(SoftmaxForm form, int pbits, double spread, double unit, int n)
{
    int32_t table[256], x[1024];
    uint32_t p[1024];
    double want[1024], worst = 0;
    uint64_t seed = 42;

    if (form == SM_BASE2)
        base2_table(table);
    else
        shiftmax_table((int32_t)floor(-1 / unit), table);
    for (int row = 0; row < 50; row++) {
        for (int i = 0; i < n; i++)
            x[i] = (int32_t)((vq_random_unit(&seed) - 0.5) * spread);
        vq_softmax_row(form, pbits, table, x, n, p);
        real_softmax(x, n, unit, want);
        for (int i = 0; i < n; i++)
            worst = fmax(worst, fabs(ldexp(p[i], -pbits) - want[i]));
    }
    return worst;
}

/* In units of 2^-16, at P = 1: 2 from cutting F to 16 bits, 1/2 from the last
 * rounding, the rest from the table and from cutting the smallest E. */
static void
base2_is_softmax(void **state)
{
    const double unit = M_LN2 / 64;

    (void)state;
    for (int n = 1; n <= 1024; n = n * 3 + 1) {
        assert_true(worst_error(SM_BASE2, 16, 900, unit, n) < 5 * 0x1p-16);
        assert_true(worst_error(SM_BASE2, 16, 60000, unit, n) < 5 * 0x1p-16);
        assert_true(worst_error(SM_BASE2, 8, 900, unit, n) <= 0x1p-8);
    }
}

static void
shiftmax_is_nearly_softmax(void **state)
{
    (void)state;
    for (int n = 1; n <= 1024; n = n * 3 + 1)
        assert_true(worst_error(SM_SHIFTMAX, 15, 255, 0.03, n) < 0.03);
}

/* A row of one, of equals, and of the longest length. */
static void
edges(void **state)
{
    static int32_t x[1 << 15];
    static uint32_t p[1 << 15];
    int32_t table[256];

    (void)state;
    base2_table(table);
    vq_softmax_row(SM_BASE2, 16, table, x, 1, p);
    assert_int_equal(p[0], 65535);
    vq_softmax_row(SM_BASE2, 8, table, x, 1, p);
    assert_int_equal(p[0], 255);
    vq_softmax_row(SM_BASE2, 16, table, x, 1 << 15, p);
    assert_int_equal(p[77], 2);
    vq_softmax_row(SM_BASE2, 8, table, x, 4, p);
    assert_int_equal(p[3], 64);
    shiftmax_table(-300, table);
    vq_softmax_row(SM_SHIFTMAX, 15, table, x, 1 << 15, p);
    assert_true(p[0] <= 1 << 15);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shiftmax_golden),
        cmocka_unit_test(base2_is_softmax),
        cmocka_unit_test(shiftmax_is_nearly_softmax),
        cmocka_unit_test(edges),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
