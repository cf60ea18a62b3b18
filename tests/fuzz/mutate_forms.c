/*
 * mutate_forms.c -- operators with operands that fit them.
 *
 * What insert_node of mutate.c puts in is mostly refused for its shapes. Here
 * some value is brought to a shape of [batch, channels, rows, columns], passes
 * through one to four forms that know the shape they are given, and ends as an
 * output or as a number that is added to the value it came from.
 */
#include "tests/fuzz/chain.h"

#include <string.h>

enum { MAX_FORMS = 4 };

/* The window's attributes; what it leaves of rows and columns. */
static void
set_window(Chain *c, Onnx__NodeProto *n, const int64_t *kernel, bool padded)
{
    int64_t stride[2], dilation[2], pads[4] = {0};

    for (int i = 0; i < 2; i++) {
        int64_t size = c->dim[2 + i], reach;

        stride[i] = between(c, 1, 3);
        dilation[i] = between(c, 1, 2);
        reach = (kernel[i] - 1) * dilation[i] + 1;
        for (int k = 0; padded && k < 2; k++)
            size += pads[i + 2 * k] = between(c, 0, kernel[i] - 1);
        if (size < reach) {
            pads[i] += reach - size;
            size = reach;
        }
        c->dim[2 + i] = (size - reach) / stride[i] + 1;
    }
    set_ints(c, n, "kernel_shape", 2, kernel);
    set_ints(c, n, "strides", 2, stride);
    set_ints(c, n, "dilations", 2, dilation);
    set_ints(c, n, "pads", 4, pads);
}

static void
convolve(Chain *c)
{
    int64_t group = between(c, 0, 2) ? 1 : c->dim[1], k[2], dim[4];
    Onnx__NodeProto *n;

    if (group == 1 && c->dim[1] % 2 == 0 && between(c, 0, 2) == 0)
        group = 2;
    k[0] = between(c, 1, 3);
    k[1] = between(c, 1, 3);
    dim[0] = group * between(c, 1, 3);
    dim[1] = c->dim[1] / group;
    dim[2] = k[0];
    dim[3] = k[1];
    n = between(c, 0, 1)
            ? PUT(c, "Conv", c->x, weight(c, 4, dim), vector(c, dim[0]))
            : PUT(c, "Conv", c->x, weight(c, 4, dim));
    set_window(c, n, k, true);
    set_int(c, n, "group", group);
    c->dim[1] = dim[0];
}

static void
pool(Chain *c)
{
    int64_t k[2] = {between(c, 1, 3), between(c, 1, 3)};
    bool max = between(c, 0, 1);
    Onnx__NodeProto *n = PUT(c, max ? "MaxPool" : "AveragePool", c->x);

    set_window(c, n, k, true);
    if (!max)
        set_int(c, n, "count_include_pad", between(c, 0, 1));
}

static void
soften(Chain *c)
{
    static const char *const op[] = {"Softmax", "LogSoftmax"};

    set_int(c, PUT(c, op[between(c, 0, 9) == 0], c->x), "axis",
            between(c, -4, 3));
}

static void
reduce(Chain *c)
{
    static const char *const op[] = {
        "ReduceMean",      "ReduceMax",  "ReduceMin",      "ReduceL2",
        "ReduceSumSquare", "ReduceProd", "ReduceLogSumExp"};
    int64_t axis[2] = {between(c, 0, 3), between(c, 0, 3)};
    size_t naxis = axis[0] == axis[1] ? 1 : 1 + mutate_pick(c->m, 2);
    const char *name = op[mutate_pick(c->m, COUNT(op))];
    Onnx__NodeProto *n;

    if (opset(c) >= 18) {
        n = PUT(c, name, c->x, integers(c, naxis, axis));
    } else {
        n = PUT(c, name, c->x);
        set_ints(c, n, "axes", naxis, axis);
    }
    for (size_t i = 0; i < naxis; i++)
        c->dim[axis[i]] = 1;
}

static void
map(Chain *c)
{
    static const char *const op[] = {
        "Relu",      "Sigmoid", "Tanh", "Exp",        "Erf",   "Sqrt",
        "HardSwish", "Abs",     "Neg",  "Reciprocal", "Floor", "Sign",
        "Elu",       "Log",     "Sin",  "Softplus",   "Mish",  "LeakyRelu"};

    PUT(c, op[mutate_pick(c->m, COUNT(op))], c->x);
}

