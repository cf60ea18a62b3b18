/*
 * grid.c -- fakequants meet moves and each other (grid.h).
 */
#include "passes/grid.h"

#include <math.h>

Grid
vq_grid_of(const Op *op)
{
    return (Grid){.scale = vq_get_f(op, A_SCALE, 1),
                  .zero = vq_get_i(op, A_ZERO, 0),
                  .lo = vq_get_f(op, A_LO, 0),
                  .hi = vq_get_f(op, A_HI, 0)};
}

bool
vq_grid_aligned(const Grid *a, const Grid *b)
{
    return a->scale == b->scale && a->zero == b->zero;
}

ValId
vq_build_grid(const Build *b, ValId x, const Grid *g)
{
    Attr attr[] = {vq_build_real(A_SCALE, g->scale),
                   vq_build_int(b->g, A_ZERO, g->zero),
                   vq_build_real(A_LO, g->lo), vq_build_real(A_HI, g->hi)};

    return vq_build(b, OP_FAKEQUANT, &x, 1, attr, COUNT(attr), NULL);
}

ValId
vq_beneath(const Graph *g, ValId v)
{
    const Op *op;

    while ((op = vq_def_as(g, v, OP_FAKEQUANT)))
        v = op->in[0];
    return v;
}

ValId
vq_beneath_only(const Match *m, ValId v)
{
    const Op *op;

    while ((op = vq_def_as(m->g, v, OP_FAKEQUANT)) && vq_only_use(m, v))
        v = op->in[0];
    return v;
}

/* concat(a, b) rounded is concat of the rounded parts. */
static ValId
move_concat(Match *m, const Op *op, const Op *concat)
{
    Build b = vq_build_at(m, op);
    const char *name = b.name;
    Grid grid = vq_grid_of(op);
    ValId *part;
    Attr axis;

    if (!vq_only_use(m, concat->out))
        return 0;
    part = NEWN(b.g->arena, ValId, concat->nin);
    for (uint32_t i = 0; i < concat->nin; i++) {
        b.name = vq_format(b.g->arena, "%s.%u", name, i);
        part[i] = vq_build_grid(&b, vq_fetch(m, concat->in[i]), &grid);
    }
    b.name = name;
    axis = vq_build_int(b.g, A_AXIS, vq_get_i(concat, A_AXIS, 0));
    return vq_build(&b, OP_CONCAT, part, concat->nin, &axis, 1, NULL);
}

/* Real 0, with which values are padded, is on the grid. */
static bool
has_zero(const Grid *g)
{
    return (double)g->zero >= g->lo && (double)g->zero <= g->hi;
}

/* Slices stay in front: another slice of the value may be on another grid. */
ValId
vq_move_grid(Match *m, const Op *op)
{
    const Op *move = vq_def(m->g, op->in[0]);
    Build b = vq_build_at(m, op);
    Grid grid = vq_grid_of(op);
    const char *name = b.name;
    ValId x;

    if (!move || vq_op[move->kind].stage != STAGE_M ||
        (move->kind == OP_PAD && !has_zero(&grid)))
        return 0;
    if (move->kind == OP_CONCAT)
        return move_concat(m, op, move);
    if (move->kind == OP_SLICE)
        return 0;
    b.name = vq_format(b.g->arena, "%s.grid", m->g->val[move->in[0]].name);
    x = vq_build_grid(&b, vq_fetch(m, move->in[0]), &grid);
    b.name = name;
    return vq_build(&b, move->kind, &x, 1, move->attr, move->nattr,
                    vq_type(m->g, op->out));
}

/* On the same points twice: what is within both ranges. */
ValId
vq_merge_grids(Match *m, const Op *op)
{
    const Op *in = vq_def_as(m->g, op->in[0], OP_FAKEQUANT);
    Grid outer = vq_grid_of(op), inner;
    Build b = vq_build_at(m, op);

    if (!in)
        return 0;
    inner = vq_grid_of(in);
    if (!vq_grid_aligned(&outer, &inner) || outer.lo > inner.hi ||
        outer.hi < inner.lo)
        return 0;
    if (inner.lo >= outer.lo && inner.hi <= outer.hi)
        return vq_fetch(m, in->out);
    outer.lo = fmax(outer.lo, inner.lo);
    outer.hi = fmin(outer.hi, inner.hi);
    return vq_build_grid(&b, vq_fetch(m, in->in[0]), &outer);
}

static bool
const_on_grid(const Graph *g, ValId v, const Grid *grid)
{
    int64_t n = vq_count(vq_type(g, v));
    const float *x = vq_floats(g, v);

    for (int64_t i = 0; i < n; i++) {
        double q = (double)x[i] / grid->scale;

        if (fabs(q - rint(q)) > 1e-3 ||
            rint(q) + (double)grid->zero < grid->lo ||
            rint(q) + (double)grid->zero > grid->hi)
            return false;
    }
    return true;
}

/* Every number of v is on the grid, by fakequants behind moves alone. Gives up
 * after so many visits. */
static bool
is_on_grid(const Graph *g, ValId v, const Grid *grid, int *visits)
{
    const Op *op = vq_def(g, v);
    Grid own;

    if (vq_is_const(g, v))
        return const_on_grid(g, v, grid);
    if (!op || --*visits < 0)
        return false;
    if (op->kind == OP_FAKEQUANT) {
        own = vq_grid_of(op);
        return vq_grid_aligned(&own, grid) && own.lo >= grid->lo &&
               own.hi <= grid->hi;
    }
    if (vq_op[op->kind].stage != STAGE_M ||
        (op->kind == OP_PAD && !has_zero(grid)))
        return false;
    for (uint32_t i = 0; i < op->nin; i++)
        if (!is_on_grid(g, op->in[i], grid, visits))
            return false;
    return true;
}

ValId
vq_drop_grid(Match *m, const Op *op)
{
    Grid grid = vq_grid_of(op);
    int visits = 256;

    return is_on_grid(m->g, op->in[0], &grid, &visits) ? vq_fetch(m, op->in[0])
                                                       : 0;
}
