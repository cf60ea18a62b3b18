/*
 * verify_plan.c -- the work area: every block aligned, inside, and apart from
 * all that live at the same time.
 */
#include "ir/verify.h"

#include <stdlib.h>

#include "ir/chunks.h"
#include "ir/layout.h"

/* Bytes at..end of the work area, slack included, while ops from..to run. */
typedef struct Block {
    int64_t at, end;
    uint32_t from, to;
    ValId value; /* what lies there; 0: the scratch of op `from` */
} Block;

static const char *
block_text(const Check *c, const Block *b)
{
    ValId v = b->value ? b->value : c->g->op[b->from].out;

    return vq_format(c->tmp, "%s%s", b->value ? "" : "the scratch of ",
                     vq_val_text(c->tmp, c->g, v));
}

static bool
add_block(const Check *c, Block *b, int64_t bytes)
{
    b->end = b->at + bytes + VQ_SLACK; /* far from overflow: 2^40 each */
    if (b->at < 0)
        return vq_fail(c, "%s has no place in the work area", block_text(c, b));
    if (b->at % VQ_SLOT)
        return vq_fail(c, "%s at %lld is not aligned to %d", block_text(c, b),
                       (long long)b->at, VQ_SLOT);
    if (b->at > VQ_MAX_BYTES || b->end > c->g->worksize)
        return vq_fail(c, "%s ends at %lld, beyond the work area's %lld",
                       block_text(c, b), (long long)b->end,
                       (long long)c->g->worksize);
    return true;
}

/* Values of the caller's have no slot. */
static bool
check_ports(const Check *c, bool *port)
{
    const Graph *g = c->g;

    for (uint32_t i = 0; i < g->nout; i++)
        port[g->out[i]] = true;
    for (ValId v = 1; v < g->nval; v++) {
        port[v] = port[v] || g->val[v].def == 0;
        if (port[v] && g->val[v].slot >= 0)
            return vq_fail(c, "'%s' is not in the work area, but has a slot",
                           g->val[v].name);
    }
    return true;
}

/* The last op that uses each value. */
static uint32_t *
last_uses(const Check *c)
{
    uint32_t *last = NEWN(c->tmp, uint32_t, c->g->nval);

    for (uint32_t i = 1; i < c->g->nop; i++) {
        last[c->g->op[i].out] = i;
        for (uint32_t j = 0; j < c->g->op[i].nin; j++)
            last[c->g->op[i].in[j]] = i;
    }
    return last;
}

static bool
collect(const Check *c, const bool *port, Block *block, uint32_t *n)
{
    const uint32_t *last = last_uses(c);

    for (uint32_t i = 1; i < c->g->nop; i++) {
        const Op *op = &c->g->op[i];
        const Value *v = &c->g->val[op->out];
        int64_t scratch = vq_scratch(c->g, op);

        if (!port[op->out]) {
            block[*n] = (Block){v->slot, 0, i, last[op->out], op->out};
            if (!add_block(c, &block[(*n)++], vq_bytes(&v->type)))
                return false;
        }
        if (!scratch)
            continue;
        block[*n] = (Block){op->scratch, 0, i, i, 0};
        if (!add_block(c, &block[(*n)++], scratch))
            return false;
    }
    return true;
}

static int
earlier_first(const void *pa, const void *pb)
{
    const Block *a = pa, *b = pb;

    return a->from != b->from ? (a->from < b->from ? -1 : 1)
                              : (a->to > b->to) - (a->to < b->to);
}

/* Blocks that live on when op `now` runs move to the front. */
static uint32_t
drop_dead(Block *live, uint32_t n, uint32_t now)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < n; i++)
        if (live[i].to >= now)
            live[kept++] = live[i];
    return kept;
}

/* Walks in time; few blocks live at once, so each is held against all. */
static bool
check_apart(const Check *c, const Block *block, uint32_t n)
{
    Block *live = NEWN(c->tmp, Block, n);
    uint32_t nlive = 0;

    for (uint32_t i = 0; i < n; i++) {
        const Block *b = &block[i];

        nlive = drop_dead(live, nlive, b->from);
        for (uint32_t j = 0; j < nlive; j++)
            if (b->at < live[j].end && live[j].at < b->end)
                return vq_fail(c,
                               "%s at %lld and %s at %lld overlap while "
                               "both live",
                               block_text(c, &live[j]), (long long)live[j].at,
                               block_text(c, b), (long long)b->at);
        live[nlive++] = *b;
    }
    return true;
}

/* Slots hold one chunk. */
static bool
check_chunks(const Check *c, Graph **part)
{
    const Op *mixes;
    long long n = c->g->chunks;

    *part = vq_one_chunk(c->g, n, c->tmp, &mixes);
    if (*part)
        return true;
    if (mixes)
        return vq_fail(c, "%s does not work on %lld chunks apart",
                       vq_val_text(c->tmp, c->g, mixes->out), n);
    return vq_fail(c, "the values cannot be cut into %lld chunks", n);
}

static bool
check_slots(const Check *c)
{
    bool *port = NEWN(c->tmp, bool, c->g->nval);
    Block *block = NEWN(c->tmp, Block, 2 * c->g->nop);
    uint32_t n = 0;

    if (c->g->worksize % VQ_SLOT) /* more follows it: vq_part_bytes */
        return vq_fail(c, "a work area of %lld bytes is no multiple of %d",
                       (long long)c->g->worksize, VQ_SLOT);
    if (!check_ports(c, port) || !collect(c, port, block, &n))
        return false;
    qsort(block, n, sizeof *block, earlier_first);
    return check_apart(c, block, n);
}

bool
vq_check_planned(const Check *c)
{
    Check piece = *c;
    Graph *part;

    if (c->g->chunks > 1) {
        if (!check_chunks(c, &part))
            return false;
        piece.g = part;
    }
    return check_slots(&piece);
}
