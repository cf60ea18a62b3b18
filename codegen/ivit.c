/*
 * ivit.c -- I-ViT's layernorm and ShiftGELU (ir/ivit.c has the arithmetic).
 */
#include "codegen/remark.h"
#include "codegen/requant.h"
#include "codegen/row_sums.h"
#include "ir/layout.h"

#include <stdlib.h>

enum { LANES = 16 };

/* ---- i.ivitnorm ---- */

/*
 * With m the rounded mean, V = sum (x - m)^2 is sum x^2 - 2 m sum x + C m^2.
 * The root k is never below floor(sqrt(V)) and no |x - m| is above it, so
 * (x - m) * floor((2^31 - 1) / k) fits 32 bits, and its half 31.
 */
enum {
    ROWS = 16,
    MAXBIAS = 1 << 30, /* a bias below it needs no saturation */
    SAVED = 8,         /* bytes a row: s32 m, s32 (2^31 - 1) / k */
};

typedef struct Norm {
    RequantPlan rq;
    int64_t n;
    DType dt;
    bool far; /* biases are s64 and sums saturate; else s32 */
    Val x, out, consts, bias, saved;
    Val mean, f; /* s32, LANES times */
} Norm;

/* Whatever the bias, the sum saturates to 32 bits anyway. */
static int64_t
plan_bias(Module *m, const Norm *t, const int64_t *bias)
{
    int64_t lanes = vq_align(t->n, LANES), most = INT64_C(1) << 40;
    int64_t *b = NEWN(m->arena, int64_t, lanes);
    int32_t *near = (int32_t *)b;

    for (int64_t i = 0; i < t->n; i++)
        if (t->far)
            b[i] = vq_clamp(bias[i], -most, most);
        else
            near[i] = (int32_t)bias[i];
    return vq_module_const(m, b, (size_t)lanes * (t->far ? 8 : 4));
}

bool
vq_plan_ivitnorm(Module *m, const Op *op, Plan *p)
{
    const Type *out = vq_type(m->g, op->out);
    int64_t n = vq_cols(out), lanes = vq_align(n, LANES);
    int64_t each = vq_count(vq_type(m->g, op->in[2])) > 1;
    const int64_t *bias = m->g->val[op->in[1]].data;
    int32_t *channel = NEWN(m->arena, int32_t, lanes);
    Norm *t = NEW(m->arena, Norm);
    RequantIn in = {.form = RQ_DYADIC,
                    .mul = m->g->val[op->in[2]].data,
                    .shift = m->g->val[op->in[3]].data,
                    .channel = channel,
                    .entries = lanes,
                    .dt = out->dt,
                    .zero = out->q.zero,
                    .remarks = p->remarks};

    for (int64_t i = 0; i < lanes; i++)
        channel[i] = i < n ? (int32_t)(i * each) : -1;
    *t = (Norm){.n = n, .dt = out->dt};
    for (int64_t i = 0; i < n; i++)
        t->far |= bias[i] <= -MAXBIAS || bias[i] >= MAXBIAS;
    p->at[p->nconst++] = vq_requant_plan(m, &in, &t->rq);
    p->at[p->nconst++] = plan_bias(m, t, bias);
    p->info = t;
    p->raw = 1;
    p->key = vq_format(m->arena, "%s %s %d", vq_key(m, op),
                       vq_requant_key(m, &t->rq), t->far);
    return true;
}

/* x / n rounded, half to even; n > 0. */
static Val
div_half_even(Build *b, Val x, int64_t n)
{
    Val q = LLVMBuildSDiv(b->b, x, b_i64(b, n), "");
    Val rest = b_sub(b, x, b_mulc(b, q, n)), below, up, twice, tie;

    below = b_ashrc(b, rest, 63); /* -1 where the division rounded up */
    q = b_add(b, q, below);
    rest = b_add(b, rest, b_andc(b, below, n));
    twice = b_shlc(b, rest, 1);
    up = b_cmp(b, LLVMIntSGT, twice, b_i64(b, n));
    tie = b_and(b, b_cmp(b, LLVMIntEQ, twice, b_i64(b, n)), b_trunc(b, q, 1));
    return b_add(b, q, b_zext(b, b_or(b, up, tie), 64));
}

/* Ten of Newton's steps from 2^16, as published; the first divides by a power
 * of two. */
static Val
newton_sqrt(Build *b, Val v)
{
    Loop loop;
    Val k = b_lshrc(b, b_addc(b, b_lshrc(b, v, 16), 1 << 16), 1);

    b_loop(b, &loop, 0, 1, 9);
    b_scalar(b, "square root", "each of Newton's ten steps needs the last");
    k = b_carry(b, &loop, k);
    k = b_add(b, k, LLVMBuildUDiv(b->b, v, k, ""));
    b_next(&loop, 0, b_lshrc(b, k, 1));
    b_loop_end(b, &loop);
    return loop.next[0];
}

