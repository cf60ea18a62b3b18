/*
 * amx_block.c -- one block of tiles: loads, products, and the previous block's
 * sums on their way out.
 *
 * The order in which instructions are written is the order in which they are
 * to run: LLVM moves no memory access across a tile instruction.
 */
#include "codegen/x86/amx.h"

enum { LINE = 64 };

static void
tile_op(Build *b, const char *name, unsigned tile, Val p, int64_t ld)
{
    Val arg[3] = {b_const(b->i8, tile), p, b_i64(b, ld)};

    b_intrinsic(b, name, NULL, arg, p ? 3 : 1, NULL);
}

/* ---- what follows a product ---- */

/* Some rows of a tile of sums that are stored together. */
typedef struct Piece {
    unsigned tile, first, rows;
} Piece;

enum { MAXPIECES = TILE_SUMS * TILE_ROWS / 4 };

static unsigned
list_pieces(const TileShape *s, Piece *piece)
{
    unsigned n = 0;

    for (unsigned r = 0; r < (s->planes ? 1 : s->rows); r++)
        for (unsigned p = 0; p < s->panels; p++)
            for (unsigned i = s->skip[r]; i < TILE_ROWS; i += 4)
                piece[n++] = (Piece){r * s->panels + p, i,
                                     (unsigned)vq_min(TILE_ROWS - i, 4)};
    return n;
}

/* 16 sums of row `row` (i64) of a tile in the buffer, planes put together. */
static Val
load_sums(Build *b, const TileRun *run, unsigned tile, Val row)
{
    Val p = b_elt(b, run->buffer, row, LINE, TILE_BYTES * tile), x;

    x = b_load(b, b_vec(b->i32, VQ_PANEL), p, LINE);
    if (!run->shape.planes)
        return x;
    p = b_atc(b, p, TILE_BYTES * (int64_t)run->shape.panels);
    return b_add(b, b_shlc(b, x, 8),
                 b_load(b, b_vec(b->i32, VQ_PANEL), p, LINE));
}

static Val
load_bias(Build *b, const TileRun *run, const TileAt *at, unsigned panel)
{
    Val p = b_elt(b, run->g->bias, at->panel, LINE, LINE * panel);

    return b_load(b, b_vec(b->i32, VQ_PANEL), p, LINE);
}

/* Rows first .. first + rows - 1 of a tile of the block at `at`; `bias` of its
 * columns, or NULL. */
static void
finish_rows(Build *b, const TileRun *run, const TileAt *at, unsigned tile,
            Val bias, Val first, unsigned rows)
{
    const TileShape *s = &run->shape;
    unsigned r = tile / s->panels, p = tile % s->panels;
    Tile t = {.rows = rows,
              .panels = 1,
              .panel = b_addc(b, at->panel, p),
              .cols = p + 1 == s->panels ? s->cols : VQ_PANEL};

    t.row = b_add(b, at->row, b_addc(b, first, s->apart * r));
    if (run->g->first)
        t.row = b_add(b, t.row, run->g->first);
    for (unsigned i = 0; i < rows; i++) {
        t.sum[i] = load_sums(b, run, tile, b_addc(b, first, i));
        if (bias)
            t.sum[i] = b_add(b, t.sum[i], bias);
    }
    run->g->store(b, run->g->user, &t);
}

/* Where a block leaves its sums. */
static Val
sums_at(Build *b, const TileRun *run, Val sums, const TileAt *at)
{
    return b_elt(b, sums, b_sub(b, at->row, run->base), run->left, 0);
}

static Val
place_left(Build *b, const TileRun *run, const TileAt *at)
{
    return run->to ? sums_at(b, run, run->to, at) : run->buffer;
}

