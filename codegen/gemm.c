/*
 * gemm.c -- loop nest and register kernel of the byte matrix product.
 *
 * Blocks of panels are the outer loop and blocks of rows the inner one, so
 * that weights stream through once while A stays in the cache. A block's sums
 * live in registers through the whole depth, which is never cut: an s32 sum
 * never meets memory.
 */
#include "codegen/gemm_rows.h"

#include <assert.h>

enum { PIECE = 4 }; /* rows of a panel that `store` gets amid products */

/* ---- the register kernel of one tile ---- */

typedef struct Kernel {
    Build *b;
    const Gemm *g;
    Tile *t;
    Val w;               /* the tile's first panel */
    Val row;             /* of a: the tile's first */
    int64_t groups;      /* of a panel */
    int64_t stride;      /* bytes from one panel to the next */
    unsigned nacc;       /* accumulators of `high` rows of a panel */
    unsigned high, nrow; /* rows of an accumulator, accumulators down a tile */
    const Tile *before;  /* whose sums are in `kept`, to be stored; or NULL */
    Val kept;
    Val acc[MAXTILE];
} Kernel;

static void
start_sums(Kernel *k, bool with_bias)
{
    Build *b = k->b;
    Ty v = b_vec(b->i32, VQ_PANEL);
    Val sums = LLVMConstNull(v), lack;

    for (unsigned p = 0; p < k->t->panels; p++) {
        if (with_bias && k->g->bias)
            sums =
                b_load(b, v, b_elt(b, k->g->bias, k->t->panel, 64, 64 * p), 64);
        if (k->g->lack) {
            lack = b_load(b, v, b_atc(b, k->g->lack, 64 * p), 64);
            sums = with_bias && k->g->bias ? b_add(b, sums, lack) : lack;
        }
        for (unsigned r = 0; r < k->nrow; r++)
            b->level->start(b, sums, k->acc + (r * k->t->panels + p) * k->nacc);
    }
}

/* acc * 256 + bias: between the high and the low plane. */
static void
shift_sums(Kernel *k)
{
    unsigned n = k->nrow * k->t->panels * k->nacc;
    Val high[MAXTILE];

    for (unsigned i = 0; i < n; i++)
        high[i] = b_shlc(k->b, k->acc[i], 8);
    start_sums(k, true);
    for (unsigned i = 0; i < n; i++)
        k->acc[i] = b_add(k->b, k->acc[i], high[i]);
}

/* The operand of n groups of rows from r * high on; where the tile ends amid
 * them, its last row again. */
static Val
spread_rows(const Kernel *k, Val a, Val group, unsigned r, unsigned n)
{
    Val row[MAXROWS];

    if (k->g->operand)
        return b_load(
            k->b, k->g->operand,
            b_elt(k->b, a, group, VQ_KGROUP * k->high, k->g->lda * r * k->high),
            16);
    for (unsigned i = 0; i < k->high; i++)
        row[i] = b_elt(k->b, a, group, VQ_KGROUP,
                       k->g->lda * vq_min(r * k->high + i, k->t->rows - 1));
    return k->b->level->spread(k->b, row, n);
}

/* n groups: 4 bytes each of each row of A against 64 of each panel. */
static void
add_group(Kernel *k, Val a, Val group, unsigned n)
{
    Build *b = k->b;
    const Level *l = b->level;
    unsigned wide = k->t->panels * k->nacc;
    Val w[MAXTILE], row[MAXTILE];

    for (unsigned at = 0; at < n; at += l->unit) {
        for (unsigned p = 0; p < k->t->panels; p++)
            l->panel(
                b,
                b_elt(b, k->w, group, VQ_GROUP, k->stride * p + VQ_GROUP * at),
                (unsigned)vq_min(l->unit, n - at), w + p * k->nacc);
        for (unsigned r = 0; r < k->nrow; r++) {
            if (!at)
                row[r] = spread_rows(k, a, group, r, n);
            for (unsigned i = 0; i < wide; i++)
                k->acc[r * wide + i] =
                    l->dot(b, k->acc[r * wide + i], row[r], w[i], at);
        }
    }
}

static void
keep_sums(Build *b, const Tile *t, Val kept)
{
    for (unsigned i = 0; i < t->rows * t->panels; i++)
        b_store(b, t->sum[i], b_atc(b, kept, 64 * i), 64);
}

