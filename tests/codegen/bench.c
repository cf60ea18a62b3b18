/*
 * bench.c -- speed of compiled kernels beside the CPU's own peak, measured in
 * the same run; compile time and size of the object.
 *
 * codegen_bench [tiny|base|TOKENSxHEADSxSIZE[xPBITS]] [LEVEL|all] [PART]
 */
#include "ir/layout.h"
#include "runtime/vqrt.h"
#include "tests/codegen/deit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ROUNDS = 60, REPEAT = 12 };

static double
now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void
print_diag(void *user, Severity severity, const char *file, Loc loc,
           const char *text)
{
    (void)user;
    (void)severity;
    (void)loc;
    fprintf(stderr, "%s: %s\n", file ? file : "codegen", text);
}

/* The peak of vpdpbusd: 12 independent sums. 0 where there is none. */
__attribute__((target("avx512f,avx512vnni"))) static double
measure_peak(void)
{
    enum { TURNS = 20000, SUMS = 12 };
    double best = 0;

    if (!__builtin_cpu_supports("avx512vnni"))
        return 0;
    for (int r = 0; r < 50; r++) {
        double t = now();

        for (int i = 0; i < TURNS; i++)
            __asm__ volatile("vpdpbusd %%zmm30,%%zmm31,%%zmm0\n"
                             "vpdpbusd %%zmm30,%%zmm31,%%zmm1\n"
                             "vpdpbusd %%zmm30,%%zmm31,%%zmm2\n"
                             "vpdpbusd %%zmm30,%%zmm31,%%zmm3\n"
                             "vpdpbusd %%zmm30,%%zmm31,%%zmm4\n"
                             "vpdpbusd %%zmm30,%%zmm31,%%zmm5\n"
                             "vpdpbusd %%zmm30,%%zmm31,%%zmm6\n"
                             "vpdpbusd %%zmm30,%%zmm31,%%zmm7\n"
                             "vpdpbusd %%zmm30,%%zmm31,%%zmm8\n"
                             "vpdpbusd %%zmm30,%%zmm31,%%zmm9\n"
                             "vpdpbusd %%zmm30,%%zmm31,%%zmm10\n"
                             "vpdpbusd %%zmm30,%%zmm31,%%zmm11\n" ::
                                 : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4",
                                   "xmm5", "xmm6", "xmm7", "xmm8", "xmm9",
                                   "xmm10", "xmm11");
        t = (double)TURNS * SUMS * 64 / (now() - t);
        best = t > best ? t : best;
    }
    return best;
}

static void *
input_data(Case *c, const Type *t)
{
    unsigned char *p = vq_alloc(&c->arena, (size_t)vq_bytes(t) + VQ_SLACK);

    for (int64_t i = 0; t->dt != DT_F32 && i < vq_bytes(t); i++)
        p[i] = (unsigned char)case_pick(c, 0, 255);
    for (int64_t i = 0; t->dt == DT_F32 && i < vq_count(t); i++)
        ((float *)p)[i] = (float)case_pick(c, -250, 250) / 100;
    return p;
}

static int
compare_double(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Median and least of ROUNDS runs. */
static double
time_model(Case *c, const VqrtModel *m, int level, double *least)
{
    const Graph *g = c->g;
    const void **in = NEWN(&c->arena, const void *, g->nin);
    void **out = NEWN(&c->arena, void *, g->nout);
    void *work = vq_alloc(&c->arena, (size_t)m->work_bytes + 64);
    double t[ROUNDS];

    for (uint32_t i = 0; i < g->nin; i++)
        in[i] = input_data(c, vq_type(g, g->in[i]));
    for (uint32_t i = 0; i < g->nout; i++)
        out[i] = vq_alloc(&c->arena, (size_t)vq_bytes(vq_type(g, g->out[i])));
    for (int i = 0; i < ROUNDS; i++) {
        t[i] = now();
        if (m->run_level(level, in, out, work) != VQRT_OK)
            return 0;
        t[i] = now() - t[i];
    }
    qsort(t, ROUNDS, sizeof *t, compare_double);
    *least = t[0];
    return t[ROUNDS / 2];
}

/* Products a second and their share of the peak; where there are none, what
 * an element of the results takes, in time and in products at the peak. */
static void
print_rate(const Graph *g, double least, int64_t products, int repeat)
{
    int64_t n = vq_count(vq_type(g, g->out[0])) * repeat;
    double peak = measure_peak();

    if (products)
        printf(
            "%6.1f GMAC/s, %5.1f %% of %.1f\n", (double)products / least * 1e-9,
            peak > 0 ? 100 * (double)products / least / peak : 0, peak * 1e-9);
    else
        printf("%6.3f ns an element, %5.1f products\n", least / (double)n * 1e9,
               least / (double)n * peak);
}

static void
report(Case *c, const char *what, const char *only, int64_t products)
{
    static const char path[] = "/tmp/vitqc-bench.o";
    double t = now(), least;
    const VqrtModel *m;
    Loaded *l;

    if (!case_compile(c, path, only))
        exit(1);
    t = now() - t;
    l = vq_load_object(&c->diag, path);
    if (!l)
        exit(1);
    m = vq_loaded_model(l);
    printf("%-10s compiled in %.2f s\n", what, t);
    for (uint32_t i = 0; i < m->nlevel; i++) {
        t = time_model(c, m, (int)i, &least);
        if (t <= 0)
            continue;
        printf("  %-12s median %8.3f ms, least %8.3f ms, ", m->level[i],
               t * 1e3, least * 1e3);
        print_rate(c->g, least, products, REPEAT);
    }
    vq_unload(l);
}

/* A shape by name, or by its attention: the rest of it is DeiT-T's. */
static bool
read_shape(const char *text, DeitShape *s)
{
    long long tokens, heads, size;
    int n;

    *s = strcmp(text, "base") == 0 ? deit_base : deit_tiny;
    if (strcmp(text, "base") == 0 || strcmp(text, "tiny") == 0)
        return true;
    n = sscanf(text, "%lldx%lldx%lldx%d", &tokens, &heads, &size, &s->pbits);
    if (n < 3 || tokens < 1 || heads < 1 || size < 1)
        return false;
    s->tokens = tokens;
    s->heads = heads;
    s->wide = heads * size;
    s->hidden = 4 * s->wide;
    return true;
}

int
main(int argc, char **argv)
{
    const char *only = argc > 2 && strcmp(argv[2], "all") ? argv[2] : NULL;
    const char *what = argc > 3 ? argv[3] : NULL;
    DeitShape shape, *s = &shape;
    Case c;

    if (!read_shape(argc > 1 ? argv[1] : "tiny", s))
        return 2;
    for (int part = 0; part < NPART; part++) {
        if (what && strcmp(what, deit_part_name[part]) != 0)
            continue;
        case_start(&c, "part");
        c.diag.fn = print_diag;
        report(&c, deit_part_name[part], only,
               deit_part(&c, s, (DeitPart)part, REPEAT));
        case_end(&c);
    }
    if (what || s->tokens != deit_tiny.tokens)
        return 0;
    case_start(&c, "model");
    c.diag.fn = print_diag;
    report(&c, "model", only, deit_build(&c, s));
    case_end(&c);
    return 0;
}
