/*
 * elementwise.c -- i.add, i.mul, i.lut and i.requant.
 *
 * Sources may be read a vector past their end (VQ_SLACK); results are written
 * to the byte.
 */
#include "codegen/remark.h"
#include "codegen/requant.h"
#include "ir/layout.h"

#include <stdlib.h>

/* ---- i.add ---- */

enum { ADD_LANES = 32 };

typedef struct Add {
    Val a, b, out;
    int ashift, bshift;
} Add;

/* Rounding right shift of s16 lanes without a wider sum: from 16 on, every
 * s16 rounds to 0. */
static Val
shift_round16(Build *b, Val x, int s)
{
    if (s == 0)
        return x;
    if (s >= 16)
        return LLVMConstNull(LLVMTypeOf(x));
    return b_add(b, b_ashrc(b, x, s), b_andc(b, b_ashrc(b, x, s - 1), 1));
}

static void
add_lanes(Build *b, void *user, Val i, unsigned count)
{
    const Add *c = user;
    Ty v = b_vec(b->i16, ADD_LANES);
    Val x = b_load(b, v, b_elt(b, c->a, i, 2, 0), 2);
    Val y = b_load(b, v, b_elt(b, c->b, i, 2, 0), 2);

    x = b_sadd_sat(b, shift_round16(b, x, c->ashift),
                   shift_round16(b, y, c->bshift));
    b_store_part(b, x, b_elt(b, c->out, i, 2, 0), count);
}

void
vq_body_add(Build *b, const Args *args)
{
    int64_t na = vq_count(vq_type(args->g, args->op->in[0]));
    int64_t nb = vq_count(vq_type(args->g, args->op->in[1]));
    Add c = {.b = args->in[1],
             .ashift = (int)vq_get_i(args->op, A_ASHIFT, 0),
             .bshift = (int)vq_get_i(args->op, A_BSHIFT, 0)};
    int64_t turns = vq_turns(nb, ADD_LANES);
    Nest nest;

    b_nest(b, &nest, args->part, args->parts, na / nb * turns, turns);
    c.a = b_elt(b, args->in[0], nest.i, nb * 2, 0);
    c.out = b_elt(b, args->out, nest.i, nb * 2, 0);
    b_map_range(b, nb, ADD_LANES, nest.lo, nest.hi, add_lanes, &c);
    b_nest_end(b, &nest);
}

/* ---- i.mul ---- */

typedef struct Mul {
    Val x[2], out;
    Type type[2];
} Mul;

bool
vq_plan_mul(Module *m, const Op *op, Plan *p)
{
    p->raw = 3;
    p->key = vq_format(m->arena, "%s zero %d %d", vq_key(m, op),
                       (int)vq_type(m->g, op->in[0])->q.zero,
                       (int)vq_type(m->g, op->in[1])->q.zero);
    return true;
}

static void
mul_lanes(Build *b, void *user, Val i, unsigned count)
{
    const Mul *c = user;
    Val x[2];

    for (int k = 0; k < 2; k++) {
        unsigned bytes = vq_dtype[c->type[k].dt].bytes;

        x[k] = b_load(b, b_vec(bytes == 1 ? b->i8 : b->i16, VQ_PANEL),
                      b_elt(b, c->x[k], i, bytes, 0), bytes);
        x[k] =
            b_subc(b, b_widen(b, x[k], c->type[k].dt, 32), c->type[k].q.zero);
    }
    b_store_part(b, p_mul16(b, x[0], x[1]), b_elt(b, c->out, i, 4, 0), count);
}

void
vq_body_mul(Build *b, const Args *args)
{
    Mul c = {.x = {args->in[0], args->in[1]}, .out = args->out};

    for (int k = 0; k < 2; k++)
        c.type[k] = *vq_type(args->g, args->op->in[k]);
    b_map_share(b, args, vq_count(vq_type(args->g, args->op->out)), VQ_PANEL,
                mul_lanes, &c);
}

/* ---- i.lut ---- */

typedef struct Lut {
    Val x, table, out;
    DType from, to;
} Lut;

/* The low bytes of a table of 16-bit entries, then the high ones. */
static int64_t
plan_planes(Module *m, const uint16_t *table)
{
    uint8_t *planes = vq_alloc(m->arena, 512);

    for (int i = 0; i < 256; i++) {
        planes[i] = (uint8_t)table[i];
        planes[256 + i] = (uint8_t)(table[i] >> 8);
    }
    return vq_module_const(m, planes, 512);
}

bool
vq_plan_lut(Module *m, const Op *op, Plan *p)
{
    if (vq_dtype[vq_type(m->g, op->out)->dt].bytes == 2)
        p->at[p->nconst++] = plan_planes(m, m->g->val[op->in[1]].data);
    return true;
}

/* The index of a code: s8 counts from -128. */
static Val
code_index(Build *b, Val x, DType dt)
{
    return dt == DT_S8 ? b_xor(b, x, b_const(LLVMTypeOf(x), 0x80)) : x;
}

enum { LUT_LANES = 64, LUT_UNROLL = 8 };

/* 64 results of one byte; or of two, whose low bytes' and high bytes' tables
 * follow each other. */
static void
lut_lanes(Build *b, void *user, Val i, unsigned count)
{
    const Lut *c = user;
    Val x = b_load(b, b_vec(b->i8, LUT_LANES), b_at(b, c->x, i), 1), y;
    unsigned half = LUT_LANES / 2;
    int lane[LUT_LANES];

    x = code_index(b, x, c->from);
    y = b->level->lut8(b, x, c->table);
    if (vq_dtype[c->to].bytes == 1) {
        b_store_part(b, y, b_at(b, c->out, i), count);
        return;
    }
    x = b->level->lut8(b, x, b_atc(b, c->table, 256));
    for (unsigned from = 0; from < count; from += half) {
        for (unsigned k = 0; k < LUT_LANES; k++)
            lane[k] = (int)(from + k / 2 + k % 2 * LUT_LANES);
        b_store_part(b, b_shuffle(b, y, x, lane, LUT_LANES),
                     b_elt(b, c->out, i, 2, 2 * from),
                     2 * (unsigned)vq_min(count - from, half));
    }
}

