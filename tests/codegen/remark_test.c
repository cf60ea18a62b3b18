/*
 * remark_test.c -- what --opt-report says of ops whose slow ways are known,
 * and what it must not say of those that have none.
 */
#include "ir/quant.h"
#include "tests/codegen/deit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static Emitted emitted;

/* The report on the case's graph for those levels. */
static const char *
report(Case *c, const char *levels)
{
    CodegenOptions opt = {.levels = levels, .prefix = "m", .level = 0};

    vq_emitted_free(&emitted);
    assert_true(vq_codegen(c->g, &c->diag, &opt, &emitted));
    return emitted.report;
}

static void
assert_says(Case *c, const char *levels, const char *what)
{
    const char *text = report(c, levels);

    if (!strstr(text, what))
        fail_msg("'%s' is not in:\n%s", what, text);
}

static void
assert_silent(Case *c, const char *levels, const char *what)
{
    const char *text = report(c, levels);

    if (strstr(text, what))
        fail_msg("'%s' is in:\n%s", what, text);
}

static Type
coded(DType dt, int64_t m, int64_t n, int32_t zero)
{
    return vq_type_quant(TYPE(dt, m, n), (Quant){.scale = 1, .zero = zero});
}

/* A linear layer whose results have real multipliers of about `real`. */
static Op *
add_linear(Case *c, int64_t m, int form, DType dt, double real, bool lut)
{
    enum { N = 48, K = 64 };
    int32_t mul[N], shift[N];
    ValId in[6] = {case_in(c, coded(DT_U8, m, K, 3)), case_weight(c, K, N),
                   case_random(c, TYPE(DT_S32, N), -1000, 1000)};
    Op *op;

    for (int i = 0; i < N; i++) {
        Requant r = vq_requant_of((RequantForm)form, real);

        mul[i] = r.mul;
        shift[i] = r.shift;
    }
    in[3] = case_const(c, TYPE(DT_S32, N), mul);
    in[4] = case_const(c, TYPE(DT_S32, N), shift);
    if (lut)
        in[5] = case_random(c, TYPE(dt, 256), 0, 100);
    op = case_op(c, OP_K_LINEAR, coded(dt, m, N, 0), in, lut ? 6 : 5);
    vq_set_i(c->g, op, A_COLS, N);
    vq_set_i(c->g, op, A_FORM, form);
    if (lut)
        vq_set_i(c->g, op, A_ZERO, 128);
    return op;
}

static void
test_plain_linear(void **state)
{
    Case c;

    (void)state;
    case_start(&c, "plain");
    add_linear(&c, 24, RQ_NARROW, DT_U8, 1e-4, true);
    add_linear(&c, 24, RQ_WIDE, DT_S16, 1e-2, false);
    case_plan(&c);
    assert_silent(&c, "avx2,avxvnni,avx512vnni", "slow:");
    assert_says(&c, "avx512vnni", "0 of 2 layers ");
    assert_says(&c, "avx512vnni", "linear 24x48x64");
    assert_says(&c, "avx512vnni", "avx512vnni: product 24x48x64 in blocks of ");
    assert_says(&c, "amx", "amx: product 24x48x64");
    case_end(&c);
}

static void
test_requantization(void **state)
{
    static const struct {
        int form;
        DType dt;
        double real;
        const char *says;
    } way[] = {
        {RQ_WIDE, DT_U8, 0.5,
         "32-bit lanes, not in 16-bit ones: a multiplier is 2^-6 or more"},
        {RQ_WIDE, DT_U8, 1e-3,
         "32-bit lanes, not in 16-bit ones: the op is defined so"},
        {RQ_DYADIC, DT_U8, 1e-3, "64-bit lanes: its multipliers are 31-bit"},
        {RQ_DYADIC, DT_S16, 1e-3, "64-bit lanes: its multipliers are 31-bit"},
    };
    Case c;

    (void)state;
    for (size_t i = 0; i < COUNT(way); i++) {
        case_start(&c, "requant");
        add_linear(&c, 24, way[i].form, way[i].dt, way[i].real, false);
        case_plan(&c);
        assert_says(&c, NULL, way[i].says);
        assert_says(&c, NULL, "1 of 1 layers ");
        case_end(&c);
    }
}

/* Sums of any 32 bits have no bound. */
static void
test_unbounded(void **state)
{
    Case c;
    ValId in[3];
    Op *op;

    (void)state;
    case_start(&c, "unbounded");
    in[0] = case_in(&c, coded(DT_S32, 2, 32, 0));
    case_requant(&c, RQ_NARROW, 1, 1e9, DT_S8, &in[1], &in[2]);
    op = case_op(&c, OP_I_REQUANT, coded(DT_S8, 2, 32, 0), in, 3);
    vq_set_i(c.g, op, A_FORM, RQ_NARROW);
    case_plan(&c);
    assert_says(&c, NULL, "slow: requantized in 64-bit lanes: what it");
    case_end(&c);
}

