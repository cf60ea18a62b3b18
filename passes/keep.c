/*
 * keep.c -- which ops are kept in float (keep.h has the rules).
 */
#include "passes/keep.h"

#include "ir/quant.h"
#include "ir/span.h"
#include "passes/calib.h"
#include "passes/flat.h"
#include "passes/gate.h"
#include "passes/given.h"
#include "passes/report.h"
#include "passes/storage.h"
#include "passes/tables.h"

#include <math.h>
#include <string.h>

#define LEAST_SQNR 25 /* dB */

/* ---- what has an integer form ---- */

static const char *const reason[NOP] = {
    [OP_DIV] = "it divides by a computed value",
    [OP_POW] = "its exponent or more than one operand is computed",
    [OP_MAX] = "it compares two values",
    [OP_MIN] = "it compares two values",
    [OP_MATMUL] = "it multiplies two values and is not part of attention",
    [OP_REDUCE_MAX] = "it takes the greatest or the least along an axis",
    [OP_CONV] = "it is no patch embedding",
};

/* An s16 sum of so many stays within 32 bits. */
enum { MAXSUM = 1 << 14 };

/* Columns of the first operand, of a head if it has such. */
static const struct {
    int64_t most;
    const char *why;
} longest[NOP] = {
    [OP_SOFTMAX] = {VQ_MAXSCORES, "its rows have more than 2^15 scores"},
    [OP_MATMUL] = {VQ_MAXDEPTH, "its sums would not fit 32 bits"},
    [OP_LAYERNORM] = {VQ_LONGROW, "its rows have more than 2^20 columns"},
};

static const char *
no_sum(const Graph *g, const Op *op)
{
    const Attr *axes = vq_attr(op, A_AXES);

    if (axes->n != 1)
        return "its axes are not neighbours";
    if (vq_type(g, op->in[0])->dim[axes->i[0]] > MAXSUM)
        return "its sums would not fit 32 bits";
    return NULL;
}

const char *
vq_no_integer_form(const Graph *g, const Op *op)
{
    if (!vq_storage_use[op->kind].makes)
        return reason[op->kind] ? reason[op->kind]
                                : "it stands outside of what fusion knows";
    if (op->kind == OP_SOFTMAX &&
        vq_get_i(op, A_AXIS, 0) != vq_type(g, op->out)->rank - 1)
        return "it is not along the last axis";
    if (op->kind == OP_REDUCE_MEAN || op->kind == OP_REDUCE_SUM)
        return no_sum(g, op);
    if (longest[op->kind].most &&
        vq_cols(vq_type(g, op->in[0])) / vq_get_i(op, A_HEADS, 1) >
            longest[op->kind].most)
        return longest[op->kind].why;
    return NULL;
}

/* ---- functions of which bytes are too coarse ---- */

/* y of the first image's operand, as a form makes it. */
typedef double FormAt(const void *form, const Graph *, const Op *, double x);

static double
byte_at(const void *form, const Graph *g, const Op *op, double x)
{
    const Quant *q = form;
    int32_t code = vq_quantize((float)x, q->scale, q->zero, DT_U8);

    return vq_byte_function(TF_EXACT, g, op,
                            (double)vq_dequantize(code, q->scale, q->zero));
}

static double
gate_at(const void *form, const Graph *g, const Op *op, double x)
{
    (void)g, (void)op;
    return vq_gate_at(form, x);
}

/* dB above its error. */
static double
measure(const Graph *g, const Op *op, const float *probe, FormAt *form_at,
        const void *form)
{
    int64_t n = vq_count(vq_type(g, op->in[0]));
    double signal = 0, noise = 0;

    for (int64_t i = 0; i < n; i++) {
        double x = (double)probe[i];
        double want = vq_byte_function(TF_EXACT, g, op, x);
        double error = want - form_at(form, g, op, x);

        signal += want * want;
        noise += error * error;
    }
    return vq_decibel(signal, noise);
}

