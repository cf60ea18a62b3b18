/*
 * float_test.c -- float ops: elementary functions against f64 and at every
 * special value, and sums in the order that is stated.
 */
#include "ir/function.h"
#include "ir/program.h"
#include "tests/ir/one_op.h"

#include <string.h>

enum { N = 1 << 18 };

static float *
map(const int64_t *code, uint32_t n, const float *x, const float *y,
    int64_t count)
{
    Type t = TYPE(DT_F32, count), types[] = {t, t};
    OneOp op = one_op(OP_F_MAP, t, types, (const void *[]){x, y}, y ? 2 : 1);

    vq_set_is(op.g, op.op, A_CODE, code, n);
    return run_op(&op);
}

/* What a last place of x is worth; denormals share theirs. */
static double
last_place(double x)
{
    double a = fabs(x);

    return a < 0x1p-126 ? 0x1p-149 : ldexp(1, ilogb(a) - 23);
}

static void
assert_near(const char *what, double x, float got, double want, double most)
{
    float nearest = (float)want;

    if (isnan(want) ? isnan(got)
        : isinf(nearest) || isinf(got)
            ? got == nearest
            : fabs(got - want) <= most * last_place(want) &&
                  signbit(got) == signbit(nearest))
        return;
    fail_msg("%s(%.9g) is %.9g, not %.9g", what, x, (double)got, want);
}

static double
logistic(double x)
{
    return 1 / (1 + exp(-x));
}

/* Floats with all bit patterns that are a multiple of an odd number. */
static void
functions_are_accurate(void **state)
{
    static const struct {
        FnWord word;
        double (*fn)(double);
        double most;
    } f[] = {
        {FN_EXP, exp, 2},   {FN_LOG, log, 1},          {FN_ERF, erf, 2},
        {FN_TANH, tanh, 2}, {FN_SIGMOID, logistic, 3},
    };
    float *x = NEWN(&A, float, N);

    (void)state;
    for (uint32_t i = 0; i < N; i++) {
        uint32_t bits = i * 16381u;

        memcpy(&x[i], &bits, sizeof bits);
    }
    for (size_t k = 0; k < COUNT(f); k++) {
        const float *y = map((int64_t[]){FN_X, f[k].word}, 2, x, NULL, N);

        for (int i = 0; i < N; i++) {
            double want = f[k].fn((double)x[i]);

            if (f[k].word != FN_SIGMOID || !(want < 0x1p-126))
                assert_near(vq_fn[f[k].word].text, (double)x[i], y[i], want,
                            f[k].most);
        }
    }
}

/* All pairs of values at which pow is special, and many others. */
static void
power_is_accurate(void **state)
{
    static const float odd[] = {
        0,       -0.0f,       1,          -1,          2,        -2,
        3,       -3,          0.5f,       -0.5f,       2.5f,     1e-40f,
        -1e-40f, 1e38f,       -1e38f,     8388607,     -8388609, 16777215,
        3e9f,    0.99999994f, 1.0000001f, -3e9f,       INFINITY, -INFINITY,
        NAN,     16777216,    -16777215,  1.17549e-38f};
    const int64_t code[] = {FN_X, FN_Y, FN_POW};
    float *x = NEWN(&A, float, N), *y = NEWN(&A, float, N), *z;
    uint64_t seed = 1;
    int n = COUNT(odd);

    (void)state;
    for (int i = 0; i < N; i++) {
        x[i] = (float)exp((vq_random_unit(&seed) - 0.5) * 170);
        y[i] = (float)((vq_random_unit(&seed) - 0.5) * (i % 2 ? 2 : 60));
    }
    for (int i = 0; i < n * n; i++) {
        x[i] = odd[i % n];
        y[i] = odd[i / n];
    }
    z = map(code, 3, x, y, N);
    for (int i = 0; i < N; i++)
        assert_near("pow", (double)x[i], z[i], pow((double)x[i], (double)y[i]),
                    2);
}

