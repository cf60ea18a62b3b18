/*
 * eval_product.c -- real matrix products: matmul, linear, conv, attention.
 *
 * A product of more than SMALL multiplications goes to CBLAS in f32; smaller
 * ones are summed in f64.
 */
#include "ir/eval_fn.h"

#include <assert.h>
#include <cblas.h>
#include <limits.h>
#include <math.h>
#include <string.h>

enum {
    SMALL = 1 << 12,
    PATCH_FLOATS = 1 << 20, /* room for unfolded patches at a time */
};

/* c [m x n] = alpha * a [m x k] * b [k x n], or += when add. With bt, b is
 * [n x k]. ld* are the distances of rows. */
typedef struct Product {
    int64_t m, n, k, lda, ldb, ldc;
    float alpha;
    bool bt, add;
} Product;

static void
small_product(const Product *p, const float *a, const float *b, float *c)
{
    int64_t bk = p->bt ? 1 : p->ldb, bn = p->bt ? p->ldb : 1;

    for (int64_t i = 0; i < p->m; i++)
        for (int64_t j = 0; j < p->n; j++) {
            double s = 0;

            for (int64_t k = 0; k < p->k; k++)
                s += (double)a[i * p->lda + k] * b[k * bk + j * bn];
            s *= p->alpha;
            c[i * p->ldc + j] = (float)(p->add ? c[i * p->ldc + j] + s : s);
        }
}

static void
multiply(const Product *p, const float *a, const float *b, float *c)
{
    if (p->m * p->n <= SMALL / p->k) {
        small_product(p, a, b, c);
        return;
    }
    assert(p->m <= INT_MAX && p->n <= INT_MAX && p->k <= INT_MAX &&
           p->lda <= INT_MAX && p->ldb <= INT_MAX && p->ldc <= INT_MAX);
    cblas_sgemm(CblasRowMajor, CblasNoTrans, p->bt ? CblasTrans : CblasNoTrans,
                (blasint)p->m, (blasint)p->n, (blasint)p->k, p->alpha, a,
                (blasint)p->lda, b, (blasint)p->ldb, p->add ? 1 : 0, c,
                (blasint)p->ldc);
}

/* The matrices' axes of a matmul operand removed: what is left are batches. */
static Type
batch_type(Type t)
{
    t.rank = t.rank > 2 ? t.rank - 2 : 0;
    return t;
}

/* Steps of an operand's batches in elements of its data. */
static void
batch_steps(const Type *t, const Type *to, int64_t *step)
{
    Type batch = batch_type(*t);
    int64_t matrix =
        t->rank < 2 ? 1 : t->dim[t->rank - 1] * t->dim[t->rank - 2];

    vq_broadcast_steps(&batch, to, step);
    for (int i = 0; i < to->rank; i++)
        step[i] *= matrix;
}

/* The output's batches: its shape without the matrix axes that the operands
 * contribute (an operand of rank 1 contributes none). */
static Type
output_batches(const Type *a, const Type *b, const Type *out)
{
    Type t = *out;

    t.rank -= (a->rank > 1) + (b->rank > 1);
    return t;
}

void
vq_eval_matmul(const EvalArgs *e)
{
    const Type *a = in_type(e, 0), *b = in_type(e, 1);
    Type batches = output_batches(a, b, out_type(e));
    Product p = {.k = vq_cols(a), .alpha = 1};
    float *y = e->out;
    Walk w;

    p.m = a->rank > 1 ? a->dim[a->rank - 2] : 1;
    p.n = b->rank > 1 ? vq_cols(b) : 1;
    p.lda = p.k;
    p.ldb = p.ldc = p.n;
    if (vq_count(b) == p.k * p.n) { /* one matrix for all of a's rows */
        p.m = vq_count(a) / p.k;
        multiply(&p, e->in[0], e->in[1], y);
        return;
    }
    batch_steps(a, &batches, w.step[0]);
    batch_steps(b, &batches, w.step[1]);
    vq_walk_init(&w, &batches, 2);
    while (vq_walk_row(&w))
        for (int64_t i = 0; i < w.cols; i++, y += p.m * p.n)
            multiply(&p, (const float *)e->in[0] + w.at[0] + i * w.by[0],
                     (const float *)e->in[1] + w.at[1] + i * w.by[1], y);
}

