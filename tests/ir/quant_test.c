/*
 * quant_test.c -- the pieces of integer arithmetic against their definitions
 * in 128 bits and in real numbers.
 */
#include "ir/layout.h"
#include "ir/quant.h"
#include "tests/ir/random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const int32_t edge[] = {
    INT32_MIN, INT32_MIN + 1, -(1 << 17), -32769,  -32768,   -1, 0,
    1,         32767,         32768,      1 << 17, INT32_MAX};

static void
dyadic_multipliers(void **state)
{
    static const struct {
        double m;
        Requant r;
    } golden[] = {
        {0.0123, {1690499128, 37}},
        {0.5, {1 << 30, 31}},
        {1.0, {1 << 30, 30}},
        {0.9999999, {2147483433, 31}},
        {3.7, {1986422374, 29}},
        {-0.0123, {-1690499128, 37}},
        {1 - 0x1p-33, {1 << 30, 30}}, /* rounds up to 2^31: renormalised */
        {0, {0, 0}},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(golden); i++) {
        Requant r = vq_requant_of(RQ_DYADIC, golden[i].m);

        assert_int_equal(r.mul, golden[i].r.mul);
        assert_int_equal(r.shift, golden[i].r.shift);
    }
}

/* Rounding half to even in 128 bits, clamped. */
static int32_t
dyadic_reference(int32_t acc, Requant r, int32_t zero, DType dt)
{
    __int128 p = (__int128)acc * r.mul, one = (__int128)1 << r.shift;
    __int128 q = p / one, rest = p - q * one;

    if (rest < 0) {
        q--;
        rest += one;
    }
    if (2 * rest > one || (2 * rest == one && (q & 1)))
        q++;
    q += zero;
    return q < vq_dtype[dt].lo   ? (int32_t)vq_dtype[dt].lo
           : q > vq_dtype[dt].hi ? (int32_t)vq_dtype[dt].hi
                                 : (int32_t)q;
}

static void
check_dyadic(int32_t acc, Requant r, int32_t zero, DType dt)
{
    assert_int_equal(vq_requant(RQ_DYADIC, acc, r, zero, dt),
                     dyadic_reference(acc, r, zero, dt));
}

static void
dyadic_is_half_even(void **state)
{
    uint64_t seed = 1;

    (void)state;
    for (int i = 0; i < 200000; i++) {
        int32_t acc = (int32_t)next_random(&seed) >> (i % 31);
        Requant r = {(int32_t)next_random(&seed) >> (i % 29), i % 63};

        check_dyadic(acc, r, 0, DT_S32);
        check_dyadic(acc, r, i % 256, DT_U8);
    }
    for (int32_t acc = -9; acc <= 9; acc++) /* ties */
        check_dyadic(acc, (Requant){1 << 30, 31}, 3, DT_S8);
    for (size_t i = 0; i < COUNT(edge); i++)
        for (int s = 0; s <= 62; s++) {
            check_dyadic(edge[i], (Requant){INT32_MAX, s}, 0, DT_S32);
            check_dyadic(edge[i], (Requant){-INT32_MAX, s}, -128, DT_S8);
        }
}

/* The formulas of NARROW and WIDE in f64, where all their numbers are exact. */
static double
round_shift(double x, int s)
{
    return floor(ldexp(x, -s) + (s ? 0.5 : 0));
}

static double
limit(double x, double lo, double hi)
{
    return fmin(fmax(x, lo), hi);
}

static double
form_reference(RequantForm form, int32_t acc, Requant r, int32_t zero, DType dt)
{
    double t, q;

    if (form == RQ_NARROW) {
        t = limit(round_shift(acc, r.shift), INT16_MIN, INT16_MAX);
        q = round_shift(round_shift(t * r.mul, 15) + zero * 64, 6);
    } else {
        t = limit(round_shift(acc, r.shift % 64), -0x1p17, 0x1p17 - 1);
        q = round_shift(t * r.mul, r.shift / 64) + zero;
    }
    return limit(q, (double)vq_dtype[dt].lo, (double)vq_dtype[dt].hi);
}

static void
forms_follow_their_formulas(void **state)
{
    uint64_t seed = 13;

    (void)state;
    for (int i = 0; i < 400000; i++) {
        RequantForm form = i & 1 ? RQ_NARROW : RQ_WIDE;
        DType dt = i % 3 ? DT_U8 : DT_S8;
        int32_t acc = (int32_t)next_random(&seed) >> (i % 31);
        int32_t zero = i % 5 * 25, bits = form == RQ_NARROW ? 16 : 15;
        Requant r = {(int32_t)next_random(&seed) >> (32 - bits), i % 32};

        if (form == RQ_WIDE) {
            r.shift += 64 * (i / 32 % 32);
            dt = i % 4 ? DT_S16 : dt;
        }
        assert_int_equal(vq_requant(form, acc, r, zero, dt),
                         (int32_t)form_reference(form, acc, r, zero, dt));
    }
}

