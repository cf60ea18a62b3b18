/*
 * lower_attention.c -- attention and softmax in integers.
 *
 * Scores leave the product of queries and keys as 16-bit numbers in units of
 * 2^(1/64), whatever the model: the range +-512 powers of two cannot be left,
 * the step (1.1 %) is finer than the 8-bit operands, and exp is a 64-entry
 * table and a shift. I-ViT's form instead has 8-bit scores on a calibrated
 * scale.
 */
#include "passes/calib.h"
#include "passes/lower.h"
#include "passes/storage.h"

#include "ir/eval.h"

#include <math.h>
#include <string.h>

typedef struct Attention {
    Rewrite *r;
    const Op *op; /* in the quantized graph */
    Op *now;      /* i.attention */
    Type t;
    uint16_t *table;
    int64_t heads;
} Attention;

/* ---- the choice of exponential ---- */

static void
fill_exp2(void *user, TableForm form)
{
    vq_exp2_table(form, ((Attention *)user)->table);
}

/* Rounds the probe of one operand to its type. */
static void *
quantize_probe(const Attention *t, uint32_t i, Arena *tmp)
{
    const PassContext *cx = vq_context(t->r);
    const Value *v = &t->r->from->val[t->op->in[i]];
    const CalibEntry *e = vq_calib_find(cx->calib, v->name);
    uint8_t *q;

    if (v->data) /* a constant has its codes already */
        return (void *)(uintptr_t)v->data;
    if (!e || !e->probe)
        return NULL;
    q = NEWN(tmp, uint8_t, vq_bytes(&v->type));
    vq_from_real(t->r->from, &v->type, e->probe, q);
    return q;
}

static double
compare(const Graph *g, const Type *t, const void *data, const float *want)
{
    int64_t n = vq_count(t);
    float *got = NEWN(g->arena, float, n);
    double signal = 0, noise = 0;

    vq_to_real(g, t, data, got);
    for (int64_t i = 0; i < n; i++) {
        double off = (double)want[i] - got[i];

        signal += (double)want[i] * want[i];
        noise += off * off;
    }
    return vq_decibel(signal, noise);
}

static double
measure_attention(void *user)
{
    const Attention *t = user;
    const Graph *g = t->r->to;
    const CalibEntry *e = vq_calib_find(vq_context(t->r)->calib,
                                        t->r->from->val[t->op->out].name);
    ArenaMark mark = vq_arena_mark(g->arena);
    const void *in[9];
    double sqnr = NAN;
    void *out = NEWN(g->arena, uint8_t, vq_bytes(&t->t));

    for (uint32_t i = 0; i < t->now->nin; i++)
        in[i] =
            i < 3 ? quantize_probe(t, i, g->arena) : g->val[t->now->in[i]].data;
    if (e && e->probe && in[0] && in[1] && in[2]) {
        vq_eval_fn[OP_I_ATTENTION](&(EvalArgs){g, t->now, in, out, g->arena});
        sqnr = compare(g, &t->t, out, e->probe);
    }
    vq_arena_release(g->arena, mark);
    return sqnr;
}

/* ---- scales ---- */

/* The model's own choice goes first. */
static int
bits_of(Rewrite *r, const Op *op)
{
    const PassContext *cx = vq_context(r);

    return cx->nonlinear == NL_IVIT ? vq_pbits(cx)
                                    : (int)vq_get_i(op, A_PBITS, vq_pbits(cx));
}

/* An operand's real numbers on the first image; NULL: nobody knows. */
static const float *
real_probe(Rewrite *r, ValId v)
{
    const Value *val = &r->from->val[v];
    const CalibEntry *e = vq_calib_find(vq_context(r)->calib, val->name);
    float *x;

    if (!val->data)
        return e ? e->probe : NULL;
    x = NEWN(r->to->arena, float, vq_count(&val->type));
    vq_to_real(r->from, &val->type, val->data, x);
    return x;
}

