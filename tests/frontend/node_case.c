/*
 * node_case.c -- one operator test of the ONNX project: its model is read,
 * changed into a form of its own, imported, and evaluated on its data.
 */
#include "tests/frontend/node_case.h"

#include "ir/eval.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void
case_message(void *user, Severity sev, const char *file, Loc loc,
             const char *text)
{
    Case *c = user;

    (void)file;
    (void)loc;
    if (sev == SEV_ERROR && !c->first[0])
        snprintf(c->first, sizeof c->first, "%s", text);
}

static uint8_t *
read_whole(Arena *a, const char *path, size_t *n)
{
    FILE *f = fopen(path, "rb");
    uint8_t *p = NULL;
    long size;

    if (!f)
        return NULL;
    if (fseek(f, 0, SEEK_END) == 0 && (size = ftell(f)) >= 0) {
        rewind(f);
        p = vq_alloc(a, (size_t)size + 1);
        *n = fread(p, 1, (size_t)size, f);
    }
    fclose(f);
    return p;
}

static size_t
read_tensors(Arena *a, const char *dir, const char *what, Onnx__TensorProto **t)
{
    ProtobufCAllocator alloc = vq_message_allocator(a);
    size_t k = 0, n = 0;

    for (; k < MAXIO; k++) {
        const uint8_t *p = read_whole(
            a, vq_format(a, "%s/test_data_set_0/%s_%zu.pb", dir, what, k), &n);

        if (!p)
            break;
        t[k] = onnx__tensor_proto__unpack(&alloc, n, p);
        if (!t[k])
            break;
    }
    return k;
}

static void
append(Arena *a, void *list, size_t *n, void *item)
{
    void **old, **more = NEWN(a, void *, *n + 1);

    memcpy(&old, list, sizeof old);
    if (*n)
        memcpy(more, old, *n * sizeof *more);
    more[(*n)++] = item;
    memcpy(list, &more, sizeof more);
}

/* The suite stores bfloat16 as uint16; the model knows better. */
static void
set_type(Onnx__TensorProto *t, const Onnx__TypeProto *type)
{
    if (type && type->value_case == ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE &&
        type->tensor_type->elem_type == ET_BFLOAT16)
        t->data_type = ET_BFLOAT16;
}

/* Input i of the model becomes a constant. */
static void
bind_input(Case *c, size_t i)
{
    Onnx__GraphProto *g = c->model->graph;

    c->in[i]->name = g->input[i]->name;
    append(c->arena, &g->initializer, &g->n_initializer, c->in[i]);
}

static bool
is_float_input(const Case *c, size_t i)
{
    const Onnx__TypeProto *t = c->model->graph->input[i]->type;

    return t && t->value_case == ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE &&
           vq_is_float_elem(t->tensor_type->elem_type);
}

/* A graph needs an input; this one nobody reads. */
static void
add_unused_input(Case *c)
{
    Onnx__GraphProto *g = c->model->graph;
    Onnx__ValueInfoProto *in = NEW(c->arena, Onnx__ValueInfoProto);
    Onnx__TypeProto *t = NEW(c->arena, Onnx__TypeProto);
    Onnx__TypeProto__Tensor *tensor = NEW(c->arena, Onnx__TypeProto__Tensor);
    Onnx__TensorShapeProto *shape = NEW(c->arena, Onnx__TensorShapeProto);
    Onnx__TensorShapeProto__Dimension *dim =
        NEW(c->arena, Onnx__TensorShapeProto__Dimension);

    onnx__value_info_proto__init(in);
    onnx__type_proto__init(t);
    onnx__type_proto__tensor__init(tensor);
    onnx__tensor_shape_proto__init(shape);
    onnx__tensor_shape_proto__dimension__init(dim);
    dim->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
    dim->dim_value = 1;
    append(c->arena, &shape->dim, &shape->n_dim, dim);
    tensor->has_elem_type = 1;
    tensor->elem_type = ET_FLOAT;
    tensor->shape = shape;
    t->value_case = ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
    t->tensor_type = tensor;
    in->name = vq_strdup(c->arena, "nobody_reads_this");
    in->type = t;
    append(c->arena, &g->input, &g->n_input, in);
}

/* Outputs must be floats: a Cast behind each integer output. */
static void
cast_output(Case *c, size_t k)
{
    Onnx__GraphProto *g = c->model->graph;
    Onnx__NodeProto *p = NEW(c->arena, Onnx__NodeProto);
    Onnx__AttributeProto *to = NEW(c->arena, Onnx__AttributeProto);

    onnx__node_proto__init(p);
    onnx__attribute_proto__init(to);
    to->name = vq_strdup(c->arena, "to");
    to->has_i = 1;
    to->i = ET_FLOAT;
    p->op_type = vq_strdup(c->arena, "Cast");
    append(c->arena, &p->attribute, &p->n_attribute, to);
    append(c->arena, &p->input, &p->n_input, g->output[k]->name);
    g->output[k]->name = vq_format(c->arena, "%s as float", g->output[k]->name);
    append(c->arena, &p->output, &p->n_output, g->output[k]->name);
    append(c->arena, &g->node, &g->n_node, p);
}

