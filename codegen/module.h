/*
 * module.h -- one object being made: its constants, kernels and run functions.
 *
 * An op becomes a kernel in two steps. `plan` runs once an op, for all levels:
 * it puts what the kernel reads into the constants, checks what the emitted
 * code relies on, and writes the kernel's key. `body` runs once a level for
 * every key: kernels get all constants by pointer, so equal shapes share code.
 */
#ifndef VQ_MODULE_H
#define VQ_MODULE_H

#include "codegen/codegen.h"
#include "codegen/level.h"

#include <llvm-c/TargetMachine.h>

enum { MAXCONSTS = 4, MAXIN = 64 };

typedef struct Plan {
    const char *key;  /* all that the code depends on, but for the level;
                       * vq_key unless the plan says more */
    const char *name; /* of the kernel, for people */
    bool nothing;     /* no code: the value is already in its place */
    uint64_t raw;     /* bit i: constant input i is wanted as it is; all
                       * are unless the plan says less */
    /* Bytes after input 0 that the kernel reads though nobody wrote them
     * (vq_slack_read); they are cleared before the step. */
    unsigned slack;
    int64_t rows, cols, depth, macs; /* for VqrtStep; 0: of the result */
    unsigned most;                   /* parts that are worth it; 1: whole */
    unsigned nconst;
    int64_t at[MAXCONSTS];   /* prepared constants */
    void *info;              /* of this kind of op */
    struct Remarks *remarks; /* on this op alone, whatever the level */
} Plan;

/* Pointers that the kernel of an op gets. */
typedef struct Args {
    const Graph *g;
    const Op *op;
    const Plan *plan;
    Val in[MAXIN]; /* NULL: absent, or a constant not wanted */
    Val out;
    Val scratch; /* of this part alone */
    Val konst[MAXCONSTS];
    Val part, parts; /* i64 */
} Args;

/* Units [lo, hi) of `units`: those of this part. */
void b_share(Build *, const Args *, int64_t units, Val *lo, Val *hi);
/* b_map over this part of n elements. */
void b_map_share(Build *, const Args *, int64_t n, unsigned lanes, MapFn *fn,
                 void *user);

typedef struct Segment {
    const void *data;
    size_t size, at;
} Segment;

typedef struct KernelEntry {
    const char *key;
    Val fn;
    struct Remarks *remarks;
} KernelEntry;

typedef struct Module {
    Build b;
    const Graph *whole; /* what the caller sees */
    const Graph *g;     /* one chunk of it */
    Diag *diag;
    const CodegenOptions *opt;
    Arena *arena;
    const Arch *arch;
    LLVMTargetMachineRef machine;
    const Level *level[16]; /* those wanted, weakest first */
    unsigned nlevel;
    Segment *seg;
    size_t nseg, capseg, const_size;
    int64_t *const_at; /* of each value; -1: not in the constants */
    Plan *plan;        /* of each op */
    KernelEntry *kernel;
    size_t nkernel, capkernel;
    Val consts;
    Val invoke; /* step.c: runs one step */
} Module;

/* ---- constants: one read-only array, each piece aligned to VQ_SLOT ---- */

/* The data must live until the module is written. Returns its offset. */
int64_t vq_module_const(Module *, const void *data, size_t bytes);

/* ---- kernels ---- */

typedef bool PlanFn(Module *, const Op *, Plan *);
typedef void BodyFn(Build *, const Args *);

typedef struct Emitter {
    const char *name;
    uint32_t kind; /* VQRT_STEP_.. */
    unsigned cost; /* of an element of the result, in ps, roughly */
    PlanFn *plan;  /* NULL: nothing to prepare */
    BodyFn *body;
} Emitter;

extern const Emitter vq_emitters[NOP];

bool vq_module_plan(Module *);
/* The function of an op on a level, made if it is the first of its key. */
Val vq_module_kernel(Module *, const Level *, const Op *);
/* What was said while that function was made; NULL: it was not. */
const struct Remarks *vq_module_remarks(const Module *, const Level *,
                                        const Op *);

/* A new internal function "PREFIX.NAME"; the builder is at its entry. `level`
 * is NULL for code that every CPU runs. */
Val vq_module_function(Module *, const char *name, Ty type, const Level *);
/* The type of a function of one parameter for each letter: p pointer, i i32. */
Ty vq_function_type(Module *, Ty result, const char *params);

/* Key pieces. */
const char *vq_key_type(Module *, const Type *);
const char *vq_key(Module *, const Op *); /* op, types, attributes */

/* ---- step.c ---- */

/*
 * A run's pointers lie in a frame, an array on the stack of the entry point:
 * inputs, outputs, work. A step is a VqrtTask that takes its own from there.
 */
unsigned vq_frame_size(const Module *); /* pointers */
/* The op that is a step, or not: it has code to run. */
bool vq_is_step(const Module *, uint32_t op);
/* The node it came from, or else its value. */
const char *vq_step_name(const Module *, uint32_t op);
/* void f(frame, context): all steps in order on one level. */
Val vq_module_run(Module *, const Level *);

/* ---- run.c ---- */

/* Run functions, dispatch and entry points. */
void vq_module_entries(Module *);

/* What a descriptor points to. */
typedef struct Entries {
    Val best, run, run_level, run_with;
} Entries;

/* descriptor.c: PREFIX_model. */
void vq_module_descriptor(Module *, const Entries *);

/* ---- opt_report.c ---- */

/* Text about all steps, once their kernels are made; malloc'ed. */
char *vq_opt_report(Module *);

/* ---- target.c ---- */

bool vq_target_open(Module *);
bool vq_target_emit(Module *, Emitted *);

/* ---- plans and bodies, by file ---- */

#define EMITTER(name)                                                          \
    PlanFn vq_plan_##name;                                                     \
    BodyFn vq_body_##name
EMITTER(copy);       /* move.c: reshape, transpose, slice, expand */
EMITTER(pad);        /* image.c */
EMITTER(mul);        /* elementwise.c */
EMITTER(lut);        /* elementwise.c */
EMITTER(requant);    /* elementwise.c */
EMITTER(sum);        /* sum.c */
EMITTER(quantize);   /* edges.c */
EMITTER(dequantize); /* edges.c */
EMITTER(layernorm);  /* layernorm.c */
EMITTER(ivitnorm);   /* ivit.c */
EMITTER(attention);  /* attention.c */
EMITTER(iproduct);   /* product.c */
EMITTER(linear);     /* linear.c */
EMITTER(map);        /* float.c */
EMITTER(product);    /* float_sums.c */
EMITTER(depthwise);  /* depthwise.c */
#undef EMITTER
BodyFn vq_body_concat;    /* move.c */
BodyFn vq_body_unfold;    /* image.c */
BodyFn vq_body_maxpool;   /* image.c */
BodyFn vq_body_add;       /* elementwise.c */
BodyFn vq_body_softmax;   /* softmax_op.c */
BodyFn vq_body_shiftgelu; /* ivit.c */
BodyFn vq_body_reduce;    /* float_sums.c */

#endif
