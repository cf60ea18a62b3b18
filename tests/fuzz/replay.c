/*
 * replay.c -- runs a target over files, without a fuzzer.
 *
 *     fuzz_NAME PATH..      files, and all files in folders
 *
 * Names each before it runs it, so that the last one named is the one that
 * aborts. No file at all is an error.
 */
#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

/* An input may take so long, sanitizers included. */
enum { MAX_SECONDS = 5 };

static int nrun;

static void
run_bytes(const char *path, const uint8_t *data, size_t n)
{
    clock_t start = clock();

    fuzz_one(data, n);
    nrun++;
    if (clock() - start > (clock_t)MAX_SECONDS * CLOCKS_PER_SEC) {
        fprintf(stderr, "%s: took over %d s\n", path, MAX_SECONDS);
        exit(1);
    }
}

static void
run_file(const char *path, size_t size)
{
    FILE *file = fopen(path, "rb");
    /* No byte more, so that a read past the end is noticed. */
    uint8_t *data = malloc(size ? size : 1);
    size_t n = file && data ? fread(data, 1, size, file) : 0;

    if (!file || n != size) {
        fprintf(stderr, "%s: cannot be read\n", path);
        exit(4);
    }
    fclose(file);
    printf("%s\n", path);
    fflush(stdout);
    run_bytes(path, data, n);
    free(data);
}

static void
run_path(const char *path)
{
    struct dirent **name;
    struct stat st;
    int n;

    if (stat(path, &st) != 0) {
        fprintf(stderr, "%s: cannot be read\n", path);
        exit(4);
    }
    if (!S_ISDIR(st.st_mode)) {
        run_file(path, (size_t)st.st_size);
        return;
    }
    n = scandir(path, &name, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        char inner[4096];

        snprintf(inner, sizeof inner, "%s/%s", path, name[i]->d_name);
        if (name[i]->d_name[0] != '.')
            run_path(inner);
        free(name[i]);
    }
    free(name);
}

int
main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        run_path(argv[i]);
    printf("%d inputs\n", nrun);
    return nrun ? 0 : 1;
}
