/*
 * plan.c -- lifetimes become offsets in the work area.
 *
 * needs F_KERNEL; makes F_PLANNED. Every computed value that is not the
 * caller's output, and every op's scratch, gets a slot of VQ_SLOT alignment
 * and VQ_SLACK readable bytes after it. Largest first, each at the lowest
 * offset where nothing that lives at the same time is in the way.
 */
#include "passes/passes.h"

#include "ir/layout.h"

#include <stdlib.h>

typedef struct Block {
    int64_t bytes, at;
    uint32_t from, to; /* ops during which it lives, both included */
    ValId value;       /* 0: the scratch of op `from` */
} Block;

static int
larger_first(const void *pa, const void *pb)
{
    const Block *a = pa, *b = pb;

    if (a->bytes != b->bytes)
        return a->bytes < b->bytes ? 1 : -1;
    if (a->from != b->from)
        return a->from < b->from ? -1 : 1;
    return a->value < b->value ? -1 : a->value > b->value;
}

static int
lower_first(const void *pa, const void *pb)
{
    const Block *a = *(const Block *const *)pa, *b = *(const Block *const *)pb;

    return a->at < b->at ? -1 : a->at > b->at;
}

static bool
is_output(const Graph *g, ValId v)
{
    for (uint32_t i = 0; i < g->nout; i++)
        if (g->out[i] == v)
            return true;
    return false;
}

static uint32_t
collect(const Graph *g, Block *block)
{
    uint32_t *last = NEWN(g->arena, uint32_t, g->nval);
    uint32_t n = 0;

    for (uint32_t i = 1; i < g->nop; i++)
        for (uint32_t j = 0; j < g->op[i].nin; j++)
            last[g->op[i].in[j]] = i;
    for (uint32_t i = 1; i < g->nop; i++) {
        ValId v = g->op[i].out;
        int64_t scratch = vq_scratch(g, &g->op[i]);

        if (!is_output(g, v))
            block[n++] = (Block){vq_bytes(vq_type(g, v)), 0, i,
                                 (uint32_t)vq_max(last[v], i), v};
        if (scratch)
            block[n++] = (Block){scratch, 0, i, i, 0};
    }
    for (uint32_t i = 0; i < n; i++)
        block[i].bytes = vq_align(block[i].bytes + VQ_SLACK, VQ_SLOT);
    return n;
}

/* The lowest offset where b fits between the blocks placed before it. */
static int64_t
find_place(const Block *placed, uint32_t n, const Block *b, const Block **near)
{
    uint32_t m = 0;
    int64_t at = 0;

    for (uint32_t i = 0; i < n; i++)
        if (placed[i].from <= b->to && b->from <= placed[i].to)
            near[m++] = &placed[i];
    qsort(near, m, sizeof(Block *), lower_first);
    for (uint32_t i = 0; i < m && near[i]->at < at + b->bytes; i++)
        at = vq_max(at, near[i]->at + near[i]->bytes);
    return at;
}

bool
vq_plan_memory(Graph *g, const PassContext *cx)
{
    Block *block = NEWN(g->arena, Block, 2 * g->nop);
    const Block **near = NEWN(g->arena, const Block *, 2 * g->nop);
    uint32_t n = collect(g, block);

    (void)cx;
    qsort(block, n, sizeof *block, larger_first);
    for (uint32_t i = 0; i < n; i++) {
        Block *b = &block[i];

        b->at = find_place(block, i, b, near);
        if (b->value)
            g->val[b->value].slot = b->at;
        else
            g->op[b->from].scratch = b->at;
        g->worksize = vq_max(g->worksize, b->at + b->bytes);
    }
    return true;
}
