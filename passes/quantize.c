/*
 * quantize.c -- every value gets a quantized type.
 *
 * needs F_FUSED and calibration; makes F_QUANTIZED. Still real ops, on
 * quantized types: the integers come in integerize.c.
 *
 * First the readers are asked what they want (a walk from the end, since a
 * move passes its reader's wish on), then each value takes the best storage
 * that its maker can produce, then the graph is re-emitted. A reader that
 * wants something else gets a `convert` in between, and weights and other
 * constants are rounded to what their reader wants.
 *
 * A fakequant is where the model has a scale of its own: its value is stored
 * on that grid, by its maker if nothing else reads what that makes, else by a
 * convert. What s16 readers get, as those on the residual stream, was rounded
 * to the grid before.
 */
#include "passes/given.h"
#include "passes/passes.h"
#include "passes/scales.h"
#include "passes/storage.h"

#include "ir/quant.h"

#include <assert.h>
#include <math.h>
#include <string.h>

typedef struct Plan {
    const PassContext *cx;
    unsigned *wanted; /* by value: set of ST_BIT */
    Storage *storage; /* by value */
    int64_t *heads;   /* by value: of the attention that reads it */
    ResidualScales *residual;
    const Given *given; /* by value */
    /* The last conversion of each old value, to share it between readers. */
    ValId *converted;
} Plan;

/* ---- what readers want ---- */

static bool
is_given(const Plan *p, ValId v)
{
    return p->given[v].grid.scale > 0;
}

/* Its maker rounds x to the grid, in the first of the byte storages that
 * readers ask for; else it comes in 16 bits, or as the codes it has. */
static void
note_grid_wishes(Plan *p, const Graph *g, const Op *op)
{
    const unsigned bytes = ST_BIT(ST_U8) | ST_BIT(ST_S8) | ST_BIT(ST_Q) |
                           ST_BIT(ST_K) | ST_BIT(ST_V);
    ValId x = op->in[0];
    const Op *maker = vq_def(g, x);

    if (p->given[x].by == op->out) {
        p->wanted[x] =
            p->wanted[op->out] & bytes & vq_storage_use[maker->kind].makes;
        if (!p->wanted[x])
            p->wanted[x] = ST_BIT(ST_U8);
    } else {
        p->wanted[x] |= ST_BIT(is_given(p, x) ? ST_U8 : ST_S16);
    }
    p->heads[x] = p->heads[op->out];
}

static void
note_wishes(Plan *p, const Graph *g, const Op *op)
{
    if (op->kind == OP_FAKEQUANT) {
        note_grid_wishes(p, g, op);
        return;
    }
    for (uint32_t i = 0; i < op->nin; i++) {
        Storage s = vq_storage_wanted(p->cx, op, i);
        ValId v = op->in[i];

        p->wanted[v] |= s == ST_SAME ? p->wanted[op->out] : ST_BIT(s);
        if (op->kind == OP_ATTENTION)
            p->heads[v] = vq_get_i(op, A_HEADS, 1);
        else if (s == ST_SAME && p->heads[op->out])
            p->heads[v] = p->heads[op->out];
    }
}

static bool
check_op(const Graph *g, Diag *d, const Op *op)
{
    const Type *t = vq_type(g, op->out);

    if (!vq_storage_use[op->kind].makes)
        return vq_error(d, op->loc,
                        "%s has no integer form here; it is supported only "
                        "where it is part of a layernorm, gelu, attention, "
                        "linear layer or patch embedding",
                        vq_op[op->kind].text);
    if (op->kind == OP_SOFTMAX && vq_get_i(op, A_AXIS, 0) != t->rank - 1)
        return vq_error(d, op->loc,
                        "softmax over axis %d of %d is not supported (only "
                        "the last)",
                        (int)vq_get_i(op, A_AXIS, 0), t->rank);
    return true;
}

