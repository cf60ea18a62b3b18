/*
 * turns.c -- the turn of a value with channels last sinks through what reads
 * it (images.h). Turns only sink, so this ends.
 */
#include "passes/images.h"

/* Whether other than by the order of its axes, an op of one number. */
static bool
is_unary(const Op *op)
{
    static const bool unary[NOP] = {
        [OP_NEG] = true,        [OP_ABS] = true,       [OP_SQRT] = true,
        [OP_LOG] = true,        [OP_EXP] = true,       [OP_ERF] = true,
        [OP_TANH] = true,       [OP_SIGMOID] = true,   [OP_RELU] = true,
        [OP_RECIPROCAL] = true, [OP_CLIP] = true,      [OP_GELU] = true,
        [OP_FUNCTION] = true,   [OP_FAKEQUANT] = true, [OP_LOOKUP] = true,
    };

    return unary[op->kind];
}

ValId
vq_turn_unary(Match *m, const Op *op)
{
    const Op *turn = is_unary(op) ? vq_find_turn(m->g, op->in[0]) : NULL;
    Build b = vq_build_at(m, op);
    ValId in[2] = {0};

    if (!turn)
        return 0;
    in[0] = vq_fetch(m, turn->in[0]);
    if (op->nin > 1)
        in[1] = vq_fetch(m, op->in[1]);
    return vq_build_turned(
        &b, vq_build(&b, op->kind, in, op->nin, op->attr, op->nattr, NULL));
}

/* ---- two operands ---- */

/* t with ones in front of its axes. */
static Type
with_rank(const Type *t, int rank)
{
    Type y = *t;

    y.rank = rank;
    for (int i = 0; i < rank; i++)
        y.dim[i] = i < rank - t->rank ? 1 : t->dim[i - (rank - t->rank)];
    return y;
}

/* Turning it moves nothing: it has one channel, or one pixel. */
static bool
turns_free(const Type *t)
{
    return t->dim[1] == 1 || vq_count(t) == t->dim[0] * t->dim[1];
}

/* What turned gives v, which broadcasts to `rank` axes; 0: it would have to be
 * moved for that. */
static ValId
with_channels_last(Match *m, const Build *b, ValId v, int rank)
{
    const Op *turn = vq_find_turn(m->g, v), *def = vq_def(m->g, v);
    Type t = with_rank(vq_type(m->g, v), rank), last = t;
    ValId x;

    if (turn && vq_type(m->g, v)->rank == rank)
        return vq_fetch(m, turn->in[0]);
    if (vq_type(m->g, v)->rank > rank)
        return 0;
    if (turns_free(&t)) {
        for (int i = 1; i < rank; i++)
            last.dim[i] = t.dim[i == rank - 1 ? 1 : i + 1];
        return vq_build_reshape(b, vq_fetch(m, v), last);
    }
    /* Moves of a move: likely to cancel, and no more of them than before. */
    if (!vq_is_const(m->g, v) &&
        !(def && (def->kind == OP_RESHAPE || def->kind == OP_TRANSPOSE)))
        return 0;
    x = vq_build_reshape(b, vq_fetch(m, v), t);
    return vq_build_channels_last(b, x);
}

ValId
vq_turn_binary(Match *m, const Op *op)
{
    const Type *t = vq_type(m->g, op->out);
    Build b = vq_build_at(m, op), other = b;
    ValId in[2];
    bool turned = false;

    for (int i = 0; i < 2; i++)
        turned = turned || (vq_find_turn(m->g, op->in[i]) &&
                            vq_same_shape(vq_type(m->g, op->in[i]), t));
    if (!turned)
        return 0;
    for (int i = 0; i < 2; i++) {
        other.name = m->g->val[op->in[i]].name;
        in[i] = with_channels_last(m, &other, op->in[i], t->rank);
        if (!in[i])
            return 0;
    }
    return vq_build_turned(&b, vq_build_op(&b, op->kind, in[0], in[1]));
}

/* ---- along axes ---- */

/* The axis before the turn. */
static int64_t
axis_before(int64_t axis, int rank)
{
    return axis == 0 ? 0 : axis == 1 ? rank - 1 : axis - 1;
}

ValId
vq_turn_reduce(Match *m, const Op *op)
{
    const Op *turn = vq_find_turn(m->g, op->in[0]);
    const Attr *axes = vq_attr(op, A_AXES);
    int rank = vq_type(m->g, op->out)->rank;
    Build b = vq_build_at(m, op);
    int64_t list[MAXRANK];
    uint32_t n = 0;
    ValId x;
    Attr a;

    if (!turn)
        return 0;
    for (int i = 0; i < rank; i++)
        for (uint32_t k = 0; k < axes->n; k++)
            if (axis_before(axes->i[k], rank) == i)
                list[n++] = i;
    a = vq_build_ints(b.g, A_AXES, list, n);
    x = vq_fetch(m, turn->in[0]);
    return vq_build_turned(&b, vq_build(&b, op->kind, &x, 1, &a, 1, NULL));
}

/* Its attributes with another axis. */
static void
move_axis(Graph *g, const Op *op, int rank, Attr *attr)
{
    for (uint32_t i = 0; i < op->nattr; i++) {
        attr[i] = op->attr[i];
        if (attr[i].key == A_AXIS)
            attr[i] = vq_build_int(g, A_AXIS, axis_before(attr[i].i[0], rank));
    }
}

/* concat of values that are all turned, slice, softmax. */
ValId
vq_turn_along(Match *m, const Op *op)
{
    const Type *t = vq_type(m->g, op->out);
    Build b = vq_build_at(m, op);
    ValId *in = NEWN(b.g->arena, ValId, op->nin);
    Attr attr[MAXATTR];
    Type want = *t;

    for (uint32_t i = 0; i < op->nin; i++) {
        const Op *turn = vq_find_turn(m->g, op->in[i]);

        if (!turn)
            return 0;
        in[i] = vq_fetch(m, turn->in[0]);
    }
    for (int i = 0; i < t->rank; i++)
        want.dim[axis_before(i, t->rank)] = t->dim[i];
    move_axis(b.g, op, t->rank, attr);
    return vq_build_turned(
        &b, vq_build(&b, op->kind, in, op->nin, attr, op->nattr, &want));
}

/* [N x C x H x W] with its pixels as one axis, or as two again. */
ValId
vq_turn_reshape(Match *m, const Op *op)
{
    const Op *turn = vq_find_turn(m->g, op->in[0]);
    const Type *t = vq_type(m->g, op->out), *x = vq_type(m->g, op->in[0]);
    Build b = vq_build_at(m, op);
    Type last = *t;

    if (!turn || t->rank < 3 || t->dim[0] != x->dim[0] ||
        t->dim[1] != x->dim[1])
        return 0;
    for (int i = 0; i < t->rank; i++)
        last.dim[axis_before(i, t->rank)] = t->dim[i];
    return vq_build_turned(
        &b, vq_build_reshape(&b, vq_fetch(m, turn->in[0]), last));
}
