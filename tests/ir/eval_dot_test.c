/*
 * eval_dot_test.c -- integer products against their definitions in IR.md
 * written out anew in 64 bits.
 */
#include "ir/layout.h"
#include "ir/quant.h"
#include "tests/ir/one_op.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static int32_t *
matmul_want(const uint8_t *a, const int8_t *w, const int32_t *bias,
            int64_t rows, int64_t k, int64_t n)
{
    int32_t *y = NEWN(&A, int32_t, (size_t)(rows * n));

    for (int64_t i = 0; i < rows * n; i++) {
        int64_t sum = bias ? bias[i % n] : 0;

        for (int64_t j = 0; j < k; j++)
            sum += a[i / n * k + j] * w[j * n + i % n];
        y[i] = (int32_t)sum;
    }
    return y;
}

static void
matmuls(void **state)
{
    static const int64_t shapes[][3] = {
        {1, 1, 1}, {3, 5, 7}, {4, 33, 16}, {2, 768, 13}, {1, 3072, 4}};

    (void)state;
    for (size_t i = 0; i < COUNT(shapes); i++)
        for (int biased = 0; biased < 2; biased++) {
            int64_t rows = shapes[i][0], k = shapes[i][1], n = shapes[i][2];
            Type a = TYPE(DT_U8, rows, k), w = TYPE(DT_S8, k, n);
            Type b = TYPE(DT_S32, n), y = TYPE(DT_S32, rows, n);
            uint8_t *pa = random_codes(DT_U8, rows * k, 1);
            int8_t *pw = random_codes(DT_S8, k * n, 2);
            int32_t *pb = random_codes(DT_S32, n, 3);
            OneOp t;

            memset(pa, 255, (size_t)k); /* the largest products, one sign */
            for (int64_t j = 0; j < k; j++)
                pw[j * n] = -128;
            for (int64_t j = 0; j < n; j++)
                pb[j] /= 2;
            t = one_op(OP_I_MATMUL, y, (Type[]){a, w, b},
                       (const void *[]){pa, pw, biased ? pb : NULL}, 3);
            assert_memory_equal(
                run_op(&t), matmul_want(pa, pw, biased ? pb : NULL, rows, k, n),
                (size_t)vq_bytes(&y));
        }
}

/* A k.linear with everything that may follow, and its parts as single ops. */
typedef struct Layer {
    Type a, acc, packed, vec;
    const uint8_t *pa;
    int8_t *pp;
    int32_t *want, *bias, *mul, *shift; /* want: the accumulators */
} Layer;

enum { ROWS = 6, K = 45, N = 37 };

static Layer
make_layer(RequantForm form)
{
    Layer l = {.a = TYPE(DT_U8, ROWS, K),
               .acc = TYPE(DT_S32, ROWS, N),
               .packed = vq_packed_type(K, N),
               .vec = TYPE(DT_S32, N)};
    const int8_t *w = random_codes(DT_S8, K * N, 2);

    l.pa = random_codes(DT_U8, ROWS * K, 1);
    l.pp = NEWN(&A, int8_t, (size_t)vq_bytes(&l.packed));
    l.bias = NEWN(&A, int32_t, N);
    l.mul = NEWN(&A, int32_t, N);
    l.shift = NEWN(&A, int32_t, N);
    vq_pack(w, K, N, l.pp);
    for (int c = 0; c < N; c++) {
        Requant r = vq_requant_of(form, (c % 5 ? 1 : -1) * 0.002 / (c % 3 + 1));

        l.mul[c] = r.mul;
        l.shift[c] = r.shift;
        l.bias[c] = c * 4000 - 70000;
    }
    l.want = matmul_want(l.pa, w, l.bias, ROWS, K, N);
    return l;
}

