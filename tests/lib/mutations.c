/*
 * mutations.c -- the table of changes, each a function beside its kin.
 *
 * Changes of structure work on a message that protobuf-c unpacked and that
 * will be packed again, never freed: pieces may be shared between places.
 */
#include "tests/lib/mutations.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Reachable, so that a leak detector looks for the library's leaks alone. */
static void *kept[256];
static size_t nkept;

static void *
keep(size_t bytes)
{
    void *p = calloc(1, bytes + 1);

    if (!p || nkept == COUNT(kept))
        abort();
    return kept[nkept++] = p;
}

/* Messages have strings that may be written to. */
static char *
text(const char *s)
{
    return strcpy(keep(strlen(s)), s);
}

/* splitmix64 */
uint64_t
rng_next(Rng *r)
{
    uint64_t z = r->state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

size_t
rng_below(Rng *r, size_t n)
{
    return n ? (size_t)(rng_next(r) % n) : 0;
}

static int64_t
odd_int(Rng *r)
{
    static const int64_t odd[] = {0,         1,         -1,        2,
                                  -2,        3,         7,         8,
                                  16,        64,        255,       65536,
                                  INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN,
                                  1 << 20,   1LL << 32, 1LL << 40, 1LL << 61};

    return odd[rng_below(r, COUNT(odd))];
}

static float
odd_float(Rng *r)
{
    static const float odd[] = {0,        -1,       1e-45F, 1e30F,
                                -3.4e38F, INFINITY, NAN,    1e-30F,
                                0.5F,     65504,    -0.0F,  -INFINITY};

    return odd[rng_below(r, COUNT(odd))];
}

/* ---- finding a victim ---- */

static Onnx__NodeProto *
a_node(const Onnx__ModelProto *m, Rng *r)
{
    const Onnx__GraphProto *g = m->graph;

    return g->n_node ? g->node[rng_below(r, g->n_node)] : NULL;
}

/* An initializer, or the value of a Constant. */
static Onnx__TensorProto *
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

static Onnx__AttributeProto *
an_attribute(const Onnx__ModelProto *m, Rng *r)
{
    for (int i = 0; i < 50; i++) {
        const Onnx__NodeProto *n = a_node(m, r);

        if (n && n->n_attribute)
            return n->attribute[rng_below(r, n->n_attribute)];
    }
    return NULL;
}

static Onnx__TypeProto__Tensor *
an_input_type(const Onnx__ModelProto *m, Rng *r)
{
    const Onnx__GraphProto *g = m->graph;
    size_t i = rng_below(r, g->n_input);

    if (!g->n_input || !g->input[i]->type ||
        g->input[i]->type->value_case != ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE)
        return NULL;
    return g->input[i]->type->tensor_type;
}

static char **
a_reference(const Onnx__ModelProto *m, Rng *r)
{
    for (int i = 0; i < 50; i++) {
        const Onnx__NodeProto *n = a_node(m, r);

        if (n && n->n_input)
            return &n->input[rng_below(r, n->n_input)];
    }
    return NULL;
}

/* ---- tensors ---- */

static void
flip_weights(Onnx__ModelProto *m, Rng *r)
{
    Onnx__TensorProto *t = a_tensor(m, r);
    size_t n = t ? t->raw_data.len : 0;

    for (size_t i = rng_below(r, 8); n && i < 9; i++)
        t->raw_data.data[rng_below(r, n)] ^= (uint8_t)(1U << rng_below(r, 8));
}

static void
odd_weight(Onnx__ModelProto *m, Rng *r)
{
    Onnx__TensorProto *t = a_tensor(m, r);
    float f = odd_float(r);
    int64_t i = odd_int(r);

    if (!t)
        return;
    if (t->data_type == 7 && t->raw_data.len >= 8)
        memcpy(t->raw_data.data + 8 * rng_below(r, t->raw_data.len / 8), &i, 8);
    else if (t->raw_data.len >= 4)
        memcpy(t->raw_data.data + 4 * rng_below(r, t->raw_data.len / 4), &f, 4);
    else if (t->n_int64_data)
        t->int64_data[rng_below(r, t->n_int64_data)] = i;
    else if (t->n_float_data)
        t->float_data[rng_below(r, t->n_float_data)] = f;
}

/* Shapes and bounds are small tensors of integers. */
static void
odd_shape_constant(Onnx__ModelProto *m, Rng *r)
{
    for (int k = 0; k < 50; k++) {
        Onnx__TensorProto *t = a_tensor(m, r);
        int64_t i = odd_int(r);

        if (!t || t->data_type != 7 || t->raw_data.len < 8)
            continue;
        memcpy(t->raw_data.data + 8 * rng_below(r, t->raw_data.len / 8), &i, 8);
        return;
    }
}

static void
odd_dim(Onnx__ModelProto *m, Rng *r)
{
    Onnx__TensorProto *t = a_tensor(m, r);

    if (t && t->n_dims)
        t->dims[rng_below(r, t->n_dims)] = odd_int(r);
}

static void
swap_dims(Onnx__ModelProto *m, Rng *r)
{
    for (int k = 0; k < 20; k++) {
        Onnx__TensorProto *t = a_tensor(m, r);
        int64_t first;

        if (!t || t->n_dims < 2)
            continue;
        first = t->dims[0];
        t->dims[0] = t->dims[t->n_dims - 1];
        t->dims[t->n_dims - 1] = first;
        return;
    }
}

static void
drop_dim(Onnx__ModelProto *m, Rng *r)
{
    Onnx__TensorProto *t = a_tensor(m, r);

    if (t && t->n_dims)
        t->n_dims--;
}

static void
more_dims(Onnx__ModelProto *m, Rng *r)
{
    Onnx__TensorProto *t = a_tensor(m, r);
    size_t n = 1 + rng_below(r, 12);
    int64_t *dims;

    if (!t)
        return;
    dims = keep((t->n_dims + n) * sizeof *dims);
    for (size_t i = 0; i < n; i++)
        dims[i] = rng_below(r, 3) ? 1 : odd_int(r);
    if (t->n_dims)
        memcpy(dims + n, t->dims, t->n_dims * sizeof *dims);
    t->dims = dims;
    t->n_dims += n;
}

static void
odd_data_type(Onnx__ModelProto *m, Rng *r)
{
    Onnx__TensorProto *t = a_tensor(m, r);

    if (t)
        t->data_type = (int32_t)rng_below(r, 26);
}

static void
cut_data(Onnx__ModelProto *m, Rng *r)
{
    Onnx__TensorProto *t = a_tensor(m, r);

    if (t)
        t->raw_data.len = rng_below(r, t->raw_data.len + 1);
}

static void
move_outside(Onnx__ModelProto *m, Rng *r)
{
    static const char *const where[] = {
        "../x", "/etc/passwd", "/dev/zero", "nowhere", "a/../../b",
        ".",    "/dev/stdin",  "",          "\\x"};
    static const char *const number[] = {"0",  "-1", "18446744073709551615",
                                         "99", "x",  "9223372036854775807"};
    static const char *const key[] = {"location", "offset", "length"};
    Onnx__TensorProto *t = a_tensor(m, r);

    if (!t)
        return;
    t->data_location = ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
    t->has_data_location = 1;
    t->n_external_data = 1 + rng_below(r, 3);
    t->external_data = keep(3 * sizeof *t->external_data);
    for (size_t i = 0; i < 3; i++) {
        Onnx__StringStringEntryProto *e = keep(sizeof *e);

        onnx__string_string_entry_proto__init(e);
        e->key = text(key[i]);
        e->value = text(i ? number[rng_below(r, COUNT(number))]
                          : where[rng_below(r, COUNT(where))]);
        t->external_data[i] = e;
    }
}

static void
drop_initializer(Onnx__ModelProto *m, Rng *r)
{
    Onnx__GraphProto *g = m->graph;

    if (g->n_initializer) {
        g->initializer[rng_below(r, g->n_initializer)] =
            g->initializer[g->n_initializer - 1];
        g->n_initializer--;
    }
}

static void
swap_initializers(Onnx__ModelProto *m, Rng *r)
{
    Onnx__TensorProto *a = a_tensor(m, r), *b = a_tensor(m, r);
    char *name;

    if (!a || !b)
        return;
    name = a->name;
    a->name = b->name;
    b->name = name;
}

/* ---- nodes ---- */

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

/* ---- attributes ---- */

static void
odd_attribute(Onnx__ModelProto *m, Rng *r)
{
    Onnx__AttributeProto *a = an_attribute(m, r);

    if (!a)
        return;
    a->i = a->has_i ? odd_int(r) : a->i;
    a->f = a->has_f ? odd_float(r) : a->f;
    if (a->n_ints)
        a->ints[rng_below(r, a->n_ints)] = odd_int(r);
}

static void
small_attribute(Onnx__ModelProto *m, Rng *r)
{
    Onnx__AttributeProto *a = an_attribute(m, r);
    int64_t by = (int64_t)rng_below(r, 5) - 2;

    if (a && a->has_i && a->i < 1000 && a->i > -1000)
        a->i += by;
    if (a && a->n_ints) {
        int64_t *i = &a->ints[rng_below(r, a->n_ints)];

        *i += *i < 1000 && *i > -1000 ? by : 0;
    }
}

static void
drop_attribute(Onnx__ModelProto *m, Rng *r)
{
    Onnx__NodeProto *n = a_node(m, r);

    if (n && n->n_attribute)
        n->n_attribute--;
}

static void
rename_attribute(Onnx__ModelProto *m, Rng *r)
{
    static const char *const name[] = {"axis",    "axes",   "perm",  "value",
                                       "pads",    "group",  "alpha", "to",
                                       "strides", "nobody", ""};
    Onnx__AttributeProto *a = an_attribute(m, r);

    if (a)
        a->name = text(name[rng_below(r, COUNT(name))]);
}

static void
retype_attribute(Onnx__ModelProto *m, Rng *r)
{
    Onnx__AttributeProto *a = an_attribute(m, r);

    if (!a)
        return;
    a->type = (Onnx__AttributeProto__AttributeType)rng_below(r, 15);
    a->has_type = 1;
    a->has_i = (int)rng_below(r, 2);
    a->has_f = (int)rng_below(r, 2);
    a->i = odd_int(r);
    if (rng_below(r, 2))
        a->n_ints = 0;
}

static void
cut_list(Onnx__ModelProto *m, Rng *r)
{
    for (int k = 0; k < 50; k++) {
        Onnx__AttributeProto *a = an_attribute(m, r);

        if (!a || !a->n_ints)
            continue;
        a->n_ints = rng_below(r, a->n_ints);
        return;
    }
}

static void
longer_list(Onnx__ModelProto *m, Rng *r)
{
    Onnx__AttributeProto *a = an_attribute(m, r);
    size_t n = 1 + rng_below(r, 40);
    int64_t *list;

    if (!a)
        return;
    list = keep((a->n_ints + n) * sizeof *list);
    if (a->n_ints)
        memcpy(list, a->ints, a->n_ints * sizeof *list);
    for (size_t i = 0; i < n; i++)
        list[a->n_ints + i] = rng_below(r, 2) ? (int64_t)i : odd_int(r);
    a->ints = list;
    a->n_ints += n;
}

/* ---- the whole ---- */

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

static const struct {
    const char *name;
    void (*fn)(Onnx__ModelProto *, Rng *);
} change[] = {
    {"flip_weights", flip_weights},
    {"odd_weight", odd_weight},
    {"odd_shape_constant", odd_shape_constant},
    {"odd_dim", odd_dim},
    {"swap_dims", swap_dims},
    {"drop_dim", drop_dim},
    {"more_dims", more_dims},
    {"odd_data_type", odd_data_type},
    {"cut_data", cut_data},
    {"move_outside", move_outside},
    {"drop_initializer", drop_initializer},
    {"swap_initializers", swap_initializers},
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
    {"odd_attribute", odd_attribute},
    {"small_attribute", small_attribute},
    {"drop_attribute", drop_attribute},
    {"rename_attribute", rename_attribute},
    {"retype_attribute", retype_attribute},
    {"cut_list", cut_list},
    {"longer_list", longer_list},
    {"odd_input_dim", odd_input_dim},
    {"odd_input_type", odd_input_type},
    {"odd_opset", odd_opset},
    {"odd_output", odd_output},
    {"second_output", second_output},
    {"local_function", local_function},
    {"subgraph", subgraph},
};

static void
note(Done *d, const char *what)
{
    if (d->n < (int)COUNT(d->what))
        d->what[d->n++] = what;
}

void
mutate_model(Onnx__ModelProto *m, Rng *r, Done *done)
{
    size_t i = rng_below(r, COUNT(change));

    change[i].fn(m, r);
    note(done, change[i].name);
}

/* ---- bytes ---- */

static void
flip_bits(Bytes *b, Rng *r)
{
    for (size_t i = rng_below(r, 8); i < 8; i++)
        b->p[rng_below(r, b->n)] ^= (uint8_t)(1U << rng_below(r, 8));
}

static void
run_of_bytes(Bytes *b, Rng *r)
{
    size_t at = rng_below(r, b->n), n = 1 + rng_below(r, 64);
    int with = (int)(rng_below(r, 3) ? rng_below(r, 256) : 255);

    memset(b->p + at, with, n < b->n - at ? n : b->n - at);
}

static void
truncate_bytes(Bytes *b, Rng *r)
{
    b->n = rng_below(r, b->n);
}

static void
remove_bytes(Bytes *b, Rng *r)
{
    size_t at = rng_below(r, b->n), n = 1 + rng_below(r, 32);

    n = n < b->n - at ? n : b->n - at;
    memmove(b->p + at, b->p + at + n, b->n - at - n);
    b->n -= n;
}

static void
copy_bytes(Bytes *b, Rng *r)
{
    size_t from = rng_below(r, b->n), to = rng_below(r, b->n);
    size_t most = b->n - (from > to ? from : to), n = rng_below(r, 256);

    memmove(b->p + to, b->p + from, n < most ? n : most);
}

static const struct {
    const char *name;
    void (*fn)(Bytes *, Rng *);
} byte_change[] = {
    {"flip_bits", flip_bits},     {"run_of_bytes", run_of_bytes},
    {"truncate", truncate_bytes}, {"remove_bytes", remove_bytes},
    {"copy_bytes", copy_bytes},
};

void
mutate_bytes(Bytes *b, Rng *r, Done *done)
{
    size_t i = rng_below(r, COUNT(byte_change));

    if (b->n)
        byte_change[i].fn(b, r);
    note(done, byte_change[i].name);
}
