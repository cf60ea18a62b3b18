/*
 * structure_block.c -- a transformer block around its attention.
 *
 * Up from the queries to the layer that projects them, the norm before it and
 * the residual stream; down from the result over the output projection to the
 * sum; and from there on over the two layers of the MLP to the next sum.
 */
#include "lib/structure.h"

#include "passes/view.h"

#include <math.h>

/* The values of an attention, fused or in its parts. */
typedef struct Core {
    ValId q, k, v, bias, out;
    bool fused;
} Core;

/* The product that makes the scores of a softmax, and the bias added. */
static const Op *
scores_of(Walk *w, const Op *softmax, ValId *bias)
{
    ValId v = softmax->in[0];

    for (int depth = 0; depth < 16; depth++) {
        const Op *op = vq_def(w->g, v);

        if (!op || op->kind == OP_MATMUL)
            return op;
        if (op->kind == OP_ADD && vq_is_const(w->g, op->in[1]))
            *bias = op->in[1];
        else if (op->kind == OP_ADD && vq_is_const(w->g, op->in[0]))
            *bias = op->in[0];
        w->seen[op - w->g->op] = true;
        v = op->in[op->kind == OP_ADD && *bias == op->in[0]];
    }
    return NULL;
}

static bool
core_of_softmax(Walk *w, const Op *softmax, Core *c)
{
    Way way = {0};
    const Op *scores = scores_of(w, softmax, &c->bias);
    const Op *sum = vq_walk_down(w, softmax->out, false, &way);

    if (!scores || !sum || sum->kind != OP_MATMUL)
        return false;
    w->seen[scores - w->g->op] = w->seen[sum - w->g->op] = true;
    c->q = scores->in[0];
    c->k = scores->in[1];
    c->v = sum->in[1];
    c->out = sum->out;
    return true;
}

static bool
find_core(Walk *w, const Op *op, Core *c)
{
    if (op->kind != OP_ATTENTION)
        return core_of_softmax(w, op, c);
    *c = (Core){.q = op->in[0],
                .k = op->in[1],
                .v = op->in[2],
                .bias = op->nin > 3 ? op->in[3] : 0,
                .out = op->out,
                .fused = true};
    return true;
}

bool
vq_is_attention(const Graph *g, const Op *op)
{
    const Type *t = vq_type(g, op->out);

    return op->kind == OP_ATTENTION || (op->kind == OP_SOFTMAX && t->rank >= 3);
}

/* ---- sizes ---- */

static int64_t
batch_of(const Graph *g)
{
    const Type *t = g->nin ? vq_type(g, g->in[0]) : NULL;

    return t && t->rank > 1 ? t->dim[0] : 1;
}

/* Attention as one op has heads side by side in the last axis; in its parts
 * they are an axis of their own, [.. x H x N x D] or [H x N x D]. */
static void
measure(const Graph *g, const Op *op, const Core *c, Attend *a)
{
    const Type *q = vq_type(g, c->q), *v = vq_type(g, c->v);
    const Type *s = vq_type(g, op->out);
    int64_t groups = 1;

    if (c->fused) {
        const Type *k = vq_type(g, c->k);

        a->heads = vq_get_i(op, A_HEADS, 1);
        a->head_size = vq_cols(q) / a->heads;
        a->value_size = vq_cols(v) / a->heads;
        a->queries = q->rank > 1 ? q->dim[q->rank - 2] : 1;
        a->keys = k->rank > 1 ? k->dim[k->rank - 2] : 1;
        groups = vq_rows(q) / a->queries;
    } else {
        a->heads = s->dim[s->rank - 3];
        a->head_size = vq_cols(q);
        a->value_size = vq_cols(v);
        a->queries = s->dim[s->rank - 2];
        a->keys = vq_cols(s);
        groups = vq_rows(s) / a->queries / a->heads;
    }
    groups /= batch_of(g);
    a->groups = groups > 0 ? groups : 1;
}

