/*
 * infer_real.c -- the types of ops on real numbers: shapes, and f32.
 */
#include "ir/function.h"
#include "ir/infer.h"
#include "ir/text.h"

bool
vq_infer_real(const Infer *c)
{
    for (uint32_t i = 0; i < c->op->nin; i++) {
        const Type *t = vq_infer_in(c, i);

        if (t && t->dt != DT_F32 && !vq_is_quantized(t))
            return vq_infer_error(c, "%s is neither f32 nor quantized",
                                  vq_infer_text(c, i));
    }
    return true;
}

static void
f32_like(const Infer *c, const Type *t)
{
    *c->out = vq_type_of(DT_F32, t->rank, t->dim);
}

bool
vq_infer_unary(const Infer *c)
{
    f32_like(c, vq_infer_in(c, 0));
    return true;
}

bool
vq_infer_scale(const Infer *c)
{
    const Type *x = vq_infer_in(c, 0), *k = vq_infer_in(c, 1);

    if (vq_count(k) != 1 &&
        (x->rank == 0 || vq_count(k) != vq_cols(x) || vq_cols(k) != vq_cols(x)))
        return vq_infer_error(c, "%s is neither one factor nor one a column",
                              vq_infer_text(c, 1));
    return vq_infer_unary(c);
}

bool
vq_infer_function(const Infer *c)
{
    const Attr *code = vq_attr(c->op, A_CODE);
    const char *fault = code && code->i
                            ? vq_fn_fault(code->i, code->n, c->op->nin)
                            : "is missing";

    if (fault)
        return vq_infer_error(c, "the code %s", fault);
    return c->op->nin == 1 ? vq_infer_unary(c) : vq_infer_binary(c);
}

bool
vq_infer_lookup(const Infer *c)
{
    const double most = UINT16_MAX;
    double n = vq_get_f(c->op, A_HI, 0) - vq_get_f(c->op, A_LO, 0) + 1;

    if (!(n >= 1 && n <= most))
        return vq_infer_error(c, "a table of %g values", n);
    f32_like(c, vq_infer_in(c, 0));
    return vq_infer_vector(c, 1, (int64_t)n);
}

bool
vq_broadcast(const Type *a, const Type *b, Type *out)
{
    int rank = a->rank > b->rank ? a->rank : b->rank;

    *out = (Type){.dt = DT_F32, .rank = rank};
    for (int i = 0; i < rank; i++) {
        int ia = i - (rank - a->rank), ib = i - (rank - b->rank);
        int64_t m = ia < 0 ? 1 : a->dim[ia], n = ib < 0 ? 1 : b->dim[ib];

        if (m != n && m != 1 && n != 1)
            return false;
        out->dim[i] = m == 1 ? n : m;
    }
    return true;
}

static bool
no_match(const Infer *c)
{
    return vq_infer_error(c, "the shapes of %s and %s do not match",
                          vq_infer_text(c, 0), vq_infer_text(c, 1));
}

bool
vq_infer_binary(const Infer *c)
{
    return vq_broadcast(vq_infer_in(c, 0), vq_infer_in(c, 1), c->out) ||
           no_match(c);
}

bool
vq_infer_reduce(const Infer *c)
{
    const Type *x = vq_infer_in(c, 0);
    const Attr *axes = vq_attr(c->op, A_AXES);
    const int64_t *list;

    if (!vq_infer_list(c, A_AXES, axes ? axes->n : 0, 0, x->rank - 1, &list))
        return false;
    f32_like(c, x);
    for (uint32_t i = 0; i < axes->n; i++) {
        if (i && list[i] <= list[i - 1])
            return vq_infer_error(c, "axes must ascend");
        c->out->dim[list[i]] = 1;
    }
    return true;
}

bool
vq_infer_softmax(const Infer *c)
{
    int axis;

    f32_like(c, vq_infer_in(c, 0));
    return vq_infer_axis(c, &axis);
}

