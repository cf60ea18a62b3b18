/* frontend.h -- ONNX in, graph out: the one door to protobuf's side. */
#ifndef VQ_FRONTEND_H
#define VQ_FRONTEND_H

#include "ir/ir.h"

typedef struct ImportOptions {
    int64_t batch; /* bound to a dynamic first dimension; 0: 1 */
    /* Name=value pairs for other dynamic dimensions, NULL-terminated: "x" of
     * `--dim height=224`, or NULL. */
    const char *const *dims;
    size_t max_memory; /* 0: no limit */
} ImportOptions;

/*
 * Reads an ONNX model into a float graph: static shapes, constants folded,
 * nothing fused. Weights point into memory owned by the arena. Returns NULL
 * after reporting (up to 20 errors; unsupported ops are all named at once).
 */
Graph *vq_onnx_read(Arena *, Diag *, const char *path, const ImportOptions *);

#endif
