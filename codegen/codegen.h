/* codegen.h -- graph to object: the one door to LLVM's side. */
#ifndef VQ_CODEGEN_H
#define VQ_CODEGEN_H

#include "ir/ir.h"

typedef enum EmitKind { EMIT_OBJ, EMIT_ASM, EMIT_LLVM } EmitKind;

typedef struct CodegenOptions {
    const char *triple; /* NULL: this machine's */
    const char *levels; /* comma separated names; NULL: all of the triple */
    const char *prefix; /* a C identifier: of every symbol */
    EmitKind emit;
    int level;     /* -O */
    int64_t grain; /* least work of a part of a step, ps; 0: the usual one */
} CodegenOptions;

typedef struct Emitted {
    char *bytes; /* malloc'ed; vq_emitted_free */
    size_t size;
    char *report; /* --opt-report's text */
} Emitted;

/* The graph must be F_PLANNED. Reports and returns false on failure. */
bool vq_codegen(const Graph *, Diag *, const CodegenOptions *, Emitted *);
void vq_emitted_free(Emitted *);
/* The generated C header for the object, in the arena. */
char *vq_header(const Graph *, const CodegenOptions *, const char *version,
                const char *source);

/* ---- loader.c: a compiled object, in this process ---- */

struct VqrtModel;
typedef struct Loaded Loaded;
Loaded *vq_load_object(Diag *, const char *path);
const struct VqrtModel *vq_loaded_model(const Loaded *);
void vq_unload(Loaded *);

/* What an object holds, without running it. */
bool vq_object_info(Diag *, const char *path, FILE *to);

#endif
