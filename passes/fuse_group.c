/*
 * fuse_group.c -- gamma and beta of a layernorm that has been given another
 * shape, as that of groups of channels has: [B x G x n], back to [B x C x ..],
 * and only then a scale and a bias for each channel.
 */
#include "passes/grid.h"
#include "passes/norm.h"

/* Element i of t in a constant that is broadcast to it. */
static float
element_at(const Graph *g, ValId c, const Type *t, int64_t i)
{
    const Type *tc = vq_type(g, c);
    int64_t at = 0, stride = 1;

    for (int k = t->rank - 1, j = tc->rank - 1; j >= 0; k--, j--) {
        at += tc->dim[j] == 1 ? 0 : i % t->dim[k] * stride;
        stride *= tc->dim[j];
        i /= t->dim[k];
    }
    return vq_floats(g, c)[at];
}

/* c, broadcast to t, by columns of rows of n; NULL if rows differ. */
static float *
columns_of(Match *m, ValId c, const Type *t, int64_t n)
{
    float *x = NEWN(m->rw->to->arena, float, n);

    for (int64_t i = 0; i < vq_count(t); i++) {
        float k = element_at(m->g, c, t, i);

        if (i >= n && (k < x[i % n] || k > x[i % n]))
            return NULL;
        x[i % n] = k;
    }
    return x;
}

static ValId
combine(Match *m, OpKind kind, ValId a, const float *c)
{
    const Type *t = vq_type(m->g, a);
    const float *x = vq_floats(m->g, a);
    float *z = NEWN(m->rw->to->arena, float, vq_count(t));

    for (int64_t i = 0; i < vq_count(t); i++)
        z[i] = kind == OP_MUL ? x[i] * c[i] : x[i] + c[i];
    return vq_const(m->rw->to, m->g->val[a].name, *t, z);
}

/* The layernorm that v is a reshape of, where nothing else reads either. */
static const Op *
reshaped_norm(Match *m, ValId v)
{
    const Op *shape = vq_def_as(m->g, v, OP_RESHAPE), *norm;

    if (!shape || !vq_only_use(m, v) || !vq_only_use(m, shape->in[0]))
        return NULL;
    norm = vq_def_as(m->g, shape->in[0], OP_LAYERNORM);
    return norm && vq_is_const(m->g, norm->in[1]) &&
                   vq_is_const(m->g, norm->in[2])
               ? norm
               : NULL;
}

ValId
vq_fuse_group(Match *m, const Op *op)
{
    Build b = vq_build_at(m, op);
    const char *name = b.name;
    const Type *t = vq_type(m->g, op->out);
    ValId x, c, gamma, beta, y;
    const Op *norm;
    const float *k;

    if (!vq_with_const(m->g, op, &x, &c))
        return 0;
    x = vq_beneath_only(m, x);
    norm = reshaped_norm(m, x);
    if (!norm || !vq_same_shape(vq_type(m->g, x), t))
        return 0;
    k = columns_of(m, c, t, vq_cols(vq_type(m->g, norm->out)));
    if (!k)
        return 0;
    gamma = op->kind == OP_MUL ? combine(m, OP_MUL, norm->in[1], k)
                               : vq_fetch(m, norm->in[1]);
    beta = combine(m, op->kind, norm->in[2], k);
    b.name = vq_format(b.g->arena, "%s.norm", name);
    y = vq_norm_build(&b, vq_fetch(m, norm->in[0]), gamma, beta, norm,
                      vq_get_f(norm, A_EPS, 0));
    b.name = name;
    return vq_build_reshape(&b, y, *t);
}
