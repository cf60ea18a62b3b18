/*
 * verify_param.c -- what rules of integer ops ask of operands: dtypes,
 * constants, attributes, multipliers and softmax tables.
 */
#include "ir/verify.h"

#include "ir/quant.h"

const Type *
vq_in_type(const Check *c, uint32_t i)
{
    return i < c->op->nin && c->op->in[i] ? vq_type(c->g, c->op->in[i]) : NULL;
}

const Type *
vq_out_type(const Check *c)
{
    return vq_type(c->g, c->op->out);
}

const char *
vq_in_text(const Check *c, uint32_t i)
{
    return vq_format(c->tmp, "%s: %s", vq_val_text(c->tmp, c->g, c->op->in[i]),
                     vq_type_text(c->tmp, c->g, vq_in_type(c, i)));
}

/* "u8 or s8" */
static const char *
set_text(Arena *a, unsigned set)
{
    const char *s = "";

    for (int dt = DT_NONE + 1; dt < NDTYPE; dt++)
        if (set & DT_BIT(dt))
            s = vq_format(a, "%s%s%s", s, *s ? " or " : "", vq_dtype[dt].text);
    return s;
}

bool
vq_need_dtype(const Check *c, uint32_t i, unsigned set)
{
    const Type *t = vq_in_type(c, i);

    if (!t || set & DT_BIT(t->dt))
        return true;
    return vq_fail(c, "%s must be %s", vq_in_text(c, i), set_text(c->tmp, set));
}

bool
vq_need_result(const Check *c, unsigned set)
{
    if (set & DT_BIT(vq_out_type(c)->dt))
        return true;
    return vq_fail(c, "the result is %s, but must be %s",
                   vq_dtype[vq_out_type(c)->dt].text, set_text(c->tmp, set));
}

bool
vq_need_const(const Check *c, uint32_t i, DType dt, int64_t n,
              const void **data)
{
    const Type *t = vq_in_type(c, i);

    if (data)
        *data = NULL;
    if (!t)
        return true;
    if (!vq_is_const(c->g, c->op->in[i]))
        return vq_fail(c, "%s must be a constant", vq_in_text(c, i));
    if (t->dt != dt || t->rank != 1 || t->dim[0] != n)
        return vq_fail(c, "%s must be %s[%lld]", vq_in_text(c, i),
                       vq_dtype[dt].text, (long long)n);
    if (data)
        *data = c->g->val[c->op->in[i]].data;
    return true;
}

bool
vq_need_channels(const Check *c, uint32_t i, DType dt, int64_t n)
{
    const Type *t = vq_in_type(c, i);

    return vq_need_const(c, i, dt, t && vq_count(t) == 1 ? 1 : n, NULL);
}

bool
vq_need_int(const Check *c, AttrKey key, int64_t lo, int64_t hi)
{
    int64_t v = vq_get_i(c->op, key, lo);

    if (v >= lo && v <= hi)
        return true;
    return vq_fail(c, "%s=%lld is not within %lld..%lld", vq_attr_text[key],
                   (long long)v, (long long)lo, (long long)hi);
}

bool
vq_need_no_zero(const Check *c, uint32_t i)
{
    const Type *t = vq_in_type(c, i);

    if (t && t->q.zero)
        return vq_fail(c, "%s must have the zero point 0", vq_in_text(c, i));
    if (vq_out_type(c)->q.zero)
        return vq_fail(c, "the result must have the zero point 0");
    return true;
}

/* ---- multipliers ---- */

static bool
fits_narrow(int64_t mul, int64_t shift)
{
    return mul >= INT16_MIN && mul <= INT16_MAX && shift >= 0 && shift <= 31;
}

/* |t| is at most 2^17; t * mul and its rounding must stay within 32 bits. */
static bool
fits_wide(int64_t mul, int64_t shift)
{
    int64_t s1 = shift & 63, s2 = shift >> 6;
    int64_t half = s2 > 0 && s2 <= 31 ? INT64_C(1) << (s2 - 1) : 0;

    mul = mul < 0 ? -mul : mul;
    return shift >= 0 && s1 <= 31 && s2 <= 45 && mul < 1 << 14 &&
           mul * (1 << 17) + half <= INT32_MAX;
}

