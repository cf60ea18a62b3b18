/*
 * eval.c -- runs a graph op by op, with the buffers of inner values reused
 * once nothing reads them any more.
 */
#include "ir/eval_fn.h"

#include <assert.h>
#include <string.h>

EvalFn *const vq_eval_fn[NOP] = {
    [OP_RESHAPE] = vq_eval_reshape,
    [OP_TRANSPOSE] = vq_eval_transpose,
    [OP_CONCAT] = vq_eval_concat,
    [OP_SLICE] = vq_eval_slice,
    [OP_EXPAND] = vq_eval_expand,
    [OP_PAD] = vq_eval_pad,
    [OP_UNFOLD] = vq_eval_unfold,
    [OP_MAXPOOL] = vq_eval_maxpool,
    [OP_ADD] = vq_eval_add,
    [OP_SUB] = vq_eval_sub,
    [OP_MUL] = vq_eval_mul,
    [OP_DIV] = vq_eval_div,
    [OP_POW] = vq_eval_pow,
    [OP_MAX] = vq_eval_max,
    [OP_MIN] = vq_eval_min,
    [OP_NEG] = vq_eval_neg,
    [OP_ABS] = vq_eval_abs,
    [OP_SQRT] = vq_eval_sqrt,
    [OP_EXP] = vq_eval_exp,
    [OP_LOG] = vq_eval_log,
    [OP_ERF] = vq_eval_erf,
    [OP_TANH] = vq_eval_tanh,
    [OP_SIGMOID] = vq_eval_sigmoid,
    [OP_RELU] = vq_eval_relu,
    [OP_RECIPROCAL] = vq_eval_reciprocal,
    [OP_CLIP] = vq_eval_clip,
    [OP_CONVERT] = vq_eval_convert,
    [OP_FAKEQUANT] = vq_eval_fakequant,
    [OP_LOOKUP] = vq_eval_lookup,
    [OP_REDUCE_MEAN] = vq_eval_reduce_mean,
    [OP_REDUCE_SUM] = vq_eval_reduce_sum,
    [OP_REDUCE_MAX] = vq_eval_reduce_max,
    [OP_SOFTMAX] = vq_eval_softmax,
    [OP_MATMUL] = vq_eval_matmul,
    [OP_CONV] = vq_eval_conv,
    [OP_LINEAR] = vq_eval_linear,
    [OP_DEPTHWISE] = vq_eval_depthwise,
    [OP_LAYERNORM] = vq_eval_layernorm,
    [OP_GELU] = vq_eval_gelu,
    [OP_SCALE] = vq_eval_mul,
    [OP_FUNCTION] = vq_eval_function,
    [OP_ATTENTION] = vq_eval_attention,
    [OP_I_QUANTIZE] = vq_eval_i_quantize,
    [OP_I_DEQUANTIZE] = vq_eval_i_dequantize,
    [OP_I_MATMUL] = vq_eval_i_matmul,
    [OP_I_DEPTHWISE] = vq_eval_i_depthwise,
    [OP_I_PRODUCT] = vq_eval_i_product,
    [OP_I_REQUANT] = vq_eval_i_requant,
    [OP_I_ADD] = vq_eval_i_add,
    [OP_I_MUL] = vq_eval_i_mul,
    [OP_I_LUT] = vq_eval_i_lut,
    [OP_I_SUM] = vq_eval_i_sum,
    [OP_I_SOFTMAX] = vq_eval_i_softmax,
    [OP_I_LAYERNORM] = vq_eval_i_layernorm,
    [OP_I_IVITNORM] = vq_eval_i_ivitnorm,
    [OP_I_SHIFTGELU] = vq_eval_i_shiftgelu,
    [OP_I_ATTENTION] = vq_eval_i_attention,
    [OP_F_MAP] = vq_eval_f_map,
    [OP_F_SUM] = vq_eval_f_sum,
    [OP_F_MAX] = vq_eval_f_max,
    [OP_F_MATMUL] = vq_eval_f_matmul,
    [OP_K_LINEAR] = vq_eval_k_linear,
    [OP_K_DEPTHWISE] = vq_eval_k_depthwise,
};

static bool
needs_real(const EvalArgs *e)
{
    if (vq_op[e->op->kind].stage != STAGE_R)
        return false;
    for (uint32_t i = 0; i < e->op->nin; i++)
        if (e->op->in[i] && in_type(e, i)->dt != DT_F32)
            return true;
    return out_type(e)->dt != DT_F32;
}

void
vq_eval_op(const EvalArgs *e)
{
    EvalArgs real = *e;
    const void **in;

    assert(vq_eval_fn[e->op->kind]);
    if (!needs_real(e)) {
        vq_eval_fn[e->op->kind](e);
        return;
    }
    in = NEWN(e->tmp, const void *, e->op->nin);
    for (uint32_t i = 0; i < e->op->nin; i++) {
        float *x;

        if (!e->in[i] || in_type(e, i)->dt == DT_F32) {
            in[i] = e->in[i];
            continue;
        }
        x = NEWN(e->tmp, float, (size_t)vq_count(in_type(e, i)));
        vq_to_real(e->g, in_type(e, i), e->in[i], x);
        in[i] = x;
    }
    real.in = in;
    real.out = NEWN(e->tmp, float, (size_t)vq_count(out_type(e)));
    vq_eval_fn[e->op->kind](&real);
    vq_from_real(e->g, out_type(e), real.out, e->out);
}

