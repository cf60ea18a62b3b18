/*
 * chunks.c -- which graphs can be run piece by piece of their first axis.
 *
 * A computed value is n equal runs of bytes, and piece i of a result depends
 * on piece i of the inputs alone. What moves elements in row-major order or
 * works on rows keeps that; the rest depends on the axis. Images of a batch
 * are such pieces.
 */
#include "ir/chunks.h"

#include <string.h>

typedef enum Use { USE_NONE, USE_WHOLE, USE_CUT } Use;

typedef struct Cutter {
    const Graph *g;
    Graph *part;
    int64_t n;
    Use *use; /* of each constant */
} Cutter;

static bool
is_computed(const Graph *g, ValId v)
{
    return v && !vq_is_const(g, v);
}

/* Divides the first axis of v in the copy. */
static bool
cut_type(Cutter *c, ValId v, int least_rank)
{
    const Type *t = vq_type(c->g, v);

    if (t->rank < least_rank || t->dim[0] % c->n ||
        (t->q.scales && t->q.axis == 0))
        return false;
    c->part->val[v].type.dim[0] = t->dim[0] / c->n;
    return true;
}

static bool
is_repeated(const Cutter *c, ValId v)
{
    size_t each = (size_t)(vq_bytes(vq_type(c->g, v)) / c->n);
    const char *data = c->g->val[v].data;

    for (int64_t i = 1; i < c->n; i++)
        if (memcmp(data, data + (size_t)i * each, each) != 0)
            return false;
    return true;
}

/* A constant cannot be wanted whole by one op and in pieces by another. */
static bool
use_const(Cutter *c, ValId v, Use use)
{
    if (c->use[v] != USE_NONE)
        return c->use[v] == use;
    c->use[v] = use;
    return use == USE_WHOLE || (cut_type(c, v, 1) && is_repeated(c, v));
}

/* An operand of which each piece of the result meets a piece. */
static bool
use_piece(Cutter *c, ValId v)
{
    return is_computed(c->g, v) || use_const(c, v, USE_CUT);
}

static bool
use_whole(Cutter *c, ValId v)
{
    return !v || (!is_computed(c->g, v) && use_const(c, v, USE_WHOLE));
}

static bool
rest_whole(Cutter *c, const Op *op, uint32_t from)
{
    for (uint32_t i = from; i < op->nin; i++)
        if (!use_whole(c, op->in[i]))
            return false;
    return true;
}

/* ---- ops ---- */

typedef bool CutFn(Cutter *, const Op *);

/* One input, row by row or in its order, and constants for all rows. */
static bool
cut_rows(Cutter *c, const Op *op)
{
    return is_computed(c->g, op->in[0]) && rest_whole(c, op, 1);
}

static bool
cut_axis(Cutter *c, const Op *op)
{
    return vq_get_i(op, A_AXIS, 0) > 0 && cut_rows(c, op);
}

static bool
cut_transpose(Cutter *c, const Op *op)
{
    return vq_attr(op, A_PERM)->i[0] == 0 && cut_rows(c, op);
}

static bool
cut_expand(Cutter *c, const Op *op)
{
    const Type *x = vq_type(c->g, op->in[0]), *y = vq_type(c->g, op->out);

    return x->rank == y->rank && x->dim[0] == y->dim[0] && cut_rows(c, op);
}

static bool
cut_concat(Cutter *c, const Op *op)
{
    for (uint32_t i = 0; i < op->nin; i++)
        if (!use_piece(c, op->in[i]))
            return false;
    return vq_get_i(op, A_AXIS, 0) > 0;
}

/* An operand of as many elements as the result, or of fewer that repeat. */
static bool
use_repeating(Cutter *c, const Op *op, ValId v)
{
    int64_t all = vq_count(vq_type(c->g, op->out));
    int64_t own = vq_count(vq_type(c->g, v));

    if (own == all)
        return use_piece(c, v);
    return all / c->n % own == 0 && use_whole(c, v);
}

static bool
cut_add(Cutter *c, const Op *op)
{
    return use_repeating(c, op, op->in[0]) && use_repeating(c, op, op->in[1]);
}

static bool
cut_mul(Cutter *c, const Op *op)
{
    return use_piece(c, op->in[0]) && use_piece(c, op->in[1]);
}

/* An operand that has the result's first axis whole, or no part of it. */
static bool
use_broadcast(Cutter *c, const Op *op, ValId v)
{
    const Type *t = vq_type(c->g, v), *y = vq_type(c->g, op->out);

    if (t->rank == y->rank && t->dim[0] == y->dim[0])
        return use_piece(c, v);
    return (t->rank < y->rank || t->dim[0] == 1) && use_whole(c, v);
}

