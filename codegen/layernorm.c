/*
 * layernorm.c -- i.layernorm (IR.md): sums by pmaddwd, one reciprocal square
 * root a row, products in 64 bits.
 */
#include "codegen/module.h"

#include "ir/layout.h"

#include <math.h>
#include <stdlib.h>

enum { LANES = 16, SUM_LANES = 32, ROWS = 16 };

typedef struct Norm {
    int64_t n;
    int frac, shift;
    int64_t eps;
    DType dt;
    bool wide;  /* n * g + b may leave 32 bits */
    bool clamp; /* n may leave 16 bits: it is at most sqrt(C) * 2^frac + 1 */
    Val x, out, consts, saved;
    int64_t lanes;        /* of a constant array: g, then b */
    Val y;                /* i32: 1/sqrt in Q30, so that products are 32 x 32 */
    Val sum, round, down; /* i64: S1, and the shift after y */
} Norm;

/* The rows of eps are few and differ by layer: it is a constant too, so that
 * layers share code. Constants: s32 g, s32 b, s64 eps. */
bool
vq_plan_layernorm(Module *m, const Op *op, Plan *p)
{
    int64_t n = vq_cols(vq_type(m->g, op->in[0]));
    int64_t lanes = vq_align(n, LANES);
    const int32_t *g = m->g->val[op->in[1]].data;
    const int32_t *beta = m->g->val[op->in[2]].data;
    int32_t *k = NEWN(m->arena, int32_t, 2 * lanes + LANES);
    Norm *t = NEW(m->arena, Norm);
    int64_t most;

    *t = (Norm){.n = n,
                .frac = (int)vq_get_i(op, A_FRAC, 0),
                .shift = (int)vq_get_i(op, A_SHIFT, 0),
                .dt = vq_type(m->g, op->out)->dt,
                .lanes = lanes};
    most = vq_min((int64_t)ldexp(sqrt((double)n), t->frac) + 1, 1 << 15);
    t->clamp = most > INT16_MAX;
    for (int64_t i = 0; i < n; i++) {
        k[i] = g[i];
        k[lanes + i] = beta[i];
        t->wide |= llabs(g[i]) * most + llabs(beta[i]) > INT32_MAX;
    }
    *(int64_t *)(k + 2 * lanes) = vq_get_i(op, A_IEPS, 1);
    p->at[p->nconst++] = vq_module_const(m, k, (size_t)(2 * lanes + LANES) * 4);
    p->info = t;
    p->raw = 1;
    p->key =
        vq_format(m->arena, "layernorm %s %s %d %d %d %d",
                  vq_key_type(m, vq_type(m->g, op->in[0])),
                  vq_dtype[t->dt].text, t->frac, t->shift, t->wide, t->clamp);
    return true;
}

/* Lanes i .. i + count - 1 of the row, then zeros. */
static Val
load_row(Build *b, const Norm *t, Val i, unsigned lanes, unsigned count)
{
    return b_load_part(b, b_vec(b->i16, lanes), b_elt(b, t->x, i, 2, 0), count);
}

/* sum[0] += x by pairs in s32; sum[1] += x^2 in s64. A pair of squares is at
 * most 2^31: unsigned. */
static void
add_sums(Build *b, const Norm *t, Val *sum, Val i, unsigned count)
{
    Val x = load_row(b, t, i, SUM_LANES, count), sq = p_madd(b, x, x);

    sum[0] = b_add(b, sum[0], p_madd(b, x, b_const(LLVMTypeOf(x), 1)));
    sum[1] = b_add(b, sum[1], b_zext(b, b_slice(b, sq, 0, 8), 64));
    sum[1] = b_add(b, sum[1], b_zext(b, b_slice(b, sq, 8, 8), 64));
}

static void
sum_row(Build *b, const Norm *t, Val *sum)
{
    int64_t whole = t->n / SUM_LANES;
    Loop loop;

    sum[0] = b_const(b_vec(b->i32, 16), 0);
    sum[1] = b_const(b_vec(b->i64, 8), 0);
    if (whole) {
        b_loop(b, &loop, 0, SUM_LANES, whole);
        for (int k = 0; k < 2; k++)
            sum[k] = b_carry(b, &loop, sum[k]);
        add_sums(b, t, sum, loop.i, SUM_LANES);
        for (unsigned k = 0; k < 2; k++)
            b_next(&loop, k, sum[k]);
        b_loop_end(b, &loop);
    }
    if (t->n % SUM_LANES)
        add_sums(b, t, sum, b_i64(b, whole * SUM_LANES),
                 (unsigned)(t->n % SUM_LANES));
    sum[0] = b_sext(b, b_reduce(b, "add", sum[0]), 64);
    sum[1] = b_reduce(b, "add", sum[1]);
}

/* vq_rsqrt_q30 on i64. */
static Val
rsqrt_q30(Build *b, Val v)
{
    const int64_t one = INT64_C(1) << 30;
    Val y = b_sub(b, b_i64(b, one),
                  b_lshrc(b, b_mulc(b, b_subc(b, v, one), 715827883), 32));

    for (int i = 0; i < 4; i++) {
        Val t = b_lshrc(b, b_mul(b, y, y), 30);

        t = b_lshrc(b, b_mul(b, v, t), 30);
        t = b_sub(b, b_i64(b, 3 * one), t);
        y = b_lshrc(b, b_mul(b, y, t), 31);
    }
    return y;
}

