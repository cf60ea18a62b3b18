/*
 * lower.c -- what the lowerings share: names, constants, requantization.
 */
#include "passes/lower.h"

#include <string.h>

Type
vq_lowered_type(Rewrite *r, const Op *op)
{
    Type t = *vq_type(r->from, op->out);

    t.q.scales = vq_new(r, t.q.scales);
    return t;
}

const char *
vq_subname(Rewrite *r, const Op *op, const char *suffix)
{
    return vq_format(r->to->arena, "%s%s", r->from->val[op->out].name, suffix);
}

ValId
vq_const_s32(Rewrite *r, const char *name, const int32_t *x, int64_t n)
{
    int32_t *copy = NEWN(r->to->arena, int32_t, n);

    memcpy(copy, x, (size_t)n * sizeof *x);
    return vq_const(r->to, name, TYPE(DT_S32, n), copy);
}

RequantForm
vq_choose_requant(const PassContext *cx, const double *m, int64_t n, DType dt)
{
    return cx->dyadic ? RQ_DYADIC : vq_requant_form(m, n, dt);
}

void
vq_requant_consts(Rewrite *r, const Op *op, const char *what, RequantForm form,
                  const double *m, int64_t n, ValId out[2])
{
    Arena *a = r->to->arena;
    int32_t *mul = NEWN(a, int32_t, n), *shift = NEWN(a, int32_t, n);

    for (int64_t i = 0; i < n; i++) {
        Requant q = vq_requant_of(form, m[i]);

        mul[i] = q.mul;
        shift[i] = q.shift;
    }
    out[0] =
        vq_const_s32(r, vq_subname(r, op, vq_format(a, "%s.m", what)), mul, n);
    out[1] = vq_const_s32(r, vq_subname(r, op, vq_format(a, "%s.n", what)),
                          shift, n);
}

ValId
vq_requantize(Rewrite *r, const Op *op, const char *suffix, ValId acc,
              const double *m, int64_t n, Type t)
{
    RequantForm form = vq_choose_requant(vq_context(r), m, n, t.dt);
    ValId in[3] = {acc};
    Op *now;

    vq_requant_consts(r, op, suffix, form, m, n, in + 1);
    now = vq_emit(r->to, OP_I_REQUANT, vq_subname(r, op, suffix), t, in, 3,
                  op->loc);
    vq_set_i(r->to, now, A_FORM, form);
    return now->out;
}

void
vq_emit_requant(Rewrite *r, const Op *op, ValId acc, const double *m, int64_t n,
                Type t)
{
    vq_become(r, op->out, vq_requantize(r, op, "", acc, m, n, t));
}

void
vq_emit_product(Rewrite *r, const Op *op, const ValId in[2], Type t)
{
    Type acc = t;
    double m = 1 / (double)t.q.scale;

    for (int i = 0; i < 2; i++)
        m *= (double)vq_type(r->to, in[i])->q.scale;
    acc.dt = DT_S32;
    acc.q = (Quant){0};
    vq_emit_requant(
        r, op,
        vq_emit(r->to, OP_I_MUL, vq_subname(r, op, ".acc"), acc, in, 2, op->loc)
            ->out,
        &m, 1, t);
}
