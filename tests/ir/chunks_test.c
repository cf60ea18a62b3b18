/*
 * chunks_test.c -- which graphs fall into pieces of their first axis.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "ir/chunks.h"
#include "tests/ir/messages.h"

#define S16 ": s16<1>"

/* The ops of a graph of %x [4x6x2] and %z [4x6x2] and how many pieces it is
 * cut into; `mixes` does not work on pieces: NULL when all do. */
static const struct {
    const char *consts, *ops;
    int64_t n;
    const char *mixes;
} graph[] = {
    {"", "%y" S16 "[4x6x2] = i.add %x, %z", 4, NULL},
    {"", "%y" S16 "[4x6x2] = i.add %x, %z", 2, NULL},
    {"", "%y" S16 "[4x12] = reshape %x", 4, NULL},
    {"", "%y" S16 "[24x2] = reshape %x", 4, NULL},
    {"", "%y" S16 "[4x2x6] = transpose %x perm=[0, 2, 1]", 4, NULL},
    {"", "%y" S16 "[6x4x2] = transpose %x perm=[1, 0, 2]", 2, "y"},
    {"", "%y" S16 "[4x3x2] = slice %x axis=1 start=2", 4, NULL},
    {"", "%y" S16 "[2x6x2] = slice %x axis=0 start=1", 2, "y"},
    {"", "%y" S16 "[4x6x4] = concat %x, %z axis=2", 4, NULL},
    {"", "%y" S16 "[8x6x2] = concat %x, %z axis=0", 4, "y"},
    {"", "%y: s32[4x1x2] = i.sum %x axis=1", 4, NULL},
    {"", "%y: s32[4x6x1] = i.sum %x axis=2", 4, NULL},
    /* constants of all, of each alike, of each its own, and of two minds */
    {"const $c" S16 "[2] = {1, 2} ", "%y" S16 "[4x6x2] = i.add %x, $c", 4,
     NULL},
    {"const $c" S16 "[4x1x2] = {1, 2, 1, 2, 1, 2, 1, 2} ",
     "%y" S16 "[4x7x2] = concat %x, $c axis=1", 4, NULL},
    {"const $c" S16 "[4x1x2] = {1, 2, 1, 2, 1, 2, 1, 3} ",
     "%y" S16 "[4x7x2] = concat %x, $c axis=1", 4, "y"},
    {"const $c" S16 "[4x1x2] = {1, 2, 3, 4, 1, 2, 3, 4} ",
     "%y" S16 "[4x7x2] = concat %x, $c axis=1", 2, NULL},
    {"const $c" S16 "[2x1x2] = {1, 2, 1, 2} ",
     "%r" S16 "[2x24] = reshape %x %s" S16 "[2x12x2] = reshape %x "
     "%t" S16 "[2x13x2] = concat %s, $c axis=1 "
     "%y" S16 "[2x12x2] = i.add %s, %s",
     2, NULL},
    {"const $c" S16 "[4x6x2] = splat 3 ", "%y" S16 "[4x6x2] = i.add %x, $c", 4,
     NULL},
};

static void
cuts(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(graph); i++) {
        Arena a = {0};
        Messages m;
        const char *text =
            vq_format(&a,
                      "vir 1 facts %sgraph g(%%x: s16<1>[4x6x2], %%z: "
                      "s16<1>[4x6x2]) -> (%%y) { %s }",
                      graph[i].consts, graph[i].ops);
        const Op *mixes;
        Graph *g = vq_parse(&a, listen(&m), text, strlen(text), NULL, 0), *one;

        assert_non_null(g);
        one = vq_one_chunk(g, graph[i].n, &a, &mixes);
        if (graph[i].mixes) {
            assert_null(one);
            assert_non_null(mixes);
            assert_string_equal(g->val[mixes->out].name, graph[i].mixes);
        } else {
            const Type *whole = vq_type(g, g->out[0]);

            assert_non_null(one);
            assert_int_equal(vq_type(one, one->out[0])->dim[0] * graph[i].n,
                             whole->dim[0]);
        }
        vq_arena_free(&a);
    }
}

/* A first axis that does not divide, and a value of rank 1. */
static void
uneven(void **state)
{
    static const char *const text[] = {
        "vir 1 facts graph g(%x: s16<1>[3x2]) -> (%y) "
        "{ %y: s16<1>[3x2] = i.add %x, %x }",
        "vir 1 facts graph g(%x: s16<1>[4]) -> (%y) "
        "{ %y: s16<1>[4] = i.add %x, %x }",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(text); i++) {
        Arena a = {0};
        Messages m;
        const Op *mixes;
        Graph *g = vq_parse(&a, listen(&m), text[i], strlen(text[i]), NULL, 0);

        assert_non_null(g);
        assert_null(vq_one_chunk(g, 2, &a, &mixes));
        assert_null(mixes);
        vq_arena_free(&a);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cuts),
        cmocka_unit_test(uneven),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
