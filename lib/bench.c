/*
 * bench.c -- vitqc_object_bench: how long calls take, and what share of the
 * CPU's peak that is.
 *
 * A round times each level in turn: the peak probe, a call, and with `profile`
 * a call whose steps are timed. So what disturbs the machine disturbs all
 * alike, and each call has the peak of its own moment beside it.
 */
#include "lib/bench.h"
#include "lib/clock.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_REPEAT = 1000000 };

static int
by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

double
vq_median(double *x, int64_t n)
{
    qsort(x, (size_t)n, sizeof *x, by_value);
    return n % 2 ? x[n / 2] : (x[n / 2 - 1] + x[n / 2]) / 2;
}

/* ---- one measurement ---- */

/* Every thread times itself: together they have the sum of their rates. */
typedef struct PeakTask {
    const PeakProbe *probe;
    double rate[VQRT_MAXPARTS];
} PeakTask;

static void
measure_part(const void *frame, uint32_t part, uint32_t parts)
{
    PeakTask *const *t = frame;

    (void)parts;
    (*t)->rate[part] = vq_peak_measure((*t)->probe);
}

static double
measure_peak(const Runner *r, const PeakProbe *probe)
{
    PeakTask task = {.probe = probe}, *frame = &task;
    const VqrtContext *c = &r->context;
    double sum = 0;

    if (!probe)
        return 0;
    if (c->parallel_for)
        c->parallel_for(c->pool, measure_part, &frame, c->parts);
    else
        measure_part(&frame, 0, 1);
    for (uint32_t i = 0; i < c->parts; i++)
        sum += task.rate[i];
    return sum;
}

typedef struct StepClock {
    double last, *seconds; /* of each step */
} StepClock;

static void
on_step(void *user, uint32_t step)
{
    StepClock *c = user;
    double t = vq_clock();

    c->seconds[step] += t - c->last; /* once for each chunk of a batch */
    c->last = t;
}

/* Seconds of a call at the runner's level; `mark` is NULL or gets those of
 * its steps. Negative after a message. */
static double
time_call(Vitqc *v, Runner *r, double *mark)
{
    double start = r->seconds;
    StepClock clock = {.seconds = mark};

    if (mark)
        memset(mark, 0, r->model->nstep * sizeof *mark);
    r->context.mark = mark ? on_step : NULL;
    r->context.user = &clock;
    clock.last = vq_clock();
    if (!vq_runner_run(v, r))
        return -1;
    return r->seconds - start;
}

static bool
time_level(BenchRun *b, LevelRun *l, int64_t round)
{
    int64_t at = round < 0 ? 0 : round; /* warm-up is overwritten */
    double peak = measure_peak(&b->runner, l->probe);
    double cpu = vq_clock_thread();

    b->runner.level = l->index;
    l->call[at] = time_call(b->v, &b->runner, NULL);
    if (l->call[at] < 0)
        return false;
    cpu = vq_clock_thread() - cpu;
    l->cpu[at] = cpu < l->call[at] ? cpu / l->call[at] : 1;
    l->peak[at] = peak;
    l->share[at] = peak > 0 ? (double)b->macs / l->call[at] / peak : 0;
    if (b->ask.profile)
        l->profiled[at] =
            time_call(b->v, &b->runner, l->mark + at * b->model->nstep);
    return !b->ask.profile || l->profiled[at] >= 0;
}

static bool
time_rounds(BenchRun *b)
{
    int64_t total = b->ask.warmup + b->ask.repeat;

    for (int64_t i = 0; i < total; i++) {
        vq_progress(b->v, "measuring", i, total);
        for (size_t k = 0; k < b->nlevel; k++)
            if (!time_level(b, &b->level[k], i - b->ask.warmup))
                return false;
    }
    vq_progress(b->v, "measuring", total, total);
    return true;
}

/* ---- before and after ---- */

/* Numbers about 0, as normalised pixels are. */
static void
fill_input(const VqrtTensor *t, float *x)
{
    uint32_t seed = 1;
    int64_t n = 1;

    for (uint32_t i = 0; i < t->rank; i++)
        n *= t->dim[i];
    for (int64_t i = 0; i < n; i++) {
        seed = seed * 1664525u + 1013904223u;
        x[i] = (float)(seed >> 8) / (float)(1 << 22) - 2;
    }
}

static void
add_level(BenchRun *b, int index)
{
    Arena *a = &b->v->tmp;
    size_t n = (size_t)b->ask.repeat;
    LevelRun *l = &b->level[b->nlevel++];

    *l = (LevelRun){
        .index = index,
        .probe = vq_peak_probe(b->model->level[index]),
        .call = NEWN(a, double, n),
        .peak = NEWN(a, double, n),
        .share = NEWN(a, double, n),
        .cpu = NEWN(a, double, n),
    };
    if (b->ask.profile) {
        l->profiled = NEWN(a, double, n);
        l->mark = NEWN(a, double, n * b->model->nstep);
    }
}

