/*
 * gemm_rows.c -- what a product makes of its operands before it multiplies:
 * bytes widened to 16 bits where that is what the level multiplies, panels as
 * the level prepares them, operands of A for all panels. It is in the scratch:
 * a panel, then rows.
 */
#include "codegen/gemm_rows.h"

/* A panel of K groups becomes 2 K groups of two, as the level wants them. */
static void
widen_panel(Build *b, const Gemm *g, Val from)
{
    int64_t groups = vq_kgroups(g->k);
    Val x, pair;
    int lane[2 * VQ_PANEL];
    Loop loop;

    b_loop(b, &loop, 0, 1, groups);
    x = b_load(b, b_vec(b->i8, VQ_GROUP), b_elt(b, from, loop.i, VQ_GROUP, 0),
               64);
    for (int half = 0; half < 2; half++) {
        for (int i = 0; i < 2 * VQ_PANEL; i++)
            lane[i] = b->level->wide(i, half);
        pair = b_sext(b, b_shuffle(b, x, NULL, lane, 2 * VQ_PANEL), 16);
        b_store(b, pair,
                b_elt(b, g->scratch, loop.i, 2 * VQ_GROUP, half * VQ_GROUP),
                64);
    }
    b_loop_end(b, &loop);
}

void
vq_gemm_panel(Build *b, const Gemm *g, Val panel)
{
    int64_t stride = vq_gemm_groups(g) * VQ_GROUP;

    if (b->level->wide && !g->w16)
        widen_panel(b, g, b_elt(b, g->w, panel, stride, 0));
    if (b->level->prepare)
        b->level->prepare(b, g->scratch, b_elt(b, g->w, panel, stride, 0),
                          vq_kgroups(g->k));
}

/* Rows [lo, hi) of A as s16. */
static void
widen_rows(Build *b, Gemm *g, Val lo, Val hi)
{
    int64_t ld = vq_wide_row(g->k);
    Val to = b_atc(b, g->scratch, vq_kgroups(g->k) * 2 * VQ_GROUP), x;
    Loop row, col;

    b_loop_range(b, &row, lo, 1, hi);
    b_loop(b, &col, 0, 32, ld / 64);
    x = b_at(b, b_elt(b, g->a, row.i, g->lda, 0), col.i);
    x = b_zext(b, b_load(b, b_vec(b->i8, 32), x, 1), 16);
    b_store(b, x, b_elt(b, b_elt(b, to, row.i, ld, 0), col.i, 2, 0), 64);
    b_loop_end(b, &col);
    b_loop_end(b, &row);
    g->a = to;
    g->lda = ld;
    g->a16 = true;
}

/* The operand of n groups from `first` on goes where its bytes would. */
static Ty
keep_operand(Build *b, const Val *row, Val to, Val first, int64_t group,
             unsigned n)
{
    unsigned high = b->level->high;
    int64_t bytes = group * VQ_KGROUP;
    Val at[MAXROWS], x;

    for (unsigned i = 0; i < high; i++)
        at[i] = b_elt(b, row[i], first, VQ_KGROUP, bytes);
    x = b->level->spread(b, at, n);
    b_store(b, x, b_elt(b, to, first, VQ_KGROUP * high, bytes * high), 16);
    return LLVMTypeOf(x);
}

/* The operands of `high` rows from `row` on; from `end` on, the last one. */
static Ty
keep_row(Build *b, const Gemm *g, Val a, Val row, Val end, Val to)
{
    const Level *l = b->level;
    int64_t groups = vq_kgroups(g->k), whole = groups / l->deep;
    int64_t step = whole % 4 ? 1 : 4;
    Val from[MAXROWS], last = b_addc(b, end, -1);
    Ty type = NULL;
    Loop loop;

    for (unsigned i = 0; i < l->high; i++)
        from[i] = b_elt(b, a, b_least(b, b_addc(b, row, i), last), g->lda, 0);
    if (whole) {
        b_loop(b, &loop, 0, step * l->deep, whole / step);
        for (int64_t k = 0; k < step; k++)
            type = keep_operand(b, from, to, loop.i, k * l->deep, l->deep);
        b_loop_end(b, &loop);
    }
    if (groups % l->deep)
        type = keep_operand(b, from, to, b_i64(b, 0), whole * l->deep,
                            (unsigned)(groups % l->deep));
    return type;
}

/* Those of rows [lo, hi), of `most` at most, in both planes. */
static void
keep_rows(Build *b, Gemm *g, Val lo, Val hi, int64_t most)
{
    int64_t ld = vq_operand_row(b, g->k);
    Val to = b_atc(b, g->scratch, vq_operand_start(b, g->k));
    Val low = b_atc(b, to, most * ld);
    Loop loop;

    b_loop_range(b, &loop, lo, b->level->high, hi);
    g->operand = keep_row(b, g, g->a, loop.i, hi, b_elt(b, to, loop.i, ld, 0));
    if (g->a_low)
        keep_row(b, g, g->a_low, loop.i, hi, b_elt(b, low, loop.i, ld, 0));
    b_loop_end(b, &loop);
    g->a = to;
    g->a_low = g->a_low ? low : NULL;
    g->lda = ld;
}

void
vq_gemm_rows(Build *b, Gemm *g, const GemmCut *c, Val lo, Val hi)
{
    if (b->level->wide && !g->a16)
        widen_rows(b, g, lo, hi);
    else if (c->ready)
        keep_rows(b, g, lo, hi, c->chunk * c->block.rows);
}
