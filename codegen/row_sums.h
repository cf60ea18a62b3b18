/* row_sums.h -- sums over a row of s16, for the two layernorms. */
#ifndef VQ_ROW_SUMS_H
#define VQ_ROW_SUMS_H

#include "codegen/level.h"

/* Columns of s16 that one register holds. */
unsigned vq_row_step(const Build *);
/* Columns i .. i + count - 1 of the row, then zeros: a register. */
Val vq_row_load(Build *, Val row, Val i, unsigned count);
/* The sum of n numbers and that of their squares, i64. */
void vq_row_sums(Build *, Val row, int64_t n, Val *sum, Val *squares);

#endif
