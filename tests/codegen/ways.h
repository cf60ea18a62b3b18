/*
 * ways.h -- runs a model on inputs whose results are known, in many parts, and
 * holds every byte of it to them. Also built for other machines (runner.c), so
 * it needs no more than the C library.
 */
#ifndef VQ_TESTS_WAYS_H
#define VQ_TESTS_WAYS_H

#include "runtime/vqrt_pool.h"

#include <stdbool.h>

enum {
    GUARD = 64,       /* bytes around a result, which nobody may write */
    MAXVALUES = 1024, /* inputs or outputs */
};

typedef struct Wanted {
    char name[32];
    uint32_t size; /* of an element */
    int64_t count, cols;
    uint64_t bytes;
    void *want;
    unsigned char *got; /* GUARD bytes before and after are ours */
} Wanted;

typedef struct Run {
    const void **in;
    Wanted *out;
    unsigned char *work; /* for VQRT_MAXPARTS parts and GUARD bytes more */
    VqrtPool *pool;
    int fill;
    bool all;   /* in all ways, not one */
    bool apart; /* no step reads an output */
} Run;

/* How many bytes `work` has. */
size_t run_work_bytes(const VqrtModel *, uint32_t parts);
/* Fails the test at the first byte that differs; the number of ways in which
 * the level ran, 0 when this CPU has it not. */
unsigned run_ways(const VqrtModel *, Run *, int level);

#endif
