/*
 * gemm_cut.c -- how the loops of a product are cut, by what it costs: blocks
 * of sums that fit the registers, chunks of rows that stay in the caches, and
 * shares of parts.
 */
#include "codegen/gemm_cut.h"

enum {
    MAXPANELS = 8, /* of a block */
    IN_FLIGHT = 8, /* products that a core wants independent of each other */
    NEAR_BYTES = 640 << 10, /* of A: most of a core's own caches */
    READY_PANELS = 4,       /* that make up for keeping operands */
};

/* ---- blocks ---- */

/* Time of a block in quarters of a product: its products, or their latency
 * when they are few, and the loads of its operands. */
static int64_t
block_cost(const Level *l, int64_t rows, int64_t panels)
{
    int64_t sums = vq_turns(rows, l->high) * panels * l->nacc;

    return sums ? 4 * vq_max(sums, IN_FLIGHT) + rows + panels * l->nacc : 0;
}

static int64_t
nest_cost(const Level *l, const Gemm *g, int64_t rows, int64_t panels)
{
    int64_t total = vq_panels(g->n);
    int64_t nr = g->m / rows, np = total / panels;
    int64_t row_tail = g->m % rows, panel_tail = total % panels;

    return nr * np * block_cost(l, rows, panels) +
           np * block_cost(l, row_tail, panels) +
           nr * block_cost(l, rows, panel_tail) +
           block_cost(l, row_tail, panel_tail);
}

/* The block with the least cost among those that fit the level's registers. */
static GemmBlock
choose_block(const Build *b, const Gemm *g)
{
    int64_t most = (int64_t)b->level->mr * b->level->nr, best = INT64_MAX;
    GemmBlock block = {1, 1};
    bool alone = b->level->wide || b->level->prepare; /* a panel in scratch */

    for (int64_t p = 1; p <= (alone ? 1 : vq_min(most, MAXPANELS)); p++)
        for (int64_t r = 1; r * p <= most && r <= g->m; r++) {
            int64_t cost = nest_cost(b->level, g, r, p);

            if (p <= vq_panels(g->n) && cost < best &&
                vq_align(r, b->level->high) * p <= most) {
                best = cost;
                block = (GemmBlock){r, p};
            }
        }
    return block;
}

/* ---- operands ---- */

int64_t
vq_operand_start(const Build *b, int64_t depth)
{
    return b->level->prepare ? vq_align(vq_kgroups(depth), b->level->unit) *
                                   VQ_KGROUP * VQ_PANEL
                             : 0;
}

int64_t
vq_operand_row(const Build *b, int64_t depth)
{
    return vq_align(vq_kgroups(depth), b->level->deep) * VQ_KGROUP;
}

/* Rows whose operands the scratch has room for; 0: they are not kept. */
static int64_t
rows_of_operands(const Build *b, const Gemm *g, const GemmCut *c)
{
    int64_t room = vq_wide_bytes(g->m, g->k) - vq_operand_start(b, g->k);
    int64_t rows = room / vq_operand_row(b, g->k) / (g->a_low ? 2 : 1);

    return b->level->ready && c->panels >= READY_PANELS &&
                   c->block.rows % b->level->high == 0 && rows >= c->block.rows
               ? rows
               : 0;
}

/* ---- the loops ---- */

GemmCut
vq_gemm_cut(const Build *b, const Gemm *g)
{
    bool widened = b->level->wide && !g->a16;
    Gemm part = *g;
    GemmCut c = {0};
    int64_t most = widened ? VQ_WIDEROWS : NEAR_BYTES / g->lda;

    if (widened)
        part.m = vq_min(g->m, VQ_WIDEROWS);
    c.block = choose_block(b, &part);
    c.rows = vq_turns(g->m, c.block.rows);
    c.panels = vq_turns(vq_panels(g->n), c.block.panels);
    c.ready = rows_of_operands(b, g, &c) > 0;
    if (c.ready)
        most = vq_min(most, rows_of_operands(b, g, &c));
    most = vq_max(most / c.block.rows, 1);
    c.chunk = vq_turns(c.rows, vq_turns(c.rows, most));
    c.cost = nest_cost(b->level, g, c.block.rows, c.block.panels);
    return c;
}

/* ---- how to split ---- */

/* Bytes a cycle that a core gets of weights and of A, and those that it can
 * widen to 16 bits; roughly. */
enum { WEIGHT_RATE = 8, A_RATE = 16, WIDEN_RATE = 8 };

/* Cycles of the part with most to do. */
static int64_t
split_cost(const Build *b, const Gemm *g, const GemmCut *c, GemmSplit split,
           int64_t parts)
{
    bool rows = split == SPLIT_ROWS;
    int64_t share = rows ? vq_turns(c->rows, parts) * c->panels
                         : vq_turns(c->rows * c->panels, parts);
    int64_t products = block_cost(b->level, c->block.rows, c->block.panels) / 4;
    int64_t a = g->m * g->k, w = g->n * g->k;
    int64_t widen = 0;

    a = rows ? a / parts : a;
    if (b->level->wide)
        widen = a + (rows ? w * vq_turns(vq_turns(c->rows, parts), c->chunk)
                          : w * vq_turns(c->rows, c->chunk) / parts);
    w = rows ? w : w / parts;
    return share * products * vq_kgroups(g->k) + w / WEIGHT_RATE + a / A_RATE +
           widen / WIDEN_RATE;
}

GemmSplit
vq_gemm_split(const Build *b, const Gemm *g)
{
    static const int64_t parts[] = {2, 4, 8};
    GemmCut c = vq_gemm_cut(b, g);
    int64_t gain = 0;

    for (size_t i = 0; i < COUNT(parts); i++)
        gain += parts[i] * (split_cost(b, g, &c, SPLIT_ROWS, parts[i]) -
                            split_cost(b, g, &c, SPLIT_PANELS, parts[i]));
    return gain >= 0 ? SPLIT_PANELS : SPLIT_ROWS;
}
