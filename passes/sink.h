/*
 * sink.h -- rules that take moves down through layers that work row by row.
 *
 * A reshape or transpose that leaves the last axis alone is moved from before
 * a layer to behind it, where it meets the move that undoes it. So a linear on
 * flattened rows, or a whole model that keeps tokens before batch, becomes one
 * on the tokens as they were. Moves only sink, so this ends.
 */
#ifndef VQ_SINK_H
#define VQ_SINK_H

#include "passes/rule.h"

RuleFn vq_sink_layer; /* f(move(x), weights) */
RuleFn vq_sink_sum;   /* move(x) + move(y), both the same */

#define SINK_RULES                                                             \
    {OP_LINEAR, vq_sink_layer}, {OP_LAYERNORM, vq_sink_layer},                 \
        {OP_GELU, vq_sink_layer}, {OP_LOOKUP, vq_sink_layer},                  \
    {                                                                          \
        OP_ADD, vq_sink_sum                                                    \
    }

#endif
