/* softmax.h -- one row of integer softmax, for i.softmax and i.attention. */
#ifndef VQ_CODEGEN_SOFTMAX_H
#define VQ_CODEGEN_SOFTMAX_H

#include "codegen/level.h"
#include "ir/quant.h"

/*
 * x: n scores, s16 or s8 as the form wants, readable to a multiple of 32. The
 * probabilities go to `high` as u16 or, when pbits is 8, as u8; with `low`
 * they are cut in two: high bytes to `high`, low bytes to `low`. With `flip`
 * they go to `high` as s16, less 2^15. table: u16 or s32 as the form wants.
 * exp: 2 * align(n, 32) bytes.
 */
typedef struct SoftmaxRow {
    SoftmaxForm form;
    int pbits;
    int64_t n;
    Val table, exp;
    Val x, high, low;
    bool flip;
} SoftmaxRow;

void vq_emit_softmax_row(Build *, const SoftmaxRow *);

#endif