/* The largest |score| of the float op on the first image. */
static bool
largest_score(Rewrite *r, const Op *op, double *largest)
{
    const float *q = real_probe(r, op->in[0]), *k = real_probe(r, op->in[1]);
    const float *each = op->nin > 4 ? r->from->val[op->in[4]].data : NULL;
    const Type *tq = vq_type(r->from, op->in[0]);
    const Type *tk = vq_type(r->from, op->in[1]);
    int64_t heads = vq_get_i(op, A_HEADS, 1), cols = vq_cols(tq);
    int64_t d = cols / heads, nk = tk->dim[tk->rank - 2];
    int64_t nq = tq->dim[tq->rank - 2];

    if (!q || !k)
        return false;
    *largest = 0;
    for (int64_t i = 0; i < vq_rows(tq) * heads; i++) {
        const float *a = q + i * d; /* row-major: heads side by side */
        int64_t batch = i / heads / nq, h = i % heads;

        for (int64_t j = 0; j < nk; j++) {
            const float *b = k + (batch * nk + j) * cols + h * d;
            double s = 0;

            for (int64_t c = 0; c < d; c++)
                s += (double)a[c] * b[c];
            *largest = fmax(*largest, fabs(s * (each ? (double)each[h] : 1)));
        }
    }
    *largest *= vq_get_f(op, A_SCALE, 1);
    return true;
}

/* I-ViT's score scale: symmetric 8 bits over the largest score seen, not so
 * fine that a row's sum of exponentials leaves 31 bits: rows * |x0| < 2^16. */
static bool
ivit_score_scale(Rewrite *r, const Op *op, double *scale)
{
    struct Calib *c = vq_context(r)->calib;
    const Type *tk = vq_type(r->from, op->in[1]);
    const char *note = vq_subname(r, op, ".score");
    double largest;

    if (!vq_calib_noted(c, note, &largest)) {
        if (!largest_score(r, op, &largest))
            return vq_error(r->diag, op->loc,
                            "the loaded calibration was made without "
                            "--nonlinear=ivit and has no range of this "
                            "attention's scores; calibrate again");
        vq_calib_note(c, note, largest);
    }
    *scale = fmax(largest / 127, (double)tk->dim[tk->rank - 2] / 0x1p16);
    return true;
}

static void
score_multipliers(Rewrite *r, const Op *op, double unit, double *m)
{
    const Type *q = vq_type(r->from, op->in[0]);
    const Type *k = vq_type(r->from, op->in[1]);
    int64_t heads = vq_get_i(op, A_HEADS, 1), d = vq_cols(q) / heads;

    const float *each = op->nin > 4 ? r->from->val[op->in[4]].data : NULL;

    for (int64_t h = 0; h < heads; h++)
        m[h] = (double)vq_scale_at(r->from, q, h * d) *
               vq_scale_at(r->from, k, h * d) * vq_get_f(op, A_SCALE, 1) *
               (each ? (double)each[h] : 1) / unit;
}

static ValId
shiftmax_table(Rewrite *r, const Op *op, double scale)
{
    enum { SHIFTS = 15 };
    int32_t e[256];

    vq_shift_exp_table(scale, SHIFTS, 0, e);
    return vq_const_s32(r, vq_subname(r, op, ".exp"), e, 256);
}

static RequantForm
value_consts(Rewrite *r, const Op *op, const Type *t, ValId out[2])
{
    const Type *v = vq_type(r->from, op->in[2]);
    int64_t n = vq_cols(t);
    double *m = NEWN(r->to->arena, double, n);
    RequantForm form;

    for (int64_t c = 0; c < n; c++)
        m[c] = ldexp((double)vq_scale_at(r->from, v, c) / t->q.scale,
                     -bits_of(r, op));
    form = vq_choose_requant(vq_context(r), m, n, t->dt);
    vq_requant_consts(r, op, ".pv", form, m, n, out);
    return form;
}

