/*
 * mkonnx.c -- small ONNX models built in memory, for tests.
 */
#include "tests/frontend/mkonnx.h"
#include "ir/eval.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FLOAT = 1, INT64 = 7 };

static void
keep(void *user, Severity sev, const char *file, Loc loc, const char *text)
{
    Make *m = user;

    (void)sev;
    (void)file;
    m->said = vq_format(&m->arena, "%s%s%s%s\n", m->said,
                        loc.node ? loc.node : "", loc.node ? ": " : "", text);
}

void
make_append(Make *m, void *list, size_t *n, void *item)
{
    void **old, **more = NEWN(&m->arena, void *, *n + 1);

    memcpy(&old, list, sizeof old);
    if (*n)
        memcpy(more, old, *n * sizeof *more);
    more[(*n)++] = item;
    memcpy(list, &more, sizeof more);
}

void
make_begin(Make *m, int64_t opset)
{
    Onnx__OperatorSetIdProto *set;

    *m = (Make){.diag = {.fn = keep}};
    m->diag.user = m;
    m->said = vq_strdup(&m->arena, "");
    m->model = NEW(&m->arena, Onnx__ModelProto);
    m->graph = NEW(&m->arena, Onnx__GraphProto);
    set = NEW(&m->arena, Onnx__OperatorSetIdProto);
    onnx__model_proto__init(m->model);
    onnx__graph_proto__init(m->graph);
    onnx__operator_set_id_proto__init(set);
    set->has_version = 1;
    set->version = opset;
    m->model->has_ir_version = 1;
    m->model->ir_version = 99; /* never a reason to refuse */
    m->model->graph = m->graph;
    m->graph->name = vq_strdup(&m->arena, "test");
    make_append(m, &m->model->opset_import, &m->model->n_opset_import, set);
}

void
make_end(Make *m)
{
    vq_arena_free(&m->arena);
}

/* Numbers between commas. */
float *
make_parse(Make *m, const char *s, size_t *n)
{
    float *v = NEWN(&m->arena, float, strlen(s) + 1);
    char *end;

    for (*n = 0; *s; s = *end == ',' ? end + 1 : end)
        v[(*n)++] = strtof(s, &end);
    return v;
}

static int64_t *
parse_ints(Make *m, const char *s, size_t *n)
{
    int64_t *v = NEWN(&m->arena, int64_t, strlen(s) + 1);
    char *end;

    for (*n = 0; *s; s = *end == ',' ? end + 1 : end)
        v[(*n)++] = strtoll(s, &end, 10);
    return v;
}

static Onnx__TensorShapeProto__Dimension *
make_dim(Make *m, const char *name, int64_t size, size_t place)
{
    Onnx__TensorShapeProto__Dimension *d =
        NEW(&m->arena, Onnx__TensorShapeProto__Dimension);

    onnx__tensor_shape_proto__dimension__init(d);
    if (size >= 0) {
        d->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
        d->dim_value = size;
    } else {
        d->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM;
        d->dim_param = vq_format(&m->arena, "%s%zu", name, place);
    }
    return d;
}

void
make_input(Make *m, const char *name, const char *dims)
{
    Onnx__ValueInfoProto *in = NEW(&m->arena, Onnx__ValueInfoProto);
    Onnx__TypeProto *t = NEW(&m->arena, Onnx__TypeProto);
    Onnx__TypeProto__Tensor *tensor = NEW(&m->arena, Onnx__TypeProto__Tensor);
    Onnx__TensorShapeProto *shape = NEW(&m->arena, Onnx__TensorShapeProto);
    size_t rank;
    const int64_t *dim = parse_ints(m, dims, &rank);

    onnx__value_info_proto__init(in);
    onnx__type_proto__init(t);
    onnx__type_proto__tensor__init(tensor);
    onnx__tensor_shape_proto__init(shape);
    for (size_t i = 0; i < rank; i++)
        make_append(m, &shape->dim, &shape->n_dim,
                    make_dim(m, name, dim[i], i));
    tensor->has_elem_type = 1;
    tensor->elem_type = FLOAT;
    tensor->shape = shape;
    t->value_case = ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
    t->tensor_type = tensor;
    in->name = vq_strdup(&m->arena, name);
    in->type = t;
    make_append(m, &m->graph->input, &m->graph->n_input, in);
}

