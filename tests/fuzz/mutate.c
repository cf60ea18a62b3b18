/*
 * mutate.c -- changes that know what an ONNX model is: its names, operators,
 * shapes and element types.
 */
#include "tests/fuzz/mutate.h"

#include "frontend/import.h"

#include <string.h>

#include "fuzz_attrs.h"

typedef struct OpRow {
    const char *domain, *name;
    unsigned lo, hi; /* inputs */
} OpRow;

static const OpRow op_rows[] = {
#define ONNX(domain, name, since, until, lo, hi, fn, kind)                     \
    {domain, name, lo, hi},
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

/* A new weight, small: its name. */
static char *
new_weight(Mutate *m)
{
    Onnx__GraphProto *g = m->model->graph;
    Onnx__TensorProto *t = NEW(m->arena, Onnx__TensorProto);
    bool real = mutate_pick(m, 3) != 0;
    size_t count = 1;

    onnx__tensor_proto__init(t);
    t->name = vq_format(m->arena, "w%u", mutate_pick(m, 1u << 30));
    t->has_data_type = 1;
    t->data_type = real ? 1 : 7;
    for (uint32_t k = mutate_pick(m, 4); k > 0; k--) {
        int64_t *dim = mutate_insert(m, &t->dims, &t->n_dims, 8, 0);

        *dim = 1 + mutate_pick(m, 5);
        count *= (size_t)*dim;
    }
    t->n_float_data = real ? count : 0;
    t->n_int64_data = real ? 0 : count;
    t->float_data = NEWN(m->arena, float, count);
    t->int64_data = NEWN(m->arena, int64_t, count);
    for (size_t i = 0; i < count; i++) {
        t->float_data[i] = (float)mutate_real(m);
        t->int64_data[i] = mutate_int(m);
    }
    *(Onnx__TensorProto **)mutate_insert(m, &g->initializer, &g->n_initializer,
                                         sizeof t, 0) = t;
    return t->name;
}

/* A value that node `at` may read. */
static char *
name_before(Mutate *m, size_t at)
{
    const Onnx__GraphProto *g = m->model->graph;
    const Onnx__NodeProto *n;

    if (at == 0 || mutate_pick(m, 4) == 0)
        return mutate_pick(m, 2) ? new_weight(m) : some_name(m);
    n = g->node[mutate_pick(m, at)];
    return n->n_output ? n->output[mutate_pick(m, n->n_output)] : (char *)"";
}

static void
rewire(Mutate *m)
{
    const Onnx__GraphProto *g = m->model->graph;
    size_t at = mutate_pick(m, g->n_node);
    Onnx__NodeProto *n = g->n_node ? g->node[at] : NULL;

    if (!n)
        return;
    if (n->n_input && mutate_pick(m, 4))
        n->input[mutate_pick(m, n->n_input)] = name_before(m, at);
    else
        *(char **)mutate_insert(m, &n->input, &n->n_input, sizeof(char *),
                                n->n_input) = name_before(m, at);
}

static void
read_instead(Onnx__GraphProto *g, size_t at, const char *from, char *to)
{
    for (size_t i = at; i < g->n_node; i++)
        for (size_t k = 0; k < g->node[i]->n_input; k++)
            if (strcmp(g->node[i]->input[k], from) == 0)
                g->node[i]->input[k] = to;
    for (size_t i = 0; i < g->n_output; i++)
        if (g->output[i]->name && strcmp(g->output[i]->name, from) == 0)
            g->output[i]->name = to;
}

/* Another operator behind some value, in front of what reads it. */
static void
insert_node(Mutate *m)
{
    Onnx__GraphProto *g = m->model->graph;
    size_t at = mutate_pick(m, g->n_node + 1);
    Onnx__NodeProto *n = NEW(m->arena, Onnx__NodeProto);
    const OpRow *op = &op_rows[mutate_pick(m, COUNT(op_rows))];
    char *out = vq_format(m->arena, "n%u", mutate_pick(m, 1u << 30));
    char *from = name_before(m, at);
    unsigned most = op->hi < op->lo + 3 ? op->hi : op->lo + 3;

    onnx__node_proto__init(n);
    n->op_type = (char *)op->name;
    n->domain = (char *)op->domain;
    for (uint32_t k = 0, nin = op->lo + mutate_pick(m, most - op->lo + 1);
         k < nin; k++)
        *(char **)mutate_insert(m, &n->input, &n->n_input, sizeof(char *), k) =
            k                   ? name_before(m, at)
            : mutate_pick(m, 8) ? from
                                : some_name(m);
    *(char **)mutate_insert(m, &n->output, &n->n_output, sizeof(char *), 0) =
        out;
    read_instead(g, at, from, out);
    *(Onnx__NodeProto **)mutate_insert(m, &g->node, &g->n_node,
                                       sizeof(Onnx__NodeProto *), at) = n;
}

/* Operators that fit each other, behind some value. */
static void
insert_forms(Mutate *m)
{
    Onnx__GraphProto *g = m->model->graph;
    size_t at = mutate_pick(m, g->n_node + 1), old = g->n_node;
    char *from = name_before(m, at), *to = mutate_forms(m, at, from);

    if (to)
        read_instead(g, at + g->n_node - old, from, to);
}

/* A node goes; what read it reads what it read. */
static void
drop_node(Mutate *m)
{
    Onnx__GraphProto *g = m->model->graph;
    size_t at = mutate_pick(m, g->n_node);
    const Onnx__NodeProto *n = g->n_node ? g->node[at] : NULL;

    if (!n || !n->n_input || !n->n_output)
        return;
    read_instead(g, at, n->output[0], n->input[mutate_pick(m, n->n_input)]);
    memmove(g->node + at, g->node + at + 1,
            (g->n_node - at - 1) * sizeof *g->node);
    g->n_node--;
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

static void
change_attribute(Mutate *m)
{
    Onnx__NodeProto *n = some_node(m, m->model->graph);

    if (n && n->n_attribute)
        mutate_field(m, &n->attribute[mutate_pick(m, n->n_attribute)]->base);
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

/* A copy of a node, read by whoever read one of its inputs. */
static void
take_node(Mutate *m, const Onnx__NodeProto *from)
{
    Onnx__GraphProto *g = m->model->graph;
    size_t at = mutate_pick(m, g->n_node + 1);
    Onnx__NodeProto *n = NEW(m->arena, Onnx__NodeProto);

    *n = *from;
    n->input = NEWN(m->arena, char *, n->n_input + 1);
    n->output = NEWN(m->arena, char *, n->n_output + 1);
    for (size_t k = 0; k < n->n_input; k++)
        n->input[k] = mutate_pick(m, 2) ? name_before(m, at) : from->input[k];
    for (size_t k = 0; k < n->n_output; k++)
        n->output[k] = vq_format(m->arena, "n%u", mutate_pick(m, 1u << 30));
    if (n->n_input && n->n_output)
        read_instead(g, at, n->input[0], n->output[0]);
    *(Onnx__NodeProto **)mutate_insert(m, &g->node, &g->n_node, sizeof n, at) =
        n;
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
    if (n)
        take_node(m, n);
}

static void
change_field(Mutate *m)
{
    mutate_field(m, &m->model->base);
}

static void (*const changes[])(Mutate *) = {
    change_field,  change_op,        rewire,           rewire,
    insert_node,   insert_node,      insert_forms,     insert_forms,
    insert_forms,  insert_forms,     insert_forms,     insert_forms,
    drop_node,     change_output,    add_attribute,    add_attribute,
    add_attribute, change_attribute, change_attribute, change_attribute,
    change_shape,  change_tensor,    change_tensor,    change_tensor,
    change_opset,  take_part,
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

Onnx__ModelProto *
mutate_unpack(Arena *a, const uint8_t *data, size_t n)
{
    ProtobufCAllocator alloc = vq_message_allocator(a);

    return onnx__model_proto__unpack(&alloc, n, data);
}

size_t
mutate_pack(const Onnx__ModelProto *m, uint8_t *to, size_t room)
{
    size_t n = onnx__model_proto__get_packed_size(m);

    return n <= room ? onnx__model_proto__pack(m, to) : 0;
}
