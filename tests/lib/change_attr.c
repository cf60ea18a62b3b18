/*
 * change_attr.c -- changes of attributes of nodes.
 */
#include "tests/lib/changes.h"

#include <string.h>

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

const Change change_attributes[] = {
    {"odd_attribute", odd_attribute},
    {"small_attribute", small_attribute},
    {"drop_attribute", drop_attribute},
    {"rename_attribute", rename_attribute},
    {"retype_attribute", retype_attribute},
    {"cut_list", cut_list},
    {"longer_list", longer_list},
    {NULL, NULL},
};
