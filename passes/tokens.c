/*
 * tokens.c -- add constants to constant rows at compile time.
 *
 * Needs nothing, keeps every fact. A class token that is concatenated to the
 * patches before the position embedding is added makes the sum two tensors
 * wide for nothing: concat(a, b) + c is concat(a + c_a, b + c_b), where c_a
 * are the rows of c that fall on a. When one of the parts is a constant, its
 * sum is one too. Ends because concats only move down past sums.
 */
#include "passes/moves.h"
#include "passes/passes.h"

static bool
any_const(const Graph *g, const Op *op)
{
    for (uint32_t i = 0; i < op->nin; i++)
        if (vq_is_const(g, op->in[i]))
            return true;
    return false;
}

/* The n entries of c, broadcast to rank `rank`, from `at` along the axis. */
static ValId
part_of(const Match *m, const Build *b, ValId c, int rank, int axis, int64_t at,
        int64_t n)
{
    const Type *t = vq_type(m->g, c);
    int i = axis - (rank - t->rank);

    if (i < 0 || t->dim[i] == 1)
        return vq_fetch(m, c);
    return vq_build_slice(b, vq_fetch(m, c), i, at, 1, n);
}

static ValId
split_sum(Match *m, const Op *op)
{
    const Type *t = vq_type(m->g, op->out);
    Build b = vq_build_at(m, op);
    const char *name = b.name;
    ValId x, c, *part;
    const Op *concat;
    int64_t at = 0;
    int axis;
    Attr a;

    if (!vq_with_const(m->g, op, &x, &c) || !vq_only_use(m, x))
        return 0;
    concat = vq_def_as(m->g, x, OP_CONCAT);
    if (!concat || !any_const(m->g, concat) ||
        !vq_same_shape(vq_type(m->g, x), t))
        return 0;
    axis = (int)vq_get_i(concat, A_AXIS, 0);
    part = NEWN(b.g->arena, ValId, concat->nin);
    for (uint32_t i = 0; i < concat->nin; i++) {
        int64_t n = vq_type(m->g, concat->in[i])->dim[axis];
        ValId k;

        b.name = m->g->val[c].name;
        k = part_of(m, &b, c, t->rank, axis, at, n);
        b.name = vq_format(b.g->arena, "%s.%u", name, i);
        part[i] = vq_build_op(&b, op->kind, vq_fetch(m, concat->in[i]), k);
        at += n;
    }
    a = vq_build_int(b.g, A_AXIS, axis);
    b.name = name;
    return vq_build(&b, OP_CONCAT, part, concat->nin, &a, 1, NULL);
}

static const Rule rules[] = {
    {OP_ADD, split_sum},
    {OP_MUL, split_sum},
    MOVE_RULES,
};

bool
vq_fold_tokens(Graph *g, const PassContext *c)
{
    return vq_apply_rules(g, c->diag, rules, COUNT(rules));
}