/* With constants of all shapes that spread over it, or with its own map. */
static void
combine(Chain *c)
{
    static const char *const op[] = {"Add", "Sub", "Mul", "Div",
                                     "Max", "Min", "Pow", "Mod"};
    const char *name = op[mutate_pick(c->m, COUNT(op) - 1)];
    char *x = c->x, *y;
    int64_t dim[RANK];

    for (size_t i = 0; i < RANK; i++)
        dim[i] = between(c, 0, 2) ? c->dim[i] : 1;
    if (between(c, 0, 1)) {
        map(c);
        y = c->x;
    } else {
        y = weight(c, RANK, dim);
    }
    if (between(c, 0, 2))
        PUT(c, name, x, y);
    else
        PUT(c, name, y, x);
}

/* With a weight, or with itself: rows by columns. */
static void
multiply(Chain *c)
{
    static const int64_t perm[] = {0, 1, 3, 2};
    int64_t dim[2] = {c->dim[3], between(c, 1, 6)};
    char *x = c->x, *y;

    if (between(c, 0, 2) == 0) {
        PUT(c, "MatMul", x, weight(c, 2, dim));
        c->dim[3] = dim[1];
        return;
    }
    if (between(c, 0, 1))
        map(c);
    set_ints(c, PUT(c, "Transpose", c->x), "perm", RANK, perm);
    y = c->x;
    PUT(c, "MatMul", x, y);
    c->dim[3] = c->dim[2];
}

/* Tokens that look at each other: scores, weights of them, sums. */
static void
attend(Chain *c)
{
    static const int64_t perm[] = {0, 1, 3, 2};
    int64_t d[2] = {c->dim[3], c->dim[3]}, mask[2] = {c->dim[2], c->dim[2]};
    char *x = c->x, *q, *k, *v;

    PUT(c, "MatMul", x, weight(c, 2, d));
    q = c->x;
    PUT(c, "MatMul", x, weight(c, 2, d));
    v = c->x;
    PUT(c, "MatMul", x, weight(c, 2, d));
    set_ints(c, PUT(c, "Transpose", c->x), "perm", RANK, perm);
    k = c->x;
    PUT(c, "MatMul", q, k);
    if (between(c, 0, 1))
        PUT(c, between(c, 0, 2) ? "Mul" : "Div", c->x, weight(c, 0, d));
    if (between(c, 0, 1))
        PUT(c, "Add", c->x, weight(c, 2, mask));
    set_int(c, PUT(c, "Softmax", c->x), "axis", -1);
    PUT(c, "MatMul", c->x, v);
}

static void
normalise(Chain *c)
{
    int64_t n = c->dim[3], ch = c->dim[1];

    switch (mutate_pick(c->m, 5)) {
    case 0:
        PUT(c, "LayerNormalization", c->x, vector(c, n), vector(c, n));
        break;
    case 1:
        PUT(c, "SimplifiedLayerNormalization", c->x, vector(c, n));
        break;
    case 2:
        PUT(c, "BatchNormalization", c->x, vector(c, ch), vector(c, ch),
            vector(c, ch), vector(c, ch));
        break;
    case 3:
        PUT(c, "InstanceNormalization", c->x, vector(c, ch), vector(c, ch));
        break;
    default:
        set_int(c, PUT(c, "LpNormalization", c->x), "axis", between(c, 1, 3));
    }
}

static void
resize(Chain *c)
{
    static const char *const mode[] = {"nearest", "linear", "cubic"};
    const char *how = mode[mutate_pick(c->m, COUNT(mode))];
    Onnx__AttributeProto *a;
    Onnx__NodeProto *n;

    c->dim[2] = between(c, 1, 6);
    c->dim[3] = between(c, 1, 6);
    n = PUT(c, "Resize", c->x, (char *)"", (char *)"",
            integers(c, RANK, c->dim));
    a = attribute(c, n, "mode", ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING);
    a->has_s = 1;
    a->s = (ProtobufCBinaryData){strlen(how), (uint8_t *)how};
}

static void
gather(Chain *c)
{
    int64_t axis = between(c, 0, 3), index[6], n = between(c, 1, 6);

    for (int64_t i = 0; i < n; i++)
        index[i] = between(c, -c->dim[axis], c->dim[axis] - 1);
    set_int(c, PUT(c, "Gather", c->x, integers(c, (size_t)n, index)), "axis",
            axis);
    c->dim[axis] = n;
}

