/*
 * eval_product_test.c -- matmul, linear, conv and attention against loops in
 * f64, for sizes below and above what goes to CBLAS.
 */
#include "tests/ir/one_op.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void
check_matmul(Type a, Type b, Type y)
{
    const float *pa = random_f32(vq_count(&a), -1, 1, 1);
    const float *pb = random_f32(vq_count(&b), -1, 1, 2), *py;
    int64_t k = vq_cols(&a), m = a.rank > 1 ? a.dim[a.rank - 2] : 1;
    int64_t n = b.rank > 1 ? vq_cols(&b) : 1;
    OneOp t = one_op(OP_MATMUL, y, (Type[]){a, b}, (const void *[]){pa, pb}, 2);
    Type ba = a, bb = b, by = y;

    ba.rank = a.rank > 2 ? a.rank - 2 : 0;
    bb.rank = b.rank > 2 ? b.rank - 2 : 0;
    by.rank -= (a.rank > 1) + (b.rank > 1);
    py = run_op(&t);
    for (int64_t i = 0; i < vq_count(&y); i++) {
        int64_t batch = i / (m * n), r = i / n % m, c = i % n;
        const float *xa = pa + broadcast_at(&ba, &by, batch) * m * k;
        const float *xb = pb + broadcast_at(&bb, &by, batch) * k * n;
        double sum = 0;

        for (int64_t j = 0; j < k; j++)
            sum += (double)xa[r * k + j] * xb[j * n + c];
        assert_close(py[i], sum, sqrt((double)k));
    }
}

static void
matmuls(void **state)
{
    (void)state;
    check_matmul(TYPE(DT_F32, 7), TYPE(DT_F32, 7), vq_type_of(DT_F32, 0, NULL));
    check_matmul(TYPE(DT_F32, 7), TYPE(DT_F32, 7, 5), TYPE(DT_F32, 5));
    check_matmul(TYPE(DT_F32, 3, 7), TYPE(DT_F32, 7), TYPE(DT_F32, 3));
    check_matmul(TYPE(DT_F32, 2, 3, 7), TYPE(DT_F32, 7), TYPE(DT_F32, 2, 3));
    check_matmul(TYPE(DT_F32, 7), TYPE(DT_F32, 2, 7, 5), TYPE(DT_F32, 2, 5));
    check_matmul(TYPE(DT_F32, 3, 7), TYPE(DT_F32, 7, 5), TYPE(DT_F32, 3, 5));
    check_matmul(TYPE(DT_F32, 2, 3, 7), TYPE(DT_F32, 7, 5),
                 TYPE(DT_F32, 2, 3, 5));
    check_matmul(TYPE(DT_F32, 3, 7), TYPE(DT_F32, 2, 7, 5),
                 TYPE(DT_F32, 2, 3, 5));
    check_matmul(TYPE(DT_F32, 4, 1, 3, 7), TYPE(DT_F32, 2, 7, 5),
                 TYPE(DT_F32, 4, 2, 3, 5));
    check_matmul(TYPE(DT_F32, 2, 3, 40, 64), TYPE(DT_F32, 2, 3, 64, 40),
                 TYPE(DT_F32, 2, 3, 40, 40));
    check_matmul(TYPE(DT_F32, 1, 70, 192), TYPE(DT_F32, 192, 130),
                 TYPE(DT_F32, 1, 70, 130));
}

static void
check_linear(int64_t rows, int64_t k, int64_t n, bool biased)
{
    Type x = TYPE(DT_F32, 2, rows, k), w = TYPE(DT_F32, k, n);
    Type b = TYPE(DT_F32, n), y = TYPE(DT_F32, 2, rows, n);
    const float *px = random_f32(vq_count(&x), -1, 1, 1), *py;
    const float *pw = random_f32(k * n, -1, 1, 2),
                *pb = random_f32(n, -5, 5, 3);
    OneOp t =
        one_op(OP_LINEAR, y, (Type[]){x, w, b},
               (const void *[]){px, pw, biased ? pb : NULL}, biased ? 3 : 2);

    py = run_op(&t);
    for (int64_t i = 0; i < vq_count(&y); i++) {
        double sum = biased ? pb[i % n] : 0;

        for (int64_t j = 0; j < k; j++)
            sum += (double)px[i / n * k + j] * pw[j * n + i % n];
        assert_close(py[i], sum, sqrt((double)k));
    }
}

static void
linears(void **state)
{
    (void)state;
    check_linear(1, 5, 3, true);
    check_linear(1, 5, 3, false);
    check_linear(33, 96, 70, true);
    check_linear(33, 96, 70, false);
}

typedef struct ConvCase {
    int64_t in, out, groups, h, w, kh, kw;
    int64_t stride[2], pad[4], dilation[2];
} ConvCase;

static int64_t
conv_size(int64_t n, int64_t k, int64_t pads, int64_t stride, int64_t dilation)
{
    return (n + pads - dilation * (k - 1) - 1) / stride + 1;
}

static double
conv_want(const ConvCase *c, const float *x, const float *w, int64_t o,
          int64_t y, int64_t xx)
{
    int64_t per = c->in / c->groups, group = o / (c->out / c->groups);
    double sum = 0;

    for (int64_t i = 0; i < per; i++)
        for (int64_t ky = 0; ky < c->kh; ky++)
            for (int64_t kx = 0; kx < c->kw; kx++) {
                int64_t r = y * c->stride[0] + ky * c->dilation[0] - c->pad[0];
                int64_t s = xx * c->stride[1] + kx * c->dilation[1] - c->pad[1];

                if (r >= 0 && r < c->h && s >= 0 && s < c->w)
                    sum +=
                        (double)x[((group * per + i) * c->h + r) * c->w + s] *
                        w[((o * per + i) * c->kh + ky) * c->kw + kx];
            }
    return sum;
}

