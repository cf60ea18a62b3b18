/* norm_consts.h -- how the constants of an i.layernorm lie in memory. */
#ifndef VQ_NORM_CONSTS_H
#define VQ_NORM_CONSTS_H

#include "ir/ir.h"

/*
 * For each head its g and then its b, s32; eps, s64, behind all of them.
 *
 * run 1: those of even columns, then those of odd ones, padded, each in the
 * order that sums of pairs have (vq_norm_column). Otherwise one for each run of
 * that many columns, all of which have the same.
 */
typedef struct NormConsts {
    int64_t n, heads; /* columns of a head */
    int64_t run;
    int64_t lanes; /* g's of a head: n, padded, or the runs */
    int64_t size;  /* bytes of all */
} NormConsts;

enum { VQ_MANYCOLS = 1 << 12 }; /* columns whose constants may be in runs */

/* The column that lane i of a step's even or odd half has among eight:
 * 0 4 2 6, 1 5 3 7. */
int64_t vq_norm_column(int64_t i, int odd);

/* From g and b of all heads; of `to`, n and heads are given. */
const int32_t *vq_norm_consts(Arena *, NormConsts *to, const int32_t *g,
                              const int32_t *b, int64_t eps);

#endif
