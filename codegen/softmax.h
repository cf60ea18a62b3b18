/* softmax.h -- rows of integer softmax, for i.softmax and i.attention. */
#ifndef VQ_CODEGEN_SOFTMAX_H
#define VQ_CODEGEN_SOFTMAX_H

#include "codegen/level.h"
#include "ir/quant.h"

/*
 * x: rows of n scores, s16 or s8 as the form wants, readable to a multiple of
 * 32. The probabilities go to `high` as u16 or, when pbits is 8, as u8; with
 * `low` they are cut in two: high bytes to `high`, low bytes to `low`. With
 * `flip` they go to `high` as s16, less 2^15. table: u16 or s32 as the form
 * wants. exp has rows of align(n, 32) exponentials, u16 or s32; those of u16
 * may take the place of the scores. Distances are from row to row, in bytes.
 */
typedef struct Softmax {
    SoftmaxForm form;
    int pbits;
    int64_t rows, n;
    Val table, powers;
    Val x, exp, sum; /* sum: s32[rows] */
    Val high, low;
    int64_t ldx, lde, ldp;
    bool flip;
    bool padded; /* results may be written to a multiple of 32 */
} Softmax;

/* Makes `powers`, u16[VQ_POWERS], where the level reads them: what rows have
 * in common, so once before all of them. */
void vq_emit_powers(Build *, SoftmaxForm, Val table, Val powers);
void vq_emit_softmax(Build *, const Softmax *);

#endif
