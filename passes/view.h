/*
 * view.h -- where the elements of a moved value come from.
 *
 * A View says for each index of a value which element of a `base` value lies
 * there, when only reshapes, transposes and slices stand between: base element
 * offset + sum of digit * stride. An axis is a short list of digits, outermost
 * first, as the figures of a number in mixed radix; so a reshape that joins
 * axes whose strides do not fit together is no obstacle, and one that splits
 * them again gets the old digits back. Digits of one value are left out.
 */
#ifndef VQ_VIEW_H
#define VQ_VIEW_H

#include "passes/grid.h"

typedef struct Digit {
    int64_t dim, stride; /* dim >= 2; stride in elements of the base */
} Digit;

enum { MAXDIGIT = 24, MAXGRID = 4 };

typedef struct View {
    ValId base;
    int64_t offset;
    ValId norm;   /* a layernorm of its last axis on the way; 0: none */
    double scale; /* product of the scalar factors passed on the way */
    int ngrid;
    Grid grid[MAXGRID]; /* of the base, first to last: what rounded it */
    int rank;
    int first[MAXRANK + 1]; /* axis i is digits first[i] .. first[i+1]-1 */
    Digit digit[MAXDIGIT];
} View;

void vq_view_whole(View *, const Graph *, ValId);
/* Makes a view of op's input one of its value; false (and unchanged) if op is
 * no move or the digits do not fit. */
bool vq_view_move(View *, const Graph *, const Op *);
/* Goes up from v as far as moves, products with a scalar constant and
 * fakequants reach. */
void vq_view_trace(View *, const Graph *, ValId v);
/* The same, past one layernorm too, if rows are parts of the base's. */
void vq_view_trace_norm(View *, const Graph *, ValId v);

/* Splits every digit so that it stays within a run of w base elements or goes
 * in steps of w; false if one does neither. */
bool vq_view_split(View *, int64_t w);

/* Joins neighbours that count on as one; returns how many digits remain. */
int vq_digits_join(Digit *, int n);

/* The moves that give x's elements, row-major, in the order of the digits, as
 * at most reshape, transpose, reshape. `cost` of that, or -1 when the digits
 * do not cover x exactly once or are more than MAXRANK. */
int vq_digits_cost(const Type *x, const Digit *, int n, const Type *to);
ValId vq_digits_build(const Build *, ValId x, const Digit *, int n, Type to);

#endif