static OneOp
layer_op(const Layer *l, Type y, RequantForm form, Type table,
         const void *entries, Type residual, const void *rest)
{
    OneOp t = one_op(
        OP_K_LINEAR, y,
        (Type[]){l->a, l->packed, l->vec, l->vec, l->vec, table, residual},
        (const void *[]){l->pa, l->pp, l->bias, l->mul, l->shift, entries,
                         rest},
        7);

    vq_set_i(t.g, t.op, A_COLS, N);
    vq_set_i(t.g, t.op, A_FORM, form);
    vq_set_i(t.g, t.op, A_ZERO, 99);
    vq_set_i(t.g, t.op, A_ASHIFT, 1);
    vq_set_i(t.g, t.op, A_BSHIFT, 2);
    return t;
}

static void
klinear_accumulates(void **state)
{
    Layer l = make_layer(RQ_NARROW);
    OneOp t = one_op(OP_K_LINEAR, l.acc, (Type[]){l.a, l.packed, l.vec},
                     (const void *[]){l.pa, l.pp, l.bias}, 3);

    (void)state;
    vq_set_i(t.g, t.op, A_COLS, N);
    assert_memory_equal(run_op(&t), l.want, ROWS * N * sizeof(int32_t));
}

static void
klinear_requantizes(void **state)
{
    static const DType to[] = {DT_U8, DT_S8, DT_S16};
    Type none = {.dt = DT_NONE};

    (void)state;
    for (size_t j = 0; j < COUNT(to); j++)
        for (int f = to[j] == DT_S16; f < NREQUANTFORM; f++) {
            RequantForm form = (RequantForm)f;
            Layer l = make_layer(form);
            Type y = stored(TYPE(to[j], ROWS, N), 1, to[j] == DT_S16 ? 0 : 33);
            OneOp t = layer_op(&l, y, form, none, NULL, none, NULL);
            const void *got = run_op(&t);

            for (int i = 0; i < ROWS * N; i++)
                assert_int_equal(
                    code_at(to[j], got, i),
                    vq_requant(form, l.want[i],
                               (Requant){l.mul[i % N], l.shift[i % N]},
                               y.q.zero, to[j]));
        }
}

static void
klinear_looks_up(void **state)
{
    static const DType to[] = {DT_U8, DT_S16};
    Layer l = make_layer(RQ_NARROW);
    Type none = {.dt = DT_NONE};

    (void)state;
    for (size_t j = 0; j < COUNT(to); j++) {
        const void *table = random_codes(to[j], 256, 8), *got;
        Type y = stored(TYPE(to[j], ROWS, N), 1, 3); /* not the table's zero */
        OneOp t =
            layer_op(&l, y, RQ_NARROW, TYPE(to[j], 256), table, none, NULL);

        got = run_op(&t);
        for (int i = 0; i < ROWS * N; i++) {
            int32_t code =
                vq_requant(RQ_NARROW, l.want[i],
                           (Requant){l.mul[i % N], l.shift[i % N]}, 99, DT_U8);

            assert_int_equal(code_at(to[j], got, i),
                             code_at(to[j], table, code));
        }
    }
}

static void
klinear_adds_the_residual(void **state)
{
    Layer l = make_layer(RQ_WIDE);
    Type y = stored(TYPE(DT_S16, ROWS, N), 1, 0), none = {.dt = DT_NONE};
    const int16_t *rest = random_codes(DT_S16, ROWS * N, 8), *got;

    (void)state;
    for (int rows = ROWS; rows >= 1; rows -= ROWS - 1) {
        OneOp t =
            layer_op(&l, y, RQ_WIDE, none, NULL, TYPE(DT_S16, rows, N), rest);

        got = run_op(&t);
        for (int i = 0; i < ROWS * N; i++) {
            int64_t q =
                vq_requant(RQ_WIDE, l.want[i],
                           (Requant){l.mul[i % N], l.shift[i % N]}, 0, DT_S16);
            int64_t s = ((q + 1) >> 1) + ((rest[i % (rows * N)] + 2) >> 2);

            assert_int_equal(got[i], vq_clamp(s, -32768, 32767));
        }
    }
}

/* ---- products of two values ---- */

