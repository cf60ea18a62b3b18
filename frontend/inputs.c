/*
 * inputs.c -- the model's inputs with their dimensions bound, and its outputs.
 */
#include "frontend/import.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { MAXERRORS = 20 };

/* One input's type while its dimensions are bound. */
typedef struct Binding {
    Import *im;
    const char *input;
    Type type;
} Binding;

bool
vq_enough_errors(const Import *im)
{
    unsigned most = im->opt->max_errors ? im->opt->max_errors : MAXERRORS;

    return im->diag->nerror - im->errors >= most || im->diag->fault == FAULT_IO;
}

/* Names go into texts and messages. */
static bool
is_clean(const char *s)
{
    for (; *s; s++)
        if (iscntrl((unsigned char)*s))
            return false;
    return true;
}

bool
vq_define(Import *im, Loc loc, const char *name, Item *x)
{
    bool found;
    void **at;

    if (!is_clean(name))
        return vq_error(im->diag, loc,
                        "a value's name has control characters in it");
    at = vq_names_at(im->items, name, &found);
    if (found)
        return vq_error(im->diag, loc, "the value '%s' is made twice", name);
    *at = x;
    return true;
}

/* Looks for NAME=N among the user's. */
static bool
find_dim(const Binding *b, const char *name, int64_t *n)
{
    const char *const *d = b->im->opt->dims;
    size_t len = strlen(name);

    for (size_t i = 0; len && d && d[i]; i++)
        if (strncmp(d[i], name, len) == 0 && d[i][len] == '=') {
            *n = strtoll(d[i] + len + 1, NULL, 10);
            b->im->dim_used |= UINT64_C(1) << (i & 63);
            return true;
        }
    return false;
}

/* A dimension is named by the model, or INPUT.AXIS names it. */
static bool
bind_dynamic(const Binding *b, int axis, const char *param, int64_t *n)
{
    const char *place = vq_format(b->im->arena, "%s.%d", b->input, axis);
    const char *name = *param ? param : place;
    int64_t batch = b->im->opt->batch;

    if (find_dim(b, param, n) || find_dim(b, place, n))
        return *n >= 1 ||
               vq_error(b->im->diag, NOLOC, "--dim %s=%lld: must be 1 or more",
                        name, (long long)*n);
    if (axis == 0) {
        *n = batch ? batch : 1;
        return true;
    }
    return vq_error(b->im->diag, NOLOC,
                    "dimension %d of input '%s' is not fixed: give it with "
                    "--dim %s=N",
                    axis, b->input, name);
}

static bool
bind_fixed(const Binding *b, int axis, int64_t n)
{
    int64_t batch = b->im->opt->batch;

    if (axis == 0 && b->type.rank > 1 && batch > 1 && n != batch)
        return vq_error(b->im->diag, NOLOC,
                        "the batch of input '%s' is fixed to %lld: export the "
                        "model with a dynamic batch to bind it to %lld",
                        b->input, (long long)n, (long long)batch);
    return true;
}

static bool
bind_dim(Binding *b, int axis, const Onnx__TensorShapeProto__Dimension *d)
{
    int64_t *n = &b->type.dim[axis];
    const char *param = "";

    if (d->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE &&
        d->dim_value > 0) {
        *n = d->dim_value;
        return bind_fixed(b, axis, *n);
    }
    if (d->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM &&
        d->dim_param)
        param = d->dim_param;
    return bind_dynamic(b, axis, param, n);
}

static bool
bind_type(Binding *b, const Onnx__TypeProto *t)
{
    Diag *d = b->im->diag;
    const Onnx__TypeProto__Tensor *tensor;
    bool ok = true;

    if (!t || t->value_case != ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE)
        return vq_error(d, NOLOC, "input '%s' is not a tensor", b->input);
    tensor = t->tensor_type;
    if (!vq_is_float_elem(tensor->elem_type))
        return vq_error(d, NOLOC,
                        "input '%s' is of type %s; only float inputs are "
                        "supported",
                        b->input, vq_elem_text(tensor->elem_type));
    if (!tensor->shape || tensor->shape->n_dim > MAXRANK)
        return vq_error(d, NOLOC, "input '%s' has %s", b->input,
                        tensor->shape ? "more than 8 dimensions"
                                      : "no shape: export the model with one");
    b->type.dt = DT_F32;
    b->type.rank = (int)tensor->shape->n_dim;
    for (int i = 0; i < b->type.rank; i++)
        ok = bind_dim(b, i, tensor->shape->dim[i]) && ok;
    return ok;
}

