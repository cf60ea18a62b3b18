/*
 * verify_int.c -- what each integer and kernel op demands: dtypes, shapes and
 * ranges of its parameters, and sums that fit 32 bits.
 *
 * Shapes that inference has checked are not checked again.
 */
#include "ir/verify.h"

#include <math.h>

#include "ir/layout.h"
#include "ir/quant.h"

static const void *
const_data(const Check *c, uint32_t i)
{
    return vq_in_type(c, i) ? c->g->val[c->op->in[i]].data : NULL;
}

/* ---- between scales ---- */

static bool
check_quantize(const Check *c)
{
    if (!vq_need_dtype(c, 0, DT_BIT(DT_F32)) || !vq_need_result(c, DT_STORED))
        return false;
    return vq_is_quantized(vq_out_type(c)) ||
           vq_fail(c, "the result must be quantized");
}

static bool
check_dequantize(const Check *c)
{
    const Type *x = vq_in_type(c, 0);
    const float *scale;

    if (!vq_need_dtype(c, 0, DT_STORED | DT_BIT(DT_S32)) ||
        !vq_need_channels(c, 1, DT_F32, vq_cols(x)))
        return false;
    scale = const_data(c, 1);
    for (int64_t i = 0; i < vq_count(vq_in_type(c, 1)); i++)
        if (!isfinite(scale[i]))
            return vq_fail(c, "scale %lld is not finite", (long long)i);
    return true;
}

static bool
check_requant(const Check *c)
{
    const Type *x = vq_in_type(c, 0), *out = vq_out_type(c);
    int64_t form = vq_get_i(c->op, A_FORM, -1);

    return vq_need_dtype(c, 0, DT_STORED | DT_BIT(DT_S32)) &&
           (x->dt != DT_S32 || x->q.zero == 0 ||
            vq_fail(c, "%s must have the zero point 0", vq_in_text(c, 0))) &&
           vq_need_requant(c, 1, form, vq_cols(x), out->dt) &&
           (form == RQ_DYADIC || vq_prove_bounded(c, 0));
}

/* ---- element by element ---- */

static bool
check_add(const Check *c)
{
    return vq_need_dtype(c, 0, DT_BIT(DT_S16)) &&
           vq_need_dtype(c, 1, DT_BIT(DT_S16)) && vq_need_no_zero(c, 0) &&
           vq_need_no_zero(c, 1) && vq_need_int(c, A_ASHIFT, 0, 30) &&
           vq_need_int(c, A_BSHIFT, 0, 30);
}

/* No product of 16 bits and a byte less its zero point needs more than 25. */
static bool
check_mul(const Check *c)
{
    return vq_need_dtype(c, 0, DT_BYTE | DT_BIT(DT_S16)) &&
           (vq_in_type(c, 0)->dt != DT_S16 || vq_need_no_zero(c, 0)) &&
           vq_need_dtype(c, 1, DT_BYTE);
}

static bool
check_lut(const Check *c)
{
    return vq_need_dtype(c, 0, DT_BYTE) &&
           vq_need_const(c, 1, vq_out_type(c)->dt, 256, NULL);
}

/* ---- sums ---- */

static int64_t
largest_code(const Type *t)
{
    return vq_max(vq_dtype[t->dt].hi - t->q.zero,
                  t->q.zero - vq_dtype[t->dt].lo);
}

static bool
check_sum(const Check *c)
{
    const Type *x = vq_in_type(c, 0);

    return vq_need_dtype(c, 0, DT_STORED) &&
           vq_prove_sum(c, x->dim[vq_get_i(c->op, A_AXIS, 0)], largest_code(x));
}

/* Products of codes with constant columns; of a depthwise, a channel is a
 * column of its own weights. */
static bool
check_columns(const Check *c)
{
    const Type *w = vq_in_type(c, 1);
    const void *bias;

    if (!vq_need_dtype(c, 0, DT_BIT(DT_U8)) ||
        !vq_need_dtype(c, 1, DT_BIT(DT_S8)) ||
        !vq_need_const(c, 2, DT_S32, w->dim[1], &bias))
        return false;
    if (!const_data(c, 1))
        return vq_fail(c, "%s must be a constant", vq_in_text(c, 1));
    return vq_prove_columns(c, const_data(c, 1), w->dim[0], w->dim[1], bias);
}

