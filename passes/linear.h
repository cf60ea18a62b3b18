/* linear.h -- what the passes that make linear layers share. */
#ifndef VQ_LINEAR_H
#define VQ_LINEAR_H

#include "passes/rule.h"

/* bias may be 0. */
ValId vq_build_linear(const Build *, ValId x, ValId w, ValId bias);
/* fuse_patches.c: a convolution whose windows do not overlap. */
RuleFn vq_fuse_patches;
/* fuse_channels.c: what follows a convolution, channel by channel. */
RuleFn vq_fuse_channels;

#endif
