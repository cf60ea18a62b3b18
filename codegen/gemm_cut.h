/* gemm_cut.h -- how the loops of a product are cut. */
#ifndef VQ_GEMM_CUT_H
#define VQ_GEMM_CUT_H

#include "codegen/gemm.h"

/* Sums that are in registers at a time. */
typedef struct GemmBlock {
    int64_t rows, panels;
} GemmBlock;

/* Rows come in blocks, the last one perhaps short, and blocks in chunks: as
 * many as stay in a core's own caches while all panels pass by or, where the
 * level is wide or wants operands ready, as the scratch has room for. */
typedef struct GemmCut {
    GemmBlock block;
    int64_t rows, chunk; /* blocks of rows: of the product, of a chunk */
    int64_t panels;      /* blocks of panels, the last one perhaps short */
    int64_t cost;        /* of it all, in quarters of a product */
    bool ready;          /* a chunk's operands are kept in the scratch */
} GemmCut;

GemmCut vq_gemm_cut(const Build *, const Gemm *);

/* Bytes of the scratch before operands, a panel's where the level prepares it,
 * and from one row's operands to the next row's. */
int64_t vq_operand_start(const Build *, int64_t depth);
int64_t vq_operand_row(const Build *, int64_t depth);

#endif
