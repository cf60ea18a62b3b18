/*
 * attention_pack.c -- a head's K^T and V, packed as weights are (layout.h), and
 * the sums of packed columns.
 */
#include "codegen/attention.h"

#include <string.h>

int64_t
vq_plan_edge(Module *m, int32_t zero, int64_t depth)
{
    size_t ones = (size_t)vq_align(depth, 64); /* a tile reads so many */
    int32_t *k = vq_alloc(m->arena, 64 + ones);

    for (int i = 0; i < VQ_PANEL; i++)
        k[i] = -zero;
    memset(k + VQ_PANEL, 1, ones);
    return vq_module_const(m, k, 64 + ones);
}

void
vq_emit_edge(Build *b, Val edge, Val packed, int64_t n, int64_t depth,
             Val scratch, StoreTile *store, void *user)
{
    Gemm g = {.m = 1,
              .n = n,
              .k = depth,
              .lda = depth,
              .a = b_atc(b, edge, 64),
              .w = packed,
              .groups = vq_tile_groups(depth),
              .w16 = b->level->wide != NULL,
              .scratch = scratch,
              .minor = true,
              .store = store,
              .user = user};

    vq_emit_gemm(b, &g);
}

/* A tile reads whole tiles of a panel: zeros after the last k-group. */
static void
clear_groups(Build *b, Val panel, int64_t groups, int64_t padded)
{
    if (b->level->gemm && groups < padded)
        b_memset(b, b_atc(b, panel, groups * 64), 0, (padded - groups) * 64);
}

/* Bytes of a k-group here. */
static int64_t
group_bytes(const Build *b)
{
    return b->level->wide ? 128 : 64;
}

/* Columns of a k-group, 4 bytes each; where the level multiplies 16-bit
 * numbers, as columns of two groups of two. */
static void
store_columns(Build *b, Val x, Val to)
{
    unsigned n = b_lanes(x) / 2;
    Val pair;
    int lane[32];

    for (unsigned half = 0; b->level->wide && half < 2; half++) {
        for (unsigned i = 0; i < n; i++)
            lane[i] = b->level->wide((int)i, (int)half);
        pair = b_sext(b, b_shuffle(b, x, NULL, lane, n), 16);
        b_store(b, pair, b_atc(b, to, 64 * half), 2 * n);
    }
    if (!b->level->wide)
        b_store(b, x, to, 2 * n);
}

enum { QUAD = 4 }; /* keys that are turned at a time */

/* Rows of four to columns of four; each a vector of 4 x 32 bits. */
static void
turn4(Build *b, Val *x)
{
    static const int lo[] = {0, 4, 1, 5}, hi[] = {2, 6, 3, 7};
    static const int first[] = {0, 1, 4, 5}, last[] = {2, 3, 6, 7};
    Val y[4];

    for (int i = 0; i < 4; i++)
        y[i] = b_shuffle(b, x[i / 2 * 2], x[i / 2 * 2 + 1], i % 2 ? hi : lo, 4);
    for (int i = 0; i < 4; i++)
        x[i] = b_shuffle(b, y[i / 2], y[i / 2 + 2], i % 2 ? last : first, 4);
}

/* 16 bytes of depth, or the `bytes` that there are, of four keys, or as many
 * as there are: a key's 4 bytes become one column's of a k-group. */
static void
pack_key_tile(Build *b, const Attention *t, Val from, Val to, int64_t keys,
              int64_t bytes)
{
    Ty v = b_vec(b->i8, 16);
    Val x[QUAD];

    for (int64_t i = 0; i < QUAD; i++) {
        x[i] = i < keys ? b_load_part(b, v, b_atc(b, from, i * t->wide),
                                      (unsigned)bytes)
                        : LLVMConstNull(v);
        x[i] = b_bitcast(b, x[i], b_vec(b->i32, 4));
    }
    turn4(b, x);
    for (int64_t i = 0; i < vq_kgroups(bytes); i++)
        store_columns(b, b_bitcast(b, x[i], v),
                      b_atc(b, to, group_bytes(b) * i));
}

/* The same for the 16 keys of a panel. */
static void
pack_key_tiles(Build *b, const Attention *t, Val from, Val to, int64_t keys,
               int64_t bytes)
{
    for (int64_t i = 0; i < VQ_PANEL; i += QUAD)
        pack_key_tile(b, t, b_atc(b, from, i * t->wide), b_atc(b, to, 4 * i),
                      keys - i, bytes);
}

