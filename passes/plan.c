/*
 * plan.c -- lifetimes become offsets in the work area.
 *
 * needs F_KERNEL; makes F_PLANNED. Every computed value that is not the
 * caller's output, and every op's scratch, gets a slot of VQ_SLOT alignment
 * and VQ_SLACK readable bytes after it. Largest first, each at the lowest
 * offset where nothing that lives at the same time is in the way.
 *
 * A batch is run a few images at a time where that spares traffic between a
 * core's own caches and what lies behind them: of few images values stay near,
 * of many each weight is read less often.
 */
#include "passes/passes.h"

#include "ir/chunks.h"
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

/* Puts b at the lowest offset where it fits between the n blocks that have
 * theirs, which are in order of it. */
static void
place(const Block **placed, uint32_t n, Block *b)
{
    for (uint32_t i = 0; i < n && placed[i]->at < b->at + b->bytes; i++)
        if (placed[i]->from <= b->to && b->from <= placed[i]->to)
            b->at = vq_max(b->at, placed[i]->at + placed[i]->bytes);
    for (; n > 0 && placed[n - 1]->at > b->at; n--)
        placed[n] = placed[n - 1];
    placed[n] = b;
}

/* Offsets for all blocks; the size of the work area. */
static int64_t
place_blocks(const Graph *g, Block *block, uint32_t n)
{
    const Block **placed = NEWN(g->arena, const Block *, n);
    int64_t end = 0;

    qsort(block, n, sizeof *block, larger_first);
    for (uint32_t i = 0; i < n; i++) {
        place(placed, i, &block[i]);
        end = vq_max(end, block[i].at + block[i].bytes);
    }
    return end;
}

/* ---- how many images at a time ---- */

enum {
    NEAR = 1 << 20, /* bytes that stay in a core's own caches */
    FAR = 16 << 20, /* that stay in any cache */
};

/* Bytes of all constants, and of what the ops read and write besides. */
static void
count_bytes(const Graph *g, int64_t *weights, int64_t *moved)
{
    *weights = *moved = 0;
    for (ValId v = 1; v < g->nval; v++)
        if (vq_is_const(g, v))
            *weights += vq_bytes(vq_type(g, v));
    for (uint32_t i = 1; i < g->nop; i++) {
        const Op *op = &g->op[i];

        *moved += vq_bytes(vq_type(g, op->out));
        for (uint32_t j = 0; j < op->nin; j++)
            if (op->in[j] && !vq_is_const(g, op->in[j]))
                *moved += vq_bytes(vq_type(g, op->in[j]));
    }
}

/* Bytes from beyond the near caches, of a run in n chunks; -1: impossible. */
static int64_t
chunk_traffic(const Graph *g, int64_t n)
{
    const Op *mixes;
    Graph *part = vq_one_chunk(g, n, g->arena, &mixes);
    int64_t weights, moved, work;
    Block *block;

    if (!part)
        return -1;
    block = NEWN(g->arena, Block, 2 * g->nop);
    work = place_blocks(g, block, collect(part, block));
    count_bytes(g, &weights, &moved);
    return n * weights + (work > NEAR) * moved + (work > FAR) * 3 * moved;
}

/* The most chunks among those that move the fewest bytes, or nearly so. */
static int64_t
choose_chunks(const Graph *g)
{
    const Type *t = g->nin ? vq_type(g, g->in[0]) : NULL;
    int64_t batch = t && t->rank ? t->dim[0] : 1, best = 1;
    int64_t least = batch > 1 ? chunk_traffic(g, 1) : 0;

    for (int64_t n = 2; n <= batch; n++) {
        ArenaMark mark = vq_arena_mark(g->arena);
        int64_t bytes = batch % n == 0 ? chunk_traffic(g, n) : -1;

        vq_arena_release(g->arena, mark);
        if (bytes < 0 || bytes - least > least / 16)
            continue;
        best = n;
        least = vq_min(bytes, least);
    }
    return best;
}

bool
vq_plan_memory(Graph *g, const PassContext *cx)
{
    Block *block = NEWN(g->arena, Block, 2 * g->nop);
    const Op *mixes;
    uint32_t n;

    (void)cx;
    g->chunks = choose_chunks(g);
    n = collect(g->chunks > 1 ? vq_one_chunk(g, g->chunks, g->arena, &mixes)
                              : g,
                block);
    g->worksize = place_blocks(g, block, n);
    for (uint32_t i = 0; i < n; i++)
        if (block[i].value)
            g->val[block[i].value].slot = block[i].at;
        else
            g->op[block[i].from].scratch = block[i].at;
    return true;
}