void
make_output(Make *m, const char *name)
{
    Onnx__ValueInfoProto *out = NEW(&m->arena, Onnx__ValueInfoProto);

    onnx__value_info_proto__init(out);
    out->name = vq_strdup(&m->arena, name);
    make_append(m, &m->graph->output, &m->graph->n_output, out);
}

void
make_io(Make *m, const char *dims)
{
    make_input(m, "x", dims);
    make_output(m, "y");
}

static Onnx__TensorProto *
make_tensor(Make *m, const char *name, const char *dims, int32_t type)
{
    Onnx__TensorProto *t = NEW(&m->arena, Onnx__TensorProto);

    onnx__tensor_proto__init(t);
    t->dims = parse_ints(m, dims, &t->n_dims);
    t->has_data_type = 1;
    t->data_type = type;
    if (name) {
        t->name = vq_strdup(&m->arena, name);
        make_append(m, &m->graph->initializer, &m->graph->n_initializer, t);
    }
    return t;
}

Onnx__TensorProto *
make_floats(Make *m, const char *name, const char *dims, const char *values)
{
    Onnx__TensorProto *t = make_tensor(m, name, dims, FLOAT);

    t->float_data = make_parse(m, values, &t->n_float_data);
    return t;
}

Onnx__TensorProto *
make_ints(Make *m, const char *name, const char *dims, const char *values)
{
    Onnx__TensorProto *t = make_tensor(m, name, dims, INT64);

    t->int64_data = parse_ints(m, values, &t->n_int64_data);
    return t;
}

Onnx__NodeProto *
make_node(Make *m, const char *op, const char *names)
{
    Onnx__NodeProto *p = NEW(&m->arena, Onnx__NodeProto);
    char *text = vq_strdup(&m->arena, names), *save;
    bool out = false;

    onnx__node_proto__init(p);
    p->op_type = vq_strdup(&m->arena, op);
    p->name = vq_format(&m->arena, "node%zu", m->graph->n_node);
    for (char *s = strtok_r(text, " ", &save); s;
         s = strtok_r(NULL, " ", &save))
        if (strcmp(s, "->") == 0)
            out = true;
        else if (out)
            make_append(m, &p->output, &p->n_output, s);
        else
            make_append(m, &p->input, &p->n_input,
                        strcmp(s, "_") == 0 ? vq_strdup(&m->arena, "") : s);
    make_append(m, &m->graph->node, &m->graph->n_node, p);
    m->node = p;
    return p;
}

static Onnx__AttributeProto *
make_attr(Make *m, const char *name)
{
    Onnx__AttributeProto *a = NEW(&m->arena, Onnx__AttributeProto);

    onnx__attribute_proto__init(a);
    a->name = vq_strdup(&m->arena, name);
    make_append(m, &m->node->attribute, &m->node->n_attribute, a);
    return a;
}

void
make_attr_i(Make *m, const char *name, int64_t v)
{
    Onnx__AttributeProto *a = make_attr(m, name);

    a->has_i = 1;
    a->i = v;
}

void
make_attr_f(Make *m, const char *name, float v)
{
    Onnx__AttributeProto *a = make_attr(m, name);

    a->has_f = 1;
    a->f = v;
}

void
make_attr_s(Make *m, const char *name, const char *v)
{
    Onnx__AttributeProto *a = make_attr(m, name);

    a->has_s = 1;
    a->s.data = (uint8_t *)vq_strdup(&m->arena, v);
    a->s.len = strlen(v);
}

void
make_attr_is(Make *m, const char *name, const char *values)
{
    Onnx__AttributeProto *a = make_attr(m, name);

    a->ints = parse_ints(m, values, &a->n_ints);
}

void
make_attr_t(Make *m, const char *name, Onnx__TensorProto *t)
{
    make_attr(m, name)->t = t;
}

void
make_attr_ref(Make *m, const char *name, const char *of_function)
{
    make_attr(m, name)->ref_attr_name = vq_strdup(&m->arena, of_function);
}

void
make_attr_g(Make *m, const char *name, Onnx__GraphProto *g)
{
    make_attr(m, name)->g = g;
}

Onnx__GraphProto *
make_graph_begin(Make *m)
{
    Onnx__GraphProto *outer = m->graph;

    m->graph = NEW(&m->arena, Onnx__GraphProto);
    onnx__graph_proto__init(m->graph);
    m->graph->name = vq_strdup(&m->arena, "inner");
    return outer;
}

