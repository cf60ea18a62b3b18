/*
 * quant.h -- from real scales to integer arithmetic, and that arithmetic.
 *
 * Everything here that takes and returns integers is the definition of the
 * integer ops' pieces (IR.md, "Integer arithmetic"). >> is arithmetic.
 */
#ifndef VQ_QUANT_H
#define VQ_QUANT_H

#include "ir/ir.h"

/*
 * Requantize: q = clamp(round(acc * M) + zero) for a real multiplier M, as
 * shifts and one small multiplication. Three forms; FORM is an attribute of
 * the op, (mul, shift) are per channel.
 *
 * NARROW, 8-bit results. 0 <= shift <= 31, -2^15 <= mul < 2^15:
 *   t = sat16((acc + (shift ? 1 << (shift-1) : 0)) >> shift)
 *   u = (t * mul + 2^14) >> 15
 *   q = clamp((u + (zero << 6) + 2^5) >> 6)            M = mul / 2^(21+shift)
 * WIDE, any result. shift holds s1 + 64 * s2, 0 <= s1 <= 31, 0 <= s2 <= 45:
 *   t = clamp((acc + round(s1)) >> s1, -2^17, 2^17 - 1)
 *   q = clamp(((t * mul + round(s2)) >> s2) + zero)    M = mul / 2^(s1+s2)
 *   with |mul| < 2^14, so t * mul + round(s2) fits 32 bits; s2 above 31 gives
 *   round(s2) = 0 and an all-sign shift. round(s) is s ? 1 << (s-1) : 0.
 * DYADIC, any result, I-ViT's (algorithm of its section on dyadic numbers):
 *   q = clamp(rhe(acc * mul / 2^shift) + zero), mul 31 bits and a sign,
 *   0 <= shift <= 62, rhe rounding half to even, in 64 bits.
 * The additions of acc are in 64 bits or proved not to overflow 32.
 */
typedef enum RequantForm {
    RQ_NARROW,
    RQ_WIDE,
    RQ_DYADIC,
    NREQUANTFORM
} RequantForm;

typedef struct Requant {
    int32_t mul;
    int32_t shift; /* u16 suffices: WIDE packs two */
} Requant;

int32_t vq_requant(RequantForm, int32_t acc, Requant, int32_t zero, DType);

/* The narrowest form that can express all of M[0..n) for a result of type dt
 * (NARROW for 8-bit results when every |M| < 2^-6, else WIDE). */
RequantForm vq_requant_form(const double *m, int64_t n, DType dt);
/* The closest Requant to M; M may be negative or zero. */
Requant vq_requant_of(RequantForm, double m);
/* The multiplier a Requant stands for. */
double vq_requant_real(RequantForm, Requant);

/* clamp(round_half_even(x / scale) + zero); NaN gives the least code. The
 * division is x * (1 / scale) in f32, as in compiled code. */
int32_t vq_quantize(float x, float scale, int32_t zero, DType);

static inline float
vq_dequantize(int32_t q, float scale, int32_t zero)
{
    return scale * (float)(q - zero);
}

/* Scale and zero point that cover [lo, hi] (widened to include 0) with the
 * codes of dt. Symmetric: the range is +-max(|lo|, |hi|) and zero is 0, the
 * middle code (u8: 128) where codes are unsigned. */
Quant vq_quant_range(float lo, float hi, DType, bool symmetric);

/* The scale of channel c of a quantized type. */
float vq_scale_at(const Graph *, const Type *, int64_t c);

/* The real values of t's stored codes and back, by t's quantization; plain
 * integers have the scale 1. */
void vq_to_real(const Graph *, const Type *t, const void *from, float *to);
void vq_from_real(const Graph *, const Type *t, const float *from, void *to);

/* 10 log10(signal / noise); INFINITY without noise. */
double vq_decibel(double signal, double noise);

/* (x + 2^(s-1)) >> s, and x for s = 0. */
static inline int64_t
vq_rshift_round(int64_t x, int s)
{
    return s ? (x + (INT64_C(1) << (s - 1))) >> s : x;
}

