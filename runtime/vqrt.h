/*
 * vqrt.h -- how a compiled model describes itself to the program it is in.
 *
 * Every generated header carries a copy of this block, so a program needs no
 * other file. Nothing here allocates, and nothing is ever written.
 */
#ifndef VQRT_H
#define VQRT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VQRT_ABI 2u

/* What a run returns. */
enum {
    VQRT_OK = 0,
    VQRT_ENULL = 1,  /* a pointer is null */
    VQRT_EALIGN = 2, /* work is not aligned to work_align */
    VQRT_ELEVEL = 3, /* the level is not in this object or not on this CPU */
    VQRT_EPARTS = 4  /* parts is 0, too big, or above 1 without parallel_for */
};

enum {
    VQRT_F32 = 1,
    VQRT_MAXNAME = 64, /* bytes of a tensor's name, the final zero included */
    VQRT_MAXLEVEL = 8,
    VQRT_MAXPARTS = 64
};

typedef struct VqrtTensor {
    char name[VQRT_MAXNAME]; /* cut when it is longer */
    uint32_t type;           /* VQRT_F32 */
    uint32_t rank;
    int64_t dim[8]; /* row-major, dense */
} VqrtTensor;

/* ---- threads ---- */

/* One part of a step, part < parts. It is internal to the object: a
 * parallel_for calls it with what it was given. */
typedef void VqrtTask(const void *frame, uint32_t part, uint32_t parts);

/*
 * Who runs the parts of a step, and who is told about steps. A run takes one
 * and reads it only; runs in flight at the same time may share it if their
 * parallel_for allows that. The bits of the result depend neither on `parts`
 * nor on the threads that run them.
 */
typedef struct VqrtContext {
    /* Calls task(frame, i, parts) once for each i < parts, on any threads and
     * in any order, and returns when all calls have returned; what they wrote
     * is then visible to the caller. NULL: parts must be 1. */
    void (*parallel_for)(void *pool, VqrtTask *task, const void *frame,
                         uint32_t parts);
    void *pool;
    uint32_t parts; /* how many ways each step is cut, 1 .. VQRT_MAXPARTS */
    /* 1: this CPU is known to have the level, from best_level or an earlier
     * run with it, and is not asked again. Asking takes a microsecond, in a
     * virtual machine some 30. A level that the CPU has not then stops the
     * program. Without effect on level -1. */
    uint32_t checked;
    /* Called after each step, on the calling thread, with the step's number,
     * 0, 1, .. nstep - 1, and over again where a batch is run a few images
     * at a time; NULL: nobody listens. */
    void (*mark)(void *user, uint32_t step);
    void *user;
} VqrtContext;

/* ---- steps ---- */

enum {
    VQRT_STEP_GEMM = 1,
    VQRT_STEP_ATTENTION = 2,
    VQRT_STEP_SOFTMAX = 3,
    VQRT_STEP_LAYERNORM = 4,
    VQRT_STEP_ELEMENTWISE = 5, /* add, requantize, table, shiftgelu, sum */
    VQRT_STEP_LAYOUT = 6,      /* copies */
    VQRT_STEP_EDGE = 7         /* f32 to integers and back */
};

/* What VqrtModel.step writes about a step: one op of the model that has code
 * to run. Steps are numbered in the order in which they run. */
typedef struct VqrtStep {
    const char *name; /* the node it came from */
    uint32_t kind;    /* VQRT_STEP_.. */
    uint32_t splits;  /* 1 when it is cut for threads */
    /* Of its product (rows x depth times depth x cols; attention: heads and
     * queries, keys, head size) or of its values (depth 0). The batch is part
     * of the rows. */
    int64_t rows, cols, depth;
    int64_t macs; /* multiply-adds of 8-bit numbers */
} VqrtStep;

/* What PREFIX_model(VqrtModel *) writes. It is written by code and not a
 * constant of the object, since a constant with pointers in it would be data
 * that the loader has to write to. */
typedef struct VqrtModel {
    uint32_t abi;  /* VQRT_ABI; always the first field */
    uint32_t size; /* sizeof(VqrtModel) when the model was compiled */
    const char *name;
    const char *compiler; /* "vitqc 0.1.0" */
    const VqrtTensor *in, *out;
    uint32_t nin, nout;
    uint64_t work_bytes, work_align;
    uint64_t const_bytes; /* weights and tables inside the object */
    /* CPU levels in this object, weakest first; level i is what run_level
     * takes. */
    const char *level[VQRT_MAXLEVEL];
    uint32_t nlevel;
    /* The best level this CPU can run. */
    int (*best_level)(void);
    /* in[i], out[i]: buffers as `in` and `out` describe them. work: scratch of
     * work_bytes, aligned, one per call in flight; it needs no initial value
     * and holds nothing afterwards. Reentrant; returns VQRT_OK or an error. */
    int (*run)(const void *const *in, void *const *out, void *work);
    int (*run_level)(int level, const void *const *in, void *const *out,
                     void *work);
    /* Work bytes for each part beyond the first: a run with P parts wants
     * work_bytes + (P - 1) * part_bytes. */
    uint64_t part_bytes;
    uint32_t nstep;
    /* Writes what step i < nstep is; nothing when there is no such step. */
    void (*step)(uint32_t i, VqrtStep *step);
    /* run_level with threads or marks; level -1 is the best one, a context of
     * NULL means one part and no marks. */
    int (*run_with)(int level, const void *const *in, void *const *out,
                    void *work, const VqrtContext *context);
} VqrtModel;

#ifdef __cplusplus
}
#endif
#endif
