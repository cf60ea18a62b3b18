/*
 * eval_axis_test.c -- reductions, softmax and layernorm against loops in f64.
 */
#include "tests/ir/one_op.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void
check_reduce(OpKind kind, const int64_t *axes, uint32_t n)
{
    Type in = TYPE(DT_F32, 3, 4, 5, 6), out = in;
    const float *x = random_f32(360, -2, 2, 5), *y;
    double want[360];
    OneOp op;

    for (uint32_t i = 0; i < n; i++)
        out.dim[axes[i]] = 1;
    op = one_op(kind, out, &in, (const void *[]){x}, 1);
    vq_set_is(op.g, op.op, A_AXES, axes, n);
    y = run_op(&op);
    for (int i = 0; i < 360; i++)
        want[i] = kind == OP_REDUCE_MAX ? -INFINITY : 0;
    for (int64_t i = 0; i < 360; i++) {
        double *w = &want[broadcast_at(&out, &in, i)];

        *w = kind == OP_REDUCE_MAX ? fmax(*w, x[i]) : *w + x[i];
    }
    for (int64_t i = 0; i < vq_count(&out); i++)
        assert_close(y[i],
                     kind == OP_REDUCE_MEAN ? want[i] * (double)vq_count(&out) /
                                                  (double)vq_count(&in)
                                            : want[i],
                     1e-2);
}

static void
reductions(void **state)
{
    static const OpKind kinds[] = {OP_REDUCE_MEAN, OP_REDUCE_SUM,
                                   OP_REDUCE_MAX};

    (void)state;
    for (size_t k = 0; k < COUNT(kinds); k++) {
        for (int64_t a = 0; a < 4; a++)
            check_reduce(kinds[k], &a, 1);
        check_reduce(kinds[k], (const int64_t[]){2, 3}, 2);
        check_reduce(kinds[k], (const int64_t[]){0, 2}, 2);
        check_reduce(kinds[k], (const int64_t[]){1, 2}, 2);
        check_reduce(kinds[k], (const int64_t[]){0, 1, 2, 3}, 4);
    }
}

static void
softmax_on_every_axis(void **state)
{
    Type t = TYPE(DT_F32, 3, 7, 5);
    const float *x = random_f32(105, -90, 90, 6), *y;
    static const int64_t inner[] = {35, 5, 1};

    (void)state;
    for (int axis = 0; axis < 3; axis++) {
        OneOp op = one_op(OP_SOFTMAX, t, &t, (const void *[]){x}, 1);

        vq_set_i(op.g, op.op, A_AXIS, axis);
        y = run_op(&op);
        for (int64_t i = 0; i < 105; i++) {
            int64_t n = t.dim[axis], at = i / inner[axis] % n;
            const float *row = x + i - at * inner[axis];
            double sum = 0;

            for (int64_t j = 0; j < n; j++)
                sum += exp((double)row[j * inner[axis]] - x[i]);
            assert_close(y[i], 1 / sum, 1e-30);
        }
    }
}

static void
layernorm_normalises(void **state)
{
    enum { R = 3, C = 65 };
    Type x = TYPE(DT_F32, R, C), c = TYPE(DT_F32, C);
    const float *px = random_f32(R * C, 99, 101, 7), *y;
    const float *g = random_f32(C, -2, 2, 8), *b = random_f32(C, -2, 2, 9);
    OneOp op = one_op(OP_LAYERNORM, x, (Type[]){x, c, c},
                      (const void *[]){px, g, b}, 3);

    (void)state;
    vq_set_f(op.op, A_EPS, 1e-3);
    y = run_op(&op);
    for (int r = 0; r < R; r++) {
        double mean = 0, var = 0;

        for (int i = 0; i < C; i++)
            mean += px[r * C + i] / (double)C;
        for (int i = 0; i < C; i++)
            var += pow(px[r * C + i] - mean, 2) / C;
        for (int i = 0; i < C; i++)
            assert_close(
                y[r * C + i],
                (px[r * C + i] - mean) / sqrt(var + 1e-3) * g[i] + b[i], 0.1);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(reductions, free_arena),
        cmocka_unit_test_teardown(softmax_on_every_axis, free_arena),
        cmocka_unit_test_teardown(layernorm_normalises, free_arena),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
