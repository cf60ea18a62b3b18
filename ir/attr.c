/*
 * attr.c -- the attributes of an op: a handful, found by walking.
 */
#include "ir/ir.h"

#include <assert.h>
#include <string.h>

static Attr *
attr_slot(Op *op, AttrKey key)
{
    for (uint32_t i = 0; i < op->nattr; i++)
        if (op->attr[i].key == key)
            return &op->attr[i];
    assert(op->nattr < MAXATTR);
    op->attr[op->nattr].key = key;
    return &op->attr[op->nattr++];
}

void
vq_set_is(Graph *g, Op *op, AttrKey key, const int64_t *v, uint32_t n)
{
    int64_t *copy = NEWN(g->arena, int64_t, n ? n : 1);

    if (n)
        memcpy(copy, v, n * sizeof *v);
    *attr_slot(op, key) = (Attr){.key = key, .n = n, .i = copy};
}

void
vq_set_i(Graph *g, Op *op, AttrKey key, int64_t v)
{
    vq_set_is(g, op, key, &v, 1);
}

void
vq_set_f(Op *op, AttrKey key, double v)
{
    *attr_slot(op, key) = (Attr){.key = key, .n = 1, .f = v};
}

const Attr *
vq_attr(const Op *op, AttrKey key)
{
    for (uint32_t i = 0; i < op->nattr; i++)
        if (op->attr[i].key == key)
            return &op->attr[i];
    return NULL;
}

int64_t
vq_get_i(const Op *op, AttrKey key, int64_t otherwise)
{
    const Attr *a = vq_attr(op, key);

    return a && a->i ? a->i[0] : otherwise;
}

double
vq_get_f(const Op *op, AttrKey key, double otherwise)
{
    const Attr *a = vq_attr(op, key);

    return !a ? otherwise : a->i ? (double)a->i[0] : a->f;
}
