/*
 * fold.c -- compute what is constant, drop what does nothing.
 *
 * Needs nothing, keeps every fact. rule.h is the engine's contract. Besides
 * it, these rules bring real arithmetic into one form, which spares the
 * later passes most variants: a constant is the right operand, a division by
 * a constant is a product, a difference from one is a sum, x^2 is x * x,
 * constants of a chain of sums or of products are gathered into one, and
 * neighbouring axes are reduced as one. Each rule lowers (axes reduced, ops
 * that are not moves, moves, sub + div + pow, constants on the left), compared
 * in this order; so the rounds end.
 */
#include "passes/moves.h"
#include "passes/passes.h"

#include <math.h>

static ValId
fold_constant(Match *m, const Op *op)
{
    const Type *t = vq_type(m->g, op->out);
    Build b = vq_build_at(m, op);

    if (!vq_worth_folding(m->g, op, t))
        return 0;
    return vq_build_folded(&b, m->g, op, *t);
}

static bool
all_equal(const Graph *g, ValId c, float x)
{
    int64_t n = vq_count(vq_type(g, c));
    const float *v = vq_floats(g, c);

    for (int64_t i = 0; i < n; i++)
        if (v[i] != x)
            return false;
    return true;
}

/* x * 1, x + 0, x / 1, x - 0, x ^ 1. */
static ValId
fold_neutral(Match *m, const Op *op)
{
    bool commutes = op->kind == OP_ADD || op->kind == OP_MUL;
    float neutral = op->kind == OP_ADD || op->kind == OP_SUB ? 0 : 1;
    ValId x, c;

    if (!vq_with_const(m->g, op, &x, &c) || (!commutes && c != op->in[1]))
        return 0;
    if (!vq_same_shape(vq_type(m->g, x), vq_type(m->g, op->out)) ||
        !all_equal(m->g, c, neutral))
        return 0;
    return vq_fetch(m, x);
}

static ValId
fold_swap(Match *m, const Op *op)
{
    Build b = vq_build_at(m, op);
    ValId x, c;

    if (!vq_with_const(m->g, op, &x, &c) || c != op->in[0])
        return 0;
    return vq_build_op(&b, op->kind, vq_fetch(m, x), vq_fetch(m, c));
}

/* x / c is x * (1 / c), x - c is x + -c, as long as that is finite. */
static ValId
fold_inverse(Match *m, const Op *op)
{
    bool divide = op->kind == OP_DIV;
    Build b = vq_build_at(m, op);
    int64_t n;
    float *y;
    ValId x, c;

    if (!vq_with_const(m->g, op, &x, &c) || c != op->in[1])
        return 0;
    n = vq_count(vq_type(m->g, c));
    y = NEWN(b.g->arena, float, n);
    for (int64_t i = 0; i < n; i++) {
        y[i] = vq_floats(m->g, c)[i];
        y[i] = divide ? 1 / y[i] : -y[i];
        if (!isfinite(y[i]))
            return 0;
    }
    b.name = m->g->val[c].name;
    c = vq_const(b.g, b.name, *vq_type(m->g, c), y);
    b.name = m->g->val[op->out].name;
    return vq_build_op(&b, divide ? OP_MUL : OP_ADD, vq_fetch(m, x), c);
}

static ValId
fold_reciprocal(Match *m, const Op *op)
{
    Build b = vq_build_at(m, op);
    ValId x, c;

    if (!vq_with_const(m->g, op, &x, &c) || c != op->in[0] ||
        !all_equal(m->g, c, 1) ||
        !vq_same_shape(vq_type(m->g, x), vq_type(m->g, op->out)))
        return 0;
    return vq_build_op(&b, OP_RECIPROCAL, vq_fetch(m, x), 0);
}

