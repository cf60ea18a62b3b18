/*
 * rows_test.c -- softmax, layernorms and ShiftGELU, and attention.
 */
#include "ir/quant.h"
#include "tests/codegen/check.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const int64_t length[] = {1,  2,  3,  15, 16, 17,  31,  32,  33,
                                 47, 48, 63, 64, 65, 192, 197, 384, 1000};

static ValId
power_table(Case *c)
{
    uint16_t table[64];

    for (int i = 0; i < 64; i++)
        table[i] = (uint16_t)lrint(65535 * exp2(-i / 64.0));
    return case_const(c, TYPE(DT_U16, 64), table);
}

/* shift_exp of 0, -1, .. -255, or of 128, 127, .. -127. */
static ValId
shift_table(Case *c, int first)
{
    int32_t table[256];

    for (int i = 0; i < 256; i++)
        table[i] = vq_shift_exp(first - i, -37, 15);
    return case_const(c, TYPE(DT_S32, 256), table);
}

static Type
coded(Type t, int32_t zero)
{
    return vq_type_quant(t, (Quant){.scale = 1, .zero = zero});
}

static void
test_softmax(void **state)
{
    static const int bits[][2] = {
        {SM_BASE2, 16}, {SM_BASE2, 8}, {SM_SHIFTMAX, 15}};
    Case c;

    (void)state;
    case_start(&c, "softmax");
    for (size_t i = 0; i < COUNT(length); i++)
        for (size_t k = 0; k < COUNT(bits); k++) {
            bool base2 = bits[k][0] == SM_BASE2;
            ValId in[2] = {
                case_in(&c, TYPE(base2 ? DT_S16 : DT_S8, 5, length[i])),
                base2 ? power_table(&c) : shift_table(&c, 0)};
            Op *op = case_op(
                &c, OP_I_SOFTMAX,
                TYPE(bits[k][1] == 8 ? DT_U8 : DT_U16, 5, length[i]), in, 2);

            vq_set_i(c.g, op, A_SOFTMAX, bits[k][0]);
            vq_set_i(c.g, op, A_PBITS, bits[k][1]);
        }
    case_check(&c);
    case_end(&c);
}

/* Scores near each other: many keys with a share. */
static void
test_close_scores(void **state)
{
    Case c;

    (void)state;
    case_start(&c, "close");
    for (size_t i = 0; i < COUNT(length); i++)
        for (int pbits = 8; pbits <= 16; pbits += 8) {
            Type t = TYPE(DT_S16, 4, length[i]);
            ValId in[2] = {case_random(&c, t, -400, 100), power_table(&c)};
            Op *op =
                case_op(&c, OP_I_SOFTMAX,
                        TYPE(pbits == 8 ? DT_U8 : DT_U16, 4, length[i]), in, 2);

            vq_set_i(c.g, op, A_SOFTMAX, SM_BASE2);
            vq_set_i(c.g, op, A_PBITS, pbits);
        }
    case_check(&c);
    case_end(&c);
}

/*
 * Rows of few exponentials that are not 0: a score 960 to 1023 steps below the
 * greatest has the exponential 1, one 1024 below has 0. Their sum is 65535 or
 * 65536, or a power of two with more of them, or in between.
 */
static ValId
peaked_scores(Case *c, int64_t rows, int64_t n)
{
    static const int most[] = {1, 1, 1, 2, 2, 4, 4, 3, 16};
    static const int ones[] = {0, 1, 2, 0, 2, 0, 4, 7, 16};
    int16_t *x = NEWN(&c->arena, int16_t, rows *n);

    for (int64_t r = 0; r < rows; r++) {
        int64_t k = r % (int64_t)COUNT(most), top = case_pick(c, -30000, 32767);

        for (int64_t i = 0; i < n; i++)
            x[r * n + i] = (int16_t)vq_max(top - 1024 - 5 * i, INT16_MIN);
        for (int64_t i = 0; i < most[k] + ones[k]; i++)
            x[r * n + i * 7 % n] =
                (int16_t)(i < ones[k] ? top - case_pick(c, 960, 1023) : top);
    }
    return case_const(c, TYPE(DT_S16, rows, n), x);
}

