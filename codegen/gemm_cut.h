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
 * level is wide, as are widened at a time. */
typedef struct GemmCut {
    GemmBlock block;
    int64_t rows, chunk; /* blocks of rows: of the product, of a chunk */
    int64_t panels;      /* blocks of panels, the last one perhaps short */
    int64_t cost;        /* of it all, in quarters of a product */
} GemmCut;

GemmCut vq_gemm_cut(const Build *, const Gemm *);

#endif
