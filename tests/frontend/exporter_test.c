/*
 * exporter_test.c -- models as exporters and quantizers write them
 * (tests/models/plain.py, converters.py, quantize.py): they give the outputs of
 * PyTorch or, roundings included, of ONNX Runtime; static and dynamic exports
 * of one model are one graph.
 */
#include "data/data.h"
#include "tests/frontend/mkonnx.h"

#include <cmocka.h>
#include <math.h>
#include <setjmp.h>
#include <string.h>

typedef struct Model {
    const char *name;
    float limit; /* of the largest |output| */
} Model;

/* ONNX Runtime rounds a dynamic model's activations by ranges of their own,
 * and 65536 codes for sums that differ in their last bit now and then. */
static const Model models[] = {
    {"timm_op13", 1e-4f},
    {"timm_op14_scale_mean", 1e-4f},
    {"timm_op17", 1e-4f},
    {"hf_op11", 1e-4f},
    {"hf_op14_pooler", 1e-4f},
    {"torchvision_op17", 1e-4f},
    {"sdpa_op14_tanh", 1e-4f},
    {"sdpa_op18", 1e-4f},
    {"dynamo_op18", 1e-4f},
    {"converters/keras_op13", 1e-4f},
    {"converters/keras_op15_tanh", 1e-4f},
    {"converters/keras_op18_dyn", 1e-4f},
    {"converters/paddle_op9", 1e-4f},
    {"converters/paddle_op11", 1e-4f},
    {"converters/paddle_op17", 1e-4f},
    {"converters/optimized_vit", 1e-4f},
    {"converters/optimized_attention", 1e-4f},
    {"converters/optimized_multihead", 1e-4f},
    {"converters/optimized_clip", 1e-4f},
    {"converters/optimized_vit_f16", 5e-3f}, /* halves there, f32 here */
    {"kept/elementwise", 1e-4f},
    {"kept/axes", 1e-4f},
    {"quantized/qdq_u8s8", 1e-5f},
    {"quantized/qdq_s8s8", 1e-5f},
    {"quantized/qdq_linear_u8s8", 1e-5f},
    {"quantized/qdq_linear_u8u8_tensor", 1e-5f},
    {"quantized/qdq_linear_s8s8_symmetric", 1e-5f},
    {"quantized/qdq_u16s8", 2e-4f},
    {"quantized/qop_u8s8", 1e-5f},
    {"quantized/qop_s8s8", 1e-5f},
    {"quantized/dynamic_u8", 3e-2f},
};
static const char *const dynamic[] = {
    "timm_op13",        "timm_op17",      "hf_op14_pooler",
    "torchvision_op17", "sdpa_op14_tanh", "dynamo_op18",
};

static void
stop(void *user, Severity sev, const char *file, Loc loc, const char *text)
{
    (void)user;
    (void)sev;
    fail_msg("%s: %s: %s", file, loc.node ? loc.node : "", text);
}

static Graph *
read_model(Arena *a, const char *name, const char *suffix, int64_t batch)
{
    Diag d = {.fn = stop};
    Graph *g =
        vq_onnx_read(a, &d, vq_format(a, "%s/%s%s.onnx", MODELS, name, suffix),
                     &(ImportOptions){.batch = batch});

    assert_non_null(g);
    assert_true(vq_verify(g, &d, "import"));
    return g;
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
assert_close(const float *got, const float *want, int64_t n, const Model *of)
{
    float most = 0, worst = 0;

    for (int64_t i = 0; i < n; i++) {
        most = fmaxf(most, fabsf(want[i]));
        worst = fmaxf(worst, fabsf(got[i] - want[i]));
        assert_true(isfinite(got[i]));
    }
    if (!(worst <= of->limit * most))
        fail_msg("%s: differs by %g of %g", of->name, (double)worst,
                 (double)most);
}

static void
run_model(const Model *of, const char *suffix, int64_t batch)
{
    Make m = {0};
    Arena *a = &m.arena;
    Graph *g = read_model(a, of->name, suffix, batch);
    int64_t rows, pixels, classes;
    const float *x =
        read_rows(a, vq_format(a, "%s/input.npy", MODELS), &rows, &pixels);
    const float *want = read_rows(
        a, vq_format(a, "%s/%s.out.npy", MODELS, of->name), &rows, &classes);

    for (int64_t i = 0; i < rows; i += batch)
        assert_close(make_run(&m, g, x + i * pixels), want + i * classes,
                     batch * classes, of);
    vq_arena_free(a);
}

static void
test_outputs(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(models); i++)
        run_model(&models[i], "", 1);
}

static void
test_outputs_of_a_batch(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(dynamic); i++)
        run_model(&(Model){dynamic[i], 1e-4f}, "_dyn", 2);
}

static void
assert_same_value(const Graph *a, ValId x, const Graph *b, ValId y)
{
    assert_true(vq_same_type(vq_type(a, x), vq_type(b, y)));
    assert_int_equal(a->val[x].def, b->val[y].def);
    assert_int_equal(vq_is_const(a, x), vq_is_const(b, y));
    if (vq_is_const(a, x))
        assert_memory_equal(a->val[x].data, b->val[y].data,
                            vq_bytes(vq_type(a, x)));
}

static void
assert_same_op(const Graph *a, const Op *x, const Graph *b, const Op *y)
{
    assert_string_equal(vq_op[x->kind].text, vq_op[y->kind].text);
    assert_int_equal(x->nin, y->nin);
    assert_int_equal(x->nattr, y->nattr);
    for (uint32_t i = 0; i < x->nin; i++)
        assert_same_value(a, x->in[i], b, y->in[i]);
    for (uint32_t i = 0; i < x->nattr; i++) {
        assert_int_equal(x->attr[i].key, y->attr[i].key);
        assert_int_equal(x->attr[i].n, y->attr[i].n);
        if (x->attr[i].i)
            assert_memory_equal(x->attr[i].i, y->attr[i].i,
                                x->attr[i].n * sizeof *x->attr[i].i);
        else
            assert_true(x->attr[i].f == y->attr[i].f);
    }
}

static void
test_static_and_dynamic_are_one(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(dynamic); i++) {
        Arena arena = {0};
        Graph *a = read_model(&arena, dynamic[i], "", 0);
        Graph *b = read_model(&arena, dynamic[i], "_dyn", 0);

        assert_int_equal(a->nop, b->nop);
        for (uint32_t k = 1; k < a->nop; k++)
            assert_same_op(a, &a->op[k], b, &b->op[k]);
        assert_int_equal(a->nout, b->nout);
        assert_same_value(a, a->out[0], b, b->out[0]);
        vq_arena_free(&arena);
    }
}

/* The names of calibration ranges, and of the header's functions. */
static void
test_names_are_the_models(void **state)
{
    Arena arena = {0};
    Graph *g = read_model(&arena, "timm_op17", "", 0);

    (void)state;
    assert_string_equal(g->val[g->in[0]].name, "pixel_values");
    assert_string_equal(g->val[g->out[0]].name, "logits");
    assert_string_equal(g->val[g->op[1].out].name, "/patch/Conv_output_0");
    assert_string_equal(g->op[1].loc.node, "/patch/Conv");
    vq_arena_free(&arena);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_outputs),
        cmocka_unit_test(test_outputs_of_a_batch),
        cmocka_unit_test(test_static_and_dynamic_are_one),
        cmocka_unit_test(test_names_are_the_models),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
