/*
 * eval_fn.h -- inside the evaluator: the rows of vq_eval_fn and what they
 * share.
 */
#ifndef VQ_EVAL_FN_H
#define VQ_EVAL_FN_H

#include "ir/eval.h"
#include "ir/quant.h"
#include "ir/walk.h"

/* eval_move.c */
EvalFn vq_eval_reshape, vq_eval_transpose, vq_eval_concat, vq_eval_slice,
    vq_eval_expand;
/* eval_image.c */
EvalFn vq_eval_pad, vq_eval_unfold, vq_eval_maxpool, vq_eval_depthwise,
    vq_eval_i_depthwise, vq_eval_k_depthwise;
/* eval_elem.c */
EvalFn vq_eval_add, vq_eval_sub, vq_eval_mul, vq_eval_div, vq_eval_pow,
    vq_eval_max, vq_eval_min, vq_eval_neg, vq_eval_abs, vq_eval_sqrt,
    vq_eval_exp, vq_eval_log, vq_eval_erf, vq_eval_tanh, vq_eval_sigmoid,
    vq_eval_relu, vq_eval_reciprocal, vq_eval_clip, vq_eval_convert,
    vq_eval_fakequant, vq_eval_lookup, vq_eval_gelu, vq_eval_function;
/* eval_axis.c */
EvalFn vq_eval_reduce_mean, vq_eval_reduce_sum, vq_eval_reduce_max,
    vq_eval_softmax, vq_eval_layernorm;
/* eval_product.c */
EvalFn vq_eval_matmul, vq_eval_conv, vq_eval_linear, vq_eval_attention;
/* eval_int.c */
EvalFn vq_eval_i_quantize, vq_eval_i_dequantize, vq_eval_i_requant,
    vq_eval_i_add, vq_eval_i_mul, vq_eval_i_lut, vq_eval_i_sum;
/* eval_norm.c */
EvalFn vq_eval_i_softmax, vq_eval_i_layernorm, vq_eval_i_ivitnorm,
    vq_eval_i_shiftgelu;
/* eval_float.c */
EvalFn vq_eval_f_map, vq_eval_f_sum, vq_eval_f_max, vq_eval_f_matmul;
/* eval_dot.c */
EvalFn vq_eval_i_matmul, vq_eval_i_product, vq_eval_i_attention,
    vq_eval_k_linear;

static inline const Type *
in_type(const EvalArgs *e, uint32_t i)
{
    return vq_type(e->g, e->op->in[i]);
}

static inline const Type *
out_type(const EvalArgs *e)
{
    return vq_type(e->g, e->op->out);
}

static inline const void *
in_data(const EvalArgs *e, uint32_t i)
{
    return i < e->op->nin ? e->in[i] : NULL;
}

/* One row of softmax in f32 with the sum in f64; y may be x. */
void vq_softmax_real(const float *x, float *y, int64_t n);

/* ---- eval_int.c: what k.linear shares with the ops it is made of ---- */

/* Multipliers of the last axis or of all. */
typedef struct RequantRow {
    RequantForm form;
    const int32_t *mul, *shift;
    int64_t n; /* of both: 1 or the row's length */
    int32_t zero;
    DType dt;
} RequantRow;

/* In place: x becomes the requantized codes. */
void vq_requant_row(const RequantRow *, int32_t *x, int64_t n);
/* y = sat16(rs(a, as) + rs(b, bs)) for n elements; b repeats after nb. */
void vq_add_s16(const int16_t *a, int as, const int16_t *b, int bs, int64_t nb,
                int16_t *y, int64_t n);
/* y = table[x] of n elements; y's elements are `size` bytes. */
void vq_look_up(DType dt, const void *x, const void *table, size_t size,
                void *y, int64_t n);

/* ---- eval_store.c: stored integers and s32 ---- */

/* n stored codes from index `at` on, as s32. Not for f32; s64 only where the
 * values fit. */
void vq_widen(DType, const void *from, int64_t at, int64_t n, int32_t *to);
/* The other way; values must be in the type's range. */
void vq_narrow(DType, const int32_t *from, int64_t n, void *to, int64_t at);

#endif
