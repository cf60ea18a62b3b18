/*
 * structure.c -- the parts of a model in their order (structure.h).
 *
 * Blocks are found first, from their attentions; what they do not claim is
 * looked at for patches, convolutions, merges and pooling; heads are found
 * from the graph's outputs upward.
 */
#include "lib/structure.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct Find {
    Walk w;
    Structure *s;
} Find;

static Part *
add_part(Find *f, PartKind kind, const Op *op)
{
    Structure *s = f->s;
    Part *p;

    s->part = vq_grow(f->w.arena, s->part, s->n, &s->cap, sizeof *s->part);
    p = &s->part[s->n++];
    *p = (Part){.kind = kind, .at = (uint32_t)(op - f->w.g->op)};
    f->w.seen[p->at] = true;
    return p;
}

/* ---- blocks ---- */

/* Tokens that stay in the order of the block before. */
static void
inherit_reach(Attend *a, const Attend *before)
{
    if (a->reach != REACH_GROUPS || a->groups != before->groups ||
        a->queries != before->queries)
        return;
    a->reach = before->reach;
    memcpy(a->window, before->window, sizeof a->window);
}

static void
find_blocks(Find *f)
{
    const Graph *g = f->w.g;
    Block b, *last = NULL;

    for (uint32_t i = 1; i < g->nop; i++) {
        if (!vq_is_attention(g, &g->op[i]))
            continue;
        f->s->attentions++;
        if (!vq_find_block(&f->w, &g->op[i], &b))
            continue;
        f->s->blocks++;
        if (last)
            inherit_reach(&b.attend, &last->attend);
        last = &add_part(f, PART_BLOCK, &g->op[i])->block;
        *last = b;
    }
}

/* ---- images ---- */

static int64_t
per_image(const Graph *g, const Type *t)
{
    const Type *in = vq_type(g, g->in[0]);
    int64_t batch = in->rank > 1 ? in->dim[0] : 1;

    return vq_count(t) / batch;
}

/* Rows and columns of n pixels or tokens in a square; 0 when they are none. */
static void
as_square(int64_t n, int64_t size[2])
{
    int64_t side = (int64_t)llrint(sqrt((double)n));

    size[0] = size[1] = side * side == n ? side : 0;
}

static void
image_size(const Type *t, int64_t size[2])
{
    size[0] = t->rank == 4 ? t->dim[2] : 0;
    size[1] = t->rank == 4 ? t->dim[3] : 0;
}

/* ---- patches ---- */

/* Windows that a layer reads, past reshapes; NULL: none. */
static const Op *
windows_before(const Graph *g, const Op *op)
{
    const Op *def = vq_def(g, op->in[0]);

    while (def && def->kind == OP_RESHAPE)
        def = vq_def(g, def->in[0]);
    return def && def->kind == OP_UNFOLD ? def : NULL;
}

/* The first layer on pixels that are only moved: K = channels x rows x cols. */
static bool
find_patches(Find *f, const Op *op)
{
    const Graph *g = f->w.g;
    const Type *in = vq_type(g, g->in[0]), *out = vq_type(g, op->out);
    Way way = {0};
    Change *c;

    if (in->rank != 4 || windows_before(g, op) ||
        vq_walk_up(&f->w, op->in[0], false, &way))
        return false;
    c = &add_part(f, PART_PATCHES, op)->change;
    c->in = in->dim[1];
    c->out = vq_cols(out);
    image_size(in, c->from);
    as_square(vq_cols(vq_type(g, op->in[0])) / c->in, c->size);
    for (int i = 0; i < 2 && c->size[i]; i++)
        c->to[i] = c->from[i] / c->size[i];
    f->s->tokens.patches = per_image(g, out) / c->out;
    return true;
}

/* ---- convolutions ---- */

static void
find_conv(Find *f, const Op *op)
{
    const Graph *g = f->w.g;
    const Type *x = vq_type(g, op->in[0]), *w = vq_type(g, op->in[1]);
    const Attr *strides = vq_attr(op, A_STRIDES);
    Convolution *c = &add_part(f, PART_CONV, op)->conv;
    Way way = {0};

    c->in = x->dim[1];
    c->out = w->dim[0];
    c->groups = vq_get_i(op, A_GROUPS, 1);
    for (int i = 0; i < 2; i++) {
        c->kernel[i] = w->rank == 4 ? w->dim[2 + i] : 0;
        c->stride[i] = strides && strides->n == 2 ? strides->i[i] : 1;
    }
    image_size(x, c->from);
    image_size(vq_type(g, op->out), c->to);
    vq_walk_down(&f->w, op->out, false, &way);
    c->act = way.act;
}

