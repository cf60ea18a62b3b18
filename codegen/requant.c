/*
 * requant.c -- requantization (quant.h) of vectors of sums.
 */
#include "codegen/requant.h"

#include "codegen/remark.h"
#include "ir/layout.h"

#include <assert.h>
#include <string.h>

enum {
    ROUND_BITS = 17, /* t * mul < 2^31 - 2^17 leaves room for 2^16 */
    ZERO_BYTES = 16 * 4,
    SHIFT_LEAST = 32, /* of WAY_DYADIC: what is left fits 32 bits */
    SHIFT_MOST = 61,  /* bit 62 of the product stays out of the result */
};

/*
 * Arrays of a record, each `entries` long, in this order:
 * NARROW    s32 bias + round(s), s32 s, s32 mul, s16 mul twice (quad order)
 * WIDE      s32 bias + round(s1), s32 s1, s32 mul, s32 round(s2), s32 s2
 * DYADIC    s32 bias, s32 mul, s32 zero - 2^(62-s), and with the even lanes
 *           before the odd ones of 16: s64 2^62 + 2^(s-1) - 1, s
 * NARROW64  s32 bias, s64 round(s), s, mul
 * WIDE64    s32 bias, s64 round(s1), s1, mul, round(s2), s2
 * DYADIC64  s32 bias, s64 2^(s-1) - 1 or 0, s, 1 if s > 0, mul
 * and then s32 zero 16 times, s16 zero * 64 + 32 32 times.
 */
static const unsigned record_bytes[NREQUANTWAY] = {
    [WAY_NARROW] = 3 * 4 + 2 * 2, [WAY_WIDE] = 5 * 4,
    [WAY_DYADIC] = 3 * 4 + 2 * 8, [WAY_NARROW64] = 4 + 3 * 8,
    [WAY_WIDE64] = 4 + 5 * 8,     [WAY_DYADIC64] = 4 + 4 * 8,
};

static int64_t
half(int s)
{
    return s > 0 && s <= 31 ? INT64_C(1) << (s - 1) : 0;
}

/* Why a channel, of lane i, cannot go the fast way; NULL: it can. */
typedef const char *MisfitFn(const RequantIn *, int64_t i, int32_t channel);

static const char *
misfit_sum(const RequantIn *in, int64_t i, int shift)
{
    if (!in->bound)
        return "what it requantizes may be any 32-bit number";
    return in->bound[i] + half(shift) > INT32_MAX
               ? "a sum with its rounding may pass 2^31"
               : NULL;
}

static const char *
misfit_narrow(const RequantIn *in, int64_t i, int32_t c)
{
    if (in->mul[c] == INT16_MIN)
        return "a multiplier is -2^15";
    return misfit_sum(in, i, in->shift[c]);
}

static const char *
misfit_wide(const RequantIn *in, int64_t i, int32_t c)
{
    if (in->shift[c] >> 6 > ROUND_BITS)
        return "a multiplier is so small that rounding takes over 32 bits";
    return misfit_sum(in, i, in->shift[c] & 63);
}

/* Within these limits any s32 sum gives a code below 2^30. */
static const char *
misfit_dyadic(const RequantIn *in, int64_t i, int32_t c)
{
    (void)i;
    if (in->mul[c] == INT32_MIN)
        return "a multiplier is -2^31";
    if (in->shift[c] < SHIFT_LEAST)
        return "a dyadic multiplier is 2^-1 or more";
    return in->shift[c] > SHIFT_MOST ? "a dyadic multiplier is below 2^-31"
                                     : NULL;
}

/* The narrow form was not chosen for codes of 8 bits: as vq_requant_form
 * judges, or because the op takes no other. */
static const char *
why_wide(const RequantIn *in)
{
    for (int64_t i = 0; i < in->entries; i++) {
        int32_t c = in->channel[i];
        double m;

        if (c < 0)
            continue;
        m = vq_requant_real(in->form, (Requant){in->mul[c], in->shift[c]});
        if (vq_requant_form(&m, 1, in->dt) == RQ_WIDE)
            return "a multiplier is 2^-6 or more";
    }
    return "the op is defined so";
}

