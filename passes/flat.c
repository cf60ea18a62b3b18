/*
 * flat.c -- where a function changes (flat.h).
 */
#include "passes/flat.h"

#include "passes/tables.h"

#include <math.h>

enum { STEPS = 4096 };

static double
skip(const Curve *f, double end, double tol)
{
    double first = f->at(f->user, end), x = end;

    for (int i = 1; i < STEPS; i++) {
        double next = end * (STEPS - i) / STEPS;

        if (!(fabs(f->at(f->user, next) - first) <= tol))
            break;
        x = next;
    }
    return x;
}

Range
vq_without_flat(const Curve *f, Range x, double tol)
{
    return (Range){(float)skip(f, (double)x.lo, tol),
                   (float)skip(f, (double)x.hi, tol)};
}

typedef struct Function {
    const Graph *g;
    const Op *op;
} Function;

static double
function_at(const void *user, double x)
{
    const Function *f = user;

    return vq_byte_function(TF_EXACT, f->g, f->op, x);
}

/* From its least to its greatest value. */
static double
span_of(const Curve *f, Range x)
{
    double lo = INFINITY, hi = -INFINITY;

    for (int i = 0; i < 256; i++) {
        double y = f->at(f->user, (double)x.lo +
                                      i * ((double)x.hi - (double)x.lo) / 255);

        lo = fmin(lo, y);
        hi = fmax(hi, y);
    }
    return hi - lo;
}

Range
vq_operand_range(const Graph *g, const Op *op, Range x)
{
    enum { PARTS = 4 * 255 };
    Function function = {g, op};
    Curve f = {function_at, &function};

    return vq_without_flat(&f, x, span_of(&f, x) / PARTS);
}
