/*
 * lower_norm.c -- layernorm in integers: ours, and I-ViT's.
 */
#include "passes/keep.h"
#include "passes/lower.h"

#include <math.h>
#include <string.h>

typedef struct NormParams {
    const float *gamma, *beta;
    int64_t all, cols; /* of a row, and of one head of it */
    Type t;            /* of the result */
    int64_t heads;
    bool centre;
    int frac, shift;
} NormParams;

/*
 * Most fraction bits such that |n| <= sqrt(C) * 2^frac stays below 2^15. A long
 * row is not held to it: a number 128 times the row's deviation off its mean,
 * which is one that has a quarter or less of the variance to itself, saturates.
 */
static int
fraction_bits(int64_t cols)
{
    enum { LONG = 8 };

    return cols > VQ_SHORTROW ? LONG
                              : (int)floor(log2(32767 / sqrt((double)cols)));
}

/* g and b of i.layernorm for p->shift; false when they do not fit. */
static bool
fill_params(const Graph *of, const NormParams *p, int32_t *g, int32_t *b)
{
    double nmax = p->cols > VQ_SHORTROW
                      ? 0x1p15
                      : sqrt((double)p->cols) * ldexp(1, p->frac) + 1;

    for (int64_t c = 0; c < p->all; c++) {
        double s = vq_scale_at(of, &p->t, c);
        double gc =
            nearbyint(ldexp((double)p->gamma[c] / s, p->shift - p->frac));
        double bc =
            nearbyint(ldexp((double)p->beta[c] / s + p->t.q.zero, p->shift));

        if (p->shift > 0)
            bc += ldexp(1, p->shift - 1);
        if (fabs(gc) > 32767 || nmax * fabs(gc) + fabs(bc) >= 0x1p31)
            return false;
        g[c] = (int32_t)gc;
        b[c] = (int32_t)bc;
    }
    return true;
}

static bool
lower_ours(Rewrite *r, const Op *op, NormParams *p)
{
    ValId in[3] = {vq_new(r, op->in[0])};
    int32_t *g = NEWN(r->to->arena, int32_t, p->all);
    int32_t *b = NEWN(r->to->arena, int32_t, p->all);
    double c = (double)p->cols, s = vq_type(r->to, in[0])->q.scale;
    double eps = vq_get_f(op, A_EPS, 0) * c * c / (s * s);
    Op *now;

    eps = nearbyint(ldexp(eps, -2 * vq_norm_down(p->cols)));
    p->frac = fraction_bits(p->cols);
    for (p->shift = 28; p->shift >= 0 && !fill_params(r->to, p, g, b);
         p->shift--)
        ;
    if (p->shift < 0)
        return vq_error(r->diag, op->loc,
                        "this layernorm's gamma or beta is too large for the "
                        "calibrated range of its output");
    if (eps >= 0x1p60)
        return vq_error(r->diag, op->loc, "epsilon %g is too large",
                        vq_get_f(op, A_EPS, 0));
    in[1] = vq_const_s32(r, vq_subname(r, op, ".g"), g, p->all);
    in[2] = vq_const_s32(r, vq_subname(r, op, ".b"), b, p->all);
    now = vq_emit(r->to, OP_I_LAYERNORM, r->from->val[op->out].name, p->t, in,
                  3, op->loc);
    vq_set_i(r->to, now, A_FRAC, p->frac);
    vq_set_i(r->to, now, A_SHIFT, p->shift);
    vq_set_i(r->to, now, A_IEPS, (int64_t)fmax(eps, 1));
    if (p->heads > 1)
        vq_set_i(r->to, now, A_HEADS, p->heads);
    if (!p->centre)
        vq_set_i(r->to, now, A_MEAN, 0);
    vq_become(r, op->out, now->out);
    return true;
}

/* I-ViT: out = (Y + floor((beta/gamma)/u)) * u * gamma, u = sqrt(C) / 2^30.
 * A gamma of zero would divide by zero: it becomes the least one whose bias
 * still fits the sum's 32 bits. */
static bool
lower_ivit(Rewrite *r, const Op *op, const NormParams *p)
{
    double u = sqrt((double)p->cols) / 0x1p30;
    int64_t *b = NEWN(r->to->arena, int64_t, p->cols);
    double *m = NEWN(r->to->arena, double, p->cols);
    ValId in[4] = {vq_new(r, op->in[0])};

    for (int64_t c = 0; c < p->cols; c++) {
        double least = fmax(fabs((double)p->beta[c]) / (0x1p30 * u), 1e-12);
        double gamma = p->gamma[c];

        if (fabs(gamma) < least)
            gamma = copysign(least, gamma);
        b[c] = (int64_t)floor((double)p->beta[c] / gamma / u);
        m[c] = u * gamma / p->t.q.scale;
    }
    in[1] = vq_const(r->to, vq_subname(r, op, ".b"), TYPE(DT_S64, p->cols), b);
    vq_requant_consts(r, op, "", RQ_DYADIC, m, p->cols, in + 2);
    vq_become(r, op->out,
              vq_emit(r->to, OP_I_IVITNORM, r->from->val[op->out].name, p->t,
                      in, 4, op->loc)
                  ->out);
    return true;
}

bool
vq_lower_norm(Rewrite *r, const Op *op)
{
    NormParams p = {.gamma = r->from->val[op->in[1]].data,
                    .beta = r->from->val[op->in[2]].data,
                    .t = vq_lowered_type(r, op)};

    p.all = vq_cols(&p.t);
    p.heads = vq_get_i(op, A_HEADS, 1);
    p.cols = p.all / p.heads;
    p.centre = vq_get_i(op, A_MEAN, 1) != 0;
    if (!vq_check_norm(r->from, r->diag, op))
        return false;
    /* I-ViT has the one form, of rows that it was made for. */
    return vq_context(r)->nonlinear == NL_IVIT && p.heads == 1 && p.centre &&
                   p.cols <= VQ_SHORTROW && !p.t.q.scales
               ? lower_ivit(r, op, &p)
               : lower_ours(r, op, &p);
}