static void
test_peaked_scores(void **state)
{
    Case c;

    (void)state;
    case_start(&c, "peaked");
    for (size_t i = 0; i < COUNT(length); i++)
        for (int pbits = 8; pbits <= 16; pbits += 8) {
            int64_t rows = 9 + (int64_t)i % 2;
            ValId in[2] = {peaked_scores(&c, rows, length[i]), power_table(&c)};
            Type t = TYPE(pbits == 8 ? DT_U8 : DT_U16, rows, length[i]);
            Op *op = case_op(&c, OP_I_SOFTMAX, t, in, 2);

            vq_set_i(c.g, op, A_SOFTMAX, SM_BASE2);
            vq_set_i(c.g, op, A_PBITS, pbits);
        }
    case_check(&c);
    case_end(&c);
}

/* Every exponential there is, below two greatest ones: any table. */
static void
test_all_distances(void **state)
{
    uint16_t table[64] = {65535};
    int16_t x[1200];
    Case c;

    (void)state;
    case_start(&c, "distances");
    for (int i = 1; i < 64; i++)
        table[i] = (uint16_t)case_pick(&c, 0, 65535);
    for (int i = 0; i < (int)COUNT(x); i++)
        x[i] = (int16_t)(i == 0 ? INT16_MAX : INT16_MAX + 1 - i);
    for (int pbits = 8; pbits <= 16; pbits += 8) {
        Type t = TYPE(pbits == 8 ? DT_U8 : DT_U16, 1, COUNT(x));
        ValId in[2] = {case_const(&c, TYPE(DT_S16, 1, COUNT(x)), x),
                       case_const(&c, TYPE(DT_U16, 64), table)};
        Op *op = case_op(&c, OP_I_SOFTMAX, t, in, 2);

        vq_set_i(c.g, op, A_SOFTMAX, SM_BASE2);
        vq_set_i(c.g, op, A_PBITS, pbits);
    }
    case_check(&c);
    case_end(&c);
}

static void
test_layernorm(void **state)
{
    static const DType to[] = {DT_U8, DT_S8, DT_S16};
    Case c;

    (void)state;
    case_start(&c, "layernorm");
    for (size_t i = 0; i < COUNT(length); i++)
        for (int big = 0; big < 2; big++) {
            int64_t n = length[i], gain = big ? 32767 : 3000;
            ValId in[3] = {case_in(&c, TYPE(DT_S16, 4, n)),
                           case_random(&c, TYPE(DT_S32, n), -gain, gain),
                           case_random(&c, TYPE(DT_S32, n),
                                       big ? INT32_MIN / 2 : -5000000,
                                       big ? INT32_MAX / 2 : 5000000)};
            Op *op = case_op(&c, OP_I_LAYERNORM,
                             coded(TYPE(to[i % COUNT(to)], 4, n), 0), in, 3);

            vq_set_i(c.g, op, A_FRAC,
                     (int64_t)floor(log2(32767 / sqrt((double)n))));
            vq_set_i(c.g, op, A_SHIFT, to[i % COUNT(to)] == DT_S16 ? 11 : 18);
            vq_set_i(c.g, op, A_IEPS, big ? 1 : 12345);
        }
    case_check(&c);
    case_end(&c);
}

/* A row of the least and the greatest numbers: the greatest variance. */
static ValId
case_extremes(Case *c, int64_t rows, int64_t n)
{
    int16_t *x = NEWN(&c->arena, int16_t, rows *n);

    for (int64_t i = 0; i < rows * n; i++)
        x[i] = case_pick(c, 0, 1) ? INT16_MAX : INT16_MIN;
    return case_const(c, TYPE(DT_S16, rows, n), x);
}

