/*
 * node_test.c -- the ONNX project's operator tests.
 *
 *     node_test NAME FOLDER [-v] [FILTER]
 *
 * FOLDER has one folder a test: model.onnx,
 * test_data_set_0/{input,output}_N.pb. Each model is imported and evaluated up
 * to three times: with its float inputs as inputs; with all but the first made
 * initializers; and with all made initializers, so that the frontend folds the
 * whole model. Integer and bool inputs are initializers always. Models that are
 * refused are counted by reason; a wrong result fails, and so do fewer passes
 * than `least`, and a test of an operator on the list that does not pass and
 * stands in no table.
 */
#include "tests/frontend/node_case.h"

#include <dirent.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SKIP = 77, MAXREASONS = 600 };

typedef struct Suite {
    const char *name;
    unsigned least; /* models that pass today */
} Suite;

static const Suite suites[] = {
    {"shared", 439}, {"debian", 691}, {"operator", 23}, {"converted", 51}};

/* Without these no family of Vision Transformers loads: all tests of them pass
 * or stand in node_known.def. */
static const char *const required[] = {
    "MatMul",
    "Add",
    "Reshape",
    "Transpose",
    "Softmax",
    "LayerNormalization",
    "Mul",
    "Conv",
    "Gemm",
    "Concat",
    "Constant",
    "Identity",
    "Div",
    "Erf",
    "Split",
    "Squeeze",
    "Unsqueeze",
    "Gather",
    "Slice",
    "ReduceMean",
    "Sub",
    "Pow",
    "Sqrt",
    "Shape",
    "Cast",
    "Expand",
    "Where",
    "Equal",
    "ConstantOfShape",
    "Flatten",
    "QuantizeLinear",
    "DequantizeLinear",
    "Gelu",
    "Sigmoid",
    "Tanh",
    "Clip",
    "Relu",
    "Dropout",
    "Pad",
    "Resize",
    "GlobalAveragePool",
    "BatchNormalization",
    "AveragePool",
    "MaxPool",
    "HardSwish",
    "HardSigmoid",
    "Range",
    "Mod",
    "ScatterND",
    "Not",
    "And",
    "Or",
    "Neg",
    "Reciprocal",
    "Exp",
    "ReduceSum",
    "ReduceMax",
    "ReduceL2",
    "Max",
    "Min",
    "Tile",
    "Attention",
    "IsNaN",
    "Sum",
    "Abs",
    "CastLike",
    "Log",
    "LogSoftmax",
    "ReduceLogSum",
    "ReduceLogSumExp",
    "Softplus",
    "Mish",
};

typedef struct Known {
    bool differs; /* or else is refused */
    const char *pattern, *reason;
} Known;

static const Known known[] = {
#define REFUSED(pattern, reason) {false, pattern, reason},
#define DIFFERS(pattern, reason) {true, pattern, reason},
#include "tests/frontend/node_known.def"
#undef REFUSED
#undef DIFFERS
};

typedef struct Reason {
    char text[160];
    unsigned count;
} Reason;

typedef struct Run {
    bool verbose;
    unsigned passed, skipped, failed;
    Reason reason[MAXREASONS];
    unsigned nreason;
} Run;

static void
note_reason(Run *r, const char *text)
{
    for (unsigned i = 0; i < r->nreason; i++)
        if (strcmp(r->reason[i].text, text) == 0) {
            r->reason[i].count++;
            return;
        }
    if (r->nreason < MAXREASONS) {
        snprintf(r->reason[r->nreason].text, sizeof r->reason->text, "%s",
                 text);
        r->reason[r->nreason++].count = 1;
    }
}

/* A test in other operators' words is a test of its own. */
static bool
matches(const Known *row, const char *name)
{
    return fnmatch(row->pattern, name, 0) == 0 &&
           !strstr(row->pattern, "_expanded") == !strstr(name, "_expanded");
}

/* The row of a test, of those it differs from or those refused. */
static const Known *
find_known(const char *name, bool differs)
{
    for (size_t i = 0; i < COUNT(known); i++)
        if (known[i].differs == differs && matches(&known[i], name))
            return &known[i];
    return NULL;
}

static bool
is_required_op(const char *op)
{
    for (size_t i = 0; op && i < COUNT(required); i++)
        if (strcmp(required[i], op) == 0)
            return true;
    return false;
}