static void
check_conv(const ConvCase *c, bool biased)
{
    int64_t oh = conv_size(c->h, c->kh, c->pad[0] + c->pad[2], c->stride[0],
                           c->dilation[0]);
    int64_t ow = conv_size(c->w, c->kw, c->pad[1] + c->pad[3], c->stride[1],
                           c->dilation[1]);
    Type x = TYPE(DT_F32, 2, c->in, c->h, c->w), b = TYPE(DT_F32, c->out);
    Type w = TYPE(DT_F32, c->out, c->in / c->groups, c->kh, c->kw);
    Type y = TYPE(DT_F32, 2, c->out, oh, ow);
    const float *px = random_f32(vq_count(&x), -1, 1, 1), *py;
    const float *pw = random_f32(vq_count(&w), -1, 1, 2);
    const float *pb = random_f32(c->out, -1, 1, 3);
    OneOp t = one_op(OP_CONV, y, (Type[]){x, w, b},
                     (const void *[]){px, pw, biased ? pb : NULL}, 3);

    vq_set_is(t.g, t.op, A_STRIDES, c->stride, 2);
    vq_set_is(t.g, t.op, A_PADS, c->pad, 4);
    vq_set_is(t.g, t.op, A_DILATIONS, c->dilation, 2);
    vq_set_i(t.g, t.op, A_GROUPS, c->groups);
    py = run_op(&t);
    for (int64_t i = 0; i < vq_count(&y); i++) {
        int64_t o = i / (oh * ow) % c->out, image = i / (oh * ow * c->out);

        assert_close(py[i],
                     conv_want(c, px + image * c->in * c->h * c->w, pw, o,
                               i / ow % oh, i % ow) +
                         (biased ? pb[o] : 0),
                     3);
    }
}

static void
convs(void **state)
{
    static const ConvCase cases[] = {
        {3, 8, 1, 16, 24, 8, 8, {8, 8}, {0, 0, 0, 0}, {1, 1}},
        {4, 6, 2, 9, 7, 3, 2, {2, 1}, {1, 0, 2, 1}, {1, 2}},
        {5, 5, 5, 8, 8, 3, 3, {1, 1}, {1, 1, 1, 1}, {1, 1}},
        {16, 20, 1, 30, 30, 3, 3, {1, 1}, {1, 1, 1, 1}, {1, 1}},
        {1, 1, 1, 1, 1, 1, 1, {1, 1}, {0, 0, 0, 0}, {1, 1}},
        /* more patches than one block holds */
        {64, 1, 1, 64, 64, 3, 3, {1, 1}, {1, 1, 1, 1}, {1, 1}},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        check_conv(&cases[i], true);
        check_conv(&cases[i], false);
    }
}

static void
check_attention(int64_t batch, int64_t nq, int64_t nk, int64_t heads, int64_t d,
                int64_t dv, const float *each)
{
    int64_t wide = heads * d, vwide = heads * dv;
    Type q = TYPE(DT_F32, batch, nq, wide), k = TYPE(DT_F32, batch, nk, wide);
    Type v = TYPE(DT_F32, batch, nk, vwide), out = q;
    const float *pq = random_f32(vq_count(&q), -2, 2, 1), *y;
    const float *pk = random_f32(vq_count(&k), -2, 2, 2);
    const float *pv = random_f32(vq_count(&v), -2, 2, 3);
    OneOp t;

    out.dim[2] = vwide;
    t = one_op(OP_ATTENTION, out, (Type[]){q, k, v, q, TYPE(DT_F32, heads)},
               (const void *[]){pq, pk, pv, NULL, each}, 5);
    vq_set_i(t.g, t.op, A_HEADS, heads);
    vq_set_f(t.op, A_SCALE, 0.25);
    y = run_op(&t);
    for (int64_t i = 0; i < vq_count(&out); i++) {
        int64_t row = i / vwide, h = i % vwide / dv, b = row / nq;
        double sum = 0, mix = 0;

        for (int64_t j = 0; j < nk; j++) {
            double s = 0;

            for (int64_t c = h * d; c < h * d + d; c++)
                s += (double)pq[row * wide + c] * pk[(b * nk + j) * wide + c];
            s = exp(0.25 * s * (each ? (double)each[h] : 1));
            sum += s;
            mix += s * pv[(b * nk + j) * vwide + i % vwide];
        }
        assert_close(y[i], mix / sum, 1);
    }
}

static void
attentions(void **state)
{
    static const float each[] = {0.5f, 2, 3};

    (void)state;
    check_attention(1, 3, 3, 1, 4, 4, NULL);
    check_attention(2, 5, 9, 3, 7, 7, NULL);
    check_attention(1, 65, 65, 2, 32, 32, NULL);
    check_attention(2, 5, 9, 3, 7, 12, each);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(matmuls, free_arena),
        cmocka_unit_test_teardown(linears, free_arena),
        cmocka_unit_test_teardown(convs, free_arena),
        cmocka_unit_test_teardown(attentions, free_arena),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
