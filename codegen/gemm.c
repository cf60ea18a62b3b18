/*
 * gemm.c -- loop nest and register kernel of the byte matrix product.
 *
 * Blocks of panels are the outer loop and blocks of rows the inner one, so
 * that weights stream through once while A stays in the cache. A block's sums
 * live in registers through the whole depth, which is never cut: an s32 sum
 * never meets memory.
 */
#include "codegen/gemm.h"

#include <assert.h>

enum {
    MAXPANELS = 8, /* of a block */
    IN_FLIGHT = 8, /* products that a core wants independent of each other */
    GROUP = VQ_PANEL * VQ_KGROUP,
};

typedef struct Block {
    int64_t rows, panels;
} Block;

/* Time of a block in quarters of a product: its products, or their latency
 * when they are few, and the loads of its operands. */
static int64_t
block_cost(int64_t rows, int64_t panels, int64_t nacc)
{
    return rows && panels ? 4 * vq_max(rows * panels * nacc, IN_FLIGHT) + rows +
                                panels * nacc
                          : 0;
}

static int64_t
nest_cost(const Gemm *g, int64_t rows, int64_t panels, int64_t nacc)
{
    int64_t total = vq_panels(g->n);
    int64_t nr = g->m / rows, np = total / panels;
    int64_t row_tail = g->m % rows, panel_tail = total % panels;

    return nr * np * block_cost(rows, panels, nacc) +
           np * block_cost(row_tail, panels, nacc) +
           nr * block_cost(rows, panel_tail, nacc) +
           block_cost(row_tail, panel_tail, nacc);
}

/* The block with the least cost among those that fit the level's registers. */
static Block
choose_block(const Build *b, const Gemm *g)
{
    int64_t most = (int64_t)b->level->mr * b->level->nr, best = INT64_MAX;
    Block block = {1, 1};

    for (int64_t p = 1; p <= (b->level->wide ? 1 : vq_min(most, MAXPANELS));
         p++)
        for (int64_t r = 1; r * p <= most && r <= g->m; r++) {
            int64_t cost = nest_cost(g, r, p, b->level->nacc);

            if (p <= vq_panels(g->n) && cost < best) {
                best = cost;
                block = (Block){r, p};
            }
        }
    return block;
}

/* ---- widening: bytes to 16 bits, where that is what the level multiplies */

/* A panel of K groups becomes 2 K groups of two: columns' bytes 0 and 1 of a
 * group, then bytes 2 and 3. */
static void
widen_panel(Build *b, const Gemm *g, Val panel)
{
    int64_t groups = vq_kgroups(g->k);
    Val from = b_elt(b, g->w, panel, groups * GROUP, 0), x, pair;
    int lane[2 * VQ_PANEL];
    Loop loop;

    b_loop(b, &loop, 0, 1, groups);
    x = b_load(b, b_vec(b->i8, GROUP), b_elt(b, from, loop.i, GROUP, 0), 64);
    for (int half = 0; half < 2; half++) {
        for (int i = 0; i < 2 * VQ_PANEL; i++)
            lane[i] = i / 2 * VQ_KGROUP + 2 * half + i % 2;
        pair = b_sext(b, b_shuffle(b, x, NULL, lane, 2 * VQ_PANEL), 16);
        b_store(b, pair, b_elt(b, g->scratch, loop.i, 2 * GROUP, half * GROUP),
                64);
    }
    b_loop_end(b, &loop);
}

/* `rows` rows of A from `first` on, after the panel in the scratch. */
static Val
widen_rows(Build *b, const Gemm *g, Val first, int64_t rows)
{
    int64_t ld = vq_wide_row(g->k);
    Val to = b_atc(b, g->scratch, vq_kgroups(g->k) * 2 * GROUP);
    Val from = b_elt(b, g->a, first, g->lda, 0), x;
    Loop row, col;

    b_loop(b, &row, 0, 1, rows);
    b_loop(b, &col, 0, 32, ld / 64);
    x = b_at(b, b_elt(b, from, row.i, g->lda, 0), col.i);
    x = b_zext(b, b_load(b, b_vec(b->i8, 32), x, 1), 16);
    b_store(b, x, b_elt(b, b_elt(b, to, row.i, ld, 0), col.i, 2, 0), 64);
    b_loop_end(b, &col);
    b_loop_end(b, &row);
    return to;
}

/* ---- the register kernel of one tile ---- */

typedef struct Kernel {
    Build *b;
    const Gemm *g;
    Tile *t;
    Val w;          /* the tile's first panel */
    Val row;        /* of a: the tile's first */
    int64_t groups; /* of a panel */
    unsigned nacc;  /* accumulators of a row of a panel */
    Val acc[MAXTILE];
} Kernel;

static void
start_sums(Kernel *k, bool with_bias)
{
    Build *b = k->b;
    Val sums = LLVMConstNull(b_vec(b->i32, VQ_PANEL));

    for (unsigned p = 0; p < k->t->panels; p++) {
        if (with_bias && k->g->bias)
            sums = b_load(b, b_vec(b->i32, VQ_PANEL),
                          b_elt(b, k->g->bias, k->t->panel, 64, 64 * p), 64);
        for (unsigned r = 0; r < k->t->rows; r++)
            b->level->start(b, sums, k->acc + (r * k->t->panels + p) * k->nacc);
    }
}

/* acc * 256 + bias: between the high and the low plane. */
static void
shift_sums(Kernel *k)
{
    unsigned n = k->t->rows * k->t->panels * k->nacc;
    Val high[MAXTILE];

    for (unsigned i = 0; i < n; i++)
        high[i] = b_shlc(k->b, k->acc[i], 8);
    start_sums(k, true);
    for (unsigned i = 0; i < n; i++)
        k->acc[i] = b_add(k->b, k->acc[i], high[i]);
}