static void
products(void **state)
{
    enum { B = 2, HIGH = 3, DEEP = 9, WIDE = 5 };
    Type a = stored(TYPE(DT_U8, B, HIGH, DEEP), 1, 120),
         b = TYPE(DT_S8, B, DEEP, WIDE);
    Type y = stored(TYPE(DT_U8, B, HIGH, WIDE), 1, 33), tm = TYPE(DT_S32, WIDE);
    const uint8_t *pa = random_codes(DT_U8, B * HIGH * DEEP, 1), *got;
    const int8_t *pb = random_codes(DT_S8, B * DEEP * WIDE, 2);
    int32_t mul[WIDE], shift[WIDE];
    OneOp t;

    (void)state;
    for (int i = 0; i < WIDE; i++) {
        Requant r = vq_requant_of(RQ_NARROW, 0.001 * (i + 1));

        mul[i] = r.mul;
        shift[i] = r.shift;
    }
    t = one_op(OP_I_PRODUCT, y, (Type[]){a, b, tm, tm},
               (const void *[]){pa, pb, mul, shift}, 4);
    vq_set_i(t.g, t.op, A_FORM, RQ_NARROW);
    got = run_op(&t);
    for (int i = 0; i < B * HIGH * WIDE; i++) {
        int r = i / WIDE, c = i % WIDE;
        int32_t sum = 0;

        for (int k = 0; k < DEEP; k++)
            sum +=
                (pa[r * DEEP + k] - 120) * pb[(r / HIGH * DEEP + k) * WIDE + c];
        assert_int_equal(
            got[i],
            vq_requant(RQ_NARROW, sum, (Requant){mul[c], shift[c]}, 33, DT_U8));
    }
}

/* ---- attention ---- */

typedef struct Attend {
    int64_t batch, nq, nk, heads, d;
    SoftmaxForm softmax;
    int pbits;
    RequantForm form;
    int64_t dv; /* columns of a head of v; 0: d */
} Attend;

static int64_t
value_cols(const Attend *a)
{
    return a->dv ? a->dv : a->d;
}

typedef struct AttendData {
    const uint8_t *q;
    const int8_t *k, *v;
    const int32_t *table;
    int32_t qkmul[8], qkshift[8], *pvmul, *pvshift;
} AttendData;

/* IR.md's formulas for one head and row; out: d codes. */
static void
attend_want(const Attend *a, const AttendData *x, int64_t b, int64_t i,
            int64_t h, uint8_t *out)
{
    int64_t wide = a->heads * a->d, vwide = a->heads * value_cols(a);
    int32_t s[64];
    uint32_t p[64];

    for (int64_t j = 0; j < a->nk; j++) {
        int64_t sum = 0;

        for (int64_t c = h * a->d; c < (h + 1) * a->d; c++)
            sum += (x->q[(b * a->nq + i) * wide + c] - 120) *
                   x->k[(b * a->nk + j) * wide + c];
        s[j] = vq_requant(RQ_WIDE, (int32_t)sum,
                          (Requant){x->qkmul[h], x->qkshift[h]}, 0,
                          a->softmax == SM_BASE2 ? DT_S16 : DT_S8);
    }
    vq_softmax_row(a->softmax, a->pbits, x->table, s, a->nk, p);
    for (int64_t c = 0; c < value_cols(a); c++) {
        int64_t col = h * value_cols(a) + c, sum = 0;

        for (int64_t j = 0; j < a->nk; j++)
            sum += (int64_t)p[j] * x->v[(b * a->nk + j) * vwide + col];
        out[c] = (uint8_t)vq_requant(a->form, (int32_t)sum,
                                     (Requant){x->pvmul[col], x->pvshift[col]},
                                     130, DT_U8);
    }
}

