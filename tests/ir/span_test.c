/* span_test.c -- many names of a pattern as one. */
#include "ir/span.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static Arena A;

static void
key_hides_numbers(void **state)
{
    static const char *const pair[][2] = {
        {"blocks.0.fc1", "blocks.#.fc#"},
        {"/blocks.11/attn/Add_12", "/blocks.#/attn/Add_#"},
        {"head", "head"},
        {"", ""},
        {"7", "#"},
        {"7x8", "#x#"},
        {"w.0123456789012345", "w.0123456789012345"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(pair); i++)
        assert_string_equal(vq_span_key(&A, pair[i][0]), pair[i][1]);
    vq_arena_free(&A);
}

static void
span_counts(void **state)
{
    const char *const one[] = {"blocks.3.fc1"};
    const char *const many[] = {"blocks.10.fc1", "blocks.2.fc1",
                                "blocks.7.fc1"};
    const char *const both[] = {"s.0.b.05/x", "s.3.b.5/x"};
    const char *const plain[] = {"head", "head"};

    (void)state;
    assert_string_equal(vq_span_name(&A, one, 1), "blocks.3.fc1");
    assert_string_equal(vq_span_name(&A, many, 3), "blocks.2..10.fc1");
    assert_string_equal(vq_span_name(&A, both, 2), "s.0..3.b.05/x");
    assert_string_equal(vq_span_name(&A, plain, 2), "head");
    vq_arena_free(&A);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(key_hides_numbers),
        cmocka_unit_test(span_counts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