static RequantWay
choose_way(const RequantIn *in)
{
    static const struct {
        MisfitFn *misfit;
        RequantWay fast, exact;
    } of[NREQUANTFORM] = {
        [RQ_NARROW] = {misfit_narrow, WAY_NARROW, WAY_NARROW64},
        [RQ_WIDE] = {misfit_wide, WAY_WIDE, WAY_WIDE64},
        [RQ_DYADIC] = {misfit_dyadic, WAY_DYADIC, WAY_DYADIC64},
    };

    for (int64_t i = 0; i < in->entries; i++) {
        int32_t c = in->channel[i];
        const char *why = c < 0 ? NULL : of[in->form].misfit(in, i, c);

        if (!why)
            continue;
        if (in->remarks)
            vq_remark(in->remarks, true, "requantized in 64-bit lanes: %s",
                      why);
        return of[in->form].exact;
    }
    if (in->form == RQ_DYADIC && in->remarks)
        vq_remark(in->remarks, true,
                  "requantized in 64-bit lanes: its multipliers are 31-bit "
                  "dyadic numbers (--dyadic, I-ViT)");
    if (in->form == RQ_WIDE && vq_dtype[in->dt].bytes == 1 && in->remarks)
        vq_remark(in->remarks, true,
                  "requantized in 32-bit lanes, not in 16-bit ones: %s",
                  why_wide(in));
    return of[in->form].fast;
}

static void
fill_narrow(const RequantIn *in, int64_t i, int32_t c, void *rec)
{
    int32_t *a = rec;
    int16_t *twice = (int16_t *)(a + 3 * in->entries) + i / 16 * 32;
    int64_t at = i % 16 / 4 * 8 + i % 4;

    a[i] += (int32_t)half(in->shift[c]);
    a[in->entries + i] = in->shift[c];
    a[2 * in->entries + i] = in->mul[c];
    twice[at] = twice[at + 4] = (int16_t)in->mul[c];
}

static void
fill_wide(const RequantIn *in, int64_t i, int32_t c, void *rec)
{
    int32_t *a = rec;
    int s1 = in->shift[c] & 63, s2 = in->shift[c] >> 6;

    a[i] += (int32_t)half(s1);
    a[in->entries + i] = s1;
    a[2 * in->entries + i] = in->mul[c];
    a[3 * in->entries + i] = (int32_t)half(s2);
    a[4 * in->entries + i] = s2;
}

static void
fill_dyadic(const RequantIn *in, int64_t i, int32_t c, void *rec)
{
    int32_t *a = rec;
    int64_t *k = (int64_t *)(a + 3 * in->entries) + i / 16 * 16;
    int64_t at = i % 2 * 8 + i % 16 / 2, one = 1;
    int s = in->shift[c];

    a[in->entries + i] = in->mul[c];
    a[2 * in->entries + i] = in->zero - (int32_t)(one << (62 - s));
    k[at] = (one << 62) + (one << (s - 1)) - 1;
    k[in->entries + at] = s;
}

static void
fill64(const RequantIn *in, int64_t i, void *rec, const int64_t *x, int n)
{
    int64_t *a = (int64_t *)((int32_t *)rec + in->entries);

    for (int k = 0; k < n; k++)
        a[k * in->entries + i] = x[k];
}

static void
fill_narrow64(const RequantIn *in, int64_t i, int32_t c, void *rec)
{
    int s = in->shift[c];

    fill64(in, i, rec, (int64_t[]){half(s), s, in->mul[c]}, 3);
}

static void
fill_wide64(const RequantIn *in, int64_t i, int32_t c, void *rec)
{
    int s1 = in->shift[c] & 63, s2 = in->shift[c] >> 6;

    fill64(in, i, rec,
           (int64_t[]){half(s1), s1, in->mul[c], half(s2), vq_min(s2, 63)}, 5);
}