static bool
cut_broadcast(Cutter *c, const Op *op)
{
    for (uint32_t i = 0; i < op->nin; i++)
        if (!use_broadcast(c, op, op->in[i]))
            return false;
    return true;
}

/* The first axis must be one of matrices. */
static bool
cut_matmul(Cutter *c, const Op *op)
{
    return vq_type(c->g, op->out)->rank > 2 && cut_broadcast(c, op);
}

static bool
cut_linear(Cutter *c, const Op *op)
{
    for (uint32_t i = 1; i < op->nin && i < 6; i++)
        if (!use_whole(c, op->in[i]))
            return false;
    return is_computed(c->g, op->in[0]) &&
           (op->nin < 7 || !op->in[6] || use_repeating(c, op, op->in[6]));
}

/* Rank 2 is one product. */
static bool
cut_product(Cutter *c, const Op *op)
{
    return vq_type(c->g, op->in[0])->rank > 2 && use_piece(c, op->in[0]) &&
           use_piece(c, op->in[1]) && rest_whole(c, op, 2);
}

/* Each chunk begins with the first map of what is added to scores. */
static bool
starts_over(const Cutter *c, const Op *op)
{
    int64_t maps =
        vq_type(c->g, op->in[0])->dim[0] / c->n * vq_get_i(op, A_HEADS, 1);

    return op->nin < 9 || !op->in[8] ||
           maps % vq_type(c->g, op->in[8])->dim[0] == 0;
}

/* Rank 2 is one batch. */
static bool
cut_attention(Cutter *c, const Op *op)
{
    for (int i = 0; i < 3; i++)
        if (!is_computed(c->g, op->in[i]) || vq_type(c->g, op->in[i])->rank < 3)
            return false;
    return starts_over(c, op) && rest_whole(c, op, 3);
}

static bool
cut_pad(Cutter *c, const Op *op)
{
    const Attr *pads = vq_attr(op, A_PADS);

    return pads->i[0] == 0 && pads->i[pads->n / 2] == 0 && cut_rows(c, op);
}

static CutFn *const cut_fn[NOP] = {
    [OP_RESHAPE] = cut_rows,      [OP_TRANSPOSE] = cut_transpose,
    [OP_CONCAT] = cut_concat,     [OP_SLICE] = cut_axis,
    [OP_EXPAND] = cut_expand,     [OP_I_QUANTIZE] = cut_rows,
    [OP_I_DEQUANTIZE] = cut_rows, [OP_I_REQUANT] = cut_rows,
    [OP_I_ADD] = cut_add,         [OP_I_LUT] = cut_rows,
    [OP_I_SUM] = cut_axis,        [OP_I_SOFTMAX] = cut_rows,
    [OP_I_LAYERNORM] = cut_rows,  [OP_I_IVITNORM] = cut_rows,
    [OP_I_SHIFTGELU] = cut_rows,  [OP_I_ATTENTION] = cut_attention,
    [OP_I_PRODUCT] = cut_product,
    [OP_K_LINEAR] = cut_linear,   [OP_I_MUL] = cut_mul,
    [OP_F_MAP] = cut_broadcast,   [OP_F_SUM] = cut_axis,
    [OP_F_MAX] = cut_axis,        [OP_F_MATMUL] = cut_matmul,
    [OP_PAD] = cut_pad,           [OP_UNFOLD] = cut_rows,
    [OP_MAXPOOL] = cut_rows,      [OP_K_DEPTHWISE] = cut_rows,
};

/* ---- the graph ---- */

static bool
cut_values(Cutter *c)
{
    const Graph *g = c->g;

    for (ValId v = 1; v < g->nval; v++)
        if (!vq_is_const(g, v) && !cut_type(c, v, 2))
            return false;
    for (uint32_t i = 0; i < g->nout; i++)
        if (vq_is_const(g, g->out[i]))
            return false;
    return true;
}

Graph *
vq_one_chunk(const Graph *g, int64_t n, Arena *arena, const Op **mixes)
{
    Cutter c = {.g = g, .part = NEW(arena, Graph), .n = n};

    *mixes = NULL;
    *c.part = *g;
    c.part->chunks = 1;
    c.part->val = NEWN(arena, Value, g->nval);
    memcpy(c.part->val, g->val, g->nval * sizeof(Value));
    c.use = NEWN(arena, Use, g->nval);
    if (!cut_values(&c))
        return NULL;
    for (uint32_t i = 1; i < g->nop; i++)
        if (!cut_fn[g->op[i].kind] || !cut_fn[g->op[i].kind](&c, &g->op[i])) {
            *mixes = &g->op[i];
            return NULL;
        }
    return c.part;
}
