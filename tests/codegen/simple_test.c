/*
 * simple_test.c -- moves and ops element by element, at lengths around the
 * vectors' (16, 32, 64).
 */
#include "ir/quant.h"
#include "tests/codegen/check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const int64_t length[] = {1,  2,  3,  7,  8,  15, 16,  17,  31,  32,
                                 33, 47, 48, 63, 64, 65, 127, 129, 197, 1000};

/* A quantized type; the scale is a power of two in lanes' favour. */
static Type
coded(Type t, float scale, int32_t zero)
{
    return vq_type_quant(t, (Quant){.scale = scale, .zero = zero});
}

static Type
result(Type t, DType dt)
{
    t.dt = dt;
    return t;
}

static void
test_moves(void **state)
{
    static const int64_t perm3[] = {0, 2, 1}, perm4[] = {0, 2, 1, 3};
    static const int64_t patches[] = {1, 3, 0, 2, 4};
    static const DType dts[] = {DT_U8, DT_S16, DT_S32, DT_S64};
    Case c;

    (void)state;
    case_start(&c, "moves");
    for (size_t i = 0; i < COUNT(dts); i++) {
        DType dt = dts[i];
        ValId x = case_in(&c, TYPE(dt, 3, 5, 7)), y, in[3];
        Op *op;

        case_op(&c, OP_RESHAPE, TYPE(dt, 105), &x, 1);
        op = case_op(&c, OP_TRANSPOSE, TYPE(dt, 3, 7, 5), &x, 1);
        vq_set_is(c.g, op, A_PERM, perm3, 3);
        y = case_in(&c, TYPE(dt, 2, 3, 4, 16));
        op = case_op(&c, OP_TRANSPOSE, TYPE(dt, 2, 4, 3, 16), &y, 1);
        vq_set_is(c.g, op, A_PERM, perm4, 4);
        y = case_in(&c, TYPE(dt, 3, 2, 16, 3, 16));
        op = case_op(&c, OP_TRANSPOSE, TYPE(dt, 2, 3, 3, 16, 16), &y, 1);
        vq_set_is(c.g, op, A_PERM, patches, 5);
        op = case_op(&c, OP_SLICE, TYPE(dt, 3, 2, 7), &x, 1);
        vq_set_i(c.g, op, A_AXIS, 1);
        vq_set_i(c.g, op, A_START, 3);
        vq_set_i(c.g, op, A_STEP, -2);
        op = case_op(&c, OP_SLICE, TYPE(dt, 3, 5, 4), &x, 1);
        vq_set_i(c.g, op, A_AXIS, 2);
        vq_set_i(c.g, op, A_START, 2);
        y = case_in(&c, TYPE(dt, 1, 9));
        case_op(&c, OP_EXPAND, TYPE(dt, 4, 5, 9), &y, 1);
        in[0] = x;
        in[1] = case_random(&c, TYPE(dt, 3, 1, 7), 0, 100);
        in[2] = case_in(&c, TYPE(dt, 3, 9, 7));
        op = case_op(&c, OP_CONCAT, TYPE(dt, 3, 15, 7), in, 3);
        vq_set_i(c.g, op, A_AXIS, 1);
    }
    case_check(&c);
    case_end(&c);
}

static void
test_add(void **state)
{
    static const int shift[][2] = {{0, 0}, {0, 3}, {5, 1}, {15, 16}, {30, 1}};
    Case c;

    (void)state;
    case_start(&c, "add");
    for (size_t i = 0; i < COUNT(length); i++) {
        ValId in[2] = {case_in(&c, TYPE(DT_S16, 3, length[i])),
                       case_in(&c, TYPE(DT_S16, i % 2 ? 1 : 3, length[i]))};
        Op *op = case_op(&c, OP_I_ADD, TYPE(DT_S16, 3, length[i]), in, 2);

        vq_set_i(c.g, op, A_ASHIFT, shift[i % COUNT(shift)][0]);
        vq_set_i(c.g, op, A_BSHIFT, shift[i % COUNT(shift)][1]);
    }
    case_check(&c);
    case_end(&c);
}

static void
test_mul(void **state)
{
    static const DType dt[] = {DT_U8, DT_S8, DT_S16};
    static const int32_t zero[] = {255, -128, 0};
    Case c;

    (void)state;
    case_start(&c, "mul");
    for (size_t i = 0; i < COUNT(length); i++) {
        Type a = coded(TYPE(dt[i % 3], 2, length[i]), 1, zero[i % 3]);
        Type b = coded(TYPE(dt[i / 2 % 2], 2, length[i]), 1, 3);
        ValId in[2] = {case_in(&c, a), case_in(&c, b)};

        case_op(&c, OP_I_MUL, TYPE(DT_S32, 2, length[i]), in, 2);
    }
    case_check(&c);
    case_end(&c);
}

static void
test_lut(void **state)
{
    static const DType to[] = {DT_U8, DT_S8, DT_S16, DT_S32};
    Case c;

    (void)state;
    case_start(&c, "lut");
    for (size_t i = 0; i < COUNT(length); i++)
        for (size_t k = 0; k < COUNT(to); k++) {
            ValId in[2];

            in[0] = case_in(&c, TYPE(i % 2 ? DT_S8 : DT_U8, length[i]));
            in[1] = case_random(&c, TYPE(to[k], 256), vq_dtype[to[k]].lo,
                                vq_dtype[to[k]].hi);
            case_op(&c, OP_I_LUT, TYPE(to[k], length[i]), in, 2);
        }
    case_check(&c);
    case_end(&c);
}

