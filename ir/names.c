/*
 * names.c -- a hash table from names to things.
 */
#include "ir/names.h"

#include <string.h>

enum { FIRST_SLOTS = 64 };

/* FNV-1a, folded: the table takes the low bits. */
static size_t
hash(const char *s)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);

    for (; *s; s++)
        h = (h ^ (unsigned char)*s) * UINT64_C(0x100000001b3);
    return (size_t)(h ^ h >> 32);
}

static uint32_t *
find_slot(const Names *t, const char *name)
{
    size_t i = hash(name) & (t->nslot - 1);

    while (t->slot[i] && strcmp(t->name[t->slot[i] - 1], name) != 0)
        i = (i + 1) & (t->nslot - 1);
    return &t->slot[i];
}

static void
resize(Names *t, size_t nslot)
{
    t->nslot = nslot;
    t->slot = NEWN(t->arena, uint32_t, nslot);
    for (size_t i = 0; i < t->n; i++)
        *find_slot(t, t->name[i]) = (uint32_t)i + 1;
}

Names *
vq_names_new(Arena *a)
{
    Names *t = NEW(a, Names);

    t->arena = a;
    resize(t, FIRST_SLOTS);
    return t;
}

void **
vq_names_at(Names *t, const char *name, bool *found)
{
    uint32_t *slot;

    if (t->n * 2 >= t->nslot)
        resize(t, t->nslot * 2);
    slot = find_slot(t, name);
    *found = *slot != 0;
    if (!*found) {
        t->name =
            vq_grow(t->arena, t->name, t->n, &t->capname, sizeof *t->name);
        t->item =
            vq_grow(t->arena, t->item, t->n, &t->capitem, sizeof *t->item);
        t->name[t->n++] = name;
        *slot = (uint32_t)t->n;
    }
    return &t->item[*slot - 1];
}

void **
vq_names_find(const Names *t, const char *name)
{
    uint32_t at = *find_slot(t, name);

    return at ? &t->item[at - 1] : NULL;
}
