/*
 * eval_norm_test.c -- integer row ops: softmax and ShiftGELU against the row
 * functions, layernorms against the real one.
 */
#include "ir/quant.h"
#include "tests/ir/one_op.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void
check_softmax(DType from, DType to, int form, int pbits, const int32_t *table)
{
    enum { ROWS = 5, COLS = 33 };
    Type x = TYPE(from, ROWS, COLS), y = TYPE(to, ROWS, COLS);
    const void *px = random_codes(from, ROWS * COLS, 3), *py;
    Type tt = TYPE(DT_S32, form == SM_BASE2 ? 64 : 256);
    OneOp t = one_op(OP_I_SOFTMAX, y, (Type[]){x, tt},
                     (const void *[]){px, table}, 2);

    vq_set_i(t.g, t.op, A_SOFTMAX, form);
    vq_set_i(t.g, t.op, A_PBITS, pbits);
    py = run_op(&t);
    for (int r = 0; r < ROWS; r++) {
        int32_t row[COLS];
        uint32_t p[COLS];

        for (int i = 0; i < COLS; i++)
            row[i] = (int32_t)code_at(from, px, r * COLS + i);
        vq_softmax_row((SoftmaxForm)form, pbits, table, row, COLS, p);
        for (int i = 0; i < COLS; i++)
            assert_int_equal(code_at(to, py, r * COLS + i), p[i]);
    }
}

static void
softmaxes(void **state)
{
    (void)state;
    check_softmax(DT_S16, DT_U16, SM_BASE2, 16, base2_table());
    check_softmax(DT_S16, DT_U8, SM_BASE2, 8, base2_table());
    check_softmax(DT_S8, DT_U16, SM_SHIFTMAX, 15, shift_table(0, -20, 15));
}

static void
shiftgelus(void **state)
{
    Type x = TYPE(DT_S8, 4, 31), y = TYPE(DT_S16, 4, 31),
         tt = TYPE(DT_S32, 256);
    const int8_t *px = random_codes(DT_S8, 124, 1);
    const int32_t *e = shift_table(0, -20, 23), *em = shift_table(128, -20, 23);

    (void)state;
    for (int exact = 0; exact < 2; exact++) {
        OneOp t = one_op(OP_I_SHIFTGELU, y, (Type[]){x, tt, tt},
                         (const void *[]){px, e, em}, 3);
        int16_t want[124];

        vq_set_i(t.g, t.op, A_EXACT, exact);
        for (int r = 0; r < 4; r++)
            vq_shiftgelu_row(exact, e, em, px + r * 31, 31, want + r * 31);
        assert_memory_equal(run_op(&t), want, sizeof want);
    }
}

/* What a layernorm over C columns of s16 with scale SX should give. */
typedef struct Norm {
    int64_t c;
    double sx, sy, eps, gamma, beta;
    int32_t zero;
} Norm;

typedef struct Moments {
    double mean, dev; /* of a row; dev with the epsilon inside */
} Moments;

static Moments
moments_of(const Norm *n, const int16_t *x)
{
    double mean = 0, var = 0;

    for (int64_t c = 0; c < n->c; c++)
        mean += x[c] * n->sx / (double)n->c;
    for (int64_t c = 0; c < n->c; c++)
        var += pow(x[c] * n->sx - mean, 2) / (double)n->c;
    return (Moments){mean, sqrt(var + n->eps)};
}

static double
norm_want(const Norm *n, Moments m, int16_t x)
{
    double y = (x * n->sx - m.mean) / m.dev * n->gamma + n->beta;

    return y / n->sy + n->zero;
}

/*
 * Half a code is the last rounding's; the rest is from n's NB fraction bits
 * (half of one, times the gain) and from rounding g.
 */
static double
norm_bound(const Norm *n, int frac, int shift)
{
    return 0.5 + n->gamma / n->sy * exp2(-frac - 1) +
           sqrt((double)n->c) * exp2(frac - shift) * 0.5 + 0.01;
}

