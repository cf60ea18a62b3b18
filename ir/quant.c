/*
 * quant.c -- requantize, quantize and the reciprocal square root: the pieces
 * that every integer op is made of, and how their constants are chosen.
 *
 * quant.h states the formulas; this is them, in 64 bits, so that nothing
 * overflows for any s32 accumulator.
 */
#include "ir/quant.h"

#include <assert.h>
#include <float.h>
#include <math.h>

enum {
    NARROW_MUL_BITS = 15, /* |mul| < 2^15 */
    NARROW_BASE = 21,     /* M = mul / 2^(21 + shift) */
    WIDE_MUL_BITS = 14,
    WIDE_S2 = 15, /* t has 18 bits and mul at least 2^13: covers 16 bits */
    DYADIC_MUL_BITS = 31,
    DYADIC_MAXSHIFT = 62,
    MAXSHIFT = 31,
};

static int32_t
requant_narrow(int32_t acc, Requant r, int32_t zero, DType dt)
{
    int64_t t = vq_rshift_round(acc, r.shift);
    int64_t u;

    t = vq_clamp(t, INT16_MIN, INT16_MAX);
    u = (t * r.mul + (1 << 14)) >> 15;
    u = (u + (int64_t)zero * 64 + 32) >> 6;
    return (int32_t)vq_clamp(u, vq_dtype[dt].lo, vq_dtype[dt].hi);
}

static int32_t
requant_wide(int32_t acc, Requant r, int32_t zero, DType dt)
{
    int s1 = r.shift & 63, s2 = r.shift >> 6;
    int64_t t = vq_rshift_round(acc, s1);
    int64_t half = s2 > 0 && s2 <= MAXSHIFT ? INT64_C(1) << (s2 - 1) : 0;

    t = vq_clamp(t, -(1 << 17), (1 << 17) - 1);
    t = ((t * r.mul + half) >> s2) + zero;
    return (int32_t)vq_clamp(t, vq_dtype[dt].lo, vq_dtype[dt].hi);
}

/* x / 2^s rounded to the nearest, ties to even. */
static int64_t
shift_half_even(int64_t x, int s)
{
    int64_t q = x >> s;
    uint64_t rest = (uint64_t)x & ((UINT64_C(1) << s) - 1);
    uint64_t half = s ? UINT64_C(1) << (s - 1) : 1;

    return q + (rest > half || (rest == half && (q & 1)));
}

static int32_t
requant_dyadic(int32_t acc, Requant r, int32_t zero, DType dt)
{
    int64_t q = shift_half_even((int64_t)acc * r.mul, r.shift) + zero;

    return (int32_t)vq_clamp(q, vq_dtype[dt].lo, vq_dtype[dt].hi);
}

typedef int32_t RequantFn(int32_t, Requant, int32_t, DType);

static RequantFn *const requant_fn[NREQUANTFORM] = {
    [RQ_NARROW] = requant_narrow,
    [RQ_WIDE] = requant_wide,
    [RQ_DYADIC] = requant_dyadic,
};

int32_t
vq_requant(RequantForm form, int32_t acc, Requant r, int32_t zero, DType dt)
{
    return requant_fn[form](acc, r, zero, dt);
}

RequantForm
vq_requant_form(const double *m, int64_t n, DType dt)
{
    if (vq_dtype[dt].bytes != 1)
        return RQ_WIDE;
    for (int64_t i = 0; i < n; i++)
        if (fabs(m[i]) >= 1.0 / 64)
            return RQ_WIDE;
    return RQ_NARROW;
}

/*
 * |m| as mul / 2^s with mul below 2^bits and, where s <= most allows it, at
 * least 2^(bits-1). Halves round up, as I-ViT does it. Below s = 0 or for
 * mul = 2^bits at s = 0 the multiplier saturates.
 */
static int64_t
scale_to_bits(double m, int bits, int least, int most, int *s)
{
    int64_t top = INT64_C(1) << bits;
    double mul;
    int k;

    frexp(fabs(m), &k);
    *s = (int)vq_clamp(bits - k, least, most);
    mul = floor(ldexp(fabs(m), *s) + 0.5);
    if (mul >= (double)top && *s > least) {
        (*s)--;
        mul = floor(ldexp(fabs(m), *s) + 0.5);
    }
    return mul >= (double)top ? top - 1 : (int64_t)mul;
}

