/*
 * gate.c -- functions that are x times a gain (gate.h).
 */
#include "passes/gate.h"

#include "passes/flat.h"
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
gain_at(const void *user, double x)
{
    const Gain *f = user;
    double h = f->near;

    return fabs(x) > h ? function_at(f, x) / x
                       : (function_at(f, h) - function_at(f, -h)) / (2 * h);
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

/* Of code i; the codes at the ends stand for all that saturates. */
static double
operand_of(const Quant *q, int i, Range all)
{
    return (double)(i == 0     ? all.lo
                    : i == 255 ? all.hi
                               : vq_dequantize(i, q->scale, q->zero));
}

bool
vq_gate_of(const Graph *g, const Op *op, const CalibEntry *e, Gate *gate)
{
    enum { PARTS = 2 * 255 }; /* half a step of the table */
    Range all = vq_calib_extremes(e), x = all, gain;
    float most = fmaxf(-x.lo, x.hi);
    Gain f = {g, op, 1e-4 * (double)most};

    if (!(most > 0) || function_at(&f, 0) != 0)
        return false;
    gate->x = vq_quant_range(x.lo, x.hi, DT_U8, false);
    gain = gains_of(&f, &gate->x);
    if (!isfinite(gain.lo) || !isfinite(gain.hi) || gain.hi == gain.lo)
        return false;
    x = vq_without_flat(&(Curve){gain_at, &f}, x,
                        ((double)gain.hi - (double)gain.lo) / PARTS);
    gate->x = vq_quant_range(x.lo, x.hi, DT_U8, false);
    gate->gain = vq_quant_range(gain.lo, gain.hi, DT_U8, false);
    for (int i = 0; i < 256; i++)
        gate->table[i] = (uint8_t)vq_quantize(
            (float)gain_at(&f, operand_of(&gate->x, i, all)), gate->gain.scale,
            gate->gain.zero, DT_U8);
    return true;
}

double
vq_gate_at(const Gate *gate, double x)
{
    int32_t i = vq_quantize((float)x, gate->x.scale, gate->x.zero, DT_U8);

    return x * (double)vq_dequantize(gate->table[i], gate->gain.scale,
                                     gate->gain.zero);
}
