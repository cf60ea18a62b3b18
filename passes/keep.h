/*
 * keep.h -- which ops are kept in float, and why.
 *
 * An op has an integer form or not; one without may have a float form, which
 * is exact too (ir/IR.md, float ops) but not integer.
 */
#ifndef VQ_KEEP_H
#define VQ_KEEP_H

#include "passes/pass.h"

/* Why an op of a fused graph has no integer form where it stands, as a clause
 * ("it is ..."); NULL: it has one. */
const char *vq_no_integer_form(const Graph *, const Op *);
/* lower_float.c: it can be kept in float. */
bool vq_has_float_form(const Op *);

/* Reports a layernorm whose gamma or beta is computed: no form has that. */
bool vq_check_norm(const Graph *, Diag *, const Op *);
/* Reports an op that has neither form, or none where it must be integer. */
bool vq_check_form(const Graph *, Diag *, const Op *, bool require_integer);

/*
 * By op of the graph: why it is kept in float; NULL: it is not. Those are
 *  - ops that have no integer form,
 *  - a function whose operand in bytes would be too coarse, and that is no
 *    gate (below),
 *  - ops element by element, reductions, softmax and layernorm, between ops
 *    that are kept: all that they read is made by such, all that they make is
 *    read by such.
 * The last two only where an integer form is not required. NULL after an error
 * for every op that cannot be kept, or may not be.
 */
const char **vq_find_kept(const Graph *, const PassContext *);

/*
 * A function that is computed as x times a gain (gate.h): on the first
 * calibration image its table over bytes of x is less than 25 dB above the
 * error that rounding x makes, the product is more. Noted in the calibration.
 * Only with --nonlinear=auto, and not in a model that is quantized already.
 */
bool vq_is_gated(const Graph *, const PassContext *, const Op *);

#endif
