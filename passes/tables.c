/*
 * tables.c -- forms of nonlinear functions, as tables made at compile time.
 *
 * The formula decides the accuracy, never the speed. SHIFT is arithmetic that
 * integer hardware without multipliers could do: an exponential of shifts and
 * additions with an error below 0.4 %, and a GELU from it with a 16-bit gain.
 * I-ViT's coarser chord and its 1.702 sigmoid are in ir/ivit.c.
 */
#include "passes/tables.h"

#include "ir/function.h"
#include "ir/quant.h"

#include <assert.h>
#include <math.h>

const char *const vq_table_form_text[NTABLEFORM] = {
    [TF_EXACT] = "exact",
    [TF_SHIFT] = "shift",
};

/*
 * 65535 * 2^(-f/64), f in 0..63. The fraction is cut in quarters with a
 * constant each, and inside a quarter 2^-d is the chord 1 - 41/64 d (the true
 * one is 0.636): 41 c = (c << 5) + (c << 3) + c.
 */
static uint32_t
shift_exp2(uint32_t f)
{
    static const uint32_t quarter[4] = {65535, 55108, 46340, 38967};
    uint32_t c = quarter[f >> 4], r = f & 15;

    return c - ((((c << 5) + (c << 3) + c) * r) >> 12);
}

void
vq_exp2_table(TableForm form, uint16_t table[64])
{
    for (uint32_t f = 0; f < 64; f++)
        table[f] = form == TF_SHIFT
                       ? (uint16_t)shift_exp2(f)
                       : (uint16_t)lrint(65535 * exp2(-(double)f / 64));
}

/*
 * x * sigmoid(a), a = 1.5957691 x (1 + 0.044715 x^2): the tanh form of GELU.
 * |a| in units of 2^(1/64), E = 2^-|a| by shifts, gain = 2^16 / (1 + E)
 * rounded to 16 bits, for negative a its complement.
 */
static double
shift_gelu(double x)
{
    double a = 1.5957691216 * x * (1 + 0.044715 * x * x);
    double t = fmin(fabs(a) * (64 / 0.69314718055994531), 64 * 31);
    uint32_t d = (uint32_t)lrint(t);
    uint64_t e = shift_exp2(d & 63) >> (d >> 6);
    uint64_t gain = (UINT64_C(1) << 32) / (65536 + e);

    if (a < 0)
        gain = 65536 - gain;
    return x * (double)gain / 65536;
}

typedef double ByteFn(const Graph *, const Op *, double x);

static double
gelu(const Graph *g, const Op *op, double x)
{
    (void)g;
    if (vq_get_i(op, A_TANH, 0))
        return 0.5 * x *
               (1 + tanh(0.79788456080286536 * (x + 0.044715 * x * x * x)));
    return 0.5 * x * (1 + erf(x * 0.70710678118654752));
}

static double
hyperbolic_tangent(const Graph *g, const Op *op, double x)
{
    (void)g, (void)op;
    return tanh(x);
}

static double
sigmoid(const Graph *g, const Op *op, double x)
{
    (void)g, (void)op;
    return 1 / (1 + exp(-x));
}

static double
relu(const Graph *g, const Op *op, double x)
{
    (void)g, (void)op;
    return x > 0 ? x : 0;
}

static double
error_function(const Graph *g, const Op *op, double x)
{
    (void)g, (void)op;
    return erf(x);
}

static double
clip(const Graph *g, const Op *op, double x)
{
    (void)g;
    return fmin(fmax(x, vq_get_f(op, A_LO, -INFINITY)),
                vq_get_f(op, A_HI, INFINITY));
}

static double
function(const Graph *g, const Op *op, double x)
{
    const Attr *code = vq_attr(op, A_CODE);

    (void)g;
    return vq_fn_at(code->i, code->n, x);
}

/* The table's entry for the code nearest to x. */
static double
lookup(const Graph *g, const Op *op, double x)
{
    const Value *values = &g->val[op->in[1]];
    double at = rint(x / vq_get_f(op, A_SCALE, 1)) +
                (double)vq_get_i(op, A_ZERO, 0) - vq_get_f(op, A_LO, 0);
    int64_t i = (int64_t)fmin(fmax(at, 0), (double)vq_count(&values->type) - 1);

    return (double)((const float *)values->data)[i];
}

static ByteFn *const exact[NOP] = {
    [OP_GELU] = gelu,          [OP_TANH] = hyperbolic_tangent,
    [OP_SIGMOID] = sigmoid,    [OP_RELU] = relu,
    [OP_ERF] = error_function, [OP_CLIP] = clip,
    [OP_LOOKUP] = lookup,      [OP_FUNCTION] = function,
};

bool
vq_is_function(OpKind kind)
{
    return exact[kind] && kind != OP_LOOKUP;
}

double
vq_byte_function(TableForm form, const Graph *g, const Op *op, double x)
{
    assert(exact[op->kind]);
    return form == TF_SHIFT && op->kind == OP_GELU ? shift_gelu(x)
                                                   : exact[op->kind](g, op, x);
}

void
vq_byte_table(TableForm form, const Graph *g, const Op *op, const Type *x,
              const Type *y, void *out)
{
    float sx = x->q.scale, sy = y->q.scale;

    for (int i = 0; i < 256; i++) {
        int32_t code = (int32_t)vq_dtype[x->dt].lo + i;
        double v =
            vq_byte_function(form, g, op, vq_dequantize(code, sx, x->q.zero));
        int32_t q = vq_quantize((float)v, sy, y->q.zero, y->dt);

        if (vq_dtype[y->dt].bytes == 1)
            ((uint8_t *)out)[i] = (uint8_t)q;
        else
            ((uint16_t *)out)[i] = (uint16_t)q;
    }
}
