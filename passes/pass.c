/*
 * pass.c -- the pipeline.
 *
 * Passes at level 0 are what the later ones rely on; the others may be left
 * out, by -O or by bisection.
 */
#include "passes/passes.h"

#include <string.h>

const Pass vq_passes[] = {
    /* name, run, needs, makes, level, help */
    {"fold", vq_fold, 0, 0, 0, "compute constants, drop what does nothing"},
    {"grids", vq_find_grids, 0, 0, 0, "find fake quantization in its parts"},
    {"images", vq_move_images, 0, 0, 0,
     "convolutions become linear layers, channels last"},
    {"fuse_norm", vq_fuse_norm, 0, 0, 0, "find layernorm in its parts"},
    {"fuse_gelu", vq_fuse_gelu, 0, 0, 0, "find gelu, erf and tanh form"},
    {"tabulate", vq_tabulate, 0, 0, 0,
     "functions of few codes become tables of them"},
    {"fuse_linear", vq_fuse_linear, 0, 0, 0,
     "find linear layers and the patch embedding"},
    {"fuse_attention", vq_fuse_attention, 0, 0, 0, "find attention"},
    {"fuse_function", vq_fuse_functions, 0, 0, 0,
     "find functions of one value"},
    {"tokens", vq_fold_tokens, 0, 0, 1, "fold sums on constant tokens"},
    {"rows", vq_cut_rows, 0, 0, 1, "compute only the rows that are used"},
    {"constants", vq_fold_computed, 0, 0, 0, "compute what became constant"},
    {"cse", vq_cse, 0, 0, 1, "share equal ops"},
    {"dce", vq_dce, 0, F_FUSED, 0, "drop ops without a use"},
    {"quantize", vq_quantize_graph, F_FUSED, F_QUANTIZED, 0,
     "give every value a quantized type"},
    {"integerize", vq_integerize, F_QUANTIZED, F_INTEGER, 0,
     "real ops become integer ops"},
    {"kernel", vq_make_kernels, F_INTEGER, F_KERNEL, 0,
     "pack weights, fuse what follows a product"},
    {"plan", vq_plan_memory, F_KERNEL, F_PLANNED, 0, "lay out the work area"},
};

const unsigned vq_npasses = COUNT(vq_passes);

int
vq_find_pass(const char *name)
{
    for (unsigned i = 0; i < vq_npasses; i++)
        if (strcmp(vq_passes[i].name, name) == 0)
            return (int)i;
    return -1;
}
