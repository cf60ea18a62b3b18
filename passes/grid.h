/*
 * grid.h -- fakequant in float graphs: where a quantized model rounds.
 *
 * Exporters and quantizers put them wherever they look at a value. They are
 * brought to rest right behind the op that makes the number (moves.c takes
 * them up past moves), which is where quantize.c can store the value on that
 * very grid. Inside what fusion makes one op of, they are dropped: the fused
 * op works at a higher precision there than they ask for.
 */
#ifndef VQ_GRID_H
#define VQ_GRID_H

#include "passes/rule.h"

/* Real = scale * (code - zero), whole codes lo..hi. */
typedef struct Grid {
    double scale;
    int64_t zero;
    double lo, hi;
} Grid;

Grid vq_grid_of(const Op *fakequant);
/* The same points; lo and hi may differ. */
bool vq_grid_aligned(const Grid *, const Grid *);
ValId vq_build_grid(const Build *, ValId, const Grid *);

/* Above v, past fakequants. */
ValId vq_beneath(const Graph *, ValId v);
/* Past those that nothing else reads. */
ValId vq_beneath_only(const Match *, ValId v);

/* fakequant of a move, of a fakequant, of a value that is on its grid. */
RuleFn vq_move_grid, vq_merge_grids, vq_drop_grid;

#endif
