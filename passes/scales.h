/*
 * scales.h -- one scale for every value of the residual stream.
 */
#ifndef VQ_SCALES_H
#define VQ_SCALES_H

#include "passes/calib.h"
#include "passes/storage.h"

/*
 * The s16 values of a float graph fall into classes: a move (concat, slice,
 * reshape) keeps its input's scale, so both are one class, and so are a sum
 * and the linear layer that feeds only this sum. Class c has the scale
 * base * 2^exp[c]; along the residual stream exponents never fall, so an
 * operand of i.add is brought to the sum's scale by a rounding right shift.
 */
typedef struct ResidualScales {
    uint32_t *parent; /* union-find over values */
    int *exp;         /* by root */
    float base;
} ResidualScales;

/* storage[v]: what each value of g is stored as. */
ResidualScales *vq_residual_scales(const Graph *g, const PassContext *,
                                   const Storage *storage, Arena *);
int vq_residual_exp(const ResidualScales *, ValId);
float vq_residual_scale(const ResidualScales *, ValId);

#endif
