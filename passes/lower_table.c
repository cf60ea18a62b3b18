/*
 * lower_table.c -- functions of one byte become tables; I-ViT's GELU, which
 * subtracts its row's maximum and so is not one, becomes i.shiftgelu.
 */
#include "passes/calib.h"
#include "passes/lower.h"

#include <math.h>
#include <string.h>

typedef struct ByteTable {
    Rewrite *r;
    const Op *op; /* in the quantized graph */
    Type x, y;
    uint8_t *data; /* 256 elements of y's dtype */
} ByteTable;

static void
fill_bytes(void *user, TableForm form)
{
    ByteTable *t = user;

    vq_byte_table(form, t->r->from, t->op, &t->x, &t->y, t->data);
}

static double
table_at(const ByteTable *t, int i)
{
    int32_t q = t->y.dt == DT_U8   ? t->data[i]
                : t->y.dt == DT_S8 ? (int8_t)t->data[i]
                                   : ((int16_t *)(void *)t->data)[i];

    return t->y.q.scale * (q - t->y.q.zero);
}

/* Of the table's output on the first image, against the true function. */
static double
measure_bytes(void *user)
{
    ByteTable *t = user;
    const Value *in = &t->r->from->val[t->op->in[0]];
    const CalibEntry *e = vq_calib_find(vq_context(t->r)->calib, in->name);
    int64_t n = vq_count(&in->type);
    double signal = 0, noise = 0;

    if (!e || !e->probe)
        return NAN;
    for (int64_t i = 0; i < n; i++) {
        int32_t q =
            vq_quantize(e->probe[i], t->x.q.scale, t->x.q.zero, t->x.dt);
        double want =
            vq_byte_function(TF_EXACT, t->r->from, t->op, e->probe[i]);
        double got = table_at(t, q - (int)vq_dtype[t->x.dt].lo);

        signal += want * want;
        noise += (want - got) * (want - got);
    }
    return vq_decibel(signal, noise);
}

/* x * G has the scale S / 128 and 16 bits; it is rounded to the result. */
static bool
lower_shiftgelu(Rewrite *r, const Op *op, ValId x)
{
    enum { SHIFTS = 23 };
    Type tx = *vq_type(r->to, x), t = vq_lowered_type(r, op), mid = t;
    double scale = 1.702 * (double)tx.q.scale;
    int32_t e[256], em[256];
    ValId in[3] = {x};
    double m;
    Op *now;

    vq_shift_exp_table(scale, SHIFTS, 0, e);
    vq_shift_exp_table(scale, SHIFTS, 128, em);
    in[1] = vq_const_s32(r, vq_subname(r, op, ".e"), e, 256);
    in[2] = vq_const_s32(r, vq_subname(r, op, ".em"), em, 256);
    mid.dt = DT_S16;
    mid.q = (Quant){.scale = tx.q.scale / 128};
    now = vq_emit(r->to, OP_I_SHIFTGELU, vq_subname(r, op, ".g"), mid, in, 3,
                  op->loc);
    vq_set_i(r->to, now, A_EXACT, 1);
    m = (double)mid.q.scale / t.q.scale;
    vq_emit_requant(r, op, now->out, &m, 1, t);
    return true;
}

bool
vq_lower_table(Rewrite *r, const Op *op)
{
    ValId in[2] = {vq_new(r, op->in[0])};
    ByteTable t = {.r = r, .op = op, .x = *vq_type(r->to, in[0])};

    if (t.x.dt == DT_S16)
        return vq_lower_gate(r, op);
    if (op->kind == OP_GELU && vq_context(r)->nonlinear == NL_IVIT)
        return lower_shiftgelu(r, op, in[0]);
    t.y = vq_lowered_type(r, op);
    t.data = NEWN(r->to->arena, uint8_t, 256 * vq_dtype[t.y.dt].bytes);
    if (op->kind == OP_GELU)
        vq_choose_form(r, &(FormChoice){op, &t, fill_bytes, measure_bytes});
    else
        fill_bytes(&t, TF_EXACT);
    in[1] = vq_const(r->to, vq_subname(r, op, ".t"), TYPE(t.y.dt, 256), t.data);
    vq_become(r, op->out,
              vq_emit(r->to, OP_I_LUT, r->from->val[op->out].name, t.y, in, 2,
                      op->loc)
                  ->out);
    return true;
}
