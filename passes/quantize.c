/*
 * quantize.c -- every value gets a quantized type.
 *
 * needs F_FUSED and calibration; makes F_QUANTIZED. Still real ops, on
 * quantized types: the integers come in integerize.c.
 *
 * First the readers are asked what they want and each value takes the best
 * storage that its maker can produce (wishes.c), then the graph is re-emitted.
 * A reader that wants something else gets a `convert` in between, and weights
 * and other constants are rounded to what their reader wants.
 *
 * A fakequant is where the model has a scale of its own: its value is stored
 * on that grid, by its maker if nothing else reads what that makes, else by a
 * convert. What s16 readers get, as those on the residual stream, was rounded
 * to the grid before.
 *
 * An op that is kept in float (keep.c) takes and makes f32: its operands are
 * made real, as exactly as their makers can say them, and its value is stored
 * as each reader wants it.
 */
#include "passes/flat.h"
#include "passes/passes.h"
#include "passes/rule.h"
#include "passes/scales.h"
#include "passes/wishes.h"

#include "ir/quant.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* Of a bias, in steps of the sums: half of what is left to them. */
#define BIAS_MOST 0x1p28

typedef struct Plan {
    Wishes w;
    const PassContext *cx;
    ResidualScales *residual;
    /* The last conversion of each old value, to share it between readers. */
    ValId *converted;
} Plan;

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

/* Of bytes that a function alone reads. */
static Type
operand_type(Rewrite *r, const Op *function, Type t, CalibEntry e)
{
    const Plan *p = r->user;

    e.range = vq_operand_range(r->from, function, e.range);
    return vq_storage_type(r->to, p->cx, ST_U8, t, &e, 0);
}

/* The type of old value v in storage s. */
static bool
type_in(Rewrite *r, const Op *op, ValId v, Storage s, Type *t)
{
    const Plan *p = r->user;
    const CalibEntry *e = NULL;

    if (p->w.given[v].by && s != ST_S16)
        v = p->w.given[v].by; /* made as what reads it wants it */
    *t = *vq_type(r->from, v);
    if (s == ST_S16) {
        t->dt = DT_S16;
        t->q = (Quant){.scale = vq_residual_scale(p->residual, v)};
        return true;
    }
    if (vq_is_given(&p->w, v) &&
        vq_given_type(r->to, p->cx, &p->w.given[v], s,
                      vq_calib_find(p->cx->calib, r->from->val[v].name), t))
        return true;
    if (s != ST_F32 && s != ST_PROB && s != ST_SCORE &&
        !need_entry(p, r->from, op, v, &e))
        return false;
    *t = s == ST_U8 && p->w.curve[v]
             ? operand_type(r, p->w.curve[v], *t, *e)
             : vq_storage_type(r->to, p->cx, s, *t, e, p->w.heads[v]);
    return true;
}

/* f32 goes to codes with a scale per channel by way of 16 bits, since
 * i.quantize has one scale. */
