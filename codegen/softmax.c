/*
 * softmax.c -- integer softmax (quant.h): a row in three turns, the maximum,
 * the exponentials and their sum, the probabilities.
 *
 * One division a row. The exponentials of the base-2 form are looked up 32 at
 * a time where the level can, else one by one.
 */
#include "codegen/softmax.h"

#include "codegen/module.h"
#include "ir/layout.h"

enum { LANES = 32 };

/* ---- the maximum ---- */

/* LANES scores from i on; those beyond n are the least number. */
static Val
load_scores(Build *b, const SoftmaxRow *r, unsigned bits, Val i, unsigned count)
{
    Ty v = b_int(b, bits, LANES);
    Val x = b_load(b, v, b_elt(b, r->x, i, bits / 8, 0), bits / 8);
    int lane[LANES];

    if (count == LANES)
        return x;
    for (unsigned k = 0; k < LANES; k++)
        lane[k] = k < count ? (int)k : LANES;
    return b_shuffle(b, x, b_const(v, -(INT64_C(1) << (bits - 1))), lane,
                     LANES);
}

/* The row's maximum as i32. */
static Val
row_max(Build *b, const SoftmaxRow *r, unsigned bits)
{
    int64_t whole = r->n / LANES;
    Val mx = b_const(b_int(b, bits, LANES), -(INT64_C(1) << (bits - 1)));
    Loop loop;

    if (whole) {
        b_loop(b, &loop, 0, LANES, whole);
        mx = b_carry(b, &loop, mx);
        mx = b_smax(b, mx, load_scores(b, r, bits, loop.i, LANES));
        b_next(&loop, 0, mx);
        b_loop_end(b, &loop);
    }
    if (r->n % LANES)
        mx = b_smax(b, mx,
                    load_scores(b, r, bits, b_i64(b, whole * LANES),
                                (unsigned)(r->n % LANES)));
    return b_sext(b, b_reduce(b, "smax", mx), 32);
}

/* ---- base 2: the exponentials ---- */

/* E of LANES scores, stored; returns the sum so far in 16 lanes. */
static Val
add_powers(Build *b, const SoftmaxRow *r, Val mx, Val sum, Val i,
           unsigned count)
{
    Val d = b_sub(b, mx, load_scores(b, r, 16, i, LANES));
    Val e = b->level->pow2(b, d, r->table);
    int64_t keep[LANES];

    for (unsigned k = 0; k < LANES; k++)
        keep[k] = k < count ? 0xffff : 0;
    if (count < LANES)
        e = b_and(b, e, b_consts(b, b->i16, keep, LANES));
    b_store(b, e, b_elt(b, r->exp, i, 2, 0), 64);
    sum = b_add(b, sum, b_zext(b, b_slice(b, e, 0, 16), 32));
    return b_add(b, sum, b_zext(b, b_slice(b, e, 16, 16), 32));
}

static Val
powers_by_lanes(Build *b, const SoftmaxRow *r, Val mx)
{
    int64_t whole = r->n / LANES;
    Val sum = b_const(b_vec(b->i32, 16), 0);
    Loop loop;

    mx = b_splat(b, b_trunc(b, mx, 16), LANES);
    if (whole) {
        b_loop(b, &loop, 0, LANES, whole);
        sum = b_carry(b, &loop, sum);
        sum = add_powers(b, r, mx, sum, loop.i, LANES);
        b_next(&loop, 0, sum);
        b_loop_end(b, &loop);
    }
    if (r->n % LANES)
        sum = add_powers(b, r, mx, sum, b_i64(b, whole * LANES),
                         (unsigned)(r->n % LANES));
    return b_reduce(b, "add", sum);
}

static Val
powers_one_by_one(Build *b, const SoftmaxRow *r, Val mx)
{
    Val sum, d, e, at;
    Loop loop;

    b_loop(b, &loop, 0, 1, r->n);
    sum = b_carry(b, &loop, b_i32(b, 0));
    d = b_load(b, b->i16, b_elt(b, r->x, loop.i, 2, 0), 2);
    d = b_sub(b, mx, b_sext(b, d, 32));
    at = b_zext(b, b_andc(b, d, 63), 64);
    e = b_load(b, b->i16, b_elt(b, r->table, at, 2, 0), 2);
    e = b_lshr(b, b_zext(b, e, 32), b_umin(b, b_lshrc(b, d, 6), b_i32(b, 31)));
    b_store(b, b_trunc(b, e, 16), b_elt(b, r->exp, loop.i, 2, 0), 2);
    b_next(&loop, 0, b_add(b, sum, e));
    b_loop_end(b, &loop);
    return loop.next[0];
}

/* ---- base 2: the probabilities ---- */

/* F and the shift: P = ((E * F >> shift) + 1) >> 1, all in 32 bits. */
typedef struct Factor {
    Val f, shift;
} Factor;

/*
 * e = floor(log2 T) - 15, F = 2^(31+e) / T <= 2^16, so that E * F fits u32.
 * The shift is 30 + e - pbits; where it is beyond 31, P is 0: F becomes 0.
 */
