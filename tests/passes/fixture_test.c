/*
 * fixture_test.c -- whole models, as exporters write them, fuse completely.
 *
 *     passes_fixture_test DIRECTORY
 *
 * Every .onnx of the directory is imported and run through the passes up to
 * the fused graph. What is left must be the ops that a ViT is made of, each
 * block in the same few, and the outputs must not change; if the model's
 * batch is not fixed, for a batch of three as well.
 */
#include "frontend/frontend.h"
#include "tests/passes/graphs.h"

#include <glob.h>

/* Ops that may remain; the three numbers are how many for b blocks:
 * at least b * per + least, at most b * per + most. */
static const struct {
    OpKind op;
    int per, least, most;
} wanted[] = {
    {OP_LINEAR, 6, 2, 4},    /* patches, head, pooler, second head */
    {OP_LAYERNORM, 2, 1, 2}, /* last, before the first block */
    {OP_GELU, 1, 0, 0},        {OP_ATTENTION, 1, 0, 0},
    {OP_ADD, 2, 1, 2},       /* positions, the two heads of DeiT */
    {OP_RESHAPE, 0, 2, 3},   /* patches, rank of the result */
    {OP_TRANSPOSE, 0, 1, 1}, /* patches */
    {OP_CONCAT, 0, 0, 1},      {OP_SLICE, 0, 1, 4},
    {OP_REDUCE_MEAN, 0, 0, 1}, {OP_TANH, 0, 0, 1},
    {OP_SOFTMAX, 0, 0, 1},     {OP_MUL, 0, 0, 1},
};

static const char *directory;

static void
check_ops(const Graph *g, const char *path)
{
    int blocks = (int)count_ops(g, OP_ATTENTION);
    unsigned known = 0;

    if (!blocks)
        fail_msg("%s: no attention is left", path);
    for (size_t i = 0; i < COUNT(wanted); i++) {
        bool gelu = wanted[i].op == OP_GELU; /* QuickGELU is a function */
        int n = (int)(count_ops(g, wanted[i].op) +
                      (gelu ? count_ops(g, OP_FUNCTION) : 0));
        int base = wanted[i].per * blocks;

        known += (unsigned)n;
        if (n < base + wanted[i].least || n > base + wanted[i].most)
            fail_msg("%s: %d times %s for %d blocks", path, n,
                     vq_op[wanted[i].op].text, blocks);
    }
    if (known != count_ops(g, NOP))
        fail_msg("%s: %u ops of other kinds", path, count_ops(g, NOP) - known);
}

static void
check_model(const char *path, int64_t batch)
{
    ImportOptions io = {.batch = batch};
    Graph *g = vq_onnx_read(&A, &diag, path, &io);
    PassContext cx = {.diag = &diag, .level = 2};
    PassOptions o = {.bisect_limit = -1};
    const float *before, *after;
    double off;

    if (!g) {
        if (batch > 1 && strstr(said, "is fixed to 1"))
            return;
        fail_msg("%s: %s", path, said);
    }
    before = evaluate(g, 3);
    if (!vq_run_passes(g, &cx, &o, 0, (unsigned)vq_find_pass("dce") + 1))
        fail_msg("%s: %s", path, said);
    after = evaluate(g, 3);
    off = difference(before, after, vq_count(vq_type(g, g->out[0])));
    if (!(off < 1e-5))
        fail_msg("%s: off by %g", path, off);
    check_ops(g, path);
}

static void
test_fixtures(void **state)
{
    char pattern[1024];
    glob_t files;

    (void)state;
    snprintf(pattern, sizeof pattern, "%s/*.onnx", directory);
    assert_int_equal(glob(pattern, 0, NULL, &files), 0);
    for (size_t i = 0; i < files.gl_pathc; i++)
        for (int64_t batch = 1; batch <= 3; batch += 2) {
            said[0] = '\0';
            check_model(files.gl_pathv[i], batch);
            vq_arena_free(&A);
        }
    globfree(&files);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_fixtures, start, finish),
    };

    if (argc != 2)
        return 2;
    directory = argv[1];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