/* Codes of a are multiplied before its zero point is taken off. */
static bool
check_product(const Check *c)
{
    int64_t cols = vq_cols(vq_out_type(c));

    if (!vq_need_dtype(c, 0, DT_BIT(DT_U8)) ||
        !vq_need_dtype(c, 1, DT_BIT(DT_S8)) ||
        !vq_need_result(c, DT_BYTE | DT_BIT(DT_S16)))
        return false;
    if (vq_in_type(c, 1)->q.zero)
        return vq_fail(c, "%s must have the zero point 0", vq_in_text(c, 1));
    return vq_need_requant(c, 2, vq_get_i(c->op, A_FORM, -1), cols,
                           vq_out_type(c)->dt) &&
           vq_prove_sum(c, vq_cols(vq_in_type(c, 0)),
                        2 * UINT8_MAX * -INT8_MIN);
}

/* ---- along rows ---- */

static bool
check_softmax(const Check *c)
{
    int64_t sum;

    return vq_need_dtype(c, 0,
                         vq_get_i(c->op, A_SOFTMAX, 0) == SM_SHIFTMAX
                             ? DT_BIT(DT_S8)
                             : DT_BIT(DT_S16)) &&
           vq_need_softmax(c, 1, vq_cols(vq_in_type(c, 0)), &sum);
}

/* Of rows of 1 to 2^bits. */
static bool
check_row(const Check *c, int64_t cols, int bits)
{
    const Type *x = vq_in_type(c, 0);

    if (!vq_need_dtype(c, 0, DT_BIT(DT_S16)))
        return false;
    if (x->rank == 0 || cols > INT64_C(1) << bits)
        return vq_fail(c, "%s must have rows of 1 to 2^%d", vq_in_text(c, 0),
                       bits);
    if (x->q.zero)
        return vq_fail(c, "%s must have the zero point 0", vq_in_text(c, 0));
    return true;
}

static bool
check_gains(const Check *c, int64_t heads, int64_t cols, int64_t frac)
{
    const int32_t *g = const_data(c, 1), *b = const_data(c, 2);
    int64_t n = vq_norm_most(cols, (int)frac);

    for (int64_t i = 0; i < heads * cols; i++) {
        int64_t gi = g[i] < 0 ? -(int64_t)g[i] : g[i];
        int64_t bi = b[i] < 0 ? -(int64_t)b[i] : b[i];

        if (gi >= 1 << 15)
            return vq_fail(c, "gain %d of channel %lld is not below 2^15", g[i],
                           (long long)i);
        if (n * gi + bi > INT32_MAX)
            return vq_fail(c,
                           "gain %d and bias %d of channel %lld leave 32 "
                           "bits",
                           g[i], b[i], (long long)i);
    }
    return true;
}

/* A long row's n_c is clamped, a short one's must not need to be. */
static bool
check_layernorm(const Check *c)
{
    int64_t all = vq_cols(vq_in_type(c, 0));
    int64_t frac = vq_get_i(c->op, A_FRAC, 0);
    int64_t heads = vq_get_i(c->op, A_HEADS, 1), cols = all / heads;

    if (!check_row(c, cols, 20) ||
        !vq_need_result(c, DT_BYTE | DT_BIT(DT_S16)) ||
        !vq_need_const(c, 1, DT_S32, all, NULL) ||
        !vq_need_const(c, 2, DT_S32, all, NULL) ||
        !vq_need_int(c, A_FRAC, 0, 14) || !vq_need_int(c, A_SHIFT, 0, 31) ||
        !vq_need_int(c, A_IEPS, 1, INT64_C(1) << 60))
        return false;
    if (cols <= VQ_SHORTROW && cols << 2 * frac >= 1 << 30)
        return vq_fail(c, "sqrt(%lld) * 2^%lld is not below 2^15",
                       (long long)cols, (long long)frac);
    return check_gains(c, heads, cols, frac);
}

