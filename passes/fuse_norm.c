/*
 * fuse_norm.c -- find layernorm in its parts.
 *
 * Needs nothing, keeps every fact. The core is d / sqrt(mean(d * d) + eps)
 * with d = x - mean(x) over the last axis, the division in any of its forms;
 * it becomes a layernorm with gamma 1 and beta 0. Products with and sums of a
 * constant per column that follow it then go into gamma and beta, also behind
 * a layernorm that the model had, and behind a reshape of one.
 *
 * x / sqrt(mean(x * x) + eps) is one that takes no mean off, and so is
 * x / max(|x|, eps), Euclid's length of the row, where eps is too small to
 * show. Expects what fold makes of the rest. fakequants inside are dropped:
 * integer layernorm keeps more than they leave.
 */
#include "passes/moves.h"
#include "passes/norm.h"
#include "passes/passes.h"

#include <math.h>
#include <string.h>

ValId
vq_norm_mean(const Graph *g, ValId v)
{
    const Op *op = vq_def_as(g, vq_beneath(g, v), OP_REDUCE_MEAN);
    const Attr *axes = op ? vq_attr(op, A_AXES) : NULL;

    if (!op || axes->n != 1 || axes->i[0] != vq_type(g, v)->rank - 1)
        return 0;
    return op->in[0];
}

ValId
vq_norm_centred(const Graph *g, ValId v)
{
    const Op *op = vq_def_as(g, vq_beneath(g, v), OP_SUB);
    ValId x = op ? vq_norm_mean(g, op->in[1]) : 0;

    return x && vq_beneath(g, x) == vq_beneath(g, op->in[0]) ? op->in[0] : 0;
}

/* The d of mean(d * d) or mean(d ^ 2), or 0. */
static ValId
mean_square(const Graph *g, ValId v)
{
    ValId sq = vq_beneath(g, vq_norm_mean(g, v));
    const Op *mul = vq_def_as(g, sq, OP_MUL);
    const Op *pow = vq_def_as(g, sq, OP_POW);
    double two;

    if (mul && mul->in[0] == mul->in[1])
        return mul->in[0];
    if (mul && vq_norm_centred(g, mul->in[0]) &&
        vq_norm_centred(g, mul->in[0]) == vq_norm_centred(g, mul->in[1]))
        return mul->in[0];
    return pow && vq_scalar(g, pow->in[1], &two) && two == 2 ? pow->in[0] : 0;
}

ValId
vq_norm_deviation(const Graph *g, ValId v, double *eps)
{
    const Op *root = vq_def_as(g, vq_beneath(g, v), OP_SQRT);
    const Op *sum =
        root ? vq_def_as(g, vq_beneath(g, root->in[0]), OP_ADD) : NULL;
    ValId var, c;

    if (!sum || !vq_with_const(g, sum, &var, &c) || !vq_scalar(g, c, eps) ||
        !(*eps >= 0) || isinf(*eps))
        return 0;
    return mean_square(g, var);
}

/* op as d * (1 / s) or d / s: its d, and s. */
static ValId
split_quotient(const Graph *g, const Op *op, ValId *s)
{
    if (op->kind == OP_DIV) {
        *s = op->in[1];
        return op->in[0];
    }
    for (int i = 0; i < 2; i++) {
        const Op *r = vq_def_as(g, op->in[i], OP_RECIPROCAL);
        const Op *q = vq_def_as(g, op->in[i], OP_DIV);
        double one;

        if (r)
            *s = r->in[0];
        else if (q && vq_scalar(g, q->in[0], &one) && one == 1)
            *s = q->in[1];
        else
            continue;
        return op->in[1 - i];
    }
    return 0;
}

/* A constant of n times x. */
static ValId
fill(const Build *b, int64_t n, float x)
{
    float *data = NEWN(b->g->arena, float, n);

    for (int64_t i = 0; i < n; i++)
        data[i] = x;
    return vq_const(b->g, b->name, TYPE(DT_F32, n), data);
}

