/*
 * type.c -- small questions about types.
 */
#include "ir/ir.h"

#include <assert.h>

Type
vq_type_of(DType dt, int rank, const int64_t *dim)
{
    Type t = {.dt = dt, .rank = rank};

    assert(rank >= 0 && rank <= MAXRANK);
    for (int i = 0; i < rank; i++)
        t.dim[i] = dim[i];
    return t;
}

Type
vq_type_quant(Type t, Quant q)
{
    t.q = q;
    return t;
}

int64_t
vq_count_from(const Type *t, int64_t axis)
{
    int64_t n = 1;

    for (int64_t i = axis; i < t->rank; i++)
        n *= t->dim[i];
    return n;
}

int64_t
vq_count(const Type *t)
{
    return vq_count_from(t, 0);
}

int64_t
vq_bytes(const Type *t)
{
    return vq_count(t) * vq_dtype[t->dt].bytes;
}

int64_t
vq_cols(const Type *t)
{
    return t->rank ? t->dim[t->rank - 1] : 1;
}

int64_t
vq_rows(const Type *t)
{
    return vq_count(t) / vq_cols(t);
}

bool
vq_same_shape(const Type *a, const Type *b)
{
    if (a->rank != b->rank)
        return false;
    for (int i = 0; i < a->rank; i++)
        if (a->dim[i] != b->dim[i])
            return false;
    return true;
}

bool
vq_is_trailing(const Type *a, const Type *b)
{
    bool whole = true;

    if (b->rank > a->rank)
        return false;
    for (int i = 1; i <= b->rank; i++) {
        whole = whole && b->dim[b->rank - i] == a->dim[a->rank - i];
        if (!whole && b->dim[b->rank - i] != 1)
            return false;
    }
    return true;
}

bool
vq_same_type(const Type *a, const Type *b)
{
    return a->dt == b->dt && vq_same_shape(a, b) && a->q.scale == b->q.scale &&
           a->q.scales == b->q.scales && a->q.axis == b->q.axis &&
           a->q.zero == b->q.zero;
}

bool
vq_is_integer(DType dt)
{
    return vq_dtype[dt].lo != vq_dtype[dt].hi;
}
