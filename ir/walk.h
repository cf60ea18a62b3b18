/*
 * walk.h -- walking over broadcast, permuted or sliced arrays row by row.
 */
#ifndef VQ_WALK_H
#define VQ_WALK_H

#include "ir/ir.h"

enum { MAXWALK = 3 };

/*
 * A walk over n arrays at once. In each array, a step along axis i moves by
 * step[array][i] elements. Axes that all arrays cross evenly are merged; the
 * last axis is left to the caller as a row of `cols` elements with the steps
 * `by`. Use: init, then while (vq_walk_row(w)) { .. w->at[array] .. }.
 */
typedef struct Walk {
    int n, rank;
    int64_t dim[MAXRANK], index[MAXRANK];
    int64_t step[MAXWALK][MAXRANK];
    int64_t at[MAXWALK]; /* where each array's row begins */
    int64_t cols, by[MAXWALK];
    bool begun;
} Walk;

/* Steps of a dense array of type t. */
void vq_dense_steps(const Type *t, int64_t *step);
/* Steps of t broadcast to the shape of `to`, as numpy does it. */
void vq_broadcast_steps(const Type *t, const Type *to, int64_t *step);
/* Set step[0..n) first. */
void vq_walk_init(Walk *, const Type *shape, int n);
bool vq_walk_row(Walk *);

#endif