static ValId
in_16_bits(Rewrite *r, const Op *op, ValId v)
{
    const Plan *p = r->user;
    const CalibEntry *e = vq_calib_find(p->cx->calib, r->from->val[v].name);
    Range x = e ? vq_calib_extremes(e) : (Range){-1, 1};
    Type t = *vq_type(r->from, v);

    t.dt = DT_S16;
    t.q = vq_quant_range(x.lo, x.hi, DT_S16, true);
    return vq_emit(r->to, OP_CONVERT,
                   vq_format(r->to->arena, "%s.w", r->from->val[v].name), t,
                   &r->map[v], 1, op->loc)
        ->out;
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
    if (t->q.scales && vq_type(r->to, now)->dt == DT_F32)
        now = in_16_bits(r, op, v);
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
           (op->kind == OP_LINEAR || op->kind == OP_DEPTHWISE ||
            op->kind == OP_LAYERNORM || op->kind == OP_SCALE ||
            op->kind == OP_LOOKUP);
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

/* Of the weights of a channel, where those of x and theirs make the step of its
 * bias: what acc_scale cannot hold is left for the bias to be refused. */
static float
least_scale(float bias, float x)
{
    return (float)fmin(fabs((double)bias) / (double)x / BIAS_MOST, 0x1p100);
}

/* The weights of a layer on x. A channel whose weights are tiny beside its
 * bias, as of a channel that is never active, has a step that lets the bias
 * fit. */
static ValId
weights_as_s8(Rewrite *r, const Op *op, ValId x)
{
    const Plan *p = r->user;
    const Value *bias =
        op->nin > 2 && op->in[2] ? &r->from->val[op->in[2]] : NULL;
    float *least = NULL, step = vq_type(r->to, x)->q.scale;

    if (bias && bias->data && step > 0) {
        least = NEWN(r->to->arena, float, vq_count(&bias->type));
        for (int64_t c = 0; c < vq_count(&bias->type); c++)
            least[c] = least_scale(((const float *)bias->data)[c], step);
    }
    return vq_weight_as_s8(r->to, p->cx, &r->from->val[op->in[1]], least);
}

/* Input i of op as the op wants it, after those before it; `out` is the
 * type of its result. */
static bool
input_as_wanted(Rewrite *r, const Op *op, uint32_t i, const Type *out,
                ValId *in)
{
    const Plan *p = r->user;
    Storage s = vq_wanted(&p->w, r->from, op, i);
    ValId v = op->in[i];
    Type t;

    if (is_parameter(r->from, op, i)) {
        in[i] = (op->kind == OP_LINEAR || op->kind == OP_DEPTHWISE) && i == 1
                    ? weights_as_s8(r, op, in[0])
                    : vq_new(r, v);
        return true;
    }
    t = *vq_type(r->from, v);
    if (vq_is_kept(&p->w, r->from, op)) {
        in[i] = value_as(r, op, v, &t);
        return true;
    }
    if ((op->kind == OP_ATTENTION || op->kind == OP_MATMUL) &&
        vq_is_const(r->from, v)) {
        CalibEntry e = const_entry(r->to, &r->from->val[v]);

        t = vq_storage_type(r->to, p->cx, s, t, &e, p->w.heads[v]);
    } else if (op->kind == OP_MUL && vq_is_const(r->from, v)) {
        t = factor_type(&r->from->val[v]);
    } else if (op->kind == OP_MUL && s == ST_S16 &&
               p->w.storage[v] == ST_PROB) {
        t.dt = DT_S16; /* no sum's operand: the scale need not be residual */
        t.q = (Quant){.scale = 0x1p-15f};
    } else if (s == ST_SAME || vq_is_const(r->from, v)) {
        t.dt = out->dt;
        t.q = out->q;
    } else if (p->w.storage[v] == s) {
        t = *vq_type(r->to, r->map[v]);
    } else if (!type_in(r, op, v, s, &t)) {
        return false;
    }
    in[i] = value_as(r, op, v, &t);
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
    const Given *given = &p->w.given[op->out];
    Storage s = p->w.storage[op->out], byte = s == ST_S16 ? ST_U8 : s;
    ValId v = op->in[0];
    bool made = p->w.given[v].by == op->out && p->w.storage[v] == byte;
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

/* Nothing is calibrated of what such an op reads. */
static bool
is_computed_constant(const Rewrite *r, const Op *op)
{
    return vq_op[op->kind].stage == STAGE_R && vq_is_plain(r->from, op) &&
           vq_of_constants(r->from, op);
}

static bool
quantize_op(Rewrite *r, const Op *op)
{
    const Plan *p = r->user;
    bool acc = p->w.storage[op->out] == ST_ACC;
    ValId *in = NEWN(r->to->arena, ValId, op->nin);
    Type t = {0};

    if (is_computed_constant(r, op))
        return vq_error(r->diag, op->loc,
                        "a constant of %lld bytes is computed here; export the "
                        "model with its constants folded",
                        (long long)vq_bytes(vq_type(r->from, op->out)));
    if (op->kind == OP_FAKEQUANT)
        return quantize_grid(r, op);
    if (is_plain_move(r, op))
        return move_value(r, op);
    if (!acc && !type_in(r, op, op->out, p->w.storage[op->out], &t))
        return false;
    for (uint32_t i = 0; i < op->nin; i++)
        if (!input_as_wanted(r, op, i, &t, in))
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
    if (!vq_settle_grids(g, cx) || !vq_find_wishes(g, cx, &p.w))
        return false;
    p.converted = NEWN(g->arena, ValId, g->nval);
    p.residual =
        vq_residual_scales(g, cx, vq_residual_storage(g, &p.w), g->arena);
    if (!vq_rewrite(g, cx->diag, quantize_op, &p))
        return false;
    convert_outputs(g);
    return true;
}
