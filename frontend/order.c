/*
 * order.c -- nodes into an order in which each comes after what it reads.
 *
 * ONNX wants them in topological order, but graph editors append nodes at the
 * end (ONNX Runtime's conversion to float16 puts its casts there), and runtimes
 * sort. A list that is in order stays as it is. In a cycle some node comes
 * before what it reads; import.c reports it.
 */
#include "frontend/import.h"

#include <string.h>

typedef struct Order {
    Arena *arena;
    const Onnx__GraphProto *g;
    Names *makers; /* output -> its node's place, a size_t */
    size_t *dep;   /* places that node i reads: first[i] .. first[i + 1] */
    size_t *first;
    size_t ndep;
} Order;

/* Outputs of one name are refused later; here the first counts. */
static void
note_makers(Order *o)
{
    bool found;

    for (size_t i = 0; i < o->g->n_node; i++)
        for (size_t k = 0; k < o->g->node[i]->n_output; k++) {
            const char *name = o->g->node[i]->output[k];
            void **at = *name ? vq_names_at(o->makers, name, &found) : NULL;

            if (at && !found) {
                *at = NEW(o->arena, size_t);
                *(size_t *)*at = i;
            }
        }
}

static void
note_read(Order *o, const char *name)
{
    void **at = *name ? vq_names_find(o->makers, name) : NULL;

    if (!at)
        return;
    if (o->dep)
        o->dep[o->ndep] = *(size_t *)*at;
    o->ndep++;
}

/* Graphs inside a node may read what is around them. They are nested no deeper
 * than vq_message_scan lets through. */
static void
note_reads(Order *o, const Onnx__NodeProto *p)
{
    for (size_t k = 0; k < p->n_input; k++)
        note_read(o, p->input[k]);
    for (size_t k = 0; k < p->n_attribute; k++) {
        const Onnx__GraphProto *g = p->attribute[k]->g;

        for (size_t i = 0; g && i < g->n_node; i++)
            note_reads(o, g->node[i]);
        for (size_t i = 0; g && i < g->n_output; i++)
            if (g->output[i]->name)
                note_read(o, g->output[i]->name);
    }
}

static void
note_all(Order *o)
{
    o->ndep = 0;
    for (size_t i = 0; i < o->g->n_node; i++) {
        o->first[i] = o->ndep;
        note_reads(o, o->g->node[i]);
    }
    o->first[o->g->n_node] = o->ndep;
}

static bool
is_ordered(const Order *o)
{
    for (size_t i = 0; i < o->g->n_node; i++)
        for (size_t k = o->first[i]; k < o->first[i + 1]; k++)
            if (o->dep[k] >= i)
                return false;
    return true;
}

/* Depth first from `root`: what it reads, then itself. next[i] is the place in
 * `dep` where node i goes on: first[i] is a node not seen yet, past
 * first[i + 1] one that is done. Returns how many nodes went to `to`. */
static size_t
visit(const Order *o, size_t root, size_t *next, size_t *stack,
      Onnx__NodeProto **to)
{
    size_t depth = 0, n = 0;

    stack[depth++] = root;
    while (depth) {
        size_t i = stack[depth - 1], d;

        if (next[i] == o->first[i + 1]) {
            next[i]++;
            to[n++] = o->g->node[i];
            depth--;
            continue;
        }
        d = o->dep[next[i]++];
        if (next[d] == o->first[d])
            stack[depth++] = d;
    }
    return n;
}

void
vq_nodes_order(Arena *a, Onnx__GraphProto *g)
{
    size_t count = g->n_node, n = 0, *next, *stack;
    Order o = {.arena = a, .g = g, .makers = vq_names_new(a)};
    Onnx__NodeProto **to;

    o.first = NEWN(a, size_t, count + 1);
    note_makers(&o);
    note_all(&o);
    o.dep = NEWN(a, size_t, o.ndep + 1);
    note_all(&o);
    if (is_ordered(&o))
        return;
    to = NEWN(a, Onnx__NodeProto *, count);
    next = NEWN(a, size_t, count);
    stack = NEWN(a, size_t, count);
    memcpy(next, o.first, count * sizeof *next);
    for (size_t i = 0; i < count; i++)
        if (next[i] == o.first[i])
            n += visit(&o, i, next, stack, to + n);
    memcpy(g->node, to, count * sizeof *to);
}
