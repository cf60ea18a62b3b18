/*
 * mutate.c -- spoiled models, each in a process of its own:
 *
 *     mutate [--seed N] [--first N] [--count N] [--keep PATH] MODEL.onnx ...
 *
 * Case N of a seed takes one of the models, changes it in one to four ways
 * (mutations.c), imports, calibrates and compiles it for the least CPU level,
 * and writes the object to a file that is removed. It must end in success or
 * a documented status with a message of one line, within 5 s of CPU time and
 * 1 GB; sanitizers are allowed four times that. A failure is printed with what
 * replays it: --seed S --first N --count 1; --keep then writes the model.
 */
#include "tests/lib/mutations.h"

#include <vitqc/vitqc.h>

#include <ctype.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined __SANITIZE_ADDRESS__
#define SANITIZED 1
#elif defined __has_feature
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

/* Of LeakSanitizer, where it is linked. */
int __lsan_do_recoverable_leak_check(void) __attribute__((weak));

enum {
    SLOW = SANITIZED ? 4 : 1,
    CPU_SECONDS = 5 * SLOW,
    WALL_SECONDS = 120 * SLOW,
    MEGABYTES = 1024,
    LEAK = 99, /* exit code: the child found that it leaks */
    SILENT = 98
};

typedef struct Ask {
    uint64_t seed, first, count;
    const char *keep;
    char **model;
    size_t nmodel;
} Ask;

/* Shared with the child: what it did and how far it came. */
typedef struct Note {
    Done done;
    char message[300];
    int messages;
    bool bad_message;
} Note;

static Note *note;

/* ---- in the child ---- */

static void
on_diag(void *user, const VitqcDiag *d)
{
    (void)user;
    if (d->severity != VITQC_ERROR)
        return;
    if (!note->messages++)
        snprintf(note->message, sizeof note->message, "%s%s%s",
                 d->node ? d->node : "", d->node ? ": " : "", d->text);
    for (const char *s = d->text; *s; s++)
        note->bad_message = note->bad_message || *s == '\n' || *s == '\r';
}

static Bytes
read_bytes(const char *path)
{
    FILE *f = fopen(path, "rb");
    Bytes b = {0};
    long size;

    if (!f || fseek(f, 0, SEEK_END) != 0 || (size = ftell(f)) <= 0)
        exit(2);
    rewind(f);
    b.n = (size_t)size;
    b.p = malloc(b.n);
    if (!b.p || fread(b.p, 1, b.n, f) != b.n)
        exit(2);
    fclose(f);
    return b;
}

/* Pieces that a change unlinks are no leak: all of them stay in a list. */
typedef struct Piece {
    struct Piece *older;
    max_align_t bytes[];
} Piece;

static void *
keep_piece(void *list, size_t n)
{
    Piece **newest = list, *p = malloc(sizeof *p + n);

    if (!p)
        return NULL;
    p->older = *newest;
    *newest = p;
    return p->bytes;
}

static void
free_none(void *list, void *p)
{
    (void)list;
    (void)p;
}

static Bytes
spoil(Bytes given, Rng *r)
{
    size_t n = 1 + rng_below(r, 2) * rng_below(r, 4);
    bool structure = rng_below(r, 8) > 0, bytes = rng_below(r, 8) == 0;
    static Piece *pieces;
    ProtobufCAllocator alloc = {keep_piece, free_none, &pieces};
    Onnx__ModelProto *m = NULL;
    Bytes b = given;

    if (structure)
        m = onnx__model_proto__unpack(&alloc, given.n, given.p);

    if (m && m->graph) {
        for (size_t i = 0; i < n; i++)
            mutate_model(m, r, &note->done);
        b.p = malloc(onnx__model_proto__get_packed_size(m) + 1);
        b.n = b.p ? onnx__model_proto__pack(m, b.p) : 0;
    }
    if (bytes || !m)
        mutate_bytes(&b, r, &note->done);
    return b;
}

static void
write_bytes(const char *path, Bytes b)
{
    FILE *f = fopen(path, "wb");

    if (!f || fwrite(b.p, 1, b.n, f) != b.n || fclose(f) != 0) {
        fprintf(stderr, "mutate: cannot write %s\n", path);
        _exit(2);
    }
}

static VitqcStatus
compile(const char *path, const char *object)
{
    VitqcFile file = {VITQC_OBJECT, object};
    VitqcCalibration c;
    VitqcOptions o;
    VitqcStatus s;
    Vitqc *v;

    vitqc_options_init(&o);
    vitqc_calibration_init(&c);
    o.on_diag = on_diag;
    o.max_memory = (size_t)MEGABYTES << 20;
    o.cpu_levels = "base";
    c.images.count = 1;
    s = vitqc_new(&v, &o);
    if (s == VITQC_OK)
        s = vitqc_read_file(v, path);
    if (s == VITQC_OK)
        s = vitqc_calibrate(v, &c);
    if (s == VITQC_OK)
        s = vitqc_compile(v);
    if (s == VITQC_OK)
        s = vitqc_write(v, &file, 1);
    vitqc_free(v);
    unlink(object);
    return s;
}

static void
limit(void)
{
    struct rlimit cpu = {CPU_SECONDS, CPU_SECONDS + 1}, none = {0, 0};

    setrlimit(RLIMIT_CPU, &cpu);
    setrlimit(RLIMIT_CORE, &none);
    alarm(WALL_SECONDS);
}

