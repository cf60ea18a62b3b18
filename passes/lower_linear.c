/*
 * lower_linear.c -- linear layers, sums, means and conversions in integers.
 */
#include "passes/lower.h"

#include <math.h>
#include <string.h>

/*
 * bias / (s_x * s_w[c]) rounded, less zero_x * sum_k w[k][c]: the product is
 * taken on stored codes, and sum (a - zero) w = sum a w - zero sum w.
 */
static bool
integer_bias(Rewrite *r, const Op *op, ValId x, ValId w, int32_t *out)
{
    const Type *tx = vq_type(r->to, x), *tw = vq_type(r->to, w);
    const float *b =
        op->nin > 2 && op->in[2] ? r->from->val[op->in[2]].data : NULL;
    const int8_t *wd = r->to->val[w].data;
    int64_t rows = vq_rows(tw), cols = vq_cols(tw);
    int64_t *pos = NEWN(r->to->arena, int64_t, cols);
    int64_t *neg = NEWN(r->to->arena, int64_t, cols);

    for (int64_t k = 0; k < rows; k++)
        for (int64_t c = 0; c < cols; c++)
            *(wd[k * cols + c] > 0 ? pos + c : neg + c) += wd[k * cols + c];
    for (int64_t c = 0; c < cols; c++) {
        double s = (double)tx->q.scale * vq_scale_at(r->to, tw, c);
        double q = (b ? nearbyint(b[c] / s) : 0) -
                   (double)tx->q.zero * (double)(pos[c] + neg[c]);

        if (fabs(q) >= 0x1p30)
            return vq_error(r->diag, op->loc,
                            "the bias of output channel %d is %g times the "
                            "accumulator's step and does not fit 32 bits; "
                            "is the weight of this channel almost zero?",
                            (int)c, q);
        out[c] = (int32_t)q;
        if (UINT8_MAX * pos[c] + vq_max(out[c], 0) > VQ_ACC_MAX ||
            UINT8_MAX * neg[c] + vq_min(out[c], 0) < -VQ_ACC_MAX)
            return vq_error(r->diag, op->loc,
                            "sums of %lld products of bytes may leave 32 bits "
                            "in output channel %d; split this layer in two",
                            (long long)rows, (int)c);
    }
    return true;
}

/* A linear layer, or a depthwise convolution. */
bool
vq_lower_linear(Rewrite *r, const Op *op)
{
    ValId x = vq_new(r, op->in[0]), w = vq_new(r, op->in[1]);
    const Type *tw = vq_type(r->to, w);
    Type t = vq_lowered_type(r, op), acc = t;
    int64_t cols = vq_cols(tw);
    int32_t *bias = NEWN(r->to->arena, int32_t, cols);
    double *m = NEWN(r->to->arena, double, cols);
    ValId in[3] = {x, w};
    bool raw = t.dt == DT_S32;
    Op *now;

    if (!integer_bias(r, op, x, w, bias))
        return false;
    for (int64_t c = 0; !raw && c < cols; c++)
        m[c] = (double)vq_type(r->to, x)->q.scale * vq_scale_at(r->to, tw, c) /
               vq_scale_at(r->to, &t, c);
    in[2] = vq_const_s32(r, vq_subname(r, op, ".b"), bias, cols);
    acc.dt = DT_S32;
    if (!raw)
        acc.q = (Quant){0};
    now = vq_emit(r->to, op->kind == OP_LINEAR ? OP_I_MATMUL : OP_I_DEPTHWISE,
                  vq_subname(r, op, raw ? "" : ".acc"), acc, in, 3, op->loc);
    memcpy(now->attr, op->attr, sizeof op->attr);
    now->nattr = op->nattr;
    if (raw)
        vq_become(r, op->out, now->out);
    else
        vq_emit_requant(r, op, now->out, m, cols, t);
    return true;
}

/* Scales of the residual stream differ by powers of two (scales.h). From 17
 * on, nothing of 16 bits is left. */
static int64_t
shift_to(const Type *from, const Type *to)
{
    return vq_min(lrint(log2((double)to->q.scale / (double)from->q.scale)), 30);
}

/* x as large as the result, whatever it was broadcast from. */
static ValId
expanded(Rewrite *r, const Op *op, ValId x, const Type *to)
{
    Type t = *vq_type(r->to, x);

    if (vq_same_shape(&t, to))
        return x;
    t.rank = to->rank;
    memcpy(t.dim, to->dim, sizeof t.dim);
    return vq_emit(r->to, OP_EXPAND, vq_subname(r, op, ".x"), t, &x, 1, op->loc)
        ->out;
}

/* Makes op's value. The first operand is as large as the sum, the second is
 * repeated along leading axes. */
static bool
emit_add(Rewrite *r, const Op *op, ValId a, ValId b)
{
    Type t = vq_lowered_type(r, op);
    ValId in[2] = {a, b};
    Op *now;

    if (!vq_same_shape(vq_type(r->to, a), &t)) {
        in[0] = b;
        in[1] = a;
    }
    in[0] = expanded(r, op, in[0], &t);
    if (!vq_is_trailing(&t, vq_type(r->to, in[1])))
        in[1] = expanded(r, op, in[1], &t);
    now =
        vq_emit(r->to, OP_I_ADD, r->from->val[op->out].name, t, in, 2, op->loc);
    vq_set_i(r->to, now, A_ASHIFT, shift_to(vq_type(r->to, in[0]), &t));
    vq_set_i(r->to, now, A_BSHIFT, shift_to(vq_type(r->to, in[1]), &t));
    vq_become(r, op->out, now->out);
    return true;
}

bool
vq_lower_add(Rewrite *r, const Op *op)
{
    return emit_add(r, op, vq_new(r, op->in[0]), vq_new(r, op->in[1]));
}

