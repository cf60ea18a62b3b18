/*
 * eval_dot.c -- integer matrix products and what is made of them: i.matmul,
 * i.attention, k.linear.
 *
 * Operands are widened to s16 with the summed axis innermost, so that a
 * product is a dot product of two s16 rows. Sums are exact in s32: the
 * verifier has proved that they fit.
 */
#include "ir/eval_fn.h"
#include "ir/layout.h"

#include <assert.h>

enum { TOGETHER = 4 }; /* columns whose sums run side by side */

/* Dot products of row a with four rows of b. */
static void
dot_four(const int16_t *a, const int16_t *b, int64_t ldb, int64_t n,
         int32_t *sum)
{
    const int16_t *b0 = b, *b1 = b + ldb, *b2 = b1 + ldb, *b3 = b2 + ldb;
    int32_t s0 = 0, s1 = 0, s2 = 0, s3 = 0;

    for (int64_t k = 0; k < n; k++) {
        s0 += a[k] * b0[k];
        s1 += a[k] * b1[k];
        s2 += a[k] * b2[k];
        s3 += a[k] * b3[k];
    }
    sum[0] = s0;
    sum[1] = s1;
    sum[2] = s2;
    sum[3] = s3;
}

static int32_t
dot(const int16_t *a, const int16_t *b, int64_t n)
{
    int32_t s = 0;

    for (int64_t k = 0; k < n; k++)
        s += a[k] * b[k];
    return s;
}

/* sum[j] = a . b[j] for j < cols. */
static void
dot_row(const int16_t *a, const int16_t *b, int64_t ldb, int64_t n,
        int64_t cols, int32_t *sum)
{
    int64_t j = 0;

    for (; j + TOGETHER <= cols; j += TOGETHER)
        dot_four(a, b + j * ldb, ldb, n, sum + j);
    for (; j < cols; j++)
        sum[j] = dot(a, b + j * ldb, n);
}

/* n codes less `zero` as s16. Not for u16 and wider types. */
static void
widen_s16(DType dt, const void *from, int64_t at, int64_t n, int32_t zero,
          int16_t *to)
{
    const uint8_t *u = (const uint8_t *)from + at;
    const int8_t *s = (const int8_t *)from + at;

    assert(vq_dtype[dt].bytes == 1);
    for (int64_t i = 0; i < n; i++)
        to[i] = (int16_t)((dt == DT_U8 ? u[i] : s[i]) - zero);
}

/* Transposed, as s16: w [rows x cols] to [cols x rows]. */
static void
transpose_s16(const int8_t *w, int64_t rows, int64_t cols, int16_t *to)
{
    for (int64_t r = 0; r < rows; r++)
        for (int64_t c = 0; c < cols; c++)
            to[c * rows + r] = w[r * cols + c];
}

/* One row of a linear layer at a time. */
typedef struct IntLinear {
    DType dt; /* of a */
    const void *a;
    int64_t rows, k, n;
    const int16_t *wt; /* [n x k] */
    const int32_t *bias;
    int16_t *row; /* k */
} IntLinear;

static void
linear_row(const IntLinear *t, int64_t r, int32_t *acc)
{
    widen_s16(t->dt, t->a, r * t->k, t->k, 0, t->row);
    dot_row(t->row, t->wt, t->k, t->k, t->n, acc);
    for (int64_t j = 0; t->bias && j < t->n; j++)
        acc[j] += t->bias[j];
}

/* Weights as transposed s16; a's shape and data from input 0. */
static IntLinear
prepare_linear(const EvalArgs *e, const int8_t *w, const int32_t *bias)
{
    const Type *a = in_type(e, 0);
    int64_t k = vq_cols(a), n = vq_cols(out_type(e));
    int16_t *wt = NEWN(e->tmp, int16_t, (size_t)(k * n));

    transpose_s16(w, k, n, wt);
    return (IntLinear){.dt = a->dt,
                       .a = e->in[0],
                       .rows = vq_rows(a),
                       .k = k,
                       .n = n,
                       .wt = wt,
                       .bias = bias,
                       .row = NEWN(e->tmp, int16_t, (size_t)k)};
}

void
vq_eval_i_matmul(const EvalArgs *e)
{
    IntLinear t = prepare_linear(e, e->in[1], in_data(e, 2));

    for (int64_t r = 0; r < t.rows; r++)
        linear_row(&t, r, (int32_t *)e->out + r * t.n);
}

void
vq_eval_i_product(const EvalArgs *e)
{
    const Type *a = in_type(e, 0), *out = out_type(e);
    int64_t m = a->dim[a->rank - 2], k = vq_cols(a), n = vq_cols(out);
    int16_t *row = NEWN(e->tmp, int16_t, (size_t)k);
    int16_t *bt = NEWN(e->tmp, int16_t, (size_t)(k * n));
    int32_t *acc = NEWN(e->tmp, int32_t, (size_t)n);
    RequantRow rq = {.form = (RequantForm)vq_get_i(e->op, A_FORM, 0),
                     .mul = e->in[2],
                     .shift = e->in[3],
                     .n = vq_count(in_type(e, 2)),
                     .zero = out->q.zero,
                     .dt = out->dt};

    for (int64_t r = 0; r < vq_rows(a); r++) {
        if (r % m == 0)
            transpose_s16((const int8_t *)e->in[1] + r / m * k * n, k, n, bt);
        widen_s16(DT_U8, e->in[0], r * k, k, a->q.zero, row);
        dot_row(row, bt, k, k, n, acc);
        vq_requant_row(&rq, acc, n);
        vq_narrow(out->dt, acc, n, e->out, r * n);
    }
}