static unsigned
count_pieces(const Tile *t)
{
    return t->panels * (unsigned)vq_turns(t->rows, PIECE);
}

/* Gives `store` the i-th piece of a tile whose sums are kept. */
static void
store_piece(Build *b, const Gemm *g, const Tile *t, Val kept, unsigned i)
{
    unsigned p = i % t->panels, r = i / t->panels * PIECE;
    Tile piece = {.rows = (unsigned)vq_min(t->rows - r, PIECE),
                  .panels = 1,
                  .row = b_addc(b, t->row, r),
                  .panel = b_addc(b, t->panel, p),
                  .cols = vq_tile_cols(t, p)};

    for (unsigned k = 0; k < piece.rows; k++)
        piece.sum[k] =
            b_load(b, b_vec(b->i32, VQ_PANEL),
                   b_atc(b, kept, 64 * ((r + k) * t->panels + p)), 64);
    g->store(b, g->user, &piece);
}

static void
add_groups(Kernel *k, Val a, int64_t from, int64_t to)
{
    unsigned n = k->nrow * k->t->panels * k->nacc, deep = k->b->level->deep;
    unsigned turn = deep * k->b->level->unroll;
    unsigned rest = (unsigned)((to - from) % turn);
    Loop loop;

    if ((to - from) / turn) {
        b_loop(k->b, &loop, from, turn, (to - from) / turn);
        for (unsigned i = 0; i < n; i++)
            k->acc[i] = b_carry(k->b, &loop, k->acc[i]);
        for (unsigned at = 0; at < turn; at += deep)
            add_group(k, a, b_addc(k->b, loop.i, at), deep);
        for (unsigned i = 0; i < n; i++)
            b_next(&loop, i, k->acc[i]);
        b_loop_end(k->b, &loop);
    }
    for (unsigned at = 0; at < rest; at += deep)
        add_group(k, a, b_i64(k->b, to - rest + at),
                  rest - at < deep ? rest - at : deep);
}

/* All groups, with the pieces of the tile before spread evenly over them. */
static void
add_plane(Kernel *k, Val a)
{
    unsigned pieces = k->before ? count_pieces(k->before) : 0;
    int64_t done = k->groups - k->groups / (pieces + 1) * pieces;

    a = b_elt(k->b, a, k->row, k->g->lda, 0);
    add_groups(k, a, 0, done);
    for (unsigned i = 0; i < pieces; i++) {
        int64_t next = done + k->groups / (pieces + 1);

        store_piece(k->b, k->g, k->before, k->kept, i);
        add_groups(k, a, done, next);
        done = next;
    }
}

/* The sums of a tile; meanwhile `before` is stored, if there is one. */
static void
emit_sums(Build *b, const Gemm *g, Val row, Tile *t, const Tile *before,
          Val kept)
{
    bool wide = b->level->wide != NULL;
    unsigned high = b->level->high, panels = t->panels;
    Kernel k = {.b = b,
                .g = g,
                .t = t,
                .row = row,
                .groups = vq_kgroups(g->k) * (wide ? 2 : 1),
                .stride = vq_gemm_groups(g) * VQ_GROUP,
                .nacc = b->level->nacc,
                .high = high,
                .nrow = (unsigned)vq_turns(t->rows, high),
                .before = before,
                .kept = kept};
    Val sums[MAXROWS];

    assert(k.nrow * panels * k.nacc <= MAXTILE && g->a16 == wide);
    t->row = g->first ? b_add(b, g->first, row) : row;
    k.w = b_elt(b, g->w, t->panel, k.stride * (g->w16 ? 2 : 1), 0);
    if ((wide && !g->w16) || b->level->prepare)
        k.w = g->scratch;
    start_sums(&k, !g->a_low);
    add_plane(&k, g->a);
    if (g->a_low) {
        k.before = NULL;
        shift_sums(&k);
        add_plane(&k, g->a_low);
    }
    for (unsigned i = 0; i < k.nrow * panels; i++) {
        b->level->total(b, k.acc + i * k.nacc, sums);
        for (unsigned r = i / panels * high, n = 0; n < high; r++, n++)
            if (r < t->rows)
                t->sum[r * panels + i % panels] = sums[n];
    }
}

