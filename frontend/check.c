/*
 * check.c -- what can be refused before anything is read: no opset, and nodes
 * that vitqc does not know, all named at once with what would help.
 */
#include "frontend/import.h"

#include <string.h>

enum { MAXLISTED = 20 };

static bool
find_opset(Import *im)
{
    const Onnx__ModelProto *m = im->model;

    for (size_t i = 0; i < m->n_opset_import; i++) {
        const char *domain = m->opset_import[i]->domain;

        if (!domain || !*domain || strcmp(domain, "ai.onnx") == 0)
            im->opset = m->opset_import[i]->version;
    }
    if (im->opset > 0)
        return true;
    return vq_error(im->diag, NOLOC,
                    "no opset of the default domain is imported (is the file "
                    "truncated?)");
}

static bool
is_function(const Import *im, const Onnx__NodeProto *p)
{
    const Onnx__ModelProto *m = im->model;

    for (size_t i = 0; i < m->n_functions; i++)
        if (m->functions[i]->name && p->op_type &&
            strcmp(m->functions[i]->name, p->op_type) == 0 &&
            strcmp(m->functions[i]->domain ? m->functions[i]->domain : "",
                   p->domain ? p->domain : "") == 0)
            return true;
    return false;
}

static const char *
what_helps(const char *name)
{
    static const char *const control[] = {"If", "Loop", "Scan"};

    for (size_t i = 0; i < COUNT(control); i++)
        if (strcmp(name, control[i]) == 0)
            return "export the model traced, without control flow";
    return "replace it in the model or export it as simpler operators";
}

static void
report_unsupported(const Import *im, const Onnx__NodeProto *p)
{
    const char *name = p->op_type ? p->op_type : "";
    const char *domain = p->domain ? p->domain : "";
    const char *dot = *domain ? "." : "";

    if (is_function(im, p))
        vq_error(im->diag, vq_node_loc(p),
                 "%s%s%s is a function of the model: inline it, with "
                 "onnx.inliner.inline_local_functions or by exporting with "
                 "optimize=True",
                 domain, dot, name);
    else if (vq_onnx_knows(domain, name))
        vq_error(im->diag, vq_node_loc(p),
                 "%s as of opset %lld is not supported: export with opset 11 "
                 "to 18",
                 name, (long long)im->opset);
    else if (*domain)
        vq_error(im->diag, vq_node_loc(p),
                 "operator %s%s%s is not supported: export with standard ONNX "
                 "operators only, without a runtime's graph optimizations",
                 domain, dot, name);
    else
        vq_error(im->diag, vq_node_loc(p), "operator %s is not supported: %s",
                 name, what_helps(name));
}

/* Names them all at once. */
static bool
check_operators(Import *im)
{
    const Onnx__GraphProto *g = im->model->graph;
    size_t bad = 0;

    for (size_t i = 0; i < g->n_node; i++)
        if (!vq_onnx_find(im, g->node[i]) && bad++ < MAXLISTED)
            report_unsupported(im, g->node[i]);
    if (bad > MAXLISTED)
        vq_note(im->diag, NOLOC, "and %zu more nodes that are not supported",
                bad - MAXLISTED);
    return bad == 0;
}

bool
vq_check_model(Import *im)
{
    return find_opset(im) && check_operators(im);
}
