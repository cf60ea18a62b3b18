/*
 * mutations.h -- ways to spoil a model: its structure, by protobuf, and its
 * bytes. What a seed does is the same on every machine.
 */
#ifndef MUTATIONS_H
#define MUTATIONS_H

#include "onnx.pb-c.h"

#include <stddef.h>
#include <stdint.h>

typedef struct Rng {
    uint64_t state;
} Rng;

/* 0 .. n-1; 0 for n = 0. */
size_t rng_below(Rng *, size_t n);

typedef struct Bytes {
    uint8_t *p; /* from malloc */
    size_t n;
} Bytes;

/* What was done, for the reader of a failure. */
typedef struct Done {
    const char *what[8];
    int n;
} Done;

/* One change of a message's structure; some find nothing to change. Memory
 * that a change makes is kept until the process ends. */
void mutate_model(Onnx__ModelProto *, Rng *, Done *);
/* One change of the bytes. */
void mutate_bytes(Bytes *, Rng *, Done *);

#endif