static bool
check_ivitnorm(const Check *c)
{
    int64_t cols = vq_cols(vq_in_type(c, 0));

    return check_row(c, cols, 15) && vq_need_const(c, 1, DT_S64, cols, NULL) &&
           vq_need_requant(c, 2, RQ_DYADIC, cols, vq_out_type(c)->dt);
}

static bool
check_shiftgelu(const Check *c)
{
    const void *e, *em;

    if (!vq_need_dtype(c, 0, DT_BIT(DT_S8)) || !vq_need_no_zero(c, 0) ||
        !vq_need_int(c, A_EXACT, 0, 1) ||
        !vq_need_const(c, 1, DT_S32, 256, &e) ||
        !vq_need_const(c, 2, DT_S32, 256, &em))
        return false;
    for (int i = 0; i < 256; i++)
        if (((const int32_t *)e)[i] < 0 || ((const int32_t *)em)[i] < 1)
            return vq_fail(c, "entry %d of a table is too small", i);
    return true;
}

/* ---- attention ---- */

static bool
check_attention_types(const Check *c)
{
    if (!vq_need_dtype(c, 1, DT_BIT(DT_S8)) ||
        !vq_need_dtype(c, 2, DT_BIT(DT_S8)))
        return false;
    if (vq_in_type(c, 2)->q.zero)
        return vq_fail(c, "%s must have the zero point 0", vq_in_text(c, 2));
    return vq_need_dtype(c, 0, DT_BIT(DT_U8)) && vq_need_result(c, DT_STORED);
}

/* Shiftmax has scores of 8 bits, too coarse for what is added. */
static bool
check_score_bias(const Check *c)
{
    if (!vq_in_type(c, 8))
        return true;
    if (!const_data(c, 8) || !vq_need_dtype(c, 8, DT_BIT(DT_S16)))
        return vq_fail(c, "%s must be a constant s16", vq_in_text(c, 8));
    if (vq_get_i(c->op, A_SOFTMAX, 0) != SM_BASE2)
        return vq_fail(c, "only the base-2 softmax takes a bias of scores");
    return true;
}

static bool
check_attention(const Check *c)
{
    const Type *q = vq_in_type(c, 0), *k = vq_in_type(c, 1);
    int64_t heads = vq_get_i(c->op, A_HEADS, 1), sum;
    int64_t cols = vq_cols(vq_out_type(c));

    if (!check_attention_types(c) ||
        !vq_need_const(c, 3, DT_S32, heads, NULL) ||
        !vq_need_const(c, 4, DT_S32, heads, NULL) ||
        !vq_need_requant(c, 3, RQ_WIDE, heads, DT_S16) ||
        !vq_need_const(c, 6, DT_S32, cols, NULL) ||
        !vq_need_const(c, 7, DT_S32, cols, NULL) ||
        !vq_need_requant(c, 6, vq_get_i(c->op, A_FORM, -1), cols,
                         vq_out_type(c)->dt) ||
        !vq_need_softmax(c, 5, k->dim[k->rank - 2], &sum) ||
        !check_score_bias(c))
        return false;
    /* Codes of q are multiplied before its zero point is taken off. */
    return vq_prove_sum(c, vq_cols(q) / heads, 2 * UINT8_MAX * -INT8_MIN) &&
           vq_prove_sum(c, sum, -INT8_MIN);
}

/* ---- k.linear ---- */

static bool
check_packed(const Check *c)
{
    int64_t rows = vq_cols(vq_in_type(c, 0)), cols = vq_cols(vq_out_type(c));
    Type packed = vq_packed_type(rows, cols);
    const Type *w = vq_in_type(c, 1);
    const void *bias;

    if (w->dt != DT_S8 || !vq_same_shape(w, &packed) || !const_data(c, 1))
        return vq_fail(c, "%s must be a constant %s", vq_in_text(c, 1),
                       vq_type_text(c->tmp, c->g, &packed));
    return vq_need_const(c, 2, DT_S32, cols, &bias) &&
           vq_prove_packed(c, const_data(c, 1), rows, cols, bias);
}