static void
find_scale(Build *b, const Norm *t, Val at)
{
    Val sum, v, m, f;

    vq_row_sums(b, t->x, t->n, &sum, &v);
    m = div_half_even(b, sum, t->n);
    sum = b_sub(b, b_mulc(b, m, t->n), b_shlc(b, sum, 1));
    v = b_add(b, v, b_mul(b, m, sum));
    f = LLVMBuildUDiv(b->b, b_i64(b, INT32_MAX), newton_sqrt(b, v), "");
    b_store(b, b_trunc(b, m, 32), at, 8);
    b_store(b, b_trunc(b, f, 32), b_atc(b, at, 4), 4);
}

static Val
add_bias(Build *b, const Norm *t, Val y, Val i)
{
    int64_t size = t->far ? 8 : 4;
    Val bias = b_load(b, b_int(b, (unsigned)size * 8, LANES),
                      b_elt(b, t->bias, i, size, 0), 64);

    if (!t->far)
        return b_add(b, y, bias);
    b_slow(b, "biases in 64-bit lanes: one is 2^30 or more");
    y = b_add(b, b_sext(b, y, 64), bias);
    return b_trunc(b, b_clamp(b, y, INT32_MIN, INT32_MAX), 32);
}

static void
ivitnorm_lanes(Build *b, void *user, Val i, unsigned count)
{
    const Norm *t = user;
    unsigned size = vq_dtype[t->dt].bytes;
    Val y =
        b_load_part(b, b_vec(b->i16, LANES), b_elt(b, t->x, i, 2, 0), count);

    y = b_mul(b, b_sub(b, b_sext(b, y, 32), t->mean), t->f);
    y = add_bias(b, t, b_ashrc(b, y, 1), i);
    y = vq_requant_vector(b, &t->rq, t->consts, y, i);
    if (size < 4)
        y = b_trunc(b, y, size * 8);
    b_store_part(b, y, b_elt(b, t->out, i, size, 0), count);
}

/* Rows [first, end), ROWS at most. Divisions of a row wait for nothing in the
 * next row's: apart from the second turn, the CPU works on several at once. */
static void
emit_rows(Build *b, Norm *t, const Args *args, Val first, Val end)
{
    Loop loop;
    Val at;

    b_loop_range(b, &loop, first, 1, end);
    t->x = b_elt(b, args->in[0], loop.i, t->n * 2, 0);
    at = b_elt(b, t->saved, b_sub(b, loop.i, first), SAVED, 0);
    find_scale(b, t, at);
    b_loop_end(b, &loop);
    b_loop_range(b, &loop, first, 1, end);
    t->x = b_elt(b, args->in[0], loop.i, t->n * 2, 0);
    t->out = b_elt(b, args->out, loop.i, t->n * vq_dtype[t->dt].bytes, 0);
    at = b_elt(b, t->saved, b_sub(b, loop.i, first), SAVED, 0);
    t->mean = b_splat(b, b_load(b, b->i32, at, 8), LANES);
    t->f = b_splat(b, b_load(b, b->i32, b_atc(b, at, 4), 4), LANES);
    b_map(b, t->n, LANES, ivitnorm_lanes, t);
    b_loop_end(b, &loop);
}

void
vq_body_ivitnorm(Build *b, const Args *args)
{
    Norm t = *(const Norm *)args->plan->info;
    Val lo, hi, end;
    Loop loop;

    t.consts = args->konst[0];
    t.bias = args->konst[1];
    t.saved = b_alloca(b, ROWS * SAVED);
    b_share(b, args, vq_rows(vq_type(args->g, args->op->out)), &lo, &hi);
    b_loop_range(b, &loop, lo, ROWS, hi);
    end = b_least(b, b_addc(b, loop.i, ROWS), hi);
    emit_rows(b, &t, args, loop.i, end);
    b_loop_end(b, &loop);
}

/* ---- i.shiftgelu ---- */

enum { CODES = 64 }; /* that a step handles */

typedef struct Gelu {
    int64_t n;
    bool exact;
    Val x, out, table, table_m;
    Val gain; /* on the stack: 256 of them, by mx - x, for the last maximum */
    Ty gain_type;
} Gelu;

/* CODES codes from i on; those beyond n are the least. */
static Val
load_codes(Build *b, const Gelu *t, Val i, unsigned count)
{
    Ty v = b_vec(b->i8, CODES);
    Val x = b_load(b, v, b_at(b, t->x, i), 1);
    int lane[CODES];

    for (unsigned k = 0; k < CODES; k++)
        lane[k] = (int)(k < count ? k : CODES + k);
    return count < CODES ? b_shuffle(b, x, b_const(v, INT8_MIN), lane, CODES)
                         : x;
}

/* The row's maximum as i64. */
static Val
gelu_max(Build *b, const Gelu *t)
{
    Val mx = b_const(b_vec(b->i8, CODES), INT8_MIN);
    int64_t whole = t->n / CODES;
    Loop loop;

    if (whole) {
        b_loop(b, &loop, 0, CODES, whole);
        mx = b_carry(b, &loop, mx);
        mx = b_smax(b, mx, load_codes(b, t, loop.i, CODES));
        b_next(&loop, 0, mx);
        b_loop_end(b, &loop);
    }
    if (t->n % CODES)
        mx = b_smax(b, mx,
                    load_codes(b, t, b_i64(b, whole * CODES),
                               (unsigned)(t->n % CODES)));
    return b_sext(b, b_reduce(b, "smax", mx), 64);
}