ValId
vq_norm_build(const Build *b, ValId x, ValId gamma, ValId beta, const Op *like,
              double eps)
{
    Attr a[3] = {vq_build_real(A_EPS, eps)};
    uint32_t n = 1;

    for (uint32_t i = 0; like && i < like->nattr; i++)
        if (like->attr[i].key == A_MEAN || like->attr[i].key == A_HEADS)
            a[n++] = vq_build_int(b->g, like->attr[i].key, like->attr[i].i[0]);
    return vq_build(b, OP_LAYERNORM, (ValId[]){x, gamma, beta}, 3, a, n, NULL);
}

/* The norm of the rows of x, times `gain`. */
static ValId
plain_norm(Match *m, const Op *op, ValId x, bool centre, double gain,
           double eps)
{
    int64_t n = vq_cols(vq_type(m->g, op->out));
    Build b = vq_build_at(m, op);
    Op like = {.nattr = 0};
    ValId gamma, beta;
    Attr mean = vq_build_int(b.g, A_MEAN, 0);

    if (!centre) {
        like.attr[0] = mean;
        like.nattr = 1;
    }
    b.name = vq_format(b.g->arena, "%s.gamma", m->g->val[op->out].name);
    gamma = fill(&b, n, (float)gain);
    b.name = vq_format(b.g->arena, "%s.beta", m->g->val[op->out].name);
    beta = fill(&b, n, 0);
    b.name = m->g->val[op->out].name;
    return vq_norm_build(&b, vq_fetch(m, x), gamma, beta, &like, eps);
}

static ValId
fuse_core(Match *m, const Op *op)
{
    ValId s = 0, d = split_quotient(m->g, op, &s);
    ValId x = d ? vq_norm_centred(m->g, d) : 0, sq;
    double eps;

    if (!x || !vq_same_shape(vq_type(m->g, x), vq_type(m->g, op->out)))
        return 0;
    sq = vq_norm_deviation(m->g, s, &eps);
    if (!sq || vq_norm_centred(m->g, sq) != x)
        return 0;
    return plain_norm(m, op, x, true, 1, eps);
}

/* Past an expand of the last axis. */
static ValId
unexpanded(const Graph *g, ValId v)
{
    const Op *op = vq_def_as(g, v = vq_beneath(g, v), OP_EXPAND);

    return op ? op->in[0] : v;
}

/* max(v, tiny) for a bound too small to show: v, and the bound. */
static ValId
unclipped(const Graph *g, ValId v, double *least)
{
    const Op *op = vq_def(g, v = unexpanded(g, v));
    ValId x, c;
    double k = 0;

    *least = 0;
    if (!op)
        return v;
    if (op->kind == OP_CLIP && isinf(vq_get_f(op, A_HI, INFINITY)))
        k = vq_get_f(op, A_LO, 0), x = op->in[0];
    else if (op->kind != OP_MAX || !vq_with_const(g, op, &x, &c) ||
             !vq_scalar(g, c, &k))
        return v;
    if (!(k >= 0 && k <= 1e-5))
        return v;
    *least = k;
    return vq_beneath(g, x);
}

/* x of the sum or mean of x * x over the last axis; `gain` is what its root is
 * to be divided by for a mean's. */
static ValId
squares(const Graph *g, ValId v, double *gain)
{
    const Op *op = vq_def(g, v = vq_beneath(g, v)), *sq;
    const Attr *axes;
    double two;

    if (!op || (op->kind != OP_REDUCE_SUM && op->kind != OP_REDUCE_MEAN))
        return 0;
    axes = vq_attr(op, A_AXES);
    if (axes->n != 1 || axes->i[0] != vq_type(g, v)->rank - 1)
        return 0;
    *gain = op->kind == OP_REDUCE_SUM
                ? 1 / sqrt((double)vq_cols(vq_type(g, op->in[0])))
                : 1;
    sq = vq_def(g, vq_beneath(g, op->in[0]));
    if (sq && sq->kind == OP_MUL && sq->in[0] == sq->in[1])
        return sq->in[0];
    return sq && sq->kind == OP_POW && vq_scalar(g, sq->in[1], &two) && two == 2
               ? sq->in[0]
               : 0;
}

/* What stands under the root: the x of mean(x * x) + eps, eps from 0. */
static ValId
radicand(const Graph *g, ValId v, double *gain, double *eps)
{
    const Op *sum = vq_def_as(g, v = vq_beneath(g, v), OP_ADD);
    ValId var, c;

    *eps = 0;
    if (sum && vq_with_const(g, sum, &var, &c) && vq_scalar(g, c, eps))
        v = var;
    v = squares(g, v, gain);
    *eps *= *gain * *gain; /* of a sum: that of the mean */
    return *eps >= 0 ? v : 0;
}

