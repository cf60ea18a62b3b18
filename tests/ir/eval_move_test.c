/*
 * eval_move_test.c -- moves against index arithmetic, for every element size.
 */
#include "tests/ir/one_op.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void
check_bytes(const void *got, int64_t i, const void *want, int64_t j, DType dt)
{
    size_t n = vq_dtype[dt].bytes;

    assert_memory_equal((const char *)got + (size_t)i * n,
                        (const char *)want + (size_t)j * n, n);
}

static const DType move_types[] = {DT_U8, DT_S16, DT_F32, DT_S64};

static void *
random_bytes(const Type *t)
{
    return random_codes(DT_U8, vq_bytes(t), 9);
}

static void
check_transpose(DType dt, const int64_t *perm)
{
    static const int64_t dim[] = {2, 3, 4, 5};
    Type in = vq_type_of(dt, 4, dim), out = in;
    const char *x = random_bytes(&in), *y;
    int64_t step[4] = {60, 20, 5, 1};
    OneOp op;

    for (int i = 0; i < 4; i++)
        out.dim[i] = dim[perm[i]];
    op = one_op(OP_TRANSPOSE, out, &in, (const void *[]){x}, 1);
    vq_set_is(op.g, op.op, A_PERM, perm, 4);
    y = run_op(&op);
    for (int64_t i = 0; i < 120; i++) {
        int64_t rest = i, at = 0;

        for (int a = 3; a >= 0; a--) {
            at += rest % out.dim[a] * step[perm[a]];
            rest /= out.dim[a];
        }
        check_bytes(y, i, x, at, dt);
    }
}

static void
transposes(void **state)
{
    static const int64_t perms[][4] = {
        {0, 1, 2, 3}, {0, 2, 1, 3}, {3, 2, 1, 0}, {2, 0, 3, 1}, {1, 0, 2, 3}};

    (void)state;
    for (size_t i = 0; i < COUNT(move_types); i++)
        for (size_t p = 0; p < COUNT(perms); p++)
            check_transpose(move_types[i], perms[p]);
}

static void
check_slice(DType dt, int axis, int64_t start, int64_t step, int64_t n)
{
    static const int64_t dim[] = {4, 5, 6};
    Type in = vq_type_of(dt, 3, dim), out = in;
    const char *x = random_bytes(&in), *y;
    int64_t inner = axis == 0 ? 30 : axis == 1 ? 6 : 1;
    OneOp op;

    out.dim[axis] = n;
    op = one_op(OP_SLICE, out, &in, (const void *[]){x}, 1);
    vq_set_i(op.g, op.op, A_AXIS, axis);
    vq_set_i(op.g, op.op, A_START, start);
    vq_set_i(op.g, op.op, A_STEP, step);
    y = run_op(&op);
    for (int64_t i = 0; i < vq_count(&out); i++) {
        int64_t k = start + i / inner % n * step;

        check_bytes(y, i, x,
                    (i / inner / n * dim[axis] + k) * inner + i % inner, dt);
    }
}

static void
slices(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(move_types); i++)
        for (int axis = 0; axis < 3; axis++) {
            check_slice(move_types[i], axis, 0, 1, 4);
            check_slice(move_types[i], axis, 2, 1, 1);
            check_slice(move_types[i], axis, 1, 2, 2);
            check_slice(move_types[i], axis, 3, -1, 4);
        }
}

static void
concats_and_expands(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(move_types); i++) {
        DType dt = move_types[i];
        Type a = TYPE(dt, 2, 1, 3), b = TYPE(dt, 2, 4, 3);
        Type c = TYPE(dt, 2, 5, 3), e = TYPE(dt, 2, 2, 5, 3);
        const char *pa = random_bytes(&a), *pb = random_bytes(&b), *y;
        OneOp op =
            one_op(OP_CONCAT, c, (Type[]){a, b}, (const void *[]){pa, pb}, 2);

        vq_set_i(op.g, op.op, A_AXIS, 1);
        y = run_op(&op);
        for (int64_t k = 0; k < 30; k++)
            if (k % 15 < 3)
                check_bytes(y, k, pa, k / 15 * 3 + k % 15, dt);
            else
                check_bytes(y, k, pb, k / 15 * 12 + k % 15 - 3, dt);
        op = one_op(OP_EXPAND, e, &a, (const void *[]){pa}, 1);
        y = run_op(&op);
        for (int64_t k = 0; k < vq_count(&e); k++)
            check_bytes(y, k, pa, broadcast_at(&a, &e, k), dt);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(transposes, free_arena),
        cmocka_unit_test_teardown(slices, free_arena),
        cmocka_unit_test_teardown(concats_and_expands, free_arena),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
