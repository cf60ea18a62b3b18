/*
 * virtool.c -- what a golden file gives: reads its graph, runs its passes,
 * prints the result, and runs both graphs on the same random inputs.
 *
 *     virtool FILE
 *
 * Messages about the graph go to stdout, as LINE:COL: SEVERITY: TEXT.
 * Exit: 0 done, 1 the graph is wrong, 3 the graphs give different numbers,
 * 4 the file is no golden file, 70 a pass made a wrong graph.
 */
#include <stdio.h>
#include <string.h>

#include "tests/golden/golden.h"

static const char *const severity[] = {
    [SEV_NOTE] = "note", [SEV_WARNING] = "warning", [SEV_ERROR] = "error"};

static void
print_message(void *user, Severity sev, const char *file, Loc loc,
              const char *text)
{
    (void)user, (void)file;
    if (loc.line)
        printf("%u:%u: ", loc.line, loc.col);
    printf("%s: %s\n", severity[sev], text);
}

static Graph *
parse(Arena *a, Diag *d, const Golden *golden)
{
    return vq_parse(a, d, golden->text, golden->len, NULL, 0);
}

static int
do_file(Arena *a, const char *path)
{
    Golden golden = golden_read(a, path);
    Diag d = {.fn = print_message};
    Graph *before = parse(a, &d, &golden), *after;

    if (before) {
        after = parse(a, &d, &golden);
        if (golden_run(after, &d, &golden)) {
            vq_print(after, stdout, NULL);
            return golden_compare(before, after, &golden) ? 0 : 3;
        }
    }
    return d.fault == FAULT_BUG ? 70 : 1;
}

int
main(int argc, char **argv)
{
    Arena a = {0};
    int status;

    if (argc != 2) {
        fprintf(stderr, "usage: virtool FILE\n");
        return 2;
    }
    status = do_file(&a, argv[1]);
    vq_arena_free(&a);
    return status;
}
