/* passes.h -- every pass function; pass.c's table gives their order. */
#ifndef VQ_PASSES_H
#define VQ_PASSES_H

#include "passes/pass.h"

PassFn vq_fold;
PassFn vq_find_grids;
PassFn vq_move_images;
PassFn vq_fuse_norm;
PassFn vq_fuse_gelu;
PassFn vq_tabulate;
PassFn vq_fuse_linear;
PassFn vq_fuse_attention;
PassFn vq_fuse_functions;
PassFn vq_fold_tokens;
PassFn vq_cut_rows;
PassFn vq_fold_computed;
PassFn vq_cse;
PassFn vq_dce;
PassFn vq_quantize_graph;
PassFn vq_integerize;
PassFn vq_make_kernels;
PassFn vq_plan_memory;

/* dce.c: drops every op without a use. Passes that replace a group of ops by
 * one leave the group behind and end with this. */
bool vq_sweep(Graph *, Diag *);

#endif