/* A first call tells whether this CPU has a level: a probe may only run where
 * it did. */
static bool
add_levels(BenchRun *b, bool all)
{
    const VqrtModel *m = b->model;

    b->level = NEWN(&b->v->tmp, LevelRun, m->nlevel);
    for (int i = 0; all && i < (int)m->nlevel; i++) {
        b->runner.level = i;
        if (vq_runner_try(&b->runner) != VQRT_ELEVEL)
            add_level(b, i);
    }
    if (!all && vq_runner_run(b->v, &b->runner))
        add_level(b, b->runner.level);
    if (all && !b->nlevel)
        return vq_usage(b->v, "this CPU cannot run any level of the object");
    b->runner.context.checked = 1;
    return b->nlevel != 0;
}

static void
read_steps(BenchRun *b)
{
    const VqrtModel *m = b->model;

    b->step = NEWN(&b->v->tmp, VqrtStep, m->nstep);
    for (uint32_t i = 0; i < m->nstep; i++) {
        m->step(i, &b->step[i]);
        b->macs += b->step[i].macs;
    }
}

static VitqcLevelTime
result_of(const BenchRun *b, const LevelRun *l)
{
    int64_t n = b->ask.repeat;
    VitqcLevelTime t = {.name = b->model->level[l->index]};

    t.median = vq_median(l->call, n);
    t.p10 = l->call[n / 10];
    t.p90 = l->call[n * 9 / 10];
    t.cpu_share = vq_median(l->cpu, n);
    t.gops = 2e-9 * (double)b->macs / t.median;
    if (l->probe) {
        t.peak_name = vq_peak_name(l->probe);
        t.peak_gops = 2e-9 * vq_median(l->peak, n);
        t.peak_share = vq_median(l->share, n);
    }
    if (b->ask.profile) {
        t.profiled = vq_median(l->profiled, n);
        vq_bench_steps(b, l, &t);
    }
    return t;
}

static void
fill_result(const BenchRun *b, VitqcBenched *r)
{
    const VqrtModel *m = b->model;
    VitqcLevelTime *level = NEWN(b->arena, VitqcLevelTime, b->nlevel);

    for (size_t i = 0; i < b->nlevel; i++)
        level[i] = result_of(b, &b->level[i]);
    r->model = m->name;
    r->compiler = m->compiler;
    r->batch = b->runner.batch;
    r->threads = b->runner.context.parts;
    r->repeat = b->ask.repeat;
    r->macs = b->macs;
    r->work_bytes = (int64_t)vq_runner_work(&b->runner);
    r->const_bytes = (int64_t)m->const_bytes;
    r->level = level;
    r->nlevel = b->nlevel;
}

typedef struct BenchArgs {
    VitqcObject *o;
    VitqcBench ask;
    VitqcBenched *result;
} BenchArgs;

static bool
bench(Vitqc *v, void *arg)
{
    BenchArgs *a = arg;
    const VitqcBench *ask = &a->ask;
    const VqrtModel *m = vitqc_object_model(a->o);
    bool all = ask->level && strcmp(ask->level, "all") == 0;
    BenchRun b = {.v = v, .arena = &v->arena, .model = m, .ask = *ask};

    if (ask->repeat < 1 || ask->repeat > MAX_REPEAT)
        return vq_usage(v, "timed calls (--repeat) are 1 to %d", MAX_REPEAT);
    if (ask->warmup < 0 || ask->warmup > MAX_REPEAT)
        return vq_usage(v, "calls to warm up are 0 to %d", MAX_REPEAT);
    if (!vq_runner_init(v, &b.runner, m, all ? NULL : ask->level,
                        &a->o->threads))
        return false;
    fill_input(&m->in[0], b.runner.in);
    if (!add_levels(&b, all))
        return false;
    read_steps(&b);
    if (!time_rounds(&b))
        return false;
    fill_result(&b, a->result);
    return true;
}

VitqcStatus
vitqc_object_bench(VitqcObject *o, const VitqcBench *given, VitqcBenched *to)
{
    VitqcBenched result;
    BenchArgs a = {.o = o, .result = &result};
    VitqcStatus status;

    vitqc_bench_init(&a.ask);
    if (given)
        vq_copy_known(&a.ask, sizeof a.ask, given, given->size);
    vitqc_benched_init(&result);
    status = vq_guard(o->v, bench, &a);
    result.size = to->size;
    vq_copy_known(to, to->size, &result, sizeof result);
    return status;
}

void
vitqc_bench_init(VitqcBench *b)
{
    *b = (VitqcBench){.size = sizeof *b, .repeat = 100, .warmup = 10};
}

void
vitqc_benched_init(VitqcBenched *r)
{
    *r = (VitqcBenched){.size = sizeof *r};
}
