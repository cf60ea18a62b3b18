/*
 * zoo_test.c -- models of many families as exporters write them
 * (tests/models/zoo, listed in its expected.txt): the imported graph gives ONNX
 * Runtime's outputs, all of them.
 */
#include "data/data.h"
#include "ir/eval.h"
#include "tests/frontend/mkonnx.h"

#include <cmocka.h>
#include <math.h>
#include <setjmp.h>
#include <string.h>

#define LIMIT 1e-4f /* of the largest |output| */

static char said[512];

static void
note(void *user, Severity sev, const char *file, Loc loc, const char *text)
{
    (void)user;
    if (sev == SEV_ERROR)
        snprintf(said, sizeof said, "%s: %s: %s", file,
                 loc.node ? loc.node : "", text);
}

static float *
read_rows(Arena *a, const char *path, int64_t *rows, int64_t *cols)
{
    Diag d = {.fn = note};
    Npy f;
    float *x;

    if (!vq_npy_open(a, &d, path, &f))
        fail_msg("%s", said);
    *rows = f.rows;
    *cols = f.cols;
    x = NEWN(a, float, (size_t)(f.rows * f.cols));
    assert_true(vq_npy_rows_f32(&f, &d, a, 0, f.rows, x));
    return x;
}

/* The file of inputs that fits, by side and layout. */
static const char *
input_file(Arena *a, const Graph *g)
{
    const Type *t = vq_type(g, g->in[0]);

    assert_int_equal(t->rank, 4);
    if (t->dim[3] == 3)
        return MODELS "/input_nhwc.npy";
    if (t->dim[3] == 32)
        return MODELS "/input.npy";
    return vq_format(a, MODELS "/input%d.npy", (int)t->dim[3]);
}

/* One image through the graph: its outputs, one after the other. */
static float *
run_graph(Arena *a, const Graph *g, const float *x, int64_t n)
{
    float *all = NEWN(a, float, (size_t)n);
    void **y = NEWN(a, void *, g->nout);
    int64_t at = 0;

    for (uint32_t i = 0; i < g->nout; i++) {
        y[i] = all + at;
        at += vq_count(vq_type(g, g->out[i]));
        assert_true(at <= n);
    }
    assert_int_equal(at, n);
    vq_eval(g, a, (const void *[]){x}, y, NULL, NULL);
    return all;
}

static void
assert_close(const char *name, const float *got, const float *want, int64_t n)
{
    float most = 0, worst = 0;

    for (int64_t i = 0; i < n; i++) {
        assert_true(isfinite(got[i]));
        most = fmaxf(most, fabsf(want[i]));
        worst = fmaxf(worst, fabsf(got[i] - want[i]));
    }
    if (!(worst <= LIMIT * most))
        fail_msg("%s: differs by %g of %g", name, (double)worst, (double)most);
}

/* A model that was refused when it was recorded may still be. */
static void
check_model(const char *name, bool reads)
{
    Arena arena = {0}, *a = &arena;
    Diag d = {.fn = note};
    Graph *g =
        vq_onnx_read(a, &d, vq_format(a, MODELS "/zoo/%s.onnx", name), NULL);
    int64_t rows, pixels, n;
    float *x, *want;

    if (!g && reads)
        fail_msg("%s", said);
    if (g) {
        assert_true(vq_verify(g, &d, "import"));
        x = read_rows(a, input_file(a, g), &rows, &pixels);
        want = read_rows(a, vq_format(a, MODELS "/zoo/%s.out.npy", name), &rows,
                         &n);
        for (int64_t i = 0; i < rows; i++)
            assert_close(name, run_graph(a, g, x + i * pixels, n), want + i * n,
                         n);
    }
    vq_arena_free(a);
}

static void
test_outputs(void **state)
{
    FILE *list = fopen(MODELS "/zoo/expected.txt", "r");
    char line[256], name[128], sqnr[32], error[32];
    int count = 0;

    (void)state;
    assert_non_null(list);
    while (fgets(line, sizeof line, list)) {
        if (line[0] == '#')
            continue;
        assert_int_equal(sscanf(line, "%127s %31s %31s", name, sqnr, error), 3);
        check_model(name, strcmp(error, "-") != 0);
        count++;
    }
    fclose(list);
    assert_true(count >= 40);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_outputs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
