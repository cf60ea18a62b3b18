/*
 * mutate.c -- changes that know what an ONNX model is: its names, operators,
 * shapes and element types.
 */
#include "tests/fuzz/mutate.h"

#include <string.h>

#include "fuzz_attrs.h"

static const struct {
    const char *domain, *name;
} op_rows[] = {
#define ONNX(domain, name, since, until, lo, hi, fn, kind) {domain, name},
#include "frontend/onnx_ops.def"
#undef ONNX
};

/* ---- parts of a model ---- */

static Onnx__NodeProto *
some_node(Mutate *m, const Onnx__GraphProto *g)
{
    return g && g->n_node ? g->node[mutate_pick(m, g->n_node)] : NULL;
}

static Onnx__TensorProto *
some_tensor(Mutate *m)
{
    const Onnx__GraphProto *g = m->model->graph;
    const Onnx__NodeProto *n;

    if (g && g->n_initializer && mutate_pick(m, 3))
        return g->initializer[mutate_pick(m, g->n_initializer)];
    n = some_node(m, g);
    if (n && n->n_attribute)
        return n->attribute[mutate_pick(m, n->n_attribute)]->t;
    return NULL;
}

/* A name that stands for a value; may be empty, as of an absent input. */
static char *
some_name(Mutate *m)
{
    const Onnx__GraphProto *g = m->model->graph;
    const Onnx__NodeProto *n;
    char *name = NULL;

    switch (mutate_pick(m, 4)) {
    case 0:
        if (g->n_input)
            name = g->input[mutate_pick(m, g->n_input)]->name;
        break;
    case 1:
        if (g->n_initializer)
            name = g->initializer[mutate_pick(m, g->n_initializer)]->name;
        break;
    default:
        n = some_node(m, g);
        if (n && n->n_output)
            name = n->output[mutate_pick(m, n->n_output)];
    }
    return name ? name : (char *)"";
}

/* ---- nodes ---- */

static void
change_op(Mutate *m)
{
    Onnx__NodeProto *n = some_node(m, m->model->graph);
    uint32_t i = mutate_pick(m, COUNT(op_rows));

    if (!n)
        return;
    n->op_type = (char *)op_rows[i].name;
    n->domain = (char *)op_rows[i].domain;
}

static void
rewire(Mutate *m)
{
    Onnx__NodeProto *n = some_node(m, m->model->graph);

    if (!n)
        return;
    if (n->n_input && mutate_pick(m, 4))
        n->input[mutate_pick(m, n->n_input)] = some_name(m);
    else
        *(char **)mutate_insert(m, &n->input, &n->n_input, sizeof(char *),
                                n->n_input) = some_name(m);
}

/* Another operator behind some value, in front of what reads it. */
static void
insert_node(Mutate *m)
{
    Onnx__GraphProto *g = m->model->graph;
    size_t at = mutate_pick(m, g->n_node + 1);
    Onnx__NodeProto *n = NEW(m->arena, Onnx__NodeProto);
    uint32_t op = mutate_pick(m, COUNT(op_rows));
    char *out = vq_format(m->arena, "new%u", mutate_pick(m, 1000));
    char *from = some_name(m);

    onnx__node_proto__init(n);
    n->op_type = (char *)op_rows[op].name;
    n->domain = (char *)op_rows[op].domain;
    for (uint32_t k = 0, nin = 1 + mutate_pick(m, 3); k < nin; k++)
        *(char **)mutate_insert(m, &n->input, &n->n_input, sizeof(char *), k) =
            k ? some_name(m) : from;
    *(char **)mutate_insert(m, &n->output, &n->n_output, sizeof(char *), 0) =
        out;
    for (size_t i = at; i < g->n_node; i++)
        for (size_t k = 0; k < g->node[i]->n_input; k++)
            if (strcmp(g->node[i]->input[k], from) == 0)
                g->node[i]->input[k] = out;
    *(Onnx__NodeProto **)mutate_insert(m, &g->node, &g->n_node,
                                       sizeof(Onnx__NodeProto *), at) = n;
}

/* The graph ends at some value. */
static void
change_output(Mutate *m)
{
    const Onnx__GraphProto *g = m->model->graph;

    if (g->n_output)
        g->output[mutate_pick(m, g->n_output)]->name = some_name(m);
}

static void
fill_attribute(Mutate *m, Onnx__AttributeProto *a)
{
    switch (mutate_pick(m, 4)) {
    case 0:
        a->has_type = a->has_i = 1;
        a->type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT;
        a->i = mutate_int(m);
        break;
    case 1:
        a->has_type = a->has_f = 1;
        a->type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT;
        a->f = (float)mutate_real(m);
        break;
    case 2:
        a->has_type = 1;
        a->type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS;
        for (uint32_t k = 0, n = 1 + mutate_pick(m, 5); k < n; k++)
            *(int64_t *)mutate_insert(m, &a->ints, &a->n_ints, 8, k) =
                mutate_int(m);
        break;
    default: {
        const char *s = attr_texts[mutate_pick(m, COUNT(attr_texts))];

        a->has_type = a->has_s = 1;
        a->type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING;
        a->s = (ProtobufCBinaryData){strlen(s), (uint8_t *)s};
    }
    }
}

static void
add_attribute(Mutate *m)
{
    Onnx__NodeProto *n = some_node(m, m->model->graph);
    Onnx__AttributeProto *a = NEW(m->arena, Onnx__AttributeProto);

    if (!n)
        return;
    onnx__attribute_proto__init(a);
    a->name = (char *)attr_texts[mutate_pick(m, COUNT(attr_texts))];
    fill_attribute(m, a);
    *(Onnx__AttributeProto **)mutate_insert(m, &n->attribute, &n->n_attribute,
                                            sizeof a, 0) = a;
}

