/*
 * fuse_gelu.c -- find GELU however it is spelled.
 *
 * Needs nothing, keeps every fact. An expression of sums and products over x
 * and one t = erf(u) or tanh(u) is a polynomial in x and t. If u, as a
 * polynomial in x, is that of GELU, and the expression is x/2 + x t/2, then
 * the expression is GELU of x, in whatever order it was multiplied out.
 * Constants may be off by a thousandth (models write 0.7071, 1.702, ..).
 * x * sigmoid(x) is another function and stays. fakequants inside are dropped,
 * for gelu is computed from x at once, unless x has few codes: tabulate.c keeps
 * them then.
 */
#include "passes/grid.h"
#include "passes/passes.h"

#include <math.h>

enum { DEGREE = 3, MAXLEAF = 16, MAXDEPTH = 8 };

/* c[i][j] is the coefficient of x^i t^j. */
typedef struct Poly {
    double c[DEGREE + 1][2];
} Poly;

typedef struct Expr {
    const Graph *g;
    ValId x, t;
} Expr;

static bool
poly_mul(const Poly *a, const Poly *b, Poly *out)
{
    *out = (Poly){0};
    for (int i = 0; i <= DEGREE; i++)
        for (int j = 0; j < 2; j++)
            for (int k = 0; k <= DEGREE; k++)
                for (int l = 0; l < 2; l++) {
                    double c = a->c[i][j] * b->c[k][l];

                    if (c == 0)
                        continue;
                    if (i + k > DEGREE || j + l > 1)
                        return false;
                    out->c[i + k][j + l] += c;
                }
    return true;
}

static void
poly_add(const Poly *a, const Poly *b, double sign, Poly *out)
{
    for (int i = 0; i <= DEGREE; i++)
        for (int j = 0; j < 2; j++)
            out->c[i][j] = a->c[i][j] + sign * b->c[i][j];
}

/* a ^ k for a small whole k. */
static bool
poly_pow(const Poly *a, double k, Poly *out)
{
    Poly p = {.c[0][0] = 1};

    if (k != floor(k) || k < 1 || k > DEGREE)
        return false;
    for (int i = 0; i < (int)k; i++) {
        if (!poly_mul(a, &p, out))
            return false;
        p = *out;
    }
    return true;
}

/* v as a polynomial in e->x and e->t; false if it is none. */
static bool
poly_of(const Expr *e, ValId v, int depth, Poly *out)
{
    ValId u = vq_beneath(e->g, v);
    bool is_x = u == vq_beneath(e->g, e->x);
    const Op *op = vq_def(e->g, u);
    Poly a, b;
    double k;

    *out = (Poly){0};
    if (is_x || u == e->t) {
        out->c[is_x][!is_x] = 1;
        return true;
    }
    if (vq_scalar(e->g, v, &k)) {
        out->c[0][0] = k;
        return true;
    }
    if (!op || op->nin != 2 || depth == MAXDEPTH ||
        !poly_of(e, op->in[0], depth + 1, &a))
        return false;
    if (op->kind == OP_POW)
        return vq_scalar(e->g, op->in[1], &k) && poly_pow(&a, k, out);
    if (op->kind == OP_DIV) {
        if (!vq_scalar(e->g, op->in[1], &k) || k == 0)
            return false;
        b = (Poly){.c[0][0] = 1 / k};
        return poly_mul(&a, &b, out);
    }
    if (!poly_of(e, op->in[1], depth + 1, &b))
        return false;
    if (op->kind == OP_MUL)
        return poly_mul(&a, &b, out);
    if (op->kind != OP_ADD && op->kind != OP_SUB)
        return false;
    poly_add(&a, &b, op->kind == OP_ADD ? 1 : -1, out);
    return true;
}

static bool
poly_is(const Poly *p, const Poly *want)
{
    for (int i = 0; i <= DEGREE; i++)
        for (int j = 0; j < 2; j++) {
            double c = want->c[i][j];

            if (c != 0 ? !vq_near(p->c[i][j], c) : fabs(p->c[i][j]) > 1e-6)
                return false;
        }
    return true;
}

