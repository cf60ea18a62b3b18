/*
 * ivit.c -- I-ViT's layernorm and ShiftGELU (ir/ivit.c has the arithmetic).
 */
#include "codegen/requant.h"
#include "ir/layout.h"

#include <stdlib.h>

enum { LANES = 16 };

/* ---- i.ivitnorm ---- */

typedef struct Norm {
    RequantPlan rq;
    int64_t n;
    DType dt;
    Val x, out, consts, bias; /* bias: s64 */
    Val mean, f;              /* i64 */
} Norm;

static int64_t
plan_bias(Module *m, const int64_t *bias, int64_t n)
{
    int64_t lanes = vq_align(n, LANES);
    int64_t *b = NEWN(m->arena, int64_t, lanes);

    for (int64_t i = 0; i < n; i++) /* the sum saturates to 32 bits anyway */
        b[i] = vq_clamp(bias[i], -(INT64_C(1) << 40), INT64_C(1) << 40);
    return vq_module_const(m, b, (size_t)lanes * 8);
}

bool
vq_plan_ivitnorm(Module *m, const Op *op, Plan *p)
{
    const Type *out = vq_type(m->g, op->out);
    int64_t n = vq_cols(out), lanes = vq_align(n, LANES);
    int64_t each = vq_count(vq_type(m->g, op->in[2])) > 1;
    int32_t *channel = NEWN(m->arena, int32_t, lanes);
    Norm *t = NEW(m->arena, Norm);
    RequantIn in = {.form = RQ_DYADIC,
                    .mul = m->g->val[op->in[2]].data,
                    .shift = m->g->val[op->in[3]].data,
                    .channel = channel,
                    .entries = lanes,
                    .dt = out->dt,
                    .zero = out->q.zero};

    for (int64_t i = 0; i < lanes; i++)
        channel[i] = i < n ? (int32_t)(i * each) : -1;
    t->n = n;
    t->dt = out->dt;
    p->at[p->nconst++] = vq_requant_plan(m, &in, &t->rq);
    p->at[p->nconst++] = plan_bias(m, m->g->val[op->in[1]].data, n);
    p->info = t;
    p->raw = 1;
    p->key =
        vq_format(m->arena, "%s %s", vq_key(m, op), vq_requant_key(m, &t->rq));
    return true;
}

/* x less `less` in LANES of 64 bits. */
static Val
load_less(Build *b, const Norm *t, Val less, Val i)
{
    Val x = b_load(b, b_vec(b->i16, LANES), b_elt(b, t->x, i, 2, 0), 2);

    return b_sub(b, b_sext(b, x, 64), b_splat(b, less, LANES));
}

