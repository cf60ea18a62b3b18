/*
 * epilogue.c -- requantize, look up, add the residual, store.
 */
#include "codegen/epilogue.h"
#include "codegen/remark.h"

#include <assert.h>

/* Byte offset of row r of the tile in rows of `ld` bytes. */
static Val
row_at(Build *b, Val base, const Tile *t, unsigned r, int64_t ld)
{
    return b_elt(b, base, t->row, ld, ld * r);
}

static Val
out_at(Build *b, const Epilogue *e, const Tile *t, unsigned r, unsigned p)
{
    int64_t panel = VQ_PANEL * vq_dtype[e->dt].bytes;

    return b_elt(b, row_at(b, e->out, t, r, e->ldo), t->panel, panel,
                 panel * p);
}

static Val
lane_of(Build *b, const Epilogue *e, const Tile *t, unsigned p)
{
    Val lane = b_addc(b, b_shlc(b, t->panel, 4), VQ_PANEL * p);

    if (e->splat)
        return e->lane ? e->lane : b_i64(b, 0);
    return e->lane ? b_add(b, lane, e->lane) : lane;
}

/* Why a look-up is not in registers: what store_quad branches on. */
static const char *
why_one_by_one(const Build *b, const Epilogue *e)
{
    if (vq_dtype[e->dt].bytes != 1)
        return "its entries have more than 8 bits";
    return b->level->lut8 ? "sums are not requantized in 16-bit lanes"
                          : "the level has no table in registers";
}

/* out[i] = table[buffer[i]] for the n bytes at `from`. */
static void
look_up(Build *b, const Epilogue *e, Val from, Val to, unsigned n)
{
    int64_t size = vq_dtype[e->dt].bytes;
    Ty t = b_dtype(b, e->dt);
    Loop loop;
    Val x;

    b_loop(b, &loop, 0, 1, n);
    b_scalar(b, "table look-up of each result", why_one_by_one(b, e));
    x = b_zext(b, b_load(b, b->i8, b_at(b, from, loop.i), 1), 64);
    x = b_load(b, t, b_elt(b, e->lut, x, size, 0), (unsigned)size);
    b_store(b, x, b_elt(b, to, loop.i, size, 0), (unsigned)size);
    b_loop_end(b, &loop);
}

/* Rounding right shift of lanes of s16. The rounding bit is added last, so
 * nothing wraps; by 16 or more nothing is left. */
static Val
shift_round(Build *b, Val x, int s)
{
    if (s == 0)
        return x;
    if (s >= 16)
        return LLVMConstNull(LLVMTypeOf(x));
    return b_add(b, b_ashrc(b, x, s), b_andc(b, b_ashrc(b, x, s - 1), 1));
}

static Val
load_residual(Build *b, const Epilogue *e, const Tile *t, unsigned r,
              unsigned p)
{
    Val row = b_addc(b, t->row, r), y = row_at(b, e->residual, t, r, e->ldr);

    if (e->rrows)
        b_slow(b, "residual of %lld rows, again and again: a division a row",
               (long long)e->rrows);
    if (e->rrows)
        y = b_elt(b, e->residual,
                  LLVMBuildURem(b->b, row, b_i64(b, e->rrows), ""), e->ldr, 0);
    y = b_elt(b, y, t->panel, 2 * VQ_PANEL, 2 * VQ_PANEL * p);
    return b_load(b, b_vec(b->i16, VQ_PANEL), y, 2);
}

/* x: lanes of s16, as y. */
static Val
add_residual(Build *b, const Epilogue *e, Val x, Val y)
{
    return b_sadd_sat(b, shift_round(b, x, e->ashift),
                      shift_round(b, y, e->bshift));
}

/* One row of a panel, in 32-bit lanes. */
static void
store_vector(Build *b, const Epilogue *e, const Tile *t, unsigned r, unsigned p)
{
    Val x = t->sum[r * t->panels + p], to = out_at(b, e, t, r, p);
    unsigned cols = vq_tile_cols(t, p);

    if (!e->raw)
        x = vq_requant_vector(b, &e->rq, e->consts, x, lane_of(b, e, t, p));
    if (e->residual)
        x = add_residual(b, e, b_trunc(b, x, 16), load_residual(b, e, t, r, p));
    if (e->lut) {
        b_store(b, b_trunc(b, x, 8), e->buffer, 16);
        look_up(b, e, e->buffer, to, cols);
        return;
    }
    if (vq_dtype[e->dt].bytes < 4 && !e->residual)
        x = b_trunc(b, x, vq_dtype[e->dt].bytes * 8);
    b_store_part(b, x, to, cols);
}

/* Four rows of 16 bytes, as vq_requant_quad gives them, in row order. */
static Val
rows_of_quad(Build *b, Val x)
{
    int lane[16];

    for (int i = 0; i < 16; i++)
        lane[i] = i % 4 * 4 + i / 4;
    x = b_bitcast(b, x, b_vec(b->i32, 16));
    x = b_shuffle(b, x, NULL, lane, 16);
    return b_bitcast(b, x, b_vec(b->i8, 64));
}

/* Rows r0 .. r0 + 3 of a panel, as many as there are. */
static void
store_quad(Build *b, const Epilogue *e, const Tile *t, unsigned r0, unsigned p)
{
    unsigned n = (unsigned)vq_min(t->rows - r0, 4), cols = vq_tile_cols(t, p);
    bool in_registers = e->lut && b->level->lut8 && vq_dtype[e->dt].bytes == 1;
    Val acc[4], x;

    for (unsigned r = 0; r < 4; r++)
        acc[r] = t->sum[(r0 + r % n) * t->panels + p];
    x = vq_requant_quad(b, &e->rq, e->consts, acc, lane_of(b, e, t, p));
    if (in_registers)
        x = b->level->lut8(b, x, e->lut);
    x = rows_of_quad(b, x);
    if (e->lut && !in_registers)
        b_store(b, x, e->buffer, 64);
    for (unsigned r = 0; r < n; r++) {
        Val to = out_at(b, e, t, r0 + r, p);

        if (e->lut && !in_registers)
            look_up(b, e, b_atc(b, e->buffer, 16 * r), to, cols);
        else
            b_store_part(b, b_slice(b, x, 16 * r, 16), to, cols);
    }
}

void
vq_epilogue_store(Build *b, void *user, const Tile *t)
{
    const Epilogue *e = user;
    bool quads = !e->raw && e->rq.way == WAY_NARROW && !e->residual &&
                 vq_dtype[e->rq.dt].bytes == 1;

    for (unsigned p = 0; p < t->panels; p++)
        for (unsigned r = 0; r < t->rows; r += quads ? 4 : 1)
            if (quads)
                store_quad(b, e, t, r, p);
            else
                store_vector(b, e, t, r, p);
}
