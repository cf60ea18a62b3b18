/*
 * cmd_inspect.c -- vitqc inspect: what a model needs, what an object holds.
 */
#include "driver/console.h"
#include "driver/options.h"

#include <string.h>

/* Objects are told by ELF's first bytes, not by their names. */
static bool
is_object(const char *path)
{
    FILE *f = fopen(path, "rb");
    char magic[4] = "";
    bool elf =
        f && fread(magic, 1, 4, f) == 4 && memcmp(magic, "\177ELF", 4) == 0;

    if (f)
        fclose(f);
    return elf;
}

int
cmd_inspect(const Args *a)
{
    VitqcOptions o;
    VitqcStatus s;
    Vitqc *v;

    fill_options(a, &o);
    if (is_object(a->model))
        return vitqc_object_describe(a->model, &o, stdout);
    s = vitqc_new(&v, &o);
    if (s == VITQC_OK)
        s = vitqc_read_file(v, a->model);
    if (s == VITQC_OK)
        s = vitqc_describe(v, stdout);
    vitqc_free(v);
    return s;
}