static void
fill_dyadic64(const RequantIn *in, int64_t i, int32_t c, void *rec)
{
    int s = in->shift[c];
    int64_t below = s ? (INT64_C(1) << (s - 1)) - 1 : 0;

    fill64(in, i, rec, (int64_t[]){below, s, s > 0, in->mul[c]}, 4);
}

typedef void FillFn(const RequantIn *, int64_t lane, int32_t channel, void *);

static FillFn *const fill_fn[NREQUANTWAY] = {
    [WAY_NARROW] = fill_narrow, [WAY_WIDE] = fill_wide,
    [WAY_DYADIC] = fill_dyadic, [WAY_NARROW64] = fill_narrow64,
    [WAY_WIDE64] = fill_wide64, [WAY_DYADIC64] = fill_dyadic64,
};

static void
fill_zero(const RequantIn *in, void *at)
{
    int32_t *zero = at;
    int16_t *narrow = (int16_t *)(zero + 16);

    for (int i = 0; i < 16; i++)
        zero[i] = in->zero;
    for (int i = 0; i < 32; i++)
        narrow[i] = (int16_t)(in->zero * 64 + 32);
}

int64_t
vq_requant_plan(Module *m, const RequantIn *in, RequantPlan *p)
{
    size_t bytes;
    int32_t *rec;

    assert(in->entries % VQ_PANEL == 0);
    *p = (RequantPlan){
        .way = choose_way(in), .dt = in->dt, .entries = in->entries};
    p->centred = p->way == WAY_WIDE && in->zero == 0;
    bytes = (size_t)in->entries * record_bytes[p->way];
    rec = vq_alloc(m->arena, bytes + 2 * ZERO_BYTES);
    fill_zero(in, (char *)rec + bytes);
    for (int64_t i = 0; i < in->entries; i++) {
        int32_t c = in->channel[i];

        if (c < 0)
            continue;
        rec[i] = in->bias ? in->bias[c] : 0;
        fill_fn[p->way](in, i, c, rec);
    }
    return vq_module_const(m, rec, bytes + 2 * ZERO_BYTES);
}

const char *
vq_requant_key(Module *m, const RequantPlan *p)
{
    return vq_format(m->arena, "rq %d %d %d %lld", (int)p->way, (int)p->dt,
                     p->centred, (long long)p->entries);
}

/* ---- emitted code ---- */

/* 16 numbers of the k-th s32 array. */
static Val
load32(Build *b, const RequantPlan *p, Val consts, int64_t k, Val lane)
{
    return b_load_const(b, b_vec(b->i32, 16),
                        b_elt(b, consts, lane, 4, k * p->entries * 4), 64);
}

/* 16 numbers of the k-th s64 array. */
static Val
load64(Build *b, const RequantPlan *p, Val consts, int64_t k, Val lane)
{
    return b_load_const(b, b_vec(b->i64, 16),
                        b_elt(b, consts, lane, 8, p->entries * (4 + 8 * k)),
                        64);
}

Val
vq_requant_bias(Build *b, Val consts, Val lane)
{
    return b_load_const(b, b_vec(b->i32, 16), b_elt(b, consts, lane, 4, 0), 64);
}

static Val
load_zero(Build *b, const RequantPlan *p, Val consts)
{
    return b_load_const(b, b_vec(b->i32, 16),
                        b_atc(b, consts, p->entries * record_bytes[p->way]),
                        64);
}

/* zero * 64 + 32 in lanes of 16 bits. */
static Val
load_zero_narrow(Build *b, const RequantPlan *p, Val consts)
{
    int64_t at = p->entries * record_bytes[p->way] + ZERO_BYTES;

    return b_load_const(b, b_vec(b->i16, 32), b_atc(b, consts, at), 64);
}

static Val
clamp_to(Build *b, const RequantPlan *p, Val x)
{
    return b_clamp(b, x, vq_dtype[p->dt].lo, vq_dtype[p->dt].hi);
}

