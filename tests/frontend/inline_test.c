/*
 * inline_test.c -- functions of a model, If and Loop: written out, or refused.
 */
#include "tests/frontend/mkonnx.h"

#include <cmocka.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

static Onnx__NodeProto *
call(Make *m, const char *op, const char *names)
{
    Onnx__NodeProto *p = make_node(m, op, names);

    p->domain = vq_strdup(&m->arena, "local");
    return p;
}

static void
expect(Make *m, const char *x, const char *want)
{
    const char *got = make_result(m, x);

    if (!got)
        fail_msg("refused: %s", m->said);
    assert_string_equal(got, want);
    make_end(m);
}

static void
expect_refused(Make *m, const char *part)
{
    assert_null(make_import(m, NULL));
    if (!strstr(m->said, part))
        fail_msg("%s is not in: %s", part, m->said);
    make_end(m);
}

/* leak(v, alpha = default 0.5) = LeakyRelu(v, alpha) */
static void
add_leak(Make *m)
{
    Onnx__GraphProto *outer = make_graph_begin(m);

    make_node(m, "LeakyRelu", "v -> w");
    make_attr_ref(m, "alpha", "slope");
    make_node(m, "Identity", "w -> r");
    make_default_f(m, make_function(m, "Leak", "v -> r", m->graph, 16), "slope",
                   0.5f);
    make_graph_end(m, outer);
}

static void
function_attributes(void **state)
{
    Make m;

    (void)state;
    make_begin(&m, 16);
    make_io(&m, "2");
    add_leak(&m);
    call(&m, "Leak", "x -> a"); /* -8 -> -4 */
    call(&m, "Leak", "a -> y"); /* -4 -> -1 */
    make_attr_f(&m, "slope", 0.25f);
    expect(&m, "3,-8", "[2] 3,-1");
}

/* Names of two calls do not meet, and inner names are free to be the outer
 * graph's. */
static void
functions_in_functions(void **state)
{
    Onnx__GraphProto *outer;
    Make m;

    (void)state;
    make_begin(&m, 16);
    make_io(&m, "2");
    add_leak(&m);
    outer = make_graph_begin(&m);
    call(&m, "Leak", "y -> x");
    make_attr_ref(&m, "slope", "k");
    make_node(&m, "Add", "x y -> w");
    make_function(&m, "Twice", "y -> w x", m.graph, 16);
    make_graph_end(&m, outer);
    call(&m, "Twice", "x -> w v");
    make_attr_f(&m, "k", 2);        /* w = -4 - 8 = -12, v = -8 for -4 */
    call(&m, "Twice", "w -> _w _"); /* slope 0.5: -6 - 12 */
    make_node(&m, "Sub", "_w v -> y");
    expect(&m, "1,-4", "[2] 3,-10");
}

static void
function_has_its_opset(void **state)
{
    Onnx__GraphProto *outer;
    Make m;

    (void)state;
    make_begin(&m, 13);
    make_io(&m, "1,2");
    outer = make_graph_begin(&m);
    make_node(&m, "Squeeze", "a -> b");
    make_attr_is(&m, "axes", "0");
    make_node(&m, "Softmax", "b -> c");
    make_attr_i(&m, "axis", 0);
    make_function(&m, "Old", "a b2 -> c", m.graph, 11);
    make_graph_end(&m, outer);
    call(&m, "Old", "x _ -> z");
    make_node(&m, "Add", "z z -> y");
    expect(&m, "5,5", "[2] 1,1");
}

static void
function_without_a_node(void **state)
{
    Onnx__GraphProto *outer;
    Make m;

    (void)state;
    make_begin(&m, 13);
    make_io(&m, "2");
    outer = make_graph_begin(&m);
    make_function(&m, "Pass", "a -> a", m.graph, 13);
    make_graph_end(&m, outer);
    call(&m, "Pass", "x -> y");
    expect(&m, "1,2", "[2] 1,2");
}

static void
recursion_is_refused(void **state)
{
    Onnx__GraphProto *outer;
    Make m;

    (void)state;
    make_begin(&m, 16);
    make_io(&m, "2");
    outer = make_graph_begin(&m);
    call(&m, "B", "a -> b");
    make_function(&m, "A", "a -> b", m.graph, 16);
    make_graph_begin(&m);
    call(&m, "A", "a -> b");
    make_function(&m, "B", "a -> b", m.graph, 16);
    make_graph_end(&m, outer);
    call(&m, "A", "x -> y");
    expect_refused(&m, "calls itself");
}

/* Twenty-four functions, each calling the next four times. */
static void
exponential_calls_are_refused(void **state)
{
    Onnx__GraphProto *outer;
    Make m;

    (void)state;
    make_begin(&m, 16);
    make_io(&m, "2");
    for (int i = 0; i < 24; i++) {
        outer = make_graph_begin(&m);
        for (int k = 0; k < 4; k++)
            call(&m, vq_format(&m.arena, "F%d", i + 1),
                 vq_format(&m.arena, "v%d -> v%d", k, k + 1));
        make_function(&m, vq_format(&m.arena, "F%d", i), "v0 -> v4", m.graph,
                      16);
        make_graph_end(&m, outer);
    }
    outer = make_graph_begin(&m);
    make_node(&m, "Neg", "a -> b");
    make_function(&m, "F24", "a -> b", m.graph, 16);
    make_graph_end(&m, outer);
    call(&m, "F0", "x -> y");
    expect_refused(&m, "too large when written out");
}