/* Heads of a row, with and without a mean; the extremes of both. */
static void
test_norm_heads(void **state)
{
    static const DType to[] = {DT_U8, DT_S8, DT_S16};
    static const int64_t heads[] = {1, 2, 3, 5};
    Case c;

    (void)state;
    case_start(&c, "heads");
    for (size_t i = 0; i < COUNT(length); i++) {
        int64_t d = length[i] > 65 ? 20 : length[i], h = heads[i % 4];
        Type t = TYPE(DT_S16, 7, h * d);
        ValId in[3] = {i % 3 ? case_in(&c, t) : case_extremes(&c, 7, h * d),
                       case_random(&c, TYPE(DT_S32, h * d), -32767, 32767),
                       case_random(&c, TYPE(DT_S32, h * d), -5000000, 5000000)};
        Op *op = case_op(&c, OP_I_LAYERNORM,
                         coded(TYPE(to[i % COUNT(to)], 7, h * d), 0), in, 3);

        vq_set_i(c.g, op, A_FRAC,
                 (int64_t)floor(log2(32767 / sqrt((double)d))));
        vq_set_i(c.g, op, A_SHIFT, to[i % COUNT(to)] == DT_S16 ? 14 : 21);
        vq_set_i(c.g, op, A_IEPS, 7);
        vq_set_i(c.g, op, A_HEADS, h);
        vq_set_i(c.g, op, A_MEAN, i % 2 == 0);
    }
    case_check(&c);
    case_end(&c);
}

/* The longest rows, all shifts that epsilon and the variance can ask for, and
 * more rows than go together. */
static void
test_far_layernorm(void **state)
{
    static const int64_t row[] = {7, 192, 1023, 4097, 32767, 32768};
    Case c;

    (void)state;
    case_start(&c, "far");
    for (size_t i = 0; i < COUNT(row); i++)
        for (int k = 0; k < 4; k++) {
            int64_t n = row[i], rows = n < 200 ? 19 : 2;
            int64_t most = (int64_t)floor(log2(32767 / sqrt((double)n)));
            Type t = TYPE(DT_S16, rows, n);
            ValId in[3] = {
                k % 2 ? case_extremes(&c, rows, n) : case_in(&c, t),
                case_random(&c, TYPE(DT_S32, n), -32767, 32767),
                case_random(&c, TYPE(DT_S32, n), -(1 << 30), 1 << 30)};
            Op *op =
                case_op(&c, OP_I_LAYERNORM,
                        coded(TYPE(k ? DT_S8 : DT_S16, rows, n), 0), in, 3);

            vq_set_i(c.g, op, A_FRAC, k == 2 ? 0 : most);
            vq_set_i(c.g, op, A_SHIFT, k == 2 ? 9 : 20);
            vq_set_i(c.g, op, A_IEPS, k < 2 ? 1 : INT64_C(1) << (20 * k));
        }
    case_check(&c);
    case_end(&c);
}

/* n numbers within +-most, the same along each run. */
static ValId
case_runs(Case *c, int64_t n, int64_t run, int64_t most)
{
    int32_t *x = NEWN(&c->arena, int32_t, n);

    for (int64_t i = 0; i < n; i++)
        x[i] = i % run ? x[i - 1] : (int32_t)case_pick(c, -most, most);
    return case_const(c, TYPE(DT_S32, n), x);
}

/* Rows of more than 2^15, and constants that are the same for many columns:
 * of one row, whose columns parts share, and of several. */
static void
test_long_layernorm(void **state)
{
    static const struct {
        int64_t rows, n, heads, run;
    } row[] = {
        {1, 32769, 1, 1},  {1, 65536, 1, 1024},   {2, 65537, 1, 65537},
        {1, 65540, 2, 1},  {3, 50176, 2, 196},    {1, 131071, 1, 1},
        {1, 4096, 1, 64},  {1, 32768, 1, 32768},  {2, 8192, 4, 2048},
        {1, 4160, 1, 130}, {1, 1 << 20, 1, 2048},
    };
    static const DType to[] = {DT_U8, DT_S8, DT_S16};
    Case c;

    (void)state;
    for (size_t i = 0; i < COUNT(row); i++)
        for (int k = 0; k < 2; k++) {
            int64_t n = row[i].n, d = n / row[i].heads;
            int64_t most = (int64_t)floor(log2(32767 / sqrt((double)d)));
            Type t = TYPE(DT_S16, row[i].rows, n);
            DType dt = to[(i + (size_t)k) % 3];
            ValId in[3];
            Op *op;

            case_start(&c, "long");
            in[0] = k ? case_extremes(&c, row[i].rows, n) : case_in(&c, t);
            in[1] = case_runs(&c, n, row[i].run, 32767);
            in[2] = case_runs(&c, n, row[i].run, 1 << 30);
            op = case_op(&c, OP_I_LAYERNORM, coded(TYPE(dt, row[i].rows, n), 0),
                         in, 3);
            vq_set_i(c.g, op, A_FRAC, d <= 1 << 15 ? most : k ? 14 : 8);
            vq_set_i(c.g, op, A_SHIFT, dt == DT_S16 ? 13 : 20);
            vq_set_i(c.g, op, A_IEPS, k ? 1 : INT64_C(1) << (i % 3 * 30));
            vq_set_i(c.g, op, A_HEADS, row[i].heads);
            vq_set_i(c.g, op, A_MEAN, i % 3 != 2);
            case_check(&c);
            case_end(&c);
        }
}

