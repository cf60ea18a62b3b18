/*
 * sink.c -- the rules of sink.h.
 */
#include "passes/sink.h"

#include <string.h>

/* The move that makes v, if it leaves the last axis alone. */
static const Op *
row_move(const Graph *g, ValId v)
{
    const Op *op = vq_def(g, v);
    int last = vq_type(g, v)->rank - 1;
    const Type *from;

    if (!op || (op->kind != OP_RESHAPE && op->kind != OP_TRANSPOSE))
        return NULL;
    from = vq_type(g, op->in[0]);
    if (from->rank < 1 || last < 0 || vq_cols(from) != vq_cols(vq_type(g, v)))
        return NULL;
    if (op->kind == OP_TRANSPOSE && vq_attr(op, A_PERM)->i[last] != last)
        return NULL;
    return op;
}

/* The same move again, of a value that may have another last axis. */
static ValId
repeat_move(const Build *b, const Op *move, ValId x, const Type *to)
{
    if (move->kind == OP_RESHAPE)
        return vq_build_reshape(b, x, *to);
    return vq_build_transpose(b, x, vq_attr(move, A_PERM)->i);
}

ValId
vq_sink_layer(Match *m, const Op *op)
{
    const Op *move = row_move(m->g, op->in[0]);
    Build b = vq_build_at(m, op);
    ValId in[3] = {0}, y;

    if (!move)
        return 0;
    in[0] = vq_fetch(m, move->in[0]);
    for (uint32_t i = 1; i < op->nin; i++)
        in[i] = vq_fetch(m, op->in[i]);
    y = vq_build(&b, op->kind, in, op->nin, op->attr, op->nattr, NULL);
    return repeat_move(&b, move, y, vq_type(m->g, op->out));
}

static bool
same_move(const Graph *g, const Op *a, const Op *b)
{
    if (a->kind != b->kind ||
        !vq_same_shape(vq_type(g, a->in[0]), vq_type(g, b->in[0])) ||
        !vq_same_shape(vq_type(g, a->out), vq_type(g, b->out)))
        return false;
    return a->kind == OP_RESHAPE ||
           memcmp(vq_attr(a, A_PERM)->i, vq_attr(b, A_PERM)->i,
                  vq_attr(a, A_PERM)->n * sizeof(int64_t)) == 0;
}

ValId
vq_sink_sum(Match *m, const Op *op)
{
    const Op *x = row_move(m->g, op->in[0]), *y = row_move(m->g, op->in[1]);
    Build b = vq_build_at(m, op);
    ValId sum;

    if (!x || !y || !same_move(m->g, x, y))
        return 0;
    sum =
        vq_build_op(&b, op->kind, vq_fetch(m, x->in[0]), vq_fetch(m, y->in[0]));
    return repeat_move(&b, x, sum, vq_type(m->g, op->out));
}