/* What is added to scores, in their unit; a mask's -inf saturates. */
static bool
bias_const(Rewrite *r, const Op *op, ValId *out)
{
    const Value *v = &r->from->val[op->in[3]];
    int64_t n = vq_count(&v->type);
    int16_t *q = NEWN(r->to->arena, int16_t, n);
    Type t = v->type;

    if (vq_context(r)->nonlinear == NL_IVIT)
        return vq_error(r->diag, op->loc,
                        "I-ViT's attention adds nothing to scores; use another "
                        "--nonlinear for a model with masks or position "
                        "biases");
    for (int64_t i = 0; i < n; i++)
        q[i] = (int16_t)vq_quantize(
            fmaxf(fminf(((const float *)v->data)[i], 1e6f), -1e6f),
            VQ_SCORE_UNIT, 0, DT_S16);
    t.dt = DT_S16;
    *out = vq_const(r->to, vq_subname(r, op, ".bias"), t, q);
    return true;
}

bool
vq_lower_attention(Rewrite *r, const Op *op)
{
    uint32_t nin = op->nin > 3 && op->in[3] ? 9 : 8;
    Attention a = {.r = r, .op = op, .t = vq_lowered_type(r, op)};
    bool ivit = vq_context(r)->nonlinear == NL_IVIT;
    double unit = VQ_SCORE_UNIT, *m;
    RequantForm form;
    ValId in[9];

    a.heads = vq_get_i(op, A_HEADS, 1);
    if ((nin == 9 && !bias_const(r, op, &in[8])) ||
        (ivit && !ivit_score_scale(r, op, &unit)))
        return false;
    for (int i = 0; i < 3; i++)
        in[i] = vq_new(r, op->in[i]);
    m = NEWN(r->to->arena, double, a.heads);
    score_multipliers(r, op, unit, m);
    vq_requant_consts(r, op, ".qk", RQ_WIDE, m, a.heads, in + 3);
    a.table = NEWN(r->to->arena, uint16_t, 64);
    in[5] = ivit ? shiftmax_table(r, op, unit)
                 : vq_const(r->to, vq_subname(r, op, ".exp"), TYPE(DT_U16, 64),
                            a.table);
    form = value_consts(r, op, &a.t, in + 6);
    a.now = vq_emit(r->to, OP_I_ATTENTION, r->from->val[op->out].name, a.t, in,
                    nin, op->loc);
    vq_set_i(r->to, a.now, A_HEADS, a.heads);
    vq_set_i(r->to, a.now, A_SOFTMAX, ivit ? SM_SHIFTMAX : SM_BASE2);
    vq_set_i(r->to, a.now, A_PBITS, bits_of(r, op));
    vq_set_i(r->to, a.now, A_FORM, form);
    if (!ivit)
        vq_choose_form(r, &(FormChoice){op, &a, fill_exp2, measure_attention});
    vq_become(r, op->out, a.now->out);
    return true;
}

/* A softmax that is not inside an attention: a classifier's last op. */
bool
vq_lower_softmax(Rewrite *r, const Op *op)
{
    ValId in[2] = {vq_new(r, op->in[0])};
    Type x = *vq_type(r->to, in[0]), t = vq_lowered_type(r, op);
    bool ivit = vq_context(r)->nonlinear == NL_IVIT;
    uint16_t *table = NEWN(r->to->arena, uint16_t, 64);
    Op *now;

    vq_exp2_table(vq_context(r)->nonlinear == NL_SHIFT ? TF_SHIFT : TF_EXACT,
                  table);
    in[1] = ivit ? shiftmax_table(r, op, x.q.scale)
                 : vq_const(r->to, vq_subname(r, op, ".exp"), TYPE(DT_U16, 64),
                            table);
    now = vq_emit(r->to, OP_I_SOFTMAX, r->from->val[op->out].name, t, in, 2,
                  op->loc);
    vq_set_i(r->to, now, A_SOFTMAX, ivit ? SM_SHIFTMAX : SM_BASE2);
    vq_set_i(r->to, now, A_PBITS, vq_pbits(vq_context(r)));
    vq_become(r, op->out, now->out);
    return true;
}