/*
 * Long division of lanes of u32: (r * 2^steps + s) / d, s being 0 or
 * 2^steps - 1, for r <= d < 2^31. Where r is d it gives 2^steps - 1.
 */
static Val
divide(Build *b, Val r, bool ones, Val d, int steps)
{
    Val q = LLVMConstNull(LLVMTypeOf(r)), fits;
    Loop loop;

    b_loop(b, &loop, 0, 1, steps);
    r = b_carry(b, &loop, r);
    q = b_carry(b, &loop, q);
    r = b_addc(b, b_shlc(b, r, 1), ones);
    fits = b_cmp(b, LLVMIntUGE, r, d);
    r = b_sub(b, r, b_select(b, fits, d, LLVMConstNull(LLVMTypeOf(d))));
    b_next(&loop, 0, r);
    b_next(&loop, 1, b_add(b, b_shlc(b, q, 1), b_zext(b, fits, 32)));
    b_loop_end(b, &loop);
    return loop.next[1];
}

/* The gains of all distances from a maximum, at most 127: a code has no other
 * influence, so they stay as long as the maximum does. E <= D, so that E times
 * 2^31 / D fits 32 bits. */
static void
fill_gains(Build *b, const Gelu *t, Val mx)
{
    unsigned bits = LLVMGetIntTypeWidth(t->gain_type);
    Val em = b_load(b, b->i32, b_elt(b, t->table_m, mx, 4, 128 * 4), 4);
    Ty v = b_vec(b->i32, LANES);
    Val e, d, g;
    Loop loop;

    b_loop(b, &loop, 0, LANES, 256 / LANES);
    e = b_load(b, v, b_elt(b, t->table, loop.i, 4, 0), 64);
    d = b_add(b, e, b_splat(b, em, LANES));
    d = b_umin(b, d, b_const(v, INT32_MAX));
    if (t->exact) {
        g = divide(b, e, false, d, 7);
    } else {
        g = divide(b, LLVMConstNull(v), true, d, 31);
        g = b_lshrc(b, b_mul(b, e, g), 24);
    }
    b_store(b, b_trunc(b, g, bits), b_elt(b, t->gain, loop.i, bits / 8, 0), 16);
    b_loop_end(b, &loop);
}

typedef struct Gains {
    const Gelu *t;
    Val mx;
} Gains;

static void
apply_gains(Build *b, void *user, Val i, unsigned count)
{
    const Gains *c = user;
    Val x = load_codes(b, c->t, i, count), g = b_sub(b, c->mx, x);

    if (b->level->lut8) {
        g = b_zext(b, b->level->lut8(b, g, c->t->gain), 16);
    } else {
        g = b_look_up(b, c->t->gain, c->t->gain_type, g);
        b_slow(b, "gains are looked up one at a time: the level has no table "
                  "in registers");
    }
    x = b_mul(b, b_sext(b, x, 16), g);
    b_store_part(b, x, b_elt(b, c->t->out, i, 2, 0), count);
}

void
vq_body_shiftgelu(Build *b, const Args *args)
{
    const Type *t = vq_type(args->g, args->op->out);
    Gelu c = {.n = vq_cols(t),
              .exact = vq_get_i(args->op, A_EXACT, 0) != 0,
              .table = args->in[1],
              .table_m = args->in[2],
              .gain = b_alloca(b, 512),
              .gain_type = b->level->lut8 ? b->i8 : b->i16};
    Gains gains = {.t = &c};
    LLVMBasicBlockRef fill, go;
    Val last, mx, lo, hi;
    Loop loop;

    b_share(b, args, vq_rows(t), &lo, &hi);
    b_loop_range(b, &loop, lo, 1, hi);
    last = b_carry(b, &loop, b_i64(b, INT64_MIN));
    c.x = b_elt(b, args->in[0], loop.i, c.n, 0);
    c.out = b_elt(b, args->out, loop.i, c.n * 2, 0);
    mx = gelu_max(b, &c);
    fill = LLVMAppendBasicBlockInContext(b->c, b->fn, "");
    go = LLVMAppendBasicBlockInContext(b->c, b->fn, "");
    LLVMBuildCondBr(b->b, b_cmp(b, LLVMIntEQ, mx, last), go, fill);
    LLVMPositionBuilderAtEnd(b->b, fill);
    fill_gains(b, &c, mx);
    LLVMBuildBr(b->b, go);
    LLVMPositionBuilderAtEnd(b->b, go);
    gains.mx = b_splat(b, b_trunc(b, mx, 8), CODES);
    b_map(b, c.n, CODES, apply_gains, &gains);
    b_next(&loop, 0, mx);
    b_loop_end(b, &loop);
}
