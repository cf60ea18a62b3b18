/*
 * infer.c -- the type of an op's value from its inputs' types.
 *
 * Needs inputs that have types; everything else, attributes and `want`
 * included, may be nonsense and is then reported.
 */
#include "ir/infer.h"

#include <stdio.h>

#include "ir/text.h"

static InferFn *const infer_fn[NOP] = {
    [OP_RESHAPE] = vq_infer_reshape,
    [OP_TRANSPOSE] = vq_infer_transpose,
    [OP_CONCAT] = vq_infer_concat,
    [OP_SLICE] = vq_infer_slice,
    [OP_EXPAND] = vq_infer_expand,
    [OP_PAD] = vq_infer_pad,
    [OP_UNFOLD] = vq_infer_unfold,
    [OP_MAXPOOL] = vq_infer_maxpool,

    [OP_ADD] = vq_infer_binary,
    [OP_SUB] = vq_infer_binary,
    [OP_MUL] = vq_infer_binary,
    [OP_DIV] = vq_infer_binary,
    [OP_POW] = vq_infer_binary,
    [OP_MAX] = vq_infer_binary,
    [OP_MIN] = vq_infer_binary,
    [OP_NEG] = vq_infer_unary,
    [OP_ABS] = vq_infer_unary,
    [OP_SQRT] = vq_infer_unary,
    [OP_EXP] = vq_infer_unary,
    [OP_LOG] = vq_infer_unary,
    [OP_ERF] = vq_infer_unary,
    [OP_TANH] = vq_infer_unary,
    [OP_SIGMOID] = vq_infer_unary,
    [OP_RELU] = vq_infer_unary,
    [OP_RECIPROCAL] = vq_infer_unary,
    [OP_CLIP] = vq_infer_unary,
    [OP_FAKEQUANT] = vq_infer_unary,
    [OP_LOOKUP] = vq_infer_lookup,
    [OP_CONVERT] = vq_infer_unary,
    [OP_GELU] = vq_infer_unary,
    [OP_SCALE] = vq_infer_scale,
    [OP_FUNCTION] = vq_infer_function,

    [OP_REDUCE_MEAN] = vq_infer_reduce,
    [OP_REDUCE_SUM] = vq_infer_reduce,
    [OP_REDUCE_MAX] = vq_infer_reduce,
    [OP_SOFTMAX] = vq_infer_softmax,
    [OP_MATMUL] = vq_infer_matmul,
    [OP_CONV] = vq_infer_conv,
    [OP_LINEAR] = vq_infer_linear,
    [OP_DEPTHWISE] = vq_infer_depthwise,
    [OP_LAYERNORM] = vq_infer_layernorm,
    [OP_ATTENTION] = vq_infer_attention,

    [OP_I_QUANTIZE] = vq_infer_like,
    [OP_I_DEQUANTIZE] = vq_infer_dequantize,
    [OP_I_MATMUL] = vq_infer_imatmul,
    [OP_I_DEPTHWISE] = vq_infer_idepthwise,
    [OP_I_PRODUCT] = vq_infer_iproduct,
    [OP_I_REQUANT] = vq_infer_like,
    [OP_I_ADD] = vq_infer_iadd,
    [OP_I_MUL] = vq_infer_imul,
    [OP_I_LUT] = vq_infer_lut,
    [OP_I_SUM] = vq_infer_isum,
    [OP_I_SOFTMAX] = vq_infer_isoftmax,
    [OP_I_LAYERNORM] = vq_infer_inorm,
    [OP_I_IVITNORM] = vq_infer_like,
    [OP_I_SHIFTGELU] = vq_infer_shiftgelu,
    [OP_I_ATTENTION] = vq_infer_iattention,
    [OP_F_MAP] = vq_infer_function,
    [OP_F_SUM] = vq_infer_freduce,
    [OP_F_MAX] = vq_infer_freduce,
    [OP_F_MATMUL] = vq_infer_fmatmul,
    [OP_K_LINEAR] = vq_infer_klinear,
    [OP_K_DEPTHWISE] = vq_infer_kdepthwise,
};

bool
vq_infer_error(const Infer *c, const char *fmt, ...)
{
    const char *op = vq_op[c->op->kind].text;
    char text[768];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (c->op->out)
        return vq_error(c->diag, c->op->loc, "%s %s: %s", op,
                        vq_val_text(c->g->arena, c->g, c->op->out), text);
    return vq_error(c->diag, c->op->loc, "%s: %s", op, text);
}

