/*
 * flat.h -- where a function changes, and where it is flat.
 *
 * Codes saturate, so an operand's range may leave out ends over which the
 * function stays what it is at the end: GELU of -4 is GELU of -12. What is
 * left has finer steps, for nothing.
 */
#ifndef VQ_FLAT_H
#define VQ_FLAT_H

#include "ir/ir.h"
#include "passes/calib.h"

typedef struct Curve {
    double (*at)(const void *user, double x);
    const void *user;
} Curve;

/* The range without ends, up to 0, where the curve is within tol of its value
 * at the end. */
Range vq_without_flat(const Curve *, Range, double tol);

/* Of the range of its operand, what a function of one value (tables.h) needs;
 * 0 stays in it. Flat is what changes by less than a quarter of a step of the
 * output in bytes. */
Range vq_operand_range(const Graph *, const Op *, Range);

#endif
