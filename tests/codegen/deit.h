/* deit.h -- a graph of DeiT's shape with random weights, for speed and size. */
#ifndef VQ_TESTS_DEIT_H
#define VQ_TESTS_DEIT_H

#include "tests/codegen/check.h"

typedef struct DeitShape {
    int64_t image; /* edge in pixels, a multiple of 16 */
    int64_t tokens, wide, heads, hidden, blocks, classes;
    int pbits;
} DeitShape;

/* deit_mini is small enough for emulators; its depths are no multiples of a
 * k-group, so products read what lies after a row. */
extern const DeitShape deit_tiny, deit_base, deit_mini;

/* Image in (f32), logits out, planned. Returns the number of products. */
int64_t deit_build(Case *, const DeitShape *);

/* One op of a block, `repeat` times on inputs of its own. */
typedef enum DeitPart {
    PART_QKV,
    PART_PROJ,
    PART_FC1,
    PART_FC2,
    PART_ATTENTION,
    PART_SOFTMAX, /* the scores of all heads, outside of attention */
    PART_NORM,
    NPART
} DeitPart;
extern const char *const deit_part_name[NPART];
int64_t deit_part(Case *, const DeitShape *, DeitPart, int repeat);

#endif