const Type *
vq_infer_in(const Infer *c, uint32_t i)
{
    return i < c->op->nin && c->op->in[i] ? vq_type(c->g, c->op->in[i]) : NULL;
}

const char *
vq_infer_text(const Infer *c, uint32_t i)
{
    Arena *a = c->g->arena;

    return vq_format(a, "%s: %s", vq_val_text(a, c->g, c->op->in[i]),
                     vq_type_text(a, c->g, vq_infer_in(c, i)));
}

bool
vq_infer_list(const Infer *c, AttrKey key, uint32_t n, int64_t lo, int64_t hi,
              const int64_t **list)
{
    const Attr *a = vq_attr(c->op, key);

    if (!a || !a->i)
        return vq_infer_error(c, "attribute %s is missing", vq_attr_text[key]);
    if (a->n != n)
        return vq_infer_error(c, "%s has %u numbers, but %u belong there",
                              vq_attr_text[key], a->n, n);
    for (uint32_t i = 0; i < n; i++)
        if (a->i[i] < lo || a->i[i] > hi)
            return vq_infer_error(c, "%s=%lld is not within %lld..%lld",
                                  vq_attr_text[key], (long long)a->i[i],
                                  (long long)lo, (long long)hi);
    *list = a->i;
    return true;
}

bool
vq_infer_int(const Infer *c, AttrKey key, int64_t lo, int64_t hi,
             int64_t *value)
{
    const int64_t *list = NULL;

    if (!vq_infer_list(c, key, 1, lo, hi, &list))
        return false;
    *value = *list;
    return true;
}

bool
vq_infer_axis(const Infer *c, int *axis)
{
    const Type *x = vq_infer_in(c, 0);
    int64_t v;

    if (x->rank == 0)
        return vq_infer_error(c, "%s has no axis", vq_infer_text(c, 0));
    if (!vq_infer_int(c, A_AXIS, 0, x->rank - 1, &v))
        return false;
    *axis = (int)v;
    return true;
}

bool
vq_infer_vector(const Infer *c, uint32_t i, int64_t n)
{
    const Type *t = vq_infer_in(c, i);

    if (!t || (t->rank == 1 && t->dim[0] == n))
        return true;
    return vq_infer_error(c, "%s must have the shape [%lld]",
                          vq_infer_text(c, i), (long long)n);
}

static bool
check_inputs(const Infer *c)
{
    const OpInfo *info = &vq_op[c->op->kind];

    if (c->op->nin < info->lo || c->op->nin > info->hi)
        return vq_infer_error(c, "has %u inputs, takes %u to %u", c->op->nin,
                              info->lo, info->hi);
    for (uint32_t i = 0; i < info->lo; i++)
        if (!c->op->in[i])
            return vq_infer_error(c, "input %u is missing", i);
    if (info->stage == STAGE_R)
        return vq_infer_real(c);
    return true;
}

bool
vq_infer(const Graph *g, Diag *d, const Op *op, const Type *want, Type *out)
{
    Infer c = {g, d, op, want, out};

    if (!infer_fn[op->kind])
        return vq_bug(d, op->loc, "no shape rule for op %d", (int)op->kind);
    if (!check_inputs(&c))
        return false;
    *out = (Type){0};
    if (!infer_fn[op->kind](&c))
        return false;
    if (vq_type_fits(out))
        return true;
    return vq_infer_error(&c, "the result %s is too large",
                          vq_type_text(g->arena, g, out));
}

ValId
vq_emit_infer(Graph *g, Diag *d, OpKind kind, const char *name, const ValId *in,
              uint32_t nin, const Attr *attrs, uint32_t nattr, const Type *want,
              Loc loc)
{
    Op op = {.kind = kind, .nin = nin, .scratch = -1, .loc = loc};
    Type type;

    op.in = (ValId *)in;
    for (uint32_t i = 0; i < nattr; i++)
        if (attrs[i].i)
            vq_set_is(g, &op, attrs[i].key, attrs[i].i, attrs[i].n);
        else
            vq_set_f(&op, attrs[i].key, attrs[i].f);
    if (!vq_infer(g, d, &op, want, &type))
        return 0;
    Op *made = vq_emit(g, kind, name, type, in, nin, loc);
    for (uint32_t i = 0; i < op.nattr; i++)
        made->attr[i] = op.attr[i];
    made->nattr = op.nattr;
    return made->out;
}