/* Keys 16 * panel .. as a panel of K^T. */
static void
pack_key_panel(Build *b, const Attention *t, Val panel, int64_t keys)
{
    int64_t padded = vq_tile_groups(t->d), whole = t->d / 16;
    Val to = b_elt(b, t->kpack, panel, padded * group_bytes(b), 0);
    Val from = b_elt(b, t->k, panel, VQ_PANEL * t->wide, 0);
    Loop loop;

    clear_groups(b, to, vq_kgroups(t->d), padded);
    if (whole) {
        b_loop(b, &loop, 0, 1, whole);
        pack_key_tiles(b, t, b_elt(b, from, loop.i, 16, 0),
                       b_elt(b, to, loop.i, 4 * group_bytes(b), 0), keys, 16);
        b_loop_end(b, &loop);
    }
    if (t->d % 16)
        pack_key_tiles(b, t, b_atc(b, from, whole * 16),
                       b_atc(b, to, whole * 4 * group_bytes(b)), keys,
                       t->d % 16);
}

void
vq_pack_keys(Build *b, const Attention *t)
{
    int64_t whole = t->nk / VQ_PANEL;
    Loop loop;

    if (whole) {
        b_loop(b, &loop, 0, 1, whole);
        pack_key_panel(b, t, loop.i, VQ_PANEL);
        b_loop_end(b, &loop);
    }
    if (t->nk % VQ_PANEL)
        pack_key_panel(b, t, b_i64(b, whole), t->nk % VQ_PANEL);
}

/* Four rows of 16 bytes to 16 columns of 4. */
static Val
interleave4(Build *b, const Val *row)
{
    Val half[2];
    int lane[64];

    for (int i = 0; i < 32; i++)
        lane[i] = i / 2 + i % 2 * 16;
    for (int i = 0; i < 2; i++)
        half[i] = b_shuffle(b, row[2 * i], row[2 * i + 1], lane, 32);
    for (int i = 0; i < 64; i++)
        lane[i] = i / 4 * 2 + i % 2 + i % 4 / 2 * 32;
    return b_shuffle(b, half[0], half[1], lane, 64);
}

/* `keys` rows of V from `from` on, `cols` columns of one panel: a k-group.
 * Columns beyond are zero, though nobody stores what they give. */
static void
pack_value_tile(Build *b, const Attention *t, Val from, Val to, int64_t keys,
                int64_t cols)
{
    Ty v = b_vec(b->i8, VQ_PANEL);
    Val row[VQ_KGROUP];

    for (int64_t r = 0; r < VQ_KGROUP; r++)
        row[r] = r < keys ? b_load_part(b, v, b_atc(b, from, r * t->vwide),
                                        (unsigned)cols)
                          : LLVMConstNull(v);
    store_columns(b, interleave4(b, row), to);
}

/* Rows of V from 4 * group on become one k-group of each panel. */
static void
pack_value_group(Build *b, const Attention *t, Val group, int64_t keys)
{
    int64_t panel_bytes = vq_tile_groups(t->nk) * group_bytes(b);
    int64_t whole = t->dv / VQ_PANEL;
    Val from = b_elt(b, t->v, group, VQ_KGROUP * t->vwide, 0);
    Val to = b_elt(b, t->vpack, group, group_bytes(b), 0);
    Loop panel;

    if (whole) {
        b_loop(b, &panel, 0, 1, whole);
        pack_value_tile(b, t, b_elt(b, from, panel.i, VQ_PANEL, 0),
                        b_elt(b, to, panel.i, panel_bytes, 0), keys, VQ_PANEL);
        b_loop_end(b, &panel);
    }
    if (t->dv % VQ_PANEL)
        pack_value_tile(b, t, b_atc(b, from, whole * VQ_PANEL),
                        b_atc(b, to, whole * panel_bytes), keys,
                        t->dv % VQ_PANEL);
}

void
vq_pack_values(Build *b, const Attention *t)
{
    int64_t whole = t->nk / VQ_KGROUP, padded = vq_tile_groups(t->nk);
    Loop loop;

    for (int64_t p = 0; p < vq_panels(t->dv); p++)
        clear_groups(b, b_atc(b, t->vpack, p * padded * 64), vq_kgroups(t->nk),
                     padded);
    if (whole) {
        b_loop(b, &loop, 0, 1, whole);
        pack_value_group(b, t, loop.i, VQ_KGROUP);
        b_loop_end(b, &loop);
    }
    if (t->nk % VQ_KGROUP)
        pack_value_group(b, t, b_i64(b, whole), t->nk % VQ_KGROUP);
}