static void
test_flat_layernorm(void **state)
{
    Case c;

    (void)state;
    case_start(&c, "flat");
    for (size_t i = 0; i < COUNT(length); i++) {
        int64_t n = length[i];
        ValId in[3] = {case_random(&c, TYPE(DT_S16, 4, n), -1, 1),
                       case_random(&c, TYPE(DT_S32, n), -2000, 2000),
                       case_random(&c, TYPE(DT_S32, n), -50000, 50000)};
        Op *op =
            case_op(&c, OP_I_LAYERNORM, coded(TYPE(DT_U8, 4, n), 9), in, 3);

        vq_set_i(c.g, op, A_FRAC,
                 (int64_t)floor(log2(32767 / sqrt((double)n))));
        vq_set_i(c.g, op, A_SHIFT, 16);
        vq_set_i(c.g, op, A_IEPS, 1 + (int64_t)i * 1000);
    }
    case_check(&c);
    case_end(&c);
}

static void
test_ivitnorm(void **state)
{
    static const DType to[] = {DT_U8, DT_S8, DT_S16};
    Case c;

    (void)state;
    case_start(&c, "ivitnorm");
    for (size_t i = 0; i < COUNT(length); i++)
        for (int kind = 0; kind < 3; kind++) {
            DType dt = to[i % COUNT(to)];
            int64_t n = length[i], top = INT64_C(1) << (i % 2 ? 50 : 30);
            Type t = TYPE(DT_S16, 17, n);
            ValId in[4] = {kind == 0   ? case_in(&c, t)
                           : kind == 1 ? case_random(&c, t, -9, 9)
                                       : case_extremes(&c, 17, n),
                           case_random(&c, TYPE(DT_S64, n), 1 - top, top - 1)};
            Op *op;

            case_requant(&c, RQ_DYADIC, n, 5e8, dt, &in[2], &in[3]);
            op = case_op(&c, OP_I_IVITNORM,
                         coded(TYPE(dt, 17, n), dt == DT_U8 ? 100 : 0), in, 4);
            (void)op;
        }
    case_check(&c);
    case_end(&c);
}

static void
test_shiftgelu(void **state)
{
    Case c;

    (void)state;
    case_start(&c, "shiftgelu");
    for (size_t i = 0; i < COUNT(length); i++)
        for (int exact = 0; exact < 2; exact++) {
            int64_t n = length[i];
            ValId in[3] = {case_in(&c, TYPE(DT_S8, 7, n)), shift_table(&c, 0),
                           shift_table(&c, 128)};
            Op *op = case_op(&c, OP_I_SHIFTGELU, TYPE(DT_S16, 7, n), in, 3);

            vq_set_i(c.g, op, A_EXACT, exact);
        }
    case_check(&c);
    case_end(&c);
}

/* ---- attention ---- */

typedef struct Heads {
    int64_t batch, nq, nk, heads, d;
    int64_t dv; /* 0: d */
} Heads;

static const Heads shape[] = {
    {0, 1, 1, 1, 1, 0},    {0, 1, 5, 1, 3, 0},     {0, 3, 1, 2, 5, 0},
    {0, 7, 15, 2, 16, 0},  {2, 23, 16, 3, 17, 0},  {0, 24, 17, 1, 32, 0},
    {0, 25, 31, 2, 33, 0}, {3, 16, 32, 2, 20, 0},  {0, 8, 33, 1, 64, 0},
    {0, 49, 63, 3, 31, 0}, {0, 47, 65, 2, 48, 0},  {1, 197, 197, 3, 64, 0},
    {0, 1, 197, 3, 64, 0}, {0, 50, 128, 2, 80, 0}, {0, 9, 40, 2, 23, 0},
    {0, 26, 577, 1, 8, 0}, {2, 9, 33, 2, 16, 64},  {0, 49, 196, 3, 16, 40},
    {0, 4, 16, 2, 64, 5},  {3, 33, 17, 1, 20, 17},
};

