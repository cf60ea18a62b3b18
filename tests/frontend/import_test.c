/*
 * import_test.c -- what the importer makes of small models: shapes worked out,
 * inputs bound, and errors that name their place.
 */
#include "tests/frontend/mktext.h"

#include <cmocka.h>
#include <setjmp.h>
#include <string.h>

/* ---- the shape evaluator ---- */

/* Shape -> Gather -> .. -> Reshape, as exporters flatten. */
static void
test_shape_arithmetic(void **state)
{
    Make m;

    (void)state;
    make_begin(&m, 13);
    make_io(&m, "-1,4,2");
    make_ints(&m, "zero", "", "0");
    make_ints(&m, "one", "", "1");
    make_ints(&m, "minus", "1", "-1");
    make_ints(&m, "axis0", "1", "0");
    make_node(&m, "Shape", "x -> s");
    make_node(&m, "Gather", "s zero -> b");
    make_node(&m, "Gather", "s one -> n");
    make_node(&m, "Mul", "b n -> bn");
    make_node(&m, "Div", "bn one -> bn1");
    make_node(&m, "Unsqueeze", "bn1 axis0 -> bn2");
    make_node(&m, "Concat", "bn2 minus -> shape");
    make_attr_i(&m, "axis", 0);
    make_node(&m, "Reshape", "x shape -> y");
    assert_string_equal(make_result(&m, "1,2,3,4,5,6,7,8"),
                        "[4x2] 1,2,3,4,5,6,7,8");
    make_end(&m);
}

/* The class token's ConstantOfShape -> Mul -> Equal -> Where -> Expand. */
static void
test_expand_chain(void **state)
{
    Make m;

    (void)state;
    make_begin(&m, 13);
    make_io(&m, "-1,2");
    make_floats(&m, "token", "1,2", "7,8");
    make_ints(&m, "want", "2", "1,-1");
    make_ints(&m, "rank", "1", "2");
    make_ints(&m, "minus", "", "-1");
    make_node(&m, "ConstantOfShape", "rank -> ones");
    make_attr_t(&m, "value", make_ints(&m, NULL, "1", "1"));
    make_node(&m, "Mul", "ones minus -> m1");
    make_node(&m, "Equal", "want m1 -> eq");
    make_node(&m, "Where", "eq ones want -> shape");
    make_node(&m, "Expand", "token shape -> t");
    make_node(&m, "Concat", "t x -> y");
    make_attr_i(&m, "axis", 0);
    assert_string_equal(make_result(&m, "1,2"), "[2x2] 7,8,1,2");
    make_end(&m);
}

/* 1 / Sqrt(Cast(Shape[-1])): the scale of attention is one number. */
static void
test_scale_is_folded(void **state)
{
    Make m;
    Graph *g;

    (void)state;
    make_begin(&m, 14);
    make_io(&m, "1,16");
    make_ints(&m, "last", "", "-1");
    make_floats(&m, "unit", "", "1");
    make_node(&m, "Shape", "x -> s");
    make_node(&m, "Gather", "s last -> d");
    make_node(&m, "Cast", "d -> f");
    make_attr_i(&m, "to", 1);
    make_node(&m, "Sqrt", "f -> r");
    make_node(&m, "Div", "unit r -> scale");
    make_node(&m, "Mul", "x scale -> y");
    g = make_import(&m, NULL);
    assert_non_null(g);
    assert_int_equal(g->nop, 2);
    assert_int_equal(g->op[1].kind, OP_MUL);
    assert_true(*(const float *)g->val[g->op[1].in[1]].data == 0.25f);
    make_end(&m);
}

/* A masked score: Where with -inf, as exporters write attention masks. */
static void
test_infinite_mask(void **state)
{
    Make m;

    (void)state;
    make_begin(&m, 13);
    make_io(&m, "3");
    make_ints(&m, "c", "3", "1,0,1");
    make_node(&m, "Constant", "-> inf");
    make_attr_t(&m, "value", make_floats(&m, NULL, "", "-inf"));
    make_node(&m, "Where", "c x inf -> z");
    make_node(&m, "Softmax", "z -> y");
    assert_string_equal(make_result(&m, "1,5,1"), "[3] 0.5,0,0.5");
    make_end(&m);
}

static void
test_range_scatter_nonzero(void **state)
{
    Make m;

    (void)state;
    make_begin(&m, 13);
    make_io(&m, "1,5");
    make_ints(&m, "a", "", "0");
    make_ints(&m, "b", "", "5");
    make_ints(&m, "c", "", "1");
    make_ints(&m, "at", "2,1", "1,-1");
    make_ints(&m, "up", "2", "0,0");
    make_node(&m, "Range", "a b c -> r");       /* 0,1,2,3,4 */
    make_node(&m, "ScatterND", "r at up -> k"); /* 0,0,2,3,0 */
    make_node(&m, "NonZero", "k -> nz");        /* [[2,3]] */
    make_ints(&m, "flat", "1", "-1");
    make_node(&m, "Reshape", "nz flat -> i");
    make_node(&m, "Gather", "x i -> y");
    make_attr_i(&m, "axis", 1);
    assert_string_equal(make_result(&m, "10,11,12,13,14"), "[1x2] 12,13");
    make_end(&m);
}

