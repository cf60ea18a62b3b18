/*
 * heads.h -- an operand of attention as heads of a token-major value.
 */
#ifndef VQ_HEADS_H
#define VQ_HEADS_H

#include "passes/rule.h"
#include "passes/view.h"

/*
 * The operand [lead.. x tokens x depth] is a view of the rows of a base value:
 * lead digits and token digits that step over whole rows of the base are
 * batch and token, lead digits that step within a row are heads.
 */
typedef struct Heads {
    View view;    /* three axes: lead, tokens, depth; split at row ends */
    ValId fixed;  /* a constant operand, whose batches and heads are those of
                     the operand it meets: view has that one's lead digits */
    bool turned;
    int64_t cols; /* of a row of the base */
    int64_t batch, heads, tokens, depth;
} Heads;

/* `turned`: the operand is [lead.. x depth x tokens]. */
bool vq_heads_find(Heads *, const Graph *, ValId operand, bool turned);
/* The same for a constant operand that meets another one. */
void vq_heads_fix(Heads *, const Graph *, ValId operand, bool turned,
                  const Heads *other);
/* Cuts the lead digits of the first where the second one's are cut. */
void vq_heads_refine(Heads *, const Heads *);
/* Batch and heads alternate in the same way. */
bool vq_heads_agree(const Heads *, const Heads *);
/* Heads alternate faster than batches. */
bool vq_heads_inner(const Heads *);
/* Rows and columns can be had by moves, slices and choice of weights. */
bool vq_heads_fit(const Graph *, const Heads *);
/* The operand as [batch x tokens x heads * depth]; `part` names it. */
ValId vq_heads_build(const Match *, Build *, const Heads *, const char *part);
/* A value [batch x tokens x heads * depth] moved to [lead.. x tokens x depth],
 * of type `to`. */
ValId vq_heads_return(const Build *, const Heads *, ValId, Type to);

#endif