static void
words_follow_ieee(void **state)
{
    static const struct {
        FnWord word;
        float x, y, want;
    } row[] = {
        {FN_ADD, 1, 0x1p-24f, 1},
        {FN_SUB, -0.0f, 0, -0.0f},
        {FN_MUL, 0x1p-100f, 0x1p-49f, 0x1p-149f},
        {FN_DIV, 1, -0.0f, -INFINITY},
        {FN_DIV, 0, 0, NAN},
        {FN_MAX, NAN, 1, NAN},
        {FN_MAX, 1, NAN, NAN},
        {FN_MAX, 0, -0.0f, -0.0f},
        {FN_MIN, -INFINITY, NAN, NAN},
        {FN_NEG, 0, 0, -0.0f},
        {FN_ABS, -0.0f, 0, 0},
        {FN_SQRT, -0.0f, 0, -0.0f},
        {FN_SQRT, -1, 0, NAN},
        {FN_RELU, NAN, 0, NAN},
        {FN_RELU, -1e-45f, 0, 0},
        {FN_RECIPROCAL, -0.0f, 0, -INFINITY},
        {FN_EXP, -200, 0, 0},
        {FN_EXP, 100, 0, INFINITY},
        {FN_LOG, -0.0f, 0, -INFINITY},
        {FN_LOG, 1, 0, 0},
        {FN_LOG, -1e-45f, 0, NAN},
        {FN_LOG, INFINITY, 0, INFINITY},
        {FN_LOG, -INFINITY, 0, NAN},
        {FN_TANH, -INFINITY, 0, -1},
        {FN_ERF, INFINITY, 0, 1},
        {FN_SIGMOID, -INFINITY, 0, 0},
        {FN_TANH, -0.0f, 0, -0.0f},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(row); i++) {
        bool two = vq_fn[row[i].word].operands == 2;
        int64_t code[] = {FN_X, two ? FN_Y : row[i].word, row[i].word};
        float *got =
            map(code, two ? 3 : 2, &row[i].x, two ? &row[i].y : NULL, 1);
        uint32_t want = VQ_NAN_BITS;

        if (!isnan(row[i].want))
            memcpy(&want, &row[i].want, sizeof want);
        assert_memory_equal(got, &want, sizeof want);
    }
}

/* 2^24 in lane 0 swallows what is added there, and there alone. */
static void
sums_have_an_order(void **state)
{
    float *x = NEWN(&A, float, 50), *y;
    Type row = TYPE(DT_F32, 1, 50), column = TYPE(DT_F32, 25, 2);
    OneOp op;

    (void)state;
    for (int i = 0; i < 50; i++)
        x[i] = 1;
    x[0] = 16777216;
    op = one_op(OP_F_SUM, TYPE(DT_F32, 1, 1), &row, (const void *[]){x}, 1);
    vq_set_i(op.g, op.op, A_AXIS, 1);
    y = run_op(&op);
    /* Lane 0 has lost three ones. It then takes 3, 6 and 12, of which the 3
     * counts as 4, and 25, which makes 47 a 48. */
    assert_true(y[0] == 16777216 + 48);
    op = one_op(OP_F_SUM, TYPE(DT_F32, 1, 2), &column, (const void *[]){x}, 1);
    vq_set_i(op.g, op.op, A_AXIS, 0);
    y = run_op(&op);
    assert_true(y[0] == 16777216 && y[1] == 25);
}

static void
greatest_keeps_nan(void **state)
{
    const float x[] = {1, -5, 3, -INFINITY, NAN, -INFINITY};
    Type t = TYPE(DT_F32, 3, 2);
    OneOp op = one_op(OP_F_MAX, TYPE(DT_F32, 3, 1), &t, (const void *[]){x}, 1);
    const float *y;

    (void)state;
    vq_set_i(op.g, op.op, A_AXIS, 1);
    y = run_op(&op);
    assert_true(y[0] == 1 && y[1] == 3 && isnan(y[2]));
}

static void
products_add_in_order(void **state)
{
    const float a[] = {16777216, 1, 1, -16777216, 1, 2, 3, 4};
    const float b[] = {1, 1, 1, 2, 1, 3, 1, 4};
    Type t[] = {TYPE(DT_F32, 2, 4), TYPE(DT_F32, 4, 2)};
    OneOp op =
        one_op(OP_F_MATMUL, TYPE(DT_F32, 2, 2), t, (const void *[]){a, b}, 2);
    const float *y = run_op(&op);

    (void)state;
    /* 2^24 + 1 + 1 - 2^24, a step at a time; 2^24 + 2 + 3 is 2^24 + 4 (to
     * even), less 2^26. */
    assert_true(y[0] == 0);
    assert_true(y[1] == 16777216.0f + 2 + 3 - 67108864);
    assert_true(y[2] == 10 && y[3] == 1 + 4 + 9 + 16);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(functions_are_accurate, free_arena),
        cmocka_unit_test_teardown(power_is_accurate, free_arena),
        cmocka_unit_test_teardown(words_follow_ieee, free_arena),
        cmocka_unit_test_teardown(sums_have_an_order, free_arena),
        cmocka_unit_test_teardown(greatest_keeps_nan, free_arena),
        cmocka_unit_test_teardown(products_add_in_order, free_arena),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
