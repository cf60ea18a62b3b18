/*
 * edges.c -- i.quantize and i.dequantize: between f32 and codes.
 */
#include "codegen/module.h"

#include "ir/layout.h"

#include <stdlib.h>

enum { LANES = 16 };

/* ---- i.quantize ---- */

/* Constants: LANES times each. */
typedef struct QuantizeConsts {
    float inverse[LANES];       /* 1 / scale */
    float lo[LANES], hi[LANES]; /* codes less the zero point */
    int32_t zero[LANES];
} QuantizeConsts;

typedef struct Quantize {
    Val x, out, consts;
    DType dt;
} Quantize;

bool
vq_plan_quantize(Module *m, const Op *op, Plan *p)
{
    const Type *t = vq_type(m->g, op->out);
    QuantizeConsts *k = NEW(m->arena, QuantizeConsts);

    if (vq_dtype[t->dt].bytes > 2)
        return vq_bug(m->diag, op->loc,
                      "i.quantize to more than 16 bits is not lowered");
    for (int i = 0; i < LANES; i++) {
        k->inverse[i] = 1.0f / t->q.scale;
        k->lo[i] = (float)(vq_dtype[t->dt].lo - t->q.zero);
        k->hi[i] = (float)(vq_dtype[t->dt].hi - t->q.zero);
        k->zero[i] = t->q.zero;
    }
    p->at[p->nconst++] = vq_module_const(m, k, sizeof *k);
    return true;
}

static Val
load_lanes(Build *b, Val consts, size_t at, Ty elem)
{
    return b_load(b, b_vec(elem, LANES), b_atc(b, consts, (int64_t)at), 64);
}

/* a where it compares to b as asked, else b: for NaN, b. */
static Val
choose(Build *b, LLVMRealPredicate p, Val x, Val y)
{
    return b_select(b, LLVMBuildFCmp(b->b, p, x, y, ""), x, y);
}

/* Adding 1.5 * 2^23 rounds |x| < 2^22 half to even into the low bits. */
static void
quantize_lanes(Build *b, void *user, Val i, unsigned count)
{
    const Quantize *c = user;
    Ty ints = b_vec(b->i32, LANES), floats = b_vec(b->f32, LANES);
    Val magic = b_bitcast(b, b_const(ints, 0x4b400000), floats), x;

    x = b_load_part(b, floats, b_elt(b, c->x, i, 4, 0), count);
    x = LLVMBuildFMul(
        b->b, x,
        load_lanes(b, c->consts, offsetof(QuantizeConsts, inverse), b->f32),
        "");
    x = choose(b, LLVMRealOGT, x,
               load_lanes(b, c->consts, offsetof(QuantizeConsts, lo), b->f32));
    x = choose(b, LLVMRealOLT, x,
               load_lanes(b, c->consts, offsetof(QuantizeConsts, hi), b->f32));
    x = b_bitcast(b, LLVMBuildFAdd(b->b, x, magic, ""), ints);
    x = b_subc(b, x, 0x4b400000);
    x = b_add(b, x,
              load_lanes(b, c->consts, offsetof(QuantizeConsts, zero), b->i32));
    x = b_trunc(b, x, vq_dtype[c->dt].bytes * 8);
    b_store_part(b, x, b_elt(b, c->out, i, vq_dtype[c->dt].bytes, 0), count);
}

void
vq_body_quantize(Build *b, const Args *args)
{
    const Type *t = vq_type(args->g, args->op->out);
    Quantize c = {args->in[0], args->out, args->konst[0], t->dt};

    b_map_share(b, args, vq_count(t), LANES, quantize_lanes, &c);
}

/* ---- i.dequantize ---- */

/* Constants: s32 zero LANES times, then the scales, padded to LANES. */
typedef struct Dequantize {
    Val x, out, consts;
    DType from;
    bool splat;
} Dequantize;

bool
vq_plan_dequantize(Module *m, const Op *op, Plan *p)
{
    const Type *x = vq_type(m->g, op->in[0]);
    const float *scale = m->g->val[op->in[1]].data;
    int64_t n = vq_count(vq_type(m->g, op->in[1]));
    int64_t lanes = vq_align(n, LANES);
    int32_t *k = NEWN(m->arena, int32_t, LANES + lanes);
    float *padded = (float *)(k + LANES);

    for (int i = 0; i < LANES; i++)
        k[i] = x->q.zero;
    for (int64_t i = 0; i < lanes; i++)
        padded[i] = n == 1 ? scale[0] : i < n ? scale[i] : 0;
    p->at[p->nconst++] = vq_module_const(m, k, (size_t)(LANES + lanes) * 4);
    p->raw = 1;
    return true;
}

static void
dequantize_lanes(Build *b, void *user, Val i, unsigned count)
{
    const Dequantize *c = user;
    unsigned size = vq_dtype[c->from].bytes;
    Val lane = c->splat ? b_i64(b, 0) : i, scale;
    Val x = b_load_part(b, b_vec(b_dtype(b, c->from), LANES),
                        b_elt(b, c->x, i, size, 0), count);

    x = b_sub(b, b_widen(b, x, c->from, 32),
              load_lanes(b, c->consts, 0, b->i32));
    scale = b_load(b, b_vec(b->f32, LANES),
                   b_elt(b, c->consts, lane, 4, LANES * 4), 64);
    x = LLVMBuildSIToFP(b->b, x, b_vec(b->f32, LANES), "");
    x = LLVMBuildFMul(b->b, scale, x, "");
    b_store_part(b, x, b_elt(b, c->out, i, 4, 0), count);
}

void
vq_body_dequantize(Build *b, const Args *args)
{
    const Type *t = vq_type(args->g, args->op->out);
    Dequantize c = {.from = vq_type(args->g, args->op->in[0])->dt,
                    .consts = args->konst[0]};
    int64_t cols, turns;
    Nest nest;

    c.splat = vq_count(vq_type(args->g, args->op->in[1])) == 1;
    cols = c.splat ? vq_count(t) : vq_cols(t);
    turns = vq_turns(cols, LANES);
    b_nest(b, &nest, args->part, args->parts, vq_count(t) / cols * turns,
           turns);
    c.x = b_elt(b, args->in[0], nest.i, cols * vq_dtype[c.from].bytes, 0);
    c.out = b_elt(b, args->out, nest.i, cols * 4, 0);
    b_map_range(b, cols, LANES, nest.lo, nest.hi, dequantize_lanes, &c);
    b_nest_end(b, &nest);
}
