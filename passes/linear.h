/* linear.h -- what the passes that make linear layers share. */
#ifndef VQ_LINEAR_H
#define VQ_LINEAR_H

#include "passes/rule.h"

/* bias may be 0. */
ValId vq_build_linear(const Build *, ValId x, ValId w, ValId bias);
/* old * k or old + k, as op is OP_MUL or OP_ADD, for n outputs; an absent old
 * (0) counts as 0, and 0 comes back when it stays so. k has n numbers, c is
 * the constant that they are from. */
ValId vq_update_bias(const Match *, const Op *op, ValId old, ValId c,
                     const float *k, int64_t n);
/* fuse_patches.c: a convolution whose windows do not overlap. */
RuleFn vq_fuse_patches;
/* fuse_channels.c: what follows a convolution, channel by channel. */
RuleFn vq_fuse_channels;

#endif