static int8_t *
unpack(const EvalArgs *e, const int8_t *packed, int64_t rows, int64_t cols)
{
    int8_t *w = NEWN(e->tmp, int8_t, (size_t)(rows * cols));

    for (int64_t k = 0; k < rows; k++)
        for (int64_t c = 0; c < cols; c++)
            w[k * cols + c] = packed[vq_packed_at(rows, k, c)];
    return w;
}

/* What follows the sums in a k.linear; any stage may be absent. */
typedef struct Epilogue {
    RequantRow requant;
    const void *table;
    size_t size; /* bytes of an element of the result */
    const int16_t *residual;
    int64_t nresidual; /* rows; it repeats after them */
    int ashift, bshift;
    void *codes; /* a row before the table or the residual */
} Epilogue;

static Epilogue
epilogue_of(const EvalArgs *e)
{
    const Type *out = out_type(e);
    Epilogue p = {.table = in_data(e, 5),
                  .size = vq_dtype[out->dt].bytes,
                  .residual = in_data(e, 6),
                  .ashift = (int)vq_get_i(e->op, A_ASHIFT, 0),
                  .bshift = (int)vq_get_i(e->op, A_BSHIFT, 0)};

    p.requant = (RequantRow){.form = (RequantForm)vq_get_i(e->op, A_FORM, 0),
                             .mul = in_data(e, 3),
                             .shift = in_data(e, 4),
                             .zero = out->q.zero,
                             .dt = out->dt};
    if (p.requant.mul)
        p.requant.n = vq_count(in_type(e, 3));
    if (p.table) {
        p.requant.dt = DT_U8;
        p.requant.zero = (int32_t)vq_get_i(e->op, A_ZERO, 0);
    }
    if (p.residual) {
        p.requant.zero = 0;
        p.nresidual = vq_rows(in_type(e, 6));
    }
    p.codes = NEWN(e->tmp, int32_t, (size_t)vq_cols(out));
    return p;
}

static void
finish_row(const Epilogue *p, int32_t *acc, int64_t r, int64_t n, void *out)
{
    char *y = (char *)out + (size_t)(r * n) * p->size;
    DType dt = p->requant.dt;

    vq_requant_row(&p->requant, acc, n);
    if (!p->table && !p->residual) {
        vq_narrow(dt, acc, n, y, 0);
        return;
    }
    vq_narrow(dt, acc, n, p->codes, 0);
    if (p->table)
        vq_look_up(dt, p->codes, p->table, p->size, y, n);
    else
        vq_add_s16(p->codes, p->ashift, p->residual + r % p->nresidual * n,
                   p->bshift, n, (int16_t *)(void *)y, n);
}

void
vq_eval_k_linear(const EvalArgs *e)
{
    int64_t k = vq_cols(in_type(e, 0)), n = vq_get_i(e->op, A_COLS, 1);
    IntLinear t = prepare_linear(e, unpack(e, e->in[1], k, n), in_data(e, 2));
    Epilogue p = epilogue_of(e);
    int32_t *acc = NEWN(e->tmp, int32_t, (size_t)n);

    for (int64_t r = 0; r < t.rows; r++)
        if (p.requant.mul) {
            linear_row(&t, r, acc);
            finish_row(&p, acc, r, n, e->out);
        } else {
            linear_row(&t, r, (int32_t *)e->out + r * n);
        }
}

/* Attention of one batch, head by head and row by row. */
typedef struct IntAttention {
    const int16_t *q, *k, *vt; /* [nq x wide], [nk x wide], [vwide x nk] */
    int64_t nq, nk, wide, d;
    int64_t vwide, dv; /* of v and of the result */
    SoftmaxForm form;
    int pbits;
    const int32_t *table;
    RequantRow qk, pv;    /* mul and shift of head 0, column 0 */
    int32_t *s;           /* nk */
    uint32_t *p;          /* nk */
    int16_t *low, *high;  /* nk: p in bytes, since s16 cannot hold it */
    int32_t *o;           /* dv */
    const int16_t *added; /* maps x nq x nk, or NULL */
    int64_t maps;
} IntAttention;

/* o_c = sum_j p_j * v_jc for one head's columns. */
static void
mix_values(const IntAttention *t, int64_t h)
{
    const int16_t *vt = t->vt + h * t->dv * t->nk;

    for (int64_t j = 0; j < t->nk; j++) {
        t->low[j] = (int16_t)(t->p[j] & 255);
        t->high[j] = (int16_t)(t->p[j] >> 8);
    }
    for (int64_t c = 0; c < t->dv; c++) {
        int64_t high = dot(t->high, vt + c * t->nk, t->nk);

        t->o[c] = (int32_t)(high * 256 + dot(t->low, vt + c * t->nk, t->nk));
    }
}

