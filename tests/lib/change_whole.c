/*
 * change_whole.c -- changes of inputs, outputs, versions, functions and
 * subgraphs.
 */
#include "tests/lib/changes.h"

#include <string.h>

static void
odd_input_dim(Onnx__ModelProto *m, Rng *r)
{
    Onnx__TypeProto__Tensor *t = an_input_type(m, r);
    Onnx__TensorShapeProto__Dimension *d;

    if (!t || !t->shape || !t->shape->n_dim)
        return;
    d = t->shape->dim[rng_below(r, t->shape->n_dim)];
    d->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
    d->dim_value = odd_int(r);
}

static void
odd_input_type(Onnx__ModelProto *m, Rng *r)
{
    Onnx__TypeProto__Tensor *t = an_input_type(m, r);

    if (!t)
        return;
    if (rng_below(r, 2)) {
        t->elem_type = (int32_t)rng_below(r, 26);
        t->has_elem_type = 1;
    } else if (t->shape && t->shape->n_dim) {
        t->shape->n_dim--;
    }
}

static void
odd_opset(Onnx__ModelProto *m, Rng *r)
{
    static const int64_t version[] = {-1, 0,  1,  6,  7,  9,         11,
                                      12, 13, 17, 18, 21, INT64_MAX, 23};

    if (m->n_opset_import)
        m->opset_import[rng_below(r, m->n_opset_import)]->version =
            version[rng_below(r, COUNT(version))];
}

static void
odd_output(Onnx__ModelProto *m, Rng *r)
{
    Onnx__GraphProto *g = m->graph;
    char **in = a_reference(m, r);

    if (!g->n_output || !in)
        return;
    if (rng_below(r, 4) == 0)
        g->n_output--;
    else
        g->output[rng_below(r, g->n_output)]->name = *in;
}

static void
second_output(Onnx__ModelProto *m, Rng *r)
{
    Onnx__GraphProto *g = m->graph;
    Onnx__ValueInfoProto **list = keep((g->n_output + 1) * sizeof *list);
    Onnx__ValueInfoProto *v = keep(sizeof *v);
    char **in = a_reference(m, r);

    if (!in)
        return;
    onnx__value_info_proto__init(v);
    v->name = *in;
    if (g->n_output)
        memcpy(list, g->output, g->n_output * sizeof *list);
    list[g->n_output++] = v;
    g->output = list;
}

/* A local function that takes an op's place, and may call itself. */
static void
local_function(Onnx__ModelProto *m, Rng *r)
{
    Onnx__FunctionProto *f = keep(sizeof *f);
    Onnx__NodeProto *n = a_node(m, r);

    if (!n)
        return;
    onnx__function_proto__init(f);
    f->name = n->op_type;
    f->domain = n->domain = rng_below(r, 2) ? text("local") : n->domain;
    f->n_input = n->n_input;
    f->input = n->input;
    f->n_output = n->n_output;
    f->output = n->output;
    f->n_node = 1 + rng_below(r, 3);
    f->node = keep(f->n_node * sizeof *f->node);
    for (size_t i = 0; i < f->n_node; i++)
        f->node[i] = rng_below(r, 2) ? n : a_node(m, r);
    m->functions = keep(sizeof *m->functions);
    m->functions[0] = f;
    m->n_functions = 1;
}

/* A subgraph that is the graph's own nodes, in an If or a Loop. */
static void
subgraph(Onnx__ModelProto *m, Rng *r)
{
    static const char *const name[] = {"then_branch", "else_branch", "body"};
    Onnx__NodeProto *n = a_node(m, r);
    Onnx__GraphProto *g;
    size_t count = 1 + rng_below(r, 2);

    if (!n)
        return;
    g = keep(sizeof *g);
    onnx__graph_proto__init(g);
    g->n_node = rng_below(r, 4);
    g->node = keep(4 * sizeof *g->node);
    for (size_t i = 0; i < g->n_node; i++) {
        g->node[i] = a_node(m, r);
        if (g->node[i] == n)
            return;
    }
    g->n_output = m->graph->n_output;
    g->output = m->graph->output;
    n->op_type = text(rng_below(r, 2) ? "If" : "Loop");
    n->attribute = keep(2 * sizeof *n->attribute);
    n->n_attribute = count;
    for (size_t i = 0; i < count; i++) {
        Onnx__AttributeProto *a = keep(sizeof *a);

        onnx__attribute_proto__init(a);
        a->name = text(name[rng_below(r, COUNT(name))]);
        a->g = g;
        a->type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__GRAPH;
        a->has_type = 1;
        n->attribute[i] = a;
    }
}

const Change change_whole[] = {
    {"odd_input_dim", odd_input_dim}, {"odd_input_type", odd_input_type},
    {"odd_opset", odd_opset},         {"odd_output", odd_output},
    {"second_output", second_output}, {"local_function", local_function},
    {"subgraph", subgraph},           {NULL, NULL},
};
