/*
 * gemm.h -- the product of bytes with packed weights, one tile at a time.
 */
#ifndef VQ_GEMM_H
#define VQ_GEMM_H

#include "codegen/level.h"
#include "ir/layout.h"

/* Sums of a tile: rows x panels vectors of 16 x s32. */
typedef struct Tile {
    unsigned rows, panels;
    Val row, panel;   /* index of the first of each, i64 */
    unsigned cols;    /* columns of the last panel; the others have 16 */
    Val sum[MAXTILE]; /* [row * panels + panel] */
} Tile;

static inline unsigned
vq_tile_cols(const Tile *t, unsigned panel)
{
    return panel + 1 == t->panels ? t->cols : VQ_PANEL;
}

typedef void StoreTile(Build *, void *user, const Tile *);

/* Which tiles are a part's: neighbours in a panel, panel after panel, so that
 * it reads its share of the weights, or rows of all panels. */
typedef enum GemmSplit { SPLIT_PANELS, SPLIT_ROWS } GemmSplit;

/*
 * sum[i][c] = bias[c] + sum_k a[i][k] * w[k][c]: a are u8 rows, lda bytes
 * apart, readable to a multiple of 4 bytes (32 where the level is wide, 64
 * where it has tiles); w is packed (layout.h). With a second plane the bytes of
 * a are high bytes and those of a_low, laid out alike, low bytes of 16-bit
 * numbers. Where the level is wide, a may be s16 instead: `a16`, and w s16 in
 * groups of two rows, two for each k-group: `w16`. bias may be NULL. `store`
 * gets the sums. `scratch` has vq_wide_bytes(m, k) bytes (layout.h). With
 * `part`, the tiles of that part alone.
 */
typedef struct Gemm {
    int64_t m, n, k, lda;
    int64_t groups; /* from one panel of w to the next; 0: as layout.h says */
    Val a, a_low, w, bias, scratch;
    bool a16, w16;
    Val lack;        /* gemm.c's own: what an `offset` level's sums lack */
    Ty operand;      /* gemm.c's own: of what a and a_low hold; NULL: bytes */
    Val first;       /* row of the result that a's first one is; NULL: 0 */
    Val part, parts; /* i64; NULL: the whole product */
    GemmSplit split;
    bool minor; /* a sum on the side, of which --opt-report says nothing */
    StoreTile *store;
    void *user;
} Gemm;

static inline int64_t
vq_gemm_groups(const Gemm *g)
{
    return g->groups ? g->groups : vq_panel_groups(g->k);
}

void vq_emit_gemm(Build *, const Gemm *);
/* gemm_remark.c: the product is in registers, in blocks of rows x panels; the
 * cost is that of all of them, in quarters of a product. */
void vq_remark_registers(Build *, const Gemm *, int64_t rows, int64_t panels,
                         int64_t cost);
/* How to split a product of this shape on the Build's level. */
GemmSplit vq_gemm_split(const Build *, const Gemm *);

/*
 * How many bytes after the last row of A, rows of `depth` bytes, a product
 * reads as part of a k-group; 0 when A is not a value of the work area. They
 * meet zero weights, so they change nothing; vq_clear_slack sets them all the
 * same, so that no memory checker sees a number that nobody wrote.
 */
unsigned vq_slack_read(const Graph *, ValId a, int64_t depth);
void vq_clear_slack(Build *, Val end, unsigned bytes);

#endif