static Type
tokens(DType dt, const Heads *s, int64_t n, int64_t d)
{
    return s->batch ? TYPE(dt, s->batch, n, s->heads * d)
                    : TYPE(dt, n, s->heads * d);
}

/* What is added to scores: a few powers of two, or a mask; one map for each
 * head, or for each head of each of the batches. */
static ValId
score_bias(Case *c, const Heads *s)
{
    int64_t maps = s->batch % 2 ? s->batch * s->heads : s->heads;
    ValId v = case_random(c, TYPE(DT_S16, maps, s->nq, s->nk), -600, 200);
    int16_t *x = (int16_t *)(uintptr_t)c->g->val[v].data;

    for (int64_t i = 0; i < vq_count(vq_type(c->g, v)); i += 3)
        x[i] = i % 2 ? INT16_MIN : INT16_MAX;
    return v;
}

static void
add_attention(Case *c, const Heads *s, int softmax, int pbits, int form,
              DType dt, bool added)
{
    bool base2 = softmax == SM_BASE2;
    int64_t dv = s->dv ? s->dv : s->d, wide = s->heads * dv;
    int32_t zero = (int32_t)case_pick(c, 0, 255);
    double sum = ldexp(1, pbits);
    ValId in[9] = {case_in(c, coded(tokens(DT_U8, s, s->nq, s->d), zero)),
                   case_in(c, tokens(DT_S8, s, s->nk, s->d)),
                   case_in(c, tokens(DT_S8, s, s->nk, dv))};
    Op *op;

    /* Scores within about a thousand steps: probabilities of all sizes. */
    case_requant(c, RQ_WIDE, s->heads,
                 base2 ? 32000.0 * 8000 * sqrt((double)s->d) / 500
                       : 8000 * sqrt((double)s->d),
                 base2 ? DT_S16 : DT_S8, &in[3], &in[4]);
    in[5] = base2 ? power_table(c) : shift_table(c, 0);
    case_requant(c, form, wide, sum * 50, dt == DT_S16 ? DT_S16 : DT_S8, &in[6],
                 &in[7]);
    in[8] = added ? score_bias(c, s) : 0;
    op = case_op(c, OP_I_ATTENTION,
                 coded(tokens(dt, s, s->nq, dv), dt == DT_U8 ? 120 : 0), in,
                 added ? 9 : 8);
    vq_set_i(c->g, op, A_HEADS, s->heads);
    vq_set_i(c->g, op, A_SOFTMAX, softmax);
    vq_set_i(c->g, op, A_PBITS, pbits);
    vq_set_i(c->g, op, A_FORM, form);
}

static void
check_attention(const char *name, int softmax, int pbits, int form, DType dt,
                bool added)
{
    Case c;

    case_start(&c, name);
    for (size_t i = 0; i < COUNT(shape); i++)
        add_attention(&c, &shape[i], softmax, pbits, form, dt, added);
    case_check(&c);
    case_end(&c);
}

static void
test_attention(void **state)
{
    (void)state;
    check_attention("base2_8", SM_BASE2, 8, RQ_NARROW, DT_U8, false);
    check_attention("base2_16", SM_BASE2, 16, RQ_NARROW, DT_U8, false);
    check_attention("base2_s16", SM_BASE2, 16, RQ_WIDE, DT_S16, false);
    check_attention("added_8", SM_BASE2, 8, RQ_NARROW, DT_U8, true);
    check_attention("added_16", SM_BASE2, 16, RQ_NARROW, DT_U8, true);
    check_attention("shiftmax", SM_SHIFTMAX, 15, RQ_DYADIC, DT_S8, false);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_softmax),
        cmocka_unit_test(test_close_scores),
        cmocka_unit_test(test_peaked_scores),
        cmocka_unit_test(test_all_distances),
        cmocka_unit_test(test_layernorm),
        cmocka_unit_test(test_norm_heads),
        cmocka_unit_test(test_far_layernorm),
        cmocka_unit_test(test_long_layernorm),
        cmocka_unit_test(test_flat_layernorm),
        cmocka_unit_test(test_ivitnorm),
        cmocka_unit_test(test_shiftgelu),
        cmocka_unit_test(test_attention),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
