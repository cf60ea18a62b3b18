/*
 * integerize.c -- real ops on quantized types become integer ops.
 *
 * needs F_QUANTIZED; makes F_INTEGER. From here on every number between the
 * quantized input and the dequantized output is an integer, and ir/eval_int.c
 * is its meaning; but for ops that are kept in float, whose meaning is in
 * ir/eval_float.c. One row per op; the functions are in lower_*.c.
 */
#include "passes/lower.h"
#include "passes/passes.h"

static bool
copy_move(Rewrite *r, const Op *op)
{
    return vq_copy(r, op);
}

static LowerFn *const lower[NOP] = {
    [OP_RESHAPE] = copy_move,
    [OP_TRANSPOSE] = copy_move,
    [OP_CONCAT] = copy_move,
    [OP_SLICE] = copy_move,
    [OP_EXPAND] = copy_move,
    [OP_PAD] = copy_move,
    [OP_UNFOLD] = copy_move,
    [OP_MAXPOOL] = copy_move,
    [OP_CONVERT] = vq_lower_convert,
    [OP_LINEAR] = vq_lower_linear,
    [OP_DEPTHWISE] = vq_lower_linear,
    [OP_MATMUL] = vq_lower_matmul,
    [OP_ADD] = vq_lower_add,
    [OP_SUB] = vq_lower_sub,
    [OP_NEG] = vq_lower_neg,
    [OP_MUL] = vq_lower_mul,
    [OP_SCALE] = vq_lower_scale,
    [OP_REDUCE_MEAN] = vq_lower_mean,
    [OP_REDUCE_SUM] = vq_lower_mean,
    [OP_LAYERNORM] = vq_lower_norm,
    [OP_ATTENTION] = vq_lower_attention,
    [OP_SOFTMAX] = vq_lower_softmax,
    [OP_GELU] = vq_lower_table,
    [OP_TANH] = vq_lower_table,
    [OP_SIGMOID] = vq_lower_table,
    [OP_RELU] = vq_lower_table,
    [OP_ERF] = vq_lower_table,
    [OP_CLIP] = vq_lower_table,
    [OP_FUNCTION] = vq_lower_table,
    [OP_LOOKUP] = vq_lower_table,
};

static bool
lower_op(Rewrite *r, const Op *op)
{
    if (vq_op[op->kind].stage == STAGE_R && op->kind != OP_CONVERT &&
        vq_type(r->from, op->out)->dt == DT_F32)
        return vq_lower_float(r, op);
    if (!lower[op->kind])
        return vq_bug(r->diag, op->loc, "no integer form of %s",
                      vq_op[op->kind].text);
    return lower[op->kind](r, op);
}

bool
vq_integerize(Graph *g, const PassContext *cx)
{
    return vq_rewrite(g, cx->diag, lower_op, (void *)(uintptr_t)cx);
}
