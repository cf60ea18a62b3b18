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

#define VQRT_ABI 1u

/* What a run returns. */
enum {
    VQRT_OK = 0,
    VQRT_ENULL = 1,  /* a pointer is null */
    VQRT_EALIGN = 2, /* work is not aligned to work_align */
    VQRT_ELEVEL = 3  /* the level is not in this object or not on this CPU */
};

enum {
    VQRT_F32 = 1,
    VQRT_MAXNAME = 64, /* bytes of a tensor's name, the final zero included */
    VQRT_MAXLEVEL = 8
};

typedef struct VqrtTensor {
    char name[VQRT_MAXNAME]; /* cut when it is longer */
    uint32_t type;           /* VQRT_F32 */
    uint32_t rank;
    int64_t dim[8]; /* row-major, dense */
} VqrtTensor;

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
} VqrtModel;

#ifdef __cplusplus
}
#endif
#endif