static bool
check_residual(const Check *c)
{
    if (vq_in_type(c, 5))
        return vq_fail(c, "takes a table or a residual, not both");
    if (vq_cols(vq_in_type(c, 6)) != vq_cols(vq_out_type(c)))
        return vq_fail(c, "%s must have whole rows", vq_in_text(c, 6));
    return vq_need_dtype(c, 6, DT_BIT(DT_S16)) &&
           vq_need_result(c, DT_BIT(DT_S16)) && vq_need_no_zero(c, 6) &&
           vq_need_int(c, A_ASHIFT, 0, 30) && vq_need_int(c, A_BSHIFT, 0, 30);
}

static bool
check_epilogue(const Check *c)
{
    bool lut = vq_in_type(c, 5), residual = vq_in_type(c, 6);
    DType result = lut ? DT_U8 : residual ? DT_S16 : vq_out_type(c)->dt;

    if (!vq_in_type(c, 4) || !vq_attr(c->op, A_FORM))
        return vq_fail(c, "mul needs shift and form");
    if (lut && !vq_attr(c->op, A_ZERO))
        return vq_fail(c, "a table needs the zero point before it");
    return vq_need_requant(c, 3, vq_get_i(c->op, A_FORM, -1),
                           vq_cols(vq_out_type(c)), result) &&
           vq_need_int(c, A_ZERO, 0, UINT8_MAX) &&
           vq_need_const(c, 5, vq_out_type(c)->dt, 256, NULL) &&
           (!residual || check_residual(c));
}

static bool
check_klinear(const Check *c)
{
    if (!vq_need_dtype(c, 0, DT_BIT(DT_U8)) || !check_packed(c))
        return false;
    if (vq_in_type(c, 3))
        return check_epilogue(c);
    if (vq_in_type(c, 4) || vq_in_type(c, 5) || vq_in_type(c, 6))
        return vq_fail(c, "shift, table and residual need mul");
    return vq_need_result(c, DT_BIT(DT_S32));
}

static bool
check_kdepthwise(const Check *c)
{
    if (!check_columns(c))
        return false;
    if (!vq_in_type(c, 3))
        return vq_in_type(c, 4) ? vq_fail(c, "shift needs mul")
                                : vq_need_result(c, DT_BIT(DT_S32));
    if (!vq_in_type(c, 4) || !vq_attr(c->op, A_FORM))
        return vq_fail(c, "mul needs shift and form");
    return vq_need_requant(c, 3, vq_get_i(c->op, A_FORM, -1),
                           vq_cols(vq_out_type(c)), vq_out_type(c)->dt);
}

/* ---- float ops ---- */

/* Shapes are inference's business. */
static bool
check_float(const Check *c)
{
    return vq_need_dtype(c, 0, DT_BIT(DT_F32)) &&
           vq_need_dtype(c, 1, DT_BIT(DT_F32));
}

CheckFn *const vq_check_int[NOP] = {
    [OP_I_QUANTIZE] = check_quantize,
    [OP_I_DEQUANTIZE] = check_dequantize,
    [OP_I_MATMUL] = check_columns,
    [OP_I_PRODUCT] = check_product,
    [OP_I_REQUANT] = check_requant,
    [OP_I_ADD] = check_add,
    [OP_I_MUL] = check_mul,
    [OP_I_LUT] = check_lut,
    [OP_I_SUM] = check_sum,
    [OP_I_SOFTMAX] = check_softmax,
    [OP_I_LAYERNORM] = check_layernorm,
    [OP_I_IVITNORM] = check_ivitnorm,
    [OP_I_SHIFTGELU] = check_shiftgelu,
    [OP_I_ATTENTION] = check_attention,
    [OP_F_MAP] = check_float,
    [OP_F_SUM] = check_float,
    [OP_F_MAX] = check_float,
    [OP_F_MATMUL] = check_float,
    [OP_K_LINEAR] = check_klinear,
    [OP_I_DEPTHWISE] = check_columns,
    [OP_K_DEPTHWISE] = check_kdepthwise,
};
