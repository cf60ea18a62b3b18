/*
 * ops_control.c -- If and Loop: the branch that is taken, and the rounds one
 * after the other. Both must be known at compile time: generated code is a
 * straight line.
 */
#include "frontend/import.h"

#include <string.h>

enum { MAXROUNDS = 4096 };

static bool
define_weight(Body *b, const char *inner, Item *x)
{
    const char *name = vq_inner_name(b, inner);

    if (!x || !vq_define(b->node->im, b->node->loc, name, x))
        return false;
    x->name = name;
    return true;
}

static bool
import_weights(Body *b, const Onnx__GraphProto *g)
{
    Import *im = b->node->im;
    Loc loc = b->node->loc;

    for (size_t i = 0; i < g->n_initializer; i++) {
        const Onnx__TensorProto *t = g->initializer[i];
        const char *name = t->name ? t->name : "";

        if (!define_weight(b, name,
                           vq_tensor_read(im, loc, t, name, FINITE_OR_MASK)))
            return false;
    }
    for (size_t i = 0; i < g->n_sparse_initializer; i++) {
        const char *name = vq_sparse_name(g->sparse_initializer[i]);

        if (!define_weight(
                b, name,
                vq_sparse_read(im, loc, g->sparse_initializer[i], name)))
            return false;
    }
    return true;
}

/* A graph's nodes, in a body whose inputs have names. */
static bool
write_out(Body *b, const Onnx__GraphProto *g)
{
    bool ok;

    if (!vq_inner_enter(b->node))
        return false;
    vq_inner_own_graph(b, g);
    ok = import_weights(b, g) && vq_inner_import(b, g->node, g->n_node);
    vq_inner_leave(b->node);
    return ok;
}

static Item *
output_of(Body *b, const Onnx__GraphProto *g, size_t k)
{
    const char *name = g->output[k]->name ? g->output[k]->name : "";
    Item *x = vq_inner_item(b, name);

    if (!x)
        return vq_node_error(b->node,
                             "its graph does not make its output "
                             "'%s'",
                             name);
    return x->bad ? NULL : x;
}

static const Onnx__GraphProto *
graph_attr(const Node *n, const char *name)
{
    const Onnx__AttributeProto *a = vq_node_attr(n, name);

    if (a && a->g)
        return a->g;
    vq_node_error(n, "has no graph `%s`", name);
    return NULL;
}

/* One truth known now. */
static bool
known_truth(const Node *n, const Item *x, const char *what, bool *truth)
{
    if (!vq_known(x) || vq_count(&x->type) != 1 || x->type.dt != DT_S64) {
        vq_node_error(n,
                      "its condition (%s) depends on the model's input: "
                      "export with fixed shapes, or with one side of it only",
                      what);
        return false;
    }
    *truth = vq_item_i(x)[0] != 0;
    return true;
}

/* The body's outputs from the k-th on, as the node's from the first on. */
static Item *
give(Node *n, Item *const *x, size_t count)
{
    for (size_t k = 1; k < n->p->n_output && k < count; k++)
        if (vq_wants_output(n, (uint32_t)k) &&
            (!x[k] || !vq_set_output(n, (uint32_t)k, x[k])))
            return NULL;
    return count ? x[0] : vq_node_error(n, "its graph has no output");
}

Item *
vq_onnx_if(Node *n)
{
    const Onnx__GraphProto *g;
    Item **x;
    bool truth;
    Body *b;

    if (!known_truth(n, vq_in(n, 0), n->p->input[0], &truth))
        return NULL;
    g = graph_attr(n, truth ? "then_branch" : "else_branch");
    if (!g)
        return NULL;
    b = vq_inner_new(n, false);
    if (!write_out(b, g))
        return NULL;
    x = NEWN(n->im->arena, Item *, g->n_output + 1);
    for (size_t k = 0; k < g->n_output; k++)
        if (!(x[k] = output_of(b, g, k)))
            return NULL;
    return give(n, x, g->n_output);
}

/* ---- Loop ---- */

typedef struct Rounds {
    Node *n;
    const Onnx__GraphProto *g;
    size_t ncarried, nscan;
    Item **carried;
    Item ***scan; /* [output][round] */
    int64_t count;
    bool more; /* the condition */
} Rounds;

static bool
rounds_of(Node *n, int64_t *most, bool *more)
{
    const Item *trip = vq_in(n, 0), *cond = vq_in(n, 1);

    *most = INT64_MAX;
    *more = true;
    if (trip && (!vq_known(trip) || trip->type.dt != DT_S64 ||
                 vq_count(&trip->type) != 1))
        return vq_node_error(n,
                             "its number of rounds (%s) depends on the "
                             "model's input: export with fixed shapes",
                             n->p->input[0]);
    if (trip)
        *most = vq_item_i(trip)[0];
    return !cond || known_truth(n, cond, n->p->input[1], more);
}