/* A test of nothing but operators on the list. */
static bool
is_required(const char *dir)
{
    Arena a = {0};
    Case c = {.arena = &a};
    const Onnx__GraphProto *g;
    bool all = case_load(&c, dir) && c.model->graph->n_node > 0;

    g = all ? c.model->graph : NULL;
    for (size_t i = 0; g && i < g->n_node; i++)
        all = all && is_required_op(g->node[i]->op_type);
    vq_arena_free(&a);
    return all;
}

/* Holds what came out against the lists. */
static void
hold_to_lists(Run *r, const char *dir, const char *name, Outcome o)
{
    const Known *row = find_known(name, false);

    if (o == WRONG || !is_required(dir))
        return;
    if (o == PASSED && row)
        printf("FAILED %s: passes, but stands in node_known.def\n", name);
    else if (o != PASSED && !row)
        printf("FAILED %s: neither passes nor stands in node_known.def\n",
               name);
    else
        return;
    r->failed++;
}

static void
run_case(Run *r, const char *dir, const char *name)
{
    Outcome worst = NOTHING;
    char why[160] = "";

    for (int mode = 0; mode < NMODES; mode++) {
        Arena a = {0};
        Case c = {.arena = &a};
        Diag d = {.fn = case_message, .user = &c};
        Outcome o;

        c.diag = &d;
        o = case_run(&c, dir, mode);
        if (o == WRONG)
            printf("FAILED %s, form %d: %s\n", name, mode, c.first);
        if (o != NOTHING && (worst == NOTHING || o == WRONG ||
                             (o == PASSED && worst == REFUSED)))
            worst = o;
        if (o == REFUSED && !why[0])
            memcpy(why, c.first, sizeof why);
        if (r->verbose)
            printf("%s, form %d: %s %s\n", name, mode,
                   (const char *[]){"passed", "refused", "WRONG", "-"}[o],
                   c.first);
        vq_arena_free(&a);
    }
    r->passed += worst == PASSED;
    r->failed += worst == WRONG;
    r->skipped += worst == REFUSED || worst == NOTHING;
    hold_to_lists(r, dir, name, worst);
    if (worst == REFUSED || worst == NOTHING)
        note_reason(r, worst == REFUSED ? why : "no tensors in, or out");
}

static int
by_count(const void *a, const void *b)
{
    const Reason *x = a, *y = b;

    return x->count != y->count ? (x->count < y->count) - (x->count > y->count)
                                : strcmp(x->text, y->text);
}

static int
finish(Run *r, const Suite *suite, bool filtered)
{
    qsort(r->reason, r->nreason, sizeof *r->reason, by_count);
    printf("refused:\n");
    for (unsigned i = 0; i < r->nreason; i++)
        printf("%5u  %s\n", r->reason[i].count, r->reason[i].text);
    printf("%s: %u passed, %u refused, %u failed\n", suite->name, r->passed,
           r->skipped, r->failed);
    if (!filtered && r->passed < suite->least) {
        printf("fewer passed than the %u that did before\n", suite->least);
        return 1;
    }
    return r->failed != 0;
}

int
main(int argc, char **argv)
{
    static Run run;
    const Suite *suite = NULL;
    const char *filter = NULL;
    struct dirent **entry;
    int n;

    for (size_t i = 0; argc > 2 && i < COUNT(suites); i++)
        if (strcmp(suites[i].name, argv[1]) == 0)
            suite = &suites[i];
    if (!suite)
        return 2;
    for (int i = 3; i < argc; i++)
        if (strcmp(argv[i], "-v") == 0)
            run.verbose = true;
        else
            filter = argv[i];
    n = scandir(argv[2], &entry, NULL, alphasort);
    if (n < 0) {
        printf("skipped: no folder %s\n", argv[2]);
        return SKIP;
    }
    for (int i = 0; i < n; i++) {
        char dir[4096];

        snprintf(dir, sizeof dir, "%s/%s", argv[2], entry[i]->d_name);
        if (entry[i]->d_name[0] != '.' && !find_known(entry[i]->d_name, true) &&
            (!filter || strstr(entry[i]->d_name, filter)))
            run_case(&run, dir, entry[i]->d_name);
        free(entry[i]);
    }
    free(entry);
    return finish(&run, suite, filter != NULL);
}
