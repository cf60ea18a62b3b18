/*
 * layernorm.c -- i.layernorm (IR.md): sums by pmaddwd, one reciprocal square
 * root a row, exact 64-bit products of 32-bit lanes.
 *
 * A step is one register of s16 columns. Its even and its odd columns go apart:
 * pmaddwd with (C, 0) or (0, C) widens and multiplies them at once. With
 *
 *   u_c = C * x_c - S1 + 2^31        unsigned, 32 bits
 *   u_c * y + (round - y * 2^31)  =  (C * x_c - S1) * y + round
 *
 * products are unsigned ones, which every level has. n_c fits 16 bits
 * (verify_int.c), so it is 16 bits of the sum, whatever a logical shift leaves
 * above them.
 *
 * In rows of more than 2^15 columns C * x_c - S1 has k bits too many: products
 * by C are of 64-bit lanes as well, shifted before they meet y, and n_c is
 * clamped. Constants that are the same for many columns, as those of a norm of
 * channels of pixels, are stored once.
 */
#include "codegen/module.h"
#include "codegen/norm_consts.h"
#include "codegen/remark.h"
#include "codegen/row_sums.h"

#include "ir/layout.h"
#include "ir/quant.h"

#include <stdlib.h>

enum {
    ROWS = 16,
    FAR = 48, /* a longer shift leaves less than 16 bits */
};

typedef struct Norm {
    int64_t n;
    int frac, shift;
    DType dt;
    bool far; /* the shift may be longer than FAR */
    bool centre;
    int excess; /* k of a long row */
    Val x, out, consts, saved;
    int64_t run, lanes; /* of norm_consts.h */
    int64_t heads;      /* rows in a row: head h has the h-th g and b */
    Val all;            /* constants of all heads */
    Val less, y;        /* i32: 2^31 - S1, and 1/sqrt(V) in Q30 */
    Val add, down;      /* i64: what is added to u * y, and the shift then */
} Norm;

/* The greatest shift: V is below C^2 * 2^30 + E. A number to be clamped needs
 * its sign. */
static bool
shifts_far(const Norm *t, int64_t eps)
{
    uint64_t most = ((uint64_t)(t->n * t->n) << 30) + (uint64_t)eps;

    return t->excess || 30 + (63 - __builtin_clzll(most)) / 2 - t->frac > FAR;
}

static bool
fits_32_bits(const Norm *t, const int32_t *g, const int32_t *b)
{
    int64_t most = vq_norm_most(t->n, t->frac);

    for (int64_t i = 0; i < t->n * t->heads; i++)
        if (llabs(g[i]) > INT16_MAX ||
            most * llabs(g[i]) + llabs(b[i]) > INT32_MAX)
            return false;
    return t->excess || t->n << 2 * t->frac < INT64_C(1) << 30;
}

bool
vq_plan_layernorm(Module *m, const Op *op, Plan *p)
{
    int64_t heads = vq_get_i(op, A_HEADS, 1);
    int64_t n = vq_cols(vq_type(m->g, op->in[0])) / heads;
    int64_t eps = vq_get_i(op, A_IEPS, 1);
    NormConsts c = {.n = n, .heads = heads};
    const int32_t *g = m->g->val[op->in[1]].data;
    const int32_t *beta = m->g->val[op->in[2]].data;
    const int32_t *k = vq_norm_consts(m->arena, &c, g, beta, eps);
    Norm *t = NEW(m->arena, Norm);

    *t = (Norm){.n = n,
                .frac = (int)vq_get_i(op, A_FRAC, 0),
                .shift = (int)vq_get_i(op, A_SHIFT, 0),
                .dt = vq_type(m->g, op->out)->dt,
                .centre = vq_get_i(op, A_MEAN, 1) != 0,
                .excess = vq_norm_down(n),
                .heads = heads,
                .run = c.run,
                .lanes = c.lanes};
    if (!fits_32_bits(t, g, beta))
        return vq_bug(m->diag, op->loc, "a layernorm's sums leave 32 bits");
    t->far = shifts_far(t, eps);
    p->at[p->nconst++] = vq_module_const(m, k, (size_t)c.size);
    p->info = t;
    p->raw = 1;
    p->key = vq_format(m->arena, "layernorm %s %s %d %d %d %d %lld %lld",
                       vq_key_type(m, vq_type(m->g, op->in[0])),
                       vq_dtype[t->dt].text, t->frac, t->shift, t->far,
                       t->centre, (long long)heads, (long long)t->run);
    return true;
}

