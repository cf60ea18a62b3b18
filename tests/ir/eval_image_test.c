/*
 * eval_image_test.c -- pad, unfold, maxpool and depthwise convolutions: by
 * hand, and the integer ones against the real one.
 */
#include "tests/ir/one_op.h"

#include <string.h>

static void
set_window(OneOp *t, const int64_t *kernel, const int64_t *stride,
           const int64_t *dilation)
{
    vq_set_is(t->g, t->op, A_KERNEL, kernel, 2);
    vq_set_is(t->g, t->op, A_STRIDES, stride, 2);
    vq_set_is(t->g, t->op, A_DILATIONS, dilation, 2);
}

static const int64_t one[] = {1, 1}, two[] = {2, 2};

/* Real 0 is the zero point's code, in every dtype. */
static void
pads_with_zero(void **state)
{
    static const uint8_t x[] = {1, 2, 3, 4};
    static const uint8_t want[] = {9, 9, 9, 1, 2, 9, 3, 4, 9};
    static const int16_t x16[] = {1, 2, 3, 4};
    static const int16_t want16[] = {0, 0, 0, 1, 2, 0, 3, 4, 0};
    static const int64_t pads[] = {1, 0, 0, 1};
    Type t = stored(TYPE(DT_U8, 2, 2), 0.5f, 9), u = t;
    OneOp op;

    (void)state;
    u.dim[0] = u.dim[1] = 3;
    op = one_op(OP_PAD, u, &t, (const void *[]){x}, 1);
    vq_set_is(op.g, op.op, A_PADS, pads, 4);
    assert_memory_equal(run_op(&op), want, sizeof want);
    t = stored(TYPE(DT_S16, 2, 2), 0.5f, 0);
    u = stored(TYPE(DT_S16, 3, 3), 0.5f, 0);
    op = one_op(OP_PAD, u, &t, (const void *[]){x16}, 1);
    vq_set_is(op.g, op.op, A_PADS, pads, 4);
    assert_memory_equal(run_op(&op), want16, sizeof want16);
}

/* 3 x 3 pixels of two channels: 10 * pixel + channel. */
static const uint8_t nine[] = {0,  1,  10, 11, 20, 21, 30, 31, 40,
                               41, 50, 51, 60, 61, 70, 71, 80, 81};

static void
unfolds(void **state)
{
    static const int64_t kernel[] = {2, 2};
    static const uint8_t dilated[] = {0, 1, 20, 21, 60, 61, 80, 81};
    static const uint8_t dense[] = {10, 11, 20, 21, 40, 41, 50, 51};
    Type t = TYPE(DT_U8, 1, 3, 3, 2);
    OneOp op;

    (void)state;
    op = one_op(OP_UNFOLD, TYPE(DT_U8, 1, 1, 1, 8), &t, (const void *[]){nine},
                1);
    set_window(&op, kernel, one, two);
    assert_memory_equal(run_op(&op), dilated, sizeof dilated);
    op = one_op(OP_UNFOLD, TYPE(DT_U8, 1, 2, 2, 8), &t, (const void *[]){nine},
                1);
    set_window(&op, kernel, one, one);
    assert_memory_equal((uint8_t *)run_op(&op) + 8, dense, sizeof dense);
}

static void
pools(void **state)
{
    static const int64_t kernel[] = {2, 2}, pads[] = {1, 1, 0, 0};
    static const int64_t far[] = {2, 2, 0, 0};
    static const int8_t x[] = {-5, -7, -9, -3};
    static const int8_t want[] = {-5, -5, -5, -3};
    static const int8_t none[] = {-128, -128, -128, -3};
    Type t = stored(TYPE(DT_S8, 1, 2, 2, 1), 0.5f, 4);
    OneOp op;

    (void)state;
    op = one_op(OP_MAXPOOL, t, &t, (const void *[]){x}, 1);
    set_window(&op, kernel, one, one);
    vq_set_is(op.g, op.op, A_PADS, pads, 4);
    assert_memory_equal(run_op(&op), want, sizeof want);
    op = one_op(OP_MAXPOOL, t, &t, (const void *[]){x}, 1);
    set_window(&op, kernel, two, one);
    vq_set_is(op.g, op.op, A_PADS, far, 4);
    assert_memory_equal(run_op(&op), none, sizeof none);
}

