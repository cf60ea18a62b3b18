/*
 * inline.c -- nodes of functions and of graphs inside nodes, made nodes of the
 * model.
 *
 * Nodes are copied under names of their own: `call/name` for what a body
 * defines, the caller's for what it is given or sees outside. References to a
 * function's attributes become the call's, or the function's defaults. The
 * copies share all else with the message. Their bytes are counted: calls of
 * calls and loops could make more of them than any memory holds.
 */
#include "frontend/import.h"

#include <string.h>

enum { MAXDEPTH = 32, MAXBYTES = 128 << 20, MAXPREFIX = 200 };

/* ---- bounds ---- */

bool
vq_inner_enter(Node *n)
{
    if (n->im->depth >= MAXDEPTH)
        return vq_node_error(n,
                             "functions and graphs inside nodes are more "
                             "than %d deep: inline them in the model",
                             MAXDEPTH);
    n->im->depth++;
    return true;
}

void
vq_inner_leave(Node *n)
{
    n->im->depth--;
}

static bool
charge(const Body *b, size_t bytes)
{
    Import *im = b->node->im;

    im->inlined += bytes;
    if (im->inlined <= MAXBYTES)
        return true;
    vq_node_error(b->node, "its body, with all that it calls and repeats, is "
                           "too large when written out");
    return false;
}

/* ---- names ---- */

Body *
vq_inner_new(Node *n, bool closed)
{
    Body *b = NEW(n->im->arena, Body);
    const char *name = n->loc.node ? n->loc.node : "";

    b->node = n;
    b->names = vq_names_new(n->im->arena);
    b->prefix = strlen(name) <= MAXPREFIX
                    ? name
                    : vq_format(n->im->arena, "body%u", ++n->im->nbodies);
    b->closed = closed;
    return b;
}

void
vq_inner_rename(Body *b, const char *inner, const char *outer)
{
    bool found;

    if (*inner)
        *vq_names_at(b->names, inner, &found) = (void *)(uintptr_t)outer;
}

static const char *
numbered(Arena *a, const char *base, uintptr_t i)
{
    return i > 1 ? vq_format(a, "%s.%zu", base, (size_t)i) : base;
}

/* `prefix/name`, or with a number where there is such a value. Names stay
 * taken: those below the last number are not tried again. */
static const char *
name_within(Body *b, const char *inner)
{
    Import *im = b->node->im;
    const char *base = vq_format(im->arena, "%s/%s", b->prefix, inner), *s;
    bool found;
    void **last = vq_names_at(im->tried, base, &found);
    uintptr_t i = found ? (uintptr_t)*last : 1;

    for (s = numbered(im->arena, base, i);
         vq_names_find(im->items, s) || vq_names_find(im->made, s);
         s = numbered(im->arena, base, i))
        i++;
    *last = (void *)i;
    return s;
}

void
vq_inner_own(Body *b, const char *inner)
{
    if (inner && *inner && !vq_names_find(b->names, inner))
        vq_inner_rename(b, inner, name_within(b, inner));
}

void
vq_inner_own_nodes(Body *b, Onnx__NodeProto *const *node, size_t n)
{
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < node[i]->n_output; k++)
            vq_inner_own(b, node[i]->output[k]);
}

void
vq_inner_own_graph(Body *b, const Onnx__GraphProto *g)
{
    for (size_t i = 0; i < g->n_input; i++)
        vq_inner_own(b, g->input[i]->name);
    for (size_t i = 0; i < g->n_initializer; i++)
        vq_inner_own(b, g->initializer[i]->name);
    for (size_t i = 0; i < g->n_sparse_initializer; i++)
        vq_inner_own(b, vq_sparse_name(g->sparse_initializer[i]));
    vq_inner_own_nodes(b, g->node, g->n_node);
}

const char *
vq_inner_name(const Body *b, const char *inner)
{
    if (!inner || !*inner)
        return "";
    for (const Body *at = b; at; at = at->outer) {
        void **name = vq_names_find(at->names, inner);

        if (name)
            return *name;
        if (at->closed) /* a name that nothing has */
            return vq_format(b->node->im->arena, "%s/%s", at->prefix, inner);
    }
    return inner;
}

/* ---- copies ---- */

static Onnx__AttributeProto *
find_attr(Onnx__AttributeProto *const *list, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (list[i]->name && strcmp(list[i]->name, name) == 0)
            return list[i];
    return NULL;
}

/* What a reference stands for; NULL: the node's own default. */
static const Onnx__AttributeProto *
referred(const Body *b, const char *name)
{
    const Onnx__AttributeProto *a = NULL;

    while (b->outer && !b->closed)
        b = b->outer;
    if (b->given)
        a = find_attr(b->given, b->ngiven, name);
    if (!a && b->defaults)
        a = find_attr(b->defaults, b->ndefaults, name);
    return a;
}

static Onnx__GraphProto *copy_graph(Body *, const Onnx__GraphProto *);

