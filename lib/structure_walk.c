/*
 * structure_walk.c -- from an op to the next one that means something to
 * people: past moves, constants that are added or multiplied, and functions.
 */
#include "lib/structure.h"

#include "ir/function.h"

#include <math.h>
#include <string.h>

Walk
vq_walk_new(const Graph *g, Arena *a)
{
    Walk w = {.g = g, .arena = a, .seen = NEWN(a, bool, g->nop)};
    uint32_t *count = NEWN(a, uint32_t, g->nval + 1), n = 0;

    w.users.first = NEWN(a, uint32_t, g->nval + 1);
    for (uint32_t i = 1; i < g->nop; i++)
        for (uint32_t k = 0; k < g->op[i].nin; k++, n++)
            count[g->op[i].in[k]]++;
    w.users.op = NEWN(a, uint32_t, n + 1);
    for (ValId v = 0; v < g->nval; v++)
        w.users.first[v + 1] = w.users.first[v] + count[v];
    memset(count, 0, g->nval * sizeof *count);
    for (uint32_t i = 1; i < g->nop; i++)
        for (uint32_t k = 0; k < g->op[i].nin; k++) {
            ValId v = g->op[i].in[k];

            w.users.op[w.users.first[v] + count[v]++] = i;
        }
    return w;
}

/* ---- functions by their values ---- */

static double
silu(double x)
{
    return x / (1 + exp(-x));
}

static double
quick_gelu(double x)
{
    return x / (1 + exp(-1.702 * x));
}

static double
hard_swish(double x)
{
    return x * fmin(fmax(x / 6 + 0.5, 0), 1);
}

static double
relu(double x)
{
    return fmax(x, 0);
}

static double
gelu(double x)
{
    return 0.5 * x * (1 + erf(x * sqrt(0.5)));
}

static double
logistic(double x)
{
    return 1 / (1 + exp(-x));
}

static const struct {
    const char *name;
    double (*fn)(double);
} known[] = {
    {"silu", silu},
    {"quick gelu", quick_gelu},
    {"hardswish", hard_swish},
    {"relu", relu},
    {"gelu", gelu},
    {"sigmoid", logistic},
    {"tanh", tanh},
};

static const char *
name_by_values(const Attr *code)
{
    static const double at[] = {-4, -1.5, -0.4, 0.3, 1, 2.5, 5};

    for (size_t i = 0; code && i < COUNT(known); i++) {
        size_t k = 0;

        while (k < COUNT(at) && fabs(vq_fn_at(code->i, code->n, at[k]) -
                                     known[i].fn(at[k])) < 1e-4)
            k++;
        if (k == COUNT(at))
            return known[i].name;
    }
    return "";
}

const char *
vq_function_name(const Op *op)
{
    if (op->kind == OP_GELU)
        return vq_get_i(op, A_TANH, 0) ? "gelu (tanh)" : "gelu";
    if (op->kind == OP_FUNCTION)
        return name_by_values(vq_attr(op, A_CODE));
    return vq_op[op->kind].text;
}

/* ---- what is passed by ---- */

bool
vq_is_norm(const Op *op)
{
    return op && strstr(vq_op[op->kind].text, "norm") != NULL;
}

static bool
is_function(const Op *op)
{
    static const bool is[NOP] = {
        [OP_GELU] = true, [OP_FUNCTION] = true, [OP_TANH] = true,
        [OP_RELU] = true, [OP_SIGMOID] = true,  [OP_ERF] = true,
    };

    return is[op->kind];
}

static bool
is_plain(const Op *op)
{
    static const bool is[NOP] = {
        [OP_SCALE] = true,   [OP_FAKEQUANT] = true, [OP_LOOKUP] = true,
        [OP_CONVERT] = true, [OP_CLIP] = true,      [OP_NEG] = true,
        [OP_SQRT] = true,
    };

    return is[op->kind] || vq_op[op->kind].stage == STAGE_M;
}

static bool
is_binary(const Op *op)
{
    return op->kind == OP_ADD || op->kind == OP_SUB || op->kind == OP_MUL ||
           op->kind == OP_DIV || op->kind == OP_MIN || op->kind == OP_MAX;
}

bool
vq_is_sum(const Graph *g, const Op *op)
{
    return op && op->kind == OP_ADD && !vq_is_const(g, op->in[0]) &&
           !vq_is_const(g, op->in[1]) &&
           vq_count(vq_type(g, op->in[0])) == vq_count(vq_type(g, op->in[1]));
}

/* The operand to follow; 0: none, the op means something by itself. */
static ValId
operand(const Walk *w, const Op *op, Way *way)
{
    const Graph *g = w->g;
    int64_t n[2];

    if (!is_binary(op))
        return op->in[0] && !vq_is_const(g, op->in[0]) ? op->in[0]
               : op->nin > 1                           ? op->in[1]
                                                       : 0;
    for (int i = 0; i < 2; i++)
        if (vq_is_const(g, op->in[i]))
            return op->in[1 - i];
    for (int i = 0; i < 2; i++)
        n[i] = vq_count(vq_type(g, op->in[i]));
    if (op->kind != OP_MUL && op->kind != OP_DIV)
        return 0;
    if (n[0] == n[1] && op->kind == OP_MUL)
        way->gated = true;
    else
        way->normalised = true;
    return n[1] > n[0] ? op->in[1] : op->in[0];
}

/* A roll is two slices of one value, joined the other way round. */
static void
note_roll(const Graph *g, const Op *op, Way *way)
{
    const Op *a = vq_def(g, op->in[0]), *b = vq_def(g, op->in[1]);

    if (op->nin == 2 && a && b && a->kind == OP_SLICE && b->kind == OP_SLICE &&
        a->in[0] == b->in[0])
        way->shift = vq_get_i(a, A_START, 0);
}

static void
note(const Graph *g, const Op *op, Way *way)
{
    if (op->kind == OP_CONCAT && op->nin > 1)
        note_roll(g, op, way);
    if (op->kind == OP_SLICE)
        way->slice = op;
    if (is_function(op))
        way->act = vq_function_name(op);
    if (vq_is_norm(op))
        way->norm = op;
}

static bool
passes_by(const Op *op, bool norms)
{
    return is_plain(op) || is_function(op) || is_binary(op) ||
           (norms && vq_is_norm(op));
}

const Op *
vq_walk_up(Walk *w, ValId v, bool norms, Way *way)
{
    const Op *op = vq_def(w->g, v);

    while (op && passes_by(op, norms)) {
        ValId next = operand(w, op, way);

        if (!next)
            return op;
        note(w->g, op, way);
        w->seen[op - w->g->op] = true;
        op = vq_def(w->g, next);
    }
    return op;
}

const Op *
vq_walk_down(Walk *w, ValId v, bool norms, Way *way)
{
    const Users *u = &w->users;

    while (u->first[v] < u->first[v + 1]) {
        const Op *op = &w->g->op[u->op[u->first[v]]];

        if (!passes_by(op, norms) || !operand(w, op, way))
            return op;
        note(w->g, op, way);
        w->seen[op - w->g->op] = true;
        v = op->out;
    }
    return NULL;
}