/* More rows than heads: each window has its own, so there is a mask in it. */
static void
measure_bias(const Graph *g, const Core *c, Attend *a)
{
    int64_t each = a->queries * a->keys;
    int64_t n = c->bias ? vq_count(vq_type(g, c->bias)) / each : 0;

    a->bias = n == a->heads || n > 1;
    a->mask = n > a->heads || n == 1;
}

/* ---- which tokens ---- */

static bool
is_window(const Digit *d, int n, int64_t cols, Attend *a)
{
    const Digit *last = &d[n - 1];

    if (n == 2 && last->stride == cols) {
        a->window[0] = d[0].dim;
        a->window[1] = last->dim;
    }
    return a->window[0] > 0;
}

/* The tokens of one attention, as digits of the value that was projected. */
static void
find_reach(const Graph *g, ValId value, Attend *a)
{
    View v;
    int axis, n;

    a->reach = a->groups == 1 ? REACH_ALL : REACH_GROUPS;
    if (a->groups == 1)
        return;
    vq_view_whole(&v, g, value);
    vq_view_trace(&v, g, value);
    if (v.rank < 2)
        return;
    axis = v.rank - 2;
    n = v.first[axis + 1] - v.first[axis];
    if (n < 1)
        return;
    if (is_window(&v.digit[v.first[axis]], n, vq_cols(vq_type(g, v.base)), a))
        a->reach = REACH_WINDOWS;
    else if (v.digit[v.first[axis + 1] - 1].stride !=
             vq_cols(vq_type(g, v.base)))
        a->reach = REACH_STRIDED;
}

/* ---- around the attention ---- */

static void
note_norm(Block *b, const Op *norm, NormPlace place)
{
    if (!norm || b->place != NORM_NONE)
        return;
    b->norm = vq_op[norm->kind].text;
    b->place = place;
}

static bool
is_layer(const Op *op)
{
    return op && (op->kind == OP_LINEAR || op->kind == OP_CONV ||
                  op->kind == OP_MATMUL);
}

static void
mark(Walk *w, const Op *op)
{
    w->seen[op - w->g->op] = true;
}

/* The layers that project, the width, and the last norm before them. */
static bool
find_projections(Walk *w, const Core *c, Block *b, const Op **norm)
{
    Way way = {0}, to_k = {0}, to_v = {0}, in = {0};
    const Op *q = vq_walk_up(w, c->q, true, &way);
    const Op *k = vq_walk_up(w, c->k, true, &to_k);
    const Op *v = vq_walk_up(w, c->v, false, &to_v);

    if (!is_layer(k) || !is_layer(v) || (q && !is_layer(q)))
        return false;
    mark(w, k);
    mark(w, v);
    b->width = vq_cols(vq_type(w->g, k->in[0]));
    b->attend.cosine =
        (way.normalised || way.norm) && (to_k.normalised || to_k.norm);
    if (!q) {
        b->attend.reach = REACH_POOL;
        return true;
    }
    mark(w, q);
    vq_walk_up(w, q->in[0], true, &in);
    *norm = in.norm;
    b->attend.shift = in.shift ? in.shift : way.shift;
    return true;
}

/* Does the sum read what op makes, but for moves? */
static bool
reads(Walk *w, const Op *sum, const Op *op)
{
    for (uint32_t i = 0; i < 2; i++) {
        Way way = {0};

        if (vq_walk_up(w, sum->in[i], false, &way) == op)
            return true;
    }
    return false;
}

/* A norm whose result is added, too, belongs to what comes before. */
static const Op *
find_output(Walk *w, const Core *c, Block *b, const Op *norm)
{
    Way to = {0}, from = {0};
    const Op *layer = vq_walk_down(w, c->out, false, &to), *sum;

    if (!is_layer(layer))
        return NULL;
    mark(w, layer);
    sum = vq_walk_down(w, layer->out, true, &from);
    if (!vq_is_sum(w->g, sum))
        return layer;
    mark(w, sum);
    b->residual = true;
    if (norm && !reads(w, sum, norm))
        note_norm(b, norm, NORM_BEFORE);
    note_norm(b, from.norm, NORM_INSIDE);
    return sum;
}