/* The axes before the last n of a type. */
static Type
leading(const Type *t, int n)
{
    return vq_type_of(DT_F32, t->rank > n ? t->rank - n : 0, t->dim);
}

bool
vq_infer_matmul(const Infer *c)
{
    const Type *a = vq_infer_in(c, 0), *b = vq_infer_in(c, 1);
    Type la = leading(a, 2), lb = leading(b, 2);

    if (a->rank == 0 || b->rank == 0 ||
        a->dim[a->rank - 1] != b->dim[b->rank > 1 ? b->rank - 2 : 0] ||
        !vq_broadcast(&la, &lb, c->out))
        return no_match(c);
    /* A rank of 1 counts as a matrix whose other axis is then dropped. */
    if (a->rank > 1)
        c->out->dim[c->out->rank++] = a->dim[a->rank - 2];
    if (b->rank > 1)
        c->out->dim[c->out->rank++] = b->dim[b->rank - 1];
    return true;
}

/* The extent of a convolution along one of the two image axes. */
static bool
conv_extent(const Infer *c, int i, const int64_t *stride, const int64_t *pad,
            const int64_t *dilation)
{
    const Type *x = vq_infer_in(c, 0), *w = vq_infer_in(c, 1);
    int64_t padded = x->dim[2 + i] + pad[i] + pad[2 + i];
    int64_t gaps = w->dim[2 + i] - 1;

    if (gaps > (padded - 1) / dilation[i])
        return vq_infer_error(c, "the kernel %s is larger than the padded %s",
                              vq_infer_text(c, 1), vq_infer_text(c, 0));
    c->out->dim[2 + i] = (padded - 1 - gaps * dilation[i]) / stride[i] + 1;
    return true;
}

bool
vq_infer_conv(const Infer *c)
{
    const Type *x = vq_infer_in(c, 0), *w = vq_infer_in(c, 1);
    const int64_t *stride, *pad, *dilation;
    int64_t groups;

    if (x->rank != 4 || w->rank != 4)
        return vq_infer_error(c,
                              "only images of rank 4 (NCHW) are known, not "
                              "%s with %s",
                              vq_infer_text(c, 0), vq_infer_text(c, 1));
    if (!vq_infer_list(c, A_STRIDES, 2, 1, INT32_MAX, &stride) ||
        !vq_infer_list(c, A_PADS, 4, 0, INT32_MAX, &pad) ||
        !vq_infer_list(c, A_DILATIONS, 2, 1, INT32_MAX, &dilation) ||
        !vq_infer_int(c, A_GROUPS, 1, INT32_MAX, &groups))
        return false;
    if (x->dim[1] % groups || w->dim[0] % groups ||
        x->dim[1] / groups != w->dim[1])
        return no_match(c);
    f32_like(c, x);
    c->out->dim[1] = w->dim[0];
    return vq_infer_vector(c, 2, w->dim[0]) &&
           conv_extent(c, 0, stride, pad, dilation) &&
           conv_extent(c, 1, stride, pad, dilation);
}

bool
vq_infer_linear(const Infer *c)
{
    const Type *x = vq_infer_in(c, 0), *w = vq_infer_in(c, 1);

    if (x->rank == 0 || w->rank != 2 || vq_cols(x) != w->dim[0])
        return no_match(c);
    f32_like(c, x);
    c->out->dim[x->rank - 1] = w->dim[1];
    return vq_infer_vector(c, 2, w->dim[1]);
}

static bool
whole_heads(const Infer *c, const Type *t, int64_t heads)
{
    return vq_cols(t) % heads == 0 ||
           vq_infer_error(c, "%lld columns do not make %lld heads",
                          (long long)vq_cols(t), (long long)heads);
}

