/*
 * program_fn.c -- exp, log, erf, tanh, sigmoid and pow in basic instructions.
 *
 * exp and tanh after Cephes' expf and tanhf; erf is the minimax form of
 * N. Juffa; pow after fdlibm's e_powf.c (Sun Microsystems), its branches made
 * selections: a logarithm in two floats, times y, and 2 to that power. log is
 * that logarithm times ln 2.
 */
#include "ir/program.h"

#define MAGIC 12582912.0f /* 1.5 * 2^23: adding it rounds to whole numbers */

#define PUT2(name, OP)                                                         \
    static Reg name(Program *p, Reg a, Reg b)                                  \
    {                                                                          \
        return vq_put(p, PI_##OP, a, b, 0);                                    \
    }

PUT2(add, ADD)
PUT2(sub, SUB)
PUT2(mul, MUL)
PUT2(divide, DIV)
PUT2(less, LT)
PUT2(equal, EQ)
PUT2(both, AND)
PUT2(either, OR)
PUT2(iadd, IADD)
PUT2(isub, ISUB)

static Reg
select(Program *p, Reg mask, Reg a, Reg b)
{
    return vq_put(p, PI_SEL, mask, a, b);
}

static Reg
is_nan(Program *p, Reg x)
{
    return vq_put(p, PI_NAN, x, 0, 0);
}

static Reg
shift(Program *p, ProgramOp op, Reg x, unsigned by)
{
    return vq_put(p, op, x, by, 0);
}

static Reg
number(Program *p, float x)
{
    return vq_put_f32(p, x);
}

static Reg
bits(Program *p, uint32_t x)
{
    return vq_put_bits(p, x);
}

static Reg
magnitude(Program *p, Reg x)
{
    return both(p, x, bits(p, UINT32_C(0x7fffffff)));
}

static Reg
sign_of(Program *p, Reg x)
{
    return both(p, x, bits(p, UINT32_C(0x80000000)));
}

/* The leading 12 bits of the fraction: products of two such are exact. */
static Reg
head(Program *p, Reg x)
{
    return both(p, x, bits(p, UINT32_C(0xfffff000)));
}

/* Horner's rule; the first coefficient belongs to the highest power. */
static Reg
polynomial(Program *p, Reg x, const float *k, unsigned n)
{
    Reg y = number(p, k[0]);

    for (unsigned i = 1; i < n; i++)
        y = add(p, mul(p, y, x), number(p, k[i]));
    return y;
}
#define POLYNOMIAL(p, x, ...)                                                  \
    polynomial(p, x, (const float[]){__VA_ARGS__},                             \
               sizeof((const float[]){__VA_ARGS__}) / sizeof(float))

/* x within lo..hi; NaN becomes hi. */
static Reg
clamp(Program *p, Reg x, float lo, float hi)
{
    x = select(p, less(p, x, number(p, hi)), x, number(p, hi));
    return select(p, less(p, number(p, lo), x), x, number(p, lo));
}

/* y * 2^n, whole n within +-250: two factors, for 2^n may not be a normal
 * number where the product is one. */
static Reg
scale_by(Program *p, Reg y, Reg n)
{
    Reg half = shift(p, PI_SAR, n, 1), rest = isub(p, n, half);
    Reg bias = bits(p, 127);

    y = mul(p, y, shift(p, PI_SHL, iadd(p, half, bias), 23));
    return mul(p, y, shift(p, PI_SHL, iadd(p, rest, bias), 23));
}

/* The integer nearest to x, |x| < 2^22, and the same as a float. */
static Reg
nearest(Program *p, Reg x, Reg *n)
{
    Reg t = add(p, x, number(p, MAGIC));

    *n = isub(p, t, bits(p, UINT32_C(0x4b400000)));
    return sub(p, t, number(p, MAGIC));
}

Reg
vq_put_exp(Program *p, Reg x)
{
    Reg t = clamp(p, x, -104, 89), n, r, whole, y;

    whole = nearest(p, mul(p, t, number(p, 1.44269504088896341f)), &n);
    r = sub(p, t, mul(p, whole, number(p, 0.693359375f)));
    r = sub(p, r, mul(p, whole, number(p, -2.12194440e-4f)));
    y = POLYNOMIAL(p, r, 1.9875691500e-4f, 1.3981999507e-3f, 8.3334519073e-3f,
                   4.1665795894e-2f, 1.6666665459e-1f, 5.0000001201e-1f);
    y = add(p, add(p, mul(p, y, mul(p, r, r)), r), number(p, 1));
    return select(p, is_nan(p, x), x, scale_by(p, y, n));
}

Reg
vq_put_sigmoid(Program *p, Reg x)
{
    Reg one = number(p, 1);
    Reg minus = vq_put(p, PI_XOR, x, bits(p, UINT32_C(0x80000000)), 0);

    return divide(p, one, add(p, one, vq_put_exp(p, minus)));
}

Reg
vq_put_tanh(Program *p, Reg x)
{
    Reg t = magnitude(p, x), z = mul(p, x, x), one = number(p, 1), near, far;

    near =
        POLYNOMIAL(p, z, -5.70498872745e-3f, 2.06390887954e-2f,
                   -5.37397155531e-2f, 1.33314422036e-1f, -3.33332819422e-1f);
    near = add(p, mul(p, mul(p, near, z), x), x);
    far = add(p, vq_put_exp(p, add(p, t, t)), one);
    far = sub(p, one, divide(p, number(p, 2), far));
    near = select(p, less(p, t, number(p, 0.625f)), near, far);
    return either(p, near, sign_of(p, x));
}

Reg
vq_put_erf(Program *p, Reg x)
{
    Reg t = magnitude(p, x), s = mul(p, x, x), near, far, even;
    Reg one = number(p, 1);

    near = POLYNOMIAL(p, s, -5.96761703e-4f, 4.99119423e-3f, -2.67681349e-2f,
                      1.12819925e-1f, -3.76125336e-1f, 1.28379166e-1f);
    near = add(p, mul(p, near, x), x);
    t = select(p, less(p, t, number(p, 4)), t, number(p, 4)); /* erf is 1 */
    s = mul(p, t, t);
    far = add(p, mul(p, number(p, -1.72853470e-5f), t),
              number(p, 3.83197126e-4f));
    even = add(p, mul(p, number(p, -3.88396438e-3f), t),
               number(p, 2.42546219e-2f));
    far = add(p, mul(p, far, s), even);
    far = add(p, mul(p, far, t), number(p, -1.06777877e-1f));
    far = add(p, mul(p, far, t), number(p, -6.34846687e-1f));
    far = add(p, mul(p, far, t), number(p, -1.28717512e-1f));
    far = sub(p, mul(p, far, t), t);
    far = either(p, sub(p, one, vq_put_exp(p, far)), sign_of(p, x));
    t = magnitude(p, x);
    far = select(p, less(p, t, number(p, 0.927734375f)), near, far);
    return select(p, is_nan(p, x), x, far);
}

/* ---- pow ---- */

/* log2 of a positive normal x as high + low, high with 12 bits. */
typedef struct Log {
    Reg high, low;
} Log;

/* x = 2^n * m; near is 0, 1 or 1.5, of which m is nearest to 1 or 1.5. */
typedef struct Split {
    Reg m, n, center, step, dp_h, dp_l;
} Split;

static Split
split(Program *p, Reg x)
{
    Reg zero = bits(p, 0), tiny = less(p, x, bits(p, 0x00800000)), low, mid, m;
    Split s;

    s.n = select(p, tiny, bits(p, (uint32_t)-24), zero);
    x = select(p, tiny, mul(p, x, number(p, 16777216)), x);
    s.n = iadd(p, s.n, isub(p, shift(p, PI_SHR, x, 23), bits(p, 127)));
    m = either(p, both(p, x, bits(p, 0x007fffff)), bits(p, 0x3f800000));
    low = less(p, m, bits(p, 0x3f9cc472)); /* sqrt(3/2) */
    mid = less(p, m, bits(p, 0x3fddb3d7)); /* sqrt(3) */
    s.m = select(p, mid, m, isub(p, m, bits(p, 0x00800000)));
    s.n = select(p, mid, s.n, iadd(p, s.n, bits(p, 1)));
    mid = select(p, low, zero, select(p, mid, bits(p, UINT32_MAX), zero));
    s.center =
        either(p, bits(p, 0x3f800000), both(p, mid, bits(p, 0x00400000)));
    s.step = both(p, mid, bits(p, 0x00200000));
    s.dp_h = both(p, mid, bits(p, 0x3f15c000)); /* log2(1.5), 12 bits */
    s.dp_l = both(p, mid, bits(p, 0x35d1cfdc));
    return s;
}

/* (m - c) / (m + c) as s = sh + sl; then 2 artanh of it by its series. */
static Log
logarithm(Program *p, Reg x)
{
    Split c = split(p, x);
    Reg u = sub(p, c.m, c.center), three = number(p, 3), t, v, s, sh, sl;
    Reg th, tl, s2, r, ph, pl, zh, zl;
    Log l;

    v = divide(p, number(p, 1), add(p, c.m, c.center));
    s = mul(p, u, v);
    sh = head(p, s);
    th = either(p, head(p, shift(p, PI_SHR, c.m, 1)), bits(p, 0x20000000));
    th = iadd(p, th, iadd(p, bits(p, 0x00400000), c.step));
    tl = sub(p, c.m, sub(p, th, c.center));
    sl = mul(p, v, sub(p, sub(p, u, mul(p, sh, th)), mul(p, sh, tl)));
    s2 = mul(p, s, s);
    r = mul(p, mul(p, s2, s2),
            POLYNOMIAL(p, s2, 2.0697501302e-01f, 2.3066075146e-01f,
                       2.7272811532e-01f, 3.3333334327e-01f, 4.2857143283e-01f,
                       6.0000002384e-01f));
    r = add(p, r, mul(p, sl, add(p, sh, s)));
    s2 = mul(p, sh, sh);
    th = head(p, add(p, add(p, three, s2), r));
    tl = sub(p, r, sub(p, sub(p, th, three), s2));
    u = mul(p, sh, th);
    v = add(p, mul(p, sl, th), mul(p, tl, s));
    ph = head(p, add(p, u, v));
    pl = sub(p, v, sub(p, ph, u));
    zh = mul(p, number(p, 9.6191406250e-01f), ph);
    zl = add(p, mul(p, number(p, -1.1736857402e-04f), ph),
             mul(p, pl, number(p, 9.6179670095e-01f)));
    zl = add(p, zl, c.dp_l);
    t = sub(p, iadd(p, c.n, bits(p, 0x4b400000)), number(p, MAGIC));
    l.high = head(p, add(p, add(p, add(p, zh, zl), c.dp_h), t));
    l.low = sub(p, zl, sub(p, sub(p, sub(p, l.high, t), c.dp_h), zh));
    return l;
}

/* ln 2 in 12 bits and the rest: the first product is exact. */
Reg
vq_put_log(Program *p, Reg x)
{
    Reg zero = bits(p, 0), inf = bits(p, 0x7f800000), t;
    Log l = logarithm(p, x);

    t = add(p, mul(p, l.low, number(p, 6.9314718246e-01f)),
            mul(p, l.high, number(p, 3.1946184945e-05f)));
    t = add(p, mul(p, l.high, number(p, 0.693115234375f)), t);
    t = select(p, equal(p, x, inf), inf, t);
    t = select(p, equal(p, x, zero), bits(p, UINT32_C(0xff800000)), t);
    t = select(p, less(p, x, zero), bits(p, VQ_NAN_BITS), t);
    return select(p, is_nan(p, x), x, t);
}

/* 2^(high + low); from 130 on inf, below -152 zero. */
static Reg
power_of_two(Program *p, Reg high, Reg low)
{
    Reg sum = add(p, high, low), big = number(p, 130), small = number(p, -152);
    Reg zero = number(p, 0), beyond, n, t, u, v, z, w, r;

    beyond = less(p, big, sum);
    high = select(p, beyond, big, high);
    low = select(p, beyond, zero, low);
    beyond = less(p, sum, small);
    high = select(p, beyond, small, high);
    low = select(p, beyond, zero, low);
    high = sub(p, high, nearest(p, add(p, high, low), &n));
    t = head(p, add(p, low, high));
    u = mul(p, t, number(p, 6.93145752e-01f));
    v = mul(p, sub(p, low, sub(p, t, high)), number(p, 6.9314718246e-01f));
    v = add(p, v, mul(p, t, number(p, 1.42860654e-06f)));
    z = add(p, u, v);
    w = sub(p, v, sub(p, z, u));
    t = mul(p, z, z);
    t = mul(p, t,
            POLYNOMIAL(p, t, 4.1381369442e-08f, -1.6533901999e-06f,
                       6.6137559770e-05f, -2.7777778450e-03f,
                       1.6666667163e-01f));
    t = sub(p, z, t);
    r = divide(p, mul(p, z, t), sub(p, t, number(p, 2)));
    r = sub(p, r, add(p, w, mul(p, z, w)));
    return scale_by(p, sub(p, number(p, 1), sub(p, r, z)), n);
}

/* Masks: y is a whole number; and it is odd. */
static Reg
find_whole(Program *p, Reg y, Reg *odd)
{
    Reg big = number(p, 8388608), t = magnitude(p, y), no = bits(p, 0), half;
    Reg yes = bits(p, UINT32_MAX), whole;

    whole = equal(p, sub(p, add(p, t, big), big), t);
    whole = select(p, less(p, t, big), whole, yes);
    half = mul(p, t, number(p, 0.5f));
    *odd = equal(p, sub(p, add(p, half, big), big), half);
    *odd = select(p, less(p, half, big), *odd, yes);
    *odd = select(p, *odd, no, whole);
    return whole;
}

Reg
vq_put_pow(Program *p, Reg x, Reg y)
{
    Reg zero = bits(p, 0), one = number(p, 1), nan = bits(p, VQ_NAN_BITS);
    Reg inf = bits(p, 0x7f800000), ax = magnitude(p, x), odd, whole, down, t;
    Reg yc = clamp(p, y, -4294967296.0f, 4294967296.0f), yh = head(p, yc);
    Log l = logarithm(p, ax);

    t = add(p, mul(p, sub(p, yc, yh), l.high), mul(p, yc, l.low));
    t = power_of_two(p, mul(p, yh, l.high), t);
    down = less(p, y, zero);
    t = select(p, equal(p, ax, zero), select(p, down, inf, zero), t);
    t = select(p, equal(p, ax, inf), select(p, down, zero, inf), t);
    whole = find_whole(p, y, &odd);
    t = either(p, t, select(p, odd, sign_of(p, x), zero));
    /* A negative base has only whole powers, but for 0 and inf. */
    whole = select(p, equal(p, ax, inf), bits(p, UINT32_MAX), whole);
    t = select(p, less(p, x, zero), select(p, whole, t, nan), t);
    t = select(p, is_nan(p, x), nan, select(p, is_nan(p, y), nan, t));
    t = select(p, equal(p, y, zero), one, t);
    return select(p, equal(p, x, one), one, t);
}