static double
exact_code(int32_t acc, double m, int32_t zero, DType dt)
{
    double q = floor(acc * m + 0.5) + zero;

    return fmin(fmax(q, (double)vq_dtype[dt].lo), (double)vq_dtype[dt].hi);
}

/* 4,000 multipliers of the usual size, results all over the codes. */
static void
narrow_is_nearly_exact(void **state)
{
    uint64_t seed = 7;
    int64_t n = 0, differ = 0;

    (void)state;
    for (int i = 0; i < 4000; i++) {
        double m = exp2(-16 + 9 * vq_random_unit(&seed)) * (i % 8 ? 1 : -1);
        Requant r = vq_requant_of(RQ_NARROW, m);
        DType dt = i & 1 ? DT_U8 : DT_S8;
        int32_t zero = dt == DT_U8 ? (int32_t)(next_random(&seed) % 256) : 0;

        assert_true(fabs(vq_requant_real(RQ_NARROW, r) / m - 1) < 0x1p-14);
        for (int j = 0; j < 200; j++, n++) {
            int32_t acc = (int32_t)((vq_random_unit(&seed) - 0.5) * 600 / m);
            double d = vq_requant(RQ_NARROW, acc, r, zero, dt) -
                       exact_code(acc, m, zero, dt);

            assert_true(fabs(d) <= 1);
            differ += d != 0;
        }
    }
    assert_true(differ > 0 && differ * 100 < n);
}

/*
 * WIDE rounds the accumulator to 2^s1 (at most 1/4 of a result's unit: s1 > 0
 * only with s2 = 15 and mul < 2^14), the multiplier to 14 bits (relative
 * 2^-14) and the result once (1/2).
 */
static void
wide_is_within_its_bound(void **state)
{
    uint64_t seed = 11;

    (void)state;
    for (int i = 0; i < 4000; i++) {
        double m = exp2(-30 + 34 * vq_random_unit(&seed)) * (i % 8 ? 1 : -1);
        Requant r = vq_requant_of(RQ_WIDE, m);

        assert_true(abs(r.mul) < 1 << 14 && (r.shift & 63) <= 31);
        for (int j = 0; j < 100; j++) {
            double want = (vq_random_unit(&seed) - 0.5) * 65535;
            double acc = fmin(fmax(rint(want / m), INT32_MIN), INT32_MAX);
            double real = acc * m;

            if (fabs(real) > 32767)
                continue;
            assert_true(fabs(vq_requant(RQ_WIDE, (int32_t)acc, r, 0, DT_S16) -
                             real) <= 0.75 + fabs(real) * 0x1p-14 + 1e-9);
        }
    }
}

/* Accumulators at the ends of s32 give the end of the codes that the sign of
 * the product says, and a multiplier of zero gives the zero point. */
static void
requant_saturates(void **state)
{
    static const double m[] = {0x1p-8, -0x1p-8, 0x1p-14, -0x1p-14, 0x1.8p-16};

    (void)state;
    for (int form = 0; form < NREQUANTFORM; form++) {
        for (size_t i = 0; i < COUNT(m); i++)
            for (int32_t zero = 0; zero < 256; zero += 51) {
                Requant r = vq_requant_of(form, m[i]);
                bool up = m[i] > 0;

                assert_int_equal(vq_requant(form, INT32_MAX, r, zero, DT_U8),
                                 up ? 255 : 0);
                assert_int_equal(vq_requant(form, INT32_MIN, r, zero, DT_U8),
                                 up ? 0 : 255);
            }
        for (size_t i = 0; i < COUNT(edge); i++)
            assert_int_equal(
                vq_requant(form, edge[i], vq_requant_of(form, 0), 17, DT_U8),
                17);
        for (size_t i = 0; i < COUNT(edge); i++) /* M far below any result */
            assert_int_equal(vq_requant(form, edge[i],
                                        vq_requant_of(form, 0x1p-40), -5,
                                        DT_S8),
                             -5);
    }
}

static void
form_follows_the_multipliers(void **state)
{
    const double small[] = {1e-4, -0.0156, 0}, big[] = {1e-4, -0.0157};

    (void)state;
    assert_int_equal(vq_requant_form(small, 3, DT_U8), RQ_NARROW);
    assert_int_equal(vq_requant_form(big, 2, DT_U8), RQ_WIDE);
    assert_int_equal(vq_requant_form(small, 3, DT_S16), RQ_WIDE);
}

