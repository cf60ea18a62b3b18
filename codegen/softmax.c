/*
 * softmax.c -- integer softmax (quant.h): the maximum, the exponentials and
 * their sum, the probabilities.
 *
 * A row is a chain of three reductions: rows go side by side, and all of them
 * as far as their sums before the first is divided, so that one row's chain
 * runs beside its neighbours' work.
 */
#include "codegen/softmax.h"

#include "codegen/module.h"
#include "codegen/remark.h"
#include "ir/layout.h"

enum { LANES = 32, ROWS = VQ_SOFTMAX_ROWS };

/* What a row is normalized by, in all lanes. */
typedef struct Factor {
    Val f, shift;
    Val low, few; /* base 2, pbits 16: see factor_16 */
    Val s;        /* the same, where it is one shift */
} Factor;

/* One form of softmax, LANES at a time. */
typedef struct Form {
    SoftmaxForm form;
    int pbits;
    unsigned score, power, sum; /* bits of a score, an exponential, a sum */
    Val (*powers)(Build *, const Softmax *, Val d);
    Val (*add)(Build *, Val sum, Val e); /* in 16 lanes */
    Val (*total)(Build *, const Softmax *, Val sum);
    Factor (*factor)(Build *, Val total);
    Val (*normalize)(Build *, const Factor *, Val e);
} Form;

static Val
splat16(Build *b, Val x)
{
    return b_splat(b, b_trunc(b, x, 16), LANES);
}

/* ---- base 2: the exponentials ---- */

void
vq_emit_powers(Build *b, SoftmaxForm form, Val table, Val powers)
{
    Ty v = b_vec(b->i16, LANES);
    Loop shift, part;
    Val e;

    if (form != SM_BASE2 || b->level->pow2)
        return;
    b_loop(b, &shift, 0, 1, 16);
    b_loop(b, &part, 0, 2 * LANES, 2);
    e = b_load(b, v, b_at(b, table, part.i), 64);
    e = b_lshr(b, e, splat16(b, shift.i));
    b_store(b, e, b_elt(b, b_at(b, powers, part.i), shift.i, 128, 0), 64);
    b_loop_end(b, &part);
    b_loop_end(b, &shift);
    b_store(b, LLVMConstNull(v), b_atc(b, powers, 16 * 128), 64);
}

static Val
base2_powers(Build *b, const Softmax *s, Val d)
{
    if (b->level->pow2)
        return b->level->pow2(b, d, s->table);
    b_slow(b, "softmax: exponentials are looked up one at a time: the level "
              "has no table in registers");
    d = b_umin(b, d, b_const(LLVMTypeOf(d), 16 * 64));
    return b_look_up(b, s->powers, b->i16, d);
}

/* Adds E - 2^15, which is signed. */
static Val
base2_add(Build *b, Val sum, Val e)
{
    e = b_xor(b, e, b_const(LLVMTypeOf(e), INT16_MIN));
    return b_add(b, sum, p_pairs(b, e));
}

static Val
base2_total(Build *b, const Softmax *s, Val sum)
{
    return b_addc(b, b_reduce(b, "add", sum), vq_align(s->n, LANES) << 15);
}

/* ---- base 2: the probabilities ---- */

/*
 * P = (Q + 2^(s-1)) >> s with Q = E * F and s = 31 + e - pbits, in lanes of
 * 16 bits: H = Q >> 16 and L = Q & 65535. F = 2^(31+e) / T is 2^16 only when T
 * is a power of two, and then 2^15 with an e that is less by one gives the
 * same; with that, F fits a lane.
 */
static Val
base2_factor(Build *b, Val total, Val *e)
{
    Val zeros = b_intrinsic(b, "llvm.ctlz", b->i32,
                            (Val[]){total, b_const(b->i1, 1)}, 2, NULL);
    Val power, f, over;

    *e = b_sub(b, b_i32(b, 31 - 15), zeros);
    power = b_shl(b, b_i64(b, 1), b_zext(b, b_addc(b, *e, 31), 64));
    f = LLVMBuildUDiv(b->b, power, b_zext(b, total, 64), "");
    f = b_trunc(b, f, 32);
    over = b_lshrc(b, f, 16);
    *e = b_sub(b, *e, over);
    return b_lshr(b, f, over);
}

/*
 * s = 15 + e. From e = 2 on Q >> (s - 1) is H >> (e - 2), of which P is the
 * half, rounded. For e = 1, P = H + (L >> 15). e = 0 means that T is 65535 or
 * 65536: E is 65535, 1 or 0, and so is P: that is H + (L & 1) for F = 65535.
 * An Isa with `mulround` has P at once.
 */
