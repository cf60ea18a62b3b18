/*
 * mutations.c -- chance, what changes share, and the choice among them.
 *
 * Changes of structure work on a message that protobuf-c unpacked and that
 * will be packed again, never freed: pieces may be shared between places.
 */
#include "tests/lib/changes.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Reachable, so that a leak detector looks for the library's leaks alone. */
static void *kept[256];
static size_t nkept;

void *
keep(size_t bytes)
{
    void *p = calloc(1, bytes + 1);

    if (!p || nkept == COUNT(kept))
        abort();
    return kept[nkept++] = p;
}

/* Messages have strings that may be written to. */
char *
text(const char *s)
{
    return strcpy(keep(strlen(s)), s);
}

size_t
rng_below(Rng *r, size_t n)
{
    return n ? (size_t)(vq_random(&r->state) % n) : 0;
}

int64_t
odd_int(Rng *r)
{
    static const int64_t odd[] = {0,         1,         -1,        2,
                                  -2,        3,         7,         8,
                                  16,        64,        255,       65536,
                                  INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN,
                                  1 << 20,   1LL << 32, 1LL << 40, 1LL << 61};

    return odd[rng_below(r, COUNT(odd))];
}

float
odd_float(Rng *r)
{
    static const float odd[] = {0,        -1,       1e-45F, 1e30F,
                                -3.4e38F, INFINITY, NAN,    1e-30F,
                                0.5F,     65504,    -0.0F,  -INFINITY};

    return odd[rng_below(r, COUNT(odd))];
}

Onnx__NodeProto *
a_node(const Onnx__ModelProto *m, Rng *r)
{
    const Onnx__GraphProto *g = m->graph;

    return g->n_node ? g->node[rng_below(r, g->n_node)] : NULL;
}

/* An initializer, or the value of a Constant. */
Onnx__TensorProto *
a_tensor(const Onnx__ModelProto *m, Rng *r)
{
    const Onnx__GraphProto *g = m->graph;
    const Onnx__NodeProto *n = a_node(m, r);

    for (int i = 0; n && i < 20; i++, n = a_node(m, r))
        if (rng_below(r, 2) && n->n_attribute && n->attribute[0]->t)
            return n->attribute[0]->t;
    return g->n_initializer ? g->initializer[rng_below(r, g->n_initializer)]
                            : NULL;
}

Onnx__AttributeProto *
an_attribute(const Onnx__ModelProto *m, Rng *r)
{
    for (int i = 0; i < 50; i++) {
        const Onnx__NodeProto *n = a_node(m, r);

        if (n && n->n_attribute)
            return n->attribute[rng_below(r, n->n_attribute)];
    }
    return NULL;
}

Onnx__TypeProto__Tensor *
an_input_type(const Onnx__ModelProto *m, Rng *r)
{
    const Onnx__GraphProto *g = m->graph;
    size_t i = rng_below(r, g->n_input);

    if (!g->n_input || !g->input[i]->type ||
        g->input[i]->type->value_case != ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE)
        return NULL;
    return g->input[i]->type->tensor_type;
}

char **
a_reference(const Onnx__ModelProto *m, Rng *r)
{
    for (int i = 0; i < 50; i++) {
        const Onnx__NodeProto *n = a_node(m, r);

        if (n && n->n_input)
            return &n->input[rng_below(r, n->n_input)];
    }
    return NULL;
}

/* ---- one change ---- */

void
note(Done *d, const char *what)
{
    if (d->n < (int)COUNT(d->what))
        d->what[d->n++] = what;
}

/* The lists as one; what a seed does depends on their order. */
static const Change *
choose(Rng *r)
{
    static const Change *const list[] = {change_tensors, change_nodes,
                                         change_attributes, change_whole};
    size_t n = 0, i;

    for (size_t k = 0; k < COUNT(list); k++)
        for (const Change *c = list[k]; c->name; c++)
            n++;
    i = rng_below(r, n);
    for (size_t k = 0; k < COUNT(list); k++)
        for (const Change *c = list[k]; c->name; c++)
            if (i-- == 0)
                return c;
    abort();
}

void
mutate_model(Onnx__ModelProto *m, Rng *r, Done *done)
{
    const Change *c = choose(r);

    c->fn(m, r);
    note(done, c->name);
}
