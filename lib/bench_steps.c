/*
 * bench_steps.c -- a profile: the steps of a call, equal steps of repeated
 * layers together, and all steps of a kind.
 */
#include "lib/bench.h"

#include "ir/names.h"
#include "ir/span.h"

#include <string.h>

static const char *const kind_text[] = {
    [VQRT_STEP_GEMM] = "gemm",
    [VQRT_STEP_ATTENTION] = "attention",
    [VQRT_STEP_SOFTMAX] = "softmax",
    [VQRT_STEP_LAYERNORM] = "layernorm",
    [VQRT_STEP_ELEMENTWISE] = "elementwise",
    [VQRT_STEP_LAYOUT] = "layout",
    [VQRT_STEP_EDGE] = "edge",
};

static const char *
kind_name(uint32_t kind)
{
    const char *s = kind < COUNT(kind_text) ? kind_text[kind] : NULL;

    return s ? s : "other";
}

/* What follows from the sums. */
static void
rate(VitqcStepTime *t, const VitqcLevelTime *level)
{
    t->share = level->steps > 0 ? t->seconds / level->steps : 0;
    if (t->macs && t->seconds > 0)
        t->gops = 2e-9 * (double)t->macs / t->seconds;
    if (level->peak_gops > 0)
        t->peak_share = t->gops / level->peak_gops;
}

static double
step_median(const BenchRun *b, const LevelRun *l, uint32_t step)
{
    int64_t n = b->ask.repeat;
    ArenaMark mark = vq_arena_mark(&b->v->tmp);
    double *x = NEWN(&b->v->tmp, double, (size_t)n), median;

    for (int64_t i = 0; i < n; i++)
        x[i] = l->mark[i * b->model->nstep + step];
    median = vq_median(x, n);
    vq_arena_release(&b->v->tmp, mark);
    return median;
}

static VitqcStepTime *
each_step(const BenchRun *b, const LevelRun *l, VitqcLevelTime *level)
{
    uint32_t n = b->model->nstep;
    VitqcStepTime *t = NEWN(b->arena, VitqcStepTime, n);

    for (uint32_t i = 0; i < n; i++) {
        const VqrtStep *s = &b->step[i];

        t[i] = (VitqcStepTime){
            .name = s->name,
            .kind = kind_name(s->kind),
            .count = 1,
            .rows = s->rows,
            .cols = s->cols,
            .depth = s->depth,
            .macs = s->macs,
            .splits = s->splits != 0,
            .seconds = step_median(b, l, i),
        };
        level->steps += t[i].seconds;
    }
    for (uint32_t i = 0; i < n; i++)
        rate(&t[i], level);
    if (level->steps > 0)
        level->steps_gops = 2e-9 * (double)b->macs / level->steps;
    if (level->peak_gops > 0)
        level->steps_peak_share = level->steps_gops / level->peak_gops;
    return t;
}

/* ---- many as one ---- */

typedef const char *GroupKey(const BenchRun *, const VitqcStepTime *);

static const char *
layer_key(const BenchRun *b, const VitqcStepTime *t)
{
    Arena *a = &b->v->tmp;

    return vq_format(a, "%s %s %lld %lld %lld %d", vq_span_key(a, t->name),
                     t->kind, (long long)t->rows, (long long)t->cols,
                     (long long)t->depth, t->splits);
}

static const char *
kind_key(const BenchRun *b, const VitqcStepTime *t)
{
    (void)b;
    return t->kind;
}

static void
add_step(VitqcStepTime *sum, const VitqcStepTime *t)
{
    sum->count++;
    sum->macs += t->macs;
    sum->seconds += t->seconds;
    sum->splits = sum->splits && t->splits;
    sum->rows = sum->rows == t->rows ? sum->rows : 0;
    sum->cols = sum->cols == t->cols ? sum->cols : 0;
    sum->depth = sum->depth == t->depth ? sum->depth : 0;
}

/* Steps of equal keys together, in the order of their first ones; the index of
 * each step's group goes into `group`. */
static VitqcStepTime *
group_steps(const BenchRun *b, const VitqcLevelTime *level, GroupKey *key,
            uint32_t *group, size_t *ngroup)
{
    VitqcStepTime *sum = NEWN(b->arena, VitqcStepTime, level->nstep);
    Names *names = vq_names_new(&b->v->tmp);
    size_t n = 0;

    for (size_t i = 0; i < level->nstep; i++) {
        const VitqcStepTime *t = &level->step[i];
        bool found;
        void **at = vq_names_at(names, key(b, t), &found);

        if (!found) {
            sum[n] = *t;
            *at = &sum[n++];
        } else {
            add_step(*at, t);
        }
        group[i] = (uint32_t)((VitqcStepTime *)*at - sum);
    }
    for (size_t i = 0; i < n; i++)
        rate(&sum[i], level);
    *ngroup = n;
    return sum;
}

/* Names a group after all its steps. */
static void
name_group(const BenchRun *b, const VitqcLevelTime *level,
           const uint32_t *group, uint32_t which, VitqcStepTime *t)
{
    const char **name = NEWN(&b->v->tmp, const char *, (size_t)t->count);
    size_t n = 0;

    for (size_t i = 0; i < level->nstep; i++)
        if (group[i] == which)
            name[n++] = level->step[i].name;
    t->name = vq_span_name(b->arena, name, n);
}

void
vq_bench_steps(const BenchRun *b, const LevelRun *l, VitqcLevelTime *level)
{
    uint32_t n = b->model->nstep;
    uint32_t *group = NEWN(&b->v->tmp, uint32_t, n);
    VitqcStepTime *layer, *kind;

    level->step = each_step(b, l, level);
    level->nstep = n;
    kind = group_steps(b, level, kind_key, group, &level->nkind);
    for (size_t i = 0; i < level->nkind; i++)
        kind[i].name = kind[i].kind;
    layer = group_steps(b, level, layer_key, group, &level->nlayer);
    for (size_t i = 0; i < level->nlayer; i++)
        name_group(b, level, group, (uint32_t)i, &layer[i]);
    level->kind = kind;
    level->layer = layer;
}
