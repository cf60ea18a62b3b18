/*
 * wishes.c -- what readers want, and the best storage that makers can produce.
 *
 * A walk from the end, since a move passes its reader's wish on; then one from
 * the front, since a move stores its value as it comes.
 */
#include "passes/wishes.h"

#include "passes/keep.h"
#include "passes/tables.h"

bool
vq_is_given(const Wishes *p, ValId v)
{
    return p->given[v].grid.scale > 0;
}

/* Its maker rounds x to the grid, in the first of the byte storages that
 * readers ask for; else it comes in 16 bits, or as the codes it has. */
static void
note_grid_wishes(Wishes *p, const Graph *g, const Op *op)
{
    const unsigned bytes = ST_BIT(ST_U8) | ST_BIT(ST_S8) | ST_BIT(ST_Q) |
                           ST_BIT(ST_K) | ST_BIT(ST_V);
    ValId x = op->in[0];
    const Op *maker = vq_def(g, x);

    if (p->given[x].by == op->out) {
        p->wanted[x] =
            p->wanted[op->out] & bytes & vq_storage_use[maker->kind].makes;
        if (!p->wanted[x])
            p->wanted[x] = ST_BIT(ST_U8);
    } else {
        p->wanted[x] |= ST_BIT(vq_is_given(p, x) ? ST_U8 : ST_S16);
    }
    p->heads[x] = p->heads[op->out];
}

bool
vq_is_kept(const Wishes *p, const Graph *g, const Op *op)
{
    return p->why[op - g->op] != NULL;
}

/* A view of probabilities. */
static bool
is_share(const Graph *g, ValId v)
{
    const Op *op = vq_def(g, v);

    while (op && vq_op[op->kind].stage == STAGE_M && op->nin == 1)
        op = vq_def(g, op->in[0]);
    return op && op->kind == OP_SOFTMAX;
}

/* Of many tokens most have a small share of the sum, but there are many: a byte
 * for the largest share would round them away. */
static bool
weighs_tokens(const Graph *g, const Op *op, uint32_t i)
{
    return op->kind == OP_MUL && is_share(g, op->in[i]) &&
           !is_share(g, op->in[1 - i]);
}

Storage
vq_wanted(const Wishes *p, const Graph *g, const Op *op, uint32_t i)
{
    if (p->gated[op - g->op] || weighs_tokens(g, op, i))
        return ST_S16;
    return vq_storage_wanted(p->cx, op, i);
}

/* Channels, which are along the last axis, stay there. */
static bool
keeps_last(const Graph *g, const Op *op)
{
    const Type *x = vq_type(g, op->in[0]), *y = vq_type(g, op->out);
    const Attr *perm = vq_attr(op, A_PERM);

    if (op->kind == OP_TRANSPOSE)
        return x->rank == 0 || perm->i[x->rank - 1] == x->rank - 1;
    return op->kind == OP_RESHAPE && vq_cols(x) == vq_cols(y);
}

static void
note_wishes(Wishes *p, const Graph *g, const Op *op)
{
    if (op->kind == OP_FAKEQUANT) {
        note_grid_wishes(p, g, op);
        return;
    }
    for (uint32_t i = 0; i < op->nin; i++) {
        Storage s = vq_wanted(p, g, op, i);
        ValId v = op->in[i];

        if (vq_is_kept(p, g, op)) {
            p->wanted[v] |= ST_BIT(ST_F32);
            p->real[v] = true;
            continue;
        }
        p->wanted[v] |= s == ST_SAME ? p->wanted[op->out] : ST_BIT(s);
        if (s == ST_SAME && p->real[op->out])
            p->real[v] = p->moved[v] = true;
        else if (s == ST_SAME && (p->wanted[op->out] & ST_BIT(ST_F32)) &&
                 !keeps_last(g, op))
            p->moved[v] = true;
        if (s == ST_SAME && p->moved[op->out])
            p->moved[v] = true;
        if (op->kind == OP_ATTENTION)
            p->heads[v] = vq_get_i(op, A_HEADS, 1);
        else if (s == ST_SAME && p->heads[op->out])
            p->heads[v] = p->heads[op->out];
    }
}

