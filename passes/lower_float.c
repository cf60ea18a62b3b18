/*
 * lower_float.c -- ops that are kept in float become float ops.
 */
#include "passes/keep.h"
#include "passes/lower.h"
#include "passes/rule.h"

#include "ir/function.h"

#include <string.h>

/* f32 of the given shape. */
static Type
real_type(const Type *t)
{
    return vq_type_of(DT_F32, t->rank, t->dim);
}

static ValId
emit_map(Rewrite *r, const Op *op, const char *name, Type t, const ValId *in,
         uint32_t nin, const int64_t *code, uint32_t n)
{
    Op *now = vq_emit(r->to, OP_F_MAP, name, t, in, nin, op->loc);

    vq_set_is(r->to, now, A_CODE, code, n);
    return now->out;
}

/* What makes op's value from one or two values. */
static bool
finish_map(Rewrite *r, const Op *op, const ValId *in, uint32_t nin,
           const int64_t *code, uint32_t n)
{
    vq_become(r, op->out,
              emit_map(r, op, r->from->val[op->out].name,
                       real_type(vq_type(r->from, op->out)), in, nin, code, n));
    return true;
}

/* An operand that is one constant number becomes a word, unless the result
 * has its shape from it. */
static bool
is_number(const Rewrite *r, const Op *op, uint32_t i, double *k)
{
    return op->nin == 2 && vq_scalar(r->from, op->in[i], k) &&
           vq_same_shape(vq_type(r->from, op->in[1 - i]),
                         vq_type(r->from, op->out));
}

static bool
lower_word(Rewrite *r, const Op *op)
{
    int word = op->kind == OP_SCALE ? FN_MUL : vq_fn_word(op->kind);
    int64_t code[3];
    uint32_t n = 0, nin = 0;
    ValId in[2];

    for (uint32_t i = 0; i < op->nin; i++) {
        double k;

        if (is_number(r, op, i, &k)) {
            code[n++] = vq_fn_const((float)k);
            continue;
        }
        code[n++] = nin ? FN_Y : FN_X;
        in[nin++] = vq_new(r, op->in[i]);
    }
    code[n++] = word;
    return finish_map(r, op, in, nin, code, n);
}

static bool
lower_clip(Rewrite *r, const Op *op)
{
    const Attr *lo = vq_attr(op, A_LO), *hi = vq_attr(op, A_HI);
    int64_t code[5] = {FN_X};
    ValId x = vq_new(r, op->in[0]);
    uint32_t n = 1;

    if (lo) {
        code[n++] = vq_fn_const((float)lo->f);
        code[n++] = FN_MAX;
    }
    if (hi) {
        code[n++] = vq_fn_const((float)hi->f);
        code[n++] = FN_MIN;
    }
    return finish_map(r, op, &x, 1, code, n);
}

static bool
lower_function(Rewrite *r, const Op *op)
{
    const Attr *code = vq_attr(op, A_CODE);
    ValId x = vq_new(r, op->in[0]);

    return finish_map(r, op, &x, 1, code->i, code->n);
}

static bool
lower_gelu(Rewrite *r, const Op *op)
{
    const int64_t half = vq_fn_const(0.5f), one = vq_fn_const(1);
    const int64_t erf[] = {
        FN_X,   half,   FN_MUL, FN_X,   vq_fn_const(0.707106781f),
        FN_MUL, FN_ERF, one,    FN_ADD, FN_MUL};
    const int64_t tanh[] = {FN_X,
                            half,
                            FN_MUL,
                            FN_X,
                            FN_X,
                            FN_MUL,
                            FN_X,
                            FN_MUL,
                            vq_fn_const(0.044715f),
                            FN_MUL,
                            FN_X,
                            FN_ADD,
                            vq_fn_const(0.797884561f),
                            FN_MUL,
                            FN_TANH,
                            one,
                            FN_ADD,
                            FN_MUL};
    ValId x = vq_new(r, op->in[0]);

    return vq_get_i(op, A_TANH, 0) ? finish_map(r, op, &x, 1, tanh, COUNT(tanh))
                                   : finish_map(r, op, &x, 1, erf, COUNT(erf));
}

/* ---- along axes ---- */

static ValId
emit_reduce(Rewrite *r, const Op *op, OpKind kind, const char *name, ValId x,
            int64_t axis)
{
    Type t = *vq_type(r->to, x);
    Op *now;

    t.dim[axis] = 1;
    now = vq_emit(r->to, kind, name, t, &x, 1, op->loc);
    vq_set_i(r->to, now, A_AXIS, axis);
    return now->out;
}

