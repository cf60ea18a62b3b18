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
 * Constants added to the scores (a mask, a position bias) become one operand, a
 * map for each head and, where they differ, each window.
 *
 * A softmax along another axis than the last becomes one along the last between
 * transposes, which other moves take up where they can.
 *
 * A quantized model's scores are rounded as the integer op does it, to 16 bits;
 * its probabilities to 8 where it says so, for that drops the small ones.
 */
#include "ir/quant.h"
#include "passes/heads.h"
#include "passes/moves.h"
#include "passes/passes.h"
#include "passes/sink.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* What lies between the product of queries and keys and the softmax. */
typedef struct Scores {
    const Graph *g;
    double scale;
    int64_t maps, map; /* matrices of scores, and elements of one */
    float *each;       /* a factor of each matrix; NULL: 1 */
    float *bias;       /* in the order of the scores; NULL: nothing is added */
} Scores;

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

/* How far each axis of t moves in a constant that is broadcast to it. */
static void
broadcast_steps(const Type *c, const Type *t, int64_t *step)
{
    int64_t stride = 1;

    for (int i = t->rank - 1; i >= 0; i--) {
        int64_t dim = i < t->rank - c->rank ? 1 : c->dim[i - t->rank + c->rank];

        step[i] = dim == 1 ? 0 : stride;
        stride *= dim;
    }
}

/* The next element of a constant that is broadcast to t. */
static const float *
next_element(const float *x, const Type *t, const int64_t *step, int64_t *at)
{
    for (int k = t->rank - 1; k >= 0; k--) {
        x += step[k];
        if (++at[k] < t->dim[k])
            break;
        x -= step[k] * at[k];
        at[k] = 0;
    }
    return x;
}

/* The constant, broadcast to the sum it is in, is added to the scores, times
 * what they are multiplied by after that. Regrouping keeps their order, so one
 * array gathers all sums. */
static void
add_bias(Scores *s, ValId c, const Type *sum)
{
    int64_t n = vq_count(sum), step[MAXRANK], at[MAXRANK] = {0};
    const float *x = vq_floats(s->g, c);

    if (!s->bias)
        s->bias = NEWN(s->g->arena, float, n);
    broadcast_steps(vq_type(s->g, c), sum, step);
    for (int64_t i = 0; i < n; i++) {
        float k = s->each ? s->each[i / s->map] : 1;

        s->bias[i] += (float)s->scale * k * *x;
        x = next_element(x, sum, step, at);
    }
}

/* A constant with a factor for each matrix of scores. */
static bool
scale_each(Scores *s, const Op *op, ValId c)
{
    const Type *t = vq_type(s->g, op->out), *tc = vq_type(s->g, c);
    int64_t step[MAXRANK], at[MAXRANK] = {0};
    const float *x = vq_floats(s->g, c);
    Type lead = *t;

    broadcast_steps(tc, t, step);
    if (t->rank < 3 || tc->rank > t->rank || step[t->rank - 1] ||
        step[t->rank - 2])
        return false;
    if (!s->each) {
        s->each = NEWN(s->g->arena, float, s->maps);
        for (int64_t i = 0; i < s->maps; i++)
            s->each[i] = 1;
    }
    lead.rank -= 2;
    for (int64_t i = 0; i < s->maps; i++) {
        s->each[i] = op->kind == OP_DIV ? s->each[i] / *x : s->each[i] * *x;
        x = next_element(x, &lead, step, at);
    }
    return true;
}

/* One op between softmax and the product: a factor, or a constant added. */
static ValId
peel(Scores *s, const Op *op)
{
    ValId x, c;
    double k;

    if (op->nin != 2 || !vq_with_const(s->g, op, &x, &c) ||
        !vq_same_shape(vq_type(s->g, x), vq_type(s->g, op->out)))
        return 0;
    if (op->kind == OP_ADD) {
        add_bias(s, c, vq_type(s->g, op->out));
        return x;
    }
    if ((op->kind != OP_MUL && op->kind != OP_DIV) ||
        (op->kind == OP_DIV && c != op->in[1]))
        return 0;
    if (!vq_scalar(s->g, c, &k))
        return scale_each(s, op, c) ? x : 0;
    s->scale *= op->kind == OP_DIV ? 1 / k : k;
    return x;
}

