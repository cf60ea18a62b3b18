/*
 * lower.h -- between the files of integerize: one function per real op.
 */
#ifndef VQ_LOWER_H
#define VQ_LOWER_H

#include "passes/pass.h"
#include "passes/tables.h"

#include "ir/quant.h"

/* A Rewrite's user in this pass is the PassContext. Inputs are the new ids. */
typedef bool LowerFn(Rewrite *, const Op *);

LowerFn vq_lower_linear, vq_lower_add, vq_lower_mul, vq_lower_scale,
    vq_lower_mean, vq_lower_convert, vq_lower_table, vq_lower_softmax,
    vq_lower_attention, vq_lower_norm, vq_lower_neg, vq_lower_sub,
    vq_lower_matmul;
/* A function of 16-bit values: x times a gain (gate.h). */
LowerFn vq_lower_gate;
/* An op that is kept in float: its operands and its value are f32. */
LowerFn vq_lower_float;

static inline const PassContext *
vq_context(const Rewrite *r)
{
    return r->user;
}

/* The type op's value has in the quantized graph, scales carried over. */
Type vq_lowered_type(Rewrite *, const Op *);

/* Names derived from op's value: "blocks.0.fc1" + ".acc". */
const char *vq_subname(Rewrite *, const Op *, const char *suffix);

/* A constant s32[n]. */
ValId vq_const_s32(Rewrite *, const char *name, const int32_t *, int64_t n);

/* i.requant of acc by the real multipliers m[0..n) to `t`, named after op's
 * value. n is 1 or the last axis. */
ValId vq_requantize(Rewrite *, const Op *, const char *suffix, ValId acc,
                    const double *m, int64_t n, Type t);
/* The same, as op's value. */
void vq_emit_requant(Rewrite *, const Op *, ValId acc, const double *m,
                     int64_t n, Type t);

/* The product of two values of the shape and per-tensor scales that i.mul
 * takes, as op's value of type t. */
void vq_emit_product(Rewrite *, const Op *, const ValId in[2], Type t);

/* The (mul, shift) constants for multipliers m in the given form. */
void vq_requant_consts(Rewrite *, const Op *, const char *what, RequantForm,
                       const double *m, int64_t n, ValId out[2]);

/* The form for results of type dt: narrowest, or dyadic when asked for. */
RequantForm vq_choose_requant(const PassContext *, const double *m, int64_t n,
                              DType dt);

/* ---- choose.c ---- */

/*
 * Which form fills op's table. In NL_AUTO the forms are measured: `fill`
 * writes the table in a form, `noise` says how far the op's output on the
 * first calibration image then is from the float op's (SQNR in dB; NAN when
 * there is no image). SHIFT is taken when it loses less than 0.1 dB. The
 * choice is noted in the calibration and in the report, and the table left
 * filled with it.
 */
typedef struct FormChoice {
    const Op *op;
    void *user;
    void (*fill)(void *user, TableForm);
    double (*sqnr)(void *user);
} FormChoice;

void vq_choose_form(Rewrite *, const FormChoice *);

#endif
