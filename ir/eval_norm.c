/*
 * eval_norm.c -- integer ops that look at a whole row: softmax, layernorm and
 * ShiftGELU.
 */
#include "ir/eval_fn.h"

void
vq_eval_i_softmax(const EvalArgs *e)
{
    const Type *t = in_type(e, 0), *tt = in_type(e, 1), *out = out_type(e);
    SoftmaxForm form = (SoftmaxForm)vq_get_i(e->op, A_SOFTMAX, 0);
    int pbits = (int)vq_get_i(e->op, A_PBITS, 16);
    int64_t rows = vq_rows(t), n = vq_cols(t), nt = vq_count(tt);
    int32_t *table = NEWN(e->tmp, int32_t, (size_t)nt);
    int32_t *x = NEWN(e->tmp, int32_t, (size_t)n);
    uint32_t *p = NEWN(e->tmp, uint32_t, (size_t)n);

    vq_widen(tt->dt, e->in[1], 0, nt, table);
    for (int64_t r = 0; r < rows; r++) {
        vq_widen(t->dt, e->in[0], r * n, n, x);
        vq_softmax_row(form, pbits, table, x, n, p);
        for (int64_t i = 0; i < n; i++)
            x[i] = (int32_t)p[i];
        vq_narrow(out->dt, x, n, e->out, r * n);
    }
}

/* 1 / sqrt(V) as y * 2^-(30 + e/2), y in Q30. */
typedef struct Rsqrt {
    int64_t y;
    int e;
} Rsqrt;

/* V is at least 1 and below 2^62. */
static Rsqrt
rsqrt_of(uint64_t v)
{
    int e = (63 - __builtin_clzll(v)) & ~1;
    uint64_t scaled = e <= 30 ? v << (30 - e) : v >> (e - 30);

    return (Rsqrt){vq_rsqrt_q30((uint32_t)scaled), e};
}

typedef struct IntNorm {
    const int32_t *g, *b;
    int frac, shift, down;
    bool centre;
    int64_t eps, n;
} IntNorm;

/* Before it is shifted, up to 70 bits. */
static uint64_t
variance_of(const IntNorm *t, int64_t s1, int64_t s2)
{
    __int128 v = (__int128)t->n * s2 - (__int128)s1 * s1;

    return (uint64_t)(v >> 2 * t->down) + (uint64_t)t->eps;
}

static void
normalize_row(const IntNorm *t, const int16_t *x, int32_t *q)
{
    int64_t s1 = 0, s2 = 0;
    Rsqrt r;

    for (int64_t c = 0; c < t->n; c++) {
        s1 += t->centre ? x[c] : 0;
        s2 += (int32_t)x[c] * x[c];
    }
    r = rsqrt_of(variance_of(t, s1, s2));
    for (int64_t c = 0; c < t->n; c++) {
        int64_t d = ((t->n * x[c] - s1) >> t->down) * r.y;
        int64_t n = vq_rshift_round(d, 30 + r.e / 2 - t->frac);

        n = vq_clamp(n, INT16_MIN, INT16_MAX);
        q[c] = (int32_t)vq_clamp((n * t->g[c] + t->b[c]) >> t->shift, INT32_MIN,
                                 INT32_MAX);
    }
}

void
vq_eval_i_layernorm(const EvalArgs *e)
{
    const Type *out = out_type(e);
    int64_t heads = vq_get_i(e->op, A_HEADS, 1);
    int64_t rows = vq_rows(out) * heads, n = vq_cols(out) / heads;
    int32_t *q = NEWN(e->tmp, int32_t, (size_t)n);
    IntNorm t = {.centre = vq_get_i(e->op, A_MEAN, 1) != 0,
                 .frac = (int)vq_get_i(e->op, A_FRAC, 0),
                 .shift = (int)vq_get_i(e->op, A_SHIFT, 0),
                 .down = vq_norm_down(n),
                 .eps = vq_get_i(e->op, A_IEPS, 1),
                 .n = n};

    for (int64_t r = 0; r < rows; r++) {
        t.g = (const int32_t *)e->in[1] + r % heads * n;
        t.b = (const int32_t *)e->in[2] + r % heads * n;
        normalize_row(&t, (const int16_t *)e->in[0] + r * n, q);
        for (int64_t c = 0; c < n; c++)
            q[c] = (int32_t)vq_clamp(q[c], vq_dtype[out->dt].lo,
                                     vq_dtype[out->dt].hi);
        vq_narrow(out->dt, q, n, e->out, r * n);
    }
}

void
vq_eval_i_ivitnorm(const EvalArgs *e)
{
    const Type *out = out_type(e);
    const int64_t *bias = e->in[1];
    int64_t rows = vq_rows(out), n = vq_cols(out);
    int32_t *y = NEWN(e->tmp, int32_t, (size_t)n);
    RequantRow row = {.form = RQ_DYADIC,
                      .mul = e->in[2],
                      .shift = e->in[3],
                      .n = vq_count(in_type(e, 2)),
                      .zero = out->q.zero,
                      .dt = out->dt};

    for (int64_t r = 0; r < rows; r++) {
        vq_ivit_norm_row((const int16_t *)e->in[0] + r * n, n, y);
        for (int64_t c = 0; c < n; c++) {
            int64_t b = vq_clamp(bias[c], -(INT64_C(1) << 40),
                                 INT64_C(1) << 40); /* saturates anyway */

            y[c] = (int32_t)vq_clamp(y[c] + b, INT32_MIN, INT32_MAX);
        }
        vq_requant_row(&row, y, n);
        vq_narrow(out->dt, y, n, e->out, r * n);
    }
}

void
vq_eval_i_shiftgelu(const EvalArgs *e)
{
    int64_t rows = vq_rows(out_type(e)), n = vq_cols(out_type(e));

    for (int64_t r = 0; r < rows; r++)
        vq_shiftgelu_row(vq_get_i(e->op, A_EXACT, 0) != 0, e->in[1], e->in[2],
                         (const int8_t *)e->in[0] + r * n, n,
                         (int16_t *)e->out + r * n);
}