/* The sum with the second operand's negative, which has the sum's scale. */
bool
vq_lower_sub(Rewrite *r, const Op *op)
{
    ValId in[3] = {vq_new(r, op->in[1])}, minus;
    Type t = *vq_type(r->to, in[0]), out = vq_lowered_type(r, op);
    double m = -(double)t.q.scale / (double)out.q.scale;
    RequantForm form = vq_choose_requant(vq_context(r), &m, 1, DT_S16);
    Op *now;

    t.q = out.q;
    vq_requant_consts(r, op, ".minus", form, &m, 1, in + 1);
    now = vq_emit(r->to, OP_I_REQUANT, vq_subname(r, op, ".minus"), t, in, 3,
                  op->loc);
    vq_set_i(r->to, now, A_FORM, form);
    minus = now->out;
    return emit_add(r, op, vq_new(r, op->in[0]), minus);
}

bool
vq_lower_scale(Rewrite *r, const Op *op)
{
    ValId x = vq_new(r, op->in[0]);
    const Value *k = &r->from->val[op->in[1]];
    const Type *tx = vq_type(r->to, x);
    Type t = vq_lowered_type(r, op);
    int64_t n = vq_count(&k->type);
    double *m = NEWN(r->to->arena, double, n);

    for (int64_t c = 0; c < n; c++)
        m[c] = (double)tx->q.scale * (double)((const float *)k->data)[c] /
               (double)t.q.scale;
    vq_emit_requant(r, op, x, m, n, t);
    return true;
}

bool
vq_lower_neg(Rewrite *r, const Op *op)
{
    ValId x = vq_new(r, op->in[0]);
    Type t = vq_lowered_type(r, op);
    double m = -(double)vq_type(r->to, x)->q.scale / (double)t.q.scale;

    vq_emit_requant(r, op, x, &m, 1, t);
    return true;
}

bool
vq_lower_mul(Rewrite *r, const Op *op)
{
    Type t = vq_lowered_type(r, op);
    ValId in[2];
    int wide = vq_type(r->to, vq_new(r, op->in[1]))->dt == DT_S16;

    for (int i = 0; i < 2; i++) /* 16 bits come first */
        in[i] = expanded(r, op, vq_new(r, op->in[i ^ wide]), &t);
    vq_emit_product(r, op, in, t);
    return true;
}

bool
vq_lower_mean(Rewrite *r, const Op *op)
{
    ValId x = vq_new(r, op->in[0]);
    const Attr *axes = vq_attr(op, A_AXES);
    Type t = vq_lowered_type(r, op), sum = t;
    double m;
    Op *now;

    sum.dt = DT_S32;
    sum.q = (Quant){0};
    m = (double)vq_type(r->to, x)->q.scale / t.q.scale;
    if (op->kind == OP_REDUCE_MEAN)
        m /= (double)vq_type(r->to, x)->dim[axes->i[0]];
    now = vq_emit(r->to, OP_I_SUM, vq_subname(r, op, ".sum"), sum, &x, 1,
                  op->loc);
    vq_set_i(r->to, now, A_AXIS, axes->i[0]);
    vq_emit_requant(r, op, now->out, &m, 1, t);
    return true;
}

/* The scales of a value as a constant f32[1] or f32[last axis]. */
static ValId
scale_const(Rewrite *r, const Op *op, const Type *t)
{
    float *s;

    if (t->q.scales)
        return t->q.scales;
    s = NEW(r->to->arena, float);
    *s = t->q.scale;
    return vq_const(r->to, vq_subname(r, op, ".scale"), TYPE(DT_F32, 1), s);
}

/* From byte to byte, exactly. */
static void
convert_bytes(Rewrite *r, const Op *op, ValId x, const Type *from,
              const Type *to)
{
    int lo = (int)vq_dtype[from->dt].lo;
    uint8_t *table = NEWN(r->to->arena, uint8_t, 256);
    ValId in[2] = {x};

    for (int i = 0; i < 256; i++)
        table[i] = (uint8_t)vq_quantize(
            vq_dequantize(lo + i, from->q.scale, from->q.zero), to->q.scale,
            to->q.zero, to->dt);
    in[1] = vq_const(r->to, vq_subname(r, op, ".t"), TYPE(to->dt, 256), table);
    vq_become(r, op->out,
              vq_emit(r->to, OP_I_LUT, r->from->val[op->out].name, *to, in, 2,
                      op->loc)
                  ->out);
}

bool
vq_lower_convert(Rewrite *r, const Op *op)
{
    ValId in[2] = {vq_new(r, op->in[0])};
    Type from = *vq_type(r->to, in[0]), to = vq_lowered_type(r, op);
    const char *name = r->from->val[op->out].name;
    int64_t n = vq_cols(&to);
    double *m;

    if (from.dt == DT_F32) {
        vq_become(r, op->out,
                  vq_emit(r->to, OP_I_QUANTIZE, name, to, in, 1, op->loc)->out);
        return true;
    }
    if (to.dt == DT_F32) {
        in[1] = scale_const(r, op, &from);
        vq_become(
            r, op->out,
            vq_emit(r->to, OP_I_DEQUANTIZE, name, to, in, 2, op->loc)->out);
        return true;
    }
    n = from.q.scales || to.q.scales ? n : 1;
    if (n == 1 && vq_dtype[from.dt].bytes == 1 && vq_dtype[to.dt].bytes == 1) {
        convert_bytes(r, op, in[0], &from, &to);
        return true;
    }
    m = NEWN(r->to->arena, double, n);
    for (int64_t c = 0; c < n; c++)
        m[c] =
            (double)vq_scale_at(r->to, &from, c) / vq_scale_at(r->to, &to, c);
    vq_emit_requant(r, op, in[0], m, n, to);
    return true;
}
