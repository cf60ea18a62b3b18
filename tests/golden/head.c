/*
 * head.c -- reading a golden file and its head.
 */
#include "tests/golden/golden.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Noreturn void
golden_die(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    fputs("virtool: ", stderr);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    va_end(ap);
    exit(4);
}

static char *
read_all(Arena *a, const char *path)
{
    FILE *f = fopen(path, "rb");
    long size;
    char *s;

    if (!f || fseek(f, 0, SEEK_END) != 0 || (size = ftell(f)) < 0)
        golden_die("cannot open %s", path);
    rewind(f);
    s = vq_alloc(a, (size_t)size + 1);
    if (fread(s, 1, (size_t)size, f) != (size_t)size)
        golden_die("cannot read %s", path);
    fclose(f);
    return s;
}

static void
read_run(Golden *g, char *value)
{
    for (char *s = strtok(value, " ,"); s; s = strtok(NULL, " ,")) {
        if (g->nrun == MAXRUN)
            golden_die("more than %d passes", MAXRUN);
        g->run[g->nrun++] = s;
    }
}

static void
read_eval(Golden *g, char *value)
{
    if (sscanf(value, "seeds %d, off by %lf", &g->seeds, &g->tolerance) != 2 ||
        g->seeds < 1 || !(g->tolerance >= 0))
        golden_die("not `seeds N, off by TOL`: %s", value);
}

static void
read_calib(Golden *g, char *value)
{
    g->calib = value;
}

static void
read_options(Golden *g, char *value)
{
    g->options = value;
}

/* golden.sh compares the status. */
static void
read_exit(Golden *g, char *value)
{
    (void)g, (void)value;
}

static const struct {
    const char *key;
    void (*read)(Golden *, char *value);
} key[] = {{"run", read_run},
           {"eval", read_eval},
           {"exit", read_exit},
           {"calib", read_calib},
           {"options", read_options}};

static void
read_line(Golden *g, char *line)
{
    char *colon = strchr(line, ':');

    for (size_t i = 0; colon && i < COUNT(key); i++)
        if (strncmp(line, key[i].key, (size_t)(colon - line)) == 0 &&
            key[i].key[colon - line] == '\0')
            key[i].read(g, colon + 1 + strspn(colon + 1, " "));
}

Golden
golden_read(Arena *a, const char *path)
{
    char *all = read_all(a, path), *end = strstr(all, "\n---\n");
    Golden g = {.text = all, .len = end ? (size_t)(end + 1 - all) : 0};

    if (!end)
        golden_die("%s: no line `---`", path);
    for (char *s = all; strncmp(s, "# ", 2) == 0 && s <= end;) {
        size_t n = strcspn(s, "\n");
        char *line = vq_strdup(a, s + 2);

        line[n - 2] = '\0';
        read_line(&g, line);
        s += n + 1;
    }
    return g;
}