/* ---- first turn: sums of a row, and its scale ---- */

/*
 * What the first turn leaves for the second, on the stack: an array of i64 for
 * each, one of ROWS rows. The chain to 1 / sqrt(V) is long, so all rows go
 * through it together.
 */
enum Saved {
    AT_SCALED = 0,         /* V in [2^30, 2^32), then y = 1/sqrt(V) */
    AT_ADD = 1 * ROWS * 8, /* the shift's rounding, then t->add */
    AT_DOWN = 2 * ROWS * 8,
    AT_LESS = 3 * ROWS * 8,
    SAVED = 4 * ROWS * 8
};

/* C * squares - S1^2, less what a long row's columns are shifted by, twice. */
static Val
find_variance(Build *b, const Norm *t, Val sum, Val squares)
{
    unsigned bits = t->excess ? 128 : 64;
    Val v;

    sum = b_sext(b, sum, bits);
    v = b_sub(b, b_mulc(b, b_zext(b, squares, bits), t->n), b_mul(b, sum, sum));
    return t->excess ? b_trunc(b, b_lshrc(b, v, 2 * t->excess), 64) : v;
}

/* What is added to C * x_c to make u_c; to C * (x_c + 2^15) in a long row, and
 * u_c has k bits more. */
static Val
find_less(Build *b, const Norm *t, Val sum)
{
    int64_t add = INT64_C(1) << (31 + t->excess);

    return b_sub(b, b_i64(b, t->excess ? add - (t->n << 15) : add), sum);
}

/* V becomes the scaled v and the shift. */
static void
save_row(Build *b, const Norm *t, Val at, Val sum, Val squares)
{
    Val eps = b_load(b, b->i64, b_atc(b, t->all, 8 * t->lanes * t->heads), 8);
    Val v = b_add(b, find_variance(b, t, sum, squares), eps), e, zeros, up,
        down;

    zeros = b_intrinsic(b, "llvm.ctlz", b->i64, (Val[]){v, b_const(b->i1, 1)},
                        2, NULL);
    e = b_andc(b, b_sub(b, b_i64(b, 63), zeros), ~INT64_C(1));
    up = b_sub(b, b_i64(b, 30), e);
    v = b_select(b, b_cmp(b, LLVMIntSGE, up, b_i64(b, 0)),
                 b_shl(b, v, b_andc(b, up, 63)),
                 b_lshr(b, v, b_andc(b, b_sub(b, b_i64(b, 0), up), 63)));
    down = b_addc(b, b_lshrc(b, e, 1), 30 - t->frac);
    b_store(b, v, b_atc(b, at, AT_SCALED), 8);
    b_store(b, b_shl(b, b_i64(b, 1), b_subc(b, down, 1)), b_atc(b, at, AT_ADD),
            8);
    b_store(b, down, b_atc(b, at, AT_DOWN), 8);
    b_store(b, find_less(b, t, sum), b_atc(b, at, AT_LESS), 8);
}

/* vq_rsqrt_q30 on lanes of i64. */
static Val
rsqrt_q30(Build *b, Val v)
{
    const int64_t one = INT64_C(1) << 30;
    Ty type = LLVMTypeOf(v);
    Val y = p_mulu(b, b_subc(b, v, one), b_const(type, 715827883));

    y = b_sub(b, b_const(type, one), b_lshrc(b, y, 32));
    for (int i = 0; i < 4; i++) {
        Val t = b_lshrc(b, p_mulu(b, y, y), 30);

        t = b_lshrc(b, p_mulu(b, v, t), 30);
        t = b_sub(b, b_const(type, 3 * one), t);
        y = b_lshrc(b, p_mulu(b, y, t), 31);
    }
    return y;
}

