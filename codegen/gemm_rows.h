/* gemm_rows.h -- operands of a product, as the level wants them. */
#ifndef VQ_GEMM_ROWS_H
#define VQ_GEMM_ROWS_H

#include "codegen/gemm_cut.h"

enum { VQ_GROUP = VQ_PANEL * VQ_KGROUP }; /* bytes of a panel's k-group */

/* Puts a panel into the scratch, where the level does not take it as it is. */
void vq_gemm_panel(Build *, const Gemm *, Val panel);
/* The same for rows [lo, hi) of a chunk, whose first row g->a begins with: a,
 * a_low and lda are then of what is in the scratch. */
void vq_gemm_rows(Build *, Gemm *, const GemmCut *, Val lo, Val hi);

#endif
