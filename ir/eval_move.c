/*
 * eval_move.c -- ops that move elements: one copy from a strided input to the
 * dense output. Elements are bytes of any type.
 */
#include "ir/eval_fn.h"

#include <string.h>

#define COPY(T)                                                                \
    static void copy_##T(void *to, const void *from, int64_t by, int64_t n)    \
    {                                                                          \
        const T *x = from;                                                     \
        T *y = to;                                                             \
                                                                               \
        for (int64_t i = 0; i < n; i++)                                        \
            y[i] = x[i * by];                                                  \
    }

COPY(uint8_t)
COPY(uint16_t)
COPY(uint32_t)
COPY(uint64_t)

/* By the bytes of an element. */
static void (*const copy_row[])(void *, const void *, int64_t, int64_t) = {
    [1] = copy_uint8_t,
    [2] = copy_uint16_t,
    [4] = copy_uint32_t,
    [8] = copy_uint64_t,
};

/* Fills the output from the input's element `base` on, by w->step[1]. */
static void
copy_strided(const EvalArgs *e, Walk *w, int64_t base)
{
    const Type *out = out_type(e);
    int64_t size = vq_dtype[out->dt].bytes;
    const char *from = (const char *)e->in[0] + base * size;

    vq_dense_steps(out, w->step[0]);
    vq_walk_init(w, out, 2);
    while (vq_walk_row(w)) {
        char *y = (char *)e->out + w->at[0] * size;
        const char *x = from + w->at[1] * size;

        if (w->by[1] == 1)
            memcpy(y, x, (size_t)(w->cols * size));
        else
            copy_row[size](y, x, w->by[1], w->cols);
    }
}

void
vq_eval_reshape(const EvalArgs *e)
{
    memcpy(e->out, e->in[0], (size_t)vq_bytes(out_type(e)));
}

void
vq_eval_transpose(const EvalArgs *e)
{
    const Attr *perm = vq_attr(e->op, A_PERM);
    int64_t dense[MAXRANK];
    Walk w;

    vq_dense_steps(in_type(e, 0), dense);
    for (int i = 0; i < out_type(e)->rank; i++)
        w.step[1][i] = dense[perm->i[i]];
    copy_strided(e, &w, 0);
}

void
vq_eval_slice(const EvalArgs *e)
{
    int64_t axis = vq_get_i(e->op, A_AXIS, 0);
    int64_t start = vq_get_i(e->op, A_START, 0), base;
    Walk w;

    vq_dense_steps(in_type(e, 0), w.step[1]);
    base = start * w.step[1][axis];
    w.step[1][axis] *= vq_get_i(e->op, A_STEP, 1);
    copy_strided(e, &w, base);
}

void
vq_eval_expand(const EvalArgs *e)
{
    Walk w;

    vq_broadcast_steps(in_type(e, 0), out_type(e), w.step[1]);
    copy_strided(e, &w, 0);
}

/* Bytes of one index of the axis with all that lies inside it. */
static size_t
inner_bytes(const Type *t, int64_t axis)
{
    return (size_t)(vq_count_from(t, axis) * vq_dtype[t->dt].bytes);
}

void
vq_eval_concat(const EvalArgs *e)
{
    int64_t axis = vq_get_i(e->op, A_AXIS, 0);
    size_t whole = inner_bytes(out_type(e), axis);
    size_t outer = (size_t)vq_bytes(out_type(e)) / whole, at = 0;

    for (uint32_t i = 0; i < e->op->nin; i++) {
        size_t part = inner_bytes(in_type(e, i), axis);

        for (size_t o = 0; o < outer; o++)
            memcpy((char *)e->out + o * whole + at,
                   (const char *)e->in[i] + o * part, part);
        at += part;
    }
}