static void
cut(Chain *c)
{
    int64_t axis = between(c, 0, 3), from = between(c, 0, c->dim[axis] - 1);
    int64_t to = between(c, from + 1, c->dim[axis]), step = between(c, 1, 2);

    PUT(c, "Slice", c->x, integers(c, 1, &from), integers(c, 1, &to),
        integers(c, 1, &axis), integers(c, 1, &step));
    c->dim[axis] = (to - from + step - 1) / step;
}

/* Two parts, one of them changed, together again; maybe swapped. */
static void
split(Chain *c)
{
    int64_t axis = between(c, 0, 3), part[2];
    Onnx__NodeProto *n;
    char *one, *two;

    part[0] = between(c, 0, c->dim[axis]);
    part[1] = c->dim[axis] - part[0];
    n = PUT(c, "Split", c->x, integers(c, 2, part));
    set_int(c, n, "axis", axis);
    one = c->x;
    two = vq_format(c->m->arena, "%s.2", one);
    *(char **)mutate_insert(c->m, &n->output, &n->n_output, sizeof two, 1) =
        two;
    map(c);
    n = between(c, 0, 1) ? PUT(c, "Concat", c->x, two)
                         : PUT(c, "Concat", two, c->x);
    set_int(c, n, "axis", axis);
}

static void
pad(Chain *c)
{
    int64_t pads[2 * RANK];

    for (size_t i = 0; i < RANK; i++) {
        pads[i] = between(c, 0, 4) ? 0 : 1;
        pads[RANK + i] = between(c, 0, 4) ? 0 : between(c, 0, 2);
        c->dim[i] += pads[i] + pads[RANK + i];
    }
    PUT(c, "Pad", c->x, integers(c, 2 * RANK, pads));
}

static void
transpose(Chain *c)
{
    int64_t perm[RANK] = {0, 1, 2, 3}, dim[RANK];

    for (size_t i = RANK - 1; i > 0; i--) {
        size_t k = mutate_pick(c->m, i + 1);
        int64_t kept = perm[i];

        perm[i] = perm[k];
        perm[k] = kept;
    }
    set_ints(c, PUT(c, "Transpose", c->x), "perm", RANK, perm);
    for (size_t i = 0; i < RANK; i++)
        dim[i] = c->dim[perm[i]];
    for (size_t i = 0; i < RANK; i++)
        c->dim[i] = dim[i];
}

/* A pair that stores it as 8 bits on the way. */
static void
quantize(Chain *c)
{
    Onnx__TensorProto *s = new_tensor(c, 1, 0, NULL);
    Onnx__TensorProto *z = new_tensor(c, between(c, 0, 1) ? 3 : 2, 0, NULL);

    s->n_float_data = 1;
    s->float_data = NEW(c->m->arena, float);
    s->float_data[0] = between(c, 0, 5) ? (float)between(c, 1, 99) / 1000
                                        : (float)mutate_real(c->m);
    z->n_int32_data = 1;
    z->int32_data = NEW(c->m->arena, int32_t);
    z->int32_data[0] = (int32_t)(between(c, 0, 1) ? 0 : between(c, 0, 127));
    PUT(c, "QuantizeLinear", c->x, s->name, z->name);
    PUT(c, "DequantizeLinear", c->x, s->name, z->name);
}

static void (*const forms[])(Chain *) = {
    convolve, convolve, convolve, pool,     pool,   soften,    reduce,
    map,      combine,  combine,  multiply, attend, normalise, normalise,
    resize,   gather,   cut,      split,    pad,    transpose, quantize,
};

char *
mutate_forms(Mutate *m, size_t at, char *from)
{
    Onnx__GraphProto *g = m->model->graph;
    Chain c = {.m = m, .at = at, .x = from};
    int64_t all[] = {-1};

    bring_to_shape(&c);
    for (uint32_t n = 1 + mutate_pick(m, MAX_FORMS); n > 0; n--)
        forms[mutate_pick(m, COUNT(forms))](&c);
    if (g->n_output && mutate_pick(m, 2)) {
        g->output[mutate_pick(m, g->n_output)]->name = c.x;
        return NULL;
    }
    reshape(&c, 1, all);
    set_int(&c, PUT(&c, "ReduceMax", c.x), "keepdims", 0);
    PUT(&c, "Add", from, c.x);
    return c.x;
}