static Factor
factor_16(Build *b, Val total)
{
    Val e, f = base2_factor(b, total, &e), zero = b_i32(b, 0);
    Val none = b_cmp(b, LLVMIntEQ, e, zero);
    Val few = b_cmp(b, LLVMIntULE, e, b_i32(b, 1));

    if (b->level->isa->mulround)
        return (Factor){.f = splat16(b, f), .s = b_addc(b, e, 15)};
    return (Factor){
        .f = splat16(b, b_select(b, none, b_i32(b, 65535), f)),
        .shift = splat16(b, b_select(b, few, zero, b_subc(b, e, 2))),
        .low = splat16(b, b_select(b, none, zero, b_i32(b, 15))),
        .few = splat16(b, b_sext(b, few, 32)),
    };
}

static Val
normalize_16(Build *b, const Factor *f, Val e)
{
    Val h, bit;

    if (f->s)
        return p_mulround(b, e, f->f, f->s);
    h = p_mulhi(b, e, f->f);
    bit = b_andc(b, b_lshr(b, b_mul(b, e, f->f), f->low), 1);
    return p_average(b, b_lshr(b, h, f->shift),
                     b_and(b, b_add(b, h, bit), f->few));
}

/* s = 23 + e: Q >> (s - 1) is H >> (e + 6), and 0 from e = 10 on. */
static Factor
factor_8(Build *b, Val total)
{
    Val e, f = base2_factor(b, total, &e);
    Val none = b_cmp(b, LLVMIntUGT, e, b_i32(b, 9));

    return (Factor){
        .f = splat16(b, b_select(b, none, b_i32(b, 0), f)),
        .shift = splat16(b, b_addc(b, b_umin(b, e, b_i32(b, 9)), 6)),
    };
}

static Val
normalize_8(Build *b, const Factor *f, Val e)
{
    Val p = b_lshr(b, p_mulhi(b, e, f->f), f->shift);

    p = p_average(b, p, LLVMConstNull(LLVMTypeOf(p)));
    return b_umin(b, p, b_const(LLVMTypeOf(p), 255));
}

/* ---- Shiftmax ---- */

static Val
shiftmax_powers(Build *b, const Softmax *s, Val d)
{
    b_slow(b, "softmax: exponentials are looked up one at a time: Shiftmax "
              "has a table of 256 entries of 32 bits");
    return b_look_up(b, s->table, b->i32, d);
}

/* Two exponentials fit u32. */
static Val
shiftmax_add(Build *b, Val sum, Val e)
{
    e = b_add(b, b_slice(b, e, 0, LANES / 2), b_slice(b, e, LANES / 2, 16));
    return b_add(b, sum, b_zext(b, e, 64));
}

static Val
shiftmax_total(Build *b, const Softmax *s, Val sum)
{
    (void)s;
    sum = b_umin(b, b_reduce(b, "add", sum), b_i64(b, INT32_MAX));
    return b_trunc(b, sum, 32);
}

static Factor
shiftmax_factor(Build *b, Val total)
{
    Val f = LLVMBuildUDiv(b->b, b_i32(b, INT32_MAX), total, "");

    return (Factor){.f = b_splat(b, f, LANES)};
}

/* E * F <= T * F < 2^31. */
static Val
shiftmax_normalize(Build *b, const Factor *f, Val e)
{
    return b_trunc(b, b_lshrc(b, b_mul(b, e, f->f), 31 - 15), 16);
}

static const Form forms[] = {
    {SM_BASE2, 8, 16, 16, 32, base2_powers, base2_add, base2_total, factor_8,
     normalize_8},
    {SM_BASE2, 16, 16, 16, 32, base2_powers, base2_add, base2_total, factor_16,
     normalize_16},
    {SM_SHIFTMAX, 15, 8, 32, 64, shiftmax_powers, shiftmax_add, shiftmax_total,
     shiftmax_factor, shiftmax_normalize},
};

static const Form *
form_of(const Softmax *s)
{
    const Form *f = forms;

    while (f->form != s->form || f->pbits != s->pbits)
        f++;
    return f;
}

/* ---- rows ---- */

static Softmax
row_at(Build *b, const Softmax *s, Val i)
{
    Softmax row = *s;

    row.x = b_elt(b, s->x, i, s->ldx, 0);
    row.exp = b_elt(b, s->exp, i, s->lde, 0);
    row.sum = b_elt(b, s->sum, i, 4, 0);
    row.high = b_elt(b, s->high, i, s->ldp, 0);
    row.low = s->low ? b_elt(b, s->low, i, s->ldp, 0) : NULL;
    return row;
}

/* Rows side by side, and what goes round the loop over their columns. */
typedef struct Rows {
    const Form *form;
    unsigned n;
    Softmax row[ROWS];
    Val mx[ROWS], sum[ROWS];
} Rows;

static Val
load_scores(Build *b, const Rows *r, unsigned k, Val i)
{
    unsigned bits = r->form->score;

    return b_load(b, b_int(b, bits, LANES),
                  b_elt(b, r->row[k].x, i, bits / 8, 0), bits / 8);
}

/* The first `count` lanes of x, then those of y. */
static Val
first_lanes(Build *b, Val x, Val y, unsigned count)
{
    int lane[LANES];

    for (unsigned k = 0; k < LANES; k++)
        lane[k] = (int)(k < count ? k : LANES + k);
    return count < LANES ? b_shuffle(b, x, y, lane, LANES) : x;
}

