/*
 * fuzz.h -- what the fuzz targets share.
 *
 * A target is a file with one function fuzz_target, which feeds bytes to one
 * part of the product. With libFuzzer harness.c calls it for each input the
 * fuzzer makes up; in the replay tests replay.c calls it for each file it is
 * given. Whatever aborts, leaks or trips a sanitizer is a finding; so is a
 * false without a message, a message that owns up to a bug of ours, and a
 * broken promise that fuzz_check states.
 */
#ifndef VQ_TESTS_FUZZ_H
#define VQ_TESTS_FUZZ_H

#include "ir/ir.h"

/* What one input may use; all of it is gone after fuzz_target returns, also
 * when memory runs out. */
typedef struct Fuzz {
    Memory memory; /* the limit that --max-memory has when it is not given */
    Arena arena, tmp;
    Diag diag;
    jmp_buf jump;
    /* Passes may report that they do not fit together: they were given a graph
     * that no pass before them makes. */
    bool handmade;
} Fuzz;

/* Each target's own. */
void fuzz_target(Fuzz *, const uint8_t *data, size_t n);

/* One input, from clean memory to clean memory. */
void fuzz_one(const uint8_t *data, size_t n);

/* The bytes as a file of that name in this process's own folder: its path. */
const char *fuzz_file(Fuzz *, const char *name, const void *data, size_t n);

/* Aborts, saying which promise was broken, when it was. */
void fuzz_check(bool kept, const char *promise);
/* A result that is missing was reported, once or more, as the input's fault. */
void fuzz_check_said(const Fuzz *, bool result);

/* ---- graphs.c ---- */

/* The graph is small enough to evaluate within milliseconds. */
bool fuzz_is_small(const Graph *);
/* Evaluates it on seeded inputs; the outputs' bytes, in f->arena. */
void **fuzz_evaluate(Fuzz *, const Graph *);
/* The graph's text, in f->arena; large constants go into *blob, which may be
 * NULL when they need not come back. */
char *fuzz_print(Fuzz *, const Graph *, size_t *n, char **blob,
                 size_t *bloblen);
/* All passes from where the graph stands to the last, calibrated by random
 * inputs; the options come from the seed. false: refused with a message. */
bool fuzz_compile(Fuzz *, Graph *, uint64_t seed);

/* A number that depends on all the bytes. */
uint64_t fuzz_hash(const uint8_t *, size_t n);

#endif
