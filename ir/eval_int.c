/*
 * eval_int.c -- integer ops element by element: between scales, additions,
 * tables and sums.
 */
#include "ir/eval_fn.h"

#include <string.h>

void
vq_eval_i_quantize(const EvalArgs *e)
{
    vq_from_real(e->g, out_type(e), e->in[0], e->out);
}

void
vq_eval_i_dequantize(const EvalArgs *e)
{
    const Type *t = in_type(e, 0);
    const float *scale = e->in[1];
    int64_t rows = vq_rows(t), n = vq_cols(t);
    int64_t each = vq_count(in_type(e, 1)) > 1;
    int32_t *codes = NEWN(e->tmp, int32_t, (size_t)n);
    float *y = e->out;

    for (int64_t r = 0; r < rows; r++, y += n) {
        vq_widen(t->dt, e->in[0], r * n, n, codes);
        for (int64_t c = 0; c < n; c++)
            y[c] = (float)(codes[c] - t->q.zero) * scale[c * each];
    }
}

void
vq_requant_row(const RequantRow *r, int32_t *x, int64_t n)
{
    int64_t each = r->n > 1;

    for (int64_t c = 0; c < n; c++)
        x[c] = vq_requant(r->form, x[c],
                          (Requant){r->mul[c * each], r->shift[c * each]},
                          r->zero, r->dt);
}

void
vq_eval_i_requant(const EvalArgs *e)
{
    const Type *t = in_type(e, 0), *out = out_type(e);
    int64_t rows = vq_rows(t), n = vq_cols(t);
    int32_t *codes = NEWN(e->tmp, int32_t, (size_t)n);
    RequantRow r = {.form = (RequantForm)vq_get_i(e->op, A_FORM, 0),
                    .mul = e->in[1],
                    .shift = e->in[2],
                    .n = vq_count(in_type(e, 1)),
                    .zero = out->q.zero,
                    .dt = out->dt};

    for (int64_t i = 0; i < rows; i++) {
        vq_widen(t->dt, e->in[0], i * n, n, codes);
        for (int64_t c = 0; t->q.zero && c < n; c++)
            codes[c] -= t->q.zero;
        vq_requant_row(&r, codes, n);
        vq_narrow(out->dt, codes, n, e->out, i * n);
    }
}

void
vq_add_s16(const int16_t *a, int as, const int16_t *b, int bs, int64_t nb,
           int16_t *y, int64_t n)
{
    for (int64_t at = 0; at < n; at += nb)
        for (int64_t i = 0; i < nb; i++) {
            int64_t s = vq_rshift_round(a[at + i], as);

            s += vq_rshift_round(b[i], bs);
            y[at + i] = (int16_t)vq_clamp(s, INT16_MIN, INT16_MAX);
        }
}

void
vq_eval_i_add(const EvalArgs *e)
{
    vq_add_s16(e->in[0], (int)vq_get_i(e->op, A_ASHIFT, 0), e->in[1],
               (int)vq_get_i(e->op, A_BSHIFT, 0), vq_count(in_type(e, 1)),
               e->out, vq_count(out_type(e)));
}

void
vq_eval_i_mul(const EvalArgs *e)
{
    const Type *a = in_type(e, 0), *b = in_type(e, 1);
    int64_t n = vq_count(a);
    int32_t *x = NEWN(e->tmp, int32_t, (size_t)n), *y = e->out;

    vq_widen(a->dt, e->in[0], 0, n, x);
    vq_widen(b->dt, e->in[1], 0, n, y);
    for (int64_t i = 0; i < n; i++)
        y[i] = (x[i] - a->q.zero) * (y[i] - b->q.zero);
}

void
vq_look_up(DType dt, const void *x, const void *table, size_t size, void *y,
           int64_t n)
{
    const uint8_t *code = x;
    uint8_t flip = dt == DT_S8 ? 128 : 0; /* x + 128 in eight bits */

    for (int64_t i = 0; i < n; i++)
        memcpy((char *)y + (size_t)i * size,
               (const char *)table + (uint8_t)(code[i] ^ flip) * size, size);
}

void
vq_eval_i_lut(const EvalArgs *e)
{
    vq_look_up(in_type(e, 0)->dt, e->in[0], e->in[1],
               vq_dtype[out_type(e)->dt].bytes, e->out, vq_count(out_type(e)));
}

void
vq_eval_i_sum(const EvalArgs *e)
{
    const Type *t = in_type(e, 0);
    int64_t axis = vq_get_i(e->op, A_AXIS, 0), n = t->dim[axis];
    int64_t inner = vq_count_from(t, axis + 1);
    int32_t *sum = e->out, *codes;

    codes = NEWN(e->tmp, int32_t, (size_t)inner);
    memset(sum, 0, (size_t)vq_bytes(out_type(e)));
    for (int64_t row = 0; row < vq_count(t) / inner; row++) {
        int32_t *s = sum + row / n * inner;

        vq_widen(t->dt, e->in[0], row * inner, inner, codes);
        for (int64_t i = 0; i < inner; i++)
            s[i] += codes[i] - t->q.zero;
    }
}