static AttendData
attend_data(const Attend *a)
{
    int64_t wide = a->heads * a->d, vwide = a->heads * value_cols(a);
    AttendData x = {.q = random_codes(DT_U8, a->batch * a->nq * wide, 1),
                    .k = random_codes(DT_S8, a->batch * a->nk * wide, 2),
                    .v = random_codes(DT_S8, a->batch * a->nk * vwide, 3)};

    x.table = a->softmax == SM_BASE2 ? base2_table() : shift_table(0, -20, 15);
    x.pvmul = NEWN(&A, int32_t, (size_t)vwide);
    x.pvshift = NEWN(&A, int32_t, (size_t)vwide);
    for (int h = 0; h < a->heads; h++) {
        Requant r = vq_requant_of(RQ_WIDE, 0.003 * (h + 1));

        x.qkmul[h] = r.mul;
        x.qkshift[h] = r.shift;
    }
    for (int64_t c = 0; c < vwide; c++) {
        Requant r =
            vq_requant_of(a->form, ldexp(1 + (double)c / 20, -a->pbits));

        x.pvmul[c] = r.mul;
        x.pvshift[c] = r.shift;
    }
    return x;
}

static void
check_attention(const Attend *a)
{
    int64_t wide = a->heads * a->d, dv = value_cols(a), vwide = a->heads * dv;
    AttendData x = attend_data(a);
    Type q = stored(TYPE(DT_U8, a->batch, a->nq, wide), 1, 120);
    Type k = TYPE(DT_S8, a->batch, a->nk, wide), y = q;
    Type v = TYPE(DT_S8, a->batch, a->nk, vwide);
    Type th = TYPE(DT_S32, a->heads), tc = TYPE(DT_S32, vwide);
    Type tt = TYPE(DT_S32, a->softmax == SM_BASE2 ? 64 : 256);
    const uint8_t *got;
    uint8_t want[64];
    OneOp t;

    y.q.zero = 130;
    y.dim[2] = vwide;
    t = one_op(OP_I_ATTENTION, y, (Type[]){q, k, v, th, th, tt, tc, tc},
               (const void *[]){x.q, x.k, x.v, x.qkmul, x.qkshift, x.table,
                                x.pvmul, x.pvshift},
               8);
    vq_set_i(t.g, t.op, A_HEADS, a->heads);
    vq_set_i(t.g, t.op, A_SOFTMAX, a->softmax);
    vq_set_i(t.g, t.op, A_PBITS, a->pbits);
    vq_set_i(t.g, t.op, A_FORM, a->form);
    got = run_op(&t);
    for (int64_t r = 0; r < a->batch * a->nq; r++)
        for (int64_t h = 0; h < a->heads; h++) {
            attend_want(a, &x, r / a->nq, r % a->nq, h, want);
            assert_memory_equal(got + r * vwide + h * dv, want, (size_t)dv);
        }
}

static void
attentions(void **state)
{
    static const Attend cases[] = {
        {1, 5, 5, 1, 8, SM_BASE2, 16, RQ_NARROW, 0},
        {2, 7, 13, 3, 16, SM_BASE2, 16, RQ_NARROW, 0},
        {2, 7, 13, 3, 16, SM_BASE2, 8, RQ_NARROW, 0},
        {1, 3, 64, 2, 10, SM_BASE2, 16, RQ_WIDE, 0},
        {2, 7, 13, 3, 16, SM_SHIFTMAX, 15, RQ_DYADIC, 0},
        {2, 4, 9, 3, 8, SM_BASE2, 16, RQ_NARROW, 20},
        {1, 1, 9, 2, 16, SM_BASE2, 8, RQ_WIDE, 3},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        check_attention(&cases[i]);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(matmuls, free_arena),
        cmocka_unit_test_teardown(klinear_accumulates, free_arena),
        cmocka_unit_test_teardown(klinear_requantizes, free_arena),
        cmocka_unit_test_teardown(klinear_looks_up, free_arena),
        cmocka_unit_test_teardown(klinear_adds_the_residual, free_arena),
        cmocka_unit_test_teardown(products, free_arena),
        cmocka_unit_test_teardown(attentions, free_arena),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
