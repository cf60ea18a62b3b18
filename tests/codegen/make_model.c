/*
 * make_model.c -- writes the object and header of a random model.
 *
 * codegen_make_model PREFIX tiny|base|mini LEVELS|all OUT.o [OUT.h]
 */
#include "tests/codegen/deit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    const DeitShape *shape;
} shapes[] = {{"tiny", &deit_tiny}, {"base", &deit_base}, {"mini", &deit_mini}};

static void
print_diag(void *user, Severity severity, const char *file, Loc loc,
           const char *text)
{
    (void)user;
    (void)severity;
    (void)loc;
    fprintf(stderr, "%s: %s\n", file ? file : "codegen", text);
}

static bool
write_header(Case *c, const char *path)
{
    CodegenOptions opt = {.prefix = c->g->name};
    FILE *f = fopen(path, "w");
    bool ok = f && fputs(vq_header(c->g, &opt, "0", "random weights"), f) >= 0;

    return f && fclose(f) == 0 && ok;
}

int
main(int argc, char **argv)
{
    const DeitShape *s = NULL;
    const char *levels;
    bool ok;
    Case c;

    for (size_t i = 0; argc >= 5 && i < COUNT(shapes); i++)
        if (strcmp(argv[2], shapes[i].name) == 0)
            s = shapes[i].shape;
    if (!s)
        return 2;
    levels = strcmp(argv[3], "all") == 0 ? NULL : argv[3];
    case_start(&c, argv[1]);
    c.diag.fn = print_diag;
    c.seed = (uint64_t)(unsigned char)argv[1][0];
    deit_build(&c, s);
    ok = case_compile(&c, argv[4], levels) &&
         (argc < 6 || write_header(&c, argv[5]));
    case_end(&c);
    return !ok;
}