/* The scales of all rows; those beyond the last one are of no use. */
static void
find_scales(Build *b, Val saved)
{
    Val v = b_load(b, b_vec(b->i64, ROWS), b_atc(b, saved, AT_SCALED), 64);
    Val y = rsqrt_q30(b, v), add = b_atc(b, saved, AT_ADD);

    b_store(b, y, b_atc(b, saved, AT_SCALED), 64);
    b_store(b, b_sub(b, b_load(b, LLVMTypeOf(y), add, 64), b_shlc(b, y, 31)),
            add, 64);
}

static void
load_scale(Build *b, Norm *t, Val at)
{
    unsigned wide = vq_row_step(b) / 4; /* lanes of 64 bits */

    t->less = b_load(b, t->excess ? b->i64 : b->i32, b_atc(b, at, AT_LESS), 8);
    t->less = b_splat(b, t->less, t->excess ? wide : 2 * wide);
    t->y = b_splat(b, b_load(b, b->i32, b_atc(b, at, AT_SCALED), 8), 2 * wide);
    t->y = b_bitcast(b, t->y, b_vec(b->i64, wide));
    t->add = b_load(b, b->i64, b_atc(b, at, AT_ADD), 8);
    t->add = b_splat(b, t->add, wide);
    t->down = b_load(b, b->i64, b_atc(b, at, AT_DOWN), 8);
    t->down = b_splat(b, t->down, wide);
}

/* ---- second turn: a row's columns ---- */

/* Lanes of 16 bits that pmaddwd takes for the even or the odd columns. */
static Val
one_of_two(Build *b, int64_t x, unsigned lanes, int odd)
{
    int64_t c[64] = {0};

    for (unsigned i = (unsigned)odd; i < lanes; i += 2)
        c[i] = x;
    return b_consts(b, b->i16, c, lanes);
}

/* u_c; of a long row x_c + 2^15. As s16, C = 2^15 is -2^15. */
static Val
centred(Build *b, const Norm *t, Val x, int odd)
{
    Val c;

    if (t->excess) {
        c = b_xor(b, x, b_const(LLVMTypeOf(x), 1 << 15));
        c = b_bitcast(b, c, b_vec(b->i32, b_lanes(x) / 2));
        return odd ? b_lshrc(b, c, 16) : b_andc(b, c, UINT16_MAX);
    }
    c = p_madd(b, x, one_of_two(b, (int16_t)t->n, b_lanes(x), odd));
    return t->n > INT16_MAX ? b_sub(b, t->less, c) : b_add(b, t->less, c);
}

/* u_c in the low half of each 64-bit lane, of every other one of 32 bits. */
static Val
every_other(Build *b, const Norm *t, Val pair, int k)
{
    Val u = k ? b_lshrc(b, pair, 32) : pair;

    if (!t->excess)
        return u;
    u = p_mulu(b, u, b_const(LLVMTypeOf(u), t->n));
    return b_lshrc(b, b_add(b, u, t->less), t->excess);
}

/* n_c in the low 16 bits of each lane, in the order of vq_norm_column. */
static Val
normalized(Build *b, const Norm *t, Val u)
{
    unsigned wide = b_lanes(u) / 2;
    Val pair = b_bitcast(b, u, b_vec(b->i64, wide)), p[2];
    int lane[32];

    if (t->far)
        b_slow(b, "shifts by more than 48 keep their sign in 64-bit lanes: "
                  "epsilon or the row is long");
    for (int k = 0; k < 2; k++) {
        p[k] = p_mulu(b, every_other(b, t, pair, k), t->y);
        p[k] = b_add(b, p[k], t->add);
        p[k] = t->far ? b_ashr(b, p[k], t->down) : b_lshr(b, p[k], t->down);
        p[k] = b_bitcast(b, p[k], LLVMTypeOf(u));
    }
    for (unsigned i = 0; i < 2 * wide; i++)
        lane[i] = (int)(i / 4 * 4 + i % 2 * 2 + (i % 4 / 2) * 2 * wide);
    u = b_shuffle(b, p[0], p[1], lane, 2 * wide);
    return t->excess ? b_clamp(b, u, INT16_MIN, INT16_MAX) : u;
}

