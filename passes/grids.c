/*
 * grids.c -- find fake quantization that is spelled in arithmetic.
 *
 * Needs nothing, keeps every fact. Some exporters write a fakequant as x / s,
 * rounded, plus zero, clipped, less zero, times s, in one of many orders.
 * Rounding alone is a fakequant of step 1 and without bounds, as the frontend
 * reads it. Whatever is affine or a clip around it, applied to a code k, gives
 * A * clamp(k, lo, hi) + B; whatever is affine before it makes the code from x
 * as a * x + b. If A a = 1 and B = -A b, the whole is a fakequant of step A.
 */
#include "passes/moves.h"
#include "passes/passes.h"

#include <math.h>

enum { MAXSTEPS = 12 };

/* out = scale * clamp(in, lo, hi) + offset, in order of application. */
typedef struct Affine {
    double scale, offset, lo, hi;
} Affine;

/* Applies to f what op does to its operand *x. False: op is nothing such. */
static bool
affine_of(const Graph *g, const Op *op, Affine *f, ValId *x)
{
    ValId c;
    double k;

    *x = op->in[0];
    *f = (Affine){1, 0, -INFINITY, INFINITY};
    if (op->kind == OP_CLIP) {
        f->lo = vq_get_f(op, A_LO, -INFINITY);
        f->hi = vq_get_f(op, A_HI, INFINITY);
        return true;
    }
    if (op->nin != 2 || !vq_with_const(g, op, x, &c) || !vq_scalar(g, c, &k) ||
        !vq_same_shape(vq_type(g, *x), vq_type(g, op->out)))
        return false;
    switch (op->kind) {
    case OP_ADD:
        f->offset = k;
        return true;
    case OP_SUB:
        f->offset = -k;
        return c == op->in[1];
    case OP_MUL:
        f->scale = k;
        return k > 0;
    case OP_DIV:
        f->scale = 1 / k;
        return k > 0 && c == op->in[1];
    case OP_MAX:
        f->lo = k;
        return true;
    case OP_MIN:
        f->hi = k;
        return true;
    default:
        return false;
    }
}

/* f after g, as one. */
static Affine
compose(const Affine *f, const Affine *g)
{
    Affine h = {f->scale * g->scale, f->scale * g->offset + f->offset,
                fmax(g->lo, (f->lo - g->offset) / g->scale),
                fmin(g->hi, (f->hi - g->offset) / g->scale)};

    return h;
}

/* Walks up from v while ops are affine, or clips where they may be. */
static ValId
walk(const Graph *g, ValId v, bool clips, Affine *f, int *steps)
{
    *f = (Affine){1, 0, -INFINITY, INFINITY};
    for (*steps = 0; *steps < MAXSTEPS; ++*steps) {
        const Op *op = vq_def(g, v);
        Affine one;
        ValId x;

        if (!op || !affine_of(g, op, &one, &x) ||
            (!clips && (isfinite(one.lo) || isfinite(one.hi))))
            break;
        *f = compose(f, &one);
        v = x;
    }
    return v;
}

/* A fakequant that rounds to whole numbers, and clips nothing. */
static const Op *
find_round(const Graph *g, ValId v)
{
    const Op *op = vq_def_as(g, v, OP_FAKEQUANT);
    Grid grid;

    if (!op)
        return NULL;
    grid = vq_grid_of(op);
    return grid.scale == 1 && grid.zero == 0 && grid.hi - grid.lo >= 0x1p32
               ? op
               : NULL;
}

static bool
is_close(double x, double y, double unit)
{
    return fabs(x - y) <= 1e-4 * unit;
}

static ValId
find_grid(Match *m, const Op *op)
{
    Build b = vq_build_at(m, op);
    Affine after, before;
    const Op *round;
    int above, below;
    ValId x;
    Grid g;

    round = find_round(m->g, walk(m->g, op->out, true, &after, &below));
    if (!round || !below)
        return 0;
    x = walk(m->g, round->in[0], false, &before, &above);
    g.scale = (double)(float)after.scale;
    g.zero = lrint(before.offset);
    if (!is_close(after.scale * before.scale, 1, 1) ||
        !is_close(before.offset, (double)g.zero, 1) ||
        !is_close(after.offset, -g.scale * (double)g.zero, g.scale) ||
        !vq_same_shape(vq_type(m->g, x), vq_type(m->g, op->out)))
        return 0;
    g.lo = fmax(ceil(after.lo - 1e-4), -0x1p31);
    g.hi = fmin(floor(after.hi + 1e-4), 0x1p31);
    if (!(g.lo <= g.hi))
        return 0;
    return vq_build_grid(&b, vq_fetch(m, x), &g);
}

/* The outermost of a chain is met last and sees the most. What it leaves of a
 * shorter match is swept. */
static const Rule rules[] = {
    {OP_MUL, find_grid}, {OP_DIV, find_grid},  {OP_ADD, find_grid},
    {OP_SUB, find_grid}, {OP_CLIP, find_grid}, {OP_MAX, find_grid},
    {OP_MIN, find_grid}, MOVE_RULES,
};

bool
vq_find_grids(Graph *g, const PassContext *c)
{
    return vq_apply_rules(g, c->diag, rules, COUNT(rules));
}
