/* attention.h -- what the files of i.attention share. */
#ifndef VQ_ATTENTION_H
#define VQ_ATTENTION_H

#include "codegen/epilogue.h"
#include "codegen/softmax.h"

typedef struct Attention {
    int64_t batches, heads, nq, nk, d;
    int64_t wide;      /* heads * d: bytes of a row of q and k */
    int64_t dv, vwide; /* the same of v and of the result */
    int64_t block;     /* query rows at a time */
    SoftmaxForm form;
    int pbits;
    RequantPlan qk, pv;
    int64_t pv_lanes; /* of a head */
    DType dt;
    Val q, k, v, out;               /* of the head at hand */
    Val qk_consts, pv_consts, edge; /* edge: s32 -zero 16 times, then ones */
    int64_t maps; /* of what is added to scores; 0: nothing is */
    Val added;    /* s16[nq x nk], that of the head at hand */
    Val table, head;
    /* Scratch (layout.h). */
    Val kpack, vpack, comp, scores, powers, sum, exp, high, low, bias, widened;
    bool flip; /* probabilities are s16, less 2^15 */
} Attention;

/* attention_pack.c: a constant, s32 -zero 16 times and then as many ones as a
 * row of A is deep: their product with B has the sums of B's columns. */
int64_t vq_plan_edge(Module *, int32_t zero, int64_t depth);
/* That product, of B as `packed` panels of n columns: `store` gets the sums. */
void vq_emit_edge(Build *, Val edge, Val packed, int64_t n, int64_t depth,
                  Val scratch, StoreTile *store, void *user);
/* K^T and V of the head at hand into the scratch. */
void vq_pack_keys(Build *, const Attention *);
void vq_pack_values(Build *, const Attention *);

#endif
