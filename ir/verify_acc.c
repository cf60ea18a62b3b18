/*
 * verify_acc.c -- proofs that sums stay within 32 bits.
 *
 * A column of constant weights has an exact largest and smallest sum over all
 * codes of its input; other sums are bounded by their length. All bounds
 * leave room for the rounding constant of a requantization.
 */
#include "ir/verify.h"

#include <string.h>

#include "ir/layout.h"
#include "ir/quant.h"

enum { MAXCODE = UINT8_MAX, MAXROWS = 1 << 23 };

/* Positive and negative weights of each column, summed; below 2^31 for up to
 * MAXROWS rows. */
typedef struct Extremes {
    int32_t *pos, *neg;
    int64_t cols;
} Extremes;

static bool
start_extremes(const Check *c, Extremes *x, int64_t rows, int64_t cols)
{
    if (rows > MAXROWS)
        return vq_fail(c,
                       "sums of %lld products cannot be shown to fit 32 "
                       "bits",
                       (long long)rows);
    x->pos = NEWN(c->tmp, int32_t, cols);
    x->neg = NEWN(c->tmp, int32_t, cols);
    x->cols = cols;
    return true;
}

/* The bias may be added first or last: both ways must fit. */
static bool
check_extremes(const Check *c, const Extremes *x, const int32_t *bias)
{
    for (int64_t i = 0; i < x->cols; i++) {
        int64_t b = bias ? bias[i] : 0;
        int64_t hi = (int64_t)MAXCODE * x->pos[i], lo;

        lo = (int64_t)MAXCODE * x->neg[i] + vq_min(b, 0);
        hi += vq_max(b, 0);
        if (lo < -VQ_ACC_MAX || hi > VQ_ACC_MAX)
            return vq_fail(c,
                           "column %lld can add up to %lld..%lld, beyond "
                           "the +-%lld that leave room to round in 32 bits",
                           (long long)i, (long long)lo, (long long)hi,
                           (long long)VQ_ACC_MAX);
    }
    return true;
}

bool
vq_prove_columns(const Check *c, const int8_t *w, int64_t rows, int64_t cols,
                 const int32_t *bias)
{
    Extremes x = {0};

    if (!start_extremes(c, &x, rows, cols))
        return false;
    for (int64_t k = 0; k < rows; k++, w += cols)
        for (int64_t i = 0; i < cols; i++) {
            x.pos[i] += w[i] > 0 ? w[i] : 0;
            x.neg[i] += w[i] < 0 ? w[i] : 0;
        }
    return check_extremes(c, &x, bias);
}

/* One panel; `used` of its columns exist. Columns of padding must stay 0. */
static bool
add_panel(const int8_t *w, int64_t rows, int64_t used, int32_t *pos,
          int32_t *neg)
{
    unsigned padding = 0;

    for (int64_t k = 0; k < vq_panel_groups(rows) * VQ_KGROUP; k += VQ_KGROUP)
        for (int64_t i = 0; i < VQ_PANEL; i++)
            for (int64_t j = 0; j < VQ_KGROUP; j++, w++) {
                if (i >= used || k + j >= rows) {
                    padding |= (unsigned)*w;
                    continue;
                }
                pos[i] += *w > 0 ? *w : 0;
                neg[i] += *w < 0 ? *w : 0;
            }
    return padding == 0;
}

bool
vq_prove_packed(const Check *c, const int8_t *w, int64_t rows, int64_t cols,
                const int32_t *bias)
{
    int64_t panel = vq_panel_groups(rows) * VQ_PANEL * VQ_KGROUP;
    Extremes x = {0};

    if (!start_extremes(c, &x, rows, cols))
        return false;
    for (int64_t i = 0; i < cols; i += VQ_PANEL, w += panel)
        if (!add_panel(w, rows, vq_min(cols - i, VQ_PANEL), x.pos + i,
                       x.neg + i))
            return vq_fail(c, "the padding of the packed weights is not zero");
    return check_extremes(c, &x, bias);
}

bool
vq_prove_sum(const Check *c, int64_t n, int64_t magnitude)
{
    int64_t most;

    if (!__builtin_mul_overflow(n, magnitude, &most) && most <= VQ_ACC_MAX)
        return true;
    return vq_fail(c, "sums of %lld terms up to %lld do not fit 32 bits",
                   (long long)n, (long long)magnitude);
}

/* Sums that verify_int.c proves. Others may make any s32. */
static bool
is_proved(OpKind kind)
{
    return kind == OP_I_MATMUL || kind == OP_I_SUM || kind == OP_I_MUL ||
           kind == OP_K_LINEAR || kind == OP_I_DEPTHWISE ||
           kind == OP_K_DEPTHWISE;
}

static bool
port_bounded(const Value *v)
{
    const int32_t *x = v->data;

    if (v->type.dt != DT_S32)
        return true;
    for (int64_t i = 0; x && i < vq_count(&v->type); i++)
        if (x[i] < -VQ_ACC_MAX || x[i] > VQ_ACC_MAX)
            return false;
    return x != NULL;
}

static bool
op_bounded(const Graph *g, const bool *bounded, const Op *op)
{
    bool all = vq_op[op->kind].stage == STAGE_M;

    for (uint32_t i = 0; i < op->nin; i++)
        all = all && bounded[op->in[i]];
    return all || is_proved(op->kind) || vq_type(g, op->out)->dt != DT_S32;
}

const bool *
vq_find_bounded(const Check *c)
{
    bool *bounded = NEWN(c->tmp, bool, c->g->nval);

    for (ValId v = 0; v < c->g->nval; v++)
        bounded[v] = port_bounded(&c->g->val[v]);
    for (uint32_t i = 1; i < c->g->nop; i++)
        bounded[c->g->op[i].out] = op_bounded(c->g, bounded, &c->g->op[i]);
    return bounded;
}

bool
vq_prove_bounded(const Check *c, uint32_t i)
{
    return c->bounded[c->op->in[i]] ||
           vq_fail(c, "%s may be any s32, which leaves no room to round",
                   vq_in_text(c, i));
}
