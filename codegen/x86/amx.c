/*
 * amx.c -- a product as runs of blocks of tiles.
 *
 * Rows come 32 at a time against two panels; what is left of the rows, up to
 * 16, against four panels. A tile of A is always 16 rows: the last ones begin
 * above what is left, and rows that another block stores are not stored again,
 * so that no two parts write the same byte.
 */
#include "codegen/x86/amx.h"

#include "codegen/remark.h"

#include <assert.h>

enum {
    BLOCK_ROWS = 2 * TILE_ROWS,
    CHUNK_ROWS = 12,  /* blocks of rows whose A stays in L2 */
    CHUNK_STEPS = 16, /* of a depth that is cut */
    MOST_STEPS = 24,  /* of one that is not */
    TURN_STEPS = 8,   /* 32 rows and two panels of this fill L1 */
};

/* ---- runs ---- */

/* A rectangle of blocks of one shape. */
typedef struct Field {
    TileShape shape;
    int64_t row, height, rows;  /* first row; rows of a block; blocks */
    int64_t panel, width, cols; /* first panel; panels of a block; blocks */
} Field;

/* Blocks of a field that are done one after the other, down blocks of rows
 * [lo, hi) of a block of panels, then of the next: `n` from `first` on. */
typedef struct Sequence {
    Val lo, hi, first, n;
} Sequence;

static Val
row_of(Build *b, const Field *f, Val block)
{
    return b_addc(b, b_mulc(b, block, f->height), f->row);
}

static TileAt
first_block(Build *b, const Field *f, const Sequence *s)
{
    Val rows = b_sub(b, s->hi, s->lo);
    Val panel = LLVMBuildUDiv(b->b, s->first, rows, "");
    Val row = b_add(b, s->lo, LLVMBuildURem(b->b, s->first, rows, ""));

    return (TileAt){row_of(b, f, row),
                    b_addc(b, b_mulc(b, panel, f->width), f->panel)};
}

static TileAt
next_block(Build *b, const Field *f, const Sequence *s, const TileAt *at)
{
    Val row = b_addc(b, at->row, f->height);
    Val ends = b_cmp(b, LLVMIntEQ, row, row_of(b, f, s->hi));
    Val panel = b_addc(b, at->panel, f->width);

    return (TileAt){b_select(b, ends, row_of(b, f, s->lo), row),
                    b_select(b, ends, panel, at->panel)};
}

/* The blocks after the first. `at`: the first, then the last. */
static void
emit_others(Build *b, const TileRun *run, const Field *f, const Sequence *s,
            TileAt *at)
{
    Val back = b_i64(b, 0);
    TileAt prev, next;
    Loop loop;

    b_loop_range(b, &loop, b_i64(b, 1), 1, s->n);
    prev.row = b_carry(b, &loop, at->row);
    prev.panel = b_carry(b, &loop, at->panel);
    if (run->turn)
        back = b_xor(b, b_carry(b, &loop, back), b_i64(b, -1));
    next = next_block(b, f, s, &prev);
    x86_tile_block(b, run, &next, &prev, back);
    b_next(&loop, 0, next.row);
    b_next(&loop, 1, next.panel);
    if (run->turn)
        b_next(&loop, 2, back);
    b_loop_end(b, &loop);
    *at = (TileAt){loop.next[0], loop.next[1]};
}

static bool
is_const(Val x, int64_t is)
{
    return LLVMIsAConstantInt(x) && LLVMConstIntGetSExtValue(x) == is;
}

static void
emit_sequence(Build *b, const TileRun *run, const Field *f, const Sequence *s)
{
    TileAt at;
    If any;

    if (is_const(s->n, 0))
        return;
    b_if(b, &any, b_cmp(b, LLVMIntSGT, s->n, b_i64(b, 0)));
    at = first_block(b, f, s);
    x86_tile_block(b, run, &at, NULL, b_i64(b, 0));
    if (!is_const(s->n, 1))
        emit_others(b, run, f, s, &at);
    x86_tile_drain(b, run, &at);
    b_if_end(b, &any);
}

