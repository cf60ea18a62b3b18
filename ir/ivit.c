/*
 * ivit.c -- I-ViT's published integer arithmetic (arXiv 2207.01405): the
 * bit-shift exponential, ShiftGELU and I-LayerNorm, in the hardware form,
 * with 64-bit sums where the published widths can overflow.
 */
#include "ir/quant.h"

#include <math.h>

/* Rounds towards minus infinity; d is not zero. */
static int64_t
div_floor(int64_t n, int64_t d)
{
    return n / d - (n % d != 0 && (n < 0) != (d < 0));
}

static int64_t
div_half_even(int64_t n, int64_t d)
{
    int64_t q = div_floor(n, d), twice = 2 * (n - q * d);

    return q + (twice > d || (twice == d && (q & 1)));
}

static int
bits_of(int64_t x)
{
    return 64 - __builtin_clzll((uint64_t)x);
}

int32_t
vq_shift_exp(int32_t x, int32_t x0, int n)
{
    int64_t p = (int64_t)x + (x >> 1) - (x >> 4); /* x * log2(e), nearly */
    int64_t q, base, shift;

    p = vq_max(p, (int64_t)n * x0);
    q = div_floor(p, x0);
    base = ((p - q * x0) >> 1) - x0; /* 2^-t by 1 - t/2, in units of -x0 */
    shift = n - q;
    shift = vq_min(shift, 31 - bits_of(base));
    return (int32_t)(base << shift);
}

void
vq_shift_exp_table(double scale, int n, int32_t first, int32_t e[256])
{
    int32_t x0 = (int32_t)vq_whole(floor(-1 / scale), -(1 << 29), -1);
    int shifts = (int)vq_min(n, 31 - bits_of(-(int64_t)x0));

    for (int i = 0; i < 256; i++)
        e[i] = vq_shift_exp(first - i, x0, shifts);
}

/* The gain of one element, 0..127: e / d in seven bits. */
static int32_t
gelu_gain(bool exact, int64_t e, int64_t em)
{
    int64_t d = vq_min(e + em, INT32_MAX);

    if (exact)
        return (int32_t)vq_min(e * 128 / d, 127);
    return (int32_t)(e * (INT32_MAX / d) >> 24);
}

void
vq_shiftgelu_row(bool exact, const int32_t *table, const int32_t *table_m,
                 const int8_t *x, int64_t n, int16_t *y)
{
    int mx = x[0];
    int32_t em;

    for (int64_t i = 1; i < n; i++)
        mx = x[i] > mx ? x[i] : mx;
    em = table_m[mx + 128];
    for (int64_t i = 0; i < n; i++)
        y[i] = (int16_t)(x[i] * gelu_gain(exact, table[mx - x[i]], em));
}

/* The published square root: ten steps from 2^16, not converged for small v,
 * which acts as an epsilon. Never below 64. */
static uint64_t
newton_sqrt(uint64_t v)
{
    uint64_t k = 1 << 16;

    for (int i = 0; i < 10; i++)
        k = (k + v / k) / 2;
    return k;
}

void
vq_ivit_norm_row(const int16_t *x, int64_t n, int32_t *y)
{
    int64_t sum = 0, mean, f;
    uint64_t v = 0;

    for (int64_t i = 0; i < n; i++)
        sum += x[i];
    mean = div_half_even(sum, n);
    for (int64_t i = 0; i < n; i++)
        v += (uint64_t)((x[i] - mean) * (x[i] - mean));
    f = (int64_t)(INT32_MAX / newton_sqrt(v));
    for (int64_t i = 0; i < n; i++)
        y[i] = (int32_t)((x[i] - mean) * f >> 1);
}