/* Integers beyond the 53 bits of a double. */
static void
test_scatter_adds_integers(void **state)
{
    Make m;

    (void)state;
    make_begin(&m, 18);
    make_io(&m, "1,2");
    make_ints(&m, "k", "2", "0,9007199254740993");
    make_ints(&m, "at", "1,1", "1");
    make_ints(&m, "up", "1", "-9007199254740992");
    make_node(&m, "ScatterND", "k at up -> s"); /* 0,1 */
    make_attr_s(&m, "reduction", "add");
    make_node(&m, "Gather", "x s -> y");
    make_attr_i(&m, "axis", 1);
    assert_string_equal(make_result(&m, "10,11"), "[1x2] 10,11");
    make_end(&m);
}

/* ---- inputs ---- */

static Graph *
import_bound(Make *m, const char *dims, int64_t batch, const char *const *dim)
{
    make_begin(m, 13);
    make_io(m, dims);
    make_node(m, "Relu", "x -> y");
    return make_import(m, &(ImportOptions){.batch = batch, .dims = dim});
}

static void
test_dimensions(void **state)
{
    static const char *const x1[] = {"x1=5", NULL}, *const bad[] = {"x1=0", 0};
    static const char *const place[] = {"x.1=6", NULL};
    Graph *g;
    Make m;

    (void)state;
    g = import_bound(&m, "-1,2", 0, NULL);
    assert_int_equal(vq_type(g, g->in[0])->dim[0], 1);
    make_end(&m);
    g = import_bound(&m, "-1,2", 3, NULL);
    assert_int_equal(vq_type(g, g->in[0])->dim[0], 3);
    make_end(&m);
    g = import_bound(&m, "-1,-1", 0, x1);
    assert_int_equal(vq_type(g, g->in[0])->dim[1], 5);
    make_end(&m);
    g = import_bound(&m, "1,-1", 0, place);
    assert_int_equal(vq_type(g, g->in[0])->dim[1], 6);
    make_end(&m);
    g = import_bound(&m, "1,2", 0, x1);
    assert_non_null(g);
    assert_non_null(strstr(m.said, "--dim x1=5: the model has no such"));
    make_end(&m);
    assert_null(import_bound(&m, "1,-1", 0, NULL));
    assert_non_null(strstr(m.said, "--dim x1=N"));
    make_end(&m);
    assert_null(import_bound(&m, "1,-1", 0, bad));
    assert_non_null(strstr(m.said, "must be 1 or more"));
    make_end(&m);
    assert_null(import_bound(&m, "1,2", 4, NULL));
    assert_non_null(strstr(m.said, "dynamic batch"));
    make_end(&m);
    assert_null(import_bound(&m, "4611686018427387904,4", 0, NULL));
    assert_non_null(strstr(m.said, "too large"));
    make_end(&m);
}

/* Before IR version 4, initializers were listed as inputs, too. */
static void
test_initializer_is_no_input(void **state)
{
    Make m;
    Graph *g;

    (void)state;
    make_begin(&m, 13);
    make_io(&m, "2");
    make_input(&m, "w", "2");
    make_floats(&m, "w", "2", "1,2");
    make_node(&m, "Mul", "x w -> y");
    g = make_import(&m, NULL);
    assert_non_null(g);
    assert_int_equal(g->nin, 1);
    make_end(&m);
}

static void
test_outputs_are_ops(void **state)
{
    Make m;
    Graph *g;

    (void)state;
    make_begin(&m, 13);
    make_io(&m, "2");
    make_output(&m, "z");
    make_output(&m, "t");
    make_floats(&m, "w", "2", "3,4");
    make_node(&m, "Identity", "x -> y");
    make_node(&m, "Identity", "w -> z");
    make_node(&m, "Relu", "x -> r");
    make_node(&m, "Identity", "r -> t");
    g = make_import(&m, NULL);
    assert_non_null(g);
    assert_int_equal(g->nout, 3);
    for (uint32_t i = 0; i < 3; i++)
        assert_non_null(vq_def(g, g->out[i]));
    assert_string_equal(g->val[g->out[0]].name, "y");
    assert_string_equal(g->val[g->out[1]].name, "z");
    assert_string_equal(g->val[g->out[2]].name, "t");
    make_end(&m);
}

/* ---- whole models that are refused ---- */

