/*
 * images.c -- convolutions and what is between them, with channels last.
 *
 * Needs nothing, keeps every fact. A convolution is a pad, an unfold and a
 * linear layer on pixels; of one pixel just the linear layer; with a group for
 * each channel a depthwise. What follows goes on with channels last too
 * (turns.c), so that the turns between two convolutions cancel, and what works
 * on channels, as ConvNeXt's layernorms, works on the last axis.
 *
 * A graph whose only convolutions cut an image into patches is left to
 * fuse_linear.
 */
#include "passes/images.h"

#include "passes/linear.h"
#include "passes/moves.h"
#include "passes/passes.h"

#include <string.h>

enum { MOSTPARTS = 64 }; /* inputs of a concat */

/* ---- turns ---- */

ValId
vq_build_turned(const Build *b, ValId x)
{
    int rank = vq_type(b->g, x)->rank;
    int64_t perm[MAXRANK] = {0, rank - 1};

    for (int i = 2; i < rank; i++)
        perm[i] = i - 1;
    return vq_build_transpose(b, x, perm);
}

ValId
vq_build_channels_last(const Build *b, ValId x)
{
    int rank = vq_type(b->g, x)->rank;
    int64_t perm[MAXRANK] = {0};

    for (int i = 1; i < rank; i++)
        perm[i] = i == rank - 1 ? 1 : i + 1;
    return vq_build_transpose(b, x, perm);
}

const Op *
vq_find_turn(const Graph *g, ValId v)
{
    const Op *op = vq_def_as(g, v, OP_TRANSPOSE);
    const int64_t *perm = op ? vq_attr(op, A_PERM)->i : NULL;
    int rank = op ? vq_type(g, v)->rank : 0;

    if (rank < 3 || perm[0] != 0 || perm[1] != rank - 1)
        return NULL;
    for (int i = 2; i < rank; i++)
        if (perm[i] != i - 1)
            return NULL;
    return op;
}

/* ---- convolutions ---- */

typedef struct Conv {
    Build b;                           /* for what leads to the products */
    const char *name;                  /* of the products */
    int64_t channels, outputs, groups; /* of all groups */
    const int64_t *kernel, *stride, *dilation, *pad;
    const float *w; /* [outputs x channels / groups x kernel] */
    ValId bias;     /* 0: none */
} Conv;

static bool
all_are(const int64_t *x, int n, int64_t k)
{
    for (int i = 0; i < n; i++)
        if (x[i] != k)
            return false;
    return true;
}

static bool
read_conv(Match *m, const Op *op, Conv *c)
{
    const Type *x = vq_type(m->g, op->in[0]), *w = vq_type(m->g, op->in[1]);

    if (x->rank != 4 || w->rank != 4 || !vq_is_const(m->g, op->in[1]) ||
        (op->nin > 2 && op->in[2] && !vq_is_const(m->g, op->in[2])))
        return false;
    *c = (Conv){.b = vq_build_at(m, op),
                .channels = x->dim[1],
                .outputs = w->dim[0],
                .groups = vq_get_i(op, A_GROUPS, 1),
                .kernel = w->dim + 2,
                .stride = vq_attr(op, A_STRIDES)->i,
                .dilation = vq_attr(op, A_DILATIONS)->i,
                .pad = vq_attr(op, A_PADS)->i,
                .w = vq_floats(m->g, op->in[1])};
    c->name = c->b.name;
    c->b.name = vq_format(c->b.g->arena, "%s.nhwc", c->b.name);
    c->bias = op->nin > 2 && op->in[2] ? vq_fetch(m, op->in[2]) : 0;
    return true;
}

static ValId
pad_image(const Conv *c, ValId x)
{
    int64_t pads[8] = {0, c->pad[0], c->pad[1], 0, 0, c->pad[2], c->pad[3], 0};
    Attr a = vq_build_ints(c->b.g, A_PADS, pads, 8);

    if (all_are(c->pad, 4, 0))
        return x;
    return vq_build(&c->b, OP_PAD, &x, 1, &a, 1, NULL);
}

static void
window_attrs(const Conv *c, Attr attr[3])
{
    attr[0] = vq_build_ints(c->b.g, A_KERNEL, c->kernel, 2);
    attr[1] = vq_build_ints(c->b.g, A_STRIDES, c->stride, 2);
    attr[2] = vq_build_ints(c->b.g, A_DILATIONS, c->dilation, 2);
}

static ValId
unfold_image(const Conv *c, ValId x)
{
    Attr attr[3];

    if (all_are(c->kernel, 2, 1) && all_are(c->stride, 2, 1))
        return x;
    window_attrs(c, attr);
    return vq_build(&c->b, OP_UNFOLD, &x, 1, attr, 3, NULL);
}

/* Weights of outputs from..from+n-1 as [pixel, channel x output]. */
static ValId
turn_weights(const Conv *c, int64_t from, int64_t n)
{
    int64_t area = c->kernel[0] * c->kernel[1];
    int64_t own = c->channels / c->groups;
    float *y = NEWN(c->b.g->arena, float, area *own *n);

    for (int64_t o = 0; o < n; o++)
        for (int64_t i = 0; i < own; i++)
            for (int64_t k = 0; k < area; k++)
                y[(k * own + i) * n + o] =
                    c->w[((from + o) * own + i) * area + k];
    return vq_const(c->b.g, vq_format(c->b.g->arena, "%s.w", c->b.name),
                    TYPE(DT_F32, area * own, n), y);
}

