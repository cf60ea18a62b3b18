/*
 * parts.h -- ways to run the parts of a step, for tests.
 */
#ifndef VQ_TESTS_PARTS_H
#define VQ_TESTS_PARTS_H

#include "runtime/vqrt.h"

/* A parallel_for that runs the parts one by one, the last one first. */
void parts_reversed(void *unused, VqrtTask *, const void *frame,
                    uint32_t parts);

/* Memory that steps write to. */
typedef struct Written {
    unsigned char **at;
    const size_t *bytes;
    uint32_t n;
} Written;

/* A parallel_for that fails the test when two parts write the same byte of
 * what `written`, a Written, lists, which no step may read. Each part runs
 * twice. */
void parts_apart(void *written, VqrtTask *, const void *frame, uint32_t parts);

#endif