static void
find_greatest(Build *b, Rows *r, Val i, unsigned count)
{
    unsigned bits = r->form->score;
    Val least = b_const(b_int(b, bits, LANES), -(INT64_C(1) << (bits - 1))), x;

    for (unsigned k = 0; k < r->n; k++) {
        x = first_lanes(b, load_scores(b, r, k, i), least, count);
        r->mx[k] = b_smax(b, r->mx[k], x);
    }
}

/* Lanes beyond a row's end get 0. */
static void
add_powers(Build *b, Rows *r, Val i, unsigned count)
{
    unsigned bits = r->form->power;

    for (unsigned k = 0; k < r->n; k++) {
        const Softmax *s = &r->row[k];
        Val e = b_sub(b, r->mx[k], load_scores(b, r, k, i));

        e = r->form->powers(b, s, e);
        e = first_lanes(b, e, LLVMConstNull(LLVMTypeOf(e)), count);
        b_store(b, e, b_elt(b, s->exp, i, bits / 8, 0), 64);
        r->sum[k] = r->form->add(b, r->sum[k], e);
    }
}

typedef void ColumnsFn(Build *, Rows *, Val i, unsigned count);

/* fn for LANES columns after the other; it updates acc. */
static void
over_columns(Build *b, Rows *r, Val *acc, ColumnsFn *fn)
{
    int64_t n = r->row[0].n;
    Loop loop;

    if (n / LANES) {
        b_loop(b, &loop, 0, LANES, n / LANES);
        for (unsigned k = 0; k < r->n; k++)
            acc[k] = b_carry(b, &loop, acc[k]);
        fn(b, r, loop.i, LANES);
        for (unsigned k = 0; k < r->n; k++)
            b_next(&loop, k, acc[k]);
        b_loop_end(b, &loop);
    }
    if (n % LANES)
        fn(b, r, b_i64(b, n - n % LANES), (unsigned)(n % LANES));
}

/* Exponentials and sums of n rows. */
static void
emit_sums(Build *b, const Softmax *s, const Form *form, Val first, unsigned n)
{
    Rows r = {.form = form, .n = n};

    for (unsigned k = 0; k < n; k++) {
        r.row[k] = row_at(b, s, b_addc(b, first, k));
        r.mx[k] = b_const(b_int(b, form->score, LANES),
                          -(INT64_C(1) << (form->score - 1)));
        r.sum[k] = LLVMConstNull(b_int(b, form->sum, 16));
    }
    over_columns(b, &r, r.mx, find_greatest);
    for (unsigned k = 0; k < n; k++)
        r.mx[k] = b_splat(b, b_reduce(b, "smax", r.mx[k]), LANES);
    over_columns(b, &r, r.sum, add_powers);
    for (unsigned k = 0; k < n; k++)
        b_store(b, form->total(b, s, r.sum[k]), r.row[k].sum, 4);
}

/* ---- the probabilities of a row ---- */

typedef struct Normalize {
    const Softmax *row;
    const Form *form;
    Factor f;
} Normalize;

static void
store_lanes(Build *b, const Softmax *s, Val p, Val to, unsigned count)
{
    b_store_part(b, p, to, s->padded ? LANES : count);
}

static void
normalize(Build *b, void *user, Val i, unsigned count)
{
    const Normalize *n = user;
    const Softmax *s = n->row;
    int64_t bytes = n->form->power / 8, size = s->pbits > 8 && !s->low ? 2 : 1;
    Val p = b_load(b, b_int(b, n->form->power, LANES),
                   b_elt(b, s->exp, i, bytes, 0), 64);

    p = n->form->normalize(b, &n->f, p);
    if (s->low) {
        store_lanes(b, s, b_trunc(b, p, 8), b_at(b, s->low, i), count);
        p = b_lshrc(b, p, 8);
    }
    if (s->flip)
        p = b_xor(b, p, b_const(LLVMTypeOf(p), INT16_MIN));
    p = size == 1 ? b_trunc(b, p, 8) : p;
    store_lanes(b, s, p, b_elt(b, s->high, i, size, 0), count);
}

void
vq_emit_softmax(Build *b, const Softmax *s)
{
    const Form *form = form_of(s);
    Normalize n = {.form = form};
    Softmax row;
    Loop loop;

    if (s->rows / ROWS) {
        b_loop(b, &loop, 0, ROWS, s->rows / ROWS);
        emit_sums(b, s, form, loop.i, ROWS);
        b_loop_end(b, &loop);
    }
    if (s->rows % ROWS)
        emit_sums(b, s, form, b_i64(b, s->rows - s->rows % ROWS),
                  (unsigned)(s->rows % ROWS));
    b_loop(b, &loop, 0, 1, s->rows);
    row = row_at(b, s, loop.i);
    n.row = &row;
    n.f = form->factor(b, b_load(b, b->i32, row.sum, 4));
    b_map(b, s->n, LANES, normalize, &n);
    b_loop_end(b, &loop);
}