/* *out is NULL for an attribute that is not given. false: out of bounds. */
static bool
copy_attr(Body *b, const Onnx__AttributeProto *a, Onnx__AttributeProto **out)
{
    const Onnx__AttributeProto *from = a;
    Onnx__AttributeProto *c = NEW(b->node->im->arena, Onnx__AttributeProto);

    *out = NULL;
    if (a->ref_attr_name && *a->ref_attr_name)
        from = referred(b, a->ref_attr_name);
    if (!from)
        return true;
    memcpy(c, from, sizeof *c);
    c->name = a->name;
    if (from == a && a->g && !(c->g = copy_graph(b, a->g)))
        return false;
    *out = c;
    return charge(b, sizeof *c);
}

static bool
copy_attrs(Body *b, const Onnx__NodeProto *p, Onnx__NodeProto *c)
{
    c->attribute =
        NEWN(b->node->im->arena, Onnx__AttributeProto *, p->n_attribute + 1);
    c->n_attribute = 0;
    for (size_t i = 0; i < p->n_attribute; i++) {
        Onnx__AttributeProto *a;

        if (!copy_attr(b, p->attribute[i], &a))
            return false;
        if (a)
            c->attribute[c->n_attribute++] = a;
    }
    return true;
}

/* The names that these become; each is noted in `seen`. */
static bool
copy_names(Body *b, char *const *from, size_t n, char ***to, Names *seen)
{
    char **list = NEWN(b->node->im->arena, char *, n + 1);
    bool found;

    for (size_t i = 0; i < n; i++) {
        list[i] = (char *)(uintptr_t)vq_inner_name(b, from[i]);
        if (*list[i])
            vq_names_at(seen, list[i], &found);
        if (!charge(b, strlen(list[i]) + 64))
            return false;
    }
    *to = list;
    return true;
}

Onnx__NodeProto *
vq_inner_copy(Body *b, const Onnx__NodeProto *p)
{
    Import *im = b->node->im;
    Onnx__NodeProto *c = NEW(im->arena, Onnx__NodeProto);

    memcpy(c, p, sizeof *c);
    if (p->name && *p->name)
        c->name = vq_format(im->arena, "%s/%s", b->prefix, p->name);
    if (!charge(b, sizeof *c + strlen(c->name ? c->name : "")) ||
        !copy_names(b, p->input, p->n_input, &c->input, im->uses) ||
        !copy_names(b, p->output, p->n_output, &c->output, im->made) ||
        !copy_attrs(b, p, c))
        return NULL;
    return c;
}

/* What the graph yields may be a name from outside. */
static bool
copy_outputs(Body *b, Onnx__GraphProto *c)
{
    Arena *arena = b->node->im->arena;
    Onnx__ValueInfoProto **list =
        NEWN(arena, Onnx__ValueInfoProto *, c->n_output + 1);
    bool found;

    for (size_t i = 0; i < c->n_output; i++) {
        list[i] = NEW(arena, Onnx__ValueInfoProto);
        memcpy(list[i], c->output[i], sizeof *list[i]);
        list[i]->name = (char *)(uintptr_t)vq_inner_name(b, list[i]->name);
        vq_names_at(b->node->im->uses, list[i]->name, &found);
        if (!charge(b, sizeof *list[i]))
            return false;
    }
    c->output = list;
    return true;
}

/* A graph inside a node that is copied: what it defines keeps its name until
 * the graph is written out itself. NULL: out of bounds. */
static Onnx__GraphProto *
copy_graph(Body *outer, const Onnx__GraphProto *g)
{
    Arena *arena = outer->node->im->arena;
    Onnx__GraphProto *c = NEW(arena, Onnx__GraphProto);
    Body b = {.node = outer->node,
              .outer = outer,
              .names = vq_names_new(arena),
              .prefix = outer->prefix};

    memcpy(c, g, sizeof *c);
    for (size_t i = 0; i < g->n_input; i++)
        vq_inner_rename(&b, g->input[i]->name ? g->input[i]->name : "",
                        g->input[i]->name);
    for (size_t i = 0; i < g->n_initializer; i++)
        if (g->initializer[i]->name)
            vq_inner_rename(&b, g->initializer[i]->name,
                            g->initializer[i]->name);
    for (size_t i = 0; i < g->n_node; i++)
        for (size_t k = 0; k < g->node[i]->n_output; k++)
            vq_inner_rename(&b, g->node[i]->output[k], g->node[i]->output[k]);
    c->node = NEWN(arena, Onnx__NodeProto *, g->n_node + 1);
    for (size_t i = 0; i < g->n_node; i++)
        if (!(c->node[i] = vq_inner_copy(&b, g->node[i])))
            return NULL;
    return copy_outputs(&b, c) ? c : NULL;
}

bool
vq_inner_import(Body *b, Onnx__NodeProto *const *node, size_t n)
{
    Import *im = b->node->im;
    bool ok = true;

    for (size_t i = 0; i < n && !vq_enough_errors(im); i++) {
        const Onnx__NodeProto *c = vq_inner_copy(b, node[i]);

        if (!c)
            return false;
        ok = vq_import_node(im, c) && ok;
    }
    return ok;
}

Item *
vq_inner_item(const Body *b, const char *inner)
{
    const char *name = vq_inner_name(b, inner);
    void **at = *name ? vq_names_find(b->node->im->items, name) : NULL;

    return at ? *at : NULL;
}
