/*
 * attention_pack.c -- a head's K^T and V, packed as weights are (layout.h).
 */
#include "codegen/attention.h"

/* Keys first .. first + 15 (or fewer) as a panel of K^T: a key's 4 bytes of
 * depth become one column's. */
static void
pack_key_panel(Build *b, const Attention *t, Val panel, int64_t keys)
{
    int64_t groups = vq_kgroups(t->d), rest = t->d % VQ_KGROUP;
    Val to = b_elt(b, t->kpack, panel, groups * 64, 0), from, x;
    Loop key, group;

    if (keys < VQ_PANEL)
        b_memset(b, to, 0, groups * 64);
    b_loop(b, &key, 0, 1, keys);
    to = b_elt(b, to, key.i, 4, 0);
    from = b_elt(b, b_elt(b, t->k, panel, VQ_PANEL * t->wide, 0), key.i,
                 t->wide, 0);
    if (t->d / VQ_KGROUP) {
        b_loop(b, &group, 0, 1, t->d / VQ_KGROUP);
        x = b_load(b, b->i32, b_elt(b, from, group.i, 4, 0), 1);
        b_store(b, x, b_elt(b, to, group.i, 64, 0), 4);
        b_loop_end(b, &group);
    }
    if (rest) {
        x = b_load(b, b->i32, b_atc(b, from, (groups - 1) * 4), 1);
        x = b_andc(b, x, (INT64_C(1) << (8 * rest)) - 1);
        b_store(b, x, b_atc(b, to, (groups - 1) * 64), 4);
    }
    b_loop_end(b, &key);
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
        row[r] = r < keys ? b_load_part(b, v, b_atc(b, from, r * t->wide),
                                        (unsigned)cols)
                          : LLVMConstNull(v);
    b_store(b, interleave4(b, row), to, 64);
}

/* Rows of V from 4 * group on become one k-group of each panel. */
static void
pack_value_group(Build *b, const Attention *t, Val group, int64_t keys)
{
    int64_t groups = vq_kgroups(t->nk), whole = t->d / VQ_PANEL;
    Val from = b_elt(b, t->v, group, VQ_KGROUP * t->wide, 0);
    Val to = b_elt(b, t->vpack, group, 64, 0);
    Loop panel;

    if (whole) {
        b_loop(b, &panel, 0, 1, whole);
        pack_value_tile(b, t, b_elt(b, from, panel.i, VQ_PANEL, 0),
                        b_elt(b, to, panel.i, groups * 64, 0), keys, VQ_PANEL);
        b_loop_end(b, &panel);
    }
    if (t->d % VQ_PANEL)
        pack_value_tile(b, t, b_atc(b, from, whole * VQ_PANEL),
                        b_atc(b, to, whole * groups * 64), keys,
                        t->d % VQ_PANEL);
}

void
vq_pack_values(Build *b, const Attention *t)
{
    int64_t whole = t->nk / VQ_KGROUP;
    Loop loop;

    if (whole) {
        b_loop(b, &loop, 0, 1, whole);
        pack_value_group(b, t, loop.i, VQ_KGROUP);
        b_loop_end(b, &loop);
    }
    if (t->nk % VQ_KGROUP)
        pack_value_group(b, t, b_i64(b, whole), t->nk % VQ_KGROUP);
}