/* ---- tensors and shapes ---- */

/* Bytes of an element in raw_data, by TensorProto.DataType. */
static const uint8_t elem_bytes[] = {0, 4, 1, 1,  2, 2, 4, 8, 0, 1, 2, 8,
                                     4, 8, 8, 16, 2, 1, 1, 1, 1, 1, 1, 1};

/* As many bytes of raw data as the shape and type need, where that is
 * little; the old ones are repeated. */
static void
fit_data(Mutate *m, Onnx__TensorProto *t)
{
    size_t count = 1, bytes;
    uint8_t *p;

    if (!t->has_raw_data || t->data_type < 0 ||
        (size_t)t->data_type >= COUNT(elem_bytes))
        return;
    for (size_t i = 0; i < t->n_dims; i++) {
        if (t->dims[i] < 0 || t->dims[i] > 4096)
            return;
        count *= (size_t)t->dims[i];
        if (count > 4096)
            return;
    }
    bytes = count * elem_bytes[t->data_type];
    p = vq_alloc(m->arena, bytes + 1);
    for (size_t i = 0; t->raw_data.len && i < bytes; i++)
        p[i] = t->raw_data.data[i % t->raw_data.len];
    t->raw_data = (ProtobufCBinaryData){bytes, p};
}

static void
change_tensor(Mutate *m)
{
    Onnx__TensorProto *t = some_tensor(m);

    if (!t)
        return;
    switch (mutate_pick(m, 4)) {
    case 0:
        t->has_data_type = 1;
        t->data_type = (int32_t)mutate_pick(m, COUNT(elem_bytes) + 1);
        break;
    case 1:
        *(int64_t *)mutate_insert(m, &t->dims, &t->n_dims, 8,
                                  mutate_pick(m, t->n_dims + 1)) =
            mutate_pick(m, 3) ? 1 : mutate_int(m);
        break;
    case 2:
        if (t->n_dims)
            t->dims[mutate_pick(m, t->n_dims)] = mutate_int(m);
        break;
    default:
        mutate_field(m, &t->base);
        return;
    }
    if (mutate_pick(m, 8))
        fit_data(m, t);
}

/* A dimension of an input. */
static void
change_shape(Mutate *m)
{
    const Onnx__GraphProto *g = m->model->graph;
    const Onnx__ValueInfoProto *v =
        g->n_input ? g->input[mutate_pick(m, g->n_input)] : NULL;
    const Onnx__TypeProto__Tensor *t = NULL;
    Onnx__TensorShapeProto__Dimension *d;

    if (v && v->type &&
        v->type->value_case == ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE)
        t = v->type->tensor_type;
    if (!t || !t->shape || !t->shape->n_dim)
        return;
    d = t->shape->dim[mutate_pick(m, t->shape->n_dim)];
    d->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
    d->dim_value = mutate_int(m);
}

/* ---- the model ---- */

static void
change_opset(Mutate *m)
{
    Onnx__ModelProto *p = m->model;

    if (!p->n_opset_import)
        return;
    p->opset_import[mutate_pick(m, p->n_opset_import)]->has_version = 1;
    p->opset_import[mutate_pick(m, p->n_opset_import)]->version =
        (int64_t)mutate_pick(m, 26);
}

/* A node or a weight of another model. */
static void
take_part(Mutate *m)
{
    Onnx__GraphProto *g = m->model->graph;
    const Onnx__GraphProto *from = m->other ? m->other->graph : g;
    Onnx__NodeProto *n;

    if (!from)
        return;
    if (mutate_pick(m, 2) && from->n_initializer) {
        *(Onnx__TensorProto **)mutate_insert(
            m, &g->initializer, &g->n_initializer, sizeof(void *), 0) =
            from->initializer[mutate_pick(m, from->n_initializer)];
        return;
    }
    n = some_node(m, from);
    if (!n)
        return;
    *(Onnx__NodeProto **)mutate_insert(m, &g->node, &g->n_node, sizeof(void *),
                                       mutate_pick(m, g->n_node + 1)) = n;
}

static void
change_field(Mutate *m)
{
    mutate_field(m, &m->model->base);
}

static void (*const changes[])(Mutate *) = {
    change_field,  change_field,  change_field,  change_field, change_op,
    change_op,     rewire,        rewire,        insert_node,  insert_node,
    change_output, add_attribute, add_attribute, change_shape, change_shape,
    change_tensor, change_tensor, change_opset,  take_part,
};

void
mutate_model(Mutate *m)
{
    if (m->model->graph)
        changes[mutate_pick(m, COUNT(changes))](m);
    else
        change_field(m);
}

/* ---- bytes ---- */

static void *
take(void *arena, size_t n)
{
    return vq_alloc(arena, n);
}

static void
keep(void *arena, void *p)
{
    (void)arena, (void)p;
}

Onnx__ModelProto *
mutate_unpack(Arena *a, const uint8_t *data, size_t n)
{
    ProtobufCAllocator alloc = {take, keep, a};

    return onnx__model_proto__unpack(&alloc, n, data);
}

size_t
mutate_pack(const Onnx__ModelProto *m, uint8_t *to, size_t room)
{
    size_t n = onnx__model_proto__get_packed_size(m);

    return n <= room ? onnx__model_proto__pack(m, to) : 0;
}
