/*
 * storage.h -- the ways a real value can be stored, and what ops ask for.
 *
 * Quantization decides one Storage per value: what its readers want, among
 * what its maker can produce. A new scheme (4-bit weights, log-scaled
 * probabilities) is a new row here and a function for its scales.
 */
#ifndef VQ_STORAGE_H
#define VQ_STORAGE_H

#include "passes/calib.h"
#include "passes/pass.h"

/* Scores of softmax: one step is 2^(1/64), so exp is a table and a shift. */
#define VQ_SCORE_UNIT ((float)(0.69314718055994531 / 64))

typedef enum Storage {
    ST_F32,   /* not quantized: the graph's edges */
    ST_ACC,   /* s32 accumulators of a linear layer, per channel */
    ST_S16,   /* the residual stream: symmetric, power-of-two related scales */
    ST_SCORE, /* s16 in units of ln 2 / 64, for base-2 softmax */
    ST_U8,    /* asymmetric, per tensor: inputs of linear layers, tables */
    ST_S8,    /* symmetric, per tensor: I-ViT's nonlinear inputs */
    ST_Q,     /* u8 with zero point 128, a scale per head: queries */
    ST_K,     /* s8, a scale per head: keys */
    ST_V,     /* s8, a scale per channel: values */
    ST_PROB,  /* u16 or u8 from 0 to 1: what softmax makes */
    NSTORAGE,
    ST_SAME = NSTORAGE, /* moves: whatever the other side is */
} Storage;

#define ST_BIT(s) (1u << (s))

typedef struct StorageUse {
    unsigned makes;   /* set of ST_BIT: what the op can produce */
    Storage wants[3]; /* of its computed inputs */
} StorageUse;

/* By op; one with makes == 0 has no integer form (see keep.h). */
extern const StorageUse vq_storage_use[NOP];

/* What op wants of input i: the table, with the context's choices applied. */
Storage vq_storage_wanted(const PassContext *, const Op *, uint32_t i);

/* The best of `can` for the demands in `want` (sets of ST_BIT). */
Storage vq_storage_pick(unsigned can, unsigned want);

/* Bits of a probability: 15 in I-ViT's Shiftmax, else 8 or 16. */
int vq_pbits(const PassContext *);

/* Per-tensor, per-head or per-channel type of a value from its calibrated
 * ranges. Scales in constants are added to g. Not for ST_S16 (see scales.h)
 * and ST_ACC. */
Type vq_storage_type(Graph *g, const PassContext *, Storage, Type shape,
                     const CalibEntry *, int64_t heads);

#endif