static void
test_order_and_names(void **state)
{
    Make m;

    (void)state;
    make_begin(&m, 13);
    make_io(&m, "2");
    make_node(&m, "Add", "x b -> a");
    make_node(&m, "Add", "x a -> b");
    make_node(&m, "Relu", "b -> y");
    make_refused(&m, "form a cycle");
    make_begin(&m, 13);
    make_io(&m, "2");
    make_node(&m, "Add", "x x -> x2");
    make_node(&m, "Relu", "b -> y");
    make_node(&m, "Add", "a x2 -> b");
    make_node(&m, "Neg", "x -> a");
    assert_string_equal(make_result(&m, "1,-2"), "[2] 1,0");
    make_end(&m);
    make_begin(&m, 13);
    make_io(&m, "2");
    make_node(&m, "Relu", "x -> y");
    make_node(&m, "Relu", "x -> y");
    make_refused(&m, "'y' is made twice");
    make_begin(&m, 13);
    make_io(&m, "2");
    make_node(&m, "Relu", "x -> z");
    make_refused(&m, "no node makes the output 'y'");
    make_begin(&m, 13);
    make_output(&m, "y");
    make_node(&m, "Relu", "x -> y");
    make_refused(&m, "no input");
    make_begin(&m, 13);
    make_input(&m, "x", "2");
    make_node(&m, "Relu", "x -> y");
    make_refused(&m, "no output");
    make_begin(&m, 13);
    make_io(&m, "2");
    make_node(&m, "Shape", "x -> y");
    make_refused(&m, "only float outputs");
    make_begin(&m, 0);
    make_io(&m, "2");
    make_node(&m, "Relu", "x -> y");
    make_refused(&m, "no opset");
    make_begin(&m, 13);
    make_io(&m, "2");
    m.graph->input[0]->type->tensor_type->elem_type = 2;
    make_node(&m, "Relu", "x -> y");
    make_refused(&m, "input 'x' is of type uint8");
}

static unsigned
count_lines(const char *s)
{
    unsigned n = 0;

    for (; *s; s++)
        n += *s == '\n';
    return n;
}

static void
test_all_unsupported_are_named(void **state)
{
    Make m;

    (void)state;
    make_begin(&m, 13);
    make_io(&m, "2");
    make_node(&m, "Frobnicate", "x -> a");
    make_node(&m, "Relu", "a -> b");
    make_node(&m, "FusedUnknown", "b b -> y")->domain =
        vq_strdup(&m.arena, "com.microsoft");
    assert_null(make_import(&m, NULL));
    assert_int_equal(count_lines(m.said), 2);
    assert_non_null(strstr(m.said, "node0: operator Frobnicate is not"));
    assert_non_null(strstr(m.said, "node2: operator com.microsoft.FusedUnk"));
    make_end(&m);

    make_begin(&m, 13);
    make_io(&m, "2");
    for (int i = 0; i < 30; i++)
        make_node(&m, "Frobnicate", vq_format(&m.arena, "x -> a%d", i));
    assert_null(make_import(&m, NULL));
    assert_int_equal(count_lines(m.said), 21);
    assert_non_null(strstr(m.said, "and 10 more"));
    make_end(&m);
}

static void
test_bad_calls_are_refused(void **state)
{
    Onnx__FunctionProto *f;
    Make m;

    (void)state;
    make_begin(&m, 13);
    make_io(&m, "2");
    f = NEW(&m.arena, Onnx__FunctionProto);
    onnx__function_proto__init(f);
    f->name = vq_strdup(&m.arena, "gelu");
    f->domain = vq_strdup(&m.arena, "local");
    make_append(&m, &m.model->functions, &m.model->n_functions, f);
    make_node(&m, "gelu", "x -> y")->domain = f->domain;
    make_refused(&m, "called with 1 inputs and 1 outputs; the function has "
                     "0 and 0");
}

/* Errors of independent nodes are all reported, those that follow are not. */
static void
test_errors_go_on(void **state)
{
    Make m;

    (void)state;
    make_begin(&m, 13);
    make_io(&m, "2,2");
    make_ints(&m, "s", "1", "3");
    make_node(&m, "Reshape", "x s -> a");
    make_node(&m, "Relu", "a -> b");
    make_node(&m, "Gather", "x s -> c");
    make_node(&m, "Add", "b c -> y");
    assert_null(make_import(&m, NULL));
    assert_int_equal(count_lines(m.said), 2);
    make_end(&m);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shape_arithmetic),
        cmocka_unit_test(test_expand_chain),
        cmocka_unit_test(test_scale_is_folded),
        cmocka_unit_test(test_infinite_mask),
        cmocka_unit_test(test_range_scatter_nonzero),
        cmocka_unit_test(test_scatter_adds_integers),
        cmocka_unit_test(test_dimensions),
        cmocka_unit_test(test_initializer_is_no_input),
        cmocka_unit_test(test_outputs_are_ops),
        cmocka_unit_test(test_order_and_names),
        cmocka_unit_test(test_all_unsupported_are_named),
        cmocka_unit_test(test_bad_calls_are_refused),
        cmocka_unit_test(test_errors_go_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
