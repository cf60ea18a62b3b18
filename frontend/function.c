/*
 * function.c -- calls of the model's own functions (ModelProto.functions).
 *
 * A call becomes the function's nodes, under the opset that the function
 * imports. A function goes before an operator of the same name.
 */
#include "frontend/import.h"

#include <string.h>

/* FunctionProto.overload, NodeProto.overload, FunctionProto.attribute_proto */
enum { FUNCTION_OVERLOAD = 13, NODE_OVERLOAD = 8, FUNCTION_DEFAULTS = 11 };

struct Call {
    const Onnx__FunctionProto *f;
    const Call *outer;
};

static bool
same_text(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") == 0;
}

static const char *
plain_domain(const char *domain)
{
    return domain && strcmp(domain, "ai.onnx") == 0 ? "" : domain;
}

static bool
is_call_of(const Import *im, const Onnx__NodeProto *p,
           const Onnx__FunctionProto *f)
{
    return same_text(f->name, p->op_type) &&
           same_text(plain_domain(f->domain), plain_domain(p->domain)) &&
           same_text(vq_newer_text(im->arena, &f->base, FUNCTION_OVERLOAD),
                     vq_newer_text(im->arena, &p->base, NODE_OVERLOAD));
}

const Onnx__FunctionProto *
vq_function_find(const Import *im, const Onnx__NodeProto *p)
{
    const Onnx__ModelProto *m = im->model;

    for (size_t i = 0; i < m->n_functions; i++)
        if (is_call_of(im, p, m->functions[i]))
            return m->functions[i];
    return NULL;
}

int64_t
vq_function_opset(const Import *im, const Onnx__FunctionProto *f)
{
    for (size_t i = 0; i < f->n_opset_import; i++) {
        const char *domain = f->opset_import[i]->domain;

        if (!domain || !*domain || strcmp(domain, "ai.onnx") == 0)
            return f->opset_import[i]->version;
    }
    return im->opset;
}

static bool
check_call(Node *n, const Onnx__FunctionProto *f)
{
    for (const Call *c = n->im->call; c; c = c->outer)
        if (c->f == f)
            return vq_node_error(n, "a function of the model that calls "
                                    "itself: export the model without "
                                    "recursion");
    if (n->p->n_input > f->n_input || n->p->n_output > f->n_output)
        return vq_node_error(
            n,
            "called with %zu inputs and %zu outputs; the function has %zu and "
            "%zu",
            n->p->n_input, n->p->n_output, f->n_input, f->n_output);
    return true;
}

static Body *
open_body(Node *n, const Onnx__FunctionProto *f)
{
    Body *b = vq_inner_new(n, true);

    b->given = n->p->attribute;
    b->ngiven = n->p->n_attribute;
    b->defaults = vq_newer_attributes(n->im->arena, &f->base, FUNCTION_DEFAULTS,
                                      &b->ndefaults);
    for (size_t i = 0; i < f->n_input; i++)
        vq_inner_rename(b, f->input[i],
                        i < n->p->n_input ? n->p->input[i] : "");
    for (size_t k = 0; k < f->n_output && k < n->p->n_output; k++)
        if (n->p->output[k][0] && !vq_names_find(b->names, f->output[k]))
            vq_inner_rename(b, f->output[k], n->p->output[k]);
    vq_inner_own_nodes(b, f->node, f->n_node);
    return b;
}

/* Outputs that no node of the body made: what was given to it. */
static bool
give_outputs(Node *n, Body *b, const Onnx__FunctionProto *f)
{
    for (size_t k = 0; k < n->p->n_output; k++) {
        Item *x;

        if (!n->p->output[k][0] || vq_names_find(n->im->items, n->p->output[k]))
            continue;
        x = vq_inner_item(b, f->output[k]);
        if (!x)
            return vq_node_error(n,
                                 "the function does not make its output "
                                 "'%s'",
                                 f->output[k]);
        if (!vq_set_output(n, (uint32_t)k, x))
            return false;
    }
    return true;
}

bool
vq_function_call(Node *n, const Onnx__FunctionProto *f)
{
    Import *im = n->im;
    Call call = {f, im->call};
    int64_t opset = im->opset;
    bool ok;
    Body *b;

    if (!check_call(n, f) || !vq_inner_enter(n))
        return false;
    b = open_body(n, f);
    im->call = &call;
    im->opset = vq_function_opset(im, f);
    ok = vq_inner_import(b, f->node, f->n_node);
    im->opset = opset;
    im->call = call.outer;
    vq_inner_leave(n);
    return ok && give_outputs(n, b, f);
}
