/*
 * harness.c -- an input's surroundings: memory, messages and files.
 */
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* As in lib/session.c; files add to it as they are opened. */
static const size_t MEMORY_BYTES = (size_t)4 << 30;

/* The folder of this process's files, without a slash; "" until it is made. */
static char folder[256];

static void
remove_folder(void)
{
    char command[300];

    /* What a crash leaves behind, tests/fuzz/run.sh removes. */
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    if (folder[0] && system(command) != 0)
        fprintf(stderr, "fuzz: cannot remove %s\n", folder);
}

static void
die(const char *what, const char *name)
{
    fprintf(stderr, "fuzz: cannot %s %s\n", what, name);
    exit(4);
}

static void
make_folder(void)
{
    const char *tmp = getenv("TMPDIR");

    if (!tmp)
        tmp = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    snprintf(folder, sizeof folder, "%s/vqfuzz.XXXXXX", tmp);
    if (!mkdtemp(folder))
        die("make a folder", folder);
    atexit(remove_folder);
}

const char *
fuzz_file(Fuzz *f, const char *name, const void *data, size_t n)
{
    const char *path;
    FILE *file;

    if (!folder[0])
        make_folder();
    path = vq_format(&f->arena, "%s/%s", folder, name);
    file = fopen(path, "wb");
    if (!file || fwrite(data, 1, n, file) != n || fclose(file) != 0)
        die("write", path);
    return path;
}

void
fuzz_check(bool kept, const char *promise)
{
    if (kept)
        return;
    fprintf(stderr, "fuzz: broken promise: %s\n", promise);
    abort();
}

void
fuzz_check_said(const Fuzz *f, bool result)
{
    fuzz_check(result || f->diag.nerror > 0, "a failure has a message");
    fuzz_check(!result || f->diag.nerror == 0, "an error makes it fail");
}

/* A message that vitqc's own check failed is a finding. */
static void
hear(void *user, Severity sev, const char *file, Loc loc, const char *text)
{
    const Fuzz *f = user;

    if (getenv("FUZZ_SAY") || (f->diag.fault == FAULT_BUG && !f->handmade))
        fprintf(stderr, "%s: %s%s%u:%u: %s\n", file ? file : "-",
                loc.node ? loc.node : "", loc.node ? ": " : "", loc.line,
                loc.col, text);
    fuzz_check(sev != SEV_ERROR || f->handmade || f->diag.fault != FAULT_BUG,
               "no input makes vitqc report a bug of its own");
    fuzz_check(text[0] != 0, "a message says something");
}

void
fuzz_one(const uint8_t *data, size_t n)
{
    static Fuzz f;

    memset(&f, 0, sizeof f);
    f.memory.limit = MEMORY_BYTES;
    f.arena = f.tmp = (Arena){.memory = &f.memory, .oom = &f.jump};
    f.diag = (Diag){.fn = hear, .user = &f};
    if (setjmp(f.jump) == 0)
        fuzz_target(&f, data, n);
    vq_arena_free(&f.tmp);
    vq_arena_free(&f.arena);
}

uint64_t
fuzz_hash(const uint8_t *p, size_t n)
{
    uint64_t h = 14695981039346656037u; /* FNV-1a */

    for (size_t i = 0; i < n; i++)
        h = (h ^ p[i]) * 1099511628211u;
    return h;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    fuzz_one(data, n);
    return 0;
}
