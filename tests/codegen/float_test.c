/*
 * float_test.c -- float ops: compiled code has the evaluator's bits at every
 * level and in any number of parts, with NaN, infinities, denormals and -0
 * among the inputs.
 */
#include "ir/function.h"
#include "tests/codegen/check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const int64_t length[] = {1, 2, 7, 15, 16, 17, 31, 32, 33, 65, 197};

static void
add_map(Case *c, Type out, Type a, const Type *b, const int64_t *code,
        uint32_t n)
{
    ValId in[2] = {case_in(c, a), b ? case_in(c, *b) : 0};
    Op *op = case_op(c, OP_F_MAP, out, in, b ? 2 : 1);

    vq_set_is(c->g, op, A_CODE, code, n);
}

/* Every word by itself, then a long code. */
static void
test_words(void **state)
{
    Case c;

    (void)state;
    case_start(&c, "words");
    for (int w = FN_Y + 1; w < NFN; w++) {
        bool two = vq_fn[w].operands == 2;
        int64_t code[] = {FN_X, two ? FN_Y : w, w};
        Type t = TYPE(DT_F32, length[w % COUNT(length)] + 500);

        add_map(&c, t, t, two ? &t : NULL, code, two ? 3 : 2);
    }
    case_check(&c);
    case_end(&c);
}

static void
test_codes(void **state)
{
    const int64_t swish[] = {FN_X,   FN_X,       vq_fn_const(1.702f),
                             FN_MUL, FN_SIGMOID, FN_MUL};
    const int64_t mixed[] = {FN_X,   FN_Y,   FN_SUB,  FN_EXP, FN_X,
                             FN_Y,   FN_ABS, FN_POW,  FN_ADD, vq_fn_const(0.5f),
                             FN_POW, FN_Y,   FN_RELU, FN_DIV};
    Case c;

    (void)state;
    case_start(&c, "codes");
    for (size_t i = 0; i < COUNT(length); i++) {
        Type t = TYPE(DT_F32, 3, length[i]);

        add_map(&c, t, t, NULL, swish, COUNT(swish));
        add_map(&c, t, t, &t, mixed, COUNT(mixed));
    }
    case_check(&c);
    case_end(&c);
}

static void
test_broadcast(void **state)
{
    const int64_t code[] = {FN_X, FN_Y, FN_SUB, FN_X, FN_Y, FN_DIV, FN_MAX};
    const Type full = TYPE(DT_F32, 2, 3, 4, 21);
    const Type column = TYPE(DT_F32, 5, 1), row = TYPE(DT_F32, 33);
    const Type part[] = {
        TYPE(DT_F32, 21),
        TYPE(DT_F32, 4, 1),
        TYPE(DT_F32, 3, 1, 21),
        TYPE(DT_F32, 2, 1, 4, 1),
        TYPE(DT_F32, 1, 1, 1, 1),
        TYPE(DT_F32, 2, 3, 1, 1),
        full,
    };
    Case c;

    (void)state;
    case_start(&c, "broadcast");
    for (size_t i = 0; i < COUNT(part); i++) {
        add_map(&c, full, full, &part[i], code, COUNT(code));
        add_map(&c, full, part[i], &full, code, COUNT(code));
    }
    add_map(&c, TYPE(DT_F32, 5, 33), column, &row, code, COUNT(code));
    case_check(&c);
    case_end(&c);
}

/* An input with the usual share of odd values, or one that has none. */
static ValId
add_input(Case *c, Type t, bool finite)
{
    ValId in[2];

    if (!finite)
        return case_in(c, t);
    t.dt = DT_S16;
    in[0] = case_in(c, t);
    t.dt = DT_F32;
    in[1] = case_const(c, TYPE(DT_F32, 1), &(float){0.0371f});
    return case_op(c, OP_I_DEQUANTIZE, t, in, 2)->out;
}

static void
test_reductions(void **state)
{
    static const OpKind kind[] = {OP_F_SUM, OP_F_MAX};
    Case c;

    (void)state;
    case_start(&c, "reductions");
    for (size_t i = 0; i < COUNT(length); i++)
        for (int64_t axis = 0; axis < 3; axis++) {
            Type t = TYPE(DT_F32, 3, length[i], length[(i + 3) % 11]), y = t;
            ValId x = add_input(&c, t, i % 4 < 2);
            Op *op;

            y.dim[axis] = 1;
            op = case_op(&c, kind[i % 2], y, &x, 1);
            vq_set_i(c.g, op, A_AXIS, axis);
        }
    case_check(&c);
    case_end(&c);
}

static void
test_matmul(void **state)
{
    static const int64_t shape[][3] = {
        {1, 1, 1},   {3, 5, 7},   {4, 16, 16}, {2, 17, 33}, {5, 1, 64},
        {8, 33, 65}, {6, 9, 128}, {7, 20, 31}, {64, 8, 1},  {1, 100, 47},
    };
    Case c;

    (void)state;
    case_start(&c, "matmul");
    for (size_t i = 0; i < COUNT(shape); i++) {
        const int64_t *s = shape[i];
        Type a[] = {TYPE(DT_F32, s[0], s[1]), TYPE(DT_F32, 2, 3, s[0], s[1]),
                    TYPE(DT_F32, 3, 1, s[0], s[1])};
        Type b[] = {TYPE(DT_F32, s[1], s[2]), TYPE(DT_F32, 3, s[1], s[2]),
                    TYPE(DT_F32, 2, s[1], s[2])};
        Type y[] = {TYPE(DT_F32, s[0], s[2]), TYPE(DT_F32, 2, 3, s[0], s[2]),
                    TYPE(DT_F32, 3, 2, s[0], s[2])};

        for (int k = 0; k < 3; k++) {
            ValId in[2] = {add_input(&c, a[k], i % 4),
                           add_input(&c, b[k], i % 4)};

            case_op(&c, OP_F_MATMUL, y[k], in, 2);
        }
    }
    case_check(&c);
    case_end(&c);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),     cmocka_unit_test(test_codes),
        cmocka_unit_test(test_broadcast), cmocka_unit_test(test_reductions),
        cmocka_unit_test(test_matmul),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
