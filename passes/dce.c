/*
 * dce.c -- drop the ops that nobody uses.
 *
 * Needs nothing and keeps every fact. The graph is one straight line, so one
 * walk from its end settles it: an op stays when its value is an output of
 * the graph or an input of an op that stays. Ops have no side effects.
 */
#include "passes/passes.h"

static void
mark_used(const Graph *g, bool *used)
{
    for (uint32_t i = 0; i < g->nout; i++)
        used[g->out[i]] = true;
    for (uint32_t i = g->nop - 1; i > 0; i--) {
        const Op *op = &g->op[i];

        if (used[op->out])
            for (uint32_t j = 0; j < op->nin; j++)
                used[op->in[j]] = true;
    }
}

static bool
copy_used(Rewrite *r, const Op *op)
{
    const bool *used = r->user;

    return used[op->out] ? vq_copy(r, op) : true;
}

bool
vq_sweep(Graph *g, Diag *d)
{
    bool *used = NEWN(g->arena, bool, g->nval);

    mark_used(g, used);
    return vq_rewrite(g, d, copy_used, used);
}

bool
vq_dce(Graph *g, const PassContext *c)
{
    return vq_sweep(g, c->diag);
}