static void
emit_tile(Build *b, const Gemm *g, Val row, Tile *t)
{
    emit_sums(b, g, row, t, NULL, NULL);
    g->store(b, g->user, t);
}

/*
 * Tiles of rows lo, lo + step, .. below hi. What follows a product, once its
 * sums are there, would leave the multipliers idle; so the sums of a tile wait
 * in memory and are stored bit by bit amid the products of the next one.
 */
static void
emit_overlapped(Build *b, const Gemm *g, Val lo, Val hi, Tile *t)
{
    Val kept = b_alloca(b, (int64_t)t->rows * t->panels * 64);
    int64_t step = t->rows;
    Tile before;
    Loop loop;
    If any;

    b_if(b, &any, b_cmp(b, LLVMIntSLT, lo, hi));
    emit_sums(b, g, lo, t, NULL, NULL);
    keep_sums(b, t, kept);
    b_loop_range(b, &loop, b_addc(b, lo, step), step, hi);
    before = *t;
    before.row = b_addc(b, loop.i, -step);
    if (g->first)
        before.row = b_add(b, before.row, g->first);
    emit_sums(b, g, loop.i, t, &before, kept);
    keep_sums(b, t, kept);
    b_loop_end(b, &loop);
    before.row = b_addc(b, hi, -step);
    if (g->first)
        before.row = b_add(b, before.row, g->first);
    for (unsigned i = 0; i < count_pieces(&before); i++)
        store_piece(b, g, &before, kept, i);
    b_if_end(b, &any);
}

/*
 * 128 times the sums of the columns of a block of panels: what its sums lack
 * where a level takes bytes of A less 128. It costs a row of A, once for all
 * rows that follow.
 */
static Val
emit_lack(Build *b, const Gemm *g, const Tile *t)
{
    Val lack = b_alloca(b, 64 * (int64_t)t->panels), sums[MAXROWS];
    Val ones = b_const(b_vec(b->i8, 16), 1), w[MAXACC];
    const Level *l = b->level;
    int64_t stride = vq_gemm_groups(g) * VQ_GROUP;
    Val acc[MAXACC], from;
    Loop loop;

    for (unsigned p = 0; p < t->panels; p++) {
        from = b_elt(b, g->w, t->panel, stride, stride * p);
        l->start(b, LLVMConstNull(b_vec(b->i32, VQ_PANEL)), acc);
        b_loop(b, &loop, 0, 1, vq_kgroups(g->k));
        for (unsigned i = 0; i < l->nacc; i++)
            acc[i] = b_carry(b, &loop, acc[i]);
        l->panel(b, b_elt(b, from, loop.i, VQ_GROUP, 0), 1, w);
        for (unsigned i = 0; i < l->nacc; i++) {
            acc[i] = l->dot(b, acc[i], ones, w[i], 0);
            b_next(&loop, i, acc[i]);
        }
        b_loop_end(b, &loop);
        l->total(b, acc, sums);
        b_store(b, b_shlc(b, sums[0], 7), b_atc(b, lack, 64 * p), 64);
    }
    return lack;
}

/* ---- the loop nest ---- */

/* Tiles of rows lo, lo + t->rows, .. below hi. */
static void
emit_whole(Build *b, const Gemm *g, Val lo, Val hi, Tile *t)
{
    Loop loop;

    if (b->level->overlaps && g->m >= 2 * (int64_t)t->rows) {
        emit_overlapped(b, g, lo, hi, t);
        return;
    }
    b_loop_range(b, &loop, lo, t->rows, hi);
    emit_tile(b, g, loop.i, t);
    b_loop_end(b, &loop);
}

/* Blocks [lo, hi) of a chunk's rows against one block of panels; `end` blocks
 * from the chunk on are whole. */
static void
emit_rows(Build *b, const Gemm *g, GemmBlock block, Val end, const Nest *n,
          Tile *t)
{
    Gemm own = *g;
    If last;

    vq_gemm_panel(b, g, t->panel);
    if (b->level->offset)
        own.lack = emit_lack(b, g, t);
    if (g->m / block.rows) {
        t->rows = (unsigned)block.rows;
        emit_whole(b, &own, b_mulc(b, n->lo, block.rows),
                   b_mulc(b, b_least(b, n->hi, end), block.rows), t);
    }
    if (g->m % block.rows) {
        t->rows = (unsigned)(g->m % block.rows);
        b_if(b, &last, b_cmp(b, LLVMIntSGT, n->hi, end));
        emit_tile(b, &own, b_mulc(b, end, block.rows), t);
        b_if_end(b, &last);
    }
}

