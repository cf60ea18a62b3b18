/*
 * json.c -- JSON trees that an arena owns, so that the jump of running out of
 * memory loses none. cJSON's functions pass NULL on: a tree for which memory
 * did not suffice is noticed when it is written.
 */
#include "passes/json.h"

#include <cjson/cJSON.h>

static void
end_tree(void *tree)
{
    cJSON_Delete(tree);
}

Owned *
vq_json_own(Arena *a)
{
    return vq_own(a, end_tree);
}

void
vq_json_write(Arena *a, Owned *tree, FILE *f)
{
    char *text = cJSON_Print(tree->what);

    vq_owned_end(tree);
    if (!text)
        vq_oom(a);
    fprintf(f, "%s\n", text);
    cJSON_free(text);
}