/*
 * 1/sqrt of v in [2^30, 2^32) read as v / 2^30 in [1, 4), result in Q30:
 * y0 = 2^30 - (v - 2^30) / 6 (the shift-free chord: (v - 2^30) * 715827883
 * >> 32), then four times y = (y * (3 * 2^30 - ((v * ((y * y) >> 30)) >> 30)))
 * >> 31, all in u64. Relative error below 2^-27.
 */
uint32_t vq_rsqrt_q30(uint32_t v);

/* ---- how long sums may be ---- */

/* An accumulator may have this magnitude: adding the rounding constant of a
 * requantization, at most 2^30, then stays within 32 bits. */
#define VQ_ACC_MAX (INT32_MAX - (INT64_C(1) << 30))

enum {
    VQ_MAXSCORES = 1 << 15, /* in a row of a softmax */
    /* Products of two values in bytes, before the first's zero point is taken
     * off, in a sum. */
    VQ_MAXDEPTH = VQ_ACC_MAX / (2 * UINT8_MAX * -INT8_MIN),
    VQ_SHORTROW = 1 << 15, /* columns of i.layernorm in 64 bits */
    VQ_LONGROW = 1 << 20,  /* and at all */
};

/* Bits that n * x - sum(x) has beyond 32: the least k such that a row of n has
 * at most 2^(15+k) columns. */
static inline int
vq_norm_down(int64_t n)
{
    int k = 0;

    while (n > (int64_t)VQ_SHORTROW << k)
        k++;
    return k;
}

/* The greatest |n_c| of a row of n with `frac` fraction bits. */
int64_t vq_norm_most(int64_t n, int frac);

/* ---- softmax.c: one row of integer softmax ---- */

typedef enum SoftmaxForm {
    /*
     * Scores are s16 in units of 2^-6 of a power of two: d = max - x,
     * E = table[d & 63] >> min(d >> 6, 31), table u16[64] ~ 65535 * 2^(-f/64).
     * T = sum E >= 65535 >> 0 (the maximum contributes table[0] = 65535);
     * e = floor(log2 T) - 15 (>= 0), F = floor(2^(31+e) / T) in [2^15, 2^16];
     * P = min(2^pbits - 1, (E * F + 2^(30+e-pbits)) >> (31+e-pbits)), u64.
     * pbits is 8 or 16, the scale 2^-pbits.
     */
    SM_BASE2,
    /*
     * I-ViT's Shiftmax. Scores are s8: E = table[max - x], table s32[256]
     * from vq_shift_exp; T = min(sum E, 2^31-1), F = floor((2^31-1) / T),
     * P = (E * F) >> (31 - 15). pbits is 15, the scale 2^-15, type u16.
     */
    SM_SHIFTMAX,
    NSOFTMAXFORM
} SoftmaxForm;

/* x: n scores (s16 for BASE2, s8 for SHIFTMAX, widened to s32), p: n results,
 * table: 64 or 256 entries widened to s32. n at most 2^15. */
void vq_softmax_row(SoftmaxForm, int pbits, const int32_t *table,
                    const int32_t *x, int64_t n, uint32_t *p);

/* ---- ivit.c: I-ViT's published pieces ---- */

/* shift_exp(x) with x0 = floor(-1/S) < 0 and n shifts, hw form; the left
 * shift is clamped to keep the result within s32 (positive x). */
int32_t vq_shift_exp(int32_t x, int32_t x0, int n);
/* e[i] = shift_exp(first - i) of codes with scale S. Where S is so small that n
 * shifts would leave s32, there are fewer: then exp(x) is far from 2^-n. */
void vq_shift_exp_table(double scale, int n, int32_t first, int32_t e[256]);

/* y = x * G with G from the row's exponentials: shift_exp table over mx - x
 * (256 entries, D = E + Em <= 2^31-1), table_m over mx + 128 (256 entries of
 * shift_exp(-mx)). exact: G = (E << 7) / D in 64 bits, at most 127; else the
 * two-step (E * floor((2^31-1) / D)) >> 24. */
void vq_shiftgelu_row(bool exact, const int32_t *table, const int32_t *table_m,
                      const int8_t *x, int64_t n, int16_t *y);

/* I-LayerNorm's core: mean RHE, V = sum y^2 in u64, ten Newton steps from
 * 2^16, F = floor((2^31-1) / std), Y = floor(y * F / 2). */
void vq_ivit_norm_row(const int16_t *x, int64_t n, int32_t *y);

#endif
