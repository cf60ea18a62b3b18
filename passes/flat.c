/*
 * flat.c -- where a function changes (flat.h).
 */
#include "passes/flat.h"

#include "passes/tables.h"

#include <math.h>

typedef struct Curve {
    const Graph *g;
    const Op *op;
    double tol;
} Curve;

static double
value_at(const Curve *f, double x)
{
    return vq_byte_function(TF_EXACT, f->g, f->op, x);
}

/* From its least to its greatest value. */
static double
span_of(const Curve *f, Range x)
{
    enum { STEPS = 255 };
    double lo = INFINITY, hi = -INFINITY;

    for (int i = 0; i <= STEPS; i++) {
        double y = value_at(f, (double)x.lo +
                                   i * ((double)x.hi - (double)x.lo) / STEPS);

        lo = fmin(lo, y);
        hi = fmax(hi, y);
    }
    return hi - lo;
}

/* From an end of the range towards 0, as far as the function is flat. */
static float
skip_flat(const Curve *f, float end)
{
    enum { STEPS = 4096 };
    double first = value_at(f, (double)end), x = (double)end;

    for (int i = 1; i < STEPS; i++) {
        double next = (double)end * (STEPS - i) / STEPS;

        if (!(fabs(value_at(f, next) - first) <= f->tol))
            break;
        x = next;
    }
    return (float)x;
}

Range
vq_operand_range(const Graph *g, const Op *op, Range x)
{
    enum { PARTS = 4 * 255 };
    Curve f = {g, op, 0};

    f.tol = span_of(&f, x) / PARTS;
    return (Range){skip_flat(&f, x.lo), skip_flat(&f, x.hi)};
}
