/*
 * rows.c -- compute only the rows that are used.
 *
 * Needs nothing, keeps every fact. A classifier reads one token of the last
 * block, so all but one row of its MLP, its projection and its queries are
 * wasted. When all uses of a value are slices along one axis, the hull of
 * what they take is cut from the inputs of its op instead. This goes up as
 * far as the ops let it: through what works on rows one by one, through
 * attention to its queries, but not to keys and values, which all rows need.
 * Repeated until nothing moves; slices only ever move up, and shrink.
 */
#include "passes/moves.h"
#include "passes/passes.h"

#include <assert.h>

/* Indices lo .. lo+n-1 along an axis of a value; n 0: all of it. */
typedef struct Cut {
    int axis;
    int64_t lo, n;
} Cut;

/* What cutting the result of an op asks of its input i; false if it cannot be
 * had by cutting inputs. n of the input's cut 0 leaves the input whole. */
typedef bool CutFn(const Graph *, const Op *, uint32_t i, Cut of, Cut *in);

static bool
cut_elementwise(const Graph *g, const Op *op, uint32_t i, Cut of, Cut *in)
{
    const Type *t = vq_type(g, op->in[i]);

    *in = of;
    in->axis -= vq_type(g, op->out)->rank - t->rank;
    if (in->axis < 0 || t->dim[in->axis] == 1)
        in->n = 0;
    return true;
}

/* Its other input is a table. */
static bool
cut_lookup(const Graph *g, const Op *op, uint32_t i, Cut of, Cut *in)
{
    (void)g;
    (void)op;
    *in = of;
    if (i > 0)
        in->n = 0;
    return true;
}

/* Works along the last axis; other inputs are weights. */
static bool
cut_rowwise(const Graph *g, const Op *op, uint32_t i, Cut of, Cut *in)
{
    *in = of;
    if (i > 0)
        in->n = 0;
    return of.axis != vq_type(g, op->out)->rank - 1;
}

static bool
cut_softmax(const Graph *g, const Op *op, uint32_t i, Cut of, Cut *in)
{
    (void)g;
    (void)i;
    *in = of;
    return of.axis != vq_get_i(op, A_AXIS, -1);
}

static bool
cut_attention(const Graph *g, const Op *op, uint32_t i, Cut of, Cut *in)
{
    int rank = vq_type(g, op->out)->rank;

    *in = of;
    if (i > 0 && of.axis == rank - 2)
        in->n = 0;
    return of.axis != rank - 1 && i < 3 && (op->nin < 4 || !op->in[3]);
}

static bool
cut_transpose(const Graph *g, const Op *op, uint32_t i, Cut of, Cut *in)
{
    (void)g;
    (void)i;
    *in = of;
    in->axis = (int)vq_attr(op, A_PERM)->i[of.axis];
    return true;
}

/* The axis must be there before the reshape too. */
static bool
cut_reshape(const Graph *g, const Op *op, uint32_t i, Cut of, Cut *in)
{
    const Type *to = vq_type(g, op->out), *from = vq_type(g, op->in[i]);
    int64_t outer = 1, seen = 1;

    *in = of;
    for (int j = 0; j < of.axis; j++)
        outer *= to->dim[j];
    for (in->axis = 0; in->axis < from->rank; in->axis++) {
        if (seen == outer && from->dim[in->axis] == to->dim[of.axis])
            return true;
        seen *= from->dim[in->axis];
    }
    return false;
}

/* Along its own axis a concat is left to the rule for a slice of one part. */
static bool
cut_concat(const Graph *g, const Op *op, uint32_t i, Cut of, Cut *in)
{
    (void)g;
    (void)i;
    *in = of;
    return of.axis != vq_get_i(op, A_AXIS, -1);
}

static CutFn *const cut_fn[NOP] = {
    [OP_ADD] = cut_elementwise,        [OP_SUB] = cut_elementwise,
    [OP_MUL] = cut_elementwise,        [OP_DIV] = cut_elementwise,
    [OP_POW] = cut_elementwise,        [OP_MAX] = cut_elementwise,
    [OP_MIN] = cut_elementwise,        [OP_NEG] = cut_elementwise,
    [OP_ABS] = cut_elementwise,        [OP_SQRT] = cut_elementwise,
    [OP_EXP] = cut_elementwise,        [OP_ERF] = cut_elementwise,
    [OP_LOG] = cut_elementwise,        [OP_TANH] = cut_elementwise,
    [OP_SIGMOID] = cut_elementwise,    [OP_RELU] = cut_elementwise,
    [OP_RECIPROCAL] = cut_elementwise, [OP_CLIP] = cut_elementwise,
    [OP_GELU] = cut_elementwise,       [OP_FAKEQUANT] = cut_elementwise,
    [OP_LOOKUP] = cut_lookup,          [OP_FUNCTION] = cut_elementwise,
    [OP_SCALE] = cut_rowwise,          [OP_LINEAR] = cut_rowwise,
    [OP_LAYERNORM] = cut_rowwise,      [OP_SOFTMAX] = cut_softmax,
    [OP_ATTENTION] = cut_attention,    [OP_TRANSPOSE] = cut_transpose,
    [OP_RESHAPE] = cut_reshape,        [OP_CONCAT] = cut_concat,
};

