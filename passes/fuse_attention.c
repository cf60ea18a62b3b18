/*
 * fuse_attention.c -- find attention, whatever moves surround it.
 *
 * Needs nothing, keeps every fact. The core is matmul(softmax(s * matmul(q,
 * k)), v). heads.c follows each operand back to the value it is a view of and
 * reads off its heads; so it does not matter whether a model has one linear
 * for q, k and v or three, how it splits heads, in which order it keeps batch
 * and tokens, or whether it dropped a batch of one. The operands become token-
 * major [B x N x HD], cut out of a linear by columns of its weights, which
 * costs nothing at run time. The result is moved to where the model had it;
 * those moves and the model's way back to tokens cancel, if need be across the
 * layers that follow.
 *
 * A quantized model's scores are rounded as the integer op does it, to 16 bits;
 * its probabilities to 8 where it says so, for that drops the small ones.
 *
 * Scores to which something is added (a mask, a position bias) do not match.
 */
#include "passes/heads.h"
#include "passes/moves.h"
#include "passes/passes.h"
#include "passes/sink.h"

#include <assert.h>
#include <math.h>

/* Above v, past reshapes that only regroup the leading axes, and past
 * fakequants. */
static ValId
skip_regroup(const Graph *g, ValId v)
{
    for (;;) {
        const Op *op = vq_def_as(g, v = vq_beneath(g, v), OP_RESHAPE);
        const Type *to = vq_type(g, v), *from;

        if (!op)
            return v;
        from = vq_type(g, op->in[0]);
        if (from->rank < 2 || to->rank < 2 || vq_cols(from) != vq_cols(to) ||
            from->dim[from->rank - 2] != to->dim[to->rank - 2])
            return v;
        v = op->in[0];
    }
}

/* The matmul of the scores above v; its factors multiply *scale. */
static const Op *
find_scores(const Graph *g, ValId v, double *scale)
{
    for (;;) {
        const Op *op = vq_def(g, v = skip_regroup(g, v));
        ValId x, c;
        double k;

        if (!op || op->kind == OP_MATMUL)
            return op;
        if ((op->kind != OP_MUL && op->kind != OP_DIV) ||
            !vq_with_const(g, op, &x, &c) || !vq_scalar(g, c, &k) ||
            (op->kind == OP_DIV && c != op->in[1]))
            return NULL;
        *scale *= op->kind == OP_DIV ? 1 / k : k;
        v = x;
    }
}

/* Leading axes of the operands of a matmul agree, so nothing is broadcast. */
static bool
same_lead(const Graph *g, const Op *matmul)
{
    const Type *a = vq_type(g, matmul->in[0]), *b = vq_type(g, matmul->in[1]);

    if (a->rank != b->rank || a->rank < 2)
        return false;
    for (int i = 0; i < a->rank - 2; i++)
        if (a->dim[i] != b->dim[i])
            return false;
    return true;
}

typedef struct Found {
    Heads q, k, v;
    double scale;
    bool bytes; /* probabilities are rounded to multiples of 1/256 */
} Found;

/* Above v, on the way to the softmax, something rounds to about that. */
static bool
rounds_to_bytes(const Graph *g, ValId v)
{
    const Op *op;

    while ((op = vq_def(g, v)) &&
           (op->kind == OP_FAKEQUANT || op->kind == OP_RESHAPE)) {
        Grid grid = vq_grid_of(op);

        if (op->kind == OP_FAKEQUANT && fabs(grid.scale * 256 - 1) < 0.01 &&
            grid.lo == (double)grid.zero && grid.hi - grid.lo >= 254 &&
            grid.hi - grid.lo <= 256)
            return true;
        v = op->in[0];
    }
    return false;
}

static bool
match_attention(const Graph *g, const Op *pv, Found *f)
{
    const Op *softmax, *qk;

    if (!same_lead(g, pv))
        return false;
    softmax = vq_def_as(g, skip_regroup(g, pv->in[0]), OP_SOFTMAX);
    if (!softmax ||
        vq_get_i(softmax, A_AXIS, -1) != vq_type(g, softmax->out)->rank - 1)
        return false;
    f->scale = 1;
    f->bytes = rounds_to_bytes(g, pv->in[0]);
    qk = find_scores(g, softmax->in[0], &f->scale);
    if (!qk || !same_lead(g, qk) ||
        !vq_heads_find(&f->q, g, qk->in[0], false) ||
        !vq_heads_find(&f->k, g, qk->in[1], true) ||
        !vq_heads_find(&f->v, g, pv->in[1], false))
        return false;
    f->scale *= f->q.view.scale * f->k.view.scale;
    /* The products contract over these. */
    assert(f->q.depth == f->k.depth && f->k.tokens == f->v.tokens);
    return f->v.view.scale == 1 && f->v.depth == f->q.depth &&
           vq_heads_agree(&f->q, &f->k) && vq_heads_agree(&f->k, &f->v);
}

static ValId
fuse_attention(Match *m, const Op *op)
{
    Build b = vq_build_at(m, op);
    const char *name = b.name;
    ValId in[3], out;
    Attr attr[3];
    Found f;

    if (!match_attention(m->g, op, &f) || !vq_heads_fit(m->g, &f.q) ||
        !vq_heads_fit(m->g, &f.k) || !vq_heads_fit(m->g, &f.v))
        return 0;
    in[0] = vq_heads_build(m, &b, &f.q, "q");
    in[1] = vq_heads_build(m, &b, &f.k, "k");
    in[2] = vq_heads_build(m, &b, &f.v, "v");
    attr[0] = vq_build_int(b.g, A_HEADS, f.q.heads);
    attr[1] = vq_build_real(A_SCALE, f.scale);
    b.name = vq_format(b.g->arena, "%s.attention", name);
    attr[2] = vq_build_int(b.g, A_PBITS, 8);
    out = vq_build(&b, OP_ATTENTION, in, 3, attr, f.bytes ? 3 : 2, NULL);
    b.name = name;
    return vq_heads_return(&b, &f.q, out, *vq_type(m->g, op->out));
}

static const Rule rules[] = {
    {OP_MATMUL, fuse_attention},
    SINK_RULES,
    MOVE_RULES,
};

bool
vq_fuse_attention(Graph *g, const PassContext *c)
{
    return vq_apply_rules(g, c->diag, rules, COUNT(rules));
}