static bool
choose_storage(Graph *g, Plan *p)
{
    for (uint32_t i = 0; i < g->nout; i++)
        p->wanted[g->out[i]] |= ST_BIT(ST_F32);
    for (uint32_t i = g->nop - 1; i > 0; i--)
        note_wishes(p, g, &g->op[i]);
    for (uint32_t i = 1; i < g->nop; i++) {
        const Op *op = &g->op[i];
        bool move = vq_op[op->kind].stage == STAGE_M;
        unsigned makes = vq_storage_use[op->kind].makes;

        if (!check_op(g, p->cx->diag, op))
            return false;
        if (op->kind == OP_FAKEQUANT && !(p->wanted[op->out] & ST_BIT(ST_S16)))
            makes &= ~ST_BIT(ST_S16);
        p->storage[op->out] = move && op->nin == 1 && vq_def(g, op->in[0])
                                  ? p->storage[op->in[0]]
                                  : vq_storage_pick(makes, p->wanted[op->out]);
    }
    return true;
}

/* ---- constants ---- */

static ValId
const_as(Graph *g, const Value *v, Type t)
{
    uint8_t *data = NEWN(g->arena, uint8_t, vq_bytes(&t));

    vq_from_real(g, &t, v->data, data);
    return vq_const(g, v->name, t, data);
}

/* ---- emitting ---- */

static bool
need_entry(const Plan *p, const Graph *g, const Op *op, ValId v,
           const CalibEntry **e)
{
    *e = vq_calib_find(p->cx->calib, g->val[v].name);
    if (*e)
        return true;
    return vq_error(p->cx->diag, op->loc,
                    "the calibration has no range for value '%s'; calibrate "
                    "this model again",
                    g->val[v].name);
}

/* The type of old value v in storage s. */
static bool
type_in(Rewrite *r, const Op *op, ValId v, Storage s, Type *t)
{
    const Plan *p = r->user;
    const CalibEntry *e = NULL;

    if (p->given[v].by && s != ST_S16)
        v = p->given[v].by; /* made as what reads it wants it */
    *t = *vq_type(r->from, v);
    if (s == ST_S16) {
        t->dt = DT_S16;
        t->q = (Quant){.scale = vq_residual_scale(p->residual, v)};
        return true;
    }
    if (is_given(p, v) &&
        vq_given_type(r->to, p->cx, &p->given[v], s,
                      vq_calib_find(p->cx->calib, r->from->val[v].name), t))
        return true;
    if (s != ST_F32 && s != ST_PROB && s != ST_SCORE &&
        !need_entry(p, r->from, op, v, &e))
        return false;
    *t = vq_storage_type(r->to, p->cx, s, *t, e, p->heads[v]);
    return true;
}

/* The new value of old v, of the given type; converts where it must. */
static ValId
value_as(Rewrite *r, const Op *op, ValId v, const Type *t)
{
    const Plan *p = r->user;
    const Value *old = &r->from->val[v];
    ValId now;

    if (old->data)
        return const_as(r->to, old, *t);
    now = r->map[v];
    if (vq_same_type(vq_type(r->to, now), t))
        return now;
    if (p->converted[v] && vq_same_type(vq_type(r->to, p->converted[v]), t))
        return p->converted[v];
    p->converted[v] =
        vq_emit(r->to, OP_CONVERT, vq_format(r->to->arena, "%s.q", old->name),
                *t, &now, 1, op->loc)
            ->out;
    return p->converted[v];
}

static bool
is_parameter(const Graph *g, const Op *op, uint32_t i)
{
    if (op->kind == OP_ATTENTION)
        return i > 2;
    return i > 0 && vq_is_const(g, op->in[i]) &&
           (op->kind == OP_LINEAR || op->kind == OP_LAYERNORM ||
            op->kind == OP_SCALE || op->kind == OP_LOOKUP);
}

/* What calibration would know of a constant. */
static CalibEntry
const_entry(Graph *g, const Value *v)
{
    int64_t n = vq_count(&v->type), cols = vq_cols(&v->type);
    CalibEntry e = {.name = v->name,
                    .n = (uint32_t)cols,
                    .channel = NEWN(g->arena, Range, cols)};
    const float *x = v->data;

    for (int64_t i = 0; i < n; i++) {
        Range *r = &e.channel[i % cols];

        *r = (Range){fminf(r->lo, x[i]), fmaxf(r->hi, x[i])};
        e.range = (Range){fminf(e.range.lo, x[i]), fmaxf(e.range.hi, x[i])};
    }
    return e;
}