/* y = 1 / sqrt(V), and the shift 30 + e/2 - frac with its rounding. */
static void
find_scale(Build *b, Norm *t, const Val *sum)
{
    Val v = b_mulc(b, sum[1], t->n), e, zeros, up, scaled;
    Val eps = b_load(b, b->i64, b_atc(b, t->consts, 8 * t->lanes), 8);

    v = b_add(b, b_sub(b, v, b_mul(b, sum[0], sum[0])), eps);
    zeros = b_intrinsic(b, "llvm.ctlz", b->i64, (Val[]){v, b_const(b->i1, 1)},
                        2, NULL);
    e = b_andc(b, b_sub(b, b_i64(b, 63), zeros), ~INT64_C(1));
    up = b_sub(b, b_i64(b, 30), e);
    scaled = b_select(b, b_cmp(b, LLVMIntSGE, up, b_i64(b, 0)),
                      b_shl(b, v, b_andc(b, up, 63)),
                      b_lshr(b, v, b_andc(b, b_sub(b, b_i64(b, 0), up), 63)));
    t->y = b_trunc(b, rsqrt_q30(b, scaled), 32);
    t->down = b_addc(b, b_lshrc(b, e, 1), 30 - t->frac);
    t->round = b_shl(b, b_i64(b, 1), b_subc(b, t->down, 1));
    t->sum = sum[0];
}

/* C * x_c - S1 of 16 columns: below 2^31 for rows of up to 2^15. */
static Val
centred(Build *b, const Norm *t, Val i, unsigned count)
{
    Val x = load_row(b, t, i, LANES, count);
    Val n = b_const(b_vec(b->i32, LANES), t->n);

    x = b_sext(b, x, 32);
    x = t->n <= INT16_MAX ? p_mul16(b, x, n) : b_mul(b, x, n);
    return b_sub(b, x, b_splat(b, b_trunc(b, t->sum, 32), LANES));
}

/* n_c of 16 columns in 32-bit lanes. */
static Val
normalized(Build *b, const Norm *t, Val i, unsigned count)
{
    Val n = b_sext(b, centred(b, t, i, count), 64);

    n = b_mul(b, n, b_sext(b, b_splat(b, t->y, LANES), 64));
    n = b_add(b, n, b_splat(b, t->round, LANES));
    n = b_ashr(b, n, b_splat(b, t->down, LANES));
    if (t->clamp)
        n = b_clamp(b, n, INT16_MIN, INT16_MAX);
    return b_trunc(b, n, 32);
}

static void
norm_lanes(Build *b, void *user, Val i, unsigned count)
{
    const Norm *t = user;
    unsigned size = vq_dtype[t->dt].bytes;
    Ty v = b_vec(b->i32, LANES);
    Val g = b_load(b, v, b_elt(b, t->consts, i, 4, 0), 64);
    Val beta = b_load(b, v, b_elt(b, t->consts, i, 4, 4 * t->lanes), 64);
    Val q = normalized(b, t, i, count);

    if (t->wide) {
        q = b_mul(b, b_sext(b, q, 64), b_sext(b, g, 64));
        q = b_add(b, q, b_sext(b, beta, 64));
    } else {
        q = b_add(b, p_mul16(b, q, g), beta);
    }
    q = b_clamp(b, b_ashrc(b, q, t->shift), vq_dtype[t->dt].lo,
                vq_dtype[t->dt].hi);
    b_store_part(b, b_trunc(b, q, size * 8), b_elt(b, t->out, i, size, 0),
                 count);
}

/* What the first turn over a row leaves for the second, on the stack. */
enum { SAVED = 4 * 8 };

static void
save_scale(Build *b, const Norm *t, Val at)
{
    b_store(b, t->sum, at, 8);
    b_store(b, t->y, b_atc(b, at, 8), 8);
    b_store(b, t->round, b_atc(b, at, 16), 8);
    b_store(b, t->down, b_atc(b, at, 24), 8);
}

static void
load_scale(Build *b, Norm *t, Val at)
{
    t->sum = b_load(b, b->i64, at, 8);
    t->y = b_load(b, b->i32, b_atc(b, at, 8), 8);
    t->round = b_load(b, b->i64, b_atc(b, at, 16), 8);
    t->down = b_load(b, b->i64, b_atc(b, at, 24), 8);
}

/* The long chain to 1 / sqrt(V) of a row waits for nothing in the next row's:
 * apart from the second turn, the CPU works on several at once. */
static void
emit_rows(Build *b, Norm *t, const Args *args, Val first, int64_t rows)
{
    int64_t out = t->n * vq_dtype[t->dt].bytes;
    Val sum[2], row;
    Loop loop;

    b_loop(b, &loop, 0, 1, rows);
    t->x = b_elt(b, args->in[0], b_add(b, first, loop.i), t->n * 2, 0);
    sum_row(b, t, sum);
    find_scale(b, t, sum);
    save_scale(b, t, b_elt(b, t->saved, loop.i, SAVED, 0));
    b_loop_end(b, &loop);
    b_loop(b, &loop, 0, 1, rows);
    row = b_add(b, first, loop.i);
    t->x = b_elt(b, args->in[0], row, t->n * 2, 0);
    t->out = b_elt(b, args->out, row, out, 0);
    load_scale(b, t, b_elt(b, t->saved, loop.i, SAVED, 0));
    b_map(b, t->n, LANES, norm_lanes, t);
    b_loop_end(b, &loop);
}

void
vq_body_layernorm(Build *b, const Args *args)
{
    Norm t = *(const Norm *)args->plan->info;
    int64_t rows = vq_rows(vq_type(args->g, args->op->in[0]));
    Loop loop;

    t.consts = args->konst[0];
    t.saved = b_alloca(b, ROWS * SAVED);
    if (rows / ROWS) {
        b_loop(b, &loop, 0, ROWS, rows / ROWS);
        emit_rows(b, &t, args, loop.i, ROWS);
        b_loop_end(b, &loop);
    }
    if (rows % ROWS)
        emit_rows(b, &t, args, b_i64(b, rows / ROWS * ROWS), rows % ROWS);
}
