/*
 * eval_int_test.c -- integer ops element by element, against their definitions
 * in IR.md written out anew.
 */
#include "ir/quant.h"
#include "tests/ir/one_op.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void
quantize_and_dequantize(void **state)
{
    static const float scale[] = {0.5f, 0.25f, 2};
    Type f = TYPE(DT_F32, 5, 3), q = stored(TYPE(DT_U8, 5, 3), 0.03f, 77);
    const float *x = random_f32(15, -5, 5, 1), *y;
    OneOp t = one_op(OP_I_QUANTIZE, q, &f, (const void *[]){x}, 1);
    const uint8_t *codes = run_op(&t);

    (void)state;
    for (int i = 0; i < 15; i++)
        assert_int_equal(codes[i], vq_quantize(x[i], 0.03f, 77, DT_U8));
    for (int n = 1; n <= 3; n += 2) {
        t = one_op(OP_I_DEQUANTIZE, f, (Type[]){q, TYPE(DT_F32, n)},
                   (const void *[]){codes, scale}, 2);
        y = run_op(&t);
        for (int i = 0; i < 15; i++)
            assert_true(y[i] ==
                        (float)(codes[i] - 77) * scale[n == 1 ? 0 : i % 3]);
    }
}

/* ---- requant ---- */

static void
check_requant(DType from, DType to, int form, int64_t n)
{
    enum { ROWS = 9, COLS = 7 };
    Type x = stored(TYPE(from, ROWS, COLS), 1, from == DT_S32 ? 0 : 11);
    Type y = stored(TYPE(to, ROWS, COLS), 1, to == DT_S16 ? 0 : 5);
    Type m = TYPE(DT_S32, n);
    const void *px = random_codes(from, ROWS * COLS, 4), *py;
    int32_t mul[COLS], shift[COLS];
    OneOp t;

    for (int i = 0; i < COLS; i++) {
        double real = (i & 1 ? -1 : 1) * 0.011 / (i + 1);
        Requant r = vq_requant_of((RequantForm)form, real);

        mul[i] = r.mul;
        shift[i] = r.shift;
    }
    t = one_op(OP_I_REQUANT, y, (Type[]){x, m, m},
               (const void *[]){px, mul, shift}, 3);
    vq_set_i(t.g, t.op, A_FORM, form);
    py = run_op(&t);
    for (int64_t i = 0; i < ROWS * COLS; i++) {
        int64_t c = n == 1 ? 0 : i % COLS;
        int32_t acc = (int32_t)(code_at(from, px, i) - x.q.zero);

        assert_int_equal(code_at(to, py, i),
                         vq_requant((RequantForm)form, acc,
                                    (Requant){mul[c], shift[c]}, y.q.zero, to));
    }
}

static void
requantizes(void **state)
{
    static const DType from[] = {DT_S32, DT_S16, DT_U16, DT_U8, DT_S8};
    static const DType to[] = {DT_U8, DT_S8, DT_S16};

    (void)state;
    for (size_t i = 0; i < COUNT(from); i++)
        for (size_t j = 0; j < COUNT(to); j++)
            for (int form = to[j] == DT_S16; form < NREQUANTFORM; form++) {
                check_requant(from[i], to[j], form, 1);
                check_requant(from[i], to[j], form, 7);
            }
}

/* ---- additions, tables, sums ---- */

static void
adds(void **state)
{
    Type a = TYPE(DT_S16, 3, 4, 5), b = TYPE(DT_S16, 4, 5);
    const int16_t *pa = random_codes(DT_S16, 60, 1), *y;
    const int16_t *pb = random_codes(DT_S16, 60, 2);

    (void)state;
    for (int whole = 0; whole < 2; whole++)
        for (int s = 0; s < 4; s++) {
            OneOp t = one_op(OP_I_ADD, a, (Type[]){a, whole ? a : b},
                             (const void *[]){pa, pb}, 2);

            vq_set_i(t.g, t.op, A_ASHIFT, s);
            vq_set_i(t.g, t.op, A_BSHIFT, 3 - s);
            y = run_op(&t);
            for (int i = 0; i < 60; i++) {
                double want = floor(pa[i] * exp2(-s) + (s ? 0.5 : 0)) +
                              floor(pb[whole ? i : i % 20] * exp2(s - 3) +
                                    (s < 3 ? 0.5 : 0));

                assert_int_equal(y[i], (int)fmin(fmax(want, -32768), 32767));
            }
        }
}

static void
looks_up(void **state)
{
    static const DType to[] = {DT_U8, DT_S8, DT_S16, DT_S32};

    (void)state;
    for (size_t i = 0; i < COUNT(to); i++)
        for (int is_signed = 0; is_signed < 2; is_signed++) {
            DType from = is_signed ? DT_S8 : DT_U8;
            Type x = TYPE(from, 300), y = TYPE(to[i], 300);
            Type table = TYPE(to[i], 256);
            const void *px = random_codes(from, 300, 1), *py;
            const void *entries = random_codes(to[i], 256, 2);
            OneOp t = one_op(OP_I_LUT, y, (Type[]){x, table},
                             (const void *[]){px, entries}, 2);

            py = run_op(&t);
            for (int k = 0; k < 300; k++)
                assert_int_equal(
                    code_at(to[i], py, k),
                    code_at(to[i], entries,
                            code_at(from, px, k) + (is_signed ? 128 : 0)));
        }
}

static void
sums(void **state)
{
    static const int64_t inner[] = {20, 5, 1};
    Type x = stored(TYPE(DT_U8, 3, 4, 5), 1, 100), y;
    const uint8_t *px = random_codes(DT_U8, 60, 1);

    (void)state;
    for (int axis = 0; axis < 3; axis++) {
        int32_t want[60] = {0};
        OneOp t;

        y = TYPE(DT_S32, 3, 4, 5);
        y.dim[axis] = 1;
        t = one_op(OP_I_SUM, y, &x, (const void *[]){px}, 1);
        vq_set_i(t.g, t.op, A_AXIS, axis);
        for (int64_t i = 0; i < 60; i++)
            want[i / inner[axis] / x.dim[axis] * inner[axis] +
                 i % inner[axis]] += px[i] - 100;
        assert_memory_equal(run_op(&t), want, (size_t)vq_bytes(&y));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(quantize_and_dequantize, free_arena),
        cmocka_unit_test_teardown(requantizes, free_arena),
        cmocka_unit_test_teardown(adds, free_arena),
        cmocka_unit_test_teardown(looks_up, free_arena),
        cmocka_unit_test_teardown(sums, free_arena),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
