/*
 * eval_elem.c -- real ops element by element, in f32, with broadcasting.
 *
 * Rows of a walk have a step of 0 or 1 in each operand, so that each case is
 * a plain loop the compiler can vectorise.
 */
#include "ir/eval_fn.h"
#include "ir/function.h"

#include <math.h>
#include <string.h>

typedef void RowFn(float *, const float *, int64_t, const float *, int64_t,
                   int64_t);

static void
each_pair(const EvalArgs *e, RowFn *row)
{
    const Type *out = out_type(e);
    const float *a = e->in[0], *b = e->in[1];
    float *y = e->out;
    Walk w;

    vq_dense_steps(out, w.step[0]);
    vq_broadcast_steps(in_type(e, 0), out, w.step[1]);
    vq_broadcast_steps(in_type(e, 1), out, w.step[2]);
    vq_walk_init(&w, out, 3);
    while (vq_walk_row(&w))
        row(y + w.at[0], a + w.at[1], w.by[1], b + w.at[2], w.by[2], w.cols);
}

/* The op NAME with the value EXPR of the operands p and q. */
#define BINARY(NAME, EXPR)                                                     \
    static void NAME##_row(float *y, const float *a, int64_t ka,               \
                           const float *b, int64_t kb, int64_t n)              \
    {                                                                          \
        float p = a[0], q = b[0];                                              \
                                                                               \
        if (ka && kb) {                                                        \
            for (int64_t i = 0; i < n; i++) {                                  \
                p = a[i];                                                      \
                q = b[i];                                                      \
                y[i] = EXPR;                                                   \
            }                                                                  \
        } else if (ka) {                                                       \
            for (int64_t i = 0; i < n; i++) {                                  \
                p = a[i];                                                      \
                y[i] = EXPR;                                                   \
            }                                                                  \
        } else {                                                               \
            for (int64_t i = 0; i < n; i++) {                                  \
                q = b[i * kb];                                                 \
                y[i] = EXPR;                                                   \
            }                                                                  \
        }                                                                      \
    }                                                                          \
                                                                               \
    void vq_eval_##NAME(const EvalArgs *e)                                     \
    {                                                                          \
        each_pair(e, NAME##_row);                                              \
    }

BINARY(add, p + q)
BINARY(sub, p - q)
BINARY(mul, (p) * (q))
BINARY(div, p / q)
BINARY(pow, powf(p, q))
BINARY(max, p > q || p != p ? p : q) /* NaN stays, as in numpy */
BINARY(min, p < q || p != p ? p : q)

/* The op NAME with the value EXPR of the operand x. */
#define UNARY(NAME, EXPR)                                                      \
    void vq_eval_##NAME(const EvalArgs *e)                                     \
    {                                                                          \
        const float *in = e->in[0];                                            \
        float *out = e->out;                                                   \
        int64_t n = vq_count(out_type(e));                                     \
                                                                               \
        for (int64_t i = 0; i < n; i++) {                                      \
            float x = in[i];                                                   \
                                                                               \
            out[i] = EXPR;                                                     \
        }                                                                      \
    }

UNARY(neg, -x)
UNARY(abs, fabsf(x))
UNARY(sqrt, sqrtf(x))
UNARY(exp, expf(x))
UNARY(log, logf(x))
UNARY(erf, erff(x))
UNARY(tanh, tanhf(x))
UNARY(sigmoid, 1 / (1 + expf(-x)))
UNARY(relu, x < 0 ? 0 : x)
UNARY(reciprocal, 1 / x)

void
vq_eval_clip(const EvalArgs *e)
{
    float lo = (float)vq_get_f(e->op, A_LO, -INFINITY);
    float hi = (float)vq_get_f(e->op, A_HI, INFINITY);
    const float *x = e->in[0];
    float *y = e->out;
    int64_t n = vq_count(out_type(e));

    for (int64_t i = 0; i < n; i++) {
        float v = x[i] < lo ? lo : x[i];

        y[i] = v > hi ? hi : v;
    }
}

/* The work is in reading and rounding, which vq_eval_op does. */
void
vq_eval_convert(const EvalArgs *e)
{
    memcpy(e->out, e->in[0], (size_t)vq_count(out_type(e)) * sizeof(float));
}

/* ONNX's QuantizeLinear, then DequantizeLinear; NaN gives the least code. */
void
vq_eval_fakequant(const EvalArgs *e)
{
    float scale = (float)vq_get_f(e->op, A_SCALE, 1);
    float zero = (float)vq_get_i(e->op, A_ZERO, 0);
    float lo = (float)vq_get_f(e->op, A_LO, 0) - zero;
    float hi = (float)vq_get_f(e->op, A_HI, 0) - zero;
    const float *x = e->in[0];
    float *y = e->out;
    int64_t n = vq_count(out_type(e));

    for (int64_t i = 0; i < n; i++) {
        float q = rintf(x[i] / scale);

        q = q >= lo ? q : lo;
        y[i] = scale * (q <= hi ? q : hi);
    }
}

void
vq_eval_lookup(const EvalArgs *e)
{
    float scale = (float)vq_get_f(e->op, A_SCALE, 1);
    float least =
        (float)(vq_get_f(e->op, A_LO, 0) - (double)vq_get_i(e->op, A_ZERO, 0));
    const float *x = e->in[0], *values = e->in[1];
    float last = (float)vq_count(in_type(e, 1)) - 1, *y = e->out;
    int64_t n = vq_count(out_type(e));

    for (int64_t i = 0; i < n; i++) {
        float at = rintf(x[i] / scale) - least;

        at = at >= 0 ? at : 0;
        y[i] = values[(int64_t)(at <= last ? at : last)];
    }
}

void
vq_eval_function(const EvalArgs *e)
{
    const Attr *code = vq_attr(e->op, A_CODE);
    const float *x = e->in[0];
    float *y = e->out;
    int64_t n = vq_count(out_type(e));

    for (int64_t i = 0; i < n; i++)
        y[i] = (float)vq_fn_at(code->i, code->n, (double)x[i]);
}

void
vq_eval_gelu(const EvalArgs *e)
{
    const float root = 0.797884561f; /* sqrt(2 / pi) */
    const float *x = e->in[0];
    float *y = e->out;
    int64_t n = vq_count(out_type(e));

    if (vq_get_i(e->op, A_TANH, 0))
        for (int64_t i = 0; i < n; i++)
            y[i] = 0.5f * x[i] *
                   (1 + tanhf(root * (x[i] + 0.044715f * x[i] * x[i] * x[i])));
    else
        for (int64_t i = 0; i < n; i++)
            y[i] = 0.5f * x[i] * (1 + erff(x[i] * 0.707106781f));
}
