/*
 * quantized_test.c -- whole models that are quantized already fuse completely,
 * and keep what they were given.
 *
 *     passes_quantized_test DIRECTORY
 *
 * Every .onnx of the directory (tests/models/quantize.py) goes through all
 * passes. Weights lose nothing, grids stay unless they have 16 bits, and the
 * integer graph computes about what the float graph does.
 */
#include "frontend/frontend.h"
#include "passes/calib.h"
#include "passes/report.h"
#include "tests/passes/graphs.h"

#include <glob.h>

enum { BLOCKS = 2, ALL_CHANNELS = 32 + BLOCKS * (4 * 32 + 64 + 32) + 10 };

static const char *directory;

static void
check_fused(const Graph *g, const char *path)
{
    unsigned functions = count_ops(g, OP_GELU) + count_ops(g, OP_LOOKUP);
    unsigned moves = count_ops(g, OP_RESHAPE) + count_ops(g, OP_TRANSPOSE) +
                     count_ops(g, OP_SLICE) + count_ops(g, OP_CONCAT);
    unsigned known = functions + moves + count_ops(g, OP_LINEAR) +
                     count_ops(g, OP_LAYERNORM) + count_ops(g, OP_ATTENTION) +
                     count_ops(g, OP_ADD) + count_ops(g, OP_FAKEQUANT);

    if (count_ops(g, OP_ATTENTION) != BLOCKS || functions != BLOCKS ||
        count_ops(g, OP_LINEAR) != 6 * BLOCKS + 2 ||
        count_ops(g, OP_LAYERNORM) != 2 * BLOCKS + 1 ||
        known != count_ops(g, NOP))
        fail_msg("%s: %u attentions, %u functions, %u linears, %u layernorms, "
                 "%u others",
                 path, count_ops(g, OP_ATTENTION), functions,
                 count_ops(g, OP_LINEAR), count_ops(g, OP_LAYERNORM),
                 count_ops(g, NOP) - known);
}

static void
check_given(const Report *r, unsigned asked, const char *path)
{
    bool wide = strstr(path, "u16") != NULL;
    /* A few channels of u8 weights reach further than 127 codes from their
     * zero point; the dynamic model has a float patch embedding besides. */
    bool u8 = strstr(path, "u8u8") || strstr(path, "dynamic");
    int64_t least = u8 ? ALL_CHANNELS * 9 / 10 : ALL_CHANNELS;

    if (r->given.channels != ALL_CHANNELS || r->given.exact < least)
        fail_msg("%s: %lld of %lld channels are exact", path,
                 (long long)r->given.exact, (long long)r->given.channels);
    if (r->given.kept + r->given.loosened != asked ||
        (wide ? r->given.loosened == 0 : r->given.loosened != 0))
        fail_msg("%s: %u kept and %u loosened of %u", path, r->given.kept,
                 r->given.loosened, asked);
}

static void
check_model(const char *path)
{
    Graph *g = vq_onnx_read(&A, &diag, path, NULL);
    Report report = {.arena = &A};
    PassContext cx = {
        .diag = &diag, .level = 2, .pbits = 16, .report = &report};
    PassOptions o = {.bisect_limit = -1};
    unsigned cut = (unsigned)vq_find_pass("quantize"), asked;
    const float *before, *after;
    double off;

    if (!g || !vq_run_passes(g, &cx, &o, 0, cut))
        fail_msg("%s: %s", path, said);
    check_fused(g, path);
    asked = count_ops(g, OP_FAKEQUANT);
    cx.calib = vq_calib_random(&A, &diag, g, 8, 5);
    before = evaluate(g, 3);
    if (!cx.calib || !vq_run_passes(g, &cx, &o, cut, vq_npasses))
        fail_msg("%s: %s", path, said);
    after = evaluate(g, 3);
    off = difference(before, after, vq_count(vq_type(g, g->out[0])));
    if (!(off < 0.1))
        fail_msg("%s: off by %g", path, off);
    check_given(&report, asked, path);
}

static void
test_models(void **state)
{
    char pattern[1024];
    glob_t files;

    (void)state;
    snprintf(pattern, sizeof pattern, "%s/*.onnx", directory);
    assert_int_equal(glob(pattern, 0, NULL, &files), 0);
    for (size_t i = 0; i < files.gl_pathc; i++) {
        said[0] = '\0';
        check_model(files.gl_pathv[i]);
        vq_arena_free(&A);
    }
    globfree(&files);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_models, start, finish),
    };

    if (argc != 2)
        return 2;
    directory = argv[1];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
