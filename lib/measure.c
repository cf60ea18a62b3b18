/*
 * measure.c -- figures of a graph: work, real values, closeness.
 */
#include "lib/session.h"

#include <math.h>
#include <string.h>

/* ---- multiply-adds ---- */

static int64_t
matmul_macs(const Graph *g, const Op *op)
{
    return vq_mul_capped(vq_count(vq_type(g, op->out)),
                         vq_cols(vq_type(g, op->in[0])));
}

static int64_t
conv_macs(const Graph *g, const Op *op)
{
    const Type *w = vq_type(g, op->in[1]);

    return vq_mul_capped(vq_count(vq_type(g, op->out)),
                         vq_count(w) / w->dim[0]);
}

static int64_t
depthwise_macs(const Graph *g, const Op *op)
{
    return vq_mul_capped(vq_count(vq_type(g, op->out)),
                         vq_rows(vq_type(g, op->in[1])));
}

/* Scores and weighted sums: twice queries x keys x width, a batch. */
static int64_t
attention_macs(const Graph *g, const Op *op)
{
    const Type *q = vq_type(g, op->in[0]), *k = vq_type(g, op->in[1]);

    return vq_mul_capped(vq_count(q) + vq_count(vq_type(g, op->out)),
                         k->dim[k->rank - 2]);
}

typedef int64_t CountMacs(const Graph *, const Op *);

static CountMacs *const count_macs[NOP] = {
    [OP_MATMUL] = matmul_macs,
    [OP_LINEAR] = matmul_macs,
    [OP_CONV] = conv_macs,
    [OP_ATTENTION] = attention_macs,
    [OP_I_PRODUCT] = matmul_macs,
    [OP_I_MATMUL] = matmul_macs,
    [OP_I_ATTENTION] = attention_macs,
    [OP_K_LINEAR] = matmul_macs,
    [OP_DEPTHWISE] = depthwise_macs,
    [OP_I_DEPTHWISE] = depthwise_macs,
    [OP_K_DEPTHWISE] = depthwise_macs,
};

int64_t
vq_macs(const Graph *g, const Op *op)
{
    return count_macs[op->kind] ? count_macs[op->kind](g, op) : 0;
}

int64_t
vq_total_macs(const Graph *g)
{
    int64_t macs = 0;

    for (uint32_t i = 1; i < g->nop; i++)
        macs += vq_macs(g, &g->op[i]);
    return macs;
}

void
vq_count_constants(const Graph *g, int64_t *n, int64_t *bytes)
{
    *n = *bytes = 0;
    for (ValId i = 1; i < g->nval; i++)
        if (vq_is_const(g, i)) {
            *n += vq_count(vq_type(g, i));
            *bytes += vq_bytes(vq_type(g, i));
        }
}

/* ---- values as real numbers ---- */

typedef double GetElement(const void *, int64_t);

#define GET(T)                                                                 \
    static double get_##T(const void *p, int64_t i)                            \
    {                                                                          \
        return (double)((const T *)p)[i];                                      \
    }
GET(float)
GET(uint8_t)
GET(int8_t)
GET(uint16_t)
GET(int16_t)
GET(int32_t)
GET(int64_t)
#undef GET

static GetElement *const get_element[NDTYPE] = {
    [DT_F32] = get_float,    [DT_U8] = get_uint8_t,  [DT_S8] = get_int8_t,
    [DT_U16] = get_uint16_t, [DT_S16] = get_int16_t, [DT_S32] = get_int32_t,
    [DT_S64] = get_int64_t,
};

void
vq_real_values(const Graph *g, ValId id, const void *data, double *out)
{
    const Type *t = vq_type(g, id);
    const Quant *q = &t->q;
    int64_t n = vq_count(t), inner = 1;

    for (int64_t i = 0; i < n; i++)
        out[i] = get_element[t->dt](data, i);
    if (!q->scales && q->scale == 0)
        return;
    for (int a = q->axis + 1; q->scales && a < t->rank; a++)
        inner *= t->dim[a];
    for (int64_t i = 0; i < n; i++) {
        int64_t c = q->scales ? i / inner % t->dim[q->axis] : 0;

        out[i] = (double)vq_scale_at(g, t, c) * (out[i] - q->zero);
    }
}

ValId
vq_find_value(const Graph *g, const char *name)
{
    for (ValId i = 1; i < g->nval; i++)
        if (strcmp(g->val[i].name, name) == 0)
            return i;
    return 0;
}

/* ---- closeness ---- */

void
vq_closeness_add(Closeness *c, double want, double got)
{
    c->signal += want * want;
    c->noise += (got - want) * (got - want);
}

void
vq_closeness_add_value(Closeness *c, Arena *a, const Graph *g, ValId id,
                       const void *data, const float *want)
{
    ArenaMark m = vq_arena_mark(a);
    int64_t n = vq_count(vq_type(g, id));
    double *x = NEWN(a, double, (size_t)n);

    vq_real_values(g, id, data, x);
    for (int64_t i = 0; i < n; i++)
        vq_closeness_add(c, (double)want[i], x[i]);
    vq_arena_release(a, m);
}
