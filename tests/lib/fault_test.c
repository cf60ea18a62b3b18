/*
 * fault_test.c -- the n-th allocation fails, for every n, on the way from a
 * model to its object:
 *
 *     lib_fault_test [RUNS [MODEL]]
 *
 * The linker's --wrap leads what vitqc itself asks for through this file: each
 * piece of an arena, and of the system malloc, calloc, realloc, aligned_alloc,
 * strdup, open_memstream, fopen, fdopen, open and mmap. At most RUNS failures,
 * spread evenly; 0: each. Each run lets one more of them succeed and fails the
 * next, until none is left to fail. A failed run ends in a documented status
 * with one message, leaves no file behind and, where LeakSanitizer watches, no
 * memory. What LLVM, libc, cJSON and OpenBLAS allocate inside is out of reach:
 * LLVM ends the process when it has no memory.
 */
#include <vitqc/vitqc.h>

#include "ir/base.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- the door ---- */

static long left = -1;     /* calls that still succeed; -1: all */
static long calls;         /* of this run */
static const char *failed; /* which one did */

static bool
fails(const char *what)
{
    calls++;
    if (left < 0 || left-- > 0)
        return false;
    left = -1; /* one failure a run */
    failed = what;
    errno = ENOMEM;
    return true;
}

#define WRAP(type, name, params, args)                                         \
    type __real_##name params;                                                 \
    type __wrap_##name params;                                                 \
    type __wrap_##name params                                                  \
    {                                                                          \
        return fails(#name) ? NULL : __real_##name args;                       \
    }

WRAP(void *, malloc, (size_t n), (n))
WRAP(void *, calloc, (size_t n, size_t size), (n, size))
WRAP(void *, realloc, (void *p, size_t n), (p, n))
WRAP(void *, aligned_alloc, (size_t align, size_t n), (align, n))
WRAP(char *, strdup, (const char *s), (s))
WRAP(FILE *, open_memstream, (char **text, size_t *n), (text, n))
WRAP(FILE *, fopen, (const char *path, const char *mode), (path, mode))
WRAP(FILE *, fdopen, (int fd, const char *mode), (fd, mode))

void *__real_mmap(void *, size_t, int, int, int, off_t);
void *__wrap_mmap(void *, size_t, int, int, int, off_t);

void *
__wrap_mmap(void *at, size_t n, int prot, int flags, int fd, off_t offset)
{
    return fails("mmap") ? MAP_FAILED
                         : __real_mmap(at, n, prot, flags, fd, offset);
}

int __real_open(const char *, int, ...);
int __wrap_open(const char *, int, ...);

int
__wrap_open(const char *path, int flags, ...)
{
    va_list ap;
    mode_t mode = 0;

    if (flags & O_CREAT) {
        va_start(ap, flags);
        mode = va_arg(ap, mode_t);
        va_end(ap);
    }
    return fails("open") ? -1 : __real_open(path, flags, mode);
}

/* A piece of an arena that is not to be had is the out-of-memory jump. */
#define WRAP_ARENA(name, params, args)                                         \
    void *__real_##name params;                                                \
    void *__wrap_##name params;                                                \
    void *__wrap_##name params                                                 \
    {                                                                          \
        if (fails(#name))                                                      \
            vq_oom(a);                                                         \
        return __real_##name args;                                             \
    }

WRAP_ARENA(vq_alloc, (Arena * a, size_t n), (a, n))
WRAP_ARENA(vq_allocn, (Arena * a, size_t n, size_t size), (a, n, size))
WRAP_ARENA(vq_grow, (Arena * a, void *p, size_t n, size_t *cap, size_t size),
           (a, p, n, cap, size))

/* ---- a run ---- */

static int errors;
static char last[300];

static void
on_diag(void *user, const VitqcDiag *d)
{
    (void)user;
    if (d->severity != VITQC_ERROR)
        return;
    errors++;
    snprintf(last, sizeof last, "%s", d->text);
}

typedef struct Paths {
    char folder[64], object[96], header[96], report[96], calib[96];
} Paths;

/* Everything that a compilation may write. */
static VitqcStatus
compile(const char *model, const Paths *p)
{
    const VitqcFile file[] = {{VITQC_OBJECT, p->object},
                              {VITQC_HEADER, p->header},
                              {VITQC_REPORT, p->report},
                              {VITQC_CALIBRATION, p->calib}};
    VitqcCalibration c;
    VitqcOptions o;
    VitqcStatus s;
    Vitqc *v;

    vitqc_options_init(&o);
    vitqc_calibration_init(&c);
    o.on_diag = on_diag;
    o.cpu_levels = "base";
    o.name = "m";
    c.images.count = 1;
    s = vitqc_new(&v, &o);
    if (s == VITQC_OK)
        s = vitqc_read_file(v, model);
    if (s == VITQC_OK)
        s = vitqc_calibrate(v, &c);
    if (s == VITQC_OK)
        s = vitqc_compile(v);
    if (s == VITQC_OK)
        s = vitqc_write(v, file, sizeof file / sizeof file[0]);
    vitqc_free(v);
    return s;
}

static VitqcStatus
inspect(const char *model, const Paths *p)
{
    VitqcOptions o;

    (void)p;
    vitqc_options_init(&o);
    o.on_diag = on_diag;
    return vitqc_inspect(model, &o, NULL, NULL);
}

/* How many files lie in the folder. */
static int
count_files(const char *folder)
{
    DIR *d = opendir(folder);
    int n = 0;

    if (!d)
        return -1;
    for (struct dirent *e; (e = readdir(d));)
        n += e->d_name[0] != '.' || strlen(e->d_name) > 2;
    closedir(d);
    return n;
}

/* What is wrong with how a run ended; NULL: nothing. */
static const char *
judge(VitqcStatus s, const Paths *p)
{
    if (s == VITQC_OK)
        return failed ? "a failure went unnoticed" : NULL;
    if (s != VITQC_ENOMEM && s != VITQC_EIO)
        return "the status is not that of memory or files";
    if (errors != 1 && s != VITQC_ENOMEM)
        return "not one message";
    if (count_files(p->folder) != 0)
        return "it left files behind";
    return NULL;
}

static void
clean(const Paths *p)
{
    unlink(p->object);
    unlink(p->header);
    unlink(p->report);
    unlink(p->calib);
}

typedef VitqcStatus RunFn(const char *, const Paths *);

/* One run with call n failing, or none for -1. */
static bool
one_run(const char *what, RunFn *run, const char *model, long n, const Paths *p)
{
    const char *fault;
    VitqcStatus s;

    left = n;
    calls = errors = 0;
    failed = NULL;
    *last = '\0';
    s = run(model, p);
    left = -1;
    fault = judge(s, p);
    clean(p);
    if (!fault)
        return true;
    printf("FAILED: %s, call %ld (%s): %s: status %d, %d messages, '%s'\n",
           what, n, failed ? failed : "none", fault, (int)s, errors, last);
    return false;
}

/* Returns how many went wrong. */
static int
every_nth(const char *what, RunFn *run, const char *model, long runs,
          const Paths *p)
{
    int wrong = !one_run(what, run, model, -1, p);
    long all = calls, step = runs && all > runs ? all / runs : 1, n = 0;

    for (long at = 0; at < all; at += step, n++)
        wrong += !one_run(what, run, model, at, p);
    printf("%s: %ld calls, %ld of them failed in turn, %d wrong\n", what, all,
           n, wrong);
    return wrong;
}

int
main(int argc, char **argv)
{
    long runs = argc > 1 ? strtol(argv[1], NULL, 10) : 0;
    const char *model = argc > 2 ? argv[2] : MODELS "/hf_op11.onnx";
    Paths p = {.folder = "/tmp/vitqc-fault-XXXXXX"};
    int wrong;

    if (runs < 0 || !mkdtemp(p.folder))
        return 2;
    snprintf(p.object, sizeof p.object, "%s/m.o", p.folder);
    snprintf(p.header, sizeof p.header, "%s/m.h", p.folder);
    snprintf(p.report, sizeof p.report, "%s/m.json", p.folder);
    snprintf(p.calib, sizeof p.calib, "%s/c.json", p.folder);
    wrong = every_nth("compile", compile, model, runs, &p);
    wrong += every_nth("inspect", inspect, model, runs, &p);
    rmdir(p.folder);
    printf("%d failed\n", wrong);
    return wrong != 0;
}
