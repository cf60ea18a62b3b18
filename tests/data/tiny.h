/*
 * tiny.h -- a float graph of a few ops for the tests of calibration:
 * y = relu(x w + b) and n = -y, x [batch x 2 x 3], w [3 x 4].
 */
#ifndef TINY_H
#define TINY_H

#include "ir/ir.h"

enum { TINY_IN = 6, TINY_OUT = 8 };

static inline Graph *
tiny_batch(Arena *a, int batch)
{
    static const float w[12] = {1, 0, 0, 1, 0, 1, 0, 1, 0, 0, 1, 1};
    static const float bias[4] = {0, -1, 2, 0};
    Graph *g = vq_graph_new(a, "tiny");
    ValId x = vq_input(g, "x", TYPE(DT_F32, batch, 2, 3));
    ValId in[3] = {x, vq_const(g, "w", TYPE(DT_F32, 3, 4), w),
                   vq_const(g, "b", TYPE(DT_F32, 4), bias)};
    Loc loc = {.node = "/fc"};
    ValId l, r;

    l = vq_emit(g, OP_LINEAR, "l", TYPE(DT_F32, batch, 2, 4), in, 3, loc)->out;
    r = vq_emit(g, OP_RELU, "y", TYPE(DT_F32, batch, 2, 4), &l, 1, NOLOC)->out;
    vq_output(
        g,
        vq_emit(g, OP_NEG, "n", TYPE(DT_F32, batch, 2, 4), &r, 1, NOLOC)->out);
    return g;
}

static inline Graph *
tiny_graph(Arena *a)
{
    return tiny_batch(a, 1);
}

#endif