/* The windows of an op on images with their channels last. */
static void
set_windows(Find *f, const Op *op, Convolution *c)
{
    const Attr *kernel = vq_attr(op, A_KERNEL);
    const Attr *strides = vq_attr(op, A_STRIDES);
    const Op *pad = vq_def(f->w.g, op->in[0]);
    const Type *x =
        vq_type(f->w.g, pad && pad->kind == OP_PAD ? pad->in[0] : op->in[0]);
    const Type *y = vq_type(f->w.g, op->out);

    c->in = x->rank == 4 ? x->dim[3] : vq_cols(x);
    for (int i = 0; i < 2; i++) {
        c->kernel[i] = kernel && kernel->n == 2 ? kernel->i[i] : 1;
        c->stride[i] = strides && strides->n == 2 ? strides->i[i] : 1;
        c->from[i] = x->rank == 4 ? x->dim[1 + i] : 0;
        c->to[i] = y->rank == 4 ? y->dim[1 + i] : 0;
    }
}

static void
find_depthwise(Find *f, const Op *op)
{
    Convolution *c = &add_part(f, PART_CONV, op)->conv;
    Way way = {0};

    set_windows(f, op, c);
    c->out = c->groups = c->in;
    vq_walk_down(&f->w, op->out, false, &way);
    c->act = way.act;
}

/* A convolution became a layer on pixels, or on windows of them. */
static void
find_pointwise(Find *f, const Op *op)
{
    const Graph *g = f->w.g;
    const Type *out = vq_type(g, op->out);
    const Op *windows = windows_before(g, op);
    Convolution *c = &add_part(f, PART_CONV, op)->conv;
    Way way = {0};

    c->in = vq_cols(vq_type(g, op->in[0]));
    c->out = vq_cols(out);
    c->groups = 1;
    as_square(per_image(g, out) / c->out, c->to);
    for (int i = 0; i < 2; i++) {
        c->kernel[i] = c->stride[i] = 1;
        c->from[i] = c->to[i];
    }
    if (windows)
        set_windows(f, windows, c);
    vq_walk_down(&f->w, op->out, false, &way);
    c->act = way.act;
}

/* ---- merges ---- */

/* Reads whole neighbourhoods of what an earlier layer or sum made. */
static bool
find_merge(Find *f, const Op *op)
{
    const Graph *g = f->w.g;
    const Type *in = vq_type(g, op->in[0]), *from;
    Way way = {0};
    const Op *source = vq_walk_up(&f->w, op->in[0], true, &way);
    int64_t channels = vq_cols(in);
    Change *c;

    if (!source || !way.slice)
        return false;
    from = vq_type(g, source->out);
    if (vq_count(from) != vq_count(in) || channels <= vq_cols(from) ||
        channels % vq_cols(from))
        return false;
    c = &add_part(f, PART_MERGE, op)->change;
    c->in = vq_cols(from);
    c->out = vq_cols(vq_type(g, op->out));
    as_square(per_image(g, from) / c->in, c->from);
    as_square(per_image(g, in) / channels, c->to);
    return true;
}

/* ---- pooling ---- */

static void
find_pool(Find *f, const Op *op)
{
    Change *c = &add_part(f, PART_POOL, op)->change;
    const Type *in = vq_type(f->w.g, op->in[0]);
    const Type *out = vq_type(f->w.g, op->out);

    c->reads = vq_op[op->kind].text;
    c->in = c->out = out->rank == 4 ? out->dim[1] : vq_cols(out);
    image_size(in, c->from);
    image_size(out, c->to);
}

/* Everything but the channels becomes one. */
static void
find_mean(Find *f, const Op *op)
{
    const Graph *g = f->w.g;
    int64_t in = per_image(g, vq_type(g, op->in[0]));
    int64_t out = per_image(g, vq_type(g, op->out));
    Way way = {0};
    const Op *next = vq_walk_down(&f->w, op->out, true, &way);
    Change *c;

    f->w.seen[op - g->op] = f->w.seen[op - g->op] || in == out;
    if (in == out || (next && next->kind != OP_LINEAR) ||
        (next && vq_cols(vq_type(g, next->in[0])) != out))
        return;
    c = &add_part(f, PART_MEAN, op)->change;
    c->in = in / out;
    c->out = out;
}

/* ---- heads ---- */

static const char *
token_read(Find *f, const Way *way)
{
    Tokens *t = &f->s->tokens;
    const Graph *g = f->w.g;
    const Type *out = way->slice ? vq_type(g, way->slice->out) : NULL;
    int axis = way->slice ? (int)vq_get_i(way->slice, A_AXIS, 0) : 0;
    int64_t start = way->slice ? vq_get_i(way->slice, A_START, 0) : 0;

    if (!out || out->dim[axis] != 1 || axis != out->rank - 2 ||
        vq_type(g, way->slice->in[0])->dim[axis] == 1)
        return NULL;
    t->class_token = t->class_token || start == 0;
    t->distilled = t->distilled || start == 1;
    return start == 0   ? "class token"
           : start == 1 ? "distillation token"
                        : vq_format(f->w.arena, "token %lld", (long long)start);
}