static void
test_tables(void **state)
{
    Case c;
    ValId in[2];

    (void)state;
    case_start(&c, "table");
    add_linear(&c, 24, RQ_NARROW, DT_U8, 1e-4, true);
    case_plan(&c);
    assert_says(&c, "base", "the level has no table in registers");
    assert_silent(&c, "avx2", "table");
    case_end(&c);

    case_start(&c, "table_dyadic");
    add_linear(&c, 24, RQ_DYADIC, DT_U8, 1e-4, true);
    case_plan(&c);
    assert_says(&c, "avx2", "sums are not requantized in 16-bit lanes");
    case_end(&c);

    case_start(&c, "table_s32");
    in[0] = case_in(&c, coded(DT_U8, 3, 100, 0));
    in[1] = case_random(&c, TYPE(DT_S32, 256), -1000, 1000);
    case_op(&c, OP_I_LUT, TYPE(DT_S32, 3, 100), in, 2);
    case_plan(&c);
    assert_says(&c, "avx2,avx512vnni",
                "all levels: slow: table look-up, a loop without vectors: its "
                "entries have more than 16 bits");
    case_end(&c);
}

static void
test_scalar_loops(void **state)
{
    static const int64_t perm[] = {1, 0};
    Case c;
    ValId x;
    Op *op;

    (void)state;
    case_start(&c, "transpose");
    x = case_in(&c, coded(DT_U8, 40, 30, 0));
    op = case_op(&c, OP_TRANSPOSE, coded(DT_U8, 30, 40, 0), &x, 1);
    vq_set_is(c.g, op, A_PERM, perm, 2);
    case_plan(&c);
    assert_says(&c, NULL, "copy, a loop without vectors: few bytes");
    case_end(&c);

    case_start(&c, "reshape");
    x = case_in(&c, coded(DT_U8, 40, 30, 0));
    case_op(&c, OP_RESHAPE, coded(DT_U8, 30, 40, 0), &x, 1);
    case_plan(&c);
    assert_silent(&c, NULL, "slow:");
    case_end(&c);

    case_start(&c, "sum");
    x = case_in(&c, coded(DT_U8, 40, 30, 0));
    op = case_op(&c, OP_I_SUM, TYPE(DT_S32, 40, 1), &x, 1);
    vq_set_i(c.g, op, A_AXIS, 1);
    case_plan(&c);
    assert_says(&c, NULL, "sum, a loop without vectors: fewer than 16");
    case_end(&c);
}

static void
test_one_row(void **state)
{
    Case c;

    (void)state;
    case_start(&c, "row");
    add_linear(&c, 1, RQ_NARROW, DT_U8, 1e-4, false);
    case_plan(&c);
    assert_says(&c, NULL, "all levels: slow: product of one row");
    case_end(&c);
    case_start(&c, "rows");
    add_linear(&c, 8, RQ_NARROW, DT_U8, 1e-4, false);
    case_plan(&c);
    assert_says(&c, "amx",
                "slow: product 8x48x64 is not in tiles: it has "
                "fewer than 16 rows");
    case_end(&c);
}

/* Layers of one pattern share lines when these are the same. */
static void
test_groups(void **state)
{
    Case c;

    (void)state;
    case_start(&c, "groups");
    for (int i = 0; i < 4; i++) {
        int form = i < 3 ? RQ_NARROW : RQ_DYADIC;

        add_linear(&c, 24, form, DT_U8, 1e-4, false)->loc.node =
            vq_format(&c.arena, "blocks.%d/fc1", i);
    }
    case_plan(&c);
    assert_says(&c, "avx2", "1 of 4 layers ");
    assert_says(&c, "avx2", "\nblocks.0..2/fc1: linear 24x48x64");
    assert_says(&c, "avx2", ", 3 layers\n");
    assert_says(&c, "avx2", "\nblocks.3/fc1: linear 24x48x64");
    case_end(&c);
}

/* Of a whole model the best levels leave nothing slow but what this shape must
 * be: rows that are no 16, and one that is alone. */
static void
test_deit(void **state)
{
    static const DeitShape shape = {64, 17, 64, 2, 128, 2, 16, 16};
    static const char *const expected[] = {
        "slow: copy,", "slow: product of one row", " residual of 16 rows,"};
    Case c;
    char *line, *text;

    (void)state;
    case_start(&c, "deit");
    deit_build(&c, &shape);
    text = vq_strdup(&c.arena, report(&c, "avx2,avxvnni,avx512vnni"));
    for (line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        bool good = !strstr(line, "slow:");

        for (size_t i = 0; i < COUNT(expected); i++)
            good = good || strstr(line, expected[i]);
        if (!good)
            fail_msg("not expected: %s", line);
    }
    case_end(&c);
    vq_emitted_free(&emitted);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain_linear),
        cmocka_unit_test(test_requantization),
        cmocka_unit_test(test_unbounded),
        cmocka_unit_test(test_tables),
        cmocka_unit_test(test_scalar_loops),
        cmocka_unit_test(test_one_row),
        cmocka_unit_test(test_groups),
        cmocka_unit_test(test_deit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
