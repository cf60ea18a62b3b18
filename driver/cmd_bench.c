/*
 * cmd_bench.c -- vitqc bench OUT.o: how long a call takes.
 *
 * Times of single calls on one thread, sorted; the median is what to quote,
 * p10 and p90 say how steady the machine was. `--cpu=all` measures every level
 * that this CPU has.
 */
#include "driver/console.h"
#include "driver/options.h"
#include "runtime/vqrt.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct Bench {
    const VqrtModel *model;
    const void **in;
    void **out;
    void *work;
    double *ms; /* of each timed call */
    int64_t repeat, warmup;
} Bench;

static double
now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return 1e3 * (double)t.tv_sec + 1e-6 * (double)t.tv_nsec;
}

static size_t
elements(const VqrtTensor *t)
{
    size_t n = 1;

    for (uint32_t i = 0; i < t->rank; i++)
        n *= (size_t)t->dim[i];
    return n;
}

/* Numbers about 0, as normalised pixels are. */
static float *
make_input(const VqrtTensor *t)
{
    size_t n = elements(t);
    float *x = malloc(n * sizeof *x);
    uint32_t seed = 1;

    for (size_t i = 0; x && i < n; i++) {
        seed = seed * 1664525u + 1013904223u;
        x[i] = (float)(seed >> 8) / (float)(1 << 22) - 2;
    }
    return x;
}

static bool
allocate(Bench *b)
{
    const VqrtModel *m = b->model;
    size_t align = m->work_align ? m->work_align : 64;
    size_t bytes = (m->work_bytes / align + 1) * align;
    bool good = true;

    b->ms = calloc((size_t)b->repeat, sizeof *b->ms);
    b->work = aligned_alloc(align, bytes);
    b->in = calloc(m->nin, sizeof *b->in);
    b->out = calloc(m->nout, sizeof *b->out);
    if (!b->ms || !b->work || !b->in || !b->out)
        return false;
    for (uint32_t i = 0; i < m->nin; i++)
        good = (b->in[i] = make_input(&m->in[i])) && good;
    for (uint32_t i = 0; i < m->nout; i++)
        good =
            (b->out[i] = calloc(elements(&m->out[i]), sizeof(float))) && good;
    return good;
}

static void
release(Bench *b)
{
    for (uint32_t i = 0; b->in && i < b->model->nin; i++)
        free((void *)b->in[i]);
    for (uint32_t i = 0; b->out && i < b->model->nout; i++)
        free(b->out[i]);
    free((void *)b->in);
    free(b->out);
    free(b->work);
    free(b->ms);
}

static int
by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* What the model's run returns. */
static int
measure(Bench *b, int level)
{
    for (int64_t i = -b->warmup; i < b->repeat; i++) {
        double start = now_ms();
        int code = b->model->run_level(level, b->in, b->out, b->work);

        if (code != VQRT_OK)
            return code;
        if (i >= 0)
            b->ms[i] = now_ms() - start;
        print_progress(NULL, "measuring", i + b->warmup, b->repeat + b->warmup);
    }
    end_progress();
    qsort(b->ms, (size_t)b->repeat, sizeof *b->ms, by_value);
    return VQRT_OK;
}

static void
print_row(const Bench *b, int level)
{
    const VqrtModel *m = b->model;
    double median = b->ms[b->repeat / 2];
    double batch = m->in[0].rank ? (double)m->in[0].dim[0] : 1;

    printf("%-12s %10.3f %10.3f %10.3f %12.1f\n", m->level[level], median,
           b->ms[b->repeat / 10], b->ms[b->repeat * 9 / 10],
           1e3 * batch / median);
}

static int
bench_levels(Bench *b, int first, int last, bool all)
{
    printf("%-12s %10s %10s %10s %12s\n", b->model->name, "median ms", "p10",
           "p90", "images/s");
    for (int level = first; level <= last; level++) {
        int code = measure(b, level);

        if (code == VQRT_ELEVEL && all)
            continue;
        if (code == VQRT_ELEVEL) {
            say_error("this CPU cannot run level '%s'", b->model->level[level]);
            return VITQC_EUSAGE;
        }
        if (code != VQRT_OK) {
            say_error("internal: the object returned %d", code);
            return VITQC_EBUG;
        }
        print_row(b, level);
    }
    return VITQC_OK;
}

static int
bench(VitqcObject *object, const Args *a)
{
    bool all = a->cpu && strcmp(a->cpu, "all") == 0;
    Bench b = {.model = vitqc_object_model(object),
               .repeat = a->repeat,
               .warmup = a->warmup};
    int first = all ? 0 : vitqc_object_level(object, a->cpu);
    int last = all ? (int)b.model->nlevel - 1 : first;
    int code = VITQC_ENOMEM;

    if (first < 0)
        return VITQC_EUSAGE;
    if (allocate(&b))
        code = bench_levels(&b, first, last, all);
    else
        say_error("out of memory");
    release(&b);
    return code;
}

int
cmd_bench(const Args *a)
{
    VitqcObject *object;
    VitqcOptions o;
    int code;

    if (a->repeat < 1 || a->repeat > 1000000) {
        say_error("--repeat is 1 to 1000000");
        return VITQC_EUSAGE;
    }
    fill_options(a, &o);
    code = vitqc_object_open(&object, a->model, &o);
    if (code == VITQC_OK)
        code = bench(object, a);
    vitqc_object_close(object);
    return code;
}
