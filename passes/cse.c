/*
 * cse.c -- equal ops on equal inputs become one.
 *
 * Needs nothing, keeps every fact. In execution order, each op (its inputs
 * already shared) is looked up among those kept; kind, inputs, attributes and
 * type must be the same. Constants with the same type and bytes are one too,
 * first of all, so that ops on them can be.
 */
#include "passes/passes.h"

#include <string.h>

/* Open addressing; entries are ids of values of the new graph. */
typedef struct Seen {
    ValId *slot;
    size_t mask;
} Seen;

static uint64_t
hash_bytes(uint64_t h, const void *data, size_t n)
{
    const unsigned char *p = data;

    for (; n >= 8; n -= 8, p += 8) {
        uint64_t w;

        memcpy(&w, p, 8);
        h = (h ^ w) * UINT64_C(0x9e3779b97f4a7c15);
        h ^= h >> 29;
    }
    for (; n > 0; n--, p++)
        h = (h ^ *p) * UINT64_C(1099511628211);
    return h;
}

static uint64_t
hash_value(const Graph *g, ValId v)
{
    const Type *t = vq_type(g, v);
    const Op *op = vq_def(g, v);
    uint64_t h = hash_bytes((uint64_t)t->dt + 1, t->dim, sizeof t->dim);

    if (!op)
        return hash_bytes(h, g->val[v].data, (size_t)vq_bytes(t));
    h = hash_bytes(h + (uint64_t)op->kind, op->in, op->nin * sizeof *op->in);
    return h;
}

static bool
same_attrs(const Op *a, const Op *b)
{
    if (a->nattr != b->nattr)
        return false;
    for (uint32_t i = 0; i < a->nattr; i++) {
        const Attr *x = &a->attr[i], *y = vq_attr(b, x->key);

        if (!y || x->n != y->n || !x->i != !y->i)
            return false;
        if (x->i ? memcmp(x->i, y->i, x->n * sizeof *x->i) != 0 : x->f != y->f)
            return false;
    }
    return true;
}

static bool
same_value(const Graph *g, ValId a, ValId b)
{
    const Op *x = vq_def(g, a), *y = vq_def(g, b);

    if (!vq_same_type(vq_type(g, a), vq_type(g, b)) || !x != !y)
        return false;
    if (!x)
        return memcmp(g->val[a].data, g->val[b].data,
                      (size_t)vq_bytes(vq_type(g, a))) == 0;
    return x->kind == y->kind && x->nin == y->nin && same_attrs(x, y) &&
           memcmp(x->in, y->in, x->nin * sizeof *x->in) == 0;
}

/* The value equal to v that was seen first, which may be v. */
static ValId
share(Seen *s, const Graph *g, ValId v)
{
    size_t i = (size_t)hash_value(g, v) & s->mask;

    while (s->slot[i] && !same_value(g, s->slot[i], v))
        i = (i + 1) & s->mask;
    if (!s->slot[i])
        s->slot[i] = v;
    return s->slot[i];
}

/* Operands and the constants that types name, constants shared first. */
static void
share_constant(Rewrite *r, ValId old)
{
    if (!old || r->map[old] || !vq_is_const(r->from, old))
        return;
    share_constant(r, vq_type(r->from, old)->q.scales);
    vq_become(r, old, share(r->user, r->to, vq_new(r, old)));
}

static bool
share_step(Rewrite *r, const Op *op)
{
    for (uint32_t i = 0; i < op->nin; i++)
        share_constant(r, op->in[i]);
    share_constant(r, vq_type(r->from, op->out)->q.scales);
    if (!vq_copy(r, op))
        return false;
    vq_become(r, op->out, share(r->user, r->to, vq_new(r, op->out)));
    return true;
}

bool
vq_cse(Graph *g, const PassContext *c)
{
    Seen s = {.mask = 63};

    while (s.mask < 2 * (size_t)g->nval)
        s.mask = s.mask * 2 + 1;
    s.slot = NEWN(g->arena, ValId, s.mask + 1);
    return vq_rewrite(g, c->diag, share_step, &s) && vq_sweep(g, c->diag);
}