/* Writes the model as `mode` changes it; false when that is no new model. */
static bool
change_model(Case *c, int mode, bool *is_input)
{
    size_t floats = 0;

    for (size_t i = 0; i < c->nin; i++) {
        bool real = is_float_input(c, i);

        is_input[i] = real && (mode == 0 || (mode == 1 && floats == 0));
        floats += real;
        if (!is_input[i])
            bind_input(c, i);
    }
    for (size_t k = 0; k < c->nout; k++)
        if (!vq_is_float_elem(c->out[k]->data_type))
            cast_output(c, k);
    if (mode == 2 || floats == 0)
        add_unused_input(c);
    return mode == 0 || (mode == 1 && floats > 1) || (mode == 2 && floats > 0);
}

static Graph *
import_changed(Case *c)
{
    size_t n = onnx__model_proto__get_packed_size(c->model);
    uint8_t *p = vq_alloc(c->arena, n);
    char path[] = "/tmp/vitqc_node_XXXXXX";
    int fd = mkstemp(path);
    Graph *g = NULL;

    if (fd < 0) {
        perror(path);
        exit(1);
    }
    onnx__model_proto__pack(c->model, p);
    if (write(fd, p, n) == (ssize_t)n)
        g = vq_onnx_read(c->arena, c->diag, path, NULL);
    close(fd);
    unlink(path);
    return g && vq_verify(g, c->diag, "import") ? g : NULL;
}

static Item *
read_item(Case *c, const Onnx__TensorProto *t)
{
    ImportOptions opt = {0};
    Import im = {.arena = c->arena, .diag = c->diag, .opt = &opt};
    Item *x = vq_tensor_read(&im, NOLOC, t, "test data", FINITE_OR_NOT);
    Item *y;

    if (!x || x->type.dt == DT_F32)
        return x;
    y = vq_item_like(&im, NOLOC, ET_FLOAT, &x->type);
    for (int64_t i = 0; i < vq_count(&x->type); i++)
        vq_item_f(y)[i] = (float)vq_item_i(x)[i];
    return y;
}

static bool
close_enough(float got, float want, int32_t elem_type)
{
    double limit = elem_type == ET_BFLOAT16  ? 8e-3
                   : elem_type == ET_FLOAT16 ? 4e-3
                                             : 1e-4;

    if (isnan(want) || isinf(want))
        return isnan(want) ? isnan(got) : got == want;
    return fabs((double)got - want) <= limit * fmax(1, fabs(want));
}

static bool
compare(Case *c, size_t k, const Type *t, const float *got)
{
    const Item *want = read_item(c, c->out[k]);

    if (!want || !vq_same_shape(&want->type, t)) {
        snprintf(c->first, sizeof c->first, "output %zu has another shape", k);
        return false;
    }
    for (int64_t i = 0; i < vq_count(t); i++)
        if (!close_enough(got[i], vq_item_f(want)[i], c->out[k]->data_type)) {
            snprintf(c->first, sizeof c->first,
                     "output %zu, element %lld: %g, should be %g", k,
                     (long long)i, (double)got[i], (double)vq_item_f(want)[i]);
            return false;
        }
    return true;
}

static bool
evaluate(Case *c, const Graph *g, const bool *is_input)
{
    const void **in = NEWN(c->arena, const void *, g->nin + 1);
    void **out = NEWN(c->arena, void *, g->nout + 1);
    uint32_t n = 0;

    for (size_t i = 0; i < c->nin; i++)
        if (is_input[i]) {
            const Item *x = read_item(c, c->in[i]);

            if (!x)
                return false;
            in[n++] = x->data;
        }
    if (n < g->nin)
        in[n] = vq_alloc(c->arena, 64);
    for (uint32_t k = 0; k < g->nout; k++)
        out[k] = vq_alloc(c->arena, (size_t)vq_bytes(vq_type(g, g->out[k])));
    vq_eval(g, c->arena, in, out, NULL, NULL);
    for (uint32_t k = 0; k < g->nout && k < c->nout; k++)
        if (!compare(c, k, vq_type(g, g->out[k]), out[k]))
            return false;
    return true;
}

bool
case_load(Case *c, const char *dir)
{
    ProtobufCAllocator alloc = vq_message_allocator(c->arena);
    size_t n = 0;
    const uint8_t *p =
        read_whole(c->arena, vq_format(c->arena, "%s/model.onnx", dir), &n);

    c->model = p ? onnx__model_proto__unpack(&alloc, n, p) : NULL;
    if (!c->model || !c->model->graph)
        return false;
    c->nin = read_tensors(c->arena, dir, "input", c->in);
    c->nout = read_tensors(c->arena, dir, "output", c->out);
    if (!c->nout || c->nin > c->model->graph->n_input ||
        c->nout > c->model->graph->n_output)
        return false;
    for (size_t i = 0; i < c->nin; i++)
        set_type(c->in[i], c->model->graph->input[i]->type);
    for (size_t i = 0; i < c->nout; i++)
        set_type(c->out[i], c->model->graph->output[i]->type);
    return true;
}

Outcome
case_run(Case *c, const char *dir, int mode)
{
    bool is_input[MAXIO];
    Graph *g;

    if (!case_load(c, dir) || !change_model(c, mode, is_input))
        return NOTHING;
    g = import_changed(c);
    if (!g)
        return c->diag->fault == FAULT_BUG ? WRONG : REFUSED;
    return evaluate(c, g, is_input) ? PASSED : WRONG;
}
