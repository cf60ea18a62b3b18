/*
 * gemm_remark.c -- how a product was cut, for --opt-report.
 */
#include "codegen/gemm.h"
#include "codegen/remark.h"

#include <inttypes.h>
#include <stdio.h>

enum { FEW = 75 }; /* percent of the products that a core could do: slow */

static const char *
why_few(const Gemm *g, int64_t rows, int64_t panels)
{
    if (g->m < rows || g->m % rows || g->n % (panels * VQ_PANEL))
        return "rows or columns that do not fill a block";
    return "too few products at a time";
}

void
vq_remark_registers(Build *b, const Gemm *g, int64_t rows, int64_t panels,
                    int64_t cost)
{
    /* Quarters of a product for each 4 bytes of depth, as `cost` counts. */
    int64_t least =
        g->m * g->n * b->level->nacc * 4 / (VQ_PANEL * b->level->high);
    int64_t percent = cost ? 100 * least / cost : 0;
    char shape[80];

    if (g->minor)
        return;
    snprintf(shape, sizeof shape, "product %" PRId64 "x%" PRId64 "x%" PRId64,
             g->m, g->n, g->k);
    b_choice(b,
             "%s in blocks of %" PRId64 "x%" PRId64 ", by the cost model "
             "%" PRId64 " %% of the peak",
             shape, rows, panels * VQ_PANEL, percent);
    if (g->m == 1)
        b_slow(b, "product of one row: each weight is read for one use");
    else if (b->level->gemm)
        b_slow(b, "%s is not in tiles: %s", shape,
               g->m < 16 ? "it has fewer than 16 rows"
                         : "by measured speeds it is faster in registers");
    else if (percent < FEW)
        b_slow(b, "%s: %s", shape, why_few(g, rows, panels));
}
