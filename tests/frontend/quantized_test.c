/*
 * quantized_test.c -- models quantized by ONNX Runtime (tests/models/
 * quantize.py): the float graph computes what ONNX Runtime computes for the
 * file, roundings included.
 */
#include "data/data.h"
#include "tests/frontend/mkonnx.h"

#include <cmocka.h>
#include <math.h>
#include <setjmp.h>

typedef struct Model {
    const char *name;
    float limit; /* of the largest |output| */
} Model;

/* ONNX Runtime rounds a dynamic model's activations by ranges of their own,
 * and 65536 codes for sums that differ in their last bit now and then. */
static const Model models[] = {
    {"qdq_u8s8", 1e-5f},
    {"qdq_s8s8", 1e-5f},
    {"qdq_linear_u8s8", 1e-5f},
    {"qdq_linear_u8u8_tensor", 1e-5f},
    {"qdq_linear_s8s8_symmetric", 1e-5f},
    {"qdq_u16s8", 2e-4f},
    {"qop_u8s8", 1e-5f},
    {"qop_s8s8", 1e-5f},
    {"dynamic_u8", 3e-2f},
};

static void
stop(void *user, Severity sev, const char *file, Loc loc, const char *text)
{
    (void)user;
    (void)sev;
    fail_msg("%s: %s: %s", file, loc.node ? loc.node : "", text);
}

static float *
read_rows(Arena *a, const char *path, int64_t *rows, int64_t *cols)
{
    Diag d = {.fn = stop};
    Npy f;
    float *x;

    assert_true(vq_npy_open(a, &d, path, &f));
    *rows = f.rows;
    *cols = f.cols;
    x = NEWN(a, float, (size_t)(f.rows * f.cols));
    assert_true(vq_npy_rows_f32(&f, &d, a, 0, f.rows, x));
    return x;
}

static void
run_model(const Model *model)
{
    Make m = {0};
    Arena *a = &m.arena;
    Diag d = {.fn = stop};
    const char *base = vq_format(a, "%s/quantized/%s", MODELS, model->name);
    Graph *g = vq_onnx_read(a, &d, vq_format(a, "%s.onnx", base), NULL);
    int64_t rows, pixels, classes;
    const float *x =
        read_rows(a, vq_format(a, "%s/input.npy", MODELS), &rows, &pixels);
    const float *want =
        read_rows(a, vq_format(a, "%s.out.npy", base), &rows, &classes);

    assert_non_null(g);
    assert_true(vq_verify(g, &d, "import"));
    for (int64_t i = 0; i < rows; i++) {
        const float *got = make_run(&m, g, x + i * pixels);
        float most = 0, off = 0;

        for (int64_t c = 0; c < classes; c++) {
            most = fmaxf(most, fabsf(want[i * classes + c]));
            off = fmaxf(off, fabsf(want[i * classes + c] - got[c]));
        }
        if (!(off <= model->limit * most))
            fail_msg("%s: off by %g of %g", model->name, (double)off,
                     (double)most);
    }
    vq_arena_free(a);
}

static void
test_outputs(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(models); i++)
        run_model(&models[i]);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_outputs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
