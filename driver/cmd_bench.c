/*
 * cmd_bench.c -- vitqc bench OUT.o: how long a call takes, and where in it the
 * time goes.
 *
 * The median of single calls is what to quote; p10 and p90 say how steady the
 * machine was. GOPS count a multiply-add as two, and their peak is what the
 * level's product instruction reaches on this machine in this run.
 */
#include "driver/console.h"
#include "driver/options.h"

#include <stdlib.h>
#include <string.h>

/* ---- one line a level ---- */

static void
print_levels(const VitqcBenched *r)
{
    printf("%s, batch %lld, %lld thread%s, %.1f M multiply-adds, %lld calls\n",
           r->model, (long long)r->batch, (long long)r->threads,
           r->threads > 1 ? "s" : "", 1e-6 * (double)r->macs,
           (long long)r->repeat);
    printf("%-12s %10s %9s %9s %9s %9s %7s %7s\n", "level", "median ms", "p10",
           "p90", "ms/image", "images/s", "GOPS", "of peak");
    for (size_t i = 0; i < r->nlevel; i++) {
        const VitqcLevelTime *t = &r->level[i];

        printf("%-12s %10.3f %9.3f %9.3f %9.3f %9.1f %7.1f", t->name,
               1e3 * t->median, 1e3 * t->p10, 1e3 * t->p90,
               1e3 * t->median / (double)r->batch, (double)r->batch / t->median,
               t->gops);
        if (t->peak_share > 0)
            printf(" %5.1f %%", 100 * t->peak_share);
        printf("\n");
    }
}

/* Times say little when others had the CPU; with threads a caller that waits
 * for the others looks the same. */
static void
say_busy(const VitqcBenched *r)
{
    double least = 1;

    for (size_t i = 0; i < r->nlevel; i++)
        if (r->level[i].cpu_share < least)
            least = r->level[i].cpu_share;
    if (least < 0.9 && r->threads == 1)
        printf(
            "This machine is busy: others had the CPU for %.0f %% of a call;"
            " shares and\nratios of such times mean little. A profile's steps"
            " are short and suffer less.\n",
            100 * (1 - least));
}

/* ---- the profile ---- */

/* "197x576x192": rows, columns, depth; what is 0 differs within a group. */
static void
shape_text(const VitqcStepTime *t, char out[64])
{
    int64_t dim[] = {t->rows, t->cols, t->depth};
    int n = 0;

    *out = '\0';
    for (int i = 0; i < 3; i++)
        if (dim[i])
            n += snprintf(out + n, 64 - (size_t)n, "%s%lld", n ? "x" : "",
                          (long long)dim[i]);
}

static void
print_times(const VitqcStepTime *t)
{
    printf(" %5lld %9.3f %6.1f %%", (long long)t->count, 1e3 * t->seconds,
           100 * t->share);
    if (t->macs)
        printf(" %7.1f", t->gops);
    if (t->macs && t->peak_share > 0)
        printf(" %5.1f %%", 100 * t->peak_share);
    printf("\n");
}

static void
print_heads(void)
{
    printf(" %5s %9s %8s %7s %7s\n", "steps", "ms", "share", "GOPS", "of peak");
}

static int
by_seconds(const void *a, const void *b)
{
    double x = ((const VitqcStepTime *)a)->seconds;
    double y = ((const VitqcStepTime *)b)->seconds;

    return (x < y) - (x > y);
}

static bool
print_kinds(const VitqcLevelTime *l)
{
    VitqcStepTime *t = malloc((l->nkind + 1) * sizeof *t);
    double gemm = 0, attention = 0;

    if (!t)
        return false;
    memcpy(t, l->kind, l->nkind * sizeof *t);
    qsort(t, l->nkind, sizeof *t, by_seconds);
    printf("%-12s", "kind");
    print_heads();
    for (size_t i = 0; i < l->nkind; i++) {
        gemm += strcmp(t[i].kind, "gemm") == 0 ? t[i].share : 0;
        attention += strcmp(t[i].kind, "attention") == 0 ? t[i].share : 0;
        printf("%-12s", t[i].kind);
        print_times(&t[i]);
    }
    free(t);
    printf("everything that is not a GEMM: %.1f %% (and attention, counted "
           "apart with its\nown products and softmax: %.1f %%)\n",
           100 * (1 - gemm - attention), 100 * attention);
    return true;
}

static void
print_steps(const VitqcStepTime *t, size_t n, const char *what)
{
    char shape[64];
    int width = (int)strlen(what);

    for (size_t i = 0; i < n; i++)
        width = (int)strlen(t[i].name) > width ? (int)strlen(t[i].name) : width;
    printf("%-*s  %-11s %-14s", width, what, "kind", "rows,cols,depth");
    print_heads();
    for (size_t i = 0; i < n; i++) {
        shape_text(&t[i], shape);
        printf("%-*s  %-11s %-15s", width, t[i].name, t[i].kind, shape);
        print_times(&t[i]);
    }
}

static bool
print_profile(const VitqcLevelTime *l, bool each)
{
    printf("\n%s: a call %.3f ms; with its steps timed %.3f\n", l->name,
           1e3 * l->median, 1e3 * l->profiled);
    printf("its steps together %.3f ms, %.1f GOPS", 1e3 * l->steps,
           l->steps_gops);
    if (l->peak_gops > 0)
        printf(", %.1f %% of the peak of %.1f (%s)", 100 * l->steps_peak_share,
               l->peak_gops, l->peak_name);
    printf("\n\n");
    if (!print_kinds(l))
        return false;
    printf("\n");
    if (each)
        print_steps(l->step, l->nstep, "step");
    else
        print_steps(l->layer, l->nlayer, "layer");
    return true;
}

static bool
print_result(const Args *a, const VitqcBenched *r)
{
    print_levels(r);
    say_busy(r);
    for (size_t i = 0; a->profile && i < r->nlevel; i++)
        if (!print_profile(&r->level[i], strcmp(a->profile, "all") == 0)) {
            say_error("out of memory");
            return false;
        }
    return true;
}

/* ---- the command ---- */

static int
bench(VitqcObject *object, const Args *a)
{
    VitqcBench ask;
    VitqcBenched r;
    int code;

    vitqc_bench_init(&ask);
    vitqc_benched_init(&r);
    ask.level = a->cpu;
    ask.repeat = a->repeat;
    ask.warmup = a->warmup;
    ask.profile = a->profile != NULL;
    code = vitqc_object_set_threads(object, a->threads);
    if (code == VITQC_OK)
        code = vitqc_object_bench(object, &ask, &r);
    if (code != VITQC_OK)
        return code;
    /* JSON on standard output comes without the table. */
    if (!a->json || strcmp(a->json, "-") != 0)
        if (!print_result(a, &r))
            return VITQC_ENOMEM;
    return a->json ? vitqc_object_bench_write(object, &r, a->json) : VITQC_OK;
}

int
cmd_bench(const Args *a)
{
    VitqcObject *object;
    VitqcOptions o;
    int code;

    if (a->profile && *a->profile && strcmp(a->profile, "all") != 0) {
        say_error("--profile=%s: it takes all, or nothing", a->profile);
        return VITQC_EUSAGE;
    }
    fill_options(a, &o);
    code = vitqc_object_open(&object, a->model, &o);
    if (code == VITQC_OK)
        code = bench(object, a);
    vitqc_object_close(object);
    return code;
}
