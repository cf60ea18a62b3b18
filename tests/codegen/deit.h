/* deit.h -- a graph of DeiT's shape with random weights, for speed and size. */
#ifndef VQ_TESTS_DEIT_H
#define VQ_TESTS_DEIT_H

#include "tests/codegen/check.h"

typedef struct DeitShape {
    int64_t tokens, wide, heads, hidden, blocks, classes;
    int pbits;
} DeitShape;

extern const DeitShape deit_tiny, deit_base;

/* Image in (f32 3 x 224 x 224), logits out; slots are reused as a planner
 * would. Returns the number of multiplications. */
int64_t deit_build(Case *, const DeitShape *);

/* One op of a block, `repeat` times on inputs of its own. */
typedef enum DeitPart {
    PART_QKV,
    PART_PROJ,
    PART_FC1,
    PART_FC2,
    PART_ATTENTION,
    PART_NORM,
    NPART
} DeitPart;
extern const char *const deit_part_name[NPART];
int64_t deit_part(Case *, const DeitShape *, DeitPart, int repeat);

#endif
