/*
 * rule.h -- local rewriting: tables of rules, applied until none fires.
 *
 * A rule looks at one op of the graph as it is (Match.g) and at the ops that
 * lead to it. It returns 0 when it has nothing to say; else it has emitted
 * what stands for the op into the new graph and returns that value.
 *
 * What every rule owes:
 * 1. The value it returns has the shape of the op's value, and equals it but
 *    for rounding.
 * 2. It recognises structure: never names, never places in the graph.
 * 3. It makes the graph smaller or cheaper, or moves an op in the one
 *    direction that its table states, so that the rounds end.
 * 4. Values it uses in what it emits are fetched by vq_fetch.
 * 5. It does not make work twice: a value that others use too is not
 *    absorbed (vq_only_use), except moves, which cost nothing to repeat.
 *
 * Within a round all rules see the same old graph, in execution order; the
 * first that fires for an op wins. After a round unused ops are dropped.
 */
#ifndef VQ_RULE_H
#define VQ_RULE_H

#include "passes/builder.h"

typedef struct Match {
    const Graph *g;
    const uint32_t *uses; /* of each value of g */
    Rewrite *rw;
    unsigned fired;
} Match;

typedef ValId RuleFn(Match *, const Op *);

typedef struct Rule {
    OpKind op; /* NOP: any */
    RuleFn *fn;
} Rule;

bool vq_apply_rules(Graph *, Diag *, const Rule *, size_t n);

/* For emitting in the place of an op. */
Build vq_build_at(const Match *, const Op *);
/* The new graph's id of a value of the old one. */
ValId vq_fetch(const Match *, ValId);
bool vq_only_use(const Match *, ValId);

/* ---- looking ---- */

/* From f32 to f32. Rules are asked about such ops alone: in a graph that is
 * quantized a value's type is part of what it computes. */
bool vq_is_plain(const Graph *, const Op *);

/* The op that makes v, if it is of this kind. */
const Op *vq_def_as(const Graph *, ValId v, OpKind);
/* A constant f32 with one element. */
bool vq_scalar(const Graph *, ValId, double *x);
/* Within a thousandth of c. */
bool vq_near(double x, double c);
/* A binary op of one constant and one other operand. */
bool vq_with_const(const Graph *, const Op *, ValId *x, ValId *c);
/* Elements of a constant f32. */
const float *vq_floats(const Graph *, ValId);
/* Whether constant c, broadcast to t, varies along the last axis only. */
bool vq_is_cols(const Graph *, ValId c, const Type *t);

#endif
