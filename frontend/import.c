/*
 * import.c -- an ONNX message to a graph: initializers, inputs, nodes in
 * order, outputs.
 *
 * Goes on after an error as long as it can, up to 20 errors: what follows
 * from a bad value is bad, silently.
 */
#include "frontend/import.h"

#include <string.h>

/* ---- names ---- */

/* Graphs inside nodes read names of the graph around them. They are nested no
 * deeper than vq_message_scan lets through. */
static void
collect_uses(Import *im, const Onnx__GraphProto *g)
{
    bool found;

    for (size_t i = 0; i < g->n_node; i++) {
        const Onnx__NodeProto *p = g->node[i];

        for (size_t k = 0; k < p->n_input; k++)
            vq_names_at(im->uses, p->input[k], &found);
        for (size_t k = 0; k < p->n_attribute; k++)
            if (p->attribute[k]->g)
                collect_uses(im, p->attribute[k]->g);
    }
    for (size_t i = 0; i < g->n_output; i++)
        if (g->output[i]->name)
            vq_names_at(im->uses, g->output[i]->name, &found);
}

static void
collect_names(Import *im)
{
    const Onnx__GraphProto *g = im->model->graph;
    bool found;

    collect_uses(im, g);
    for (size_t i = 0; i < g->n_node; i++)
        for (size_t k = 0; k < g->node[i]->n_output; k++)
            vq_names_at(im->made, g->node[i]->output[k], &found);
}

/* ---- initializers ---- */

static bool
define_weight(Import *im, const char *name, Item *x)
{
    if (!x) {
        x = NEW(im->arena, Item);
        x->bad = true;
    }
    x->name = name;
    return vq_define(im, NOLOC, name, x) && !x->bad;
}

static bool
import_initializer(Import *im, const Onnx__TensorProto *t)
{
    const char *name = t->name ? t->name : "";

    if (!*name)
        return vq_error(im->diag, NOLOC, "an initializer has no name");
    return define_weight(im, name, vq_tensor_read(im, NOLOC, t, name, FINITE));
}

static bool
import_sparse(Import *im, const Onnx__SparseTensorProto *s)
{
    const char *name = vq_sparse_name(s);

    if (!*name)
        return vq_error(im->diag, NOLOC, "a sparse initializer has no name");
    return define_weight(im, name, vq_sparse_read(im, NOLOC, s, name));
}

static bool
import_initializers(Import *im)
{
    const Onnx__GraphProto *g = im->model->graph;
    bool ok = true;

    for (size_t i = 0; i < g->n_initializer && !vq_enough_errors(im); i++)
        ok = import_initializer(im, g->initializer[i]) && ok;
    for (size_t i = 0; i < g->n_sparse_initializer && !vq_enough_errors(im);
         i++)
        ok = import_sparse(im, g->sparse_initializer[i]) && ok;
    return ok;
}

/* ---- nodes ---- */

static bool
report_undefined(const Node *n, const char *name)
{
    if (vq_names_find(n->im->made, name))
        vq_node_error(n,
                      "input '%s' is made by this node or by one that reads "
                      "its output: the nodes form a cycle",
                      name);
    else
        vq_node_error(n, "input '%s' does not exist in the model", name);
    return false;
}

/* Finds the inputs. *bad: one follows from an error reported before. */
static bool
find_inputs(Node *n, bool *bad)
{
    *bad = false;
    n->in = NEWN(n->im->arena, Item *, n->p->n_input + 1);
    for (size_t i = 0; i < n->p->n_input; i++) {
        const char *name = n->p->input[i];
        void **at = *name ? vq_names_find(n->im->items, name) : NULL;

        if (*name && !at)
            return report_undefined(n, name);
        n->in[i] = at ? *at : NULL;
        *bad = *bad || (n->in[i] && n->in[i]->bad);
        if (at)
            n->nin = (uint32_t)i + 1;
    }
    return true;
}