/* All blocks of rows together ask for `bytes` of each panel, `at` bytes on. */
static void
fetch_ahead(TileRun *run, const Field *f, int64_t at, int64_t bytes)
{
    int64_t chunks = vq_turns(f->rows, CHUNK_ROWS);

    run->fetch = vq_turns(bytes / 64, vq_turns(f->rows, chunks));
    run->fetch_at = at;
    run->per_row = run->fetch * 64 / f->height;
}

/* k-groups in a tile: 16 but where the whole depth is less. */
static unsigned
tile_groups(const Gemm *g)
{
    return (unsigned)vq_min(vq_gemm_groups(g), VQ_TILE);
}

static TileRun
run_of(Build *b, const Gemm *g, const Field *f)
{
    int64_t steps = vq_turns(g->k, TILE_DEPTH);
    int64_t panel = vq_gemm_groups(g) * 64;
    TileRun run = {.g = g,
                   .shape = f->shape,
                   .steps = steps,
                   .turn = steps >= TURN_STEPS && f->rows > 1,
                   .buffer = x86_tile_buffer(b, tile_groups(g))};

    /* Weights are used once a run and come from beyond L2; what i.attention
     * packs does not. */
    if (!g->groups && f->rows > 1)
        fetch_ahead(&run, f, panel * f->width, panel);
    return run;
}

/* ---- a depth that is cut ---- */

/* Steps [from, from + steps) of blocks of rows [lo, hi) of one block of panels;
 * sums between cuts are in the scratch. */
static void
emit_cut(Build *b, const TileRun *whole, const Field *f, const Sequence *s,
         int64_t from, int64_t steps)
{
    TileRun run = *whole;

    run.depth = from * TILE_DEPTH;
    run.steps = steps;
    run.base = row_of(b, f, s->lo);
    run.from = from ? run.g->scratch : NULL;
    run.to = from + steps < whole->steps ? run.g->scratch : NULL;
    run.left = TILE_SUMS * TILE_BYTES / f->height;
    if (run.fetch)
        fetch_ahead(&run, f,
                    run.to ? (from + steps) * TILE_BYTES
                           : vq_gemm_groups(run.g) * 64 * f->width,
                    steps * TILE_BYTES);
    emit_sequence(b, &run, f, s);
}

/* Blocks of panels one after the other, all rows of one cut before the next
 * cut: A's piece and the panels' stay near. */
static void
emit_deep(Build *b, const TileRun *run, const Field *f, const Sequence *s)
{
    int64_t cuts = vq_turns(run->steps, CHUNK_STEPS);
    Val rows = b_sub(b, s->hi, s->lo), last;
    If any;
    Nest nest = {
        .inner = rows, .first = s->first, .end = b_add(b, s->first, s->n)};
    Loop loop;

    b_if(b, &any, b_cmp(b, LLVMIntSGT, s->n, b_i64(b, 0)));
    nest.from = LLVMBuildUDiv(b->b, nest.first, rows, "");
    last = b_sub(b, b_add(b, nest.end, rows), b_i64(b, 1));
    nest.to = LLVMBuildUDiv(b->b, last, rows, "");
    b_loop_range(b, &loop, nest.from, 1, nest.to);
    b_nest_turn(b, &nest, loop.i);
    for (int64_t i = 0; i < cuts; i++) {
        int64_t from = run->steps * i / cuts, to = run->steps * (i + 1) / cuts;
        Sequence one = {.lo = b_add(b, s->lo, nest.lo),
                        .hi = b_add(b, s->lo, nest.hi)};

        one.n = b_sub(b, nest.hi, nest.lo);
        one.first = b_mul(b, loop.i, one.n);
        emit_cut(b, run, f, &one, from, to - from);
    }
    b_loop_end(b, &loop);
    b_if_end(b, &any);
}

/* ---- a field, in chunks of rows, and its share ---- */

static void
emit_chunk(Build *b, const Gemm *g, const Field *f, Val lo, Val hi,
           bool by_panels)
{
    TileRun run = run_of(b, g, f);
    Val units = b_mulc(b, b_sub(b, hi, lo), f->cols), end;
    Sequence s = {.lo = lo, .hi = hi};

    run.base = row_of(b, f, lo);
    b_split(b, by_panels ? g->part : NULL, g->parts, units, &s.first, &end);
    s.n = b_sub(b, end, s.first);
    if (run.steps > MOST_STEPS && f->rows > 1)
        emit_deep(b, &run, f, &s);
    else
        emit_sequence(b, &run, f, &s);
}