static bool
import_input(Import *im, const Onnx__ValueInfoProto *in)
{
    Binding b = {.im = im, .input = in->name ? in->name : ""};
    Item *x = NEW(im->arena, Item);
    Item size = {.et = ET_FLOAT};

    if (vq_names_find(im->items, b.input))
        return true; /* an initializer: before IR version 4 they were inputs */
    if (!*b.input)
        return vq_error(im->diag, NOLOC, "an input has no name");
    x->name = b.input;
    x->et = ET_FLOAT;
    if (!bind_type(&b, in->type) ||
        !vq_item_shape(im, NOLOC, &size, b.type.rank, b.type.dim)) {
        x->bad = true;
    } else {
        x->type = b.type;
        x->v = vq_input(im->g, b.input, b.type);
    }
    return vq_define(im, NOLOC, b.input, x) && !x->bad;
}

static void
warn_unused_dims(const Import *im)
{
    const char *const *d = im->opt->dims;

    for (size_t i = 0; d && d[i] && i < 64; i++)
        if (!(im->dim_used & UINT64_C(1) << i))
            vq_warn(im->diag, NOLOC,
                    "--dim %s: the model has no such open dimension", d[i]);
}

bool
vq_import_inputs(Import *im)
{
    const Onnx__GraphProto *p = im->model->graph;
    bool ok = true;

    for (size_t i = 0; i < p->n_input && !vq_enough_errors(im); i++)
        ok = import_input(im, p->input[i]) && ok;
    warn_unused_dims(im);
    if (ok && im->g->nin == 0 && !vq_enough_errors(im))
        return vq_error(im->diag, NOLOC, "the model has no input");
    return ok;
}

static bool
is_taken(const Graph *g, const char *name)
{
    for (ValId v = 1; v < g->nval; v++)
        if (strcmp(g->val[v].name, name) == 0)
            return true;
    return false;
}

/* An output must be a value that an op makes, of its ONNX name unless an input
 * has it. */
static void
emit_output(Import *im, Item *x, const char *name)
{
    Graph *g = im->g;
    ValId v = x->v;

    if (!v || !vq_def(g, v)) {
        if (!v)
            v = vq_const(g, x->name ? x->name : name, x->type, x->data);
        v = vq_emit(g, OP_RESHAPE, name, x->type, &v, 1, NOLOC)->out;
        x->v = v;
    } else if (strcmp(g->val[v].name, name) != 0 && !x->bad &&
               !is_taken(g, name)) {
        g->val[v].name = vq_strdup(im->arena, name);
    }
    vq_output(g, v);
}

static bool
import_output(Import *im, const char *name)
{
    void **at = vq_names_find(im->items, name);
    Item *x = at ? *at : NULL;

    if (!x)
        return vq_error(im->diag, NOLOC, "no node makes the output '%s'", name);
    if (x->bad)
        return false;
    if (x->type.dt != DT_F32 || x->grid)
        return vq_error(im->diag, NOLOC,
                        "output '%s' is of type %s; only float outputs are "
                        "supported",
                        name, vq_elem_text(x->et));
    if (vq_count(&x->type) == 0)
        return vq_error(im->diag, NOLOC, "output '%s' is empty", name);
    emit_output(im, x, name);
    return true;
}

bool
vq_import_outputs(Import *im)
{
    const Onnx__GraphProto *p = im->model->graph;
    bool ok = p->n_output != 0;

    if (!ok)
        return vq_error(im->diag, NOLOC, "the model has no output");
    for (size_t i = 0; i < p->n_output && !vq_enough_errors(im); i++)
        ok = import_output(im, p->output[i]->name ? p->output[i]->name : "") &&
             ok;
    return ok;
}