/* A layernorm's heads, where it has any. */
static bool
check_runs(const Infer *c, const Type *x)
{
    int64_t heads, mean;

    return (!vq_attr(c->op, A_HEADS) ||
            (vq_infer_int(c, A_HEADS, 1, vq_cols(x), &heads) &&
             whole_heads(c, x, heads))) &&
           (!vq_attr(c->op, A_MEAN) || vq_infer_int(c, A_MEAN, 0, 1, &mean));
}

bool
vq_infer_inorm(const Infer *c)
{
    const Type *x = vq_infer_in(c, 0);

    return (x->rank == 0 || check_runs(c, x)) && vq_infer_wanted(c, x);
}

bool
vq_infer_layernorm(const Infer *c)
{
    const Type *x = vq_infer_in(c, 0);

    if (x->rank == 0)
        return vq_infer_error(c, "%s has no axis", vq_infer_text(c, 0));
    f32_like(c, x);
    return check_runs(c, x) && vq_infer_vector(c, 1, vq_cols(x)) &&
           vq_infer_vector(c, 2, vq_cols(x));
}

/* [P x queries x keys]: map (batch * heads + head) mod P is added to the
 * scores of a head. */
static bool
infer_score_bias(const Infer *c, uint32_t i)
{
    const Type *q = vq_infer_in(c, 0), *k = vq_infer_in(c, 1);
    const Type *b = vq_infer_in(c, i);
    int64_t heads = vq_get_i(c->op, A_HEADS, 1);
    int64_t maps = (q->rank == 3 ? q->dim[0] : 1) * heads;

    if (!b ||
        (b->rank == 3 && b->dim[0] % heads == 0 && maps % b->dim[0] == 0 &&
         b->dim[1] == q->dim[q->rank - 2] && b->dim[2] == k->dim[k->rank - 2]))
        return true;
    return vq_infer_error(c, "%s is not a map of scores for each head",
                          vq_infer_text(c, i));
}

static bool
infer_heads(const Infer *c)
{
    const Type *q = vq_infer_in(c, 0), *k = vq_infer_in(c, 1);
    const Type *v = vq_infer_in(c, 2);
    int64_t heads;

    if (q->rank != 2 && q->rank != 3)
        return vq_infer_error(c, "%s must be [B x N x C] or [N x C]",
                              vq_infer_text(c, 0));
    if (k->rank != q->rank || vq_cols(k) != vq_cols(q) ||
        (q->rank == 3 && k->dim[0] != q->dim[0]))
        return no_match(c);
    if (v->rank != k->rank || vq_rows(v) != vq_rows(k) ||
        v->dim[0] != k->dim[0])
        return vq_infer_error(c, "%s and %s differ in rows",
                              vq_infer_text(c, 1), vq_infer_text(c, 2));
    if (!vq_infer_int(c, A_HEADS, 1, vq_cols(q), &heads) ||
        !whole_heads(c, q, heads) || !whole_heads(c, v, heads))
        return false;
    f32_like(c, q);
    c->out->dim[q->rank - 1] = vq_cols(v);
    return true;
}

bool
vq_infer_attention(const Infer *c)
{
    return infer_heads(c) && infer_score_bias(c, 3) &&
           vq_infer_vector(c, 4, vq_get_i(c->op, A_HEADS, 1));
}

bool
vq_infer_iattention(const Infer *c)
{
    Type shape;

    if (!infer_heads(c) || !infer_score_bias(c, 8))
        return false;
    shape = *c->out;
    return vq_infer_wanted(c, &shape);
}

/* ---- float ops: one axis at a time, and matrices ---- */

bool
vq_infer_freduce(const Infer *c)
{
    int axis;

    if (!vq_infer_axis(c, &axis))
        return false;
    f32_like(c, vq_infer_in(c, 0));
    c->out->dim[axis] = 1;
    return true;
}

bool
vq_infer_fmatmul(const Infer *c)
{
    for (uint32_t i = 0; i < 2; i++)
        if (vq_infer_in(c, i)->rank < 2)
            return vq_infer_error(c, "%s is no matrix", vq_infer_text(c, i));
    return vq_infer_matmul(c);
}
