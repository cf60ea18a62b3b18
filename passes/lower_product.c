/*
 * lower_product.c -- a product of two computed values in integers.
 *
 * numpy's forms of matmul become products of as many matrices on either side:
 * a vector is a matrix of one row or column, and what is broadcast is written
 * out.
 */
#include "passes/lower.h"

#include <string.h>

/* x as a value of this shape, by a move that copies or keeps its elements. */
static ValId
moved(Rewrite *r, const Op *op, ValId x, OpKind kind, const char *suffix,
      const Type *shape)
{
    Type t = *vq_type(r->to, x);

    if (vq_same_shape(&t, shape))
        return x;
    t.rank = shape->rank;
    memcpy(t.dim, shape->dim, sizeof t.dim);
    return vq_emit(r->to, kind, vq_subname(r, op, suffix), t, &x, 1, op->loc)
        ->out;
}

/* An operand as a matrix: a vector is a row on the left, a column on the
 * right. */
static ValId
as_matrix(Rewrite *r, const Op *op, ValId x, bool left)
{
    Type t = *vq_type(r->to, x);

    if (t.rank > 1)
        return x;
    t.rank = 2;
    t.dim[1] = left ? t.dim[0] : 1;
    t.dim[0] = left ? 1 : t.dim[0];
    return moved(r, op, x, OP_RESHAPE, left ? ".a" : ".b", &t);
}

/* Batches written out: those of `lead`, then the matrix of x. */
static ValId
with_lead(Rewrite *r, const Op *op, ValId x, const Type *lead, const char *part)
{
    const Type *own = vq_type(r->to, x);
    Type t = *lead;

    t.dim[t.rank++] = own->dim[own->rank - 2];
    t.dim[t.rank++] = own->dim[own->rank - 1];
    return moved(r, op, x, OP_EXPAND, part, &t);
}

/* The batches of the result. */
static Type
lead_of(const Graph *g, const Op *op)
{
    Type t = *vq_type(g, op->out);

    t.rank -=
        (vq_type(g, op->in[0])->rank > 1) + (vq_type(g, op->in[1])->rank > 1);
    return t;
}

bool
vq_lower_matmul(Rewrite *r, const Op *op)
{
    Type lead = lead_of(r->from, op), t = vq_lowered_type(r, op), full = t;
    ValId in[4];
    RequantForm form;
    double m;
    Op *now;

    if (lead.rank + 2 > MAXRANK)
        return vq_error(r->diag, op->loc,
                        "a product of values of rank %d is not supported",
                        lead.rank + 2);
    for (int i = 0; i < 2; i++) {
        in[i] = as_matrix(r, op, vq_new(r, op->in[i]), i == 0);
        in[i] = with_lead(r, op, in[i], &lead, i ? ".bx" : ".ax");
    }
    m = (double)vq_type(r->to, in[0])->q.scale *
        (double)vq_type(r->to, in[1])->q.scale / (double)t.q.scale;
    form = vq_choose_requant(vq_context(r), &m, 1, t.dt);
    vq_requant_consts(r, op, "", form, &m, 1, in + 2);
    full.rank = lead.rank + 2;
    memcpy(full.dim, lead.dim, sizeof full.dim);
    full.dim[lead.rank] = vq_type(r->to, in[0])->dim[lead.rank];
    full.dim[lead.rank + 1] = vq_cols(vq_type(r->to, in[1]));
    now = vq_emit(r->to, OP_I_PRODUCT,
                  vq_same_shape(&full, &t) ? r->from->val[op->out].name
                                           : vq_subname(r, op, ".full"),
                  full, in, 4, op->loc);
    vq_set_i(r->to, now, A_FORM, form);
    if (vq_same_shape(&full, &t))
        vq_become(r, op->out, now->out);
    else
        vq_become(r, op->out,
                  vq_emit(r->to, OP_RESHAPE, r->from->val[op->out].name, t,
                          &now->out, 1, op->loc)
                      ->out);
    return true;
}
