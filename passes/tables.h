/*
 * tables.h -- functions as tables: every form of every nonlinear function.
 */
#ifndef VQ_TABLES_H
#define VQ_TABLES_H

#include "ir/ir.h"

typedef enum TableForm { TF_EXACT, TF_SHIFT, NTABLEFORM } TableForm;
extern const char *const vq_table_form_text[NTABLEFORM];

/* E(f) ~ 65535 * 2^(-f/64) for f in 0..63: the exponentials of base-2 softmax
 * (quant.h, SM_BASE2). Both forms have E(0) = 65535. */
void vq_exp2_table(TableForm, uint16_t table[64]);

/*
 * A function of one 8-bit value: out[i] for stored code `lowest of x's dtype
 * + i`, rounded to y's type. x and y are per tensor. `out` has 256 elements
 * of y's dtype. op is a one-input real op, or lookup, of g; only gelu has a
 * shift form, other functions are always exact.
 */
void vq_byte_table(TableForm, const Graph *, const Op *op, const Type *x,
                   const Type *y, void *out);
/* It is such an op, and its table has no grid of its own as lookup's has. */
bool vq_is_function(OpKind);
/* The value of op's function in the given form, before it is rounded. */
double vq_byte_function(TableForm, const Graph *, const Op *op, double x);

#endif
