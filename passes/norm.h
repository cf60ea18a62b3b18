/* norm.h -- what the rules that find layernorms share. */
#ifndef VQ_NORM_H
#define VQ_NORM_H

#include "passes/rule.h"

/* mean over the last axis: its operand, or 0. */
ValId vq_norm_mean(const Graph *, ValId);
/* The x of x - mean(x), or 0. */
ValId vq_norm_centred(const Graph *, ValId);
/* The d of sqrt(mean(d * d) + eps), or 0. */
ValId vq_norm_deviation(const Graph *, ValId, double *eps);
/* `like`: heads and whether a mean is taken are those of this layernorm, which
 * may be NULL. */
ValId vq_norm_build(const Build *, ValId x, ValId gamma, ValId beta,
                    const Op *like, double eps);
/* fuse_group.c: a layernorm's gamma or beta behind a reshape. */
RuleFn vq_fuse_group;
/* fuse_spread.c: x * s + (beta - mean(x) * s) with s = gamma / deviation. */
RuleFn vq_fuse_spread;

#endif
