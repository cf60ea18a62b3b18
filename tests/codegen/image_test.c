/*
 * image_test.c -- pad, unfold, maxpool and k.depthwise, at channels around the
 * vectors' (16, 64) and windows of every shape.
 */
#include "ir/quant.h"
#include "tests/codegen/check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const int64_t channels[] = {1, 3, 15, 16, 17, 63, 64, 65, 130};

typedef struct Shape {
    int64_t height, width;
    int64_t kernel[2], stride[2], dilation[2], pad[4];
} Shape;

static const Shape shape[] = {
    {5, 7, {3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}},
    {6, 6, {3, 3}, {2, 2}, {1, 1}, {0, 0, 1, 1}},
    {8, 9, {7, 7}, {1, 1}, {1, 1}, {3, 3, 3, 3}},
    {9, 8, {2, 5}, {3, 1}, {1, 1}, {1, 0, 0, 2}},
    {9, 11, {3, 2}, {1, 2}, {2, 3}, {1, 1, 0, 2}},
    {1, 6, {1, 4}, {1, 1}, {1, 1}, {0, 1, 0, 2}},
    {4, 4, {1, 1}, {2, 3}, {1, 1}, {0, 0, 0, 0}},
    {7, 1, {3, 1}, {1, 1}, {1, 1}, {2, 0, 2, 0}},
    {5, 6, {5, 6}, {1, 1}, {1, 1}, {0, 0, 0, 0}},
};

static Type
coded(Type t, DType dt, int32_t zero)
{
    t.dt = dt;
    return vq_type_quant(t, (Quant){.scale = 0.5f, .zero = zero});
}

static int64_t
windows(const Shape *s, int i, bool padded)
{
    int64_t n = i ? s->width : s->height;

    n += padded ? s->pad[i] + s->pad[2 + i] : 0;
    n -= (s->kernel[i] - 1) * s->dilation[i] + 1;
    return n < 0 ? 0 : n / s->stride[i] + 1;
}

static void
set_window(Case *c, Op *op, const Shape *s)
{
    vq_set_is(c->g, op, A_KERNEL, s->kernel, 2);
    vq_set_is(c->g, op, A_STRIDES, s->stride, 2);
    vq_set_is(c->g, op, A_DILATIONS, s->dilation, 2);
}

static void
test_pad(void **state)
{
    static const DType dts[] = {DT_U8, DT_S16, DT_S32, DT_S8, DT_S64};
    Case c;

    (void)state;
    case_start(&c, "pad");
    for (size_t i = 0; i < COUNT(channels); i++)
        for (size_t k = 0; k < COUNT(shape); k++) {
            const Shape *s = &shape[k];
            int64_t pad[] = {i % 2,     s->pad[0], s->pad[1], 0,
                             i % 3 > 1, s->pad[2], s->pad[3], k % 4 == 3};
            Type t = TYPE(DT_U8, 2, s->height, s->width, channels[i]);
            DType dt = dts[(i + k) % COUNT(dts)];
            ValId x;
            Op *op;

            t = dt == DT_S32 || dt == DT_S64 ? vq_type_of(dt, 4, t.dim)
                                             : coded(t, dt, (int32_t)(k * 14));
            x = case_in(&c, t);
            for (int a = 0; a < 4; a++)
                t.dim[a] += pad[a] + pad[4 + a];
            op = case_op(&c, OP_PAD, t, &x, 1);
            vq_set_is(c.g, op, A_PADS, pad, 8);
        }
    case_check(&c);
    case_end(&c);
}

static void
test_unfold(void **state)
{
    static const DType dts[] = {DT_U8, DT_S16, DT_S32};
    Case c;

    (void)state;
    case_start(&c, "unfold");
    for (size_t i = 0; i < COUNT(channels); i++)
        for (size_t k = 0; k < COUNT(shape); k++) {
            const Shape *s = &shape[k];
            DType dt = dts[(i + k) % COUNT(dts)];
            Type t = TYPE(dt, 1 + (int64_t)i % 2, windows(s, 0, false),
                          windows(s, 1, false),
                          channels[i] * s->kernel[0] * s->kernel[1]);
            ValId x = case_in(
                &c, TYPE(dt, t.dim[0], s->height, s->width, channels[i]));

            set_window(&c, case_op(&c, OP_UNFOLD, t, &x, 1), s);
        }
    case_check(&c);
    case_end(&c);
}

static void
test_maxpool(void **state)
{
    static const DType dts[] = {DT_U8, DT_S8, DT_S16, DT_U16, DT_S32};
    Case c;

    (void)state;
    case_start(&c, "maxpool");
    for (size_t i = 0; i < COUNT(channels); i++)
        for (size_t k = 0; k < COUNT(shape); k++) {
            const Shape *s = &shape[k];
            DType dt = dts[(i + k) % COUNT(dts)];
            ValId x =
                case_in(&c, TYPE(dt, 2, s->height, s->width, channels[i]));
            Op *op = case_op(&c, OP_MAXPOOL,
                             TYPE(dt, 2, windows(s, 0, true),
                                  windows(s, 1, true), channels[i]),
                             &x, 1);

            set_window(&c, op, s);
            vq_set_is(c.g, op, A_PADS, s->pad, 4);
        }
    case_check(&c);
    case_end(&c);
}

/* form is -1 for sums as they are. */
static void
add_depthwise(Case *c, const Shape *s, int64_t n, int form, DType dt)
{
    int64_t area = s->kernel[0] * s->kernel[1];
    Type t = TYPE(form < 0 ? DT_S32 : dt, 2, windows(s, 0, false),
                  windows(s, 1, false), n);
    ValId in[5];
    Op *op;

    in[0] = case_in(c, coded(TYPE(DT_U8, 2, s->height, s->width, n), DT_U8, 3));
    in[1] = case_random(c, TYPE(DT_S8, area, n), -128, 127);
    in[2] = case_random(c, TYPE(DT_S32, n), -100000, 100000);
    if (form >= 0) {
        case_requant(c, form, n % 2 ? n : 1, 2000.0 * (double)area, dt, &in[3],
                     &in[4]);
        t = coded(t, dt, dt == DT_U8 ? 101 : 0);
    }
    op = case_op(c, OP_K_DEPTHWISE, t, in, form < 0 ? 3 : 5);
    set_window(c, op, s);
    if (form >= 0)
        vq_set_i(c->g, op, A_FORM, form);
}

static void
check_depthwise(const Shape *s, const char *name)
{
    static const DType dts[] = {DT_U8, DT_S8, DT_S16};
    Case c;

    case_start(&c, name);
    for (size_t i = 0; i < COUNT(channels); i++)
        for (int form = -1; form < NREQUANTFORM; form++) {
            DType dt = dts[(i + (size_t)(form + 1)) %
                           (form == RQ_NARROW ? 2 : COUNT(dts))];

            if ((i + (size_t)(form + 1)) % 4 == 0 ||
                (form == RQ_NARROW && i % 2))
                add_depthwise(&c, s, channels[i], form, dt);
        }
    case_check(&c);
    case_end(&c);
}

static void
test_depthwise(void **state)
{
    (void)state;
    for (size_t k = 0; k < COUNT(shape); k++)
        check_depthwise(&shape[k], "depthwise");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pad),
        cmocka_unit_test(test_unfold),
        cmocka_unit_test(test_maxpool),
        cmocka_unit_test(test_depthwise),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