/* Sums over the row of x - less, or of its square. */
static Val
row_sum(Build *b, const Norm *t, Val less, bool square)
{
    int64_t whole = t->n / LANES;
    Val sum = b_const(b_vec(b->i64, LANES), 0), x;
    unsigned rest = (unsigned)(t->n % LANES);
    int lane[LANES];
    Loop loop;

    if (whole) {
        b_loop(b, &loop, 0, LANES, whole);
        sum = b_carry(b, &loop, sum);
        x = load_less(b, t, less, loop.i);
        sum = b_add(b, sum, square ? b_mul(b, x, x) : x);
        b_next(&loop, 0, sum);
        b_loop_end(b, &loop);
    }
    if (rest) {
        for (unsigned k = 0; k < LANES; k++)
            lane[k] = k < rest ? (int)k : LANES;
        x = load_less(b, t, less, b_i64(b, whole * LANES));
        x = square ? b_mul(b, x, x) : x;
        x = b_shuffle(b, x, LLVMConstNull(LLVMTypeOf(x)), lane, LANES);
        sum = b_add(b, sum, x);
    }
    return b_reduce(b, "add", sum);
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

/* Ten of Newton's steps from 2^16, as published. */
static Val
newton_sqrt(Build *b, Val v)
{
    Loop loop;
    Val k;

    b_loop(b, &loop, 0, 1, 10);
    k = b_carry(b, &loop, b_i64(b, 1 << 16));
    k = b_add(b, k, LLVMBuildUDiv(b->b, v, k, ""));
    b_next(&loop, 0, b_lshrc(b, k, 1));
    b_loop_end(b, &loop);
    return loop.next[0];
}

static void
ivitnorm_lanes(Build *b, void *user, Val i, unsigned count)
{
    const Norm *t = user;
    unsigned size = vq_dtype[t->dt].bytes;
    Val y = load_less(b, t, t->mean, i);
    Val bias = b_load(b, b_vec(b->i64, LANES), b_elt(b, t->bias, i, 8, 0), 64);

    y = b_ashrc(b, b_mul(b, y, b_splat(b, t->f, LANES)), 1);
    y = b_add(b, b_sext(b, b_trunc(b, y, 32), 64), bias);
    y = b_trunc(b, b_clamp(b, y, INT32_MIN, INT32_MAX), 32);
    y = vq_requant_vector(b, &t->rq, t->consts, y, i);
    if (size < 4)
        y = b_trunc(b, y, size * 8);
    b_store_part(b, y, b_elt(b, t->out, i, size, 0), count);
}

void
vq_body_ivitnorm(Build *b, const Args *args)
{
    Norm t = *(const Norm *)args->plan->info;
    Loop loop;
    Val v;

    t.consts = args->konst[0];
    t.bias = args->konst[1];
    b_loop(b, &loop, 0, 1, vq_rows(vq_type(args->g, args->op->out)));
    t.x = b_elt(b, args->in[0], loop.i, t.n * 2, 0);
    t.out = b_elt(b, args->out, loop.i, t.n * vq_dtype[t.dt].bytes, 0);
    t.mean = div_half_even(b, row_sum(b, &t, b_i64(b, 0), false), t.n);
    v = newton_sqrt(b, row_sum(b, &t, t.mean, true));
    t.f = LLVMBuildUDiv(b->b, b_i64(b, INT32_MAX), v, "");
    b_map(b, t.n, LANES, ivitnorm_lanes, &t);
    b_loop_end(b, &loop);
}

/* ---- i.shiftgelu ---- */

typedef struct Gelu {
    int64_t n;
    bool exact;
    Val x, out, table, table_m;
    Val gain; /* s16[256] on the stack: by mx - x, for the last maximum */
} Gelu;

bool
vq_plan_shiftgelu(Module *m, const Op *op, Plan *p)
{
    p->raw = 1 << 0 | 1 << 1 | 1 << 2;
    p->key = vq_key(m, op);
    return true;
}

/* The row's maximum as i64. */
static Val
gelu_max(Build *b, const Gelu *t)
{
    Loop loop;
    Val mx, x;

    b_loop(b, &loop, 0, 1, t->n);
    mx = b_carry(b, &loop, b_const(b->i8, -128));
    x = b_load(b, b->i8, b_at(b, t->x, loop.i), 1);
    b_next(&loop, 0, b_smax(b, mx, x));
    b_loop_end(b, &loop);
    return b_sext(b, loop.next[0], 64);
}

/* The gains of all distances from a maximum: a code has no other influence, so
 * a row divides at most 256 times, and not at all when the maximum stays. */
static void
fill_gains(Build *b, const Gelu *t, Val mx)
{
    Val em = b_load(b, b->i32, b_elt(b, t->table_m, mx, 4, 128 * 4), 4);
    Val e, d, g;
    Loop loop;

    b_loop(b, &loop, 0, 1, 256);
    e = b_zext(b, b_load(b, b->i32, b_elt(b, t->table, loop.i, 4, 0), 4), 64);
    d = b_add(b, e, b_zext(b, em, 64));
    d = b_umin(b, d, b_i64(b, INT32_MAX));
    if (t->exact) {
        g = LLVMBuildUDiv(b->b, b_shlc(b, e, 7), d, "");
        g = b_umin(b, g, b_i64(b, 127));
    } else {
        g = LLVMBuildUDiv(b->b, b_i64(b, INT32_MAX), d, "");
        g = b_lshrc(b, b_mul(b, e, g), 24);
    }
    b_store(b, b_trunc(b, g, 16), b_elt(b, t->gain, loop.i, 2, 0), 2);
    b_loop_end(b, &loop);
}

static void
apply_gains(Build *b, const Gelu *t, Val mx)
{
    Loop loop;
    Val x, g;

    b_loop(b, &loop, 0, 1, t->n);
    x = b_sext(b, b_load(b, b->i8, b_at(b, t->x, loop.i), 1), 64);
    g = b_load(b, b->i16, b_elt(b, t->gain, b_sub(b, mx, x), 2, 0), 2);
    b_store(b, b_mul(b, b_trunc(b, x, 16), g), b_elt(b, t->out, loop.i, 2, 0),
            2);
    b_loop_end(b, &loop);
}

void
vq_body_shiftgelu(Build *b, const Args *args)
{
    const Type *t = vq_type(args->g, args->op->out);
    Gelu c = {.n = vq_cols(t),
              .exact = vq_get_i(args->op, A_EXACT, 0) != 0,
              .table = args->in[1],
              .table_m = args->in[2],
              .gain = b_alloca(b, 512)};
    LLVMBasicBlockRef fill, go;
    Loop loop;
    Val last, mx;

    b_loop(b, &loop, 0, 1, vq_rows(t));
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
    apply_gains(b, &c, mx);
    b_next(&loop, 0, mx);
    b_loop_end(b, &loop);
}
