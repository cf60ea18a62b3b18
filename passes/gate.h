/*
 * gate.h -- functions that are x times a gain: f(x) = x * g(x).
 *
 * SiLU, hard swish and their kin, and GELU: g rises from one constant to
 * another within a few units of 0. A table of f over bytes of x has steps that
 * grow with x's range, outliers and all; one of g needs to cover no more than
 * where g changes, and x itself keeps 16 bits.
 */
#ifndef VQ_GATE_H
#define VQ_GATE_H

#include "ir/quant.h"
#include "passes/calib.h"

typedef struct Gate {
    Quant x;            /* of the operand's bytes, u8; saturates */
    Quant gain;         /* of the table, u8 */
    uint8_t table[256]; /* by the operand's byte */
} Gate;

/* Of a function of one operand, over its calibrated range; false where it is
 * no such product (f(0) is not 0, or g is not finite). */
bool vq_gate_of(const Graph *, const Op *, const CalibEntry *, Gate *);
/* x * g(x) of the 16-bit x. */
double vq_gate_at(const Gate *, double x);

#endif
