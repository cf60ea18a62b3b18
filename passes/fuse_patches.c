/*
 * fuse_patches.c -- a convolution whose windows tile the image, as a linear.
 *
 * With stride equal to the kernel and no padding every pixel is read once, so
 * im2col is a pure move: [B,C,H,W] -> [B,C,h,p,w,q] -> [B,h,w,C,p,q] ->
 * [B,hw,Cpq]. The linear's rows are the tokens. They are moved back to
 * [B,O,h,w]; where the model goes on with tokens, as ViTs do, that move and
 * the model's own cancel. Pixels beyond the last whole window are cut off.
 */
#include "passes/linear.h"

typedef struct Patches {
    int64_t b, c, h, w; /* batch, channels, windows down and across */
    int64_t p, q;       /* window height and width */
    int64_t o;          /* output channels */
} Patches;

static bool
all_are(const Attr *a, int64_t x, int64_t y)
{
    for (uint32_t i = 0; a && i < a->n; i++)
        if (a->i[i] != (i % 2 ? y : x))
            return false;
    return true;
}

static bool
match_patches(const Graph *g, const Op *op, Patches *t)
{
    const Type *x = vq_type(g, op->in[0]), *w = vq_type(g, op->in[1]);

    if (x->rank != 4 || w->rank != 4 || !vq_is_const(g, op->in[1]) ||
        (op->nin > 2 && op->in[2] && !vq_is_const(g, op->in[2])))
        return false;
    *t = (Patches){.b = x->dim[0],
                   .c = x->dim[1],
                   .h = x->dim[2] / w->dim[2],
                   .w = x->dim[3] / w->dim[3],
                   .p = w->dim[2],
                   .q = w->dim[3],
                   .o = w->dim[0]};
    return vq_get_i(op, A_GROUPS, 1) == 1 &&
           all_are(vq_attr(op, A_STRIDES), t->p, t->q) &&
           all_are(vq_attr(op, A_PADS), 0, 0) &&
           all_are(vq_attr(op, A_DILATIONS), 1, 1);
}

/* The image as one row per window. */
static ValId
cut_windows(const Build *b, ValId x, const Patches *t)
{
    const int64_t perm[] = {0, 2, 4, 1, 3, 5};

    x = vq_build_slice(b, x, 2, 0, 1, t->h * t->p);
    x = vq_build_slice(b, x, 3, 0, 1, t->w * t->q);
    x = vq_build_reshape(b, x,
                         TYPE(DT_F32, t->b, t->c, t->h, t->p, t->w, t->q));
    x = vq_build_transpose(b, x, perm);
    return vq_build_reshape(
        b, x, TYPE(DT_F32, t->b, t->h * t->w, t->c * t->p * t->q));
}

/* Weights [O,C,p,q] as [Cpq,O]. */
static ValId
turn_weights(const Build *b, ValId w, const Patches *t)
{
    const int64_t perm[] = {1, 0};

    w = vq_build_reshape(b, w, TYPE(DT_F32, t->o, t->c * t->p * t->q));
    return vq_build_transpose(b, w, perm);
}

ValId
vq_fuse_patches(Match *m, const Op *op)
{
    const int64_t perm[] = {0, 2, 1};
    const char *name = m->g->val[op->out].name;
    Build b = vq_build_at(m, op);
    ValId x, w, y;
    Patches t;

    if (!match_patches(m->g, op, &t))
        return 0;
    b.name = vq_format(b.g->arena, "%s.patches", name);
    x = cut_windows(&b, vq_fetch(m, op->in[0]), &t);
    b.name = m->g->val[op->in[1]].name;
    w = turn_weights(&b, vq_fetch(m, op->in[1]), &t);
    b.name = vq_format(b.g->arena, "%s.tokens", name);
    y = vq_build_linear(&b, x, w, op->nin > 2 ? vq_fetch(m, op->in[2]) : 0);
    b.name = name;
    y = vq_build_transpose(&b, y, perm);
    return vq_build_reshape(&b, y, TYPE(DT_F32, t.b, t.o, t.h, t.w));
}