/* Whether n of all rows is so few that moving a slice up is worth its while:
 * a model that averages all tokens but the first gains nothing. */
static bool
saves_work(int64_t n, int64_t all)
{
    return 4 * n <= 3 * all;
}

/* The hull of the slices that use each value; n 0 when something else does,
 * or when together they use most of it. */
static Cut *
find_hulls(const Graph *g)
{
    Cut *cut = NEWN(g->arena, Cut, g->nval);
    bool *other = NEWN(g->arena, bool, g->nval);

    for (uint32_t i = 0; i < g->nout; i++)
        other[g->out[i]] = true;
    for (uint32_t i = 1; i < g->nop; i++) {
        const Op *op = &g->op[i];
        int axis = (int)vq_get_i(op, A_AXIS, 0);
        int64_t lo = vq_get_i(op, A_START, 0), end;
        Cut *c = &cut[op->in[0]];

        if (op->kind != OP_SLICE || vq_get_i(op, A_STEP, 1) < 1 ||
            (c->n && c->axis != axis)) {
            for (uint32_t j = 0; j < op->nin; j++)
                other[op->in[j]] = true;
            continue;
        }
        end = lo + 1 +
              (vq_type(g, op->out)->dim[axis] - 1) * vq_get_i(op, A_STEP, 1);
        if (c->n) {
            end = vq_max(end, c->lo + c->n);
            lo = vq_min(lo, c->lo);
        }
        *c = (Cut){axis, lo, end - lo};
    }
    for (ValId v = 1; v < g->nval; v++)
        if (other[v] ||
            (cut[v].n &&
             !saves_work(cut[v].n, vq_type(g, v)->dim[cut[v].axis])))
            cut[v].n = 0;
    return cut;
}

static bool
can_cut(const Graph *g, const Op *op, Cut of)
{
    CutFn *fn = cut_fn[op->kind];
    Cut in;

    for (uint32_t i = 0; fn && i < op->nin; i++)
        if (op->in[i] && !fn(g, op, i, of, &in))
            return false;
    return fn != NULL && vq_is_plain(g, op);
}

/* The op on cut inputs. */
static void
emit_cut(Rewrite *r, const Op *op, Cut of)
{
    const char *name = r->from->val[op->out].name;
    Build b = {r->to, r->diag, name, op->loc};
    ValId *in = NEWN(r->to->arena, ValId, op->nin);
    Type want = *vq_type(r->from, op->out);

    for (uint32_t i = 0; i < op->nin; i++) {
        Cut c = {0};

        if (!op->in[i])
            continue;
        cut_fn[op->kind](r->from, op, i, of, &c);
        in[i] = vq_new(r, op->in[i]);
        b.name =
            vq_format(r->to->arena, "%s.rows", r->from->val[op->in[i]].name);
        if (c.n)
            in[i] = vq_build_slice(&b, in[i], c.axis, c.lo, 1, c.n);
    }
    want.dim[of.axis] = of.n;
    b.name = name;
    vq_become(r, op->out,
              vq_build(&b, op->kind, in, op->nin, op->attr, op->nattr, &want));
}

typedef struct Sink {
    const Cut *cut; /* of each value; n 0: stays */
    bool any;
} Sink;

static bool
sink_step(Rewrite *r, const Op *op)
{
    Sink *s = r->user;
    Cut of = s->cut[op->out], in = s->cut[op->in[0]];
    const Op *def = vq_def(r->from, op->in[0]);
    Build b = {r->to, r->diag, r->from->val[op->out].name, op->loc};

    if (op->kind == OP_SLICE && in.n && def && can_cut(r->from, def, in)) {
        ValId x = vq_new(r, op->in[0]);

        x = vq_build_slice(&b, x, in.axis, vq_get_i(op, A_START, 0) - in.lo,
                           vq_get_i(op, A_STEP, 1),
                           vq_type(r->from, op->out)->dim[in.axis]);
        vq_become(r, op->out, x);
        return true;
    }
    if (!of.n || !can_cut(r->from, op, of))
        return vq_copy(r, op);
    s->any = true;
    emit_cut(r, op, of);
    return true;
}

bool
vq_cut_rows(Graph *g, const PassContext *c)
{
    static const Rule moves[] = {MOVE_RULES};
    Sink s;

    do {
        s = (Sink){.cut = find_hulls(g)};
        if (!vq_rewrite(g, c->diag, sink_step, &s) ||
            !vq_apply_rules(g, c->diag, moves, COUNT(moves)))
            return false;
    } while (s.any);
    return vq_sweep(g, c->diag);
}