/* One axis after the other, the last one first; the last op has the suffix. */
static ValId
reduce_axes(Rewrite *r, const Op *op, OpKind kind, const char *suffix)
{
    const Attr *axes = vq_attr(op, A_AXES);
    ValId x = vq_new(r, op->in[0]);

    for (uint32_t i = axes->n; i > 0; i--)
        x = emit_reduce(r, op, kind,
                        vq_subname(r, op, i > 1 ? ".part" : suffix), x,
                        axes->i[i - 1]);
    return x;
}

static bool
lower_sum(Rewrite *r, const Op *op)
{
    vq_become(r, op->out, reduce_axes(r, op, OP_F_SUM, ""));
    return true;
}

static bool
lower_max(Rewrite *r, const Op *op)
{
    vq_become(r, op->out, reduce_axes(r, op, OP_F_MAX, ""));
    return true;
}

static bool
lower_mean(Rewrite *r, const Op *op)
{
    int64_t n = vq_count(vq_type(r->from, op->in[0])) /
                vq_count(vq_type(r->from, op->out));
    const int64_t code[] = {FN_X, vq_fn_const((float)n), FN_DIV};
    ValId x = reduce_axes(r, op, OP_F_SUM, ".sum");

    return finish_map(r, op, &x, 1, code, COUNT(code));
}

static bool
lower_softmax(Rewrite *r, const Op *op)
{
    static const int64_t power[] = {FN_X, FN_Y, FN_SUB, FN_EXP};
    static const int64_t share[] = {FN_X, FN_Y, FN_DIV};
    int64_t axis = vq_get_i(op, A_AXIS, 0);
    Type t = real_type(vq_type(r->from, op->out));
    ValId in[2] = {vq_new(r, op->in[0])};

    in[1] =
        emit_reduce(r, op, OP_F_MAX, vq_subname(r, op, ".max"), in[0], axis);
    in[0] = emit_map(r, op, vq_subname(r, op, ".exp"), t, in, 2, power,
                     COUNT(power));
    in[1] =
        emit_reduce(r, op, OP_F_SUM, vq_subname(r, op, ".sum"), in[0], axis);
    return finish_map(r, op, in, 2, share, COUNT(share));
}

/* x of the op, in rows of n where a row has several heads. */
static ValId
head_rows(Rewrite *r, const Op *op, int64_t heads, Type *t)
{
    ValId x = vq_new(r, op->in[0]);

    *t = real_type(vq_type(r->from, op->out));
    if (heads == 1)
        return x;
    t->dim[t->rank] = t->dim[t->rank - 1] / heads;
    t->dim[t->rank++ - 1] = heads;
    return vq_emit(r->to, OP_RESHAPE, vq_subname(r, op, ".heads"), *t, &x, 1,
                   op->loc)
        ->out;
}

/* gamma or beta. */
static ValId
head_const(Rewrite *r, const Op *op, uint32_t i, int64_t heads)
{
    const Value *v = &r->from->val[op->in[i]];
    int64_t n = vq_count(&v->type);
    Type t = TYPE(DT_F32, heads, n / heads);

    return vq_const(r->to, vq_subname(r, op, i == 1 ? ".gamma" : ".beta"),
                    heads == 1 ? TYPE(DT_F32, n) : t, v->data);
}

/* (x - sum(x) / n) / sqrt(sum of its squares / n + eps) in rows of n. */
static ValId
norm_rows(Rewrite *r, const Op *op, ValId x, Type t)
{
    static const int64_t less[] = {FN_X, FN_Y, FN_SUB};
    static const int64_t square[] = {FN_X, FN_X, FN_MUL};
    static const int64_t quotient[] = {FN_X, FN_Y, FN_DIV};
    int axis = t.rank - 1;
    int64_t n = vq_fn_const((float)t.dim[axis]);
    int64_t eps = vq_fn_const((float)vq_get_f(op, A_EPS, 0));
    const int64_t mean[] = {FN_X, n, FN_DIV};
    const int64_t dev[] = {FN_X, n, FN_DIV, eps, FN_ADD, FN_SQRT};
    ValId in[2] = {x}, sum;
    Type one = t;

    one.dim[axis] = 1;
    if (vq_get_i(op, A_MEAN, 1)) {
        sum = emit_reduce(r, op, OP_F_SUM, vq_subname(r, op, ".sum"), x, axis);
        in[1] = emit_map(r, op, vq_subname(r, op, ".mean"), one, &sum, 1, mean,
                         COUNT(mean));
        in[0] = emit_map(r, op, vq_subname(r, op, ".centred"), t, in, 2, less,
                         COUNT(less));
    }
    sum = emit_map(r, op, vq_subname(r, op, ".square"), t, in, 1, square,
                   COUNT(square));
    sum =
        emit_reduce(r, op, OP_F_SUM, vq_subname(r, op, ".squares"), sum, axis);
    in[1] = emit_map(r, op, vq_subname(r, op, ".dev"), one, &sum, 1, dev,
                     COUNT(dev));
    return emit_map(r, op, vq_subname(r, op, ".plain"), t, in, 2, quotient,
                    COUNT(quotient));
}

