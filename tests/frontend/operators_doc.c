/*
 * operators_doc.c -- docs/operators.md, from the frontend's tables.
 *
 *     operators_doc FILE           is it what the tables say?
 *     operators_doc FILE --write   makes it so
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

typedef struct Row {
    const char *domain, *name, *fn;
    int since, until;
} Row;

static const Row rows[] = {
#define ONNX(domain, name, since, until, lo, hi, fn, kind)                     \
    {domain, name, #fn, since, until},
#include "frontend/onnx_ops.def"
#undef ONNX
};

typedef struct Refused {
    const char *domain, *name, *help;
} Refused;

static const Refused refused[] = {
#define REFUSED(domain, name, help) {domain, name, help},
#include "frontend/refused.def"
#undef REFUSED
};

/* Emit functions of what must not depend on the model's input, and of what is
 * known whatever its input. */
static const char *const folded[] = {
    "known_binary",
    "known_unary",
    "known_function",
    "arg",
    "topk",
    "cumsum",
    "one_hot",
    "nonzero",
    "hardmax",
    "reduce_prod",
    "range",
    "constant_of_shape",
};

static const char intro[] =
    "# ONNX operators\n"
    "\n"
    "Made from `frontend/onnx_ops.def` and `frontend/refused.def`; a test "
    "holds them\n"
    "together. `operators_doc docs/operators.md --write` makes it anew.\n"
    "\n"
    "A model may be of any `ir_version` and of any opset from 7 on in which "
    "its\n"
    "operators have the meaning below. Its own functions are written out, an "
    "`If` whose\n"
    "condition is known when it is compiled becomes the branch that is taken, "
    "and a\n"
    "`Loop` whose rounds are known becomes them, one after the other. What "
    "depends on\n"
    "constants and shapes alone is computed at compile time.\n"
    "\n"
    "**Types.** Inputs and outputs of the compiled model are f32, also where "
    "the ONNX\n"
    "file says float16, bfloat16 or double: all of these are computed as f32 "
    "before they\n"
    "are quantized, and weights are read from any of them. Integers of 2 to "
    "64 bits and\n"
    "bool are for shapes, indices, masks and codes. Strings, complex numbers "
    "and floats\n"
    "of 8 and fewer bits are refused. Sparse initializers are written out up "
    "to 256 MiB.\n"
    "\n"
    "**Optional inputs** may be left out by an empty name. Initializers may "
    "also be\n"
    "listed as inputs, as before IR version 4.\n"
    "\n"
    "**The ONNX project's operator tests** of what Vision Transformers are "
    "made of pass,\n"
    "but for those that `tests/frontend/node_known.def` names with a "
    "reason.\n"
    "\n"
    "## Read\n"
    "\n"
    "*folded*: only on what is known at compile time.\n"
    "\n"
    "| operator | opset | |\n"
    "|---|---|---|\n";

static const char between[] = "\n"
                              "## Refused\n"
                              "\n"
                              "Each by name, with what to do:\n"
                              "\n"
                              "| operator | |\n"
                              "|---|---|\n";

static int
by_name(const void *a, const void *b)
{
    const Row *const *x = a, *const *y = b;
    int d = strcmp((*x)->domain, (*y)->domain);

    d = d ? d : strcmp((*x)->name, (*y)->name);
    return d ? d : (*x)->since - (*y)->since;
}

static bool
is_folded(const char *fn)
{
    for (size_t i = 0; i < COUNT(folded); i++)
        if (strcmp(folded[i], fn) == 0)
            return true;
    return false;
}

static void
put_row(FILE *f, const Row *r)
{
    fprintf(f, "| %s%s%s | ", r->domain, *r->domain ? "." : "", r->name);
    if (*r->domain)
        fprintf(f, "any");
    else if (!r->until)
        fprintf(f, "%d-", r->since);
    else if (r->until == r->since)
        fprintf(f, "%d", r->since);
    else
        fprintf(f, "%d-%d", r->since, r->until);
    fprintf(f, " |%s |\n", is_folded(r->fn) ? " folded" : "");
}

static void
put_all(FILE *f)
{
    const Row *order[COUNT(rows)];

    for (size_t i = 0; i < COUNT(rows); i++)
        order[i] = &rows[i];
    qsort(order, COUNT(rows), sizeof *order, by_name);
    fputs(intro, f);
    for (size_t i = 0; i < COUNT(rows); i++)
        put_row(f, order[i]);
    fputs(between, f);
    for (size_t i = 0; i < COUNT(refused); i++)
        fprintf(f, "| %s%s%s | %s |\n", refused[i].domain,
                *refused[i].domain ? "." : "", refused[i].name,
                refused[i].help);
}

static bool
same(const char *text, size_t n, const char *path)
{
    char *have = malloc(n + 1);
    FILE *f = fopen(path, "rb");
    bool yes = have && f && fread(have, 1, n + 1, f) == n &&
               memcmp(have, text, n) == 0;

    if (f)
        fclose(f);
    free(have);
    if (!yes)
        fprintf(stderr,
                "%s is not what the tables say: operators_doc %s "
                "--write\n",
                path, path);
    return yes;
}

int
main(int argc, char **argv)
{
    char *text;
    size_t n;
    FILE *f;
    bool ok;

    if (argc < 2)
        return 2;
    if (argc > 2 && strcmp(argv[2], "--write") == 0) {
        f = fopen(argv[1], "wb");
        if (!f)
            return 1;
        put_all(f);
        return fclose(f) != 0;
    }
    f = open_memstream(&text, &n);
    if (!f)
        return 1;
    put_all(f);
    fclose(f);
    ok = same(text, n, argv[1]);
    free(text);
    return !ok;
}
