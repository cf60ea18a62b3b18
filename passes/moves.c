/*
 * moves.c -- rules that take moves away. Each leaves fewer or cheaper moves.
 */
#include "passes/moves.h"

#include "passes/view.h"

#include <string.h>

enum { MAXCHAIN = 16 };

static int
move_cost(const Op *op)
{
    return op->kind == OP_TRANSPOSE ? 2 : 1;
}

/* The view of v from the value n moves above it. */
static bool
chain_view(const Match *m, const Op *const *chain, int n, View *view)
{
    vq_view_whole(view, m->g, chain[n - 1]->in[0]);
    for (int i = n - 1; i >= 0; i--)
        if (!vq_view_move(view, m->g, chain[i]))
            return false;
    return true;
}

/*
 * Looks for the ancestor from which the fewest moves lead here. It pays when
 * they cost less than the moves that then have no use, or no more than the
 * last of them while starting further up.
 */
ValId
vq_move_chain(Match *m, const Op *op)
{
    const Type *to = vq_type(m->g, op->out);
    const Op *chain[MAXCHAIN];
    int n = 0, spare = 0, best = 0, least = 0;
    bool alone = true;
    Build b = vq_build_at(m, op);
    View v;

    while (n < MAXCHAIN && op &&
           (op->kind == OP_RESHAPE || op->kind == OP_TRANSPOSE)) {
        int cost;

        chain[n++] = op;
        spare += alone ? move_cost(op) : 0;
        if (!chain_view(m, chain, n, &v))
            break;
        cost =
            vq_digits_cost(vq_type(m->g, v.base), v.digit, v.first[v.rank], to);
        if (cost >= 0 && (!best || cost <= least) &&
            (cost < spare || (n > 1 && cost <= move_cost(chain[0])))) {
            least = cost;
            best = n;
        }
        alone = alone && vq_only_use(m, op->in[0]);
        op = vq_def(m->g, op->in[0]);
    }
    if (!best || !chain_view(m, chain, best, &v))
        return 0;
    return vq_digits_build(&b, vq_fetch(m, v.base), v.digit, v.first[v.rank],
                           *to);
}

ValId
vq_move_turns(Match *m, const Op *op)
{
    const Op *inner = vq_def_as(m->g, op->in[0], OP_TRANSPOSE);
    const int64_t *outer = vq_attr(op, A_PERM)->i;
    Build b = vq_build_at(m, op);
    int64_t perm[MAXRANK];

    if (!inner)
        return 0;
    for (int i = 0; i < vq_type(m->g, op->out)->rank; i++)
        perm[i] = vq_attr(inner, A_PERM)->i[outer[i]];
    return vq_build_transpose(&b, vq_fetch(m, inner->in[0]), perm);
}

/* The part of a concat that holds indices lo..hi along its axis, or 0; lo
 * becomes the index within it. */
static ValId
find_part(const Graph *g, const Op *concat, int axis, int64_t *lo, int64_t hi)
{
    int64_t at = 0;

    for (uint32_t i = 0; i < concat->nin; i++) {
        int64_t n = vq_type(g, concat->in[i])->dim[axis];

        if (*lo >= at && hi < at + n) {
            *lo -= at;
            return concat->in[i];
        }
        at += n;
    }
    return 0;
}

ValId
vq_move_slice(Match *m, const Op *op)
{
    int axis = (int)vq_get_i(op, A_AXIS, 0);
    int64_t start = vq_get_i(op, A_START, 0), step = vq_get_i(op, A_STEP, 1);
    int64_t n = vq_type(m->g, op->out)->dim[axis];
    const Op *in = vq_def(m->g, op->in[0]);
    Build b = vq_build_at(m, op);
    ValId x = 0;

    if (start == 0 && step == 1 && n == vq_type(m->g, op->in[0])->dim[axis])
        return vq_fetch(m, op->in[0]);
    if (!in || vq_get_i(in, A_AXIS, -1) != axis)
        return 0;
    if (in->kind == OP_SLICE) {
        int64_t by = vq_get_i(in, A_STEP, 1);

        x = in->in[0];
        start = vq_get_i(in, A_START, 0) + start * by;
        step *= by;
    } else if (in->kind == OP_CONCAT && step > 0) {
        x = find_part(m->g, in, axis, &start, start + (n - 1) * step);
    }
    if (!x)
        return 0;
    return vq_build_slice(&b, vq_fetch(m, x), axis, start, step, n);
}

ValId
vq_move_concat(Match *m, const Op *op)
{
    return op->nin == 1 ? vq_fetch(m, op->in[0]) : 0;
}

ValId
vq_move_expand(Match *m, const Op *op)
{
    const Type *t = vq_type(m->g, op->in[0]);

    return vq_same_shape(t, vq_type(m->g, op->out)) ? vq_fetch(m, op->in[0])
                                                    : 0;
}