/* A constant factor in bytes over its own range. */
static Type
factor_type(const Value *v)
{
    const float *x = v->data;
    Type t = v->type;
    float lo = 0, hi = 0;

    for (int64_t i = 0; i < vq_count(&t); i++) {
        lo = fminf(lo, x[i]);
        hi = fmaxf(hi, x[i]);
    }
    t.dt = DT_U8;
    t.q = vq_quant_range(lo, hi, DT_U8, false);
    return t;
}

/* Input i of op as the op wants it; `out` is the type of its result. */
static bool
input_as_wanted(Rewrite *r, const Op *op, uint32_t i, const Type *out,
                ValId *in)
{
    const Plan *p = r->user;
    Storage s = vq_storage_wanted(p->cx, op, i);
    ValId v = op->in[i];
    Type t;

    if (is_parameter(r->from, op, i)) {
        *in = op->kind == OP_LINEAR && i == 1
                  ? vq_weight_as_s8(r->to, p->cx, &r->from->val[v])
                  : vq_new(r, v);
        return true;
    }
    t = *vq_type(r->from, v);
    if (op->kind == OP_ATTENTION && vq_is_const(r->from, v)) {
        CalibEntry e = const_entry(r->to, &r->from->val[v]);

        t = vq_storage_type(r->to, p->cx, s, t, &e, p->heads[v]);
    } else if (op->kind == OP_MUL && vq_is_const(r->from, v)) {
        t = factor_type(&r->from->val[v]);
    } else if (s == ST_SAME || vq_is_const(r->from, v)) {
        t.dt = out->dt;
        t.q = out->q;
    } else if (p->storage[v] == s) {
        t = *vq_type(r->to, r->map[v]);
    } else if (!type_in(r, op, v, s, &t)) {
        return false;
    }
    *in = value_as(r, op, v, &t);
    return true;
}

/* The product of two scales, kept within what can be divided by. */
static float
acc_scale(float x, float w)
{
    return (float)fmin(fmax((double)x * (double)w, 0x1p-100), 0x1p100);
}

/* s32 accumulators of a linear layer: scale of x times scale of w. */
static Type
acc_type(Rewrite *r, const Op *op, ValId x, ValId w)
{
    Graph *g = r->to;
    int64_t cols = vq_cols(vq_type(g, w));
    float *s = NEWN(g->arena, float, cols);
    Type t = *vq_type(r->from, op->out);

    for (int64_t c = 0; c < cols; c++)
        s[c] =
            acc_scale(vq_type(g, x)->q.scale, vq_scale_at(g, vq_type(g, w), c));
    t.dt = DT_S32;
    t.q = (Quant){.axis = t.rank - 1};
    t.q.scales =
        vq_const(g, vq_format(g->arena, "%s.s", r->from->val[op->out].name),
                 TYPE(DT_F32, cols), s);
    return t;
}

static void
finish_op(Rewrite *r, const Op *op, const ValId *in, Type t)
{
    Op *now = vq_emit(r->to, op->kind, r->from->val[op->out].name, t, in,
                      op->nin, op->loc);

    memcpy(now->attr, op->attr, sizeof op->attr);
    now->nattr = op->nattr;
    vq_become(r, op->out, now->out);
}

/* A move of one stored value: its result is stored the same way. */
static bool
is_plain_move(const Rewrite *r, const Op *op)
{
    return vq_op[op->kind].stage == STAGE_M && op->nin == 1 &&
           !vq_is_const(r->from, op->in[0]) &&
           vq_type(r->to, r->map[op->in[0]])->dt != DT_F32;
}

/* The channel axis moves along; where it does not survive (a reshape that
 * splits it), the value is made real first. */