static const char *
what_it_reads(Find *f, ValId v)
{
    Way way = {0};
    const Op *source = vq_walk_up(&f->w, v, true, &way);
    const char *token = token_read(f, &way);

    if (token)
        return token;
    if (source && source->kind == OP_REDUCE_MEAN)
        return "mean";
    return source ? "all tokens" : "the input";
}

/* Sums of classifiers are followed a few deep: they are of two or three. */
enum { MAX_SUMS = 8 };

static void
find_head(Find *f, ValId v, const char *output, int sums)
{
    const Graph *g = f->w.g;
    Way way = {0};
    const Op *op = vq_walk_up(&f->w, v, true, &way);
    Change *c;

    if (vq_is_sum(g, op) && !f->w.seen[op - g->op] && sums < MAX_SUMS) {
        f->w.seen[op - g->op] = true;
        find_head(f, op->in[0], output, sums + 1);
        find_head(f, op->in[1], output, sums + 1);
        return;
    }
    if (!op)
        return;
    if (op->kind == OP_LINEAR && !f->w.seen[op - g->op]) {
        c = &add_part(f, PART_HEAD, op)->change;
        c->in = vq_cols(vq_type(g, op->in[0]));
        c->out = vq_cols(vq_type(g, op->out));
        c->reads = what_it_reads(f, op->in[0]);
    } else {
        c = &add_part(f, PART_HEAD, &g->op[g->nop - 1])->change;
        c->out = vq_cols(vq_type(g, v));
        c->reads = token_read(f, &way);
        c->reads = c->reads                     ? c->reads
                   : op->kind == OP_REDUCE_MEAN ? "mean"
                                                : "features";
    }
    c->output = output;
}

/* ---- tokens ---- */

static void
find_learned(Find *f, const Op *op)
{
    const Graph *g = f->w.g;
    const Type *out = vq_type(g, op->out);
    int axis = (int)vq_get_i(op, A_AXIS, 0);

    for (uint32_t i = 0; i < op->nin && axis == out->rank - 2; i++)
        if (vq_is_const(g, op->in[i])) {
            f->s->tokens.learned += vq_type(g, op->in[i])->dim[axis];
            f->w.seen[op - g->op] = true;
        }
}

static void
find_tokens(Find *f)
{
    const Graph *g = f->w.g;
    Tokens *t = &f->s->tokens;
    uint32_t end = g->nop;

    for (size_t i = 0; i < f->s->n; i++)
        if (f->s->part[i].kind == PART_BLOCK && f->s->part[i].at < end)
            end = f->s->part[i].at;
    for (uint32_t i = 1; i < end && t->patches; i++) {
        const Op *op = &g->op[i];

        if (op->kind == OP_CONCAT)
            find_learned(f, op);
        for (int k = 0; op->kind == OP_ADD && k < 2; k++)
            if (vq_is_const(g, op->in[k]) &&
                vq_rows(vq_type(g, op->in[k])) >= t->patches)
                t->position = true;
    }
    t->all = t->patches + t->learned;
}

/* ---- the whole ---- */

static bool
from_conv(const Op *op)
{
    return op->loc.op && strstr(op->loc.op, "Conv");
}

static void
find_others(Find *f)
{
    const Graph *g = f->w.g;
    bool patches = false;

    for (uint32_t i = 1; i < g->nop; i++) {
        const Op *op = &g->op[i];

        if (f->w.seen[i])
            continue;
        if (op->kind == OP_CONV)
            find_conv(f, op);
        else if (op->kind == OP_DEPTHWISE)
            find_depthwise(f, op);
        else if (op->kind == OP_LINEAR && !patches && find_patches(f, op))
            patches = true;
        else if (op->kind == OP_LINEAR && !find_merge(f, op) && from_conv(op))
            find_pointwise(f, op);
        else if (strstr(vq_op[op->kind].text, "pool"))
            find_pool(f, op);
        else if (op->kind == OP_REDUCE_MEAN)
            find_mean(f, op);
    }
}

static void
count_others(Find *f)
{
    const Graph *g = f->w.g;

    for (uint32_t i = 1; i < g->nop; i++)
        if (!f->w.seen[i] && vq_op[g->op[i].kind].stage == STAGE_R &&
            !vq_is_norm(&g->op[i]) && !vq_is_sum(g, &g->op[i]))
            f->s->other[g->op[i].kind]++;
}

static int
by_place(const void *a, const void *b)
{
    uint32_t x = ((const Part *)a)->at, y = ((const Part *)b)->at;

    return (x > y) - (x < y);
}

Structure *
vq_structure_find(const Graph *g, Arena *a)
{
    Find f = {vq_walk_new(g, a), NEW(a, Structure)};

    if (g->nop < 2 || !g->nin)
        return f.s;
    find_blocks(&f);
    for (uint32_t i = 0; i < g->nout; i++)
        find_head(&f, g->out[i], g->val[g->out[i]].name, 0);
    find_others(&f);
    find_tokens(&f);
    count_others(&f);
    if (f.s->n)
        qsort(f.s->part, f.s->n, sizeof *f.s->part, by_place);
    return f.s;
}