/* An item under the name that the body's input k becomes. */
static bool
give_input(Body *b, const Rounds *r, size_t k, Item *x)
{
    const char *inner = r->g->input[k]->name ? r->g->input[k]->name : "";
    Item *copy = NEW(r->n->im->arena, Item);

    vq_inner_own(b, inner);
    memcpy(copy, x, sizeof *copy);
    return vq_define(r->n->im, r->n->loc, vq_inner_name(b, inner), copy);
}

static Item *
as_bool(Node *n, bool truth)
{
    Item *x = vq_item_new(n->im, n->loc, ET_BOOL, 0, NULL);

    vq_item_i(x)[0] = truth;
    return x;
}

static Item *
as_int64(Node *n, int64_t value)
{
    Item *x = vq_item_new(n->im, n->loc, ET_INT64, 0, NULL);

    vq_item_i(x)[0] = value;
    return x;
}

static bool
run_round(Rounds *r)
{
    Node *n = r->n;
    Body *b = vq_inner_new(n, false);
    Item *x;

    b->prefix =
        vq_format(n->im->arena, "%s.%lld", b->prefix, (long long)r->count);
    if (!give_input(b, r, 0, as_int64(n, r->count)) ||
        !give_input(b, r, 1, as_bool(n, true)))
        return false;
    for (size_t k = 0; k < r->ncarried; k++)
        if (!give_input(b, r, 2 + k, r->carried[k]))
            return false;
    if (!write_out(b, r->g) || !(x = output_of(b, r->g, 0)) ||
        !known_truth(n, x, r->g->output[0]->name, &r->more))
        return false;
    for (size_t k = 0; k < r->ncarried; k++)
        if (!(r->carried[k] = output_of(b, r->g, 1 + k)))
            return false;
    for (size_t k = 0; k < r->nscan; k++)
        if (!(r->scan[k][r->count] = output_of(b, r->g, 1 + r->ncarried + k)))
            return false;
    r->count++;
    return true;
}

/* One scanned output: the rounds' values stacked along a new first axis. */
static Item *
stack(Rounds *r, Item **round)
{
    int64_t dim[MAXRANK] = {1};

    if (r->count == 0)
        return vq_node_error(r->n, "runs no round: an output is empty");
    for (int64_t i = 0; i < r->count; i++) {
        const Type *t = &round[i]->type;

        if (t->rank == MAXRANK)
            return vq_node_error(r->n, "an output would be of rank 9");
        for (int d = 0; d < t->rank; d++)
            dim[d + 1] = t->dim[d];
        round[i] = vq_reshape(r->n, round[i], t->rank + 1, dim);
    }
    return vq_concat(r->n, round, (uint32_t)r->count, 0);
}

static bool
check_loop(Rounds *r)
{
    const Onnx__GraphProto *g = r->g;
    Node *n = r->n;

    r->ncarried = n->nin > 2 ? n->nin - 2 : 0;
    if (g->n_input != r->ncarried + 2 || g->n_output < r->ncarried + 1)
        return vq_node_error(n,
                             "its body has %zu inputs and %zu outputs, which "
                             "do not go with %u inputs",
                             g->n_input, g->n_output, n->nin);
    r->nscan = g->n_output - 1 - r->ncarried;
    r->carried = NEWN(n->im->arena, Item *, r->ncarried + 1);
    for (size_t k = 0; k < r->ncarried; k++)
        if (!(r->carried[k] = vq_in(n, (uint32_t)k + 2)))
            return vq_node_error(n, "input %zu is missing", k + 2);
    r->scan = NEWN(n->im->arena, Item **, r->nscan + 1);
    for (size_t k = 0; k < r->nscan; k++)
        r->scan[k] = NEWN(n->im->arena, Item *, MAXROUNDS);
    return true;
}

Item *
vq_onnx_loop(Node *n)
{
    Rounds r = {.n = n, .g = graph_attr(n, "body")};
    int64_t most;
    Item **x;

    if (!r.g || !check_loop(&r) || !rounds_of(n, &most, &r.more))
        return NULL;
    while (r.count < most && r.more) {
        if (r.count == MAXROUNDS)
            return vq_node_error(n, "more than %d rounds", MAXROUNDS);
        if (!run_round(&r))
            return NULL;
    }
    x = NEWN(n->im->arena, Item *, r.ncarried + r.nscan + 1);
    memcpy(x, r.carried, r.ncarried * sizeof *x);
    for (size_t k = 0; k < r.nscan; k++)
        if (n->p->n_output > r.ncarried + k &&
            n->p->output[r.ncarried + k][0] &&
            !(x[r.ncarried + k] = stack(&r, r.scan[k])))
            return NULL;
    return give(n, x, r.ncarried + r.nscan);
}