static ValId
fold_pow(Match *m, const Op *op)
{
    Build b = vq_build_at(m, op);
    double k;
    ValId x;

    if (!vq_scalar(m->g, op->in[1], &k) || vq_is_const(m->g, op->in[0]) ||
        !vq_same_shape(vq_type(m->g, op->in[0]), vq_type(m->g, op->out)))
        return 0;
    x = vq_fetch(m, op->in[0]);
    if (k == 2)
        return vq_build_op(&b, OP_MUL, x, x);
    return k == 0.5 ? vq_build_op(&b, OP_SQRT, x, 0) : 0;
}

/* (x + a) + b is x + (a + b), and so for products, when the inner result has
 * no other use and the constants do not grow. */
static ValId
fold_gather(Match *m, const Op *op)
{
    Build b = vq_build_at(m, op);
    const Op *in;
    ValId x, c, y, d;

    if (!vq_with_const(m->g, op, &x, &c) || !vq_only_use(m, x))
        return 0;
    in = vq_def_as(m->g, x, op->kind);
    if (!in || !vq_with_const(m->g, in, &y, &d) ||
        !vq_same_shape(vq_type(m->g, y), vq_type(m->g, op->out)))
        return 0;
    b.name = m->g->val[c].name;
    c = vq_build_op(&b, op->kind, vq_fetch(m, c), vq_fetch(m, d));
    b.name = m->g->val[op->out].name;
    return vq_build_op(&b, op->kind, vq_fetch(m, y), c);
}

/* A reduction over neighbouring axes is one over their product. */
static ValId
fold_axes(Match *m, const Op *op)
{
    const Attr *axes = vq_attr(op, A_AXES);
    Build b = vq_build_at(m, op);
    Type t = *vq_type(m->g, op->in[0]);
    int first = (int)axes->i[0], n = (int)axes->n;
    Attr one;
    ValId x;

    if (n < 2 || axes->i[n - 1] != first + n - 1)
        return 0;
    for (int i = 1; i < n; i++)
        t.dim[first] *= t.dim[first + i];
    for (int i = first + 1; i + n <= t.rank; i++)
        t.dim[i] = t.dim[i + n - 1];
    t.rank -= n - 1;
    one = vq_build_int(b.g, A_AXES, first);
    x = vq_build_reshape(&b, vq_fetch(m, op->in[0]), t);
    x = vq_build(&b, op->kind, &x, 1, &one, 1, NULL);
    return vq_build_reshape(&b, x, *vq_type(m->g, op->out));
}

static const Rule rules[] = {
    {NOP, fold_constant},        {OP_MUL, fold_neutral},
    {OP_ADD, fold_neutral},      {OP_DIV, fold_neutral},
    {OP_SUB, fold_neutral},      {OP_POW, fold_neutral},
    {OP_DIV, fold_inverse},      {OP_SUB, fold_inverse},
    {OP_DIV, fold_reciprocal},   {OP_POW, fold_pow},
    {OP_MUL, fold_gather},       {OP_ADD, fold_gather},
    {OP_MUL, fold_swap},         {OP_ADD, fold_swap},
    {OP_REDUCE_MEAN, fold_axes}, {OP_REDUCE_SUM, fold_axes},
    {OP_REDUCE_MAX, fold_axes},  MOVE_RULES,
};

bool
vq_fold(Graph *g, const PassContext *c)
{
    return vq_apply_rules(g, c->diag, rules, COUNT(rules));
}

/* What later passes have made of the graph may be constant too, and is computed
 * even if it is larger than what it is made from: there is no calibration of
 * it. Not a move, which quantization passes on. */
static ValId
fold_computed(Match *m, const Op *op)
{
    enum { MOST = 1 << 24 }; /* bytes */
    const Type *t = vq_type(m->g, op->out);
    Build b = vq_build_at(m, op);

    if (vq_op[op->kind].stage == STAGE_M || !vq_of_constants(m->g, op) ||
        vq_bytes(t) > MOST)
        return 0;
    return vq_build_folded(&b, m->g, op, *t);
}

bool
vq_fold_computed(Graph *g, const PassContext *c)
{
    static const Rule late[] = {
        {NOP, fold_constant}, {NOP, fold_computed}, MOVE_RULES};

    return vq_apply_rules(g, c->diag, late, COUNT(late));
}