static bool
move_value(Rewrite *r, const Op *op)
{
    ValId in = r->map[op->in[0]];
    Type t = *vq_type(r->from, op->out), made;
    Op now = *op;

    now.in = &in;
    t.dt = vq_type(r->to, in)->dt;
    if (!vq_infer(r->to, r->diag, &now, &t, &made))
        return false;
    finish_op(r, op, &in, made);
    return true;
}

/* The codes of v that are outside of its grid, clipped. */
static ValId
clip_to_grid(Rewrite *r, const Op *op, ValId v, const Grid *g)
{
    Op *now =
        vq_emit(r->to, OP_CLIP,
                vq_format(r->to->arena, "%s.clip", r->from->val[op->out].name),
                *vq_type(r->to, v), &v, 1, op->loc);

    vq_set_f(now, A_LO, g->scale * (g->lo - (double)g->zero));
    vq_set_f(now, A_HI, g->scale * (g->hi - (double)g->zero));
    return now->out;
}

static bool
quantize_grid(Rewrite *r, const Op *op)
{
    const Plan *p = r->user;
    const Given *given = &p->given[op->out];
    Storage s = p->storage[op->out], byte = s == ST_S16 ? ST_U8 : s;
    ValId v = op->in[0];
    bool made = p->given[v].by == op->out && p->storage[v] == byte;
    Type t;

    if (!type_in(r, op, op->out, byte, &t))
        return false;
    v = made ? vq_new(r, v) : value_as(r, op, v, &t);
    if (given->clips && !t.q.scales)
        v = clip_to_grid(r, op, v, &given->grid);
    if (s == ST_S16) {
        p->converted[op->out] = v;
        if (!type_in(r, op, op->out, s, &t))
            return false;
        v = vq_emit(r->to, OP_CONVERT, r->from->val[op->out].name, t, &v, 1,
                    op->loc)
                ->out;
    }
    vq_become(r, op->out, v);
    return true;
}

static bool
quantize_op(Rewrite *r, const Op *op)
{
    const Plan *p = r->user;
    bool acc = p->storage[op->out] == ST_ACC;
    ValId *in = NEWN(r->to->arena, ValId, op->nin);
    Type t = {0};

    if (op->kind == OP_FAKEQUANT)
        return quantize_grid(r, op);
    if (is_plain_move(r, op))
        return move_value(r, op);
    if (!acc && !type_in(r, op, op->out, p->storage[op->out], &t))
        return false;
    for (uint32_t i = 0; i < op->nin; i++)
        if (!input_as_wanted(r, op, i, &t, &in[i]))
            return false;
    if (acc)
        t = acc_type(r, op, in[0], in[1]);
    finish_op(r, op, in, t);
    return true;
}

/* Graph outputs are real numbers again. */
static void
convert_outputs(Graph *g)
{
    for (uint32_t i = 0; i < g->nout; i++) {
        const Value *v = &g->val[g->out[i]];
        Type t = v->type;

        if (t.dt == DT_F32)
            continue;
        t.dt = DT_F32;
        t.q = (Quant){0};
        g->out[i] = vq_emit(g, OP_CONVERT, vq_format(g->arena, "%s.f", v->name),
                            t, &g->out[i], 1, NOLOC)
                        ->out;
    }
}

bool
vq_quantize_graph(Graph *g, const PassContext *cx)
{
    Plan p = {.cx = cx};

    if (!cx->calib)
        return vq_error(cx->diag, NOLOC, "quantization needs calibration");
    if (!vq_settle_grids(g, cx))
        return false;
    p.given = vq_find_given(g, cx);
    p.wanted = NEWN(g->arena, unsigned, g->nval);
    p.storage = NEWN(g->arena, Storage, g->nval);
    p.heads = NEWN(g->arena, int64_t, g->nval);
    p.converted = NEWN(g->arena, ValId, g->nval);
    if (!choose_storage(g, &p))
        return false;
    p.residual = vq_residual_scales(g, cx, p.storage, g->arena);
    if (!vq_rewrite(g, cx->diag, quantize_op, &p))
        return false;
    convert_outputs(g);
    return true;
}