static Factor
find_factor(Build *b, const SoftmaxRow *r, Val sum)
{
    Val zeros = b_intrinsic(b, "llvm.ctlz", b->i32,
                            (Val[]){sum, b_const(b->i1, 1)}, 2, NULL);
    Val e = b_sub(b, b_i32(b, 31 - 15), zeros);
    Val power = b_shl(b, b_i64(b, 1), b_zext(b, b_addc(b, e, 31), 64));
    Val f = LLVMBuildUDiv(b->b, power, b_zext(b, sum, 64), "");
    Val shift = b_addc(b, e, 30 - r->pbits);
    Val none = b_cmp(b, LLVMIntUGT, shift, b_i32(b, 31));

    f = b_select(b, none, b_i32(b, 0), b_trunc(b, f, 32));
    return (Factor){b_splat(b, f, 16),
                    b_splat(b, b_umin(b, shift, b_i32(b, 31)), 16)};
}

/* p: a scalar or lanes of 32 or 64 bits. */
static void
store_probabilities(Build *b, const SoftmaxRow *r, Val p, Val i, unsigned count)
{
    int64_t size = r->pbits > 8 && !r->low ? 2 : 1;
    Val to = b_elt(b, r->high, i, size, 0);

    if (r->low) {
        b_store_part(b, b_trunc(b, p, 8), b_at(b, r->low, i), count);
        p = b_lshrc(b, p, 8);
    }
    p = b_trunc(b, p, (unsigned)size * 8);
    if (r->flip)
        p = b_xor(b, p, b_const(LLVMTypeOf(p), INT16_MIN));
    b_store_part(b, p, to, count);
}

typedef struct Normalize {
    const SoftmaxRow *r;
    Factor f;
} Normalize;

static void
normalize(Build *b, void *user, Val i, unsigned count)
{
    const Normalize *n = user;
    Val e = b_load(b, b_vec(b->i16, 16), b_elt(b, n->r->exp, i, 2, 0), 32);
    Val p = b_mul(b, b_zext(b, e, 32), n->f.f);

    p = b_lshrc(b, b_addc(b, b_lshr(b, p, n->f.shift), 1), 1);
    p = b_umin(b, p, b_const(LLVMTypeOf(p), (1 << n->r->pbits) - 1));
    store_probabilities(b, n->r, p, i, count);
}

static void
softmax_base2(Build *b, const SoftmaxRow *r)
{
    Val mx = row_max(b, r, 16);
    Val sum = b->level->pow2 ? powers_by_lanes(b, r, mx)
                             : powers_one_by_one(b, r, mx);
    Normalize n = {r, find_factor(b, r, sum)};

    b_map(b, r->n, 16, normalize, &n);
}

/* ---- Shiftmax ---- */

/* table[max - x[i]] as i64. */
static Val
shift_power(Build *b, const SoftmaxRow *r, Val mx, Val i)
{
    Val x = b_sext(b, b_load(b, b->i8, b_at(b, r->x, i), 1), 32);
    Val at = b_zext(b, b_sub(b, mx, x), 64);

    return b_zext(b, b_load(b, b->i32, b_elt(b, r->table, at, 4, 0), 4), 64);
}

static void
softmax_shiftmax(Build *b, const SoftmaxRow *r)
{
    Val mx = row_max(b, r, 8), sum, f;
    Loop loop;

    b_loop(b, &loop, 0, 1, r->n);
    sum = b_carry(b, &loop, b_i64(b, 0));
    b_next(&loop, 0, b_add(b, sum, shift_power(b, r, mx, loop.i)));
    b_loop_end(b, &loop);
    f = LLVMBuildUDiv(b->b, b_i64(b, INT32_MAX),
                      b_umin(b, loop.next[0], b_i64(b, INT32_MAX)), "");
    b_loop(b, &loop, 0, 1, r->n);
    sum = b_mul(b, shift_power(b, r, mx, loop.i), f);
    store_probabilities(b, r, b_lshrc(b, sum, 31 - r->pbits), loop.i, 1);
    b_loop_end(b, &loop);
}

typedef void SoftmaxFn(Build *, const SoftmaxRow *);

static SoftmaxFn *const softmax_fn[NSOFTMAXFORM] = {
    [SM_BASE2] = softmax_base2,
    [SM_SHIFTMAX] = softmax_shiftmax,
};

void
vq_emit_softmax_row(Build *b, const SoftmaxRow *r)
{
    softmax_fn[r->form](b, r);
}

/* ---- i.softmax ---- */

bool
vq_plan_softmax(Module *m, const Op *op, Plan *p)
{
    p->raw = 3;
    p->key = vq_key(m, op);
    return true;
}

void
vq_body_softmax(Build *b, const Args *args)
{
    const Type *x = vq_type(args->g, args->op->in[0]);
    const Type *out = vq_type(args->g, args->op->out);
    int64_t n = vq_cols(x);
    SoftmaxRow r = {.form = (SoftmaxForm)vq_get_i(args->op, A_SOFTMAX, 0),
                    .pbits = (int)vq_get_i(args->op, A_PBITS, 16),
                    .n = n,
                    .table = args->in[1],
                    .exp = args->scratch};
    Loop loop;

    b_loop(b, &loop, 0, 1, vq_rows(x));
    r.x = b_elt(b, args->in[0], loop.i, n * vq_dtype[x->dt].bytes, 0);
    r.high = b_elt(b, args->out, loop.i, n * vq_dtype[out->dt].bytes, 0);
    vq_emit_softmax_row(b, &r);
    b_loop_end(b, &loop);
}