static void
check_requant(const char *name, int form, bool per_channel, bool any)
{
    static const DType from[] = {DT_S32, DT_S16, DT_U16, DT_U8, DT_S8};
    static const DType to[] = {DT_U8, DT_S8, DT_S16};
    Case c;

    case_start(&c, name);
    for (size_t i = 0; i < COUNT(length); i++) {
        DType f = from[i % COUNT(from)];
        DType t = to[i % (form == RQ_NARROW ? 2 : COUNT(to))];
        int64_t n = length[i];
        Type x = coded(TYPE(f, 2, n), 1, f == DT_S32 ? 0 : f == DT_U8 ? 77 : 1);
        ValId in[3] = {case_in(&c, x)};
        Op *op;

        if (any)
            case_requant_any(&c, form, per_channel ? n : 1, &in[1], &in[2]);
        else
            case_requant(&c, form, per_channel ? n : 1,
                         f == DT_S32 ? 1e9 : (double)vq_dtype[f].hi, t, &in[1],
                         &in[2]);
        op = case_op(&c, OP_I_REQUANT, coded(result(x, t), 1, t == DT_U8), in,
                     3);
        vq_set_i(c.g, op, A_FORM, form);
    }
    case_check(&c);
    case_end(&c);
}

static void
test_requant(void **state)
{
    (void)state;
    for (int form = 0; form < NREQUANTFORM; form++) {
        check_requant("one", form, false, false);
        check_requant("each", form, true, false);
        check_requant("any", form, true, true);
    }
}

/* Dyadic multipliers below 1/2, the greatest ones among them and some that
 * make ties. */
static void
test_small_dyadic(void **state)
{
    static const int32_t mul[] = {INT32_MAX, -INT32_MAX, 1 << 30, -(1 << 30),
                                  1234567891};
    Case c;

    (void)state;
    case_start(&c, "small");
    for (size_t i = 0; i < COUNT(length); i++) {
        int64_t n = length[i];
        Type x = TYPE(i % 2 ? DT_S16 : DT_S32, 2, n);
        Type y = coded(result(x, i % 3 ? DT_S16 : DT_U8), 1, i % 3 ? 0 : 99);
        int32_t *m = NEWN(&c.arena, int32_t, n),
                *s = NEWN(&c.arena, int32_t, n);
        ValId in[3] = {case_in(&c, x)};

        for (int64_t k = 0; k < n; k++) {
            m[k] = mul[case_pick(&c, 0, COUNT(mul) - 1)];
            s[k] = (int32_t)case_pick(&c, 32, k % 2 ? 36 : 61);
        }
        in[1] = case_const(&c, TYPE(DT_S32, n), m);
        in[2] = case_const(&c, TYPE(DT_S32, n), s);
        vq_set_i(c.g, case_op(&c, OP_I_REQUANT, y, in, 3), A_FORM, RQ_DYADIC);
    }
    case_check(&c);
    case_end(&c);
}

static void
test_sum(void **state)
{
    static const DType from[] = {DT_S16, DT_U8, DT_S8, DT_U16};
    Case c;

    (void)state;
    case_start(&c, "sum");
    for (size_t i = 0; i < COUNT(length); i++)
        for (int64_t axis = 0; axis < 3; axis++) {
            DType f = from[(i + (size_t)axis) % COUNT(from)];
            Type x = coded(TYPE(f, 2, 3, 5), 1, f == DT_U8 ? 9 : 0), t;
            ValId in;
            Op *op;

            x.dim[2 - i % 3] = length[i];
            in = case_in(&c, x);
            t = result(x, DT_S32);
            t.q = (Quant){0};
            t.dim[axis] = 1;
            op = case_op(&c, OP_I_SUM, t, &in, 1);
            vq_set_i(c.g, op, A_AXIS, axis);
        }
    case_check(&c);
    case_end(&c);
}

static void
test_edges(void **state)
{
    static const DType dts[] = {DT_U8, DT_S8, DT_S16};
    Case c;

    (void)state;
    case_start(&c, "edges");
    for (size_t i = 0; i < COUNT(length); i++) {
        DType dt = dts[i % COUNT(dts)];
        int32_t zero = dt == DT_U8 ? 130 : dt == DT_S8 ? -5 : 0;
        ValId in[2] = {case_in(&c, TYPE(DT_F32, 2, length[i]))};
        Type t = coded(TYPE(dt, 2, length[i]), i % 2 ? 0.125f : 0.0317f, zero);
        float *scale = NEWN(&c.arena, float, length[i]);

        case_op(&c, OP_I_QUANTIZE, t, in, 1);
        for (int64_t k = 0; k < length[i]; k++)
            scale[k] = 0.1f + (float)k / 7;
        if (i % 4 == 3)
            t = TYPE(DT_S32, 2, length[i]);
        in[0] = case_in(&c, t);
        in[1] = case_const(&c, TYPE(DT_F32, i % 3 ? length[i] : 1), scale);
        case_op(&c, OP_I_DEQUANTIZE, TYPE(DT_F32, 2, length[i]), in, 2);
    }
    case_check(&c);
    case_end(&c);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_moves),   cmocka_unit_test(test_add),
        cmocka_unit_test(test_mul),     cmocka_unit_test(test_lut),
        cmocka_unit_test(test_requant), cmocka_unit_test(test_sum),
        cmocka_unit_test(test_edges),   cmocka_unit_test(test_small_dyadic),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
