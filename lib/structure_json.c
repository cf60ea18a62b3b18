/*
 * structure_json.c -- a model's structure as JSON: every part by itself, in
 * order. What is not known or not there is left out.
 */
#include "lib/structure.h"

#include <cjson/cJSON.h>

static void
add_int(cJSON *to, const char *key, int64_t x)
{
    cJSON_AddNumberToObject(to, key, (double)x);
}

static void
add_size(cJSON *to, const char *key, const int64_t size[2])
{
    double x[] = {(double)size[0], (double)size[1]};

    if (size[0])
        cJSON_AddItemToObject(to, key, cJSON_CreateDoubleArray(x, 2));
}

static void
add_text(cJSON *to, const char *key, const char *text)
{
    if (text && *text)
        cJSON_AddStringToObject(to, key, text);
}

static cJSON *
attend(const Attend *a)
{
    static const char *const reach[] = {
        [REACH_ALL] = "all",         [REACH_WINDOWS] = "windows",
        [REACH_STRIDED] = "strided", [REACH_GROUPS] = "groups",
        [REACH_POOL] = "pool",
    };
    cJSON *o = cJSON_CreateObject();

    add_int(o, "heads", a->heads);
    add_int(o, "head_size", a->head_size);
    add_int(o, "value_size", a->value_size);
    add_int(o, "queries", a->queries);
    add_int(o, "keys", a->keys);
    add_int(o, "groups", a->groups);
    add_text(o, "reach", reach[a->reach]);
    add_size(o, "window", a->window);
    add_int(o, "shift", a->shift);
    cJSON_AddBoolToObject(o, "bias", a->bias);
    cJSON_AddBoolToObject(o, "mask", a->mask);
    cJSON_AddBoolToObject(o, "cosine", a->cosine);
    cJSON_AddBoolToObject(o, "fused", a->fused);
    return o;
}

static void
add_block(cJSON *o, const Block *b)
{
    static const char *const place[] = {
        [NORM_NONE] = "",
        [NORM_BEFORE] = "before",
        [NORM_INSIDE] = "inside",
        [NORM_AFTER] = "after",
    };
    cJSON *mlp;

    add_text(o, "node", b->name);
    add_int(o, "tokens", b->tokens);
    add_int(o, "width", b->width);
    cJSON_AddItemToObject(o, "attention", attend(&b->attend));
    add_text(o, "norm", b->norm);
    add_text(o, "norm_place", place[b->place]);
    cJSON_AddBoolToObject(o, "residual", b->residual);
    if (!b->mlp.hidden)
        return;
    mlp = cJSON_AddObjectToObject(o, "mlp");
    add_int(mlp, "hidden", b->mlp.hidden);
    cJSON_AddBoolToObject(mlp, "gated", b->mlp.gated);
    add_text(mlp, "function", b->mlp.act);
}

static void
add_conv(cJSON *o, const Convolution *c)
{
    add_int(o, "in", c->in);
    add_int(o, "out", c->out);
    add_int(o, "groups", c->groups);
    add_size(o, "kernel", c->kernel);
    add_size(o, "stride", c->stride);
    add_size(o, "from", c->from);
    add_size(o, "to", c->to);
    add_text(o, "function", c->act);
}

static void
add_change(cJSON *o, const Change *c)
{
    if (c->in)
        add_int(o, "in", c->in);
    add_int(o, "out", c->out);
    add_size(o, "patch", c->size);
    add_size(o, "from", c->from);
    add_size(o, "to", c->to);
    add_text(o, "reads", c->reads);
    add_text(o, "output", c->output);
}

static cJSON *
part(const Part *p)
{
    static const char *const kind[NPART] = {
        [PART_PATCHES] = "patches", [PART_CONV] = "conv",
        [PART_BLOCK] = "block",     [PART_MERGE] = "merge",
        [PART_POOL] = "pool",       [PART_MEAN] = "mean",
        [PART_HEAD] = "head",
    };
    cJSON *o = cJSON_CreateObject();

    cJSON_AddStringToObject(o, "part", kind[p->kind]);
    if (p->kind == PART_BLOCK)
        add_block(o, &p->block);
    else if (p->kind == PART_CONV)
        add_conv(o, &p->conv);
    else
        add_change(o, &p->change);
    return o;
}

cJSON *
vq_structure_json(const Structure *s)
{
    cJSON *o = cJSON_CreateObject(), *list, *tokens, *other;

    add_int(o, "attentions", (int64_t)s->attentions);
    add_int(o, "blocks", (int64_t)s->blocks);
    tokens = cJSON_AddObjectToObject(o, "tokens");
    add_int(tokens, "all", s->tokens.all);
    add_int(tokens, "patches", s->tokens.patches);
    add_int(tokens, "learned", s->tokens.learned);
    cJSON_AddBoolToObject(tokens, "class_token", s->tokens.class_token);
    cJSON_AddBoolToObject(tokens, "distilled", s->tokens.distilled);
    cJSON_AddBoolToObject(tokens, "position", s->tokens.position);
    list = cJSON_AddArrayToObject(o, "parts");
    for (size_t i = 0; i < s->n; i++)
        cJSON_AddItemToArray(list, part(&s->part[i]));
    other = cJSON_AddObjectToObject(o, "others");
    for (int k = 1; k < NOP; k++)
        if (s->other[k])
            add_int(other, vq_op[k].text, s->other[k]);
    return o;
}
