/*
 * problems.h -- what stands in a model's way, equal things together: one
 * entry for all nodes of an operator that have the same to say.
 */
#ifndef VQ_PROBLEMS_H
#define VQ_PROBLEMS_H

#include "ir/base.h"

enum { PROBLEM_NODES = 3 };

typedef struct Problem {
    const char *op;   /* "com.microsoft.Attention"; "": not of a node */
    const char *text; /* of the first: what is wrong and what would help */
    const char *node[PROBLEM_NODES];
    size_t count; /* of nodes; 0: not of a node */
} Problem;

typedef struct Problems {
    Arena *arena;
    Problem *list;
    size_t n, cap;
    size_t count; /* messages */
} Problems;

/* Texts are the same when they differ in names and numbers alone. */
void vq_problem_add(Problems *, const char *domain, const char *op,
                    const char *node, const char *text);

#endif