typedef struct Buffer {
    void *p;
    size_t size;
} Buffer;

typedef struct Run {
    const Graph *g;
    Arena *tmp;
    const void **data; /* by value; NULL: not yet or no more */
    Buffer *own;       /* by value: its buffer, if it came from the pool */
    uint32_t *last;    /* by value: the last op that reads it */
    Buffer *pool;      /* free buffers */
    uint32_t npool;
} Run;

/* The smallest free buffer that is large enough, or a new one. */
static Buffer
take_buffer(Run *r, size_t size)
{
    uint32_t best = r->npool;
    Buffer b;

    for (uint32_t i = 0; i < r->npool; i++)
        if (r->pool[i].size >= size &&
            (best == r->npool || r->pool[i].size < r->pool[best].size))
            best = i;
    if (best == r->npool)
        return (Buffer){vq_alloc(r->tmp, size), size};
    b = r->pool[best];
    r->pool[best] = r->pool[--r->npool];
    return b;
}

static void
drop_value(Run *r, ValId v)
{
    if (r->own[v].p)
        r->pool[r->npool++] = r->own[v];
    r->own[v] = (Buffer){0};
}

static void
find_last_uses(Run *r)
{
    const Graph *g = r->g;

    for (uint32_t i = 1; i < g->nop; i++) {
        r->last[g->op[i].out] = i;
        for (uint32_t j = 0; j < g->op[i].nin; j++)
            r->last[g->op[i].in[j]] = i;
    }
}

static void
run_op(Run *r, uint32_t i, void *out)
{
    const Op *op = &r->g->op[i];
    const void **in = NEWN(r->tmp, const void *, op->nin);

    for (uint32_t j = 0; j < op->nin; j++)
        in[j] = op->in[j] ? r->data[op->in[j]] : NULL;
    vq_eval_op(&(EvalArgs){r->g, op, in, out, r->tmp});
}

/* Evaluates op i and gives back the buffers that nothing reads after it. */
static void
step(Run *r, uint32_t i, EvalHook *hook, void *user)
{
    const Op *op = &r->g->op[i];
    ArenaMark mark;

    if (!r->data[op->out]) {
        r->own[op->out] =
            take_buffer(r, (size_t)vq_bytes(vq_type(r->g, op->out)));
        r->data[op->out] = r->own[op->out].p;
    }
    mark = vq_arena_mark(r->tmp);
    run_op(r, i, (void *)(uintptr_t)r->data[op->out]);
    vq_arena_release(r->tmp, mark);
    if (hook)
        hook(user, r->g, op->out, r->data[op->out]);
    for (uint32_t j = 0; j < op->nin; j++)
        if (r->last[op->in[j]] == i)
            drop_value(r, op->in[j]);
    if (r->last[op->out] == i)
        drop_value(r, op->out);
}

/* Where every value's data are before the first op: constants, inputs, and
 * computed outputs, which are made in place. */
static void
place_values(Run *r, const void *const *in, void *const *out)
{
    const Graph *g = r->g;

    for (ValId v = 1; v < g->nval; v++)
        r->data[v] = g->val[v].data;
    for (uint32_t i = 0; i < g->nin; i++)
        r->data[g->in[i]] = in[i];
    for (uint32_t i = 0; i < g->nout; i++)
        if (!r->data[g->out[i]])
            r->data[g->out[i]] = out[i];
}

/* Outputs that are inputs, constants or the same value as another. */
static void
copy_outputs(Run *r, void *const *out)
{
    const Graph *g = r->g;

    for (uint32_t i = 0; i < g->nout; i++)
        if (r->data[g->out[i]] != out[i])
            memcpy(out[i], r->data[g->out[i]],
                   (size_t)vq_bytes(vq_type(g, g->out[i])));
}

void
vq_eval(const Graph *g, Arena *tmp, const void *const *in, void *const *out,
        EvalHook *hook, void *user)
{
    ArenaMark mark = vq_arena_mark(tmp);
    Run r = {.g = g, .tmp = tmp};

    r.data = NEWN(tmp, const void *, g->nval);
    r.own = NEWN(tmp, Buffer, g->nval);
    r.pool = NEWN(tmp, Buffer, g->nval);
    r.last = NEWN(tmp, uint32_t, g->nval);
    find_last_uses(&r);
    place_values(&r, in, out);
    for (uint32_t i = 0; hook && i < g->nin; i++)
        hook(user, g, g->in[i], in[i]);
    for (uint32_t i = 1; i < g->nop; i++)
        step(&r, i, hook, user);
    copy_outputs(&r, out);
    vq_arena_release(tmp, mark);
}
