/*
 * product_test.c -- products of two computed values against the evaluator.
 */
#include "ir/quant.h"
#include "tests/codegen/check.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

typedef struct Shape {
    int64_t batch, m, k, n;
} Shape;

/* Around a block of rows, a k-group and a panel. */
static const Shape shape[] = {
    {1, 1, 1, 1},    {2, 1, 5, 3},     {3, 31, 4, 15},    {1, 32, 3, 16},
    {2, 33, 16, 17}, {4, 64, 63, 33},  {1, 65, 64, 48},   {2, 7, 65, 40},
    {5, 3, 197, 2},  {2, 20, 130, 70}, {1, 100, 32, 100},
};

static void
add_product(Case *c, const Shape *s, int form, DType dt, bool columns)
{
    Type a = TYPE(DT_U8, s->batch, s->m, s->k), out = a;
    int32_t zero = dt == DT_U8 ? 77 : 0;
    ValId in[4];
    Op *op;

    a = vq_type_quant(
        a, (Quant){.scale = 1, .zero = (int32_t)case_pick(c, 0, 255)});
    in[0] = case_in(c, a);
    in[1] = case_in(c, TYPE(DT_S8, s->batch, s->k, s->n));
    case_requant(c, form, columns ? s->n : 1, 8000 * sqrt((double)s->k), dt,
                 &in[2], &in[3]);
    out.dt = dt;
    out.dim[2] = s->n;
    op = case_op(c, OP_I_PRODUCT,
                 vq_type_quant(out, (Quant){.scale = 1, .zero = zero}), in, 4);
    vq_set_i(c->g, op, A_FORM, form);
}

static void
check_products(const char *name, int form, DType dt, bool columns)
{
    Case c;

    case_start(&c, name);
    for (size_t i = 0; i < COUNT(shape); i++)
        add_product(&c, &shape[i], form, dt, columns);
    case_check(&c);
    case_end(&c);
}

static void
test_products(void **state)
{
    (void)state;
    check_products("bytes", RQ_NARROW, DT_U8, false);
    check_products("columns", RQ_NARROW, DT_S8, true);
    check_products("words", RQ_WIDE, DT_S16, false);
    check_products("dyadic", RQ_DYADIC, DT_S8, true);
}

/* One matrix, without a batch axis. */
static void
test_one_product(void **state)
{
    Type out = TYPE(DT_S16, 9, 21);
    ValId in[4];
    Case c;
    Op *op;

    (void)state;
    case_start(&c, "one");
    in[0] = case_in(&c, TYPE(DT_U8, 9, 18));
    in[1] = case_in(&c, TYPE(DT_S8, 18, 21));
    case_requant(&c, RQ_WIDE, 1, 40000, DT_S16, &in[2], &in[3]);
    op = case_op(&c, OP_I_PRODUCT, out, in, 4);
    vq_set_i(c.g, op, A_FORM, RQ_WIDE);
    case_check(&c);
    case_end(&c);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_products),
        cmocka_unit_test(test_one_product),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
