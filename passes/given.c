/*
 * given.c -- grids of activations (given.h).
 */
#include "passes/given.h"

#include "passes/report.h"

#include "ir/quant.h"

#include <math.h>

enum { MOST = UINT8_MAX };

static int64_t
base_of(const Grid *g)
{
    return vq_whole(fmin(g->lo, (double)g->zero), INT32_MIN, INT32_MAX);
}

/* Zero is among the codes too: so it is in every type. */
static bool
fits_byte(const Grid *g)
{
    return fmax(g->hi, (double)g->zero) - (double)base_of(g) <= MOST;
}

/* The codes that calibration saw of a value. */
static Grid
used_part(const PassContext *cx, const char *name, Grid g)
{
    const CalibEntry *e = vq_calib_find(cx->calib, name);
    Range r;

    if (!e)
        return g;
    r = vq_calib_extremes(e);
    g.lo = fmax(g.lo, rint((double)r.lo / g.scale) + (double)g.zero);
    g.hi = fmin(g.hi, rint((double)r.hi / g.scale) + (double)g.zero);
    return g;
}

/* 256 codes around those of `used`, within those of `all`. */
static Grid
spread(Grid used, const Grid *all)
{
    double spare = MOST - (used.hi - used.lo);

    used.lo = fmax(used.lo - floor(spare / 2), all->lo);
    used.hi = fmin(used.lo + MOST, all->hi);
    return used;
}

static bool
settle(Rewrite *r, const Op *op)
{
    const PassContext *cx = r->user;
    const char *name = r->from->val[op->out].name;
    Build b = {r->to, r->diag, name, op->loc};
    Grid g, used;

    if (op->kind != OP_FAKEQUANT)
        return vq_copy(r, op);
    g = vq_grid_of(op);
    used = used_part(cx, name, g);
    if (!fits_byte(&g) && fits_byte(&used) && used.lo <= used.hi)
        g = spread(used, &g);
    if (fits_byte(&g) && g.lo <= g.hi) {
        vq_become(r, op->out, vq_build_grid(&b, vq_new(r, op->in[0]), &g));
        vq_report_given(cx->report, 1, 0);
    } else {
        vq_become(r, op->out, vq_new(r, op->in[0]));
        vq_report_given(cx->report, 0, 1);
    }
    return true;
}

bool
vq_settle_grids(Graph *g, const PassContext *cx)
{
    for (uint32_t i = 1; i < g->nop; i++)
        if (g->op[i].kind == OP_FAKEQUANT) {
            vq_calib_note(cx->calib, VQ_NOTE_GIVEN, 1);
            return vq_rewrite(g, cx->diag, settle, (void *)(uintptr_t)cx);
        }
    return true;
}

/* What calibration saw of the value rounds to s8 codes around zero. */
static bool
fits_s8(const PassContext *cx, const char *name, const Grid *g)
{
    Grid used = used_part(cx, name, *g);

    return used.lo - (double)g->zero >= INT8_MIN &&
           used.hi - (double)g->zero <= INT8_MAX;
}

static Given
given_by(const Graph *g, const PassContext *cx, const Op *op)
{
    Given v = {.grid = vq_grid_of(op)};

    v.base = base_of(&v.grid);
    v.clips = v.grid.lo > (double)v.base || v.grid.hi < (double)v.base + MOST;
    v.s8 = fits_s8(cx, g->val[op->out].name, &v.grid);
    return v;
}

/* Rounds its result anyway, so to the grid as well as to another scale. */
static bool
can_absorb(const Graph *g, ValId x, const uint32_t *uses)
{
    const Op *maker = vq_def(g, x);

    return maker && uses[x] == 1 && maker->kind != OP_FAKEQUANT &&
           vq_op[maker->kind].stage == STAGE_R &&
           vq_storage_use[maker->kind].makes & ST_BIT(ST_U8);
}

Given *
vq_find_given(const Graph *g, const PassContext *cx)
{
    Given *given = NEWN(g->arena, Given, g->nval);
    const uint32_t *uses = vq_use_counts(g, g->arena);

    for (uint32_t i = 1; i < g->nop; i++) {
        const Op *op = &g->op[i];

        if (op->kind != OP_FAKEQUANT)
            continue;
        given[op->out] = given_by(g, cx, op);
        if (can_absorb(g, op->in[0], uses)) {
            given[op->in[0]] = given[op->out];
            given[op->in[0]].by = op->out;
        }
    }
    return given;
}

/* Per channel the given scale, or one that covers what calibration saw. */
static ValId
channel_scales(Graph *g, const Given *v, const CalibEntry *e)
{
    float *s = NEWN(g->arena, float, e->n), step = (float)v->grid.scale;

    for (uint32_t c = 0; c < e->n; c++) {
        float most = fmaxf(-e->channel[c].lo, e->channel[c].hi);

        s[c] = rintf(e->channel[c].lo / step) >= INT8_MIN &&
                       rintf(e->channel[c].hi / step) <= INT8_MAX
                   ? step
                   : most / INT8_MAX;
    }
    return vq_const(g, vq_format(g->arena, "%s.s", e->name), TYPE(DT_F32, e->n),
                    s);
}

typedef bool GivenFn(Graph *, const PassContext *, const Given *,
                     const CalibEntry *, Type *);

static bool
type_u8(Graph *g, const PassContext *cx, const Given *v, const CalibEntry *e,
        Type *t)
{
    (void)g, (void)cx, (void)e;
    t->dt = DT_U8;
    t->q.zero = (int32_t)(v->grid.zero - v->base);
    return true;
}

static bool
type_s8(Graph *g, const PassContext *cx, const Given *v, const CalibEntry *e,
        Type *t)
{
    (void)g, (void)cx, (void)e;
    t->dt = DT_S8;
    return v->s8;
}

/* I-ViT's scores have 8 bits, which what is common to them would fill. */
static bool
type_key(Graph *g, const PassContext *cx, const Given *v, const CalibEntry *e,
         Type *t)
{
    t->dt = DT_S8;
    if (v->s8)
        return true;
    t->q.zero = (int32_t)(v->grid.zero - v->base) + INT8_MIN;
    (void)g, (void)e;
    return cx->nonlinear != NL_IVIT;
}

static bool
type_value(Graph *g, const PassContext *cx, const Given *v, const CalibEntry *e,
           Type *t)
{
    (void)cx;
    t->dt = DT_S8;
    if (v->s8)
        return true;
    if (!e || !e->channel || e->n != vq_cols(t))
        return false;
    t->q = (Quant){.scales = channel_scales(g, v, e), .axis = t->rank - 1};
    return true;
}

static GivenFn *const given_fn[NSTORAGE] = {
    [ST_U8] = type_u8, [ST_Q] = type_u8,    [ST_S8] = type_s8,
    [ST_K] = type_key, [ST_V] = type_value,
};

bool
vq_given_type(Graph *g, const PassContext *cx, const Given *v, Storage s,
              const CalibEntry *e, Type *t)
{
    Type made = *t;

    made.q = (Quant){.scale = (float)v->grid.scale};
    if (!given_fn[s] || !given_fn[s](g, cx, v, e, &made))
        return false;
    *t = made;
    return true;
}
