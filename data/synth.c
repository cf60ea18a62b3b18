/*
 * synth.c -- images from nothing: 1/f noise.
 *
 * Photographs have amplitudes that fall about as 1/f and channels that mostly
 * move together; noise of that kind exercises a vision model's activations
 * nearly as photographs do. A field is the inverse Fourier transform of such
 * amplitudes with random phases; an image is one field common to its channels
 * and one of each channel's own. Images differ in brightness, contrast, colour
 * and smoothness, as photographs do.
 *
 * Only + - * / and sqrt are used, which IEEE 754 rounds in one way, so that a
 * seed gives the same bits on every machine and with every C library.
 */
#include "data/data.h"

#include <math.h>
#include <string.h>

/* What an image is like; pixels in [0, 1], before clipping. */
typedef struct Look {
    double mean, std;   /* of its pixels */
    double correlation; /* of two of its channels */
    int steepness;      /* amplitudes fall as f^-(1 + steepness/2) */
} Look;

static uint64_t
stream(uint64_t seed, int64_t index)
{
    uint64_t s = seed ^ ((uint64_t)index * UINT64_C(0xd1342543de82ef95));

    return vq_random(&s);
}

void
vq_synth_noise(uint64_t seed, int64_t index, float *out, int64_t n)
{
    uint64_t s = stream(seed, index);

    for (int64_t i = 0; i < n; i++) {
        double sum = -6;

        for (int k = 0; k < 12; k++)
            sum += vq_random_unit(&s);
        out[i] = (float)sum;
    }
}

typedef struct Complex {
    double re, im;
} Complex;

static Complex
mul(Complex a, Complex b)
{
    return (Complex){a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}

/* e^(2 pi i k / n) for k < n/2, from square roots alone. */
static Complex *
make_roots(Arena *a, int64_t n)
{
    Complex *w = NEWN(a, Complex, (size_t)n);
    Complex r = {-1, 0}; /* e^(2 pi i step / n) */

    w[0] = (Complex){1, 0};
    for (int64_t step = n / 2; step; step /= 2) {
        w[step] = r;
        r = r.re == -1 ? (Complex){0, 1}
                       : (Complex){sqrt((1 + r.re) / 2),
                                   r.im / (2 * sqrt((1 + r.re) / 2))};
    }
    for (int64_t k = 1; k < n / 2; k++)
        if (k & (k - 1))
            w[k] = mul(w[k & (k - 1)], w[k & -k]);
    return w;
}

/* Inverse transform, unscaled, of n = 2^m elements `step` apart. */
static void
transform(Complex *x, int64_t n, int64_t step, const Complex *root)
{
    for (int64_t i = 1, j = 0; i < n; i++) {
        int64_t bit = n / 2;

        for (; j & bit; bit /= 2)
            j ^= bit;
        j ^= bit;
        if (i < j) {
            Complex t = x[i * step];

            x[i * step] = x[j * step];
            x[j * step] = t;
        }
    }
    for (int64_t half = 1; half < n; half *= 2)
        for (int64_t i = 0; i < n; i++) {
            Complex *a = x + i * step, *b = a + half * step, t;

            if (i & half)
                continue;
            t = mul(*b, root[(i & (half - 1)) * (n / (2 * half))]);
            *b = (Complex){a->re - t.re, a->im - t.im};
            *a = (Complex){a->re + t.re, a->im + t.im};
        }
}

static Look
make_look(uint64_t *s)
{
    Look l;

    l.mean = 0.25 + 0.4 * vq_random_unit(s);
    l.std = 0.1 + 0.3 * vq_random_unit(s);
    l.correlation = 0.5 + 0.5 * vq_random_unit(s);
    l.steepness = (int)(3 * vq_random_unit(s));
    return l;
}

/* A random point of the unit circle. */
static Complex
phase(uint64_t *s)
{
    for (;;) {
        double x = 2 * vq_random_unit(s) - 1, y = 2 * vq_random_unit(s) - 1;
        double r = x * x + y * y;

        if (r <= 1 && r > 1e-6)
            return (Complex){x / sqrt(r), y / sqrt(r)};
    }
}

static double
amplitude(double f, int steepness)
{
    return f == 0           ? 0
           : steepness == 0 ? 1 / f
           : steepness == 1 ? 1 / (f * sqrt(f))
                            : 1 / (f * f);
}

/* n x n; real and imaginary parts are two independent fields. */
static void
make_fields(Complex *x, int64_t n, const Complex *root, int steepness,
            uint64_t *s)
{
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < n; j++) {
            double fy = (double)vq_min(i, n - i);
            double fx = (double)vq_min(j, n - j);
            double a = amplitude(sqrt(fx * fx + fy * fy), steepness);
            Complex p = phase(s);

            x[i * n + j] = (Complex){p.re * a, p.im * a};
        }
    for (int64_t i = 0; i < n; i++)
        transform(x + i * n, n, 1, root);
    for (int64_t j = 0; j < n; j++)
        transform(x + j, n, n, root);
}

/* The h x w corner of one part, brought to mean 0 and deviation 1. */
static void
take_field(const Complex *x, int64_t n, bool imaginary, int64_t h, int64_t w,
           double *field)
{
    double sum = 0, sum2 = 0, count = (double)(h * w), mean, scale;

    for (int64_t i = 0; i < h * w; i++) {
        const Complex *p = &x[i / w * n + i % w];

        field[i] = imaginary ? p->im : p->re;
        sum += field[i];
        sum2 += field[i] * field[i];
    }
    mean = sum / count;
    scale = sum2 / count - mean * mean;
    scale = scale > 0 ? 1 / sqrt(scale) : 0;
    for (int64_t i = 0; i < h * w; i++)
        field[i] = (field[i] - mean) * scale;
}

static void
paint(const Look *l, const double *common, const double *own, int64_t n,
      float mean, float std, float *out)
{
    double a = sqrt(l->correlation), b = sqrt(1 - l->correlation);

    for (int64_t i = 0; i < n; i++) {
        double v = l->mean + l->std * (a * common[i] + b * own[i]);

        v = v < 0 ? 0 : v > 1 ? 1 : v;
        out[i] = (float)((v - (double)mean) / (double)std);
    }
}

void
vq_synth_image(Arena *tmp, const Preprocess *p, uint64_t seed, int64_t index,
               float *out)
{
    ArenaMark mark = vq_arena_mark(tmp);
    int64_t area = p->height * p->width, n = 2;
    uint64_t s = stream(seed, index);
    Look look = make_look(&s);
    double *field = NEWN(tmp, double, (size_t)(4 * area));
    const Complex *root;
    Complex *x;

    while (n < p->height || n < p->width)
        n *= 2;
    root = make_roots(tmp, n);
    x = vq_allocn(tmp, (size_t)n, (size_t)n * sizeof *x);
    for (int k = 0; k < 4; k++) {
        if (k % 2 == 0)
            make_fields(x, n, root, look.steepness, &s);
        take_field(x, n, k % 2, p->height, p->width, field + k * area);
    }
    for (int64_t c = 0; c < p->channels; c++)
        paint(&look, field, field + (1 + c) * area, area, p->mean[c], p->std[c],
              out + c * area);
    vq_arena_release(tmp, mark);
}