void
make_graph_end(Make *m, Onnx__GraphProto *outer)
{
    m->graph = outer;
}

Onnx__FunctionProto *
make_function(Make *m, const char *name, const char *names, Onnx__GraphProto *g,
              int64_t opset)
{
    Onnx__FunctionProto *f = NEW(&m->arena, Onnx__FunctionProto);
    Onnx__OperatorSetIdProto *set = NEW(&m->arena, Onnx__OperatorSetIdProto);
    char *text = vq_strdup(&m->arena, names), *save;
    bool out = false;

    onnx__function_proto__init(f);
    onnx__operator_set_id_proto__init(set);
    set->has_version = 1;
    set->version = opset;
    f->name = vq_strdup(&m->arena, name);
    f->domain = vq_strdup(&m->arena, "local");
    f->node = g->node;
    f->n_node = g->n_node;
    make_append(m, &f->opset_import, &f->n_opset_import, set);
    for (char *s = strtok_r(text, " ", &save); s;
         s = strtok_r(NULL, " ", &save))
        if (strcmp(s, "->") == 0)
            out = true;
        else if (out)
            make_append(m, &f->output, &f->n_output, s);
        else
            make_append(m, &f->input, &f->n_input, s);
    make_append(m, &m->model->functions, &m->model->n_functions, f);
    return f;
}

void
make_default_f(Make *m, Onnx__FunctionProto *f, const char *name, float v)
{
    ProtobufCMessageUnknownField *u =
        NEWN(&m->arena, ProtobufCMessageUnknownField, 1);
    Onnx__AttributeProto a = ONNX__ATTRIBUTE_PROTO__INIT;
    uint8_t *p = vq_alloc(&m->arena, 128);

    a.name = vq_strdup(&m->arena, name);
    a.has_f = 1;
    a.f = v;
    p[0] = (uint8_t)onnx__attribute_proto__pack(&a, p + 1);
    *u = (ProtobufCMessageUnknownField){
        11, PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED, p[0] + 1u, p};
    f->base.n_unknown_fields = 1;
    f->base.unknown_fields = u;
}

uint8_t *
make_bytes(Make *m, size_t *n)
{
    uint8_t *p;

    *n = onnx__model_proto__get_packed_size(m->model);
    p = vq_alloc(&m->arena, *n + 1);
    onnx__model_proto__pack(m->model, p);
    return p;
}

Graph *
make_read(Make *m, const uint8_t *p, size_t n, const ImportOptions *opt)
{
    char path[] = "/tmp/vitqc_make_XXXXXX";
    int fd = mkstemp(path);
    Graph *g = NULL;

    if (fd < 0)
        abort();
    if (write(fd, p, n) == (ssize_t)n)
        g = vq_onnx_read(&m->arena, &m->diag, path, opt);
    close(fd);
    unlink(path);
    return g && vq_verify(g, &m->diag, "import") ? g : NULL;
}

Graph *
make_import(Make *m, const ImportOptions *opt)
{
    size_t n;
    const uint8_t *p = make_bytes(m, &n);

    return make_read(m, p, n, opt);
}

float *
make_run(Make *m, const Graph *g, const float *x)
{
    const void *in[] = {x, x, x, x};
    void **out = NEWN(&m->arena, void *, g->nout);

    if (g->nin > COUNT(in))
        abort();
    for (uint32_t i = 0; i < g->nout; i++)
        out[i] = vq_alloc(&m->arena, (size_t)vq_bytes(vq_type(g, g->out[i])));
    vq_eval(g, &m->arena, in, out, NULL, NULL);
    return out[0];
}

const char *
make_result(Make *m, const char *x)
{
    Graph *g = make_import(m, NULL);
    const Type *t;
    const float *y;
    char *s;
    size_t n;

    if (!g)
        return NULL;
    t = vq_type(g, g->out[0]);
    y = make_run(m, g, make_parse(m, x, &n));
    s = vq_strdup(&m->arena, "[");
    for (int i = 0; i < t->rank; i++)
        s = vq_format(&m->arena, "%s%s%lld", s, i ? "x" : "",
                      (long long)t->dim[i]);
    s = vq_format(&m->arena, "%s]", s);
    for (int64_t i = 0; i < vq_count(t); i++)
        s = vq_format(&m->arena, "%s%c%g", s, i ? ',' : ' ', (double)y[i]);
    return s;
}