static void
check_norm_row(const Norm *n, const int16_t *x, const uint8_t *y, double bound)
{
    Moments m = moments_of(n, x);

    for (int64_t i = 0; i < n->c; i++) {
        double want = fmin(fmax(norm_want(n, m, x[i]), 0), 255);

        if (fabs(y[i] - want) > bound)
            fail_msg("row of %d: got %d, want %g", (int)n->c, y[i], want);
    }
}

static void
check_layernorm(Norm *n, const int16_t *x, int64_t rows)
{
    int frac = (int)floor(14.99 - log2((double)n->c) / 2);
    int shift = (int)floor(14.99 + frac - log2(fabs(n->gamma) / n->sy));
    double unit = n->sx / ldexp((double)n->c, -vq_norm_down(n->c));
    int64_t eps = (int64_t)fmax(1, rint(n->eps / (unit * unit)));
    int32_t *g = NEWN(&A, int32_t, (size_t)n->c), *b;
    Type t = TYPE(DT_S16, rows, n->c), tc = TYPE(DT_S32, n->c);
    Type ty = stored(TYPE(DT_U8, rows, n->c), (float)n->sy, n->zero);
    OneOp op;
    const uint8_t *y;

    shift = shift < 20 ? shift : 20;
    n->eps = (double)eps * unit * unit; /* as rounded */
    b = NEWN(&A, int32_t, (size_t)n->c);
    for (int64_t c = 0; c < n->c; c++) {
        g[c] = (int32_t)rint(n->gamma / n->sy * exp2(shift - frac));
        b[c] = (int32_t)rint((n->beta / n->sy + n->zero + 0.5) * exp2(shift));
    }
    op = one_op(OP_I_LAYERNORM, ty, (Type[]){t, tc, tc},
                (const void *[]){x, g, b}, 3);
    vq_set_i(op.g, op.op, A_FRAC, frac);
    vq_set_i(op.g, op.op, A_SHIFT, shift);
    vq_set_i(op.g, op.op, A_IEPS, eps);
    y = run_op(&op);
    for (int64_t r = 0; r < rows; r++)
        check_norm_row(n, x + r * n->c, y + r * n->c,
                       norm_bound(n, frac, shift));
}

static void
layernorm_is_the_real_one(void **state)
{
    static const int64_t width[] = {1,   2,    3,     64,    192,
                                    768, 4096, 32767, 32769, 100352};
    static const double spread[] = {10, 300, 5000, 65535};
    uint64_t seed = 17;

    (void)state;
    for (size_t w = 0; w < COUNT(width); w++)
        for (size_t s = 0; s < COUNT(spread); s++) {
            Norm n = {width[w], 0.004, 0.03, 1e-6, 1.3, -0.2, 120};
            int16_t *x = NEWN(&A, int16_t, (size_t)(3 * n.c));

            for (int64_t i = 0; i < 3 * n.c; i++)
                x[i] =
                    (int16_t)floor((vq_random_unit(&seed) - 0.5) * spread[s]);
            check_layernorm(&n, x, 3);
        }
}

static void
layernorm_at_its_limits(void **state)
{
    static const int64_t width[] = {2, 192, 32768, 32769, 65536, 1 << 20};

    (void)state;
    for (size_t w = 0; w < COUNT(width); w++) {
        Norm n = {width[w], 0.004, 0.03, 1e-6, 1.3, -0.2, 120};
        int16_t *x = NEWN(&A, int16_t, (size_t)(4 * n.c));

        for (int64_t i = 0; i < n.c; i++) {
            x[i] = -32768;                       /* no variance */
            x[n.c + i] = i & 1 ? 32767 : -32768; /* the largest */
            x[2 * n.c + i] = i ? 0 : 32767;      /* one outlier */
            x[3 * n.c + i] = i ? 32767 : -32768;
        }
        check_layernorm(&n, x, 4);
    }
}

