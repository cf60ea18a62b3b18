/*
 * eval_elem_test.c -- element by element ops against f64, with broadcasting.
 */
#include "tests/ir/one_op.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static double
binary_want(OpKind kind, double a, double b)
{
    return kind == OP_ADD   ? a + b
           : kind == OP_SUB ? a - b
           : kind == OP_MUL ? a * b
           : kind == OP_DIV ? a / b
           : kind == OP_POW ? pow(a, b)
           : kind == OP_MAX ? fmax(a, b)
                            : fmin(a, b);
}

static void
check_binary(OpKind kind, Type a, Type b, Type y)
{
    const float *pa = random_f32(vq_count(&a), 0.25, 3, 1);
    const float *pb = random_f32(vq_count(&b), 0.25, 3, 2), *py;
    OneOp t = one_op(kind, y, (Type[]){a, b}, (const void *[]){pa, pb}, 2);

    py = run_op(&t);
    for (int64_t i = 0; i < vq_count(&y); i++)
        assert_close(py[i],
                     binary_want(kind, pa[broadcast_at(&a, &y, i)],
                                 pb[broadcast_at(&b, &y, i)]),
                     0);
}

static void
binary_broadcasts(void **state)
{
    Type scalar = vq_type_of(DT_F32, 0, NULL), full = TYPE(DT_F32, 2, 3, 4, 5);
    Type others[] = {full,
                     scalar,
                     TYPE(DT_F32, 5),
                     TYPE(DT_F32, 4, 1),
                     TYPE(DT_F32, 3, 1, 5),
                     TYPE(DT_F32, 2, 1, 4, 1),
                     TYPE(DT_F32, 1, 1, 1, 1)};

    (void)state;
    for (OpKind k = OP_ADD; k <= OP_MIN; k++) {
        for (size_t i = 0; i < COUNT(others); i++) {
            check_binary(k, full, others[i], full);
            check_binary(k, others[i], full, full);
        }
        check_binary(k, scalar, scalar, scalar);
        check_binary(k, TYPE(DT_F32, 3, 1), TYPE(DT_F32, 4),
                     TYPE(DT_F32, 3, 4));
    }
}

static double
unary_want(OpKind kind, double x)
{
    switch (kind) {
    case OP_NEG:
        return -x;
    case OP_ABS:
        return fabs(x);
    case OP_SQRT:
        return sqrt(x);
    case OP_EXP:
        return exp(x);
    case OP_LOG:
        return log(x);
    case OP_ERF:
        return erf(x);
    case OP_TANH:
        return tanh(x);
    case OP_SIGMOID:
        return 1 / (1 + exp(-x));
    case OP_RELU:
        return fmax(x, 0);
    case OP_RECIPROCAL:
        return 1 / x;
    case OP_CLIP:
        return fmin(fmax(x, -0.5), 2.5);
    default: /* the erf gelu */
        return 0.5 * x * (1 + erf(x * M_SQRT1_2));
    }
}

static void
unary_ops(void **state)
{
    static const OpKind kinds[] = {OP_NEG,        OP_ABS,  OP_EXP,     OP_ERF,
                                   OP_TANH,       OP_RELU, OP_SIGMOID, OP_CLIP,
                                   OP_RECIPROCAL, OP_GELU};
    Type t = TYPE(DT_F32, 1001);
    const float *x = random_f32(1001, -6, 6, 3), *y;

    (void)state;
    for (size_t k = 0; k < COUNT(kinds); k++) {
        OneOp op = one_op(kinds[k], t, &t, (const void *[]){x}, 1);

        vq_set_f(op.op, A_LO, -0.5);
        vq_set_f(op.op, A_HI, 2.5);
        vq_set_i(op.g, op.op, A_TANH, 0);
        y = run_op(&op);
        for (int i = 0; i < 1001; i++)
            assert_close(y[i], unary_want(kinds[k], x[i]), 0.1);
    }
}

