/*
 * change_tensor.c -- changes of initializers and the values of Constants.
 */
#include "tests/lib/changes.h"

#include <string.h>

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

const Change change_tensors[] = {
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
    {NULL, NULL},
};