/* One group: 4 bytes of each row of A against 64 of each panel. */
static void
add_group(Kernel *k, Val a, Val group)
{
    Build *b = k->b;
    const Level *l = b->level;
    Val w[MAXTILE], row;

    for (unsigned p = 0; p < k->t->panels; p++)
        l->panel(b, b_elt(b, k->w, group, GROUP, k->groups * GROUP * p),
                 w + p * k->nacc);
    for (unsigned r = 0; r < k->t->rows; r++) {
        row = l->spread(b, b_elt(b, a, group, VQ_KGROUP, k->g->lda * r));
        for (unsigned i = 0; i < k->t->panels * k->nacc; i++) {
            Val *acc = &k->acc[r * k->t->panels * k->nacc + i];

            *acc = l->dot(b, *acc, row, w[i]);
        }
    }
}

static void
add_plane(Kernel *k, Val a)
{
    unsigned n = k->t->rows * k->t->panels * k->nacc;
    Loop loop;

    a = b_elt(k->b, a, k->row, k->g->lda, 0);
    b_loop(k->b, &loop, 0, 1, k->groups);
    for (unsigned i = 0; i < n; i++)
        k->acc[i] = b_carry(k->b, &loop, k->acc[i]);
    add_group(k, a, loop.i);
    for (unsigned i = 0; i < n; i++)
        b_next(&loop, i, k->acc[i]);
    b_loop_end(k->b, &loop);
}

static void
emit_tile(Build *b, const Gemm *g, Val row, Tile *t)
{
    bool wide = b->level->wide;
    Kernel k = {.b = b,
                .g = g,
                .t = t,
                .row = row,
                .groups = vq_kgroups(g->k) * (wide ? 2 : 1),
                .nacc = b->level->nacc};

    assert(t->rows * t->panels * k.nacc <= MAXTILE && g->a16 == wide);
    t->row = g->first ? b_add(b, g->first, row) : row;
    k.w = wide ? g->scratch : b_elt(b, g->w, t->panel, k.groups * GROUP, 0);
    start_sums(&k, !g->a_low);
    add_plane(&k, g->a);
    if (g->a_low) {
        shift_sums(&k);
        add_plane(&k, g->a_low);
    }
    for (unsigned i = 0; i < t->rows * t->panels; i++)
        t->sum[i] = b->level->total(b, k.acc + i * k.nacc);
    g->store(b, g->user, t);
}

/* All rows against one block of panels. */
static void
emit_rows(Build *b, const Gemm *g, Block block, Tile *t)
{
    int64_t whole = g->m / block.rows;
    Loop loop;

    if (b->level->wide)
        widen_panel(b, g, t->panel);
    if (whole) {
        t->rows = (unsigned)block.rows;
        b_loop(b, &loop, 0, block.rows, whole);
        emit_tile(b, g, loop.i, t);
        b_loop_end(b, &loop);
    }
    if (g->m % block.rows) {
        t->rows = (unsigned)(g->m % block.rows);
        emit_tile(b, g, b_i64(b, whole * block.rows), t);
    }
}

static void
emit_nest(Build *b, const Gemm *g)
{
    Block block = choose_block(b, g);
    int64_t panels = vq_panels(g->n), whole = g->n / VQ_PANEL / block.panels;
    int64_t rest = panels - whole * block.panels;
    Tile t = {.cols = VQ_PANEL};
    Loop loop;

    if (whole) {
        t.panels = (unsigned)block.panels;
        b_loop(b, &loop, 0, block.panels, whole);
        t.panel = loop.i;
        emit_rows(b, g, block, &t);
        b_loop_end(b, &loop);
    }
    if (rest) {
        t.panels = (unsigned)rest;
        t.panel = b_i64(b, panels - rest);
        t.cols = (unsigned)(g->n - (panels - 1) * VQ_PANEL);
        emit_rows(b, g, block, &t);
    }
}

/* A chunk of rows, widened once for all panels. */
static void
emit_chunk(Build *b, const Gemm *g, Val first, int64_t rows)
{
    Gemm chunk = *g;

    chunk.m = rows;
    chunk.a = widen_rows(b, g, first, rows);
    chunk.lda = vq_wide_row(g->k);
    chunk.a16 = true;
    chunk.first = first;
    emit_nest(b, &chunk);
}

void
vq_emit_gemm(Build *b, const Gemm *g)
{
    int64_t chunks = (g->m + VQ_WIDEROWS - 1) / VQ_WIDEROWS, rows;
    Loop loop;

    if (!b->level->wide || g->a16) {
        emit_nest(b, g);
        return;
    }
    rows = vq_align((g->m + chunks - 1) / chunks, b->level->mr);
    rows = vq_min(rows, g->m);
    b_loop(b, &loop, 0, rows, g->m / rows);
    emit_chunk(b, g, loop.i, rows);
    b_loop_end(b, &loop);
    if (g->m % rows)
        emit_chunk(b, g, b_i64(b, g->m / rows * rows), g->m % rows);
}

unsigned
vq_slack_read(const Graph *g, ValId a, int64_t depth)
{
    return vq_def(g, a) ? (unsigned)(vq_align(depth, VQ_KGROUP) - depth) : 0;
}

void
vq_clear_slack(Build *b, Val end, unsigned bytes)
{
    if (bytes)
        b_store_part(b, b_const(b_vec(b->i8, VQ_KGROUP), 0), end, bytes);
}
