/*
 * fuse_spread.c -- layernorm in the spread form of Keras and its converters:
 * x * s + (beta - mean(x) * s) with s = gamma / sqrt(var(x) + eps).
 */
#include "passes/grid.h"
#include "passes/norm.h"

typedef struct Spread {
    ValId x, s;
    ValId beta; /* 0: none */
} Spread;

/* The d of 1 / sqrt(mean(d * d) + eps), or 0. */
static ValId
inverse_deviation(const Graph *g, ValId v, double *eps)
{
    const Op *r = vq_def_as(g, vq_beneath(g, v), OP_RECIPROCAL);
    const Op *q = vq_def_as(g, vq_beneath(g, v), OP_DIV);
    double one;

    if (r)
        return vq_norm_deviation(g, r->in[0], eps);
    if (q && vq_scalar(g, q->in[0], &one) && one == 1)
        return vq_norm_deviation(g, q->in[1], eps);
    return 0;
}

/* v as mean(x) * s in any order, the sign apart. */
static bool
is_mean_times(const Graph *g, ValId v, const Spread *p, bool *negative)
{
    const Op *op = vq_def_as(g, vq_beneath(g, v), OP_MUL);
    const Op *neg = vq_def_as(g, vq_beneath(g, v), OP_NEG);

    *negative = false;
    if (neg) {
        op = vq_def_as(g, vq_beneath(g, neg->in[0]), OP_MUL);
        *negative = true;
    }
    for (int i = 0; op && i < 2; i++) {
        const Op *minus = vq_def_as(g, vq_beneath(g, op->in[i]), OP_NEG);
        ValId mean = minus ? minus->in[0] : op->in[i];

        if (vq_beneath(g, op->in[1 - i]) != vq_beneath(g, p->s) ||
            vq_beneath(g, vq_norm_mean(g, mean)) != vq_beneath(g, p->x))
            continue;
        *negative = *negative != (minus != NULL);
        return true;
    }
    return false;
}

/* v as beta - mean(x) * s, or without beta. */
static bool
is_offset(const Graph *g, ValId v, Spread *p)
{
    const Op *sub = vq_def_as(g, vq_beneath(g, v), OP_SUB);
    const Op *add = vq_def_as(g, vq_beneath(g, v), OP_ADD);
    bool negative;

    p->beta = 0;
    if (sub && vq_is_const(g, sub->in[0])) {
        p->beta = sub->in[0];
        return is_mean_times(g, sub->in[1], p, &negative) && !negative;
    }
    if (add) {
        ValId rest;

        if (!vq_with_const(g, add, &rest, &p->beta))
            return false;
        return is_mean_times(g, rest, p, &negative) && negative;
    }
    return is_mean_times(g, v, p, &negative) && negative;
}

/* op as x * s + (beta - mean(x) * s), or x * s - mean(x) * s. */
static bool
find_spread(const Graph *g, const Op *op, Spread *p)
{
    for (int i = 0; i < (op->kind == OP_SUB ? 1 : 2); i++) {
        const Op *mul = vq_def_as(g, vq_beneath(g, op->in[i]), OP_MUL);

        for (int k = 0; mul && k < 2; k++) {
            bool negative;

            *p = (Spread){.x = mul->in[k], .s = mul->in[1 - k]};
            if (op->kind == OP_ADD
                    ? is_offset(g, op->in[1 - i], p)
                    : is_mean_times(g, op->in[1], p, &negative) && !negative)
                return true;
        }
    }
    return false;
}

/* A factor or a sum per column, as a vector, x for none; 0: it varies
 * otherwise. */
static ValId
column_vector(const Build *b, const Graph *g, ValId c, const Type *t, float x)
{
    int64_t n = vq_cols(t);
    const float *from;
    float *to;
    bool each;

    if (c && (!vq_is_const(g, c) || !vq_is_cols(g, c, t)))
        return 0;
    from = c ? vq_floats(g, c) : &x;
    each = c && vq_count(vq_type(g, c)) > 1;
    to = NEWN(b->g->arena, float, n);
    for (int64_t i = 0; i < n; i++)
        to[i] = from[each ? i : 0];
    return vq_const(b->g, b->name, TYPE(DT_F32, n), to);
}

/* x * s + (beta - mean * s), as Keras and its converters write it. */
ValId
vq_fuse_spread(Match *m, const Op *op)
{
    const Type *t = vq_type(m->g, op->out);
    Build b = vq_build_at(m, op);
    Attr a;
    ValId r, gamma = 0, beta, d;
    const Op *mul;
    double eps;
    Spread p;

    if (!find_spread(m->g, op, &p) || !vq_same_shape(vq_type(m->g, p.x), t))
        return 0;
    mul = vq_def_as(m->g, vq_beneath(m->g, p.s), OP_MUL);
    r = p.s;
    if (mul && !vq_with_const(m->g, mul, &r, &gamma))
        return 0;
    d = inverse_deviation(m->g, r, &eps);
    if (!d ||
        vq_beneath(m->g, vq_norm_centred(m->g, d)) != vq_beneath(m->g, p.x))
        return 0;
    b.name = vq_format(b.g->arena, "%s.gamma", m->g->val[op->out].name);
    gamma = column_vector(&b, m->g, gamma, t, 1);
    b.name = vq_format(b.g->arena, "%s.beta", m->g->val[op->out].name);
    beta = gamma ? column_vector(&b, m->g, p.beta, t, 0) : 0;
    b.name = m->g->val[op->out].name;
    if (!beta)
        return 0;
    a = vq_build_real(A_EPS, eps);
    return vq_build(&b, OP_LAYERNORM, (ValId[]){vq_fetch(m, p.x), gamma, beta},
                    3, &a, 1, NULL);
}
