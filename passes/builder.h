/*
 * builder.h -- short ways to emit real ops into a graph under construction.
 *
 * Each returns the new value. Types come from vq_emit_infer; a shape that does
 * not fit is a bug of the caller, and asserts. Moves that move nothing return
 * their input. An op on constants alone is evaluated on the spot.
 */
#ifndef VQ_BUILDER_H
#define VQ_BUILDER_H

#include "ir/ir.h"

/* Where new ops go and what they are called after. */
typedef struct Build {
    Graph *g;
    Diag *diag;
    const char *name;
    Loc loc;
} Build;

ValId vq_build(const Build *, OpKind, const ValId *in, uint32_t nin,
               const Attr *, uint32_t nattr, const Type *want);
/* One or two inputs, no attributes. */
ValId vq_build_op(const Build *, OpKind, ValId a, ValId b);
ValId vq_build_reshape(const Build *, ValId, Type shape);
ValId vq_build_transpose(const Build *, ValId, const int64_t *perm);
ValId vq_build_slice(const Build *, ValId, int axis, int64_t start,
                     int64_t step, int64_t n);

Attr vq_build_int(Graph *, AttrKey, int64_t);
Attr vq_build_ints(Graph *, AttrKey, const int64_t *, uint32_t n);
Attr vq_build_real(AttrKey, double);

/* All its inputs are constants, scaled per tensor if at all. */
bool vq_of_constants(const Graph *, const Op *);
/* Whether computing such an op at compile time is worth its bytes: its value is
 * not huge. */
bool vq_worth_folding(const Graph *, const Op *, const Type *out);
/* The value of an op whose inputs are constants, as a constant of g. Op and
 * its inputs are those of `from`. */
ValId vq_build_folded(const Build *, const Graph *from, const Op *, Type out);

#endif