static int
run_case(const Ask *a, uint64_t at, const char *folder)
{
    Rng r = {a->seed * UINT64_C(1000003) + at};
    const char *from = a->model[rng_below(&r, a->nmodel)];
    Bytes given = read_bytes(from), b = spoil(given, &r);
    char path[4096], object[4096];
    VitqcStatus s;

    snprintf(path, sizeof path, "%s/spoiled.onnx", folder);
    snprintf(object, sizeof object, "%s/spoiled.o", folder);
    write_bytes(path, b);
    if (a->keep)
        write_bytes(a->keep, b);
    limit();
    s = compile(path, object);
    if (b.p != given.p)
        free(b.p);
    free(given.p);
    if (s != VITQC_OK && (!note->messages || note->bad_message))
        return SILENT;
    if (__lsan_do_recoverable_leak_check && s != VITQC_OK &&
        __lsan_do_recoverable_leak_check())
        return LEAK;
    return (int)s;
}

/* ---- in the parent ---- */

static const char *
judge(int status, const struct rusage *used)
{
    static char text[128];

    if (WIFSIGNALED(status)) {
        snprintf(text, sizeof text, "%s",
                 WTERMSIG(status) == SIGXCPU   ? "took more than its CPU time"
                 : WTERMSIG(status) == SIGALRM ? "hung"
                                               : strsignal(WTERMSIG(status)));
        return text;
    }
    if (used->ru_maxrss > (long)MEGABYTES * SLOW * 1024) {
        snprintf(text, sizeof text, "took %ld MB", used->ru_maxrss / 1024);
        return text;
    }
    switch (WEXITSTATUS(status)) {
    case VITQC_OK:
    case VITQC_EMODEL:
    case VITQC_EIO:
    case VITQC_ENOMEM:
        return NULL;
    case LEAK:
        return "leaks";
    case SILENT:
        return "failed without a message of one line";
    }
    snprintf(text, sizeof text, "ended in status %d", WEXITSTATUS(status));
    return text;
}

static void
report(const Ask *a, uint64_t at, const char *what)
{
    Rng r = {a->seed * UINT64_C(1000003) + at};

    printf("FAILED: --seed %llu --first %llu --count 1: %s\n  of %s:",
           (unsigned long long)a->seed, (unsigned long long)at, what,
           a->model[rng_below(&r, a->nmodel)]);
    for (int i = 0; i < note->done.n; i++)
        printf(" %s", note->done.what[i]);
    printf("\n  %s\n", note->message);
    fflush(stdout);
}

static const char *
one_case(const Ask *a, uint64_t at, const char *folder, int *count)
{
    struct rusage used;
    const char *what;
    pid_t child;
    int status;

    memset(note, 0, sizeof *note);
    fflush(NULL);
    child = fork();
    if (child < 0)
        exit(2);
    if (child == 0)
        _exit(run_case(a, at, folder));
    wait4(child, &status, 0, &used);
    what = judge(status, &used);
    if (what)
        report(a, at, what);
    else
        count[WEXITSTATUS(status)]++;
    if (a->count == 1)
        printf("status %d: %s\n", WIFEXITED(status) ? WEXITSTATUS(status) : -1,
               note->message);
    return what;
}

static int
run(const Ask *a)
{
    char folder[] = "/tmp/vitqc-mutate-XXXXXX", path[64];
    int count[256] = {0}, failed = 0;

    if (!mkdtemp(folder))
        return 2;
    for (uint64_t i = a->first; i < a->first + a->count; i++)
        failed += one_case(a, i, folder, count) != NULL;
    printf("%llu spoiled models: %d compiled, %d refused, %d with a file "
           "missing, %d out of memory\n",
           (unsigned long long)a->count, count[VITQC_OK], count[VITQC_EMODEL],
           count[VITQC_EIO], count[VITQC_ENOMEM]);
    printf("%llu passed, %d failed\n",
           (unsigned long long)a->count - (unsigned long long)failed, failed);
    snprintf(path, sizeof path, "%s/spoiled.onnx", folder);
    unlink(path);
    snprintf(path, sizeof path, "%s/spoiled.o", folder);
    unlink(path);
    rmdir(folder);
    return failed != 0;
}

static bool
parse(Ask *a, int argc, char **argv)
{
    int i = 1;

    for (; i + 1 < argc && strncmp(argv[i], "--", 2) == 0; i += 2) {
        const char *name = argv[i] + 2, *value = argv[i + 1];

        if (strcmp(name, "seed") == 0)
            a->seed = strtoull(value, NULL, 10);
        else if (strcmp(name, "first") == 0)
            a->first = strtoull(value, NULL, 10);
        else if (strcmp(name, "count") == 0)
            a->count = strtoull(value, NULL, 10);
        else if (strcmp(name, "keep") == 0)
            a->keep = value;
        else
            return false;
    }
    a->model = argv + i;
    a->nmodel = (size_t)(argc - i);
    return a->nmodel > 0;
}

int
main(int argc, char **argv)
{
    Ask ask = {.seed = 1, .count = 100};

    if (!parse(&ask, argc, argv)) {
        fprintf(stderr, "usage: mutate [--seed N] [--first N] [--count N] "
                        "[--keep PATH] MODEL.onnx ...\n");
        return 2;
    }
    note = mmap(NULL, sizeof *note, PROT_READ | PROT_WRITE,
                MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return note == MAP_FAILED ? 2 : run(&ask);
}