static void
pools_reals(void **state)
{
    static const int64_t kernel[] = {1, 2}, pads[] = {0, 0, 0, 0};
    static const float x[] = {-1, -2, -0.5f, -3};
    Type t = TYPE(DT_F32, 1, 1, 4, 1);
    const float *y;
    OneOp op;

    (void)state;
    op = one_op(OP_MAXPOOL, TYPE(DT_F32, 1, 1, 2, 1), &t, (const void *[]){x},
                1);
    set_window(&op, kernel, two, one);
    vq_set_is(op.g, op.op, A_PADS, pads, 4);
    y = run_op(&op);
    assert_true(y[0] == -1 && y[1] == -0.5f);
}

static void
weighs_channels(void **state)
{
    static const int64_t kernel[] = {2, 1};
    static const float x[] = {1, 2, 3, 4, 5, 6, 7, 8};
    static const float w[] = {1, 10, 100, 1000}, b[] = {0.5f, -1};
    static const float want[] = {501.5f, 6019, 703.5f, 8039};
    Type t[] = {TYPE(DT_F32, 1, 2, 2, 2), TYPE(DT_F32, 2, 2), TYPE(DT_F32, 2)};
    OneOp op = one_op(OP_DEPTHWISE, TYPE(DT_F32, 1, 1, 2, 2), t,
                      (const void *[]){x, w, b}, 3);

    (void)state;
    set_window(&op, kernel, one, one);
    assert_memory_equal(run_op(&op), want, sizeof want);
}

/* The sums of codes, and then requantized, element by element. */
static void
weighs_codes(void **state)
{
    static const int64_t kernel[] = {3, 2}, stride[] = {1, 2};
    int32_t mul[] = {8000, -9000, 20000}, shift[] = {3, 2, 1}, bias[3] = {5, 6};
    const uint8_t *x = random_codes(DT_U8, 5 * 6 * 3, 1);
    const int8_t *w = random_codes(DT_S8, 6 * 3, 2);
    Type in[] = {stored(TYPE(DT_U8, 1, 5, 6, 3), 1, 7), TYPE(DT_S8, 6, 3),
                 TYPE(DT_S32, 3), TYPE(DT_S32, 3), TYPE(DT_S32, 3)};
    Type out = stored(TYPE(DT_U8, 1, 3, 3, 3), 1, 100);
    const void *data[] = {x, w, bias, mul, shift};
    OneOp sums = one_op(OP_I_DEPTHWISE, TYPE(DT_S32, 1, 3, 3, 3), in, data, 3);
    OneOp codes = one_op(OP_K_DEPTHWISE, out, in, data, 5);
    const int32_t *s;
    const uint8_t *q;

    (void)state;
    set_window(&sums, kernel, stride, one);
    set_window(&codes, kernel, stride, one);
    vq_set_i(codes.g, codes.op, A_FORM, RQ_NARROW);
    s = run_op(&sums);
    q = run_op(&codes);
    for (int i = 0; i < 27; i++) {
        int c = i % 3, ox = i / 3 % 3, oy = i / 9;
        int32_t sum = bias[c];

        for (int k = 0; k < 6; k++)
            sum +=
                x[((oy + k / 2) * 6 + ox * 2 + k % 2) * 3 + c] * w[k * 3 + c];
        assert_int_equal(s[i], sum);
        assert_int_equal(q[i],
                         vq_requant(RQ_NARROW, sum, (Requant){mul[c], shift[c]},
                                    100, DT_U8));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pads_with_zero),  cmocka_unit_test(unfolds),
        cmocka_unit_test(pools),           cmocka_unit_test(pools_reals),
        cmocka_unit_test(weighs_channels), cmocka_unit_test(weighs_codes),
    };

    return cmocka_run_group_tests(tests, NULL, free_arena);
}
