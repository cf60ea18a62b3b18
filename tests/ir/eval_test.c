/*
 * eval_test.c -- real and move ops against plain loops in f64, and the running
 * of whole graphs. (Integer ops: eval_int_test.c.)
 */
#include "tests/ir/one_op.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void
assert_close(double got, double want, double scale)
{
    if (!(fabs(got - want) <= 1e-5 * (fabs(want) + scale)))
        fail_msg("got %.9g, want %.9g", got, want);
}

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

/* ---- moves, on elements of every size ---- */

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

/* ---- along axes ---- */

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

/* ---- products ---- */

/* An operand seen as [batches.. x rows x cols], and where the result's batch
 * lies in it. */
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
check_attention(int64_t batch, int64_t nq, int64_t nk, int64_t heads, int64_t d)
{
    int64_t wide = heads * d;
    Type q = TYPE(DT_F32, batch, nq, wide), k = TYPE(DT_F32, batch, nk, wide);
    const float *pq = random_f32(vq_count(&q), -2, 2, 1), *y;
    const float *pk = random_f32(vq_count(&k), -2, 2, 2);
    const float *pv = random_f32(vq_count(&k), -2, 2, 3);
    OneOp t = one_op(OP_ATTENTION, q, (Type[]){q, k, k},
                     (const void *[]){pq, pk, pv}, 3);

    vq_set_i(t.g, t.op, A_HEADS, heads);
    vq_set_f(t.op, A_SCALE, 0.25);
    y = run_op(&t);
    for (int64_t i = 0; i < vq_count(&q); i++) {
        int64_t row = i / wide, h = i % wide / d, b = row / nq;
        double sum = 0, mix = 0;

        for (int64_t j = 0; j < nk; j++) {
            double s = 0;

            for (int64_t c = h * d; c < h * d + d; c++)
                s += (double)pq[row * wide + c] * pk[(b * nk + j) * wide + c];
            s = exp(0.25 * s);
            sum += s;
            mix += s * pv[(b * nk + j) * wide + i % wide];
        }
        assert_close(y[i], mix / sum, 1);
    }
}

static void
attentions(void **state)
{
    (void)state;
    check_attention(1, 3, 3, 1, 4);
    check_attention(2, 5, 9, 3, 7);
    check_attention(1, 65, 65, 2, 32);
}

/* ---- stored types ---- */

/* A real op on quantized operands reads, computes and rounds; the per-channel
 * operand has its scales along axis 1. */
static void
quantized_operands(void **state)
{
    static const uint8_t a[] = {10, 20, 30, 200, 255, 0};
    static const int8_t b[] = {-128, 5, 127, 1, 2, 3};
    static const float scales[] = {0.5f, 0.25f, 0.125f};
    Type ta =
        vq_type_quant(TYPE(DT_U8, 2, 3), (Quant){.scale = 0.1f, .zero = 20});
    Type tb = TYPE(DT_S8, 2, 3), ty;
    OneOp t = one_op(OP_ADD, ta, (Type[]){ta, tb}, (const void *[]){a, b}, 2);
    const int16_t *y;

    (void)state;
    ty = vq_type_quant(TYPE(DT_S16, 2, 3), (Quant){.scale = 0.01f});
    t.out = NEWN(&A, int16_t, 6);
    t.g->val[t.op->out].type = ty;
    t.g->val[t.op->in[1]].type.q = (Quant){
        .scales = vq_const(t.g, "s", TYPE(DT_F32, 3), scales), .axis = 1};
    y = run_op(&t);
    for (int i = 0; i < 6; i++)
        assert_int_equal(
            y[i], rint(((a[i] - 20) * 0.1 + b[i] * scales[i % 3]) / 0.01));
}

static void
convert_stores_anew(void **state)
{
    Type x = vq_type_quant(TYPE(DT_S16, 4), (Quant){.scale = 0.01f});
    Type y = vq_type_quant(TYPE(DT_U8, 4), (Quant){.scale = 0.1f, .zero = 100});
    static const int16_t codes[] = {-1003, 0, 998, 32767};
    static const uint8_t want[] = {0, 100, 200, 255};
    OneOp t = one_op(OP_CONVERT, y, &x, (const void *[]){codes}, 1);

    (void)state;
    assert_memory_equal(run_op(&t), want, 4);
}

/* ---- whole graphs ---- */

typedef struct Seen {
    const Arena *tmp;
    size_t most;
    int n;
    float last;
} Seen;

