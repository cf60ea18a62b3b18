/*
 * names.c -- names to items: open addressing, a power of two.
 */
#include "frontend/import.h"

#include <string.h>

typedef struct Slot {
    const char *name;
    Item *item;
} Slot;

struct Names {
    Arena *arena;
    Slot *slot;
    size_t cap, n;
};

static size_t
hash(const char *s)
{
    uint64_t h = UINT64_C(1469598103934665603);

    for (; *s; s++)
        h = (h ^ (unsigned char)*s) * UINT64_C(1099511628211);
    return (size_t)(h ^ h >> 32);
}

static Slot *
find_slot(const Names *t, const char *name)
{
    size_t i = hash(name) & (t->cap - 1);

    while (t->slot[i].name && strcmp(t->slot[i].name, name) != 0)
        i = (i + 1) & (t->cap - 1);
    return &t->slot[i];
}

static void
resize(Names *t, size_t cap)
{
    Names old = *t;

    t->cap = cap;
    t->slot = NEWN(t->arena, Slot, cap);
    for (size_t i = 0; i < old.cap; i++)
        if (old.slot[i].name)
            *find_slot(t, old.slot[i].name) = old.slot[i];
}

Names *
vq_names_new(Arena *a)
{
    Names *t = NEW(a, Names);

    t->arena = a;
    resize(t, 1024);
    return t;
}

Item **
vq_names_at(Names *t, const char *name, bool *found)
{
    Slot *s;

    if (t->n * 2 >= t->cap)
        resize(t, t->cap * 2);
    s = find_slot(t, name);
    *found = s->name != NULL;
    if (!*found) {
        s->name = name;
        t->n++;
    }
    return &s->item;
}

Item **
vq_names_find(const Names *t, const char *name)
{
    Slot *s = find_slot(t, name);

    return s->name ? &s->item : NULL;
}
