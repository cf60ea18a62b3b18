/*
 * fuse_linear.c -- linear layers, and the patch embedding as one.
 *
 * Needs nothing, keeps every fact. A matmul with a constant matrix is a
 * linear; sums with and products by a constant per column that follow go into
 * its bias and weights (LayerScale, the scale of q). The rules of sink.h take
 * what reorders rows from before a linear to behind it. The direction of all
 * these: ops other than moves get fewer, moves sink.
 */
#include "passes/linear.h"
#include "passes/moves.h"
#include "passes/passes.h"
#include "passes/sink.h"

#include <assert.h>
#include <string.h>

ValId
vq_build_linear(const Build *b, ValId x, ValId w, ValId bias)
{
    return vq_build(b, OP_LINEAR, (ValId[]){x, w, bias}, bias ? 3 : 2, NULL, 0,
                    NULL);
}

/* A constant of shape [1 x .. x K x N] for an x of no smaller rank. */
static bool
is_matrix(const Graph *g, ValId w, const Type *x)
{
    const Type *t = vq_type(g, w);

    if (!vq_is_const(g, w) || t->dt != DT_F32 || t->rank < 2)
        return false;
    return t->rank <= (x->rank > 2 ? x->rank : 2) &&
           vq_count(t) == t->dim[t->rank - 1] * t->dim[t->rank - 2];
}

static ValId
fuse_matmul(Match *m, const Op *op)
{
    const Type *x = vq_type(m->g, op->in[0]);
    const Value *w = &m->g->val[op->in[1]];
    Build b = vq_build_at(m, op);
    Type t;
    ValId matrix;

    if (vq_is_const(m->g, op->in[0]) || !is_matrix(m->g, op->in[1], x))
        return 0;
    t = TYPE(DT_F32, w->type.dim[w->type.rank - 2], vq_cols(&w->type));
    matrix = w->type.rank == 2 ? vq_fetch(m, op->in[1])
                               : vq_const(b.g, w->name, t, w->data);
    return vq_build_linear(&b, vq_fetch(m, op->in[0]), matrix, 0);
}

/*
 * The constant c, broadcast to a value of type t that reshapes n columns
 * without mixing rows, as one number per column; NULL if it varies otherwise.
 */
static float *
column_vector(const Match *m, ValId c, const Type *t, int64_t n)
{
    const Type *ct = vq_type(m->g, c);
    float *y = NEWN(m->rw->to->arena, float, n);
    int axis = t->rank, skip = t->rank - ct->rank;
    int64_t tail = 1;

    while (axis > 0 && tail < n)
        tail *= t->dim[--axis];
    if (tail != n || skip < 0)
        return NULL;
    for (int i = skip; i < axis; i++)
        if (ct->dim[i - skip] != 1)
            return NULL;
    for (int64_t col = 0; col < n; col++) {
        int64_t rest = col, at = 0, stride = 1;

        for (int i = t->rank - 1; i >= axis && i >= skip; i--) {
            at += ct->dim[i - skip] == 1 ? 0 : rest % t->dim[i] * stride;
            rest /= t->dim[i];
            stride *= ct->dim[i - skip];
        }
        y[col] = vq_floats(m->g, c)[at];
    }
    return y;
}

/* w times one factor per column. */
static ValId
scale_columns(const Match *m, ValId w, const float *k)
{
    const Type *t = vq_type(m->g, w);
    int64_t rows = vq_rows(t), cols = vq_cols(t);
    const float *x = vq_floats(m->g, w);
    float *y = NEWN(m->rw->to->arena, float, vq_count(t));

    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < cols; j++)
            y[i * cols + j] = x[i * cols + j] * k[j];
    return vq_const(m->rw->to, m->g->val[w].name, *t, y);
}

ValId
vq_update_bias(const Match *m, const Op *op, ValId old, ValId c, const float *k,
               int64_t n)
{
    float *y;

    if (!old && op->kind == OP_MUL)
        return 0;
    y = NEWN(m->rw->to->arena, float, n);
    for (int64_t i = 0; i < n; i++) {
        float x = old ? vq_floats(m->g, old)[i] : 0;

        y[i] = op->kind == OP_MUL ? x * k[i] : x + k[i];
    }
    return vq_const(m->rw->to, m->g->val[old ? old : c].name, TYPE(DT_F32, n),
                    y);
}

/* The linear layer that makes v, or the depthwise convolution: its weights are
 * [.. x N] too. */
static const Op *
column_layer(const Graph *g, ValId v)
{
    const Op *op = vq_def_as(g, v, OP_LINEAR);

    return op ? op : vq_def_as(g, v, OP_DEPTHWISE);
}

/* A product or sum behind a linear, perhaps with one reshape between that
 * splits columns or joins rows, or a fakequant: that of a product before its
 * bias is an accident of how a quantizer sees MatMul and Add. */
static ValId
fuse_columns(Match *m, const Op *op)
{
    Build b = vq_build_at(m, op);
    const Op *linear, *shape;
    ValId x, c, w, bias, last;
    float *k;

    if (!vq_with_const(m->g, op, &x, &c) ||
        !vq_same_shape(vq_type(m->g, x), vq_type(m->g, op->out)))
        return 0;
    x = vq_beneath_only(m, x);
    shape = vq_only_use(m, x) ? vq_def_as(m->g, x, OP_RESHAPE) : NULL;
    last = vq_beneath_only(m, shape ? shape->in[0] : x);
    linear = vq_only_use(m, last) ? column_layer(m->g, last) : NULL;
    if (!vq_only_use(m, x) || !linear || !vq_is_const(m->g, linear->in[1]))
        return 0;
    k = column_vector(m, c, vq_type(m->g, x),
                      vq_cols(vq_type(m->g, linear->out)));
    if (!k)
        return 0;
    w = op->kind == OP_MUL ? scale_columns(m, linear->in[1], k)
                           : vq_fetch(m, linear->in[1]);
    bias = vq_update_bias(m, op, linear->nin > 2 ? linear->in[2] : 0, c, k,
                          vq_cols(vq_type(m->g, linear->out)));
    x = vq_build(&b, linear->kind,
                 (ValId[]){vq_fetch(m, linear->in[0]), w, bias}, bias ? 3 : 2,
                 linear->attr, linear->nattr, NULL);
    return vq_build_reshape(&b, x, *vq_type(m->g, op->out));
}

static const Rule rules[] = {
    {OP_MATMUL, fuse_matmul},
    {OP_CONV, vq_fuse_patches},
    {OP_ADD, vq_fuse_channels},
    {OP_MUL, vq_fuse_channels},
    {OP_ADD, fuse_columns},
    {OP_MUL, fuse_columns},
    SINK_RULES,
    MOVE_RULES,
};

bool
vq_fuse_linear(Graph *g, const PassContext *c)
{
    return vq_apply_rules(g, c->diag, rules, COUNT(rules));
}