/* Each channel as often as there are outputs of it, side by side. */
static ValId
repeat_channels(const Conv *c, ValId x)
{
    Type t = *vq_type(c->b.g, x), five = t;
    int64_t times = c->outputs / c->channels;

    if (times == 1)
        return x;
    five.rank = 5;
    five.dim[4] = 1;
    x = vq_build_reshape(&c->b, x, five);
    five.dim[4] = times;
    x = vq_build(&c->b, OP_EXPAND, &x, 1, NULL, 0, &five);
    t.dim[3] *= times;
    return vq_build_reshape(&c->b, x, t);
}

static ValId
build_depthwise(const Conv *c, ValId x)
{
    ValId in[3] = {repeat_channels(c, x), turn_weights(c, 0, c->outputs),
                   c->bias};
    Build b = {c->b.g, c->b.diag, c->name, c->b.loc};
    Attr attr[3];

    window_attrs(c, attr);
    return vq_build(&b, OP_DEPTHWISE, in, c->bias ? 3 : 2, attr, 3, NULL);
}

/* One group's channels in, its outputs out. */
static ValId
build_group(const Conv *c, ValId x, int64_t group)
{
    int64_t n = c->outputs / c->groups, own = c->channels / c->groups;
    Build b = {c->b.g, c->b.diag, c->name, c->b.loc};
    ValId bias = c->bias;

    x = vq_build_slice(&c->b, x, 3, group * own, 1, own);
    if (bias)
        bias = vq_build_slice(&c->b, bias, 0, group * n, 1, n);
    return vq_build_linear(&b, unfold_image(c, x),
                           turn_weights(c, group * n, n), bias);
}

static ValId
join_channels(const Conv *c, ValId *part, int64_t n)
{
    Attr axis = vq_build_int(c->b.g, A_AXIS, 3);

    if (n == 1)
        return part[0];
    return vq_build(&c->b, OP_CONCAT, part, (uint32_t)n, &axis, 1, NULL);
}

/* A concat takes so many; more are joined before. */
static ValId
build_groups(const Conv *c, ValId x)
{
    ValId part[MOSTPARTS], whole[MOSTPARTS];
    int64_t n = 0, m = 0;

    for (int64_t i = 0; i < c->groups; i++) {
        part[n++] = build_group(c, x, i);
        if (n == MOSTPARTS || i == c->groups - 1) {
            whole[m++] = join_channels(c, part, n);
            n = 0;
        }
    }
    return join_channels(c, whole, m);
}

ValId
vq_fold_conv(Match *m, const Op *op)
{
    Conv c;
    ValId x;

    if (!read_conv(m, op, &c) || c.groups > MOSTPARTS * MOSTPARTS)
        return 0;
    x = vq_build_channels_last(&c.b, vq_fetch(m, op->in[0]));
    x = pad_image(&c, x);
    if (c.groups > 1 && c.groups == c.channels)
        x = build_depthwise(&c, x);
    else
        x = build_groups(&c, x);
    c.b.name = vq_format(c.b.g->arena, "%s.nchw", c.name);
    return vq_build_turned(&c.b, x);
}

/* ---- the pass ---- */

/* Windows that tile the image it is given, and cover it. */
static bool
cuts_patches(const Graph *g, const Op *op)
{
    const Type *w = vq_type(g, op->in[1]);
    const int64_t *stride = vq_attr(op, A_STRIDES)->i;

    return vq_get_i(op, A_GROUPS, 1) == 1 && w->rank == 4 &&
           stride[0] == w->dim[2] && stride[1] == w->dim[3] &&
           all_are(vq_attr(op, A_PADS)->i, 4, 0) &&
           all_are(vq_attr(op, A_DILATIONS)->i, 2, 1);
}

static bool
has_images(const Graph *g)
{
    for (uint32_t i = 1; i < g->nop; i++)
        if (g->op[i].kind == OP_MAXPOOL || g->op[i].kind == OP_DEPTHWISE ||
            (g->op[i].kind == OP_CONV && !cuts_patches(g, &g->op[i])))
            return true;
    return false;
}

static const Rule rules[] = {
    {OP_CONV, vq_fold_conv},
    {OP_ADD, vq_turn_binary},
    {OP_SUB, vq_turn_binary},
    {OP_MUL, vq_turn_binary},
    {OP_DIV, vq_turn_binary},
    {OP_POW, vq_turn_binary},
    {OP_MAX, vq_turn_binary},
    {OP_MIN, vq_turn_binary},
    {OP_REDUCE_MEAN, vq_turn_reduce},
    {OP_REDUCE_SUM, vq_turn_reduce},
    {OP_REDUCE_MAX, vq_turn_reduce},
    {OP_CONCAT, vq_turn_along},
    {OP_SLICE, vq_turn_along},
    {OP_SOFTMAX, vq_turn_along},
    {OP_RESHAPE, vq_turn_reshape},
    {NOP, vq_turn_unary},
    MOVE_RULES,
};

bool
vq_move_images(Graph *g, const PassContext *c)
{
    if (!has_images(g))
        return true;
    return vq_apply_rules(g, c->diag, rules, COUNT(rules));
}