static Val
vector_narrow(Build *b, const RequantPlan *p, Val k, Val acc, Val lane)
{
    Val t = b_ashr(b, acc, load32(b, p, k, 1, lane));
    Val u;

    t = b_clamp(b, t, INT16_MIN, INT16_MAX);
    u = p_mul16(b, t, load32(b, p, k, 2, lane));
    u = b_ashrc(b, b_addc(b, u, 1 << 14), 15);
    t = b_addc(b, b_shlc(b, load_zero(b, p, k), 6), 32);
    return clamp_to(b, p, b_ashrc(b, b_add(b, u, t), 6));
}

static Val
vector_wide(Build *b, const RequantPlan *p, Val k, Val acc, Val lane)
{
    Val t = b_ashr(b, acc, load32(b, p, k, 1, lane));

    t = b_clamp(b, t, -(1 << 17), (1 << 17) - 1);
    t = b_mul(b, t, load32(b, p, k, 2, lane));
    t = b_add(b, t, load32(b, p, k, 3, lane));
    t = b_ashr(b, t, load32(b, p, k, 4, lane));
    return clamp_to(b, p, p->centred ? t : b_add(b, t, load_zero(b, p, k)));
}

/*
 * Half to even: (x + 2^(s-1) - 1 + (bit s of x)) >> s for the even or the odd
 * lanes of 16, x = acc * mul. 2^62 more makes x positive, so that the shift,
 * which AVX2 has for unsigned numbers alone, is right; it leaves 2^(62-s) too
 * much.
 */
static Val
dyadic_half(Build *b, const RequantPlan *p, Val k, Val acc, Val mul, Val lane,
            int odd)
{
    Ty half = b_vec(b->i64, 8);
    Val at = b_elt(b, k, lane, 8, 3 * 4 * p->entries + odd * 64), s, x, bit;

    acc = b_bitcast(b, acc, half);
    mul = b_bitcast(b, mul, half);
    x = odd ? p_muls(b, b_ashrc(b, acc, 32), b_ashrc(b, mul, 32))
            : p_muls(b, acc, mul);
    s = b_load_const(b, half, b_atc(b, at, 8 * p->entries), 64);
    bit = b_andc(b, b_lshr(b, x, s), 1);
    x = b_add(b, b_add(b, x, b_load_const(b, half, at, 64)), bit);
    return b_bitcast(b, b_lshr(b, x, s), b_vec(b->i32, 16));
}

static Val
vector_dyadic(Build *b, const RequantPlan *p, Val k, Val acc, Val lane)
{
    Val mul = load32(b, p, k, 1, lane);
    Val even = dyadic_half(b, p, k, acc, mul, lane, 0);
    Val odd = dyadic_half(b, p, k, acc, mul, lane, 1);
    int from[16];

    for (int i = 0; i < 16; i++)
        from[i] = i % 2 * 16 + i / 2 * 2;
    acc = b_shuffle(b, even, odd, from, 16);
    return clamp_to(b, p, b_add(b, acc, load32(b, p, k, 2, lane)));
}

static Val
vector_narrow64(Build *b, const RequantPlan *p, Val k, Val acc, Val lane)
{
    Val t = b_add(b, b_sext(b, acc, 64), load64(b, p, k, 0, lane));

    t = b_ashr(b, t, load64(b, p, k, 1, lane));
    t = b_clamp(b, t, INT16_MIN, INT16_MAX);
    t = b_mul(b, t, load64(b, p, k, 2, lane));
    t = b_ashrc(b, b_addc(b, t, 1 << 14), 15);
    acc = b_sext(b, load_zero(b, p, k), 64);
    acc = b_addc(b, b_shlc(b, acc, 6), 32);
    t = b_ashrc(b, b_add(b, t, acc), 6);
    return b_trunc(b, clamp_to(b, p, t), 32);
}

static Val
vector_wide64(Build *b, const RequantPlan *p, Val k, Val acc, Val lane)
{
    Val t = b_add(b, b_sext(b, acc, 64), load64(b, p, k, 0, lane));

    t = b_ashr(b, t, load64(b, p, k, 1, lane));
    t = b_clamp(b, t, -(1 << 17), (1 << 17) - 1);
    t = b_mul(b, t, load64(b, p, k, 2, lane));
    t = b_add(b, t, load64(b, p, k, 3, lane));
    t = b_ashr(b, t, load64(b, p, k, 4, lane));
    t = b_add(b, t, b_sext(b, load_zero(b, p, k), 64));
    return b_trunc(b, clamp_to(b, p, t), 32);
}