static void
lut_each(Build *b, void *user, Val i, unsigned count)
{
    const Lut *c = user;
    unsigned size = vq_dtype[c->to].bytes;
    Ty t = b_dtype(b, c->to);
    Val x;

    b_scalar(b, "table look-up",
             size > 2 ? "its entries have more than 16 bits"
                      : "the level has no table in registers");
    for (unsigned k = 0; k < count; k++) {
        x = b_load(b, b->i8, b_atc(b, b_at(b, c->x, i), k), 1);
        x = b_zext(b, code_index(b, x, c->from), 64);
        x = b_load(b, t, b_elt(b, c->table, x, size, 0), size);
        b_store(b, x, b_elt(b, c->out, i, size, size * k), size);
    }
}

void
vq_body_lut(Build *b, const Args *args)
{
    const Type *t = vq_type(args->g, args->op->out);
    Lut c = {.x = args->in[0],
             .table = args->in[1],
             .out = args->out,
             .from = vq_type(args->g, args->op->in[0])->dt,
             .to = t->dt};
    bool lanes = b->level->lut8 && vq_dtype[t->dt].bytes <= 2;

    if (lanes && vq_dtype[t->dt].bytes == 2)
        c.table = args->konst[0];
    b_map_share(b, args, vq_count(t), lanes ? LUT_LANES : LUT_UNROLL,
                lanes ? lut_lanes : lut_each, &c);
}

/* ---- i.requant ---- */

typedef struct RequantOp {
    RequantPlan plan;
    bool splat;
    DType from;
    Val x, out, consts;
} RequantOp;

/* Most |x - zero|; NULL where it is not below 2^31. */
static int64_t *
code_bounds(Module *m, const Type *t, int64_t n)
{
    const DTypeInfo *d = &vq_dtype[t->dt];
    int64_t *bound = NEWN(m->arena, int64_t, n);

    if (d->bytes > 2)
        return NULL;
    for (int64_t i = 0; i < n; i++)
        bound[i] = vq_max(llabs(d->lo - t->q.zero), llabs(d->hi - t->q.zero));
    return bound;
}

bool
vq_plan_requant(Module *m, const Op *op, Plan *p)
{
    const Type *x = vq_type(m->g, op->in[0]), *out = vq_type(m->g, op->out);
    int64_t n = vq_count(vq_type(m->g, op->in[1]));
    int64_t lanes = vq_align(n, VQ_PANEL);
    int32_t *bias = NEWN(m->arena, int32_t, n);
    int32_t *channel = NEWN(m->arena, int32_t, lanes);
    RequantOp *c = NEW(m->arena, RequantOp);
    RequantIn in = {.form = (RequantForm)vq_get_i(op, A_FORM, 0),
                    .mul = m->g->val[op->in[1]].data,
                    .shift = m->g->val[op->in[2]].data,
                    .bias = bias,
                    .bound = code_bounds(m, x, lanes),
                    .channel = channel,
                    .entries = lanes,
                    .dt = out->dt,
                    .zero = out->q.zero,
                    .remarks = p->remarks};

    for (int64_t i = 0; i < n; i++)
        bias[i] = -x->q.zero;
    for (int64_t i = 0; i < lanes; i++)
        channel[i] = n == 1 ? 0 : i < n ? (int32_t)i : -1;
    c->splat = n == 1;
    c->from = x->dt;
    p->at[p->nconst++] = vq_requant_plan(m, &in, &c->plan);
    p->info = c;
    p->raw = 1;
    p->key = vq_format(m->arena, "%s %s", vq_key(m, op),
                       vq_requant_key(m, &c->plan));
    return true;
}

static void
requant_lanes(Build *b, void *user, Val i, unsigned count)
{
    const RequantOp *c = user;
    unsigned size = vq_dtype[c->from].bytes;
    unsigned osize = vq_dtype[c->plan.dt].bytes;
    Val lane = c->splat ? b_i64(b, 0) : i;
    Val x = b_load(b, b_vec(b_dtype(b, c->from), 16),
                   b_elt(b, c->x, i, size, 0), size);

    x = b_add(b, b_widen(b, x, c->from, 32),
              vq_requant_bias(b, c->consts, lane));
    x = vq_requant_vector(b, &c->plan, c->consts, x, lane);
    if (osize < 4)
        x = b_trunc(b, x, osize * 8);
    b_store_part(b, x, b_elt(b, c->out, i, osize, 0), count);
}

void
vq_body_requant(Build *b, const Args *args)
{
    RequantOp c = *(const RequantOp *)args->plan->info;
    const Type *t = vq_type(args->g, args->op->out);
    int64_t cols = c.splat ? vq_count(t) : vq_cols(t);
    int64_t turns = vq_turns(cols, 16);
    Nest nest;

    c.consts = args->konst[0];
    b_nest(b, &nest, args->part, args->parts, vq_count(t) / cols * turns,
           turns);
    c.x = b_elt(b, args->in[0], nest.i, cols * vq_dtype[c.from].bytes, 0);
    c.out = b_elt(b, args->out, nest.i, cols * vq_dtype[t->dt].bytes, 0);
    b_map_range(b, cols, 16, nest.lo, nest.hi, requant_lanes, &c);
    b_nest_end(b, &nest);
}
