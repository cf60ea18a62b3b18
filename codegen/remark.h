/*
 * remark.h -- what emitters say about the code they emit, for --opt-report.
 *
 * An emitter speaks where it branches: on the slow way it calls b_slow or
 * b_scalar beside the code that is slow, so that the report cannot differ from
 * the object. Remarks belong to the kernel being made, and so to a level and
 * to all ops that share the kernel; those of one op alone, known when it is
 * planned, belong to its plan. Loops without a vector are found in the code
 * itself; b_scalar only gives the reason.
 */
#ifndef VQ_REMARK_H
#define VQ_REMARK_H

#include "codegen/build.h"

typedef struct Remark {
    bool slow; /* else a choice that was made */
    const char *text;
} Remark;

/* Why the loop that a block is in handles one element at a time. */
typedef struct ScalarLoop {
    LLVMBasicBlockRef block;
    const char *what, *why;
} ScalarLoop;

typedef struct Remarks {
    Arena *arena;
    Remark *item;
    size_t n, cap;
    ScalarLoop *loop;
    size_t nloop, caploop;
} Remarks;

/* A text that is there already is not added again. */
void vq_remark(Remarks *, bool slow, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* The same, of the kernel being made. */
void b_choice(Build *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void b_slow(Build *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* Inside a loop: what it does, and why not with vectors. */
void b_scalar(Build *, const char *what, const char *why);

/* scalar_loops.c: a remark for each innermost loop of the Build's function
 * that uses no vector; the function is complete. */
void vq_find_scalar_loops(Build *);

#endif