/* All of a tile's rows, or those that it stores. */
static void
finish_tile(Build *b, const TileRun *run, const TileAt *at, unsigned tile)
{
    unsigned skip = run->shape.skip[tile / run->shape.panels];
    Val bias = NULL;
    Loop loop;

    if (run->g->bias)
        bias = load_bias(b, run, at, tile % run->shape.panels);
    if (skip == 0) {
        b_loop(b, &loop, 0, 4, TILE_ROWS / 4);
        finish_rows(b, run, at, tile, bias, loop.i, 4);
        b_loop_end(b, &loop);
        return;
    }
    for (unsigned i = skip; i < TILE_ROWS; i += 4)
        finish_rows(b, run, at, tile, bias, b_i64(b, i),
                    (unsigned)vq_min(TILE_ROWS - i, 4));
}

void
x86_tile_drain(Build *b, const TileRun *run, const TileAt *prev)
{
    const TileShape *s = &run->shape;
    Val to = place_left(b, run, prev);

    for (unsigned t = 0; t < s->rows * s->panels; t++)
        tile_op(b, "llvm.x86.tilestored64", t, b_atc(b, to, TILE_BYTES * t),
                LINE);
    for (unsigned t = 0; t < (s->planes ? 1 : s->rows) * s->panels; t++)
        if (!run->to)
            finish_tile(b, run, prev, t);
}

/* ---- products ---- */

typedef struct Block {
    Build *b;
    const TileRun *run;
    const TileAt *at, *prev;
    Val a[2], w;         /* of the step at hand: planes of A, first panel */
    Val step_a, step_w;  /* to the next step's, where it is not constant */
    Val from, to;        /* sums of this block, of the previous one */
    Val bias[TILE_SUMS]; /* of the previous block's panels, once loaded */
    Piece piece[MAXPIECES];
    unsigned npieces, done; /* pieces, and those that are emitted */
    int64_t slot, nslot;    /* products */
    int64_t fetched;
} Block;

static int64_t
panel_bytes(const Gemm *g)
{
    return vq_gemm_groups(g) * LINE;
}

/* Addresses of the first step. */
static void
start_addresses(Block *k, Val back)
{
    const TileRun *run = k->run;
    const Gemm *g = run->g;
    Build *b = k->b;
    Val at = b_i64(b, run->depth);

    if (run->turn) {
        /* The last step's when going backwards. */
        at = b_add(b, at, b_andc(b, back, (run->steps - 1) * TILE_DEPTH));
        k->step_a =
            b_or(b, b_andc(b, back, -2 * TILE_DEPTH), b_i64(b, TILE_DEPTH));
        k->step_w = b_shlc(b, k->step_a, 4);
    }
    for (unsigned i = 0; i < 1u + run->shape.planes; i++) {
        k->a[i] = b_elt(b, i ? g->a_low : g->a, k->at->row, g->lda, 0);
        k->a[i] = b_at(b, k->a[i], at);
    }
    k->w = b_elt(b, g->w, k->at->panel, panel_bytes(g), 0);
    k->w = b_at(b, k->w, b_shlc(b, at, 4));
}

static void
next_step(Block *k)
{
    Build *b = k->b;

    for (unsigned i = 0; i < 1u + k->run->shape.planes; i++)
        k->a[i] = k->run->turn ? b_at(b, k->a[i], k->step_a)
                               : b_atc(b, k->a[i], TILE_DEPTH);
    k->w = k->run->turn ? b_at(b, k->w, k->step_w) : b_atc(b, k->w, TILE_BYTES);
}

/* The tile's old sums go, its new ones begin. */
static void
exchange_sums(Block *k, unsigned t)
{
    Build *b = k->b;

    if (k->prev)
        tile_op(b, "llvm.x86.tilestored64", t, b_atc(b, k->to, TILE_BYTES * t),
                LINE);
    if (k->from)
        tile_op(b, "llvm.x86.tileloadd64", t, b_atc(b, k->from, TILE_BYTES * t),
                LINE);
    else
        tile_op(b, "llvm.x86.tilezero", t, NULL, 0);
}

