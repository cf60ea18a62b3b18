/*
 * check.c -- what can be refused before anything is read: no opset, and nodes
 * that vitqc does not know, all named at once with what would help.
 */
#include "frontend/import.h"

#include <string.h>

bool
vq_find_opset(Import *im)
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

typedef struct Refused {
    const char *domain, *name, *help;
} Refused;

static const Refused refused[] = {
#define REFUSED(domain, name, help) {domain, name, help},
#include "frontend/refused.def"
#undef REFUSED
};

/* What to do about an operator that is refused on purpose, or NULL. */
static const char *
what_helps(const char *domain, const char *name)
{
    for (size_t i = 0; i < COUNT(refused); i++)
        if (strcmp(refused[i].domain, domain) == 0 &&
            (strcmp(refused[i].name, name) == 0 ||
             strcmp(refused[i].name, "*") == 0))
            return refused[i].help;
    return NULL;
}

void
vq_report_unsupported(Import *im, const Onnx__NodeProto *p)
{
    const char *name = p->op_type ? p->op_type : "";
    const char *domain = p->domain ? p->domain : "";
    const char *dot = *domain ? "." : "";
    const char *help = what_helps(domain, name);

    if (help)
        vq_error(im->diag, vq_node_loc(p),
                 "operator %s%s%s is not supported: %s", domain, dot, name,
                 help);
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
        vq_error(im->diag, vq_node_loc(p),
                 "operator %s is not supported: replace it in the model or "
                 "export it as simpler operators",
                 name);
}

/* Names an operator of an opset. */
static const char *
operator_key(const Import *im, const Onnx__NodeProto *p)
{
    return vq_format(im->arena, "%s %s %lld", p->domain ? p->domain : "",
                     p->op_type ? p->op_type : "", (long long)im->opset);
}

bool
vq_was_refused(const Import *im, const Onnx__NodeProto *p)
{
    return vq_names_find(im->refused, operator_key(im, p)) != NULL;
}

typedef struct Check {
    Import *im;
    bool *called; /* each of the model's functions */
    bool more;    /* one was marked */
    size_t unsaid;
} Check;

static void
mark_called(Check *c, const Onnx__FunctionProto *f)
{
    const Onnx__ModelProto *m = c->im->model;

    for (size_t i = 0; i < m->n_functions; i++)
        if (m->functions[i] == f && !c->called[i]) {
            c->called[i] = true;
            c->more = true;
        }
}

/* Once more than enough is said, the rest is counted. */
static void
refuse(Check *c, const Onnx__NodeProto *p)
{
    bool found;

    vq_names_at(c->im->refused, operator_key(c->im, p), &found);
    if (vq_enough_errors(c->im))
        c->unsaid++;
    else
        vq_report_unsupported(c->im, p);
}

static void
check_nodes(Check *c, Onnx__NodeProto *const *node, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const Onnx__FunctionProto *f = vq_function_find(c->im, node[i]);

        if (f)
            mark_called(c, f);
        else if (!vq_onnx_find(c->im, node[i]))
            refuse(c, node[i]);
    }
}

/* The functions that nodes of functions call, too. */
static void
check_called(Check *c)
{
    const Onnx__ModelProto *m = c->im->model;
    bool *done = NEWN(c->im->arena, bool, m->n_functions + 1);
    int64_t opset = c->im->opset;

    while (c->more) {
        c->more = false;
        for (size_t i = 0; i < m->n_functions; i++) {
            if (!c->called[i] || done[i])
                continue;
            done[i] = true;
            c->im->opset = vq_function_opset(c->im, m->functions[i]);
            check_nodes(c, m->functions[i]->node, m->functions[i]->n_node);
            c->im->opset = opset;
        }
    }
}

/* Names them all at once. What is inside of If and Loop comes later: one
 * branch of two is not needed. */
bool
vq_check_operators(Import *im)
{
    const Onnx__GraphProto *g = im->model->graph;
    Check c = {.im = im,
               .called = NEWN(im->arena, bool, im->model->n_functions + 1)};

    check_nodes(&c, g->node, g->n_node);
    check_called(&c);
    if (c.unsaid)
        vq_note(im->diag, NOLOC,
                "and %zu more nodes that are not supported; vitqc inspect "
                "lists all",
                c.unsaid);
    return im->diag->nerror == im->errors;
}
