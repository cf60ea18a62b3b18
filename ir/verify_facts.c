/*
 * verify_facts.c -- what the facts that a graph claims say of it.
 */
#include "ir/verify.h"

static bool
fail_at(const Check *c, const Op *op, const char *why)
{
    Check at = *c;

    at.op = op;
    return vq_fail(&at, "%s", why);
}

/* Other ops that fusion looks for may stand where no pattern fits. */
static bool
check_fused(const Check *c)
{
    for (uint32_t i = 1; i < c->g->nop; i++) {
        const Op *op = &c->g->op[i];

        if (op->kind == OP_MATMUL && vq_is_const(c->g, op->in[1]) &&
            vq_type(c->g, op->in[1])->rank == 2 &&
            !vq_is_const(c->g, op->in[0]))
            return fail_at(c, op,
                           "by a constant matrix is a linear in a "
                           "fused graph");
    }
    return true;
}

/* ---- edges: f32 that only moves between the graph's ports and an op ---- */

static bool
is_move(const Op *op)
{
    return vq_op[op->kind].stage == STAGE_M;
}

/* Values made of inputs and constants by moves alone. */
static void
mark_entry(const Graph *g, bool *edge)
{
    for (ValId v = 1; v < g->nval; v++)
        edge[v] = g->val[v].def == 0;
    for (uint32_t i = 1; i < g->nop; i++) {
        bool all = is_move(&g->op[i]);

        for (uint32_t j = 0; j < g->op[i].nin; j++)
            all = all && edge[g->op[i].in[j]];
        edge[g->op[i].out] = all;
    }
}

/* Values that are outputs, or used by moves to such values alone. */
static void
mark_exit(const Graph *g, Arena *tmp, bool *edge)
{
    uint32_t *uses = vq_use_counts(g, tmp);
    uint32_t *kept = NEWN(tmp, uint32_t, g->nval);

    for (uint32_t i = 0; i < g->nout; i++)
        kept[g->out[i]]++;
    for (uint32_t i = g->nop - 1; i > 0; i--) {
        const Op *op = &g->op[i];
        bool leaves = uses[op->out] && kept[op->out] == uses[op->out];

        edge[op->out] = edge[op->out] || leaves;
        for (uint32_t j = 0; leaves && is_move(op) && j < op->nin; j++)
            kept[op->in[j]]++;
    }
}

/* ---- islands: f32 that float ops make or read, moved or not ---- */

/* In a quantized graph: a real op on f32 alone. */
static bool
is_float(const Graph *g, const Op *op)
{
    if (vq_op[op->kind].stage != STAGE_R || op->kind == OP_CONVERT ||
        vq_type(g, op->out)->dt != DT_F32)
        return vq_op[op->kind].stage == STAGE_F;
    for (uint32_t i = 0; i < op->nin; i++)
        if (op->in[i] && vq_type(g, op->in[i])->dt != DT_F32)
            return false;
    return true;
}

static void
mark_floats(const Graph *g, bool *is)
{
    for (uint32_t i = 1; i < g->nop; i++) {
        const Op *op = &g->op[i];

        is[op->out] = is_float(g, op);
        for (uint32_t j = 0; is_move(op) && j < op->nin; j++)
            is[op->out] = is[op->out] || is[op->in[j]];
    }
    for (uint32_t i = g->nop - 1; i > 0; i--) {
        const Op *op = &g->op[i];

        for (uint32_t j = 0; j < op->nin; j++)
            if (is_float(g, op) || (is_move(op) && is[op->out]))
                is[op->in[j]] = true;
    }
}

/* Where f32 may stand. */
static bool *
find_real(const Check *c)
{
    bool *edge = NEWN(c->tmp, bool, c->g->nval);
    bool *island = NEWN(c->tmp, bool, c->g->nval);

    mark_entry(c->g, edge);
    mark_exit(c->g, c->tmp, edge);
    mark_floats(c->g, island);
    for (ValId v = 1; v < c->g->nval; v++)
        edge[v] = edge[v] || island[v];
    return edge;
}

/* s32 sums of integer ops are plain numbers. */
static bool
check_quantized(const Check *c)
{
    const bool *real = find_real(c);

    for (uint32_t i = 1; i < c->g->nop; i++) {
        const Op *op = &c->g->op[i];
        const Type *t = vq_type(c->g, op->out);

        if (t->dt == DT_F32 ? !real[op->out]
                            : t->dt != DT_S32 && !vq_is_quantized(t))
            return fail_at(c, op,
                           "has no quantized type in a quantized "
                           "graph");
    }
    return true;
}

static bool
check_integer(const Check *c)
{
    const bool *real = find_real(c);

    for (uint32_t i = 1; i < c->g->nop; i++) {
        const Op *op = &c->g->op[i];

        if (vq_op[op->kind].stage == STAGE_R)
            return fail_at(c, op, "is real arithmetic in an integer graph");
        if (vq_type(c->g, op->out)->dt == DT_F32 && !real[op->out])
            return fail_at(c, op, "is f32 inside an integer graph");
    }
    return true;
}

static bool
check_kernel(const Check *c)
{
    for (uint32_t i = 1; i < c->g->nop; i++)
        if (c->g->op[i].kind == OP_I_MATMUL)
            return fail_at(c, &c->g->op[i], "must be a k.linear by now");
    for (uint32_t i = 1; i < c->g->nop; i++)
        if (c->g->op[i].kind == OP_I_DEPTHWISE)
            return fail_at(c, &c->g->op[i], "must be a k.depthwise by now");
    return true;
}

CheckFn *const vq_check_fact[NFACT] = {
    check_fused, check_quantized, check_integer, check_kernel, vq_check_planned,
};