/* ---- the MLP ---- */

/* A layer that reads v, through a norm or not. */
static const Op *
first_layer(Walk *w, ValId v, Way *way)
{
    const Users *u = &w->users;

    for (uint32_t i = u->first[v]; i < u->first[v + 1]; i++) {
        const Op *op = &w->g->op[u->op[i]];

        *way = (Way){0};
        if (vq_is_norm(op)) {
            way->norm = op;
            op = vq_walk_down(w, op->out, true, way);
        } else if (!is_layer(op) && !vq_is_sum(w->g, op)) {
            op = vq_walk_down(w, op->out, true, way);
        }
        if (is_layer(op))
            return op;
    }
    return NULL;
}

/* Is the sum's other operand v, or the norm of it? */
static bool
adds(Walk *w, const Op *sum, ValId v)
{
    const Op *def = vq_def(w->g, v);

    for (uint32_t i = 0; i < 2; i++) {
        Way way = {0};

        if (sum->in[i] == v || vq_walk_up(w, sum->in[i], true, &way) == def)
            return true;
    }
    return false;
}

/* Both layers that a product joins, and the function of one of them. */
static const char *
gate_name(Walk *w, const Op *second)
{
    const Op *op = vq_def(w->g, second->in[0]);
    const char *act = NULL;

    for (uint32_t i = 0; op && op->kind == OP_MUL && i < 2; i++) {
        Way way = {0};
        const Op *layer = vq_walk_up(w, op->in[i], false, &way);

        if (is_layer(layer))
            mark(w, layer);
        act = act ? act : way.act;
    }
    return act;
}

static void
find_mlp(Walk *w, const Op *sum, Block *b)
{
    Way in, mid = {0}, out = {0};
    const Op *first = first_layer(w, sum->out, &in), *second, *end;

    if (!first)
        return;
    second = vq_walk_down(w, first->out, false, &mid);
    if (!is_layer(second) || second == first)
        return;
    end = vq_walk_down(w, second->out, true, &out);
    if (!vq_is_sum(w->g, end) || !adds(w, end, sum->out))
        return;
    mark(w, first);
    mark(w, second);
    mark(w, end);
    b->mlp.hidden = vq_cols(vq_type(w->g, second->in[0]));
    b->mlp.gated = mid.gated;
    b->mlp.act = mid.gated ? gate_name(w, second) : mid.act;
    if (!out.norm && in.norm)
        note_norm(b, in.norm,
                  reads(w, end, in.norm) ? NORM_AFTER : NORM_BEFORE);
}

/* Tokens as an image, where the block reads or makes one. */
static void
find_image(Block *b)
{
    int64_t side = (int64_t)llrint(sqrt((double)b->tokens));

    if (b->attend.groups > 1 && side * side == b->tokens)
        b->rows = b->cols = side;
}

bool
vq_find_block(Walk *w, const Op *op, Block *b)
{
    const Op *end, *norm = NULL;
    Core c = {0};

    *b = (Block){.name = op->loc.node};
    if (!find_core(w, op, &c))
        return false;
    b->attend.fused = c.fused;
    measure(w->g, op, &c, &b->attend);
    measure_bias(w->g, &c, &b->attend);
    find_reach(w->g, c.v, &b->attend);
    mark(w, op);
    if (!find_projections(w, &c, b, &norm))
        return false;
    b->tokens = b->attend.keys * b->attend.groups;
    find_image(b);
    end = find_output(w, &c, b, norm);
    if (!end)
        return false;
    find_mlp(w, end, b);
    return true;
}
