/*
 * graph.c -- making values and ops, and finding them again.
 */
#include "ir/ir.h"
#include "ir/names.h"

#include <assert.h>
#include <string.h>

/* Takes `name`, or the first of name.1, name.2, .. that is free. Names stay
 * taken: an item of the table is the last number that its name was tried
 * with. */
static const char *
take_name(Graph *g, const char *name)
{
    const char *base = name && *name ? name : "v";
    const char *s = vq_strdup(g->arena, base);
    bool found;
    void **at = vq_names_at(g->names, s, &found);
    uintptr_t i;

    if (!found)
        return s;
    i = (uintptr_t)*at;
    do
        s = vq_format(g->arena, "%s.%zu", base, (size_t)++i);
    while (vq_names_find(g->names, s));
    *at = (void *)i;
    vq_names_at(g->names, s, &found);
    return s;
}

Graph *
vq_graph_new(Arena *a, const char *name)
{
    Graph *g = NEW(a, Graph);

    g->arena = a;
    g->name = vq_strdup(a, name);
    g->names = vq_names_new(a);
    g->val = vq_grow(a, g->val, 0, &g->capval, sizeof *g->val);
    g->op = vq_grow(a, g->op, 0, &g->capop, sizeof *g->op);
    g->nval = g->nop = 1;
    g->chunks = 1;
    return g;
}

static ValId
new_value(Graph *g, const char *name, Type type, const void *data)
{
    g->val = vq_grow(g->arena, g->val, g->nval, &g->capval, sizeof *g->val);
    g->val[g->nval] = (Value){
        .name = take_name(g, name), .type = type, .data = data, .slot = -1};
    return g->nval++;
}

static ValId *
append_id(Arena *a, const ValId *ids, uint32_t n, ValId v)
{
    ValId *more = NEWN(a, ValId, n + 1);

    if (n)
        memcpy(more, ids, n * sizeof *ids);
    more[n] = v;
    return more;
}

ValId
vq_input(Graph *g, const char *name, Type type)
{
    ValId v = new_value(g, name, type, NULL);

    g->in = append_id(g->arena, g->in, g->nin++, v);
    return v;
}

ValId
vq_const(Graph *g, const char *name, Type type, const void *data)
{
    assert(data);
    return new_value(g, name, type, data);
}

ValId
vq_const_f32(Graph *g, const char *name, float x)
{
    float *data = NEW(g->arena, float);

    *data = x;
    return vq_const(g, name, vq_type_of(DT_F32, 0, NULL), data);
}

void
vq_output(Graph *g, ValId v)
{
    g->out = append_id(g->arena, g->out, g->nout++, v);
}

Op *
vq_emit(Graph *g, OpKind kind, const char *name, Type type, const ValId *in,
        uint32_t nin, Loc loc)
{
    Op *op;

    assert(nin >= vq_op[kind].lo && nin <= vq_op[kind].hi);
    g->op = vq_grow(g->arena, g->op, g->nop, &g->capop, sizeof *g->op);
    op = &g->op[g->nop];
    *op = (Op){.kind = kind, .nin = nin, .scratch = -1, .loc = loc};
    op->in = NEWN(g->arena, ValId, nin);
    memcpy(op->in, in, nin * sizeof *in);
    op->out = new_value(g, name, type, NULL);
    g->val[op->out].def = g->nop++;
    return op;
}

const Op *
vq_def(const Graph *g, ValId v)
{
    return g->val[v].def ? &g->op[g->val[v].def] : NULL;
}

uint32_t *
vq_use_counts(const Graph *g, Arena *a)
{
    uint32_t *n = NEWN(a, uint32_t, g->nval);

    for (uint32_t i = 1; i < g->nop; i++)
        for (uint32_t j = 0; j < g->op[i].nin; j++)
            n[g->op[i].in[j]]++;
    for (uint32_t i = 0; i < g->nout; i++)
        n[g->out[i]]++;
    return n;
}
