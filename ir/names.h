/*
 * names.h -- things by name, in the order they were added.
 */
#ifndef VQ_NAMES_H
#define VQ_NAMES_H

#include "ir/base.h"

typedef struct Names {
    Arena *arena;
    uint32_t *slot; /* open addressing over `nslot`, a power of two: 1 + index
                       into name and item, 0 is free */
    const char **name; /* borrowed */
    void **item;
    size_t nslot, n, capname, capitem;
} Names;

Names *vq_names_new(Arena *);
/* Where the item of `name` is kept, NULL at first; the name is added unless
 * *found. The place is good until the next name is added. */
void **vq_names_at(Names *, const char *name, bool *found);
/* The same without adding; NULL: the name is not there. */
void **vq_names_find(const Names *, const char *name);

#endif
