/* frontend.h -- ONNX in, graph out: the one door to protobuf's side. */
#ifndef VQ_FRONTEND_H
#define VQ_FRONTEND_H

#include "ir/ir.h"

/* What a file says of itself; "" and 0 where it says nothing. */
typedef struct ImportNotes {
    const char *producer, *version;
    int64_t opset;
    size_t nodes;
} ImportNotes;

typedef struct ImportOptions {
    int64_t batch; /* bound to a dynamic first dimension; 0: 1 */
    /* Name=value pairs for other dynamic dimensions, NULL-terminated: "x" of
     * `--dim height=224`, or NULL. */
    const char *const *dims;
    size_t max_memory;   /* 0: no limit */
    unsigned max_errors; /* 0: as many as a reader takes in, 20 */
    ImportNotes *notes;  /* filled in; may be NULL */
} ImportOptions;

/*
 * Reads an ONNX model into a float graph: static shapes, constants folded,
 * nothing fused. Weights point into memory owned by the arena. Returns NULL
 * after reporting: all errors up to max_errors, of nodes whose inputs are
 * known, since an error goes on to the next node.
 */
Graph *vq_onnx_read(Arena *, Diag *, const char *path, const ImportOptions *);

#endif