static void
unknown_op_in_a_function(void **state)
{
    Onnx__GraphProto *outer;
    Make m;

    (void)state;
    make_begin(&m, 16);
    make_io(&m, "2");
    outer = make_graph_begin(&m);
    make_node(&m, "Wobble", "a -> b");
    make_function(&m, "A", "a -> b", m.graph, 16);
    make_graph_end(&m, outer);
    call(&m, "A", "x -> y");
    expect_refused(&m, "operator Wobble is not supported");
}

/* y = c ? x + w : NoSuchOp(x), w of the graph around */
static void
add_if(Make *m, const char *cond)
{
    Onnx__GraphProto *outer = make_graph_begin(m), *then, *other;

    then = m->graph;
    make_floats(m, "k", "", "2");
    make_node(m, "Add", "x w -> t");
    make_node(m, "Mul", "t k -> u");
    make_output(m, "u");
    make_graph_begin(m);
    other = m->graph;
    make_node(m, "NoSuchOp", "x -> u");
    make_output(m, "u");
    make_graph_end(m, outer);
    make_node(m, "If", vq_format(&m->arena, "%s -> y", cond));
    make_attr_g(m, "then_branch", then);
    make_attr_g(m, "else_branch", other);
}

static void
if_is_decided(void **state)
{
    Make m;

    (void)state;
    make_begin(&m, 16);
    make_io(&m, "2");
    make_floats(&m, "w", "2", "10,20");
    make_ints(&m, "one", "", "1");
    make_node(&m, "Equal", "one one -> c");
    add_if(&m, "c");
    expect(&m, "1,2", "[2] 22,44");
}

static void
if_takes_no_unknown_op(void **state)
{
    Make m;

    (void)state;
    make_begin(&m, 16);
    make_io(&m, "2");
    make_floats(&m, "w", "2", "10,20");
    make_ints(&m, "zero", "", "0");
    add_if(&m, "zero");
    expect_refused(&m, "operator NoSuchOp is not supported");
}

static void
if_on_the_input_is_refused(void **state)
{
    Make m;

    (void)state;
    make_begin(&m, 16);
    make_io(&m, "2");
    make_floats(&m, "w", "2", "10,20");
    make_node(&m, "ReduceSum", "x -> s");
    add_if(&m, "s");
    expect_refused(&m, "condition (s) depends on the model's input");
}

/* In each round: v = v + w, and v * round is kept; `stop` ends after it. */
static void
add_loop(Make *m, const char *names, const char *cond)
{
    Onnx__GraphProto *outer = make_graph_begin(m), *body = m->graph;

    make_input(m, "i", "");
    make_input(m, "go", "");
    make_input(m, "v", "2");
    make_node(m, "Add", "v w -> v2");
    make_node(m, "Cast", "i -> f");
    make_attr_i(m, "to", 1);
    make_node(m, "Mul", "v2 f -> kept");
    make_node(m, "Less", "i two -> again");
    make_output(m, cond);
    make_output(m, "v2");
    make_output(m, "kept");
    make_graph_end(m, outer);
    make_node(m, "Loop", names);
    make_attr_g(m, "body", body);
}

static void
loop_is_unrolled(void **state)
{
    Make m;

    (void)state;
    make_begin(&m, 16);
    make_io(&m, "2");
    make_floats(&m, "w", "2", "1,10");
    make_ints(&m, "two", "", "2");
    make_ints(&m, "n", "", "3");
    add_loop(&m, "n _ x -> last y", "go");
    expect(&m, "0,0", "[3x2] 0,0,2,20,6,60");
    make_begin(&m, 16);
    make_io(&m, "2");
    make_floats(&m, "w", "2", "1,10");
    make_ints(&m, "two", "", "2");
    make_ints(&m, "n", "1", "100");
    add_loop(&m, "n _ x -> y all", "again"); /* rounds 0, 1 and 2 */
    expect(&m, "0,0", "[2] 3,30");
}

static void
endless_loop_is_refused(void **state)
{
    Make m;

    (void)state;
    make_begin(&m, 16);
    make_io(&m, "2");
    make_floats(&m, "w", "2", "1,10");
    make_ints(&m, "two", "", "2");
    add_loop(&m, "_ _ x -> y all", "go");
    expect_refused(&m, "more than 4096 rounds");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(function_attributes),
        cmocka_unit_test(functions_in_functions),
        cmocka_unit_test(function_has_its_opset),
        cmocka_unit_test(function_without_a_node),
        cmocka_unit_test(recursion_is_refused),
        cmocka_unit_test(exponential_calls_are_refused),
        cmocka_unit_test(unknown_op_in_a_function),
        cmocka_unit_test(if_is_decided),
        cmocka_unit_test(if_takes_no_unknown_op),
        cmocka_unit_test(if_on_the_input_is_refused),
        cmocka_unit_test(loop_is_unrolled),
        cmocka_unit_test(endless_loop_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
