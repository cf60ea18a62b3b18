/*
 * infer.h -- what the files of shape inference share.
 *
 * One function for each op, in the table of infer.c. It reads its operands
 * and attributes through the helpers here, which report what is missing or
 * out of range, and writes the type to c->out.
 */
#ifndef VQ_INFER_H
#define VQ_INFER_H

#include "ir/ir.h"

typedef struct Infer {
    const Graph *g;
    Diag *diag;
    const Op *op;
    const Type *want; /* may be NULL */
    Type *out;
} Infer;

typedef bool InferFn(const Infer *);

/* Reports at the op, its name in front; returns false. */
bool vq_infer_error(const Infer *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* The type of input i; NULL when it is absent. */
const Type *vq_infer_in(const Infer *, uint32_t i);
/* Input i as text, for messages: `%x: f32[2x3]`. */
const char *vq_infer_text(const Infer *, uint32_t i);
/* A whole-number attribute that must be there and within lo..hi. */
bool vq_infer_int(const Infer *, AttrKey, int64_t lo, int64_t hi,
                  int64_t *value);
/* The same for an axis of input 0. */
bool vq_infer_axis(const Infer *, int *axis);
/* A list of n numbers within lo..hi. */
bool vq_infer_list(const Infer *, AttrKey, uint32_t n, int64_t lo, int64_t hi,
                   const int64_t **list);
/* All inputs stand for real numbers: f32 or quantized. */
bool vq_infer_real(const Infer *);
/* Input i has rank 1 and n elements, or is absent. */
bool vq_infer_vector(const Infer *, uint32_t i, int64_t n);
/* The shape of t, stored as the caller wants it; fails if he did not say. */
bool vq_infer_wanted(const Infer *, const Type *t);
/* numpy's broadcasting of one shape against another. */
bool vq_broadcast(const Type *a, const Type *b, Type *out);

InferFn vq_infer_reshape, vq_infer_transpose, vq_infer_concat, vq_infer_slice,
    vq_infer_expand;
InferFn vq_infer_pad, vq_infer_unfold, vq_infer_maxpool, vq_infer_depthwise,
    vq_infer_idepthwise, vq_infer_kdepthwise;
InferFn vq_infer_unary, vq_infer_function, vq_infer_scale, vq_infer_lookup,
    vq_infer_binary, vq_infer_reduce, vq_infer_softmax, vq_infer_matmul,
    vq_infer_conv, vq_infer_linear, vq_infer_layernorm, vq_infer_attention;
InferFn vq_infer_like, vq_infer_dequantize, vq_infer_imatmul, vq_infer_iadd,
    vq_infer_imul, vq_infer_lut, vq_infer_isum, vq_infer_isoftmax,
    vq_infer_shiftgelu, vq_infer_inorm, vq_infer_iproduct, vq_infer_iattention,
    vq_infer_klinear, vq_infer_freduce, vq_infer_fmatmul;

#endif