static bool
is_arithmetic(OpKind k)
{
    return k == OP_ADD || k == OP_SUB || k == OP_MUL || k == OP_DIV ||
           k == OP_POW || k == OP_FAKEQUANT;
}

/* Every value that v is made from by arithmetic, v first, without repeats. */
static int
collect(const Graph *g, ValId v, ValId *leaf, int n, int depth)
{
    const Op *op = vq_def(g, v);

    for (int i = 0; i < n; i++)
        if (leaf[i] == v)
            return n;
    if (n == MAXLEAF || vq_is_const(g, v))
        return n;
    leaf[n++] = v;
    if (op && is_arithmetic(op->kind) && depth < MAXDEPTH)
        for (uint32_t i = 0; i < op->nin; i++)
            n = collect(g, op->in[i], leaf, n, depth + 1);
    return n;
}

/* t = erf(u) or tanh(u): the x for which u is GELU's argument, or 0. */
static ValId
argument_of(const Graph *g, const Op *t)
{
    static const double s = 0.79788456080286536; /* sqrt(2 / pi) */
    const Poly want[] = {{.c[1][0] = 0.70710678118654752},
                         {.c[1][0] = s, .c[3][0] = s * 0.044715}};
    ValId leaf[MAXLEAF];
    int n = collect(g, t->in[0], leaf, 0, 0);

    for (int i = 0; i < n; i++) {
        Expr e = {g, leaf[i], 0};
        Poly u;

        if (poly_of(&e, t->in[0], 0, &u) &&
            poly_is(&u, &want[t->kind == OP_TANH]))
            return leaf[i];
    }
    return 0;
}

/* Whether something rounds between x and v. */
static bool
rounds_inside(const Graph *g, ValId v, ValId x, int depth)
{
    const Op *op = vq_def(g, v);

    if (v == x || !op || depth > 2 * MAXDEPTH)
        return false;
    if (op->kind == OP_FAKEQUANT)
        return true;
    if (!is_arithmetic(op->kind) && op->kind != OP_ERF && op->kind != OP_TANH)
        return false;
    for (uint32_t i = 0; i < op->nin; i++)
        if (rounds_inside(g, op->in[i], x, depth + 1))
            return true;
    return false;
}

static bool
is_coarse(const Graph *g, ValId x)
{
    const Op *op = vq_def_as(g, x, OP_FAKEQUANT);

    return op && vq_get_f(op, A_HI, 0) - vq_get_f(op, A_LO, 0) <= UINT8_MAX;
}

static ValId
fuse_gelu(Match *m, const Op *op)
{
    const Poly want = {.c[1][0] = 0.5, .c[1][1] = 0.5};
    Build b = vq_build_at(m, op);
    ValId leaf[MAXLEAF];
    int n = collect(m->g, op->out, leaf, 0, 0);

    for (int i = 0; i < n; i++) {
        const Op *t = vq_def(m->g, leaf[i]);
        Expr e = {m->g, 0, leaf[i]};
        ValId x;
        Attr tanh;
        Poly p;

        if (!t || (t->kind != OP_ERF && t->kind != OP_TANH))
            continue;
        e.x = argument_of(m->g, t);
        if (!e.x || !poly_of(&e, op->out, 0, &p) || !poly_is(&p, &want) ||
            !vq_same_shape(vq_type(m->g, e.x), vq_type(m->g, op->out)))
            continue;
        if (is_coarse(m->g, e.x) && rounds_inside(m->g, op->out, e.x, 0))
            return 0;
        tanh = vq_build_int(b.g, A_TANH, t->kind == OP_TANH);
        x = vq_fetch(m, e.x);
        return vq_build(&b, OP_GELU, &x, 1, &tanh, 1, NULL);
    }
    return 0;
}

static const Rule rules[] = {
    {OP_MUL, fuse_gelu},
    {OP_ADD, fuse_gelu},
    {OP_DIV, fuse_gelu},
};

bool
vq_fuse_gelu(Graph *g, const PassContext *c)
{
    return vq_apply_rules(g, c->diag, rules, COUNT(rules));
}
