/*
 * quantized.c -- what a model that is quantized already brings along, in a
 * line for people.
 */
#include "lib/session.h"

#include "passes/given.h"

#include <math.h>

/* By how many codes a grid has, and where its zero is. */
static const struct {
    const char *text;
    double codes; /* at most */
    bool symmetric;
} schemes[] = {
    {"4 bits or fewer", 16, false},    {"8 bits around 0", 256, true},
    {"8 bits asymmetric", 256, false}, {"16 bits", 65536, false},
    {"rounded", INFINITY, false},
};

typedef struct Tally {
    int64_t grids[COUNT(schemes)], all;
    int64_t channels, exact;
} Tally;

static bool
is_symmetric(const Grid *g)
{
    return fabs(g->lo + g->hi - 2 * (double)g->zero) <= 1;
}

static void
count_grid(Tally *t, const Op *op)
{
    Grid g = vq_grid_of(op);
    size_t i = 0;

    while (g.hi - g.lo >= schemes[i].codes ||
           (schemes[i].symmetric && !is_symmetric(&g)))
        i++;
    t->grids[i]++;
    t->all++;
}

/* Output channels of constant weights: [K x N], or [O x ..] of a convolution,
 * where each lies in one piece. */
static void
count_channels(Tally *t, const Graph *g, const Op *op)
{
    const Value *w = &g->val[op->in[1]];
    bool conv = op->kind == OP_CONV;
    int64_t n = conv ? w->type.dim[0] : vq_cols(&w->type);
    int64_t k = vq_count(&w->type) / n;

    if (!w->data || w->type.dt != DT_F32)
        return;
    t->channels += n;
    for (int64_t j = 0; j < n; j++)
        t->exact +=
            (conv ? vq_weight_step((const float *)w->data + j * k, k, 1, 0)
                  : vq_weight_step(w->data, k, n, j)) > 0;
}

static Tally
tally(const Graph *g)
{
    Tally t = {0};

    for (uint32_t i = 1; i < g->nop; i++) {
        const Op *op = &g->op[i];

        if (op->kind == OP_FAKEQUANT)
            count_grid(&t, op);
        else if (op->kind == OP_MATMUL || op->kind == OP_LINEAR ||
                 op->kind == OP_CONV)
            count_channels(&t, g, op);
    }
    return t;
}

void
vq_describe_quantized(const Graph *g, FILE *to)
{
    Tally t = tally(g);

    if (!t.all && 2 * t.exact <= t.channels)
        return;
    fprintf(to, "%-8s %lld scales of values, %lld of %lld weight channels\n",
            "quantized", (long long)t.all, (long long)t.exact,
            (long long)t.channels);
    for (size_t i = 0; i < COUNT(schemes); i++)
        if (t.grids[i])
            fprintf(to, "  %-18s %5lld\n", schemes[i].text,
                    (long long)t.grids[i]);
}