static bool
fits_dyadic(int64_t mul, int64_t shift)
{
    return mul > INT32_MIN && shift >= 0 && shift <= 62;
}

static const struct {
    const char *text;
    bool (*fits)(int64_t mul, int64_t shift);
    unsigned results;
} requant_form[NREQUANTFORM] = {
    [RQ_NARROW] = {"narrow", fits_narrow, DT_BYTE},
    [RQ_WIDE] = {"wide", fits_wide, DT_STORED | DT_BIT(DT_S32)},
    [RQ_DYADIC] = {"dyadic", fits_dyadic, DT_STORED | DT_BIT(DT_S32)},
};

bool
vq_need_requant(const Check *c, uint32_t mul, int64_t form, int64_t n,
                DType result)
{
    const int32_t *m, *s;
    int64_t nm, ns;

    if (form < 0 || form >= NREQUANTFORM)
        return vq_fail(c, "form=%lld is no form of requantization",
                       (long long)form);
    if (!vq_need_channels(c, mul, DT_S32, n) ||
        !vq_need_channels(c, mul + 1, DT_S32, n))
        return false;
    nm = vq_count(vq_in_type(c, mul));
    ns = vq_count(vq_in_type(c, mul + 1));
    if (nm != ns)
        return vq_fail(c, "%s and %s differ in length", vq_in_text(c, mul),
                       vq_in_text(c, mul + 1));
    if (!(requant_form[form].results & DT_BIT(result)))
        return vq_fail(c, "the %s form cannot make %s", requant_form[form].text,
                       vq_dtype[result].text);
    m = c->g->val[c->op->in[mul]].data;
    s = c->g->val[c->op->in[mul + 1]].data;
    for (int64_t i = 0; i < nm; i++)
        if (!requant_form[form].fits(m[i], s[i]))
            return vq_fail(c,
                           "mul %d, shift %d of channel %lld are outside "
                           "the %s form",
                           m[i], s[i], (long long)i, requant_form[form].text);
    return true;
}

/* ---- softmax ---- */

/* A row of base-2 probabilities is rounded: each adds half a unit at most. */
static bool
check_base2(const Check *c, const void *table, int64_t n, int64_t *sum)
{
    const uint16_t *e = table;
    int64_t pbits = vq_get_i(c->op, A_PBITS, 0);

    if (pbits != 8 && pbits != 16)
        return vq_fail(c, "pbits must be 8 or 16");
    if (e[0] != UINT16_MAX)
        return vq_fail(c, "the table must begin with 65535");
    *sum = (INT64_C(1) << pbits) + n / 2 + 1;
    return true;
}

/* Exponentials that add up to 2^31 or more are not normalised any further. */
static bool
check_shiftmax(const Check *c, const void *table, int64_t n, int64_t *sum)
{
    const int32_t *e = table;
    int64_t most = 0;

    if (vq_get_i(c->op, A_PBITS, 0) != 15)
        return vq_fail(c, "pbits must be 15");
    for (int i = 0; i < 256; i++) {
        if (e[i] < (i == 0))
            return vq_fail(c, "entry %d of the table is too small", i);
        most = vq_max(most, e[i]);
    }
    *sum = vq_max(INT64_C(1) << 15, n * most >> 16);
    return true;
}

static const struct {
    DType entry;
    int64_t entries;
    bool (*check)(const Check *, const void *table, int64_t n, int64_t *sum);
} softmax_form[NSOFTMAXFORM] = {
    [SM_BASE2] = {DT_U16, 64, check_base2},
    [SM_SHIFTMAX] = {DT_S32, 256, check_shiftmax},
};

bool
vq_need_softmax(const Check *c, uint32_t i, int64_t n, int64_t *sum)
{
    int64_t form = vq_get_i(c->op, A_SOFTMAX, -1);
    const void *table;

    if (form < 0 || form >= NSOFTMAXFORM)
        return vq_fail(c, "softmax=%lld is no form of softmax",
                       (long long)form);
    if (n > VQ_MAXSCORES)
        return vq_fail(c, "rows of %lld scores are longer than 2^15",
                       (long long)n);
    return vq_need_const(c, i, softmax_form[form].entry,
                         softmax_form[form].entries, &table) &&
           softmax_form[form].check(c, table, n, sum);
}
