/*
 * gate.c -- functions that are x times a gain (gate.h).
 */
#include "passes/gate.h"

#include "passes/tables.h"

#include <math.h>

typedef struct Gain {
    const Graph *g;
    const Op *op;
    double near; /* so close to 0 that f is its slope */
} Gain;

static double
function_at(const Gain *f, double x)
{
    return vq_byte_function(TF_EXACT, f->g, f->op, x);
}

static double
gain_at(const Gain *f, double x)
{
    double h = f->near;

    return fabs(x) > h ? function_at(f, x) / x
                       : (function_at(f, h) - function_at(f, -h)) / (2 * h);
}

/* From `end` towards 0, as far as the gain is within tol of what it is
 * there. */
static double
skip_flat(const Gain *f, double end, double tol)
{
    enum { STEPS = 4096 };
    double first = gain_at(f, end), x = end;

    for (int i = 1; i < STEPS; i++) {
        double next = end * (STEPS - i) / STEPS;

        if (!(fabs(gain_at(f, next) - first) <= tol))
            break;
        x = next;
    }
    return x;
}

static Range
gains_of(const Gain *f, const Quant *x)
{
    Range r = {0, 0};

    for (int i = 0; i < 256; i++) {
        float y =
            (float)gain_at(f, (double)vq_dequantize(i, x->scale, x->zero));

        r.lo = fminf(r.lo, y);
        r.hi = y <= r.hi ? r.hi : y; /* NaN comes through */
    }
    return r;
}

bool
vq_gate_of(const Graph *g, const Op *op, const CalibEntry *e, Gate *gate)
{
    Range x = vq_calib_extremes(e), gain;
    float most = fmaxf(-x.lo, x.hi);
    Gain f = {g, op, 1e-4 * (double)most};

    if (!(most > 0) || function_at(&f, 0) != 0)
        return false;
    gate->x = vq_quant_range(x.lo, x.hi, DT_U8, false);
    gain = gains_of(&f, &gate->x);
    if (!isfinite(gain.lo) || !isfinite(gain.hi) || gain.hi == gain.lo)
        return false;
    x.lo = (float)skip_flat(&f, (double)x.lo, (gain.hi - gain.lo) / 512);
    x.hi = (float)skip_flat(&f, (double)x.hi, (gain.hi - gain.lo) / 512);
    gate->x = vq_quant_range(x.lo, x.hi, DT_U8, false);
    gate->gain = vq_quant_range(gain.lo, gain.hi, DT_U8, false);
    for (int i = 0; i < 256; i++) {
        double at = (double)vq_dequantize(i, gate->x.scale, gate->x.zero);

        gate->table[i] = (uint8_t)vq_quantize(
            (float)gain_at(&f, at), gate->gain.scale, gate->gain.zero, DT_U8);
    }
    return true;
}

double
vq_gate_at(const Gate *gate, double x)
{
    int32_t i = vq_quantize((float)x, gate->x.scale, gate->x.zero, DT_U8);

    return x * (double)vq_dequantize(gate->table[i], gate->gain.scale,
                                     gate->gain.zero);
}