/* The matmul of the scores above v, and what is done to it. */
static const Op *
find_scores(Scores *s, ValId v)
{
    for (;;) {
        const Op *op = vq_def(s->g, v = skip_regroup(s->g, v));

        if (!op || op->kind == OP_MATMUL)
            return op;
        v = peel(s, op);
        if (!v)
            return NULL;
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
    Scores scores;
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

static Scores
scores_of(const Graph *g, const Op *softmax)
{
    const Type *t = vq_type(g, softmax->out);
    int64_t map = t->rank < 2 ? vq_cols(t) : vq_cols(t) * t->dim[t->rank - 2];

    return (Scores){.g = g, .scale = 1, .map = map, .maps = vq_count(t) / map};
}

/* Queries, keys and values; constants among them, as a learnt query is one,
 * are cut into heads as one that is none. */
static bool
find_operands(Found *f, const Graph *g, const Op *qk, const Op *pv)
{
    ValId in[3] = {qk->in[0], qk->in[1], pv->in[1]};
    Heads *h[3] = {&f->q, &f->k, &f->v}, *some = NULL;

    for (int i = 0; i < 3; i++) {
        if (vq_is_const(g, in[i]))
            continue;
        if (!vq_heads_find(h[i], g, in[i], i == 1))
            return false;
        some = h[i];
    }
    for (int i = 0; i < 9; i++)
        if (!vq_is_const(g, in[i / 3]) && !vq_is_const(g, in[i % 3]))
            vq_heads_refine(h[i / 3], h[i % 3]);
    for (int i = 0; i < 3; i++)
        if (some && vq_is_const(g, in[i]))
            vq_heads_fix(h[i], g, in[i], i == 1, some);
    return some != NULL;
}

/* Factors of scores differ by head alone. */
static bool
scales_by_head(const Found *f)
{
    const Scores *s = &f->scores;

    for (int64_t i = f->q.heads; s->each && i < s->maps; i++)
        if (s->each[i] != s->each[i - f->q.heads])
            return false;
    return true;
}

/* Factors of both may be finite and their product not. */
static bool
is_finite(const Scores *s)
{
    bool yes = isfinite((float)s->scale);

    for (int64_t i = 0; s->each && i < s->maps; i++)
        yes = yes && isfinite(s->each[i]);
    return yes;
}

/* Rows without a batch axis stay so (heads.c): all operands are such or none.
 */
static bool
same_batch_axis(const Graph *g, const Heads *a, const Heads *b)
{
    return (vq_type(g, a->view.base)->rank < 3) ==
           (vq_type(g, b->view.base)->rank < 3);
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
    f->bytes = rounds_to_bytes(g, pv->in[0]);
    f->scores = scores_of(g, softmax);
    qk = find_scores(&f->scores, softmax->in[0]);
    if (!qk || !same_lead(g, qk) || !find_operands(f, g, qk, pv))
        return false;
    if (f->k.tokens > VQ_MAXSCORES || f->q.depth > VQ_MAXDEPTH)
        return false; /* keep.h: its parts are kept in float */
    f->scores.scale *= f->q.view.scale * f->k.view.scale;
    /* The products contract over these. */
    assert(f->q.depth == f->k.depth && f->k.tokens == f->v.tokens);
    return f->v.view.scale == 1 && vq_heads_agree(&f->q, &f->k) &&
           vq_heads_agree(&f->k, &f->v) && same_batch_axis(g, &f->q, &f->k) &&
           same_batch_axis(g, &f->k, &f->v) && is_finite(&f->scores) &&
           ((!f->scores.bias && !f->scores.each) || vq_heads_inner(&f->q)) &&
           scales_by_head(f);
}

/* The bias as f32[P x queries x keys], with the least P that repeats. */
static ValId
bias_const(const Build *b, const Found *f)
{
    int64_t map = f->q.tokens * f->k.tokens, maps = f->q.batch * f->q.heads;
    int64_t p = f->q.heads;
    const float *x = f->scores.bias;

    while (maps % p != 0 ||
           memcmp(x, x + p * map, (size_t)((maps - p) * map) * sizeof *x) != 0)
        p += f->q.heads;
    return vq_const(b->g, vq_format(b->g->arena, "%s.bias", b->name),
                    TYPE(DT_F32, p, f->q.tokens, f->k.tokens), x);
}

/* A factor of scores for each head. */
static ValId
scale_const(const Build *b, const Found *f)
{
    return vq_const(b->g, vq_format(b->g->arena, "%s.scale", b->name),
                    TYPE(DT_F32, f->q.heads), f->scores.each);
}

static ValId
fuse_attention(Match *m, const Op *op)
{
    Build b = vq_build_at(m, op);
    const char *name = b.name;
    ValId in[5] = {0}, out;
    Attr attr[3];
    uint32_t nin;
    Found f;

    if (!match_attention(m->g, op, &f) || !vq_heads_fit(m->g, &f.q) ||
        !vq_heads_fit(m->g, &f.k) || !vq_heads_fit(m->g, &f.v))
        return 0;
    in[0] = vq_heads_build(m, &b, &f.q, "q");
    in[1] = vq_heads_build(m, &b, &f.k, "k");
    in[2] = vq_heads_build(m, &b, &f.v, "v");
    attr[0] = vq_build_int(b.g, A_HEADS, f.q.heads);
    attr[1] = vq_build_real(A_SCALE, f.scores.scale);
    b.name = vq_format(b.g->arena, "%s.attention", name);
    attr[2] = vq_build_int(b.g, A_PBITS, 8);
    if (f.scores.bias)
        in[3] = bias_const(&b, &f);
    if (f.scores.each)
        in[4] = scale_const(&b, &f);
    nin = f.scores.each ? 5 : f.scores.bias ? 4 : 3;
    out = vq_build(&b, OP_ATTENTION, in, nin, attr, f.bytes ? 3 : 2, NULL);
    b.name = name;
    f.q.depth = f.v.depth;
    return vq_heads_return(&b, &f.q, out, *vq_type(m->g, op->out));
}

/* Along another axis than the last, which is the integer op's: the two change
 * places before and after. */
static ValId
turn_softmax(Match *m, const Op *op)
{
    int last = vq_type(m->g, op->out)->rank - 1;
    int64_t axis = vq_get_i(op, A_AXIS, last), perm[MAXRANK];
    Build b = vq_build_at(m, op);
    Attr a;
    ValId x;

    if (axis == last)
        return 0;
    for (int i = 0; i <= last; i++)
        perm[i] = i == axis ? last : i == last ? axis : i;
    a = vq_build_int(b.g, A_AXIS, last);
    x = vq_build_transpose(&b, vq_fetch(m, op->in[0]), perm);
    x = vq_build(&b, OP_SOFTMAX, &x, 1, &a, 1, NULL);
    return vq_build_transpose(&b, x, perm);
}

static const Rule rules[] = {
    {OP_SOFTMAX, turn_softmax},
    {OP_MATMUL, fuse_attention},
    SINK_RULES,
    MOVE_RULES,
};

bool
vq_fuse_attention(Graph *g, const PassContext *c)
{
    return vq_apply_rules(g, c->diag, rules, COUNT(rules));
}
