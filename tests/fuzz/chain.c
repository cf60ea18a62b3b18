/*
 * chain.c -- see chain.h: nodes behind each other, and their constants.
 */
#include "tests/fuzz/chain.h"

Onnx__TensorProto *
new_tensor(Chain *c, int32_t type, size_t rank, const int64_t *dim)
{
    Onnx__GraphProto *g = c->m->model->graph;
    Onnx__TensorProto *t = NEW(c->m->arena, Onnx__TensorProto);

    onnx__tensor_proto__init(t);
    t->name = vq_format(c->m->arena, "f%u", mutate_pick(c->m, 1u << 30));
    t->has_data_type = 1;
    t->data_type = type;
    t->n_dims = rank;
    t->dims = NEWN(c->m->arena, int64_t, rank + 1);
    for (size_t i = 0; i < rank; i++)
        t->dims[i] = dim[i];
    *(Onnx__TensorProto **)mutate_insert(c->m, &g->initializer,
                                         &g->n_initializer, sizeof t, 0) = t;
    return t;
}

char *
weight(Chain *c, size_t rank, const int64_t *dim)
{
    Onnx__TensorProto *t = new_tensor(c, 1, rank, dim);
    size_t n = 1;

    for (size_t i = 0; i < rank; i++)
        n *= (size_t)dim[i];
    t->n_float_data = n;
    t->float_data = NEWN(c->m->arena, float, n + 1);
    for (size_t i = 0; i < n; i++)
        t->float_data[i] = (float)mutate_pick(c->m, 2001) / 1000 - 1;
    if (n && mutate_pick(c->m, 4) == 0)
        t->float_data[mutate_pick(c->m, n)] = (float)mutate_real(c->m);
    return t->name;
}

char *
vector(Chain *c, int64_t n)
{
    return weight(c, 1, &n);
}

char *
integers(Chain *c, size_t n, const int64_t *value)
{
    int64_t dim = (int64_t)n;
    Onnx__TensorProto *t = new_tensor(c, 7, 1, &dim);

    t->n_int64_data = n;
    t->int64_data = NEWN(c->m->arena, int64_t, n + 1);
    for (size_t i = 0; i < n; i++)
        t->int64_data[i] = value[i];
    return t->name;
}

Onnx__NodeProto *
put(Chain *c, const char *op, size_t nin, char *const *in)
{
    Onnx__GraphProto *g = c->m->model->graph;
    Onnx__NodeProto *n = NEW(c->m->arena, Onnx__NodeProto);

    onnx__node_proto__init(n);
    n->op_type = (char *)op;
    for (size_t i = 0; i < nin; i++)
        *(char **)mutate_insert(c->m, &n->input, &n->n_input, sizeof *in, i) =
            in[i];
    c->x = vq_format(c->m->arena, "n%u", mutate_pick(c->m, 1u << 30));
    *(char **)mutate_insert(c->m, &n->output, &n->n_output, sizeof *in, 0) =
        c->x;
    *(Onnx__NodeProto **)mutate_insert(c->m, &g->node, &g->n_node, sizeof n,
                                       c->at++) = n;
    return n;
}

Onnx__AttributeProto *
attribute(Chain *c, Onnx__NodeProto *n, const char *name, int type)
{
    Onnx__AttributeProto *a = NEW(c->m->arena, Onnx__AttributeProto);

    onnx__attribute_proto__init(a);
    a->name = (char *)name;
    a->has_type = 1;
    a->type = (Onnx__AttributeProto__AttributeType)type;
    *(Onnx__AttributeProto **)mutate_insert(c->m, &n->attribute,
                                            &n->n_attribute, sizeof a, 0) = a;
    return a;
}

void
set_int(Chain *c, Onnx__NodeProto *n, const char *name, int64_t i)
{
    Onnx__AttributeProto *a =
        attribute(c, n, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT);

    a->has_i = 1;
    a->i = i;
}

void
set_ints(Chain *c, Onnx__NodeProto *n, const char *name, size_t count,
         const int64_t *value)
{
    Onnx__AttributeProto *a =
        attribute(c, n, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS);

    a->n_ints = count;
    a->ints = NEWN(c->m->arena, int64_t, count);
    for (size_t i = 0; i < count; i++)
        a->ints[i] = value[i];
}

int64_t
between(Chain *c, int64_t lo, int64_t hi)
{
    return lo + mutate_pick(c->m, (size_t)(hi - lo + 1));
}

void
reshape(Chain *c, size_t rank, const int64_t *dim)
{
    PUT(c, "Reshape", c->x, integers(c, rank, dim));
}

void
bring_to_shape(Chain *c)
{
    int64_t all = -1, zero = 0, n = 1;
    char *more;

    for (size_t i = 0; i < RANK; i++)
        n *= c->dim[i] = i ? between(c, 1, 6) : 1 + (between(c, 0, 5) == 0);
    reshape(c, 1, &all);
    more = vector(c, n);
    set_int(c, PUT(c, "Concat", c->x, more), "axis", 0);
    PUT(c, "Slice", c->x, integers(c, 1, &zero), integers(c, 1, &n));
    reshape(c, RANK, c->dim);
}

int64_t
opset(const Chain *c)
{
    const Onnx__ModelProto *p = c->m->model;

    for (size_t i = 0; i < p->n_opset_import; i++)
        if (!p->opset_import[i]->domain || !p->opset_import[i]->domain[0])
            return p->opset_import[i]->version;
    return 1;
}
