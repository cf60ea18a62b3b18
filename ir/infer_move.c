/*
 * infer_move.c -- the types of moves: the input's dtype in another shape.
 *
 * Per-channel quantization goes along when the move keeps that axis whole.
 */
#include "ir/infer.h"
#include "ir/text.h"

static bool
lost_axis(const Infer *c)
{
    return vq_infer_error(c, "the per-channel axis of %s does not survive",
                          vq_infer_text(c, 0));
}

static bool
need_want(const Infer *c)
{
    if (!c->want)
        return vq_infer_error(c, "the shape of the result must be given");
    *c->out = vq_type_of(vq_infer_in(c, 0)->dt, c->want->rank, c->want->dim);
    c->out->q = vq_infer_in(c, 0)->q;
    if (vq_type_fits(c->out))
        return true;
    return vq_infer_error(c, "cannot make %s",
                          vq_type_text(c->g->arena, c->g, c->out));
}

/* The axis of `to` that enumerates what `axis` of `from` does, or -1. */
static int
follow_axis(const Type *from, int axis, const Type *to)
{
    int64_t before = 1, seen = 1;

    for (int i = 0; i < axis; i++)
        before *= from->dim[i];
    for (int i = 0; i < to->rank && seen <= before; i++) {
        if (seen == before && to->dim[i] == from->dim[axis])
            return i;
        seen *= to->dim[i];
    }
    return -1;
}

bool
vq_infer_reshape(const Infer *c)
{
    const Type *x = vq_infer_in(c, 0);

    if (!need_want(c))
        return false;
    if (vq_count(x) != vq_count(c->out))
        return vq_infer_error(c, "cannot make %s from the %lld elements of %s",
                              vq_type_text(c->g->arena, c->g, c->out),
                              (long long)vq_count(x), vq_infer_text(c, 0));
    if (!x->q.scales)
        return true;
    c->out->q.axis = follow_axis(x, x->q.axis, c->out);
    return c->out->q.axis >= 0 || lost_axis(c);
}

bool
vq_infer_transpose(const Infer *c)
{
    const Type *x = vq_infer_in(c, 0);
    const int64_t *perm;
    unsigned seen = 0;

    if (!vq_infer_list(c, A_PERM, (uint32_t)x->rank, 0, x->rank - 1, &perm))
        return false;
    *c->out = *x;
    for (int i = 0; i < x->rank; i++) {
        if (seen & 1u << perm[i])
            return vq_infer_error(c, "perm names axis %d twice", (int)perm[i]);
        seen |= 1u << perm[i];
        c->out->dim[i] = x->dim[perm[i]];
        if (x->q.scales && x->q.axis == perm[i])
            c->out->q.axis = i;
    }
    return true;
}

bool
vq_infer_concat(const Infer *c)
{
    const Type *x = vq_infer_in(c, 0);
    int axis;

    if (!vq_infer_axis(c, &axis))
        return false;
    if (x->q.scales && x->q.axis == axis && c->op->nin > 1)
        return lost_axis(c);
    *c->out = *x;
    for (uint32_t i = 1; i < c->op->nin; i++) {
        const Type *y = vq_infer_in(c, i);
        Type like = y ? *y : *x;

        if (!y)
            return vq_infer_error(c, "input %u is missing", i);
        if (like.rank == x->rank)
            like.dim[axis] = x->dim[axis];
        if (!vq_same_type(&like, x))
            return vq_infer_error(c, "%s does not go with %s along axis %d",
                                  vq_infer_text(c, i), vq_infer_text(c, 0),
                                  axis);
        c->out->dim[axis] += y->dim[axis];
    }
    return true;
}

/* Start, step and count address elements of an axis of length n. */
static bool
check_range(const Infer *c, int64_t start, int64_t step, int64_t count,
            int64_t n)
{
    int64_t last;

    if (count >= 1 && !__builtin_mul_overflow(step, count - 1, &last) &&
        !__builtin_add_overflow(last, start, &last) && last >= 0 && last < n)
        return true;
    return vq_infer_error(c,
                          "%lld elements from %lld by %lld leave axis of "
                          "length %lld",
                          (long long)count, (long long)start, (long long)step,
                          (long long)n);
}

bool
vq_infer_slice(const Infer *c)
{
    const Type *x = vq_infer_in(c, 0);
    int64_t start, step = vq_get_i(c->op, A_STEP, 1);
    int axis;

    if (!vq_infer_axis(c, &axis) ||
        !vq_infer_int(c, A_START, 0, x->dim[axis] - 1, &start))
        return false;
    if (!c->want || c->want->rank <= axis)
        return vq_infer_error(c, "the size along axis %d must be given", axis);
    if (!check_range(c, start, step, c->want->dim[axis], x->dim[axis]))
        return false;
    *c->out = *x;
    c->out->dim[axis] = c->want->dim[axis];
    if (x->q.scales && x->q.axis == axis &&
        (step != 1 || c->out->dim[axis] != x->dim[axis]))
        return lost_axis(c);
    return true;
}

bool
vq_infer_expand(const Infer *c)
{
    const Type *x = vq_infer_in(c, 0);
    Type both;

    if (!need_want(c))
        return false;
    if (!vq_broadcast(x, c->out, &both) || !vq_same_shape(&both, c->out))
        return vq_infer_error(c, "%s does not broadcast to %s",
                              vq_infer_text(c, 0),
                              vq_type_text(c->g->arena, c->g, c->out));
    if (!x->q.scales)
        return true;
    c->out->q.axis = x->q.axis + c->out->rank - x->rank;
    return c->out->dim[c->out->q.axis] == x->dim[x->q.axis] || lost_axis(c);
}