/* s32 g or b of a half step. */
static Val
load_const(Build *b, const Norm *t, Val i, unsigned lanes, int64_t first,
           int odd)
{
    Val at;

    if (t->run > 1)
        return b_splat(b, b_load(b, b->i32, b_atc(b, t->consts, first), 4),
                       lanes);
    at = b_elt(b, t->consts, i, 2, odd * 2 * t->lanes);
    return b_load(b, b_vec(b->i32, lanes), b_atc(b, at, first), lanes * 4);
}

/* Codes of the even or odd columns of a step, before they are clamped. */
static Val
half_step(Build *b, const Norm *t, Val x, Val i, int odd)
{
    unsigned lanes = b_lanes(x) / 2;
    Val g = load_const(b, t, i, lanes, 0, odd);
    Val beta = load_const(b, t, i, lanes, 4 * t->lanes, odd);
    Val n = normalized(b, t, centred(b, t, x, odd));

    n = p_madd(b, b_bitcast(b, n, LLVMTypeOf(x)),
               b_bitcast(b, g, LLVMTypeOf(x)));
    return b_ashrc(b, b_add(b, n, beta), t->shift);
}

/* A step's codes in 16 bits: in each 128-bit lane eight columns, even ones
 * first. */
static Val
step_lanes(Build *b, const Norm *t, Val i, unsigned count)
{
    Val x = vq_row_load(b, t->x, i, count);

    return p_pack16(b, half_step(b, t, x, i, 0), half_step(b, t, x, i, 1));
}

/* Eight columns of each 128-bit lane in their order; a lane of 8-bit codes has
 * two such groups. */
static Val
sort_columns(Build *b, Val x)
{
    static const int from[8] = {0, 4, 2, 6, 1, 5, 3, 7}; /* its own inverse */
    unsigned n = b_lanes(x);
    int lane[64], at[8];

    for (int i = 0; i < 8; i++)
        at[from[i]] = i;
    for (unsigned i = 0; i < n; i++)
        lane[i] = (int)(i & ~7u) + at[i % 8];
    return b_shuffle(b, x, NULL, lane, n);
}

/* Groups of eight bytes: those of the first step, then those of the second. */
static Val
sort_steps(Build *b, Val x)
{
    unsigned n = b_lanes(x) / 8;
    int lane[8];

    for (unsigned i = 0; i < n; i++)
        lane[i] = (int)(i % (n / 2) * 2 + i / (n / 2));
    return b_shuffle(b, b_bitcast(b, x, b_vec(b->i64, n)), NULL, lane, n);
}

static void
norm_bytes(Build *b, void *user, Val i, unsigned count)
{
    const Norm *t = user;
    unsigned step = vq_row_step(b);
    Val lo = step_lanes(b, t, i, (unsigned)vq_min(count, step)), hi = lo, x;

    if (count > step)
        hi = step_lanes(b, t, b_addc(b, i, step), count - step);
    x = sort_columns(b, p_pack8(b, lo, hi, t->dt == DT_S8));
    x = b_bitcast(b, sort_steps(b, x), b_vec(b->i8, 2 * step));
    b_store_part(b, x, b_at(b, t->out, i), count);
}

static void
norm_words(Build *b, void *user, Val i, unsigned count)
{
    const Norm *t = user;
    Val x = sort_columns(b, step_lanes(b, t, i, count));

    b_store_part(b, x, b_elt(b, t->out, i, 2, 0), count);
}

