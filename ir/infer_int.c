/*
 * infer_int.c -- the types of integer and kernel ops: the shape follows from
 * the inputs; dtype and quantization, where the op leaves a choice, come from
 * `want`. Which dtypes an op may have is the verifier's business.
 */
#include "ir/infer.h"
#include "ir/text.h"

bool
vq_infer_wanted(const Infer *c, const Type *t)
{
    if (!c->want || c->want->dt == DT_NONE)
        return vq_infer_error(c, "the type of the result must be given");
    *c->out = vq_type_of(c->want->dt, t->rank, t->dim);
    c->out->q = c->want->q;
    return true;
}

/* The shape of t with a dtype that the op prescribes. */
static bool
fixed_like(const Infer *c, const Type *t, DType dt)
{
    *c->out = vq_type_of(dt, t->rank, t->dim);
    if (c->want)
        c->out->q = c->want->q;
    return true;
}

bool
vq_infer_like(const Infer *c)
{
    return vq_infer_wanted(c, vq_infer_in(c, 0));
}

bool
vq_infer_dequantize(const Infer *c)
{
    const Type *x = vq_infer_in(c, 0);

    *c->out = vq_type_of(DT_F32, x->rank, x->dim);
    return true;
}

bool
vq_infer_imatmul(const Infer *c)
{
    const Type *a = vq_infer_in(c, 0), *w = vq_infer_in(c, 1);

    if (a->rank == 0 || w->rank != 2 || vq_cols(a) != w->dim[0])
        return vq_infer_error(c, "the shapes of %s and %s do not match",
                              vq_infer_text(c, 0), vq_infer_text(c, 1));
    fixed_like(c, a, DT_S32);
    c->out->dim[a->rank - 1] = w->dim[1];
    return vq_infer_vector(c, 2, w->dim[1]);
}

static bool
check_trailing(const Infer *c, const Type *a, uint32_t i)
{
    return vq_is_trailing(a, vq_infer_in(c, i)) ||
           vq_infer_error(c,
                          "%s does not broadcast along the leading axes "
                          "of %s",
                          vq_infer_text(c, i),
                          vq_type_text(c->g->arena, c->g, a));
}

bool
vq_infer_iadd(const Infer *c)
{
    return check_trailing(c, vq_infer_in(c, 0), 1) &&
           fixed_like(c, vq_infer_in(c, 0), DT_S16);
}

bool
vq_infer_imul(const Infer *c)
{
    if (!vq_same_shape(vq_infer_in(c, 0), vq_infer_in(c, 1)))
        return vq_infer_error(c, "the shapes of %s and %s differ",
                              vq_infer_text(c, 0), vq_infer_text(c, 1));
    return fixed_like(c, vq_infer_in(c, 0), DT_S32);
}

/* Batches of products: what is in front of the matrices is the same. */
bool
vq_infer_iproduct(const Infer *c)
{
    const Type *a = vq_infer_in(c, 0), *b = vq_infer_in(c, 1);
    Type t = *a;

    if (a->rank < 2 || b->rank != a->rank)
        return vq_infer_error(c, "%s and %s must have one rank, from 2",
                              vq_infer_text(c, 0), vq_infer_text(c, 1));
    t.dim[t.rank - 2] = vq_cols(a);
    t.dim[t.rank - 1] = vq_cols(b);
    if (!vq_same_shape(&t, b))
        return vq_infer_error(c, "the shapes of %s and %s do not match",
                              vq_infer_text(c, 0), vq_infer_text(c, 1));
    t = *a;
    t.dim[t.rank - 1] = vq_cols(b);
    return vq_infer_wanted(c, &t);
}

bool
vq_infer_lut(const Infer *c)
{
    return fixed_like(c, vq_infer_in(c, 0), vq_infer_in(c, 1)->dt);
}

bool
vq_infer_isum(const Infer *c)
{
    int axis;

    if (!vq_infer_axis(c, &axis))
        return false;
    fixed_like(c, vq_infer_in(c, 0), DT_S32);
    c->out->dim[axis] = 1;
    return true;
}

bool
vq_infer_isoftmax(const Infer *c)
{
    int64_t pbits;

    if (!vq_infer_int(c, A_PBITS, 8, 16, &pbits))
        return false;
    return fixed_like(c, vq_infer_in(c, 0), pbits == 8 ? DT_U8 : DT_U16);
}

bool
vq_infer_shiftgelu(const Infer *c)
{
    return fixed_like(c, vq_infer_in(c, 0), DT_S16);
}

bool
vq_infer_klinear(const Infer *c)
{
    const Type *a = vq_infer_in(c, 0);
    int64_t cols;

    if (a->rank == 0)
        return vq_infer_error(c, "%s has no axis", vq_infer_text(c, 0));
    if (!vq_infer_int(c, A_COLS, 1, INT32_MAX, &cols))
        return false;
    if (!vq_infer_in(c, 3)) /* no multiplier: the accumulator itself */
        fixed_like(c, a, DT_S32);
    else if (!vq_infer_wanted(c, a))
        return false;
    c->out->dim[a->rank - 1] = cols;
    return vq_infer_vector(c, 2, cols) &&
           (!vq_infer_in(c, 6) || check_trailing(c, c->out, 6));
}