/* s_j += row of the map of what is added, saturating at 16 bits. */
static void
add_scores(const IntAttention *t, int64_t row)
{
    for (int64_t j = 0; j < t->nk; j++)
        t->s[j] = (int32_t)vq_clamp(t->s[j] + t->added[row * t->nk + j],
                                    INT16_MIN, INT16_MAX);
}

/* Row i of head h; the batch begins at element `at` of the result, and its
 * maps of what is added to scores at number `map`. */
static void
attend_row(const IntAttention *t, int64_t i, int64_t h, int64_t map, int64_t at,
           void *out)
{
    RequantRow qk = t->qk, pv = t->pv;

    qk.mul += h;
    qk.shift += h;
    pv.mul += h * t->dv;
    pv.shift += h * t->dv;
    dot_row(t->q + i * t->wide + h * t->d, t->k + h * t->d, t->wide, t->d,
            t->nk, t->s);
    vq_requant_row(&qk, t->s, t->nk);
    if (t->added)
        add_scores(t, (map + h) % t->maps * t->nq + i);
    vq_softmax_row(t->form, t->pbits, t->table, t->s, t->nk, t->p);
    mix_values(t, h);
    vq_requant_row(&pv, t->o, t->dv);
    vq_narrow(pv.dt, t->o, t->dv, out, at + i * t->vwide + h * t->dv);
}

static int16_t *
widened(const EvalArgs *e, uint32_t i, int64_t at, int64_t n)
{
    int16_t *x = NEWN(e->tmp, int16_t, (size_t)n);

    widen_s16(in_type(e, i)->dt, e->in[i], at, n,
              i == 0 ? in_type(e, 0)->q.zero : 0, x);
    return x;
}

static IntAttention
prepare_attention(const EvalArgs *e)
{
    const Type *q = in_type(e, 0), *k = in_type(e, 1), *table = in_type(e, 5);
    const Type *out = out_type(e);
    int64_t wide = vq_cols(q), nk = k->dim[k->rank - 2];
    int64_t heads = vq_get_i(e->op, A_HEADS, 1), d = wide / heads;
    int64_t vwide = vq_cols(out), dv = vwide / heads;
    IntAttention t = {.nq = q->dim[q->rank - 2],
                      .nk = nk,
                      .wide = wide,
                      .d = d,
                      .vwide = vwide,
                      .dv = dv,
                      .form = (SoftmaxForm)vq_get_i(e->op, A_SOFTMAX, 0),
                      .pbits = (int)vq_get_i(e->op, A_PBITS, 16)};
    int32_t *entries = NEWN(e->tmp, int32_t, (size_t)vq_count(table));

    vq_widen(table->dt, e->in[5], 0, vq_count(table), entries);
    t.table = entries;
    t.qk = (RequantRow){.form = RQ_WIDE,
                        .mul = e->in[3],
                        .shift = e->in[4],
                        .n = 1,
                        .zero = 0,
                        .dt = t.form == SM_SHIFTMAX ? DT_S8 : DT_S16};
    t.pv = (RequantRow){.form = (RequantForm)vq_get_i(e->op, A_FORM, 0),
                        .mul = e->in[6],
                        .shift = e->in[7],
                        .n = dv,
                        .zero = out->q.zero,
                        .dt = out->dt};
    t.added = e->op->nin > 8 ? e->in[8] : NULL;
    t.maps = t.added ? in_type(e, 8)->dim[0] : 1;
    t.s = NEWN(e->tmp, int32_t, (size_t)nk);
    t.p = NEWN(e->tmp, uint32_t, (size_t)nk);
    t.low = NEWN(e->tmp, int16_t, (size_t)nk);
    t.high = NEWN(e->tmp, int16_t, (size_t)nk);
    t.o = NEWN(e->tmp, int32_t, (size_t)dv);
    return t;
}

void
vq_eval_i_attention(const EvalArgs *e)
{
    IntAttention t = prepare_attention(e);
    int64_t nq = t.nq * t.wide, nk = t.nk * t.wide, nv = t.nk * t.vwide;
    int64_t no = t.nq * t.vwide, batches = vq_count(out_type(e)) / no;

    for (int64_t b = 0; b < batches; b++) {
        int16_t *vt = NEWN(e->tmp, int16_t, (size_t)nv);

        t.q = widened(e, 0, b * nq, nq);
        t.k = widened(e, 1, b * nk, nk);
        transpose_s16((const int8_t *)e->in[2] + b * nv, t.nk, t.vwide, vt);
        t.vt = vt;
        for (int64_t i = 0; i < t.nq; i++)
            for (int64_t h = 0; h < t.wide / t.d; h++)
                attend_row(&t, i, h, b * (t.wide / t.d), b * no, e->out);
    }
}