static void
unary_ops_above_zero(void **state)
{
    static const OpKind kinds[] = {OP_SQRT, OP_LOG};
    Type t = TYPE(DT_F32, 1001);
    const float *x = random_f32(1001, 0.001, 50, 3), *y;

    (void)state;
    for (size_t k = 0; k < COUNT(kinds); k++) {
        OneOp op = one_op(kinds[k], t, &t, (const void *[]){x}, 1);

        y = run_op(&op);
        for (int i = 0; i < 1001; i++)
            assert_close(y[i], unary_want(kinds[k], x[i]), 0.1);
    }
}

static void
clip_with_one_bound(void **state)
{
    Type t = TYPE(DT_F32, 4);
    const float x[] = {-1e30f, -1, 1, 1e30f}, *y;
    OneOp op = one_op(OP_CLIP, t, &t, (const void *[]){x}, 1);

    (void)state;
    vq_set_f(op.op, A_HI, 0.5);
    y = run_op(&op);
    assert_true(y[0] == x[0] && y[1] == -1 && y[2] == 0.5f && y[3] == 0.5f);
}

static void
gelu_by_tanh(void **state)
{
    Type t = TYPE(DT_F32, 1001);
    const float *x = random_f32(1001, -6, 6, 3), *y;
    OneOp op = one_op(OP_GELU, t, &t, (const void *[]){x}, 1);

    (void)state;
    vq_set_i(op.g, op.op, A_TANH, 1);
    y = run_op(&op);
    for (int i = 0; i < 1001; i++) {
        double v = x[i], a = sqrt(2 / M_PI) * (v + 0.044715 * v * v * v);

        assert_close(y[i], 0.5 * v * (1 + tanh(a)), 0.1);
    }
}

/* Halves go to even codes, codes stay in range, NaN is the least. */
static void
fakequant_rounds(void **state)
{
    static const float x[] = {-9, -0.25f, 0.25f, 0.75f, 1.1f, 99, NAN};
    static const float want[] = {-1, 0, 0, 1, 1, 2, -1};
    Type t = TYPE(DT_F32, 7);
    OneOp op = one_op(OP_FAKEQUANT, t, &t, (const void *[]){x}, 1);
    const float *y;

    (void)state;
    vq_set_f(op.op, A_SCALE, 0.5);
    vq_set_i(op.g, op.op, A_ZERO, 3);
    vq_set_f(op.op, A_LO, 1);
    vq_set_f(op.op, A_HI, 7);
    y = run_op(&op);
    for (int i = 0; i < 7; i++)
        assert_true(y[i] == want[i]);
}

/* The value of the nearest code, at the ends that of the last. */
static void
lookup_by_code(void **state)
{
    static const float x[] = {-9, -1, -0.6f, 0.1f, 0.5f, 99, NAN};
    static const float values[] = {10, 11, 12, 13};
    static const float want[] = {10, 10, 11, 12, 13, 13, 10};
    Type t[] = {TYPE(DT_F32, 7), TYPE(DT_F32, 4)};
    OneOp op = one_op(OP_LOOKUP, t[0], t, (const void *[]){x, values}, 2);
    const float *y;

    (void)state;
    vq_set_f(op.op, A_SCALE, 0.5);
    vq_set_i(op.g, op.op, A_ZERO, 7);
    vq_set_f(op.op, A_LO, 5);
    vq_set_f(op.op, A_HI, 8);
    y = run_op(&op);
    for (int i = 0; i < 7; i++)
        assert_true(y[i] == want[i]);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(binary_broadcasts, free_arena),
        cmocka_unit_test_teardown(unary_ops, free_arena),
        cmocka_unit_test_teardown(unary_ops_above_zero, free_arena),
        cmocka_unit_test_teardown(clip_with_one_bound, free_arena),
        cmocka_unit_test_teardown(gelu_by_tanh, free_arena),
        cmocka_unit_test_teardown(fakequant_rounds, free_arena),
        cmocka_unit_test_teardown(lookup_by_code, free_arena),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
