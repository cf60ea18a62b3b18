/*
 * lower_gate.c -- a function of 16-bit x as x times a gain of x's byte
 * (gate.h).
 */
#include "passes/gate.h"
#include "passes/lower.h"
#include "passes/rule.h"

#include <string.h>

/* The table's value for each x. */
static ValId
emit_gain(Rewrite *r, const Op *op, ValId x, const Gate *gate)
{
    Type t = *vq_type(r->to, x);
    double m = (double)t.q.scale / (double)gate->x.scale;
    uint8_t *table = vq_alloc(r->to->arena, sizeof gate->table);
    ValId in[2];

    t.dt = DT_U8;
    t.q = gate->x;
    in[0] = vq_requantize(r, op, ".byte", x, &m, 1, t);
    memcpy(table, gate->table, sizeof gate->table);
    in[1] = vq_const(r->to, vq_subname(r, op, ".t"), TYPE(DT_U8, 256), table);
    t.q = gate->gain;
    return vq_emit(r->to, OP_I_LUT, vq_subname(r, op, ".gain"), t, in, 2,
                   op->loc)
        ->out;
}

/* Of v, or of what it was converted from. */
static const CalibEntry *
find_entry(const Rewrite *r, ValId v)
{
    const Calib *c = vq_context(r)->calib;
    const CalibEntry *e = vq_calib_find(c, r->from->val[v].name);
    const Op *op;

    while (!e && (op = vq_def_as(r->from, v, OP_CONVERT))) {
        v = op->in[0];
        e = vq_calib_find(c, r->from->val[v].name);
    }
    return e;
}

bool
vq_lower_gate(Rewrite *r, const Op *op)
{
    const CalibEntry *e = find_entry(r, op->in[0]);
    ValId in[2] = {vq_new(r, op->in[0])};
    Gate gate;

    if (!e || !vq_gate_of(r->from, op, e, &gate))
        return vq_bug(r->diag, op->loc, "%s is no gate", vq_op[op->kind].text);
    in[1] = emit_gain(r, op, in[0], &gate);
    vq_emit_product(r, op, in, vq_lowered_type(r, op));
    return true;
}
