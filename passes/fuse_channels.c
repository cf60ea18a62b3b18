/*
 * fuse_channels.c -- products and sums per channel behind a convolution go
 * into its weights and bias: batch normalization, and the bias of exporters
 * that write it apart.
 */
#include "passes/grid.h"
#include "passes/linear.h"

#include <string.h>

/* The constant c, broadcast to t, as one number for each index of axis 1;
 * NULL if it varies otherwise. */
static float *
channel_vector(const Match *m, ValId c, const Type *t)
{
    const Type *ct = vq_type(m->g, c);
    const float *x = vq_floats(m->g, c);
    int64_t n = vq_count(ct);
    float *y;

    if (n != 1 && n != t->dim[1])
        return NULL;
    for (int i = 0; n > 1 && i < ct->rank; i++)
        if (ct->dim[i] != 1 && i != ct->rank - (t->rank - 1))
            return NULL;
    y = NEWN(m->rw->to->arena, float, t->dim[1]);
    for (int64_t i = 0; i < t->dim[1]; i++)
        y[i] = x[n == 1 ? 0 : i];
    return y;
}

/* Weights [O x ..] times one factor for each output. */
static ValId
scale_outputs(const Match *m, ValId w, const float *k)
{
    const Type *t = vq_type(m->g, w);
    int64_t each = vq_count(t) / t->dim[0];
    const float *x = vq_floats(m->g, w);
    float *y = NEWN(m->rw->to->arena, float, vq_count(t));

    for (int64_t i = 0; i < vq_count(t); i++)
        y[i] = x[i] * k[i / each];
    return vq_const(m->rw->to, m->g->val[w].name, *t, y);
}

ValId
vq_fuse_channels(Match *m, const Op *op)
{
    const Type *t = vq_type(m->g, op->out);
    Build b = vq_build_at(m, op);
    ValId x, c, old, in[3];
    const Op *conv;
    float *k;

    if (!vq_with_const(m->g, op, &x, &c) || t->rank < 3 ||
        !vq_same_shape(vq_type(m->g, x), t))
        return 0;
    conv = vq_only_use(m, x) ? vq_def_as(m->g, x, OP_CONV) : NULL;
    old = conv && conv->nin > 2 ? conv->in[2] : 0;
    if (!conv || !vq_is_const(m->g, conv->in[1]) ||
        vq_type(m->g, conv->in[1])->dt != DT_F32 ||
        (old && !vq_is_const(m->g, old)))
        return 0;
    k = channel_vector(m, c, t);
    if (!k)
        return 0;
    in[0] = vq_fetch(m, conv->in[0]);
    in[1] = op->kind == OP_MUL ? scale_outputs(m, conv->in[1], k)
                               : vq_fetch(m, conv->in[1]);
    in[2] = vq_update_bias(m, op, old, c, k, t->dim[1]);
    return vq_build(&b, OP_CONV, in, in[2] ? 3 : 2, conv->attr, conv->nattr,
                    NULL);
}