/* Heads of a row, each with its own gain, and no mean: x / sqrt(mean(x^2)). */
static void
layernorm_of_heads(void **state)
{
    enum { ROWS = 3, HEADS = 2, D = 16, C = HEADS * D, FRAC = 12, SHIFT = 16 };
    Type x = TYPE(DT_S16, ROWS, C), tc = TYPE(DT_S32, C);
    Type y = TYPE(DT_S16, ROWS, C);
    int32_t g[C], b[C];
    int16_t codes[ROWS * C];
    uint64_t seed = 11;
    const int16_t *got;
    OneOp t;

    (void)state;
    for (int i = 0; i < ROWS * C; i++)
        codes[i] = (int16_t)(300 + (vq_random_unit(&seed) - 0.5) * 9000);
    for (int c = 0; c < C; c++) {
        g[c] = c < D ? 16384 : -8192;
        b[c] = 1 << (SHIFT - 1);
    }
    t = one_op(OP_I_LAYERNORM, y, (Type[]){x, tc, tc},
               (const void *[]){codes, g, b}, 3);
    vq_set_i(t.g, t.op, A_FRAC, FRAC);
    vq_set_i(t.g, t.op, A_SHIFT, SHIFT);
    vq_set_i(t.g, t.op, A_IEPS, 1);
    vq_set_i(t.g, t.op, A_MEAN, 0);
    vq_set_i(t.g, t.op, A_HEADS, HEADS);
    got = run_op(&t);
    for (int i = 0; i < ROWS * C; i++) {
        const int16_t *row = codes + i / D * D;
        double square = 0, want;

        for (int k = 0; k < D; k++)
            square += (double)row[k] * row[k] / D;
        want = codes[i] / sqrt(square) * (i / D % HEADS ? -512 : 1024);
        assert_true(fabs(got[i] - want) < 0.75);
    }
}

/* I-ViT's: no epsilon, per-channel multipliers of either sign, bias before. */
static void
ivitnorm_is_nearly_the_real_one(void **state)
{
    enum { ROWS = 3, C = 192 };
    const double unit = sqrt(C) / 0x1p30, sy = 0.03;
    Type x = TYPE(DT_S16, ROWS, C), y = stored(TYPE(DT_S8, ROWS, C), 0.03f, 0);
    Type m = TYPE(DT_S32, C), tb = TYPE(DT_S64, C);
    int64_t bias[C];
    int32_t mul[C], shift[C];
    int16_t codes[ROWS * C];
    uint64_t seed = 3;
    const int8_t *got;
    OneOp t;

    (void)state;
    for (int i = 0; i < ROWS * C; i++)
        codes[i] = (int16_t)((vq_random_unit(&seed) - 0.5) * 9000);
    for (int c = 0; c < C; c++) {
        double gamma = c & 1 ? 0.8 : -0.6, beta = 0.4;
        Requant r = vq_requant_of(RQ_DYADIC, unit * gamma / sy);

        mul[c] = r.mul;
        shift[c] = r.shift;
        bias[c] = (int64_t)floor(beta / gamma / unit);
    }
    bias[0] = INT64_MAX;
    bias[1] = INT64_MIN;
    t = one_op(OP_I_IVITNORM, y, (Type[]){x, tb, m, m},
               (const void *[]){codes, bias, mul, shift}, 4);
    got = run_op(&t);
    assert_int_equal(got[0], -128); /* saturated to 32 bits, then times -0.6 */
    assert_int_equal(got[1], -128);
    for (int i = 0; i < ROWS * C; i++) {
        Norm n = {C, 1, sy, 0, i & 1 ? 0.8 : -0.6, 0.4, 0};
        double want =
            norm_want(&n, moments_of(&n, codes + i / C * C), codes[i]);

        if (i % C > 1)
            assert_true(fabs(got[i] - fmin(fmax(want, -128), 127)) < 0.75);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(softmaxes, free_arena),
        cmocka_unit_test_teardown(shiftgelus, free_arena),
        cmocka_unit_test_teardown(layernorm_is_the_real_one, free_arena),
        cmocka_unit_test_teardown(layernorm_at_its_limits, free_arena),
        cmocka_unit_test_teardown(layernorm_of_heads, free_arena),
        cmocka_unit_test_teardown(ivitnorm_is_nearly_the_real_one, free_arena),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