/* op as x * (..)^-1/2: x, and what is raised. */
static ValId
split_power(const Graph *g, const Op *op, ValId *under)
{
    for (int i = 0; op->kind == OP_MUL && i < 2; i++) {
        const Op *pow = vq_def_as(g, vq_beneath(g, op->in[i]), OP_POW);
        double k;

        if (pow && vq_scalar(g, pow->in[1], &k) && k == -0.5) {
            *under = pow->in[0];
            return op->in[1 - i];
        }
    }
    return 0;
}

/* x over the root of its squares' mean, or over its length. */
static ValId
fuse_length(Match *m, const Op *op)
{
    ValId s = 0, under = 0, x = split_power(m->g, op, &under), y;
    double gain, eps, least = 0;

    if (!x) {
        const Op *root;

        x = split_quotient(m->g, op, &s);
        root = x ? vq_def_as(m->g, unclipped(m->g, s, &least), OP_SQRT) : NULL;
        if (!root)
            return 0;
        under = root->in[0];
    }
    y = radicand(m->g, under, &gain, &eps);
    if (!y || vq_beneath(m->g, x) != vq_beneath(m->g, y) ||
        !vq_same_shape(vq_type(m->g, x), vq_type(m->g, op->out)))
        return 0;
    eps = fmax(eps, least * least * gain * gain);
    if (isinf(eps))
        return 0;
    return plain_norm(m, op, x, false, gain, eps);
}

/* a * c or a + c, all per column, called `name`. */
static ValId
combine(Match *m, const Op *op, ValId a, ValId c, ValId name)
{
    const float *x = vq_floats(m->g, a), *y = vq_floats(m->g, c);
    int64_t n = vq_count(vq_type(m->g, a));
    bool one = vq_count(vq_type(m->g, c)) == 1;
    float *z = NEWN(m->rw->to->arena, float, n);

    for (int64_t i = 0; i < n; i++) {
        float k = y[one ? 0 : i];

        z[i] = op->kind == OP_MUL ? x[i] * k : x[i] + k;
    }
    return vq_const(m->rw->to, m->g->val[name].name, *vq_type(m->g, a), z);
}

/* A product with gamma or a sum with beta behind a layernorm. */
static ValId
fuse_affine(Match *m, const Op *op)
{
    Build b = vq_build_at(m, op);
    ValId x, c, gamma, beta;
    const Op *norm;

    if (!vq_with_const(m->g, op, &x, &c))
        return 0;
    x = vq_beneath_only(m, x);
    norm = vq_only_use(m, x) ? vq_def_as(m->g, x, OP_LAYERNORM) : NULL;
    if (!norm || !vq_is_cols(m->g, c, vq_type(m->g, x)) ||
        !vq_same_shape(vq_type(m->g, x), vq_type(m->g, op->out)) ||
        !vq_is_const(m->g, norm->in[1]) || !vq_is_const(m->g, norm->in[2]))
        return 0;
    gamma = op->kind == OP_MUL ? combine(m, op, norm->in[1], c, c)
                               : vq_fetch(m, norm->in[1]);
    beta = combine(m, op, norm->in[2], c, op->kind == OP_MUL ? norm->in[2] : c);
    return vq_norm_build(&b, vq_fetch(m, norm->in[0]), gamma, beta, norm,
                         vq_get_f(norm, A_EPS, 0));
}

static const Rule rules[] = {
    {OP_DIV, fuse_core},
    {OP_MUL, fuse_core},
    {OP_DIV, fuse_length},
    {OP_MUL, fuse_length},
    {OP_MUL, fuse_affine},
    {OP_ADD, fuse_affine},
    {OP_MUL, vq_fuse_group},
    {OP_ADD, vq_fuse_group},
    {OP_ADD, vq_fuse_spread},
    {OP_SUB, vq_fuse_spread},
    MOVE_RULES,
};

bool
vq_fuse_norm(Graph *g, const PassContext *c)
{
    return vq_apply_rules(g, c->diag, rules, COUNT(rules));
}