static double
measure_byte(const Graph *g, const Op *op, const CalibEntry *e)
{
    Range x = vq_operand_range(g, op, e->range);
    Quant q = vq_quant_range(x.lo, x.hi, DT_U8, false);

    return measure(g, op, e->probe, byte_at, &q);
}

static double
measure_gate(const Graph *g, const Op *op, const CalibEntry *e)
{
    Gate gate;

    return vq_gate_of(g, op, e, &gate)
               ? measure(g, op, e->probe, gate_at, &gate)
               : 0;
}

/* Measured once for each calibration; where it cannot be, good enough. */
static double
noted_sqnr(const Graph *g, const PassContext *cx, const Op *op,
           const char *form,
           double (*of)(const Graph *, const Op *, const CalibEntry *))
{
    const CalibEntry *e = vq_calib_find(cx->calib, g->val[op->in[0]].name);
    const char *name = vq_format(g->arena, "%s.%s", g->val[op->out].name, form);
    double db;

    if (vq_calib_noted(cx->calib, name, &db))
        return db;
    if (!e || !e->probe)
        return INFINITY;
    db = of(g, op, e);
    vq_calib_note(cx->calib, name, db);
    return db;
}

static bool
is_coarse(const Graph *g, const PassContext *cx, const Op *op, double *db)
{
    double given;

    if (op->kind != OP_FUNCTION || cx->nonlinear != NL_AUTO ||
        vq_calib_noted(cx->calib, VQ_NOTE_GIVEN, &given))
        return false;
    *db = noted_sqnr(g, cx, op, "byte", measure_byte);
    return *db < LEAST_SQNR;
}

bool
vq_is_gated(const Graph *g, const PassContext *cx, const Op *op)
{
    double db;

    return is_coarse(g, cx, op, &db) &&
           noted_sqnr(g, cx, op, "gate", measure_gate) >= LEAST_SQNR;
}

static const char *
find_coarse(const Graph *g, const PassContext *cx, const Op *op)
{
    double db;

    if (!is_coarse(g, cx, op, &db) || vq_is_gated(g, cx, op))
        return NULL;
    return vq_format(g->arena, "a byte of its operand would leave %.1f dB", db);
}

/* ---- neighbours ---- */

/* By value: what makes it, and all that read it, are kept; moves aside. */
typedef struct Sides {
    bool *made, *read;
} Sides;

static bool
is_move(const Op *op)
{
    return vq_op[op->kind].stage == STAGE_M;
}

/* A constant has no maker; a graph's input is no island's. */
static bool
all_made(const Graph *g, const Sides *s, const Op *op)
{
    bool any = false;

    for (uint32_t i = 0; i < op->nin; i++) {
        if (!op->in[i] || vq_is_const(g, op->in[i]))
            continue;
        if (!s->made[op->in[i]])
            return false;
        any = true;
    }
    return any;
}

static void
find_sides(const Graph *g, const char *const *why, Sides *s)
{
    for (ValId v = 0; v < g->nval; v++) {
        s->made[v] = false;
        s->read[v] = true;
    }
    for (uint32_t i = 1; i < g->nop; i++)
        s->made[g->op[i].out] =
            why[i] || (is_move(&g->op[i]) && all_made(g, s, &g->op[i]));
    for (uint32_t i = 0; i < g->nout; i++)
        s->read[g->out[i]] = false;
    for (uint32_t i = g->nop - 1; i > 0; i--) {
        const Op *op = &g->op[i];

        for (uint32_t j = 0; j < op->nin; j++)
            if (!why[i] && !(is_move(op) && s->read[op->out]))
                s->read[op->in[j]] = false;
    }
}

static bool
can_join(const PassContext *cx, const Op *op)
{
    double given;

    return vq_has_float_form(op) && !is_move(op) &&
           !vq_calib_noted(cx->calib, VQ_NOTE_GIVEN, &given);
}

