/* json.h -- JSON trees of cJSON, which has memory of its own. */
#ifndef VQ_JSON_H
#define VQ_JSON_H

#include "ir/base.h"

#include <stdio.h>

/* A place for a tree (cJSON *), as vq_own. */
Owned *vq_json_own(Arena *);
/* The tree as text and an end of line; the tree ends. */
void vq_json_write(Arena *, Owned *tree, FILE *);

#endif
