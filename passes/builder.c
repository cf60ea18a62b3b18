/*
 * builder.c -- emitting ops, and evaluating those on constants (builder.h).
 */
#include "passes/builder.h"

#include "ir/eval.h"

#include <assert.h>
#include <string.h>

Attr
vq_build_ints(Graph *g, AttrKey key, const int64_t *v, uint32_t n)
{
    int64_t *copy = NEWN(g->arena, int64_t, n ? n : 1);

    if (n)
        memcpy(copy, v, n * sizeof *v);
    return (Attr){.key = key, .n = n, .i = copy};
}

Attr
vq_build_int(Graph *g, AttrKey key, int64_t v)
{
    return vq_build_ints(g, key, &v, 1);
}

Attr
vq_build_real(AttrKey key, double v)
{
    return (Attr){.key = key, .n = 1, .f = v};
}

bool
vq_of_constants(const Graph *g, const Op *op)
{
    for (uint32_t i = 0; i < op->nin; i++)
        if (op->in[i] && (!vq_is_const(g, op->in[i]) ||
                          vq_type(g, op->in[i])->q.scales))
            return false;
    return true;
}

/* Copies and small results always; a large one only when it is not much
 * larger than what it is made from, so that no expand fills the memory. */
bool
vq_worth_folding(const Graph *g, const Op *op, const Type *out)
{
    int64_t bytes = 0;

    if (out->q.scales || !vq_of_constants(g, op))
        return false;
    for (uint32_t i = 0; i < op->nin; i++)
        if (op->in[i])
            bytes += vq_bytes(vq_type(g, op->in[i]));
    return vq_bytes(out) <= vq_max(1 << 20, 4 * bytes);
}

/* Evaluates in a graph of its own, so that the op leaves no trace. */
ValId
vq_build_folded(const Build *b, const Graph *from, const Op *op, Type out)
{
    Arena *a = b->g->arena;
    void *data = vq_alloc(a, (size_t)vq_max(vq_bytes(&out), 1));
    ArenaMark mark = vq_arena_mark(a);
    Graph *tmp = vq_graph_new(a, "fold");
    ValId in[64];
    const void *indata[64];
    Op *copy;

    assert(op->nin <= COUNT(in));
    for (uint32_t i = 0; i < op->nin; i++) {
        const Value *v = &from->val[op->in[i]];

        in[i] = op->in[i] ? vq_const(tmp, NULL, v->type, v->data) : 0;
        indata[i] = v->data;
    }
    copy = vq_emit(tmp, op->kind, NULL, out, in, op->nin, op->loc);
    memcpy(copy->attr, op->attr, sizeof op->attr);
    copy->nattr = op->nattr;
    vq_eval_fn[op->kind](&(EvalArgs){tmp, copy, indata, data, a});
    vq_arena_release(a, mark);
    return vq_const(b->g, b->name, out, data);
}

ValId
vq_build(const Build *b, OpKind kind, const ValId *in, uint32_t nin,
         const Attr *attr, uint32_t nattr, const Type *want)
{
    Op op = {.kind = kind, .nin = nin, .nattr = nattr, .loc = b->loc};
    Type t;
    ValId v;

    assert(nattr <= MAXATTR);
    op.in = NEWN(b->g->arena, ValId, nin);
    memcpy(op.in, in, nin * sizeof *in);
    if (nattr)
        memcpy(op.attr, attr, nattr * sizeof *attr);
    if (vq_infer(b->g, b->diag, &op, want, &t) &&
        vq_worth_folding(b->g, &op, &t))
        return vq_build_folded(b, b->g, &op, t);
    v = vq_emit_infer(b->g, b->diag, kind, b->name, in, nin, attr, nattr, want,
                      b->loc);
    assert(v);
    return v;
}

ValId
vq_build_op(const Build *b, OpKind kind, ValId x, ValId y)
{
    return vq_build(b, kind, (ValId[]){x, y}, y ? 2 : 1, NULL, 0, NULL);
}

ValId
vq_build_reshape(const Build *b, ValId x, Type shape)
{
    Type t = vq_type_of(vq_type(b->g, x)->dt, shape.rank, shape.dim);

    if (vq_same_shape(vq_type(b->g, x), &t))
        return x;
    return vq_build(b, OP_RESHAPE, &x, 1, NULL, 0, &t);
}

ValId
vq_build_transpose(const Build *b, ValId x, const int64_t *perm)
{
    uint32_t rank = (uint32_t)vq_type(b->g, x)->rank;
    bool same = true;
    Attr a;

    for (uint32_t i = 0; i < rank; i++)
        same = same && perm[i] == i;
    if (same)
        return x;
    a = vq_build_ints(b->g, A_PERM, perm, rank);
    return vq_build(b, OP_TRANSPOSE, &x, 1, &a, 1, NULL);
}

ValId
vq_build_slice(const Build *b, ValId x, int axis, int64_t start, int64_t step,
               int64_t n)
{
    Type t = *vq_type(b->g, x);
    Attr a[] = {vq_build_int(b->g, A_AXIS, axis),
                vq_build_int(b->g, A_START, start),
                vq_build_int(b->g, A_STEP, step)};

    if (start == 0 && step == 1 && n == t.dim[axis])
        return x;
    t.dim[axis] = n;
    return vq_build(b, OP_SLICE, &x, 1, a, step == 1 ? 2 : 3, &t);
}
