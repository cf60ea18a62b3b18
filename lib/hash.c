/*
 * hash.c -- see hash.h. Words of 8 bytes by multiply and rotate; a model of
 * 350 MB takes a fraction of a second.
 */
#include "lib/hash.h"

#include <string.h>

static uint64_t
mix(uint64_t h, uint64_t word)
{
    h = (h ^ word) * UINT64_C(0x9e3779b97f4a7c15);
    return (h << 29 | h >> 35) + UINT64_C(0x632be59bd9b4e019);
}

static uint64_t
mix_bytes(uint64_t h, const void *data, size_t n)
{
    const unsigned char *p = data;

    h = mix(h, n);
    for (; n;) {
        unsigned char word[8] = {0};
        size_t k = n < 8 ? n : 8;
        uint64_t w;

        memcpy(word, p, k);
        memcpy(&w, word, 8);
        h = mix(h, w);
        p += k;
        n -= k;
    }
    return h;
}

static uint64_t
mix_type(uint64_t h, const Type *t)
{
    h = mix(h, (uint64_t)t->dt * 16 + (uint64_t)t->rank);
    for (int i = 0; i < t->rank; i++)
        h = mix(h, (uint64_t)t->dim[i]);
    return h;
}

static uint64_t
mix_op(uint64_t h, const Op *op)
{
    h = mix(h, op->kind);
    for (uint32_t i = 0; i < op->nin; i++)
        h = mix(h, op->in[i]);
    for (uint32_t i = 0; i < op->nattr; i++) {
        const Attr *a = &op->attr[i];

        h = mix(h, a->key);
        h = a->i ? mix_bytes(h, a->i, a->n * sizeof *a->i)
                 : mix_bytes(h, &a->f, sizeof a->f);
    }
    return h;
}

uint64_t
vq_graph_hash(const Graph *g)
{
    uint64_t h = 0;

    for (ValId i = 1; i < g->nval; i++) {
        const Value *v = &g->val[i];

        h = mix_bytes(h, v->name, strlen(v->name));
        h = mix_type(h, &v->type);
        if (v->data)
            h = mix_bytes(h, v->data, (size_t)vq_bytes(&v->type));
    }
    for (uint32_t i = 1; i < g->nop; i++)
        h = mix_op(h, &g->op[i]);
    return h;
}