static Val
head_consts(Build *b, const Norm *t, Val row)
{
    if (t->heads == 1)
        return t->all;
    return b_elt(b, t->all, LLVMBuildURem(b->b, row, b_i64(b, t->heads), ""),
                 8 * t->lanes, 0);
}

/* ---- rows ---- */

/* The columns of a row, or of a run: this part's share of them, or all. */
static void
emit_columns(Build *b, Norm *t, const Args *args, bool share)
{
    bool bytes = vq_dtype[t->dt].bytes == 1;
    int64_t n = t->run > 1 ? t->run : t->n;
    unsigned step = (bytes ? 2 : 1) * vq_row_step(b);
    MapFn *fn = bytes ? norm_bytes : norm_words;

    if (share)
        b_map_share(b, args, n, step, fn, t);
    else
        b_map(b, n, step, fn, t);
}

/* The only row is shared by all parts, each of which sums it up. */
static bool
shares_columns(const Norm *t, const Args *args)
{
    return t->n >= VQ_MANYCOLS &&
           vq_rows(vq_type(args->g, args->op->in[0])) * t->heads == 1;
}

static void
emit_row(Build *b, Norm *t, const Args *args)
{
    int64_t runs = t->run > 1 ? t->n / t->run : 1;
    bool share = shares_columns(t, args);
    Val lo = b_i64(b, 0), hi = b_i64(b, runs);
    Norm run = *t;
    Loop loop;

    if (runs == 1) {
        emit_columns(b, t, args, share);
        return;
    }
    if (share)
        b_share(b, args, runs, &lo, &hi);
    b_loop_range(b, &loop, lo, 1, hi);
    run.x = b_elt(b, t->x, loop.i, t->run * 2, 0);
    run.out = b_elt(b, t->out, loop.i, t->run * vq_dtype[t->dt].bytes, 0);
    run.consts = b_elt(b, t->consts, loop.i, 4, 0);
    emit_columns(b, &run, args, false);
    b_loop_end(b, &loop);
}

/* Rows [first, end), ROWS at most. */
static void
emit_rows(Build *b, Norm *t, const Args *args, Val first, Val end)
{
    Val sum, squares;
    Loop loop;

    b_loop_range(b, &loop, first, 1, end);
    t->x = b_elt(b, args->in[0], loop.i, t->n * 2, 0);
    vq_row_sums(b, t->x, t->n, &sum, &squares);
    if (!t->centre)
        sum = b_i64(b, 0);
    save_row(b, t, b_elt(b, t->saved, b_sub(b, loop.i, first), 8, 0), sum,
             squares);
    b_loop_end(b, &loop);
    find_scales(b, t->saved);
    b_loop_range(b, &loop, first, 1, end);
    t->x = b_elt(b, args->in[0], loop.i, t->n * 2, 0);
    t->out = b_elt(b, args->out, loop.i, t->n * vq_dtype[t->dt].bytes, 0);
    t->consts = head_consts(b, t, loop.i);
    load_scale(b, t, b_elt(b, t->saved, b_sub(b, loop.i, first), 8, 0));
    emit_row(b, t, args);
    b_loop_end(b, &loop);
}

void
vq_body_layernorm(Build *b, const Args *args)
{
    Norm t = *(const Norm *)args->plan->info;
    Val lo, hi, end;
    int64_t rows = vq_rows(vq_type(args->g, args->op->in[0])) * t.heads;
    Loop loop;

    t.all = args->konst[0];
    t.saved = b_alloca(b, SAVED);
    lo = b_i64(b, 0);
    hi = b_i64(b, 1);
    if (!shares_columns(&t, args))
        b_share(b, args, rows, &lo, &hi);
    b_loop_range(b, &loop, lo, ROWS, hi);
    end = b_least(b, b_addc(b, loop.i, ROWS), hi);
    emit_rows(b, &t, args, loop.i, end);
    b_loop_end(b, &loop);
}
