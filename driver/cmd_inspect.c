/*
 * cmd_inspect.c -- vitqc inspect: what a model needs, what an object holds.
 */
#include "driver/console.h"
#include "driver/options.h"

#include <errno.h>
#include <string.h>

/* Objects are told by the first bytes of ELF or Mach-O, not by their names. */
static bool
is_object(const char *path)
{
    FILE *f = fopen(path, "rb");
    char magic[4] = "";
    bool is = f && fread(magic, 1, 4, f) == 4 &&
              (memcmp(magic, "\177ELF", 4) == 0 ||
               memcmp(magic, "\317\372\355\376", 4) == 0);

    if (f)
        fclose(f);
    return is;
}

/* JSON on standard output comes without the text. */
static int
inspect_model(const Args *a, const VitqcOptions *o)
{
    bool only = a->json && strcmp(a->json, "-") == 0;
    FILE *json = !a->json ? NULL : only ? stdout : fopen(a->json, "w");
    int code;

    if (a->json && !json) {
        say_error("cannot write %s: %s", a->json, strerror(errno));
        return VITQC_EIO;
    }
    code = vitqc_inspect(a->model, o, only ? NULL : stdout, json);
    if (json && !only && fclose(json) != 0) {
        say_error("cannot write %s: %s", a->json, strerror(errno));
        return VITQC_EIO;
    }
    return code;
}

int
cmd_inspect(const Args *a)
{
    VitqcOptions o;

    fill_options(a, &o);
    if (!is_object(a->model))
        return inspect_model(a, &o);
    if (a->json) {
        say_error("--json is of models; an object describes itself as text");
        return VITQC_EUSAGE;
    }
    return vitqc_object_describe(a->model, &o, stdout);
}