/* Half to even: (x + 2^(s-1) - 1 + (bit s of x)) >> s. */
static Val
vector_dyadic64(Build *b, const RequantPlan *p, Val k, Val acc, Val lane)
{
    Val x = b_mul(b, b_sext(b, acc, 64), load64(b, p, k, 3, lane));
    Val s = load64(b, p, k, 1, lane);
    Val odd = b_and(b, b_ashr(b, x, s), load64(b, p, k, 2, lane));

    x = b_add(b, b_add(b, x, odd), load64(b, p, k, 0, lane));
    x = b_add(b, b_ashr(b, x, s), b_sext(b, load_zero(b, p, k), 64));
    return b_trunc(b, clamp_to(b, p, x), 32);
}

typedef Val VectorFn(Build *, const RequantPlan *, Val, Val, Val);

static VectorFn *const vector_fn[NREQUANTWAY] = {
    [WAY_NARROW] = vector_narrow, [WAY_WIDE] = vector_wide,
    [WAY_DYADIC] = vector_dyadic, [WAY_NARROW64] = vector_narrow64,
    [WAY_WIDE64] = vector_wide64, [WAY_DYADIC64] = vector_dyadic64,
};

Val
vq_requant_vector(Build *b, const RequantPlan *p, Val consts, Val acc, Val lane)
{
    return vector_fn[p->way](b, p, consts, acc, lane);
}

/* 16-bit multipliers of lanes x and y, each four of the one, then of the
 * other. */
static Val
pair_multipliers(Build *b, const RequantPlan *p, Val consts, Val x, Val y)
{
    Ty t = b_vec(b->i16, 32);
    int64_t at = 3 * p->entries * 4;
    Val m = b_load_const(b, t, b_elt(b, consts, x, 4, at), 64), n;
    int lane[32];

    if (x == y)
        return m;
    n = b_load_const(b, t, b_elt(b, consts, y, 4, at), 64);
    for (int i = 0; i < 32; i++)
        lane[i] = i / 4 % 2 ? 32 + i : i;
    return b_shuffle(b, m, n, lane, 32);
}

/* Sums acc[0] of the lanes from[0] and acc[1] to 16-bit lanes: u + zero * 64 +
 * 32, less the last shift. Where the sum saturates, so does the code that it
 * becomes. */
static Val
narrow_pair(Build *b, const RequantPlan *p, Val consts, const Val acc[2],
            const Val from[2])
{
    Val s = load32(b, p, consts, 1, from[0]), t;
    Val s1 = from[0] == from[1] ? s : load32(b, p, consts, 1, from[1]);

    t = p_pack16(b, b_ashr(b, acc[0], s), b_ashr(b, acc[1], s1));
    t = p_mulhrs(b, t, pair_multipliers(b, p, consts, from[0], from[1]));
    t = b_sadd_sat(b, t, load_zero_narrow(b, p, consts));
    return b_ashrc(b, t, 6);
}

static Val
narrow_four(Build *b, const RequantPlan *p, Val consts, const Val acc[4],
            const Val from[4])
{
    assert(p->way == WAY_NARROW && vq_dtype[p->dt].bytes == 1);
    return p_pack8(b, narrow_pair(b, p, consts, acc, from),
                   narrow_pair(b, p, consts, acc + 2, from + 2),
                   p->dt == DT_S8);
}

Val
vq_requant_four(Build *b, const RequantPlan *p, Val consts, const Val acc[4],
                Val lane)
{
    Val from[4] = {lane, b_addc(b, lane, 16), b_addc(b, lane, 32),
                   b_addc(b, lane, 48)};

    return narrow_four(b, p, consts, acc, from);
}

Val
vq_requant_quad(Build *b, const RequantPlan *p, Val consts, const Val acc[4],
                Val lane)
{
    return narrow_four(b, p, consts, acc, (Val[]){lane, lane, lane, lane});
}