static void
emit_field(Build *b, const Gemm *g, const Field *f)
{
    bool by_panels = g->split == SPLIT_PANELS || f->rows == 1;
    int64_t chunks = vq_turns(f->rows, CHUNK_ROWS);
    Val lo, hi, rows, at[2];
    Loop loop;

    if (f->rows * f->cols == 0)
        return;
    b_split(b, by_panels ? NULL : g->part, g->parts, b_i64(b, f->rows), &lo,
            &hi);
    rows = b_sub(b, hi, lo);
    b_loop(b, &loop, 0, 1, chunks);
    for (int i = 0; i < 2; i++) {
        at[i] = b_mul(b, rows, b_addc(b, loop.i, i));
        at[i] = LLVMBuildUDiv(b->b, at[i], b_i64(b, chunks), "");
        at[i] = b_add(b, lo, at[i]);
    }
    emit_chunk(b, g, f, at[0], at[1], by_panels);
    b_loop_end(b, &loop);
}

/* Columns in blocks of `width` panels; those of the last one may be fewer. */
static void
emit_columns(Build *b, const Gemm *g, Field f, unsigned width)
{
    int64_t rest = g->n % (width * VQ_PANEL);

    f.width = width;
    f.cols = g->n / (width * VQ_PANEL);
    f.shape.panels = width;
    f.shape.cols = VQ_PANEL;
    emit_field(b, g, &f);
    if (!rest)
        return;
    f.panel = f.cols * width;
    f.width = vq_panels(rest);
    f.cols = 1;
    f.shape.panels = (unsigned)f.width;
    f.shape.cols = (unsigned)(rest - (f.width - 1) * VQ_PANEL);
    emit_field(b, g, &f);
}

/* Both planes of 16 rows against two panels. */
static void
emit_planes(Build *b, const Gemm *g)
{
    int64_t rest = g->m % TILE_ROWS;
    Field f = {.shape = {.rows = 2, .planes = true},
               .height = TILE_ROWS,
               .rows = g->m / TILE_ROWS};

    emit_columns(b, g, f, 2);
    f.row = g->m - TILE_ROWS;
    f.rows = rest > 0;
    f.shape.skip[0] = (unsigned)(TILE_ROWS - rest);
    emit_columns(b, g, f, 2);
}

static void
emit_plain(Build *b, const Gemm *g)
{
    int64_t rest = g->m % BLOCK_ROWS;
    bool two = rest > TILE_ROWS;
    Field f = {.shape = {.rows = 2, .apart = TILE_ROWS},
               .height = BLOCK_ROWS,
               .rows = g->m / BLOCK_ROWS};

    emit_columns(b, g, f, 2);
    if (!rest)
        return;
    f.rows = 1;
    f.row = g->m - (two ? rest : TILE_ROWS);
    f.shape.rows = two ? 2 : 1;
    f.shape.apart = two ? rest - TILE_ROWS : 0;
    f.shape.skip[two] = (unsigned)((two ? BLOCK_ROWS : TILE_ROWS) - rest);
    emit_columns(b, g, f, two ? 2 : 4);
}

bool
x86_tile_gemm(Build *b, const Gemm *g)
{
    if (!x86_tiles_pay(g->m, g->n, g->k))
        return false;
    assert(!g->a16 && g->m >= TILE_ROWS);
    if (!g->minor)
        b_choice(
            b, "product %lldx%lldx%lld: in tiles, of which it fills %lld %%",
            (long long)g->m, (long long)g->n, (long long)g->k,
            (long long)(100 * g->m * g->n * g->k /
                        (vq_align(g->m, TILE_ROWS) * vq_align(g->n, VQ_PANEL) *
                         vq_align(g->k, TILE_DEPTH))));
    if (g->a_low)
        emit_planes(b, g);
    else
        emit_plain(b, g);
    return true;
}
