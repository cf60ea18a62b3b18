/*
 * change_node.c -- changes of nodes, and what they read and write.
 */
#include "tests/lib/changes.h"

#include <string.h>

static void
add_node(Onnx__GraphProto *g, Onnx__NodeProto *n, size_t at)
{
    Onnx__NodeProto **list = keep((g->n_node + 1) * sizeof *list);

    memcpy(list, g->node, at * sizeof *list);
    list[at] = n;
    memcpy(list + at + 1, g->node + at, (g->n_node - at) * sizeof *list);
    g->node = list;
    g->n_node++;
}

static void
duplicate_node(Onnx__ModelProto *m, Rng *r)
{
    Onnx__NodeProto *n = a_node(m, r);

    if (n)
        add_node(m->graph, n, rng_below(r, m->graph->n_node + 1));
}

/* A copy under another name, whose reader reads the copy. */
static void
fork_node(Onnx__ModelProto *m, Rng *r)
{
    Onnx__NodeProto *n = a_node(m, r), *copy;

    if (!n || !n->n_output)
        return;
    copy = keep(sizeof *copy);
    *copy = *n;
    copy->output = keep(sizeof(char *) * n->n_output);
    for (size_t i = 0; i < n->n_output; i++)
        copy->output[i] = text("another");
    copy->n_output = 1;
    add_node(m->graph, copy, m->graph->n_node);
    m->graph->output[0]->name =
        rng_below(r, 2) ? text("another") : n->output[0];
}

static void
cycle(Onnx__ModelProto *m, Rng *r)
{
    char **in = a_reference(m, r);
    const Onnx__NodeProto *n = a_node(m, r);

    if (in && n && n->n_output)
        *in = n->output[rng_below(r, n->n_output)];
}

static void
swap_nodes(Onnx__ModelProto *m, Rng *r)
{
    Onnx__GraphProto *g = m->graph;
    size_t a = rng_below(r, g->n_node), b = rng_below(r, g->n_node);
    Onnx__NodeProto *n;

    if (!g->n_node)
        return;
    n = g->node[a];
    g->node[a] = g->node[b];
    g->node[b] = n;
}

static void
drop_node(Onnx__ModelProto *m, Rng *r)
{
    Onnx__GraphProto *g = m->graph;
    size_t at = rng_below(r, g->n_node);

    if (!g->n_node)
        return;
    memmove(g->node + at, g->node + at + 1,
            (--g->n_node - at) * sizeof *g->node);
}

/* Its readers read its first input. */
static void
bypass_node(Onnx__ModelProto *m, Rng *r)
{
    Onnx__GraphProto *g = m->graph;
    const Onnx__NodeProto *n = a_node(m, r);

    if (!n || !n->n_input || !n->n_output)
        return;
    for (size_t i = 0; i < g->n_node; i++)
        for (size_t k = 0; k < g->node[i]->n_input; k++)
            if (g->node[i] != n &&
                strcmp(g->node[i]->input[k], n->output[0]) == 0)
                g->node[i]->input[k] = n->input[0];
}

static void
drop_input(Onnx__ModelProto *m, Rng *r)
{
    Onnx__NodeProto *n = a_node(m, r);

    if (n && n->n_input)
        n->n_input--;
}

static void
blank_input(Onnx__ModelProto *m, Rng *r)
{
    char **in = a_reference(m, r);

    if (in)
        *in = text(rng_below(r, 3) ? "" : "no such value");
}

static void
rewire_input(Onnx__ModelProto *m, Rng *r)
{
    char **in = a_reference(m, r), **from = a_reference(m, r);

    if (in && from)
        *in = *from;
}

static void
swap_inputs(Onnx__ModelProto *m, Rng *r)
{
    for (int k = 0; k < 50; k++) {
        Onnx__NodeProto *n = a_node(m, r);
        char *first;

        if (!n || n->n_input < 2)
            continue;
        first = n->input[0];
        n->input[0] = n->input[1];
        n->input[1] = first;
        return;
    }
}

static void
more_inputs(Onnx__ModelProto *m, Rng *r)
{
    Onnx__NodeProto *n = a_node(m, r);
    char **in = a_reference(m, r), **list;

    if (!n || !in)
        return;
    list = keep((n->n_input + 1) * sizeof *list);
    if (n->n_input)
        memcpy(list, n->input, n->n_input * sizeof *list);
    list[n->n_input++] = *in;
    n->input = list;
}

static void
rename_op(Onnx__ModelProto *m, Rng *r)
{
    static const char *const op[] = {"NoSuchOp",
                                     "Add",
                                     "MatMul",
                                     "Reshape",
                                     "Transpose",
                                     "Concat",
                                     "Slice",
                                     "Gather",
                                     "Split",
                                     "Softmax",
                                     "Conv",
                                     "Gemm",
                                     "Erf",
                                     "Tanh",
                                     "Sqrt",
                                     "Pow",
                                     "ReduceMean",
                                     "Expand",
                                     "Squeeze",
                                     "Unsqueeze",
                                     "Shape",
                                     "Cast",
                                     "Where",
                                     "Resize",
                                     "Pad",
                                     "Tile",
                                     "Loop",
                                     "If",
                                     "Clip",
                                     "QuantizeLinear",
                                     "DequantizeLinear",
                                     "MaxPool",
                                     "AveragePool",
                                     "GlobalAveragePool",
                                     "Einsum",
                                     "LayerNormalization",
                                     "BatchNormalization",
                                     "Flatten",
                                     "Identity",
                                     "Range",
                                     "ConstantOfShape",
                                     "Mod",
                                     "Equal",
                                     "Gelu",
                                     "Attention",
                                     "CumSum"};
    Onnx__NodeProto *n = a_node(m, r);

    if (n)
        n->op_type = text(op[rng_below(r, COUNT(op))]);
}

static void
swap_op(Onnx__ModelProto *m, Rng *r)
{
    Onnx__NodeProto *a = a_node(m, r), *b = a_node(m, r);

    if (a && b)
        a->op_type = b->op_type;
}

static void
odd_domain(Onnx__ModelProto *m, Rng *r)
{
    static const char *const domain[] = {"ai.onnx", "com.microsoft",
                                         "ai.onnx.ml", "nowhere", ""};
    Onnx__NodeProto *n = a_node(m, r);

    if (n)
        n->domain = text(domain[rng_below(r, COUNT(domain))]);
}

static void
same_output(Onnx__ModelProto *m, Rng *r)
{
    Onnx__NodeProto *a = a_node(m, r), *b = a_node(m, r);

    if (a && b && a->n_output && b->n_output)
        a->output[0] = b->output[0];
}

static void
blank_output(Onnx__ModelProto *m, Rng *r)
{
    Onnx__NodeProto *n = a_node(m, r);

    if (n && n->n_output)
        n->output[rng_below(r, n->n_output)] = text("");
}

const Change change_nodes[] = {
    {"duplicate_node", duplicate_node},
    {"fork_node", fork_node},
    {"cycle", cycle},
    {"swap_nodes", swap_nodes},
    {"drop_node", drop_node},
    {"bypass_node", bypass_node},
    {"drop_input", drop_input},
    {"blank_input", blank_input},
    {"rewire_input", rewire_input},
    {"swap_inputs", swap_inputs},
    {"more_inputs", more_inputs},
    {"rename_op", rename_op},
    {"swap_op", swap_op},
    {"odd_domain", odd_domain},
    {"same_output", same_output},
    {"blank_output", blank_output},
    {NULL, NULL},
};
