/* hash.h -- a fingerprint of a graph, equal on every machine. */
#ifndef VQ_HASH_H
#define VQ_HASH_H

#include "ir/ir.h"

/* Over ops, attributes, types, names and constants. Not cryptographic: it
 * tells models apart, it does not guard against forgery. */
uint64_t vq_graph_hash(const Graph *);

#endif