void
vq_eval_linear(const EvalArgs *e)
{
    const float *bias = in_data(e, 2);
    int64_t rows = vq_rows(out_type(e)), n = vq_cols(out_type(e));
    int64_t k = vq_cols(in_type(e, 0));
    Product p = {rows, n, k, k, n, n, 1, false, bias != NULL};
    float *y = e->out;

    if (bias)
        for (int64_t r = 0; r < rows; r++)
            memcpy(y + r * n, bias, (size_t)n * sizeof *y);
    multiply(&p, e->in[0], e->in[1], y);
}

/* What all heads of an attention share. */
typedef struct Attend {
    Product scores, mix;
    int bits;          /* of a probability; 0: real */
    const float *bias; /* maps of what is added to the scores, or NULL */
    int64_t maps;
    float *s; /* room for the scores of a head */
} Attend;

/* To multiples of 2^-bits below 1; bits 0: as they are. */
static void
round_probabilities(float *p, int64_t n, int bits)
{
    float one = ldexpf(1, bits);

    for (int64_t i = 0; bits && i < n; i++)
        p[i] = fminf(rintf(p[i] * one), one - 1) / one;
}

/* One attention head, the i-th of all batches: columns h*d .. of one batch's
 * q, k, v and result. */
static void
attend(const Attend *t, int64_t i, const float *q, const float *k,
       const float *v, float *y)
{
    int64_t rows = t->scores.m, cols = t->scores.n, n = rows * cols;
    const float *bias = t->bias ? t->bias + i % t->maps * n : NULL;

    multiply(&t->scores, q, k, t->s);
    for (int64_t j = 0; bias && j < n; j++)
        t->s[j] += bias[j];
    for (int64_t r = 0; r < rows; r++)
        vq_softmax_real(t->s + r * cols, t->s + r * cols, cols);
    round_probabilities(t->s, n, t->bits);
    multiply(&t->mix, t->s, v, y);
}

void
vq_eval_attention(const EvalArgs *e)
{
    const Type *tq = in_type(e, 0), *tk = in_type(e, 1);
    int64_t heads = vq_get_i(e->op, A_HEADS, 1), wide = vq_cols(tq);
    int64_t nq = tq->dim[tq->rank - 2], nk = tk->dim[tk->rank - 2];
    int64_t d = wide / heads, batches = vq_count(tq) / (nq * wide);
    int64_t vwide = vq_cols(in_type(e, 2)), dv = vwide / heads;
    const float *each = in_data(e, 4);
    float scale = (float)vq_get_f(e->op, A_SCALE, 1);
    Attend t = {.scores = {nq, nk, d, wide, wide, nk, scale, true, false},
                .mix = {nq, dv, nk, nk, vwide, vwide, 1, false, false},
                .bits = (int)vq_get_i(e->op, A_PBITS, 0),
                .bias = in_data(e, 3),
                .s = NEWN(e->tmp, float, (size_t)(nq * nk))};

    t.maps = t.bias ? in_type(e, 3)->dim[0] : 1;
    for (int64_t b = 0; b < batches; b++)
        for (int64_t h = 0; h < heads; h++) {
            int64_t atq = b * nq * wide + h * d, atk = b * nk * wide + h * d;

            t.scores.alpha = each ? scale * each[h] : scale;
            attend(&t, b * heads + h, (const float *)e->in[0] + atq,
                   (const float *)e->in[1] + atk,
                   (const float *)e->in[2] + b * nk * vwide + h * dv,
                   (float *)e->out + b * nq * vwide + h * dv);
        }
}

