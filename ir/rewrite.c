/*
 * rewrite.c -- how a pass re-emits a graph (ir.h has the contract).
 */
#include "ir/ir.h"

#include <assert.h>
#include <string.h>

void
vq_become(Rewrite *r, ValId old, ValId now)
{
    assert(now);
    r->map[old] = now;
}

/* Constants come over when something first asks for them, and so do the
 * constants that their types name. */
ValId
vq_new(Rewrite *r, ValId old)
{
    const Value *v = &r->from->val[old];
    Type t;

    if (old == 0 || r->map[old])
        return r->map[old];
    assert(v->data);
    t = v->type;
    t.q.scales = vq_new(r, t.q.scales);
    return r->map[old] = vq_const(r->to, v->name, t, v->data);
}

bool
vq_copy(Rewrite *r, const Op *op)
{
    const Value *v = &r->from->val[op->out];
    ValId *in = NEWN(r->to->arena, ValId, op->nin);
    Type t = v->type;
    Op *copy;

    for (uint32_t i = 0; i < op->nin; i++)
        in[i] = vq_new(r, op->in[i]);
    t.q.scales = vq_new(r, t.q.scales);
    copy = vq_emit(r->to, op->kind, v->name, t, in, op->nin, op->loc);
    memcpy(copy->attr, op->attr, sizeof op->attr);
    copy->nattr = op->nattr;
    copy->scratch = op->scratch;
    r->to->val[copy->out].slot = v->slot;
    vq_become(r, op->out, copy->out);
    return true;
}

static void
copy_inputs(Rewrite *r)
{
    for (uint32_t i = 0; i < r->from->nin; i++) {
        const Value *v = &r->from->val[r->from->in[i]];

        vq_become(r, r->from->in[i], vq_input(r->to, v->name, v->type));
    }
}

bool
vq_rewrite(Graph *g, Diag *d, Step *step, void *user)
{
    Rewrite r = {.from = g, .to = vq_graph_new(g->arena, g->name), .diag = d,
                 .user = user};

    r.map = NEWN(g->arena, ValId, g->nval);
    copy_inputs(&r);
    for (uint32_t i = 1; i < g->nop; i++)
        if (!step(&r, &g->op[i]))
            return false;
    for (uint32_t i = 0; i < g->nout; i++)
        vq_output(r.to, vq_new(&r, g->out[i]));
    r.to->facts = g->facts;
    r.to->worksize = g->worksize;
    r.to->chunks = g->chunks;
    *g = *r.to;
    return true;
}
