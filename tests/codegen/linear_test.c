/*
 * linear_test.c -- k.linear at awkward sizes, with everything that can follow.
 */
#include "ir/quant.h"
#include "tests/codegen/check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Rows, columns and depth around 1, the tiles (1, 3, 6, 8, 12, 24 rows, 1 to
 * 8 panels of 16, 4 of depth), a model's, and more than stays in caches. */
static const struct {
    int64_t m, n, k;
} size[] = {
    {1, 1, 1},       {1, 15, 3},    {1, 17, 5},      {2, 16, 4},
    {3, 31, 7},      {5, 48, 64},   {7, 33, 65},     {8, 47, 63},
    {9, 49, 12},     {12, 64, 32},  {13, 80, 9},     {24, 96, 21},
    {25, 97, 33},    {17, 112, 64}, {1, 1000, 192},  {197, 64, 48},
    {1, 129, 20},    {6, 32, 8},    {197, 192, 192}, {4, 10, 768},
    {1303, 37, 515},
};

typedef struct After {
    DType dt;
    int form; /* -1: none */
    bool lut, residual, one_scale, any_scale;
    int ashift, bshift;
} After;

static ValId
bias_of(Case *c, int64_t n)
{
    return case_random(c, TYPE(DT_S32, n), -100000, 100000);
}

static Type
result_type(Case *c, int64_t m, int64_t n, DType dt)
{
    Type t = TYPE(dt, m, n);

    t.q.scale = 1;
    if (dt == DT_U8)
        t.q.zero = (int32_t)case_pick(c, 0, 255);
    if (dt == DT_S8)
        t.q.zero = (int32_t)case_pick(c, -128, 127);
    if (dt == DT_S32)
        t.q.scale = 0;
    return t;
}

static void
add_linear(Case *c, int64_t m, int64_t n, int64_t k, const After *a)
{
    Type x = vq_type_quant(TYPE(DT_U8, m, k), (Quant){.scale = 1, .zero = 3});
    Type t = result_type(c, m, n, a->dt);
    ValId in[7] = {case_in(c, x), case_weight(c, k, n), bias_of(c, n)};
    uint32_t nin = 3;
    Op *op;

    if (a->any_scale) {
        case_requant_any(c, a->form, n, &in[3], &in[4]);
        nin = 5;
    } else if (a->form >= 0) {
        case_requant(c, a->form, a->one_scale ? 1 : n, 5000.0 * (double)k,
                     a->residual ? DT_S16 : DT_S8, &in[3], &in[4]);
        nin = 5;
    }
    if (a->lut)
        in[5] = case_random(c, TYPE(a->dt, 256), vq_dtype[a->dt].lo,
                            vq_dtype[a->dt].hi);
    if (a->residual)
        in[6] = case_in(c, TYPE(DT_S16, m, n));
    nin = a->residual ? 7 : a->lut ? 6 : nin;
    op = case_op(c, OP_K_LINEAR, t, in, nin);
    vq_set_i(c->g, op, A_COLS, n);
    if (a->form >= 0)
        vq_set_i(c->g, op, A_FORM, a->form);
    if (a->lut)
        vq_set_i(c->g, op, A_ZERO, case_pick(c, 0, 255));
    if (a->residual) {
        vq_set_i(c->g, op, A_ASHIFT, a->ashift);
        vq_set_i(c->g, op, A_BSHIFT, a->bshift);
    }
}

static void
check_after(const char *name, const After *a)
{
    Case c;

    case_start(&c, name);
    for (size_t i = 0; i < COUNT(size); i++)
        add_linear(&c, size[i].m, size[i].n, size[i].k, a);
    case_check(&c);
    case_end(&c);
}

#define TEST_AFTER(name, ...)                                                  \
    static void name(void **state)                                             \
    {                                                                          \
        (void)state;                                                           \
        check_after(#name, &(After){__VA_ARGS__});                             \
    }

TEST_AFTER(sums, .dt = DT_S32, .form = -1)
TEST_AFTER(narrow_u8, .dt = DT_U8, .form = RQ_NARROW)
TEST_AFTER(narrow_s8, .dt = DT_S8, .form = RQ_NARROW)
TEST_AFTER(narrow_one_scale, .dt = DT_U8, .form = RQ_NARROW, .one_scale = true)
TEST_AFTER(wide_u8, .dt = DT_U8, .form = RQ_WIDE)
TEST_AFTER(wide_s16, .dt = DT_S16, .form = RQ_WIDE)
TEST_AFTER(dyadic_s8, .dt = DT_S8, .form = RQ_DYADIC)
TEST_AFTER(dyadic_s16, .dt = DT_S16, .form = RQ_DYADIC)
TEST_AFTER(narrow_any, .dt = DT_U8, .form = RQ_NARROW, .any_scale = true)
TEST_AFTER(wide_any, .dt = DT_S16, .form = RQ_WIDE, .any_scale = true)
TEST_AFTER(dyadic_any, .dt = DT_U8, .form = RQ_DYADIC, .any_scale = true)
TEST_AFTER(table_u8, .dt = DT_U8, .form = RQ_NARROW, .lut = true)
TEST_AFTER(table_s16, .dt = DT_S16, .form = RQ_NARROW, .lut = true)
TEST_AFTER(table_wide, .dt = DT_U8, .form = RQ_WIDE, .lut = true)
TEST_AFTER(residual, .dt = DT_S16, .form = RQ_WIDE, .residual = true)
TEST_AFTER(residual_shifted, .dt = DT_S16, .form = RQ_WIDE, .residual = true,
           .ashift = 3, .bshift = 1)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums),       cmocka_unit_test(narrow_u8),
        cmocka_unit_test(narrow_s8),  cmocka_unit_test(narrow_one_scale),
        cmocka_unit_test(wide_u8),    cmocka_unit_test(wide_s16),
        cmocka_unit_test(dyadic_s8),  cmocka_unit_test(dyadic_s16),
        cmocka_unit_test(narrow_any), cmocka_unit_test(wide_any),
        cmocka_unit_test(dyadic_any), cmocka_unit_test(table_u8),
        cmocka_unit_test(table_s16),  cmocka_unit_test(table_wide),
        cmocka_unit_test(residual),   cmocka_unit_test(residual_shifted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