/* Turns of n are blocks of panels, its units blocks of rows. */
static void
emit_nest(Build *b, const Gemm *g, const GemmCut *c, Val before, Nest *n)
{
    int64_t panels = vq_panels(g->n), whole = g->n / VQ_PANEL / c->block.panels;
    Val end = b_sub(b, b_i64(b, g->m / c->block.rows), before);
    Tile t = {.cols = VQ_PANEL};
    Loop loop;
    If last;

    if (whole) {
        t.panels = (unsigned)c->block.panels;
        b_loop_range(b, &loop, n->from, 1, b_least(b, n->to, b_i64(b, whole)));
        b_nest_turn(b, n, loop.i);
        t.panel = b_mulc(b, loop.i, c->block.panels);
        emit_rows(b, g, c->block, end, n, &t);
        b_loop_end(b, &loop);
    }
    if (whole < c->panels) {
        t.panels = (unsigned)(panels - whole * c->block.panels);
        t.panel = b_i64(b, whole * c->block.panels);
        t.cols = (unsigned)(g->n - (panels - 1) * VQ_PANEL);
        b_if(b, &last, b_cmp(b, LLVMIntSGT, n->to, b_i64(b, whole)));
        b_nest_turn(b, n, b_i64(b, whole));
        emit_rows(b, g, c->block, end, n, &t);
        b_if_end(b, &last);
    }
}

/* Chunk i, of which blocks of rows [lo, hi) are wanted. */
static void
emit_chunk(Build *b, const Gemm *g, const GemmCut *c, Val i, Val lo, Val hi,
           Nest *n)
{
    Val before = b_mulc(b, i, c->chunk), rest;
    Gemm chunk = *g;

    chunk.first = b_mulc(b, before, c->block.rows);
    rest = b_sub(b, b_i64(b, g->m), chunk.first);
    hi = b_least(b, b_mulc(b, hi, c->block.rows), rest);
    lo = b_mulc(b, lo, c->block.rows);
    chunk.a = b_elt(b, g->a, chunk.first, g->lda, 0);
    if (g->a_low)
        chunk.a_low = b_elt(b, g->a_low, chunk.first, g->lda, 0);
    vq_gemm_rows(b, &chunk, c, lo, hi);
    emit_nest(b, &chunk, c, before, n);
}

/* A part's rows, or all, against all panels. */
static void
emit_by_rows(Build *b, const Gemm *g, const GemmCut *c)
{
    Nest chunks, n = {.from = b_i64(b, 0), .to = b_i64(b, c->panels)};

    b_nest(b, &chunks, g->part, g->parts, c->rows, c->chunk);
    n.lo = chunks.lo;
    n.hi = chunks.hi;
    emit_chunk(b, g, c, chunks.i, n.lo, n.hi, &n);
    b_nest_end(b, &chunks);
}

/* A part's tiles, panel after panel, in each chunk of rows. */
static void
emit_by_panels(Build *b, const Gemm *g, const GemmCut *c)
{
    Val rows, tiles;
    Loop loop;
    Nest n;

    b_loop(b, &loop, 0, 1, vq_turns(c->rows, c->chunk));
    rows = b_sub(b, b_i64(b, c->rows), b_mulc(b, loop.i, c->chunk));
    rows = b_least(b, rows, b_i64(b, c->chunk));
    tiles = b_mulc(b, rows, c->panels);
    b_nest_share(b, &n, g->part, g->parts, tiles, rows);
    emit_chunk(b, g, c, loop.i, b_i64(b, 0), rows, &n);
    b_loop_end(b, &loop);
}

void
vq_emit_gemm(Build *b, const Gemm *g)
{
    GemmCut c;

    if (b->level->gemm && b->level->gemm(b, g))
        return;
    c = vq_gemm_cut(b, g);
    vq_remark_registers(b, g, c.block.rows, c.block.panels, c.cost);
    if (g->part && g->split == SPLIT_PANELS)
        emit_by_panels(b, g, &c);
    else
        emit_by_rows(b, g, &c);
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
