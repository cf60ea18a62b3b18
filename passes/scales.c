/*
 * scales.c -- scales of the residual stream (scales.h says why).
 *
 * Residuals keep one bit of headroom above the calibrated range: an unseen
 * image may exceed it, and at 16 bits a clipped outlier costs more than a
 * halved step.
 */
#include "passes/scales.h"

#include <assert.h>
#include <math.h>

#define HEADROOM    2.0f
#define LEAST_SCALE 0x1p-100f

static uint32_t
find_root(ResidualScales *s, uint32_t v)
{
    while (s->parent[v] != v)
        v = s->parent[v] = s->parent[s->parent[v]];
    return v;
}

static void
unite(ResidualScales *s, uint32_t a, uint32_t b)
{
    s->parent[find_root(s, a)] = find_root(s, b);
}

static bool
is_sum(const Op *op)
{
    return op->kind == OP_ADD || op->kind == OP_SUB;
}

/* Its scale can be chosen freely: it is rounded anew when it is made, and
 * nobody but its one reader sees it. */
static bool
is_flexible(const Graph *g, ValId v, const uint32_t *uses)
{
    const Op *def = vq_def(g, v);

    return def && uses[v] == 1 && !is_sum(def) &&
           vq_op[def->kind].stage == STAGE_R;
}

static void
unite_op(ResidualScales *s, const Graph *g, const Op *op,
         const Storage *storage, const uint32_t *uses)
{
    bool move = vq_op[op->kind].stage == STAGE_M;

    if (storage[op->out] != ST_S16 || (!move && !is_sum(op)))
        return;
    for (uint32_t i = 0; i < op->nin; i++) {
        ValId v = op->in[i];

        if (storage[v] == ST_S16 && (move || is_flexible(g, v, uses)))
            unite(s, v, op->out);
    }
}

/* What a value's range asks for, as a scale; 0: nothing known. Finite for any
 * range, and its reciprocal too. */
static float
wanted_scale(const Graph *g, const PassContext *cx, ValId v)
{
    const CalibEntry *e = vq_calib_find(cx->calib, g->val[v].name);
    Range r = e ? vq_calib_extremes(e) : (Range){0, 0};
    float most = fmaxf(fabsf(r.lo), fabsf(r.hi));

    return most > 0 ? fmaxf(most / INT16_MAX * HEADROOM, LEAST_SCALE) : 0;
}

static void
choose_base(ResidualScales *s, const Graph *g, const PassContext *cx,
            const Storage *storage)
{
    s->base = INFINITY;
    for (ValId v = 1; v < g->nval; v++) {
        float w = storage[v] == ST_S16 ? wanted_scale(g, cx, v) : 0;

        if (w > 0)
            s->base = fminf(s->base, w);
    }
    if (!isfinite(s->base))
        s->base = 1.0f / INT16_MAX;
}

static void
raise_to_ranges(ResidualScales *s, const Graph *g, const PassContext *cx,
                const Storage *storage)
{
    for (ValId v = 1; v < g->nval; v++) {
        float w = storage[v] == ST_S16 ? wanted_scale(g, cx, v) : 0;
        int *e = &s->exp[find_root(s, v)];

        while (ldexpf(s->base, *e) < w)
            ++*e;
    }
}

/* A sum is at least as coarse as its operands. Exponents only rise and are
 * bounded by the largest, so this ends. */
static bool
raise_sums(ResidualScales *s, const Graph *g, const Storage *storage)
{
    bool changed = false;

    for (uint32_t i = 1; i < g->nop; i++) {
        const Op *op = &g->op[i];

        if (!is_sum(op) || storage[op->out] != ST_S16)
            continue;
        for (uint32_t j = 0; j < op->nin; j++) {
            int *out = &s->exp[find_root(s, op->out)];

            if (storage[op->in[j]] != ST_S16)
                continue;
            if (s->exp[find_root(s, op->in[j])] > *out) {
                *out = s->exp[find_root(s, op->in[j])];
                changed = true;
            }
        }
    }
    return changed;
}

ResidualScales *
vq_residual_scales(const Graph *g, const PassContext *cx,
                   const Storage *storage, Arena *a)
{
    ResidualScales *s = NEW(a, ResidualScales);
    uint32_t *uses = vq_use_counts(g, a);

    s->parent = NEWN(a, uint32_t, g->nval);
    s->exp = NEWN(a, int, g->nval);
    for (ValId v = 0; v < g->nval; v++)
        s->parent[v] = v;
    for (uint32_t i = 1; i < g->nop; i++)
        unite_op(s, g, &g->op[i], storage, uses);
    choose_base(s, g, cx, storage);
    raise_to_ranges(s, g, cx, storage);
    while (raise_sums(s, g, storage))
        ;
    return s;
}

int
vq_residual_exp(const ResidualScales *s, ValId v)
{
    while (s->parent[v] != v)
        v = s->parent[v];
    return s->exp[v];
}

float
vq_residual_scale(const ResidualScales *s, ValId v)
{
    return ldexpf(s->base, vq_residual_exp(s, v));
}