static void
note_value(void *user, const Graph *g, ValId v, const void *data)
{
    Seen *s = user;

    (void)g;
    assert_true(v != 0);
    s->n++;
    s->last = *(const float *)data;
    if (s->tmp->total > s->most)
        s->most = s->tmp->total;
}

/* A long chain needs two buffers, not a hundred. */
static void
buffers_are_reused(void **state)
{
    enum { STEPS = 100, N = 1 << 18 };
    Type t = TYPE(DT_F32, N);
    Graph *g = vq_graph_new(&A, "chain");
    ValId one = vq_const_f32(g, "one", 1), v = vq_input(g, "x", t);
    float *x = random_f32(N, 0, 1, 1), *y = NEWN(&A, float, N);
    Arena tmp = {0};
    Seen seen = {.tmp = &tmp};

    (void)state;
    for (int i = 0; i < STEPS; i++)
        v = vq_emit(g, OP_ADD, "a", t, (ValId[]){v, one}, 2, NOLOC)->out;
    vq_output(g, v);
    vq_eval(g, &tmp, (const void *[]){x}, (void *[]){y}, note_value, &seen);
    assert_int_equal(seen.n, STEPS + 1);
    assert_true(fabsf(seen.last - (x[0] + STEPS)) < 1e-3f);
    assert_true(fabsf(y[N - 1] - (x[N - 1] + STEPS)) < 1e-3f);
    assert_true(seen.most <= 4 << 20);
    vq_arena_free(&tmp);
    assert_int_equal(tmp.total, 0);
}

/* x + x twice, with values that are used late, never, and as outputs that are
 * also an input, a constant and each other. */
static void
outputs_of_every_kind(void **state)
{
    Type t = TYPE(DT_F32, 3);
    Graph *g = vq_graph_new(&A, "outs");
    float x[] = {1, 2, 3}, c[] = {7, 8, 9}, out[5][3];
    ValId in = vq_input(g, "x", t), k = vq_const(g, "c", t, c), y, z;
    Arena tmp = {0};

    (void)state;
    y = vq_emit(g, OP_ADD, "y", t, (ValId[]){in, in}, 2, NOLOC)->out;
    vq_emit(g, OP_NEG, "unused", t, &y, 1, NOLOC);
    z = vq_emit(g, OP_MUL, "z", t, (ValId[]){y, y}, 2, NOLOC)->out;
    z = vq_emit(g, OP_ADD, "z", t, (ValId[]){z, y}, 2, NOLOC)->out;
    vq_output(g, y);
    vq_output(g, in);
    vq_output(g, k);
    vq_output(g, z);
    vq_output(g, z);
    vq_eval(g, &tmp, (const void *[]){x},
            (void *[]){out[0], out[1], out[2], out[3], out[4]}, NULL, NULL);
    for (int i = 0; i < 3; i++) {
        assert_true(out[0][i] == 2 * x[i]);
        assert_true(out[1][i] == x[i]);
        assert_true(out[2][i] == c[i]);
        assert_true(out[3][i] == 4 * x[i] * x[i] + 2 * x[i]);
        assert_true(out[4][i] == out[3][i]);
    }
    vq_arena_free(&tmp);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(binary_broadcasts, free_arena),
        cmocka_unit_test_teardown(unary_ops, free_arena),
        cmocka_unit_test_teardown(clip_with_one_bound, free_arena),
        cmocka_unit_test_teardown(gelu_by_tanh, free_arena),
        cmocka_unit_test_teardown(transposes, free_arena),
        cmocka_unit_test_teardown(slices, free_arena),
        cmocka_unit_test_teardown(concats_and_expands, free_arena),
        cmocka_unit_test_teardown(reductions, free_arena),
        cmocka_unit_test_teardown(softmax_on_every_axis, free_arena),
        cmocka_unit_test_teardown(layernorm_normalises, free_arena),
        cmocka_unit_test_teardown(matmuls, free_arena),
        cmocka_unit_test_teardown(linears, free_arena),
        cmocka_unit_test_teardown(convs, free_arena),
        cmocka_unit_test_teardown(attentions, free_arena),
        cmocka_unit_test_teardown(quantized_operands, free_arena),
        cmocka_unit_test_teardown(convert_stores_anew, free_arena),
        cmocka_unit_test_teardown(buffers_are_reused, free_arena),
        cmocka_unit_test_teardown(outputs_of_every_kind, free_arena),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
