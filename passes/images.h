/*
 * images.h -- images with their channels last, between the files of `images`.
 *
 * A convolution is computed on [N x H x W x C], and its result turned back to
 * what the model has: the last axis to the second place, [N x C x H x W]. That
 * turn is `turned` here, of any rank from 3; it sinks through what follows,
 * until it meets the next convolution's turn the other way.
 */
#ifndef VQ_IMAGES_H
#define VQ_IMAGES_H

#include "passes/rule.h"

/* [N x .. x C] to [N x C x ..], and the other way. */
ValId vq_build_turned(const Build *, ValId);
ValId vq_build_channels_last(const Build *, ValId);
/* The op that turns v, or NULL. */
const Op *vq_find_turn(const Graph *, ValId v);

/* images.c: a convolution by constant weights. */
RuleFn vq_fold_conv;

/* turns.c: op(turned(x)) is turned(op(x)). */
RuleFn vq_turn_unary, vq_turn_binary, vq_turn_reduce, vq_turn_along,
    vq_turn_reshape;

#endif
