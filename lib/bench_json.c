/*
 * bench_json.c -- the result of vitqc_object_bench as JSON: milliseconds and
 * 1e9 operations a second, as the command prints them. What is not known is
 * left out.
 */
#include "lib/bench.h"

#include "passes/json.h"

#include <cjson/cJSON.h>
#include <string.h>

static void
add_known(cJSON *to, const char *key, double x)
{
    if (x > 0)
        cJSON_AddNumberToObject(to, key, x);
}

static cJSON *
step(const VitqcStepTime *t)
{
    cJSON *o = cJSON_CreateObject();

    cJSON_AddStringToObject(o, "name", t->name);
    cJSON_AddStringToObject(o, "kind", t->kind);
    cJSON_AddNumberToObject(o, "count", (double)t->count);
    add_known(o, "rows", (double)t->rows);
    add_known(o, "cols", (double)t->cols);
    add_known(o, "depth", (double)t->depth);
    add_known(o, "macs", (double)t->macs);
    cJSON_AddBoolToObject(o, "splits", t->splits);
    cJSON_AddNumberToObject(o, "ms", 1e3 * t->seconds);
    cJSON_AddNumberToObject(o, "share", t->share);
    add_known(o, "gops", t->gops);
    add_known(o, "peak_share", t->peak_share);
    return o;
}

static void
add_steps(cJSON *to, const char *key, const VitqcStepTime *t, size_t n)
{
    cJSON *list = cJSON_AddArrayToObject(to, key);

    for (size_t i = 0; i < n; i++)
        cJSON_AddItemToArray(list, step(&t[i]));
}

static cJSON *
level(const VitqcBenched *r, const VitqcLevelTime *t)
{
    cJSON *o = cJSON_CreateObject(), *profile;

    cJSON_AddStringToObject(o, "name", t->name);
    cJSON_AddNumberToObject(o, "median_ms", 1e3 * t->median);
    cJSON_AddNumberToObject(o, "p10_ms", 1e3 * t->p10);
    cJSON_AddNumberToObject(o, "p90_ms", 1e3 * t->p90);
    cJSON_AddNumberToObject(o, "ms_per_image",
                            1e3 * t->median / (double)r->batch);
    cJSON_AddNumberToObject(o, "images_per_second",
                            (double)r->batch / t->median);
    cJSON_AddNumberToObject(o, "cpu_share", t->cpu_share);
    cJSON_AddNumberToObject(o, "gops", t->gops);
    if (t->peak_name)
        cJSON_AddStringToObject(o, "peak", t->peak_name);
    add_known(o, "peak_gops", t->peak_gops);
    add_known(o, "peak_share", t->peak_share);
    if (!t->nstep)
        return o;
    profile = cJSON_AddObjectToObject(o, "profile");
    cJSON_AddNumberToObject(profile, "call_ms", 1e3 * t->profiled);
    cJSON_AddNumberToObject(profile, "steps_ms", 1e3 * t->steps);
    cJSON_AddNumberToObject(profile, "gops", t->steps_gops);
    add_known(profile, "peak_share", t->steps_peak_share);
    add_steps(profile, "kinds", t->kind, t->nkind);
    add_steps(profile, "layers", t->layer, t->nlayer);
    add_steps(profile, "steps", t->step, t->nstep);
    return o;
}

static cJSON *
tree_of(const VitqcBenched *r)
{
    cJSON *o = cJSON_CreateObject(), *list;

    cJSON_AddStringToObject(o, "vitqc", vitqc_version());
    cJSON_AddStringToObject(o, "model", r->model);
    cJSON_AddStringToObject(o, "compiler", r->compiler);
    cJSON_AddNumberToObject(o, "batch", (double)r->batch);
    cJSON_AddNumberToObject(o, "threads", (double)r->threads);
    cJSON_AddNumberToObject(o, "repeat", (double)r->repeat);
    cJSON_AddNumberToObject(o, "macs", (double)r->macs);
    cJSON_AddNumberToObject(o, "work_bytes", (double)r->work_bytes);
    cJSON_AddNumberToObject(o, "constant_bytes", (double)r->const_bytes);
    list = cJSON_AddArrayToObject(o, "levels");
    for (size_t i = 0; i < r->nlevel; i++)
        cJSON_AddItemToArray(list, level(r, &r->level[i]));
    return o;
}

typedef struct WriteArgs {
    VitqcBenched result;
    const char *path;
} WriteArgs;

static bool
write_result(Vitqc *v, void *arg)
{
    const WriteArgs *a = arg;
    Owned *tree = vq_json_own(&v->tmp);
    OutputSet *set = vq_output_new(&v->tmp, &v->diag);
    FILE *f = vq_output_open(set, a->path);

    if (!f)
        return false;
    tree->what = tree_of(&a->result);
    vq_json_write(&v->tmp, tree, f); /* a failure shows at the commit */
    return vq_output_commit(set);
}

VitqcStatus
vitqc_object_bench_write(VitqcObject *o, const VitqcBenched *result,
                         const char *path)
{
    WriteArgs a = {.path = path};

    vitqc_benched_init(&a.result);
    vq_copy_known(&a.result, sizeof a.result, result, result->size);
    return vq_guard(o->v, write_result, &a);
}
