/*
 * requant.h -- requantization of vectors of 16 sums, with prepared constants.
 */
#ifndef VQ_REQUANT_H
#define VQ_REQUANT_H

#include "codegen/module.h"
#include "ir/quant.h"

/*
 * How a requantization is computed. The fast ones need bounds that `plan`
 * proves: acc + rounding within 32 bits, products within 32 bits.
 */
typedef enum RequantWay {
    WAY_NARROW,   /* 16-bit lanes where two vectors are at hand, else 32 */
    WAY_WIDE,     /* 32-bit lanes */
    WAY_DYADIC,   /* 64-bit products, even lanes and odd ones apart */
    WAY_NARROW64, /* the definition, in 64-bit lanes */
    WAY_WIDE64,
    WAY_DYADIC64,
    NREQUANTWAY
} RequantWay;

/* What is prepared: `entries` lanes, a multiple of 16. Zero points are among
 * the constants, so that layers that differ in nothing else share code; but
 * WAY_WIDE adds none where it is 0. */
typedef struct RequantPlan {
    RequantWay way;
    DType dt;
    bool centred; /* the zero point is 0 */
    int64_t entries;
} RequantPlan;

/* Channels of a requantization, in the order of the lanes. */
typedef struct RequantIn {
    RequantForm form;
    const int32_t *mul, *shift, *bias; /* by channel; bias may be NULL */
    const int64_t *bound;   /* by lane: most |acc|, bias included; NULL: none */
    const int32_t *channel; /* by lane; -1: padding */
    int64_t entries;
    DType dt;
    int32_t zero;
    struct Remarks *remarks; /* told of a slow way; NULL: nobody is */
} RequantIn;

/* Puts the constants into the module; returns their offset. The first array
 * is s32[entries]: bias, with the rounding where the way folds it in. */
int64_t vq_requant_plan(Module *, const RequantIn *, RequantPlan *);
const char *vq_requant_key(Module *, const RequantPlan *);

/* acc holds 16 sums to which the first array was added; `lane` is the index
 * (i64) of the first one. Gives codes of dt in 32-bit lanes. */
Val vq_requant_vector(Build *, const RequantPlan *, Val consts, Val acc,
                      Val lane);
/* The bias array's 16 numbers from `lane` on. */
Val vq_requant_bias(Build *, Val consts, Val lane);
/* WAY_NARROW with an 8-bit result: four vectors to 64 bytes, dword 4 * i + r
 * holding columns 4 * i .. 4 * i + 3 of vector r. */
Val vq_requant_quad(Build *, const RequantPlan *, Val consts, const Val acc[4],
                    Val lane);
/* WAY_NARROW with an 8-bit result: lanes lane .. lane + 63 to bytes in the same
 * order of dwords. */
Val vq_requant_four(Build *, const RequantPlan *, Val consts, const Val acc[4],
                    Val lane);

#endif
