/*
 * passes.c -- running a golden file's passes with its options and ranges.
 */
#include "tests/golden/golden.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "passes/calib.h"
#include "passes/pass.h"

static void
set_level(PassContext *cx, const char *value)
{
    cx->level = atoi(value);
}

static void
set_nonlinear(PassContext *cx, const char *value)
{
    static const char *const name[] = {[NL_AUTO] = "auto",
                                       [NL_SHIFT] = "shift",
                                       [NL_EXACT] = "exact",
                                       [NL_IVIT] = "ivit"};

    for (size_t i = 0; i < COUNT(name); i++)
        if (strcmp(name[i], value) == 0) {
            cx->nonlinear = (Nonlinear)i;
            return;
        }
    golden_die("nonlinear=%s", value);
}

static void
set_pbits(PassContext *cx, const char *value)
{
    cx->pbits = atoi(value);
}

static void
set_dyadic(PassContext *cx, const char *value)
{
    cx->dyadic = atoi(value) != 0;
}

static void
set_require_integer(PassContext *cx, const char *value)
{
    cx->require_integer = atoi(value) != 0;
}

static const struct {
    const char *key;
    void (*set)(PassContext *, const char *value);
} option[] = {{"level=", set_level},
              {"nonlinear=", set_nonlinear},
              {"pbits=", set_pbits},
              {"dyadic=", set_dyadic},
              {"require_integer=", set_require_integer}};

static void
set_option(PassContext *cx, const char *word)
{
    for (size_t i = 0; i < COUNT(option); i++) {
        size_t n = strlen(option[i].key);

        if (strncmp(word, option[i].key, n) == 0) {
            option[i].set(cx, word + n);
            return;
        }
    }
    golden_die("no option %s", word);
}

/* `NAME=LO..HI`, the same range for every channel. */
static void
put_range(Calib *calib, const Graph *g, char *word)
{
    char *eq = strrchr(word, '='), *dots = eq ? strstr(eq, "..") : NULL;
    CalibEntry e = {.name = word};

    if (!dots)
        golden_die("not NAME=LO..HI: %s", word);
    *eq = *dots = '\0';
    e.range = (Range){strtof(eq + 1, NULL), strtof(dots + 2, NULL)};
    for (ValId v = 1; v < g->nval; v++)
        if (strcmp(g->val[v].name, word) == 0)
            e.n = (uint32_t)vq_cols(vq_type(g, v));
    if (!e.n)
        golden_die("calib: the graph has no value %s", word);
    e.channel = NEWN(g->arena, Range, e.n);
    for (uint32_t i = 0; i < e.n; i++)
        e.channel[i] = e.range;
    vq_calib_put(calib, word, e);
}

static Calib *
make_calib(const Graph *g, Diag *d, const char *text)
{
    Arena *a = g->arena;
    Calib *calib;
    int images;

    if (sscanf(text, "random %d", &images) == 1)
        return vq_calib_random(a, d, g, images, 1);
    calib = vq_calib_empty(a);
    for (char *s = strtok(vq_strdup(a, text), ", "); s; s = strtok(NULL, ", "))
        put_range(calib, g, s);
    return calib;
}

bool
golden_run(Graph *g, Diag *d, const Golden *golden)
{
    PassContext cx = {.diag = d, .level = 2, .pbits = 16};
    char *options = vq_strdup(g->arena, golden->options ? golden->options : "");

    for (char *s = strtok(options, " "); s; s = strtok(NULL, " "))
        set_option(&cx, s);
    if (golden->calib && !(cx.calib = make_calib(g, d, golden->calib)))
        return false;
    for (int i = 0; i < golden->nrun; i++) {
        PassOptions po = {.only = golden->run[i], .bisect_limit = -1};

        if (vq_find_pass(golden->run[i]) < 0)
            golden_die("no pass %s", golden->run[i]);
        if (!vq_run_passes(g, &cx, &po, 0, vq_npasses))
            return false;
    }
    return true;
}
