/*
 * vir.c -- a graph's text: what is read prints, what prints reads as the same
 * text, passes run on it, and small graphs evaluate before and after.
 *
 * Golden files are inputs, too: what follows a line `---` is not read.
 */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

static size_t
text_length(const uint8_t *data, size_t n)
{
    static const char line[] = "\n---\n";
    const size_t len = sizeof line - 1;

    for (size_t i = 0; i + len <= n; i++)
        if (memcmp(data + i, line, len) == 0)
            return i + 1;
    return n;
}

static void
check_round_trip(Fuzz *f, const Graph *g)
{
    size_t n, m, nblob;
    char *blob, *text = fuzz_print(f, g, &n, &blob, &nblob);
    Graph *again = vq_parse(&f->arena, &f->diag, text, n, blob, nblob);
    char *twice;

    fuzz_check(again != NULL, "what prints parses");
    twice = fuzz_print(f, again, &m, &blob, &nblob);
    fuzz_check(n == m && memcmp(text, twice, n) == 0,
               "what was parsed prints the same");
}

/* The importer makes graphs of f32 alone. */
static bool
is_handmade(const Graph *g)
{
    for (ValId v = 1; v < g->nval; v++)
        if (g->val[v].type.dt != DT_F32)
            return true;
    return false;
}

void
fuzz_target(Fuzz *f, const uint8_t *data, size_t n)
{
    static char blob[1 << 14];
    Graph *g;

    for (size_t i = 0; i < sizeof blob; i++)
        blob[i] = (char)(i * i + 3 * i);
    n = text_length(data, n);
    g = vq_parse(&f->arena, &f->diag, (const char *)data, n, blob, sizeof blob);
    fuzz_check_said(f, g != NULL);
    if (!g)
        return;
    if (fuzz_is_small(g)) {
        check_round_trip(f, g);
        fuzz_evaluate(f, g);
    }
    f->handmade = is_handmade(g);
    if (!fuzz_compile(f, g, fuzz_hash(data, n))) {
        fuzz_check_said(f, false);
        return;
    }
    if (fuzz_is_small(g)) {
        check_round_trip(f, g);
        fuzz_evaluate(f, g);
    }
}
