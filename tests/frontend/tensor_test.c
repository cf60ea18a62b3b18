/*
 * tensor_test.c -- tensors in a model: of every type, in every field, sparse,
 * and broken.
 */
#include "tests/frontend/mktext.h"

#include <cmocka.h>
#include <setjmp.h>
#include <string.h>

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
        make_refused(&m, row[i].why);
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
    make_refused(&m, "w: tensors of type string (ONNX data type 8)");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_element_types),
        cmocka_unit_test(test_typed_fields),
        cmocka_unit_test(test_sparse),
        cmocka_unit_test(test_mask),
        cmocka_unit_test(test_bad_tensors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
