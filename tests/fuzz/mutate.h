/*
 * mutate.h -- small random changes to an ONNX model.
 *
 * Works on the unpacked message, so that what comes out is a model still, and
 * most changes reach past the parser. New parts live in the arena; the
 * message must have been unpacked with an allocator that frees nothing.
 */
#ifndef VQ_TESTS_FUZZ_MUTATE_H
#define VQ_TESTS_FUZZ_MUTATE_H

#include "ir/base.h"
#include "onnx.pb-c.h"

typedef struct Mutate {
    Arena *arena;
    Onnx__ModelProto *model;
    const Onnx__ModelProto *other; /* parts may come from it; may be NULL */
    uint64_t seed;
} Mutate;

/* The bytes as a message in the arena; NULL: they are not one. */
Onnx__ModelProto *mutate_unpack(Arena *, const uint8_t *, size_t n);
/* Packs it; 0 when it needs more room. */
size_t mutate_pack(const Onnx__ModelProto *, uint8_t *to, size_t room);
/* One change. */
void mutate_model(Mutate *);

/* ---- mutate_field.c ---- */

uint32_t mutate_pick(Mutate *, size_t n); /* 0 .. n-1; 0 for n = 0 */
/* An integer that bounds checks may not expect, or a small one. */
int64_t mutate_int(Mutate *);
double mutate_real(Mutate *);
/* A field anywhere below the message. */
void mutate_field(Mutate *, ProtobufCMessage *);
/* Makes room for item `at` in a list of n pointers or numbers. */
void *mutate_insert(Mutate *, void *list, size_t *n, size_t size, size_t at);

/* ---- mutate_forms.c ---- */

/* Puts operators that fit each other behind a value, from place `at` of the
 * graph on: what stands for the value from there on; NULL: nothing does. */
char *mutate_forms(Mutate *, size_t at, char *from);

#endif
