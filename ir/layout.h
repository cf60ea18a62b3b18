/*
 * layout.h -- how packed matrices lie in memory.
 *
 * The layout belongs to the architecture, not to the CPU level. Weights of a
 * linear layer [K x N] are cut into panels of 16 columns; a panel is a
 * sequence of k-groups of 4 rows: byte [panel][group][column][k]. Rows and
 * columns beyond K and N are zero. A panel's k-group is 64 bytes: one AVX-512
 * register of 32-bit lanes with four products each, one row of an AMX tile.
 * Panels deeper than a tile's 16 rows are a whole number of tiles.
 */
#ifndef VQ_LAYOUT_H
#define VQ_LAYOUT_H

#include "ir/ir.h"

enum {
    VQ_PANEL = 16,    /* columns of a panel */
    VQ_KGROUP = 4,    /* rows of a k-group */
    VQ_TILE = 16,     /* k-groups of an AMX tile */
    VQ_SLOT = 64,     /* alignment of every slot and constant, bytes */
    VQ_SLACK = 64,    /* readable bytes after every slot: a k-group or a vector
                         may be read past a row's end */
    VQ_WIDEROWS = 96, /* most rows of A that are widened at a time */
    VQ_ROWBLOCK = 32, /* most query rows that i.attention does at a time */
    VQ_SOFTMAX_ROWS = 2, /* rows that softmax does side by side */
    VQ_POWERS = 1056,    /* exponentials of all distances, and padding */
};

static inline int64_t
vq_panels(int64_t cols)
{
    return vq_align(cols, VQ_PANEL) / VQ_PANEL;
}

static inline int64_t
vq_kgroups(int64_t rows)
{
    return vq_align(rows, VQ_KGROUP) / VQ_KGROUP;
}

/* k-groups from one panel to the next: those and padding. */
static inline int64_t
vq_panel_groups(int64_t rows)
{
    int64_t groups = vq_kgroups(rows);

    return groups > VQ_TILE ? vq_align(groups, VQ_TILE) : groups;
}

/* The same in the scratch of i.attention, where panels are whole tiles. */
static inline int64_t
vq_tile_groups(int64_t rows)
{
    return vq_align(vq_kgroups(rows), VQ_TILE);
}

/* Byte of row k, column c in a packed matrix of `rows` rows. */
static inline int64_t
vq_packed_at(int64_t rows, int64_t k, int64_t c)
{
    int64_t group = c / VQ_PANEL * vq_panel_groups(rows) + k / VQ_KGROUP;

    return (group * VQ_PANEL + c % VQ_PANEL) * VQ_KGROUP + k % VQ_KGROUP;
}

/* s8[panels x groups x 16 x 4] for a weight of the given shape. */
Type vq_packed_type(int64_t rows, int64_t cols);
void vq_pack(const int8_t *w, int64_t rows, int64_t cols, int8_t *packed);

/*
 * What i.attention keeps in its scratch, one head at a time: byte offsets,
 * multiples of VQ_SLOT. Rows of scores and probabilities belong to a block of
 * VQ_ROWBLOCK query rows.
 */
typedef struct AttentionScratch {
    int64_t keys;   /* packed K^T [panels(Nk) x tile groups(d)], twice as long
                       where a level wants s16; values too */
    int64_t comp;   /* s32[align(Nk, 32)]: compensation of q's zero point */
    int64_t values; /* packed V [panels(dv) x tile groups(Nk)] */
    int64_t sum;    /* s32[VQ_ROWBLOCK]: sums of exponentials */
    int64_t powers; /* u16[VQ_POWERS] */
    int64_t exp;    /* Shiftmax: s32[VQ_ROWBLOCK x align(Nk, 32)]; base 2:
                       in place of the scores */
    int64_t scores; /* s16 or s8 [VQ_ROWBLOCK x align(Nk, 32)] */
    int64_t high;   /* u8[VQ_ROWBLOCK x align(Nk, 64)]: high or only bytes;
                       with `low`, or s16[VQ_ROWBLOCK x align(Nk, 32)] */
    int64_t low;    /* the same, low bytes of 16-bit probabilities */
    int64_t bias;   /* s32[align(dv, 16)]: compensation of signed 16-bit
                       probabilities */
    int64_t wide;   /* vq_wide_bytes of the deeper product */
    int64_t bytes;  /* of it all */
} AttentionScratch;

AttentionScratch vq_attention_scratch(const Graph *, const Op *);
/* Bytes of a row of A widened to 16 bits, and of what a product of `rows` rows
 * keeps where bytes are multiplied as 16-bit numbers: a panel and some rows.
 * k.linear's scratch is one of these. */
static inline int64_t
vq_wide_row(int64_t depth)
{
    return vq_align(depth, 32) * 2;
}

static inline int64_t
vq_wide_bytes(int64_t rows, int64_t depth)
{
    return vq_kgroups(depth) * VQ_KGROUP * VQ_PANEL * 2 +
           vq_min(rows, VQ_WIDEROWS) * vq_wide_row(depth);
}

/* What i.product keeps: a packed matrix of K x N first, twice as long where a
 * level wants s16. */
typedef struct ProductScratch {
    int64_t comp; /* s32[align(N, 32)]: compensation of a's zero point */
    int64_t wide; /* vq_wide_bytes */
    int64_t bytes;
} ProductScratch;

ProductScratch vq_product_scratch(const Graph *, const Op *);

/* What i.softmax keeps: the same of VQ_SOFTMAX_ROWS rows. */
typedef struct SoftmaxScratch {
    int64_t sum, powers, exp, bytes;
} SoftmaxScratch;

SoftmaxScratch vq_softmax_scratch(const Graph *, const Op *);

/* Scratch of one op in the work area, bytes; 0 for most. */
int64_t vq_scratch(const Graph *, const Op *);
/* Scratch of each part of a run beyond the first: it lies after the work area
 * and suits every op. A multiple of VQ_SLOT. */
int64_t vq_part_bytes(const Graph *);

#endif
