/*
 * softmax.c -- integer softmax of one row (quant.h has the formulas).
 *
 * Needs scores whose range the table covers and at most 2^15 of them, so that
 * sums of exponentials stay below 2^31.
 */
#include "ir/quant.h"

#include <assert.h>

static int32_t
row_max(const int32_t *x, int64_t n)
{
    int32_t mx = x[0];

    for (int64_t i = 1; i < n; i++)
        mx = x[i] > mx ? x[i] : mx;
    return mx;
}

static void
softmax_base2(int pbits, const int32_t *table, const int32_t *x, int64_t n,
              uint32_t *p)
{
    int32_t mx = row_max(x, n);
    uint64_t sum = 0, f, most = (UINT64_C(1) << pbits) - 1;
    int e, s;

    for (int64_t i = 0; i < n; i++) {
        int32_t d = mx - x[i];

        p[i] = (uint32_t)table[d & 63] >> vq_min(d >> 6, 31);
        sum += p[i];
    }
    e = 63 - __builtin_clzll(sum) - 15;
    f = (UINT64_C(1) << (31 + e)) / sum;
    s = 31 + e - pbits;
    for (int64_t i = 0; i < n; i++) {
        uint64_t v = (p[i] * f + (UINT64_C(1) << (s - 1))) >> s;

        p[i] = (uint32_t)(v < most ? v : most);
    }
}

static void
softmax_shiftmax(int pbits, const int32_t *table, const int32_t *x, int64_t n,
                 uint32_t *p)
{
    int32_t mx = row_max(x, n);
    uint64_t sum = 0, f;

    for (int64_t i = 0; i < n; i++) {
        p[i] = (uint32_t)table[mx - x[i]];
        sum += p[i];
    }
    f = INT32_MAX / (sum < INT32_MAX ? sum : INT32_MAX);
    for (int64_t i = 0; i < n; i++)
        p[i] = (uint32_t)(p[i] * f >> (31 - pbits));
}

typedef void SoftmaxFn(int, const int32_t *, const int32_t *, int64_t,
                       uint32_t *);

static SoftmaxFn *const softmax_fn[NSOFTMAXFORM] = {
    [SM_BASE2] = softmax_base2,
    [SM_SHIFTMAX] = softmax_shiftmax,
};

void
vq_softmax_row(SoftmaxForm form, int pbits, const int32_t *table,
               const int32_t *x, int64_t n, uint32_t *p)
{
    assert(n > 0 && n <= 1 << 15);
    softmax_fn[form](pbits, table, x, n, p);
}