/* Each round lets more join; there are no more rounds than ops. */
static void
add_neighbours(const Graph *g, const PassContext *cx, const char **why)
{
    Sides s = {NEWN(g->arena, bool, g->nval), NEWN(g->arena, bool, g->nval)};
    bool changed = true;

    while (changed) {
        changed = false;
        find_sides(g, why, &s);
        for (uint32_t i = 1; i < g->nop; i++) {
            const Op *op = &g->op[i];

            if (why[i] || !can_join(cx, op) || !all_made(g, &s, op) ||
                !s.read[op->out])
                continue;
            why[i] = "it stands between ops that are kept in float";
            changed = true;
        }
    }
}

/* ---- all of them ---- */

bool
vq_check_norm(const Graph *g, Diag *d, const Op *op)
{
    return (vq_is_const(g, op->in[1]) && vq_is_const(g, op->in[2])) ||
           vq_error(d, op->loc, "layernorm's gamma and beta must be constants");
}

bool
vq_check_form(const Graph *g, Diag *d, const Op *op, bool require_integer)
{
    const char *text = vq_op[op->kind].text, *why = vq_no_integer_form(g, op);

    if (op->kind == OP_LAYERNORM && !vq_check_norm(g, d, op))
        return false;
    if (!why)
        return true;
    if (!vq_has_float_form(op))
        return vq_error(d, op->loc,
                        "%s has no integer form here (%s) and no float form; "
                        "it is supported only where it is part of a "
                        "layernorm, gelu, attention, linear layer or patch "
                        "embedding",
                        text, why);
    if (require_integer)
        return vq_error(d, op->loc,
                        "%s has no integer form here (%s); without "
                        "--require-integer it is kept in float",
                        text, why);
    return true;
}

/* "div of blocks.0..11.attn", for the warning. */
static const char *
list_kept(const Graph *g, const char *const *why, unsigned *n)
{
    enum { MOST = 4 };
    const char *text = "", *key[MOST];
    unsigned groups = 0;

    for (uint32_t i = 1; i < g->nop; i++) {
        const Op *op = &g->op[i];
        const char *name = op->loc.node ? op->loc.node : g->val[op->out].name;
        const char *k = vq_span_key(g->arena, name);
        bool seen = groups > MOST;

        if (!why[i])
            continue;
        ++*n;
        for (unsigned j = 0; !seen && j < groups; j++)
            seen = strcmp(key[j], k) == 0;
        if (seen)
            continue;
        if (groups < MOST)
            text = vq_format(g->arena, "%s%s%s '%s'", text, groups ? ", " : "",
                             vq_op[op->kind].text, name);
        else
            text = vq_format(g->arena, "%s, ..", text);
        if (groups < MOST)
            key[groups] = k;
        groups++;
    }
    return text;
}

static void
say_kept(const Graph *g, const PassContext *cx, const char *const *why)
{
    unsigned n = 0;
    const char *text = list_kept(g, why, &n);

    for (uint32_t i = 1; i < g->nop; i++)
        if (why[i])
            vq_report_float(cx->report,
                            (FloatNote){.value = g->val[g->op[i].out].name,
                                        .op = vq_op[g->op[i].kind].text,
                                        .loc = g->op[i].loc,
                                        .why = why[i]});
    if (n)
        vq_warn(cx->diag, NOLOC,
                "%u op%s kept in float: %s; --require-integer refuses %s", n,
                n > 1 ? "s are" : " is", text, n > 1 ? "them" : "it");
}

const char **
vq_find_kept(const Graph *g, const PassContext *cx)
{
    const char **why = NEWN(g->arena, const char *, g->nop);
    bool ok = true;

    for (uint32_t i = 1; i < g->nop; i++) {
        const Op *op = &g->op[i];

        why[i] = vq_no_integer_form(g, op);
        ok = vq_check_form(g, cx->diag, op, cx->require_integer) && ok;
        if (!why[i] && !cx->require_integer)
            why[i] = find_coarse(g, cx, op);
    }
    if (!ok)
        return NULL;
    if (!cx->require_integer)
        add_neighbours(g, cx, why);
    say_kept(g, cx, why);
    return why;
}
