/*
 * eval_axis.c -- real ops along axes: reductions, softmax, layernorm. Sums are
 * in f64.
 */
#include "ir/eval_fn.h"

#include <math.h>

/* Four chains, since one would wait for each addition. */
static double
sum_row(double acc, const float *x, int64_t n)
{
    double s[4] = {acc};
    int64_t i = 0;

    for (; i + 4 <= n; i += 4)
        for (int64_t j = 0; j < 4; j++)
            s[j] += x[i + j];
    for (; i < n; i++)
        s[0] += x[i];
    return s[0] + s[1] + (s[2] + s[3]);
}

/* NaN stays. */
static double
max_row(double acc, const float *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        acc = x[i] > acc || x[i] != x[i] ? x[i] : acc;
    return acc;
}

typedef double FoldFn(double acc, const float *x, int64_t n);

static void
reduce(const EvalArgs *e, FoldFn *fold, double first, double factor)
{
    const Type *in = in_type(e, 0);
    int64_t n = vq_count(out_type(e));
    double *acc = NEWN(e->tmp, double, (size_t)n);
    const float *x = e->in[0];
    Walk w;

    for (int64_t i = 0; i < n; i++)
        acc[i] = first;
    vq_dense_steps(in, w.step[0]);
    vq_broadcast_steps(out_type(e), in, w.step[1]); /* 0 along reduced axes */
    vq_walk_init(&w, in, 2);
    while (vq_walk_row(&w)) {
        double *a = acc + w.at[1];

        if (w.by[1] == 0)
            *a = fold(*a, x + w.at[0], w.cols);
        else
            for (int64_t i = 0; i < w.cols; i++)
                a[i] = fold(a[i], x + w.at[0] + i, 1);
    }
    for (int64_t i = 0; i < n; i++)
        ((float *)e->out)[i] = (float)(acc[i] * factor);
}

void
vq_eval_reduce_sum(const EvalArgs *e)
{
    reduce(e, sum_row, 0, 1);
}

void
vq_eval_reduce_mean(const EvalArgs *e)
{
    reduce(e, sum_row, 0,
           (double)vq_count(out_type(e)) / (double)vq_count(in_type(e, 0)));
}

void
vq_eval_reduce_max(const EvalArgs *e)
{
    reduce(e, max_row, -INFINITY, 1);
}

void
vq_softmax_real(const float *x, float *y, int64_t n)
{
    float mx = (float)max_row(-INFINITY, x, n), f;

    for (int64_t i = 0; i < n; i++)
        y[i] = expf(x[i] - mx);
    f = (float)(1 / sum_row(0, y, n));
    for (int64_t i = 0; i < n; i++)
        y[i] *= f;
}

void
vq_eval_softmax(const EvalArgs *e)
{
    const Type *t = out_type(e);
    int64_t axis = vq_get_i(e->op, A_AXIS, t->rank - 1), n = t->dim[axis];
    float *row = NEWN(e->tmp, float, (size_t)n);
    int64_t inner = vq_count_from(t, axis + 1), outer;

    outer = vq_count(t) / (n * inner);
    for (int64_t o = 0; o < outer * inner; o++) {
        int64_t at = o / inner * n * inner + o % inner;
        const float *x = (const float *)e->in[0] + at;
        float *y = (float *)e->out + at;

        for (int64_t i = 0; i < n; i++)
            row[i] = x[i * inner];
        vq_softmax_real(row, row, n);
        for (int64_t i = 0; i < n; i++)
            y[i * inner] = row[i];
    }
}

static double
square_distance(const float *x, double mean, int64_t n)
{
    double s[4] = {0};
    int64_t i = 0;

    for (; i + 4 <= n; i += 4)
        for (int64_t j = 0; j < 4; j++)
            s[j] += (x[i + j] - mean) * (x[i + j] - mean);
    for (; i < n; i++)
        s[0] += (x[i] - mean) * (x[i] - mean);
    return s[0] + s[1] + (s[2] + s[3]);
}

void
vq_eval_layernorm(const EvalArgs *e)
{
    double eps = vq_get_f(e->op, A_EPS, 0);
    bool centre = vq_get_i(e->op, A_MEAN, 1) != 0;
    int64_t heads = vq_get_i(e->op, A_HEADS, 1);
    int64_t rows = vq_rows(out_type(e)) * heads;
    int64_t n = vq_cols(out_type(e)) / heads;

    for (int64_t r = 0; r < rows; r++) {
        const float *x = (const float *)e->in[0] + r * n;
        const float *gamma = (const float *)e->in[1] + r % heads * n;
        const float *beta = (const float *)e->in[2] + r % heads * n;
        float *y = (float *)e->out + r * n;
        double mean = centre ? sum_row(0, x, n) / (double)n : 0;
        double var = square_distance(x, mean, n) / (double)n;
        double f = 1 / sqrt(var + eps);

        for (int64_t i = 0; i < n; i++)
            y[i] = (float)((x[i] - mean) * f * gamma[i] + beta[i]);
    }
}
