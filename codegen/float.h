/*
 * float.h -- what the kernels of float ops share.
 *
 * They emit the operations that ir/IR.md states, in its order, without
 * fast-math flags: LLVM then contracts and reorders nothing.
 */
#ifndef VQ_FLOAT_H
#define VQ_FLOAT_H

#include "codegen/module.h"

#include "ir/walk.h"

enum { FLOAT_LANES = 16 };

/* x, or the one NaN. */
Val p_one_nan(Build *, Val x);
Val p_float(Build *, float, unsigned lanes);
/* Where array k of a walk is at row number `row`, counted as vq_walk_row goes:
 * i64, in elements. */
Val p_walk_at(Build *, const Walk *, int k, Val row);
/* Rows of a walk. */
int64_t vq_walk_rows(const Walk *);

#endif
