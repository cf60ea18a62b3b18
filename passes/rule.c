/*
 * rule.c -- the engine of rule.h.
 */
#include "passes/rule.h"

#include "passes/passes.h"

#include <assert.h>
#include <math.h>

/* More than any chain of rules needs; a table that passes it never ends. */
enum { MAXROUNDS = 10000 };

typedef struct Table {
    Match match;
    const Rule *rule;
    size_t n;
} Table;

bool
vq_is_plain(const Graph *g, const Op *op)
{
    for (uint32_t i = 0; i < op->nin; i++)
        if (op->in[i] && vq_type(g, op->in[i])->dt != DT_F32)
            return false;
    return vq_type(g, op->out)->dt == DT_F32;
}

static bool
apply_first(Rewrite *rw, const Op *op)
{
    Table *t = rw->user;
    Match *m = &t->match;

    m->rw = rw;
    for (size_t i = 0; i < t->n && vq_is_plain(m->g, op); i++) {
        ValId v;

        if (t->rule[i].op != NOP && t->rule[i].op != op->kind)
            continue;
        v = t->rule[i].fn(m, op);
        if (!v)
            continue;
        assert(vq_same_shape(vq_type(rw->to, v), vq_type(rw->from, op->out)));
        m->fired++;
        vq_become(rw, op->out, v);
        return true;
    }
    return vq_copy(rw, op);
}

bool
vq_apply_rules(Graph *g, Diag *d, const Rule *rule, size_t n)
{
    for (int round = 0; round < MAXROUNDS; round++) {
        Table t = {.rule = rule, .n = n};

        t.match.g = g;
        t.match.uses = vq_use_counts(g, g->arena);
        if (!vq_rewrite(g, d, apply_first, &t))
            return false;
        if (t.match.fired == 0)
            return true;
        if (!vq_sweep(g, d))
            return false;
    }
    return vq_bug(d, NOLOC, "rewriting does not end");
}

Build
vq_build_at(const Match *m, const Op *op)
{
    return (Build){m->rw->to, m->rw->diag, m->g->val[op->out].name, op->loc};
}

ValId
vq_fetch(const Match *m, ValId v)
{
    return vq_new(m->rw, v);
}

bool
vq_only_use(const Match *m, ValId v)
{
    return m->uses[v] == 1;
}

const Op *
vq_def_as(const Graph *g, ValId v, OpKind kind)
{
    const Op *op = v ? vq_def(g, v) : NULL;

    return op && op->kind == kind ? op : NULL;
}

const float *
vq_floats(const Graph *g, ValId v)
{
    assert(vq_is_const(g, v) && vq_type(g, v)->dt == DT_F32);
    return g->val[v].data;
}

bool
vq_scalar(const Graph *g, ValId v, double *x)
{
    const Type *t = vq_type(g, v);

    if (!vq_is_const(g, v) || t->dt != DT_F32 || vq_count(t) != 1)
        return false;
    *x = (double)vq_floats(g, v)[0];
    return true;
}

bool
vq_near(double x, double c)
{
    return fabs(x - c) <= 1e-3 * fabs(c);
}

bool
vq_with_const(const Graph *g, const Op *op, ValId *x, ValId *c)
{
    int at = vq_is_const(g, op->in[1]) ? 1 : 0;

    assert(op->nin == 2);
    *c = op->in[at];
    *x = op->in[1 - at];
    return vq_is_const(g, *c) && !vq_is_const(g, *x) &&
           vq_type(g, *c)->dt == DT_F32;
}

bool
vq_is_cols(const Graph *g, ValId c, const Type *t)
{
    const Type *ct = vq_type(g, c);

    return vq_is_const(g, c) && ct->dt == DT_F32 &&
           vq_count(ct) == vq_cols(ct) &&
           (vq_cols(ct) == 1 || vq_cols(ct) == vq_cols(t));
}
