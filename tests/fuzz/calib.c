/*
 * calib.c -- a saved calibration: what is read can be saved and read again,
 * and a graph either takes it and compiles or refuses it.
 */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "passes/calib.h"
#include "passes/pass.h"

/* The graph that the ranges are for; tests/fuzz/seeds.sh saves its own. */
static const char text[] =
    "vir 1 facts fused\n"
    "const $g: f32[4] = {1, 2, 0.5, 1}\n"
    "const $b: f32[4] = {0.5, -0.5, 0, 0}\n"
    "const $w: f32[4x4] = {1, 0, 0, 0.5, 0, 1, 0, 0, 0, 0, 1, 0, 1, 0, 0, 1}\n"
    "graph g(%x: f32[1x3x4]) -> (%y) {\n"
    "  %n: f32[1x3x4] = layernorm %x, $g, $b eps=1e-5\n"
    "  %q: f32[1x3x4] = linear %n, $w\n"
    "  %a: f32[1x3x4] = attention %q, %n, %n heads=2 scale=0.5\n"
    "  %e: f32[1x3x4] = gelu %a tanh=0\n"
    "  %h: f32[1x3x4] = linear %e, $w, $b\n"
    "  %y: f32[1x3x4] = add %h, %x\n"
    "}\n";

static char *
save(Fuzz *f, const Calib *c, size_t *n)
{
    char *bytes = vq_alloc(&f->arena, 1 << 20);
    FILE *file = fmemopen(bytes, 1 << 20, "wb");

    fuzz_check(file != NULL, "there is memory for it");
    vq_calib_save(c, file, "key");
    *n = (size_t)ftell(file);
    fuzz_check(!ferror(file) && fclose(file) == 0, "it can be saved");
    return bytes;
}

static void
check_copy(Fuzz *f, const Calib *c)
{
    size_t n, m;
    char *once = save(f, c, &n), *twice;
    Calib *again = vq_calib_load(&f->arena, &f->diag,
                                 fuzz_file(f, "again.json", once, n), "key");

    fuzz_check(again != NULL, "what was saved can be read");
    twice = save(f, again, &m);
    fuzz_check(n == m && memcmp(once, twice, n) == 0,
               "what was read is saved the same");
}

static void
compile(Fuzz *f, Calib *c)
{
    Graph *g = vq_parse(&f->arena, &f->diag, text, sizeof text - 1, NULL, 0);
    PassContext cx = {.diag = &f->diag, .level = 2, .pbits = 16, .calib = c};
    PassOptions all = {.bisect_limit = -1};

    fuzz_check(g != NULL, "the graph parses");
    if (!vq_calib_check(c, &f->diag, g) ||
        !vq_run_passes(g, &cx, &all, 0, vq_npasses))
        fuzz_check_said(f, false);
    else
        fuzz_evaluate(f, g);
}

void
fuzz_target(Fuzz *f, const uint8_t *data, size_t n)
{
    Calib *c = vq_calib_load(&f->arena, &f->diag,
                             fuzz_file(f, "in.json", data, n), NULL);

    fuzz_check_said(f, c != NULL);
    if (!c)
        return;
    if (n < 1 << 14)
        check_copy(f, c);
    compile(f, c);
}
