/*
 * wishes.h -- what the readers of each value want, and what it is stored as.
 */
#ifndef VQ_WISHES_H
#define VQ_WISHES_H

#include "passes/given.h"
#include "passes/storage.h"

/* By value, but for what says by op. */
typedef struct Wishes {
    const PassContext *cx;
    const Given *given; /* grids that the model has */
    const char **why;   /* by op: not NULL where it is kept in float */
    const bool *gated;  /* by op: a function with 16 bits of x */
    unsigned *wanted;   /* set of ST_BIT */
    Storage *storage;   /* the choice */
    const Op **curve;   /* the function that alone reads its bytes, or NULL */
    int64_t *heads;     /* of the attention that reads it */
    bool *real;         /* read in float, perhaps after moves */
    bool *moved;        /* read in float after moves */
} Wishes;

/* Of a fused graph whose grids are settled; false after reporting ops that
 * cannot be compiled. */
bool vq_find_wishes(Graph *, const PassContext *, Wishes *);
/* Storage for the choice of residual scales: f32 that 16-bit readers convert
 * counts as they have it. */
const Storage *vq_residual_storage(const Graph *, const Wishes *);
/* It is stored on a grid of the model's. */
bool vq_is_given(const Wishes *, ValId);
bool vq_is_kept(const Wishes *, const Graph *, const Op *);
/* What an op that is not kept wants of input i. */
Storage vq_wanted(const Wishes *, const Graph *, const Op *, uint32_t i);

#endif
