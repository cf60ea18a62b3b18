/*
 * node.c -- a node's attributes and inputs, checked and with defaults.
 */
#include "frontend/import.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "ir/text.h"

Loc
vq_node_loc(const Onnx__NodeProto *p)
{
    Loc loc = {.op = p->op_type, .domain = p->domain};

    if (p->name && *p->name)
        loc.node = p->name;
    else if (p->n_output)
        loc.node = p->output[0];
    return loc;
}

Item *
vq_node_error(const Node *n, const char *fmt, ...)
{
    char text[512];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    vq_error(n->im->diag, n->loc, "%s: %s", n->p->op_type, text);
    return NULL;
}

const Onnx__AttributeProto *
vq_node_attr(const Node *n, const char *name)
{
    for (size_t i = 0; i < n->p->n_attribute; i++)
        if (n->p->attribute[i]->name &&
            strcmp(n->p->attribute[i]->name, name) == 0)
            return n->p->attribute[i];
    return NULL;
}

int64_t
vq_attr_int(const Node *n, const char *name, int64_t otherwise)
{
    const Onnx__AttributeProto *a = vq_node_attr(n, name);

    return a && a->has_i ? a->i : otherwise;
}

float
vq_attr_float(const Node *n, const char *name, float otherwise)
{
    const Onnx__AttributeProto *a = vq_node_attr(n, name);

    return a && a->has_f ? a->f : otherwise;
}

bool
vq_attr_epsilon(const Node *n, float otherwise, float *eps)
{
    *eps = vq_attr_float(n, "epsilon", otherwise);
    if (*eps >= 0 && !isinf(*eps))
        return true;
    vq_node_error(n, "epsilon=%g must be a number from 0", (double)*eps);
    return false;
}

const int64_t *
vq_attr_ints(const Node *n, const char *name, size_t *count)
{
    static const int64_t none[1]; /* there, but empty */
    const Onnx__AttributeProto *a = vq_node_attr(n, name);

    *count = a ? a->n_ints : 0;
    if (!a)
        return NULL;
    return a->n_ints ? a->ints : none;
}

bool
vq_attr_is(const Node *n, const char *name, const char *text, bool otherwise)
{
    const Onnx__AttributeProto *a = vq_node_attr(n, name);

    if (!a || !a->has_s)
        return otherwise;
    return a->s.len == strlen(text) && memcmp(a->s.data, text, a->s.len) == 0;
}

Item *
vq_in(const Node *n, uint32_t i)
{
    return i < n->nin ? n->in[i] : NULL;
}

/* A constant integer input with at most one axis. */
static Item *
known_ints(const Node *n, uint32_t i)
{
    Item *x = vq_in(n, i);

    if (!vq_known(x))
        return vq_node_error(n,
                             "input %u (%s) depends on the model's input; it "
                             "must be known at compile time",
                             i, n->p->input[i]);
    if (x->type.dt != DT_S64)
        return vq_node_error(n, "input %u (%s) must be of integers", i,
                             n->p->input[i]);
    if (x->type.rank > 1)
        return vq_node_error(n, "input %u (%s) must be a list, not %s", i,
                             n->p->input[i], vq_shape_text(n, &x->type));
    return x;
}

bool
vq_in_ints(const Node *n, uint32_t i, const int64_t **v, int64_t *count)
{
    Item *x;

    *v = NULL;
    *count = 0;
    if (!vq_in(n, i))
        return true;
    x = known_ints(n, i);
    if (!x)
        return false;
    *v = vq_item_i(x);
    *count = vq_count(&x->type);
    return true;
}

bool
vq_attr_or_in(const Node *n, const char *name, uint32_t i, const int64_t **v,
              int64_t *count)
{
    size_t len;

    *v = vq_attr_ints(n, name, &len);
    *count = (int64_t)len;
    return *v || vq_in_ints(n, i, v, count);
}

bool
vq_in_scalar(const Node *n, uint32_t i, double *v)
{
    Item *x = vq_in(n, i);

    if (!vq_known(x) || vq_count(&x->type) != 1) {
        vq_node_error(n,
                      "input %u (%s) must be one number known at compile "
                      "time",
                      i, n->p->input[i]);
        return false;
    }
    *v = x->type.dt == DT_F32 ? (double)vq_item_f(x)[0]
                              : (double)vq_item_i(x)[0];
    return true;
}

bool
vq_axis(const Node *n, int64_t axis, int rank, int *out)
{
    if (axis < -rank || axis >= rank) {
        vq_node_error(n, "axis %lld is not one of rank %d", (long long)axis,
                      rank);
        return false;
    }
    *out = (int)(axis < 0 ? axis + rank : axis);
    return true;
}

bool
vq_axes(const Node *n, const int64_t *axes, int64_t count, int rank,
        unsigned *mask)
{
    *mask = 0;
    for (int64_t i = 0; i < count; i++) {
        int axis;

        if (!vq_axis(n, axes[i], rank, &axis))
            return false;
        if (*mask & 1u << axis) {
            vq_node_error(n, "axis %d is named twice", axis);
            return false;
        }
        *mask |= 1u << axis;
    }
    return true;
}

bool
vq_wants_output(const Node *n, uint32_t k)
{
    return k < n->p->n_output && n->p->output[k][0] &&
           vq_names_find(n->im->uses, n->p->output[k]);
}

/* A value that this node made takes ONNX's name; one that was there before,
 * passed on by a node that does nothing, keeps its own. */
static void
take_name(Node *n, Item *x, const char *name)
{
    Graph *g = n->im->g;

    if (x->v && vq_def(g, x->v) && g->val[x->v].def >= n->first_op && !x->name)
        g->val[x->v].name = vq_strdup(n->im->arena, name);
    if (!x->name)
        x->name = name;
}

bool
vq_set_output(Node *n, uint32_t k, Item *x)
{
    if (k >= n->p->n_output || !n->p->output[k][0])
        return true;
    if (x && !x->bad)
        take_name(n, x, n->p->output[k]);
    return vq_define(n->im, n->loc, n->p->output[k], x);
}

const char *
vq_shape_text(const Node *n, const Type *t)
{
    const char *s = "";

    for (int i = 0; i < t->rank; i++)
        s = vq_format(n->im->arena, "%s%s%lld", s, i ? "x" : "",
                      (long long)t->dim[i]);
    return vq_format(n->im->arena, "[%s]", s);
}