static void
quantize_rounds_half_to_even(void **state)
{
    (void)state;
    assert_int_equal(vq_quantize(0.5f, 1, 0, DT_S8), 0);
    assert_int_equal(vq_quantize(1.5f, 1, 0, DT_S8), 2);
    assert_int_equal(vq_quantize(-2.5f, 1, 0, DT_S8), -2);
    assert_int_equal(vq_quantize(300, 1, 0, DT_S8), 127);
    assert_int_equal(vq_quantize(-INFINITY, 1, 128, DT_U8), 0);
    assert_int_equal(vq_quantize(INFINITY, 0.5f, 128, DT_U8), 255);
    assert_int_equal(vq_quantize(NAN, 1, 128, DT_U8), 0);
    assert_int_equal(vq_quantize(1e30f, 1, 0, DT_S32), INT32_MAX);
    assert_int_equal(vq_quantize(0, 0.01f, 131, DT_U8), 131);
}

static void
check_range(float lo, float hi, DType dt, bool symmetric)
{
    Quant q = vq_quant_range(lo, hi, dt, symmetric);
    float a =
        vq_dequantize(vq_quantize(lo, q.scale, q.zero, dt), q.scale, q.zero);
    float b =
        vq_dequantize(vq_quantize(hi, q.scale, q.zero, dt), q.scale, q.zero);

    assert_true(q.scale > 0);
    assert_true(q.zero >= vq_dtype[dt].lo && q.zero <= vq_dtype[dt].hi);
    assert_true(fabsf(a - lo) <= q.scale * 1.001f);
    assert_true(fabsf(b - hi) <= q.scale * 1.001f);
}

static void
ranges_are_covered(void **state)
{
    static const DType dts[] = {DT_U8, DT_S8, DT_S16};
    uint64_t seed = 3;

    (void)state;
    for (int i = 0; i < 3000; i++) {
        float a = (float)((vq_random_unit(&seed) - 0.5) * exp2(i % 40 - 20));
        float b = (float)((vq_random_unit(&seed) - 0.5) * exp2(i % 40 - 20));

        check_range(fminf(a, b), fmaxf(a, b), dts[i % 3], i % 2);
    }
    assert_int_equal(vq_quant_range(-1, 2, DT_S8, true).zero, 0);
    assert_int_equal(vq_quant_range(-1, 2, DT_U8, true).zero, 128);
    assert_int_equal(vq_quant_range(1, 2, DT_U8, false).zero, 0);
    assert_true(vq_quant_range(0, 0, DT_U8, false).scale > 0);
    assert_true(isnormal(1 / vq_quant_range(0, 1e-44f, DT_S16, true).scale));
}

static void
rsqrt_is_close(void **state)
{
    double worst = 0;

    (void)state;
    for (uint64_t v = UINT64_C(1) << 30; v < UINT64_C(1) << 32; v += 997) {
        double want = 0x1p30 / sqrt((double)v * 0x1p-30);
        double got = vq_rsqrt_q30((uint32_t)v);

        worst = fmax(worst, fabs(got / want - 1));
    }
    assert_true(worst < 0x1p-27);
    assert_int_equal(vq_rsqrt_q30(UINT32_C(1) << 30), 1 << 30);
    assert_true(vq_rsqrt_q30(UINT32_MAX) >> 29 <= 1);
}

static void
packing_places_every_weight(void **state)
{
    enum { K = 7, N = 19 };
    int8_t w[K * N], p[2 * 2 * 16 * 4];
    int seen = 0;

    (void)state;
    for (int i = 0; i < K * N; i++)
        w[i] = (int8_t)(i + 1 ? i + 1 : 1);
    assert_int_equal(vq_bytes(&(Type){.dt = DT_NONE}), 0);
    vq_pack(w, K, N, p);
    for (int k = 0; k < K; k++)
        for (int c = 0; c < N; c++)
            assert_int_equal(
                p[((c / 16 * 2 + k / 4) * 16 + c % 16) * 4 + k % 4],
                w[k * N + c]);
    for (size_t i = 0; i < sizeof p; i++)
        seen += p[i] != 0;
    assert_int_equal(seen, K * N - 1 + (w[K * N - 1] != 0));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dyadic_multipliers),
        cmocka_unit_test(dyadic_is_half_even),
        cmocka_unit_test(forms_follow_their_formulas),
        cmocka_unit_test(narrow_is_nearly_exact),
        cmocka_unit_test(wide_is_within_its_bound),
        cmocka_unit_test(requant_saturates),
        cmocka_unit_test(form_follows_the_multipliers),
        cmocka_unit_test(quantize_rounds_half_to_even),
        cmocka_unit_test(ranges_are_covered),
        cmocka_unit_test(rsqrt_is_close),
        cmocka_unit_test(packing_places_every_weight),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