static Requant
split_wide(int32_t mul, int s)
{
    int s1 = (int)vq_max(s - WIDE_S2, 0);

    return (Requant){mul, s1 + 64 * (s - s1)};
}

/* Where |M| is so small that the largest shift cannot bring mul to its full
 * width, every product rounds to zero anyway. */
Requant
vq_requant_of(RequantForm form, double m)
{
    static const struct {
        int bits, least, most;
    } of[NREQUANTFORM] = {
        [RQ_NARROW] = {NARROW_MUL_BITS, NARROW_BASE, NARROW_BASE + MAXSHIFT},
        [RQ_WIDE] = {WIDE_MUL_BITS, 0, MAXSHIFT + WIDE_S2},
        [RQ_DYADIC] = {DYADIC_MUL_BITS, 0, DYADIC_MAXSHIFT},
    };
    int64_t mul;
    int s;

    assert(isfinite(m));
    if (m == 0)
        return (Requant){0, 0};
    mul = scale_to_bits(m, of[form].bits, of[form].least, of[form].most, &s);
    mul = m < 0 ? -mul : mul;
    if (form == RQ_WIDE)
        return split_wide((int32_t)mul, s);
    return (Requant){(int32_t)mul, form == RQ_NARROW ? s - NARROW_BASE : s};
}

double
vq_requant_real(RequantForm form, Requant r)
{
    int s = form == RQ_NARROW ? r.shift + NARROW_BASE
            : form == RQ_WIDE ? (r.shift & 63) + (r.shift >> 6)
                              : r.shift;

    return ldexp(r.mul, -s);
}

int32_t
vq_quantize(float x, float scale, int32_t zero, DType dt)
{
    double lo = (double)vq_dtype[dt].lo - zero;
    double hi = (double)vq_dtype[dt].hi - zero;
    double y = rintf(x * (1.0f / scale));

    y = y >= lo ? y : lo; /* not for NaN */
    return (int32_t)((int64_t)(y <= hi ? y : hi) + zero);
}

Quant
vq_quant_range(float lo, float hi, DType dt, bool symmetric)
{
    const float least = 0x1p-100f; /* its reciprocal is still a number */
    const DTypeInfo *t = &vq_dtype[dt];
    int64_t mid = t->lo < 0 ? 0 : (t->hi + 1) / 2;
    Quant q = {.zero = (int32_t)mid};

    lo = fminf(lo, 0);
    hi = fmaxf(hi, 0);
    if (lo == hi) {
        q.scale = 1;
    } else if (symmetric) {
        q.scale = fmaxf(fmaxf(-lo, hi) / (float)(t->hi - mid), least);
    } else {
        double span = (double)hi - lo;

        q.scale = fmaxf((float)(span / (double)(t->hi - t->lo)), least);
        q.zero = (int32_t)vq_clamp(
            (int64_t)rint((double)t->lo - (double)lo / q.scale), t->lo, t->hi);
    }
    return q;
}

float
vq_scale_at(const Graph *g, const Type *t, int64_t c)
{
    if (t->q.scales)
        return ((const float *)g->val[t->q.scales].data)[c];
    return t->q.scale != 0 ? t->q.scale : 1;
}

/* sqrt(n) * 2^frac and a rounding, or where n_c is clamped. */
int64_t
vq_norm_most(int64_t n, int frac)
{
    double most = ldexp(sqrt((double)n), frac) + 1;

    return n > VQ_SHORTROW || most > 0x1p15 ? 1 << 15 : (int64_t)most;
}

uint32_t
vq_rsqrt_q30(uint32_t v)
{
    const uint64_t one = UINT64_C(1) << 30;
    uint64_t y = one - ((v - one) * 715827883 >> 32);

    for (int i = 0; i < 4; i++)
        y = y * (3 * one - (v * (y * y >> 30) >> 30)) >> 31;
    return (uint32_t)y;
}

double
vq_decibel(double signal, double noise)
{
    return noise > 0 ? 10 * log10(signal / noise) : INFINITY;
}
