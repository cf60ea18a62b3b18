/*
 * import_test.c -- what the importer makes of small models: shapes worked out,
 * inputs bound, tensors of every type, and errors that name their place.
 */
#include "tests/frontend/mkonnx.h"

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
assert_refused(Make *m, const char *why)
{
    assert_null(make_import(m, NULL));
    if (!strstr(m->said, why))
        fail_msg("said %s instead of %s", m->said, why);
    assert_int_equal(m->diag.fault, FAULT_MODEL);
    make_end(m);
}

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
    assert_refused(&m, "form a cycle");
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
    assert_refused(&m, "'y' is made twice");
    make_begin(&m, 13);
    make_io(&m, "2");
    make_node(&m, "Relu", "x -> z");
    assert_refused(&m, "no node makes the output 'y'");
    make_begin(&m, 13);
    make_output(&m, "y");
    make_node(&m, "Relu", "x -> y");
    assert_refused(&m, "no input");
    make_begin(&m, 13);
    make_input(&m, "x", "2");
    make_node(&m, "Relu", "x -> y");
    assert_refused(&m, "no output");
    make_begin(&m, 13);
    make_io(&m, "2");
    make_node(&m, "Shape", "x -> y");
    assert_refused(&m, "only float outputs");
    make_begin(&m, 0);
    make_io(&m, "2");
    make_node(&m, "Relu", "x -> y");
    assert_refused(&m, "no opset");
    make_begin(&m, 13);
    make_io(&m, "2");
    m.graph->input[0]->type->tensor_type->elem_type = 2;
    make_node(&m, "Relu", "x -> y");
    assert_refused(&m, "input 'x' is of type uint8");
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
    assert_refused(&m, "called with 1 inputs and 1 outputs; the function has "
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

/* ---- tensors ---- */

/* The values of one initializer, by way of x * 0 + w. */
static const char *
result_of(Make *m)
{
    make_input(m, "x", "1");
    make_output(m, "y");
    make_floats(m, "zero", "1", "0");
    make_node(m, "Mul", "x zero -> z");
    make_node(m, "Cast", "w -> f");
    make_attr_i(m, "to", 1);
    make_node(m, "Add", "z f -> y");
    return make_result(m, "1");
}

static void
test_element_types(void **state)
{
    static const struct {
        int32_t type;
        unsigned n; /* bytes */
        uint8_t raw[16];
        const char *want;
    } row[] = {
        {1, 8, {0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0}, "[2] 1,-2"},
        {2, 2, {1, 0xff}, "[2] 1,255"},
        {3, 2, {1, 0xff}, "[2] 1,-1"},
        {4, 4, {1, 0, 0xff, 0xff}, "[2] 1,65535"},
        {5, 4, {1, 0, 0xff, 0xff}, "[2] 1,-1"},
        {6, 8, {1, 0, 0, 0, 0xfe, 0xff, 0xff, 0xff}, "[2] 1,-2"},
        {7,
         16,
         {1, [8] = 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
         "[2] 1,-1"},
        {9, 2, {1, 0}, "[2] 1,0"},
        {10, 4, {0x01, 0x3c, 0, 0xc0}, "[2] 1.00098,-2"},
        {10, 4, {0x01, 0, 0, 0x80}, "[2] 5.96046e-08,0"}, /* subnormal, -0 */
        {11, 16, {[6] = 0xf0, 0x3f, [15] = 0xc0}, "[2] 1,-2"},
        {12, 8, {1, 0, 0, 0, 0, 0, 0, 0x80}, "[2] 1,2.14748e+09"},
        {16, 4, {0x80, 0x3f, 0, 0xc0}, "[2] 1,-2"},
        {21, 1, {0x9f}, "[2] 15,9"},
        {22, 1, {0x9f}, "[2] -1,-7"},
        {25, 1, {0x0e}, "[2] 2,3"},
        {26, 1, {0x0e}, "[2] -2,-1"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(row); i++) {
        Onnx__TensorProto *t;
        const char *got;
        Make m;

        make_begin(&m, 13);
        t = make_floats(&m, "w", "2", "");
        t->data_type = row[i].type;
        t->has_raw_data = 1;
        t->raw_data.data = (uint8_t *)row[i].raw;
        t->raw_data.len = row[i].n;
        got = result_of(&m);
        if (!got || strcmp(got, row[i].want) != 0)
            fail_msg("type %d: %s, should be %s; %s", (int)row[i].type, got,
                     row[i].want, m.said);
        make_end(&m);
    }
}

static void
test_typed_fields(void **state)
{
    static int32_t bits[] = {0x3c00, 0xc000};
    static double reals[] = {1.5, -2};
    static uint64_t big[] = {1, 4294967295u};
    Onnx__TensorProto *t;
    Make m;

    (void)state;
    make_begin(&m, 13);
    t = make_floats(&m, "w", "2", "");
    t->data_type = 10;
    t->n_int32_data = 2;
    t->int32_data = bits;
    assert_string_equal(result_of(&m), "[2] 1,-2");
    make_end(&m);
    make_begin(&m, 13);
    t = make_floats(&m, "w", "2", "");
    t->data_type = 11;
    t->n_double_data = 2;
    t->double_data = reals;
    assert_string_equal(result_of(&m), "[2] 1.5,-2");
    make_end(&m);
    make_begin(&m, 13);
    t = make_floats(&m, "w", "2", "");
    t->data_type = 12;
    t->n_uint64_data = 2;
    t->uint64_data = big;
    assert_string_equal(result_of(&m), "[2] 1,4.29497e+09");
    make_end(&m);
}

static Onnx__SparseTensorProto *
add_sparse(Make *m, const char *dims, const char *values, const char *at,
           const char *at_dims)
{
    Onnx__SparseTensorProto *s = NEW(&m->arena, Onnx__SparseTensorProto);

    onnx__sparse_tensor_proto__init(s);
    s->values = make_floats(m, "w", vq_format(&m->arena, "%d", 2), values);
    s->indices = make_ints(m, "", at_dims, at);
    m->graph->n_initializer -= 2; /* they are no initializers of their own */
    s->dims = make_ints(m, NULL, dims, dims)->int64_data;
    for (s->n_dims = 1; *dims; dims++)
        s->n_dims += *dims == ',';
    make_append(m, &m->graph->sparse_initializer,
                &m->graph->n_sparse_initializer, s);
    return s;
}

static const char *
sparse_result(Make *m, const char *dims)
{
    make_io(m, dims);
    make_node(m, "Add", "x w -> y");
    return make_result(m, "0,0,0,0");
}

static void
test_sparse(void **state)
{
    Make m;

    (void)state;
    make_begin(&m, 13);
    add_sparse(&m, "2,2", "5,7", "1,2", "2");
    assert_string_equal(sparse_result(&m, "2,2"), "[2x2] 0,5,7,0");
    make_end(&m);
    make_begin(&m, 13);
    add_sparse(&m, "2,2", "5,7", "0,0,1,1", "2,2");
    assert_string_equal(sparse_result(&m, "2,2"), "[2x2] 5,0,0,7");
    make_end(&m);
    make_begin(&m, 13);
    add_sparse(&m, "2,2", "5,7", "0,4", "2");
    assert_null(sparse_result(&m, "2,2"));
    assert_non_null(strstr(m.said, "w: index 1 is outside of it"));
    make_end(&m);
    make_begin(&m, 13);
    add_sparse(&m, "99999,9999", "5,7", "0,4", "2");
    assert_null(sparse_result(&m, "2,2"));
    assert_non_null(strstr(m.said, "too large when it is dense"));
    make_end(&m);
}

/* Nothing but 0 and -inf is a mask, which may be infinite. */
static void
test_mask(void **state)
{
    Make m;

    (void)state;
    make_begin(&m, 13);
    make_floats(&m, "w", "2", "-inf,0");
    assert_string_equal(result_of(&m), "[2] -inf,0");
    make_end(&m);
}

static void
test_bad_tensors(void **state)
{
    static const struct {
        const char *dims, *values, *why;
    } row[] = {
        {"2", "1,nan", "w: element 1 is NaN; weights must be finite"},
        {"2", "inf,1", "w: element 0 is Inf; weights must be finite"},
        {"3", "1,2", "w: 2 elements are stored, its shape needs 3"},
        {"-1", "1", "dimension 0 of a tensor is -1"},
        {"4611686018427387904,4611686018427387904", "1", "too large"},
        {"1,1,1,1,1,1,1,1,1", "1", "rank 9"},
    };
    Make m;

    (void)state;
    for (size_t i = 0; i < COUNT(row); i++) {
        make_begin(&m, 13);
        make_floats(&m, "w", row[i].dims, row[i].values);
        make_io(&m, "1");
        make_node(&m, "Add", "x w -> y");
        assert_refused(&m, row[i].why);
    }
    for (int32_t type = -1; type < 30; type++) {
        make_begin(&m, 13);
        make_floats(&m, "w", "1", "1")->data_type = type;
        make_io(&m, "1");
        make_node(&m, "Add", "x w -> y");
        make_import(&m, NULL); /* and no crash */
        make_end(&m);
    }
    make_begin(&m, 13);
    make_floats(&m, "w", "1", "1")->data_type = 8;
    make_io(&m, "1");
    make_node(&m, "Add", "x w -> y");
    assert_refused(&m, "w: tensors of type string (ONNX data type 8)");
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
        cmocka_unit_test(test_dimensions),
        cmocka_unit_test(test_initializer_is_no_input),
        cmocka_unit_test(test_outputs_are_ops),
        cmocka_unit_test(test_order_and_names),
        cmocka_unit_test(test_all_unsupported_are_named),
        cmocka_unit_test(test_bad_calls_are_refused),
        cmocka_unit_test(test_errors_go_on),
        cmocka_unit_test(test_element_types),
        cmocka_unit_test(test_typed_fields),
        cmocka_unit_test(test_sparse),
        cmocka_unit_test(test_mask),
        cmocka_unit_test(test_bad_tensors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