typedef struct Conv {
    int64_t channels, height, width; /* of a group of the input */
    int64_t kh, kw, oh, ow, out;     /* out: channels of a group's output */
    const int64_t *stride, *pad, *dilation;
    int64_t groups;
} Conv;

/* One kernel element's input for output positions from..to-1; zero outside
 * the image. */
static void
unfold_row(const Conv *c, const float *plane, int64_t ky, int64_t kx,
           int64_t from, int64_t to, float *row)
{
    for (int64_t i = from; i < to; i++) {
        int64_t y = i / c->ow * c->stride[0] + ky * c->dilation[0] - c->pad[0];
        int64_t x = i % c->ow * c->stride[1] + kx * c->dilation[1] - c->pad[1];
        bool inside = y >= 0 && y < c->height && x >= 0 && x < c->width;

        row[i - from] = inside ? plane[y * c->width + x] : 0;
    }
}

/* A group's patches as a matrix [channels*kh*kw x to-from]. */
static void
unfold(const Conv *c, const float *x, int64_t from, int64_t to, float *cols)
{
    for (int64_t i = 0; i < c->channels; i++)
        for (int64_t ky = 0; ky < c->kh; ky++)
            for (int64_t kx = 0; kx < c->kw; kx++, cols += to - from)
                unfold_row(c, x + i * c->height * c->width, ky, kx, from, to,
                           cols);
}

/* One group of one image; a block of output positions at a time. */
static void
convolve(const Conv *c, const float *x, const float *w, float *y, float *cols,
         int64_t block)
{
    int64_t area = c->oh * c->ow, k = c->channels * c->kh * c->kw;

    for (int64_t at = 0; at < area; at += block) {
        int64_t n = vq_min(block, area - at);
        Product p = {c->out, n, k, k, n, area, 1, false, true};

        unfold(c, x, at, at + n, cols);
        multiply(&p, w, cols, y + at);
    }
}

static Conv
conv_of(const EvalArgs *e)
{
    const Type *x = in_type(e, 0), *w = in_type(e, 1), *y = out_type(e);
    Conv c = {.height = x->dim[2],
              .width = x->dim[3],
              .kh = w->dim[2],
              .kw = w->dim[3],
              .oh = y->dim[2],
              .ow = y->dim[3],
              .stride = vq_attr(e->op, A_STRIDES)->i,
              .pad = vq_attr(e->op, A_PADS)->i,
              .dilation = vq_attr(e->op, A_DILATIONS)->i,
              .groups = vq_get_i(e->op, A_GROUPS, 1)};

    c.channels = x->dim[1] / c.groups;
    c.out = y->dim[1] / c.groups;
    return c;
}

/* Fills the output with its bias, so that products add to it. */
static void
fill_bias(const EvalArgs *e, int64_t area)
{
    const float *bias = in_data(e, 2);
    const Type *t = out_type(e);
    float *y = e->out;

    for (int64_t i = 0; i < t->dim[0] * t->dim[1]; i++)
        for (int64_t j = 0; j < area; j++)
            *y++ = bias ? bias[i % t->dim[1]] : 0;
}

void
vq_eval_conv(const EvalArgs *e)
{
    Conv c = conv_of(e);
    int64_t area = c.oh * c.ow, k = c.channels * c.kh * c.kw;
    int64_t block = vq_clamp(PATCH_FLOATS / k, 1, area);
    float *cols = NEWN(e->tmp, float, (size_t)(k * block));
    int64_t n = in_type(e, 0)->dim[0] * c.groups;

    fill_bias(e, area);
    for (int64_t i = 0; i < n; i++) {
        const float *x = e->in[0], *w = e->in[1];

        convolve(&c, x + i * c.channels * c.height * c.width,
                 w + i % c.groups * c.out * k,
                 (float *)e->out + i * c.out * area, cols, block);
    }
}