static bool
check_arity(const Node *n)
{
    for (uint32_t i = 0; i < n->op->lo; i++)
        if (!vq_in(n, i)) {
            vq_node_error(n, "input %u is missing", i);
            return false;
        }
    if (n->nin > n->op->hi) {
        vq_node_error(n, "%u inputs; at most %u belong there", n->nin,
                      n->op->hi);
        return false;
    }
    if (n->p->n_output == 0 || !n->p->output[0][0]) {
        vq_node_error(n, "has no first output");
        return false;
    }
    return true;
}

/* Outputs that were not made are bad, so that their readers keep quiet. */
static bool
define_bad(Node *n)
{
    for (size_t k = 0; k < n->p->n_output; k++) {
        Item *x = NEW(n->im->arena, Item);
        const char *name = n->p->output[k];

        x->bad = true;
        if (*name && !vq_names_find(n->im->items, name) &&
            !vq_define(n->im, n->loc, name, x))
            return false;
    }
    return false;
}

static bool
define_rest(Node *n)
{
    for (size_t k = 1; k < n->p->n_output; k++)
        if (vq_wants_output(n, (uint32_t)k) &&
            !vq_names_find(n->im->items, n->p->output[k])) {
            vq_node_error(n, "its output %zu is not supported", k);
            return define_bad(n);
        }
    return true;
}

static bool
emit_node(Node *n)
{
    Item *x;

    n->op = vq_onnx_find(n->im, n->p);
    if (!n->op) {
        if (!vq_was_refused(n->im, n->p))
            vq_report_unsupported(n->im, n->p);
        return define_bad(n);
    }
    if (!check_arity(n))
        return define_bad(n);
    x = n->op->emit(n);
    if (!x)
        return define_bad(n);
    return vq_set_output(n, 0, x) && define_rest(n);
}

bool
vq_import_node(Import *im, const Onnx__NodeProto *p)
{
    const Onnx__FunctionProto *f = vq_function_find(im, p);
    Node n = {.im = im, .p = p, .loc = vq_node_loc(p), .first_op = im->g->nop};
    bool bad;

    if (!find_inputs(&n, &bad) || bad || !vq_budget_inputs(&n))
        return define_bad(&n);
    if (f)
        return vq_function_call(&n, f) || define_bad(&n);
    return emit_node(&n);
}

static bool
import_nodes(Import *im)
{
    const Onnx__GraphProto *g = im->model->graph;
    bool ok = true;

    for (size_t i = 0; i < g->n_node && !vq_enough_errors(im); i++)
        ok = vq_import_node(im, g->node[i]) && ok;
    return ok;
}

static bool
import_model(Import *im)
{
    bool ok;

    if (!vq_find_opset(im))
        return false;
    vq_nodes_order(im->arena, im->model->graph);
    ok = vq_check_operators(im);
    collect_names(im);
    ok = import_initializers(im) && ok;
    ok = vq_import_inputs(im) && ok;
    ok = import_nodes(im) && ok;
    return ok && vq_import_outputs(im);
}

static ImportNotes
notes_of(const Import *im)
{
    const Onnx__ModelProto *m = im->model;

    return (ImportNotes){
        .producer = m->producer_name ? m->producer_name : "",
        .version = m->producer_version ? m->producer_version : "",
        .opset = im->opset,
        .nodes = m->graph->n_node,
    };
}

Graph *
vq_onnx_read(Arena *a, Diag *d, const char *path, const ImportOptions *opt)
{
    static const ImportOptions defaults;
    Import im = {.arena = a, .diag = d, .opt = opt ? opt : &defaults};
    const char *name;
    bool ok;
    size_t bytes;

    im.path = d->file = vq_strdup(a, path);
    im.errors = d->nerror;
    im.model = vq_model_load(a, d, path, im.opt->max_memory, &bytes);
    if (!im.model)
        return NULL;
    vq_budget_read(&im, bytes);
    name = im.model->graph->name;
    im.g = vq_graph_new(a, name && *name ? name : "model");
    im.items = vq_names_new(a);
    im.uses = vq_names_new(a);
    im.made = vq_names_new(a);
    im.tried = vq_names_new(a);
    im.refused = vq_names_new(a);
    ok = import_model(&im);
    if (im.opt->notes)
        *im.opt->notes = notes_of(&im);
    return ok ? im.g : NULL;
}