/* What op's value is stored as. Who reads it in float wants 16 bits where
 * others want fewer, and sums as they are only where no move may cut their
 * channels. */
static Storage
storage_of(const Wishes *p, const Graph *g, const Op *op)
{
    bool move = vq_op[op->kind].stage == STAGE_M;
    unsigned makes = vq_storage_use[op->kind].makes;
    unsigned wanted = p->wanted[op->out];

    if (vq_is_kept(p, g, op))
        return ST_F32;
    if (move && op->nin == 1 && vq_def(g, op->in[0]))
        return p->storage[op->in[0]];
    if (move && wanted == ST_BIT(ST_F32))
        return ST_F32;
    if (op->kind == OP_FAKEQUANT && !(wanted & ST_BIT(ST_S16)))
        makes &= ~ST_BIT(ST_S16);
    if (p->real[op->out] && wanted != ST_BIT(ST_F32))
        wanted |= ST_BIT(ST_S16);
    if (p->moved[op->out])
        makes &= ~ST_BIT(ST_ACC);
    return vq_storage_pick(makes, wanted);
}

static void
choose_storage(Graph *g, Wishes *p)
{
    for (uint32_t i = 0; i < g->nout; i++)
        p->wanted[g->out[i]] |= ST_BIT(ST_F32);
    for (uint32_t i = g->nop - 1; i > 0; i--)
        note_wishes(p, g, &g->op[i]);
    for (uint32_t i = 1; i < g->nop; i++)
        p->storage[g->op[i].out] = storage_of(p, g, &g->op[i]);
}

const Storage *
vq_residual_storage(const Graph *g, const Wishes *p)
{
    Storage *s = NEWN(g->arena, Storage, g->nval);

    for (ValId v = 1; v < g->nval; v++)
        s[v] = p->storage[v] == ST_F32 && (p->wanted[v] & ST_BIT(ST_S16)) &&
                       !vq_is_const(g, v)
                   ? ST_S16
                   : p->storage[v];
    return s;
}

/* By value: its one reader, where that is a function. */
static const Op **
find_curves(const Graph *g)
{
    const Op **curve = NEWN(g->arena, const Op *, g->nval);
    unsigned *readers = NEWN(g->arena, unsigned, g->nval);

    for (uint32_t i = 0; i < g->nout; i++)
        readers[g->out[i]]++;
    for (uint32_t i = 1; i < g->nop; i++) {
        const Op *op = &g->op[i];

        for (uint32_t k = 0; k < op->nin; k++)
            curve[op->in[k]] =
                readers[op->in[k]]++ == 0 && vq_is_function(op->kind) ? op
                                                                      : NULL;
    }
    return curve;
}

static const bool *
find_gated(const Graph *g, const PassContext *cx)
{
    bool *gated = NEWN(g->arena, bool, g->nop);

    for (uint32_t i = 1; i < g->nop; i++)
        gated[i] = vq_is_gated(g, cx, &g->op[i]);
    return gated;
}

bool
vq_find_wishes(Graph *g, const PassContext *cx, Wishes *w)
{
    *w = (Wishes){.cx = cx,
                  .given = vq_find_given(g, cx),
                  .wanted = NEWN(g->arena, unsigned, g->nval),
                  .storage = NEWN(g->arena, Storage, g->nval),
                  .curve = find_curves(g),
                  .heads = NEWN(g->arena, int64_t, g->nval),
                  .real = NEWN(g->arena, bool, g->nval),
                  .moved = NEWN(g->arena, bool, g->nval),
                  .why = vq_find_kept(g, cx)};
    if (!w->why)
        return false;
    w->gated = find_gated(g, cx);
    choose_storage(g, w);
    return true;
}
