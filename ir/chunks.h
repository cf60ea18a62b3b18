/*
 * chunks.h -- a batch run a few images at a time.
 */
#ifndef VQ_CHUNKS_H
#define VQ_CHUNKS_H

#include "ir/ir.h"

/*
 * The same ops on one of n equal pieces of every value along its first axis:
 * a copy in the arena that shares ops, names and data with g. A constant of
 * which each piece has its own must be the same in all of them. NULL when a
 * value cannot be cut so or an op mixes pieces; *mixes is then that op, or
 * NULL when none is to blame.
 */
Graph *vq_one_chunk(const Graph *g, int64_t n, Arena *, const Op **mixes);

#endif