/* prefetcht1: into L2. */
static void
fetch_line(Build *b, Val p)
{
    Val arg[4] = {p, b_i32(b, 0), b_i32(b, 2), b_i32(b, 1)};

    b_intrinsic(b, "llvm.prefetch", b->ptr, arg, 4, NULL);
}

/* Later panels' lines, evenly over the products. */
static void
fetch_ahead(Block *k)
{
    const TileRun *run = k->run;
    int64_t until = run->fetch * (k->slot + 1) / k->nslot;
    Build *b = k->b;
    Val p;

    if (k->fetched == until)
        return;
    p = b_elt(b, run->g->w, k->at->panel, panel_bytes(run->g), run->fetch_at);
    p = b_elt(b, p, b_sub(b, k->at->row, run->base), run->per_row, 0);
    for (; k->fetched < until; k->fetched++)
        for (unsigned i = 0; i < run->shape.panels; i++)
            fetch_line(
                b, b_atc(b, p, LINE * k->fetched + panel_bytes(run->g) * i));
}

static Val
bias_of(Block *k, unsigned tile)
{
    unsigned p = tile % k->run->shape.panels;

    if (!k->bias[p] && k->run->g->bias)
        k->bias[p] = load_bias(k->b, k->run, k->prev, p);
    return k->bias[p];
}

/*
 * Pieces of the previous block, evenly over the products from the third on; a
 * tile's are never before its store, nor its low plane's.
 */
static void
finish_pieces(Block *k)
{
    int64_t from = vq_min(2, k->nslot - 1), now = k->slot;
    bool last = now + 1 == k->nslot;
    const TileShape *s = &k->run->shape;

    for (; k->done < k->npieces; k->done++) {
        const Piece *p = &k->piece[k->done];
        int64_t slot = from + k->done * (k->nslot - from) / k->npieces;
        int64_t stored = p->tile + (s->planes ? s->panels : 0);

        if (!last && vq_max(slot, stored) > now)
            return;
        finish_rows(k->b, k->run, k->prev, p->tile, bias_of(k, p->tile),
                    b_i64(k->b, p->first), p->rows);
    }
}

static void
multiply(Block *k, unsigned t)
{
    const TileShape *s = &k->run->shape;
    unsigned r = t / s->panels, p = t % s->panels;
    unsigned a = A_TILE + r, w = B_TILE + p % 2;
    int64_t lda = k->run->g->lda;
    Build *b = k->b;

    if (p == 0 && s->planes)
        tile_op(b, "llvm.x86.tileloaddt164", a, k->a[r], lda);
    else if (p == 0)
        tile_op(b, "llvm.x86.tileloaddt164", a,
                b_atc(b, k->a[0], s->apart * lda * r), lda);
    if (r == 0)
        tile_op(b, "llvm.x86.tileloadd64", w,
                b_atc(b, k->w, panel_bytes(k->run->g) * p), LINE);
    b_intrinsic(
        b, "llvm.x86.tdpbusd", NULL,
        (Val[]){b_const(b->i8, t), b_const(b->i8, a), b_const(b->i8, w)}, 3,
        NULL);
}

void
x86_tile_block(Build *b, const TileRun *run, const TileAt *at,
               const TileAt *prev, Val back)
{
    unsigned tiles = run->shape.rows * run->shape.panels;
    Block k = {.b = b,
               .run = run,
               .at = at,
               .prev = prev,
               .from = run->from ? sums_at(b, run, run->from, at) : NULL,
               .to = prev ? place_left(b, run, prev) : NULL,
               .nslot = run->steps * tiles};

    if (prev && !run->to)
        k.npieces = list_pieces(&run->shape, k.piece);
    start_addresses(&k, back);
    for (int64_t i = 0; i < run->steps; i++) {
        for (unsigned t = 0; t < tiles; t++, k.slot++) {
            if (i == 0)
                exchange_sums(&k, t);
            multiply(&k, t);
            if (run->fetch)
                fetch_ahead(&k);
            finish_pieces(&k);
        }
        if (i + 1 < run->steps)
            next_step(&k);
    }
}