static bool
lower_layernorm(Rewrite *r, const Op *op)
{
    static const int64_t times[] = {FN_X, FN_Y, FN_MUL};
    static const int64_t plus[] = {FN_X, FN_Y, FN_ADD};
    int64_t heads = vq_get_i(op, A_HEADS, 1);
    Type t, want = real_type(vq_type(r->from, op->out));
    ValId in[2], y;

    if (!vq_check_norm(r->from, r->diag, op))
        return false;
    in[0] = head_rows(r, op, heads, &t);
    in[0] = norm_rows(r, op, in[0], t);
    in[1] = head_const(r, op, 1, heads);
    in[0] = emit_map(r, op, vq_subname(r, op, ".scaled"), t, in, 2, times,
                     COUNT(times));
    in[1] = head_const(r, op, 2, heads);
    if (heads == 1)
        return finish_map(r, op, in, 2, plus, COUNT(plus));
    y = emit_map(r, op, vq_subname(r, op, ".rows"), t, in, 2, plus,
                 COUNT(plus));
    y = vq_emit(r->to, OP_RESHAPE, r->from->val[op->out].name, want, &y, 1,
                op->loc)
            ->out;
    vq_become(r, op->out, y);
    return true;
}

/* ---- products ---- */

/* A vector as a matrix of one row or column. */
static ValId
as_matrix(Rewrite *r, const Op *op, ValId x, bool row)
{
    const Type *t = vq_type(r->to, x);
    int64_t n = t->rank ? t->dim[0] : 1;
    Type m = row ? TYPE(DT_F32, 1, n) : TYPE(DT_F32, n, 1);

    if (t->rank > 1)
        return x;
    return vq_emit(r->to, OP_RESHAPE, vq_subname(r, op, ".v"), m, &x, 1,
                   op->loc)
        ->out;
}

static bool
lower_matmul(Rewrite *r, const Op *op)
{
    ValId in[2] = {as_matrix(r, op, vq_new(r, op->in[0]), true),
                   as_matrix(r, op, vq_new(r, op->in[1]), false)};
    bool flat = vq_type(r->from, op->in[0])->rank < 2 ||
                vq_type(r->from, op->in[1])->rank < 2;
    Type want = real_type(vq_type(r->from, op->out));
    ValId y = vq_emit_infer(r->to, r->diag, OP_F_MATMUL,
                            vq_subname(r, op, flat ? ".m" : ""), in, 2, NULL, 0,
                            NULL, op->loc);

    if (!y)
        return false;
    if (flat)
        y = vq_emit(r->to, OP_RESHAPE, vq_subname(r, op, ""), want, &y, 1,
                    op->loc)
                ->out;
    vq_become(r, op->out, y);
    return true;
}

static LowerFn *const lower[NOP] = {
    [OP_CLIP] = lower_clip,      [OP_FUNCTION] = lower_function,
    [OP_GELU] = lower_gelu,      [OP_SCALE] = lower_word,
    [OP_REDUCE_SUM] = lower_sum, [OP_REDUCE_MEAN] = lower_mean,
    [OP_REDUCE_MAX] = lower_max, [OP_SOFTMAX] = lower_softmax,
    [OP_MATMUL] = lower_matmul,  [OP_LAYERNORM] = lower_layernorm,
};

static LowerFn *
find_lowering(const Op *op)
{
    return vq_fn_word(op->kind) >= 0 ? lower_word : lower[op->kind];
}

bool
vq_has_float_form(const Op *op)
{
    return find_lowering(op) != NULL;
}

bool
vq_lower_float(Rewrite *r, const Op *op)
{
    LowerFn *fn = find_lowering(op);

    return fn ? fn(r, op)
              : vq_bug(r->diag, op->loc, "no float form of %s",
                       vq_op[op->kind].text);
}
