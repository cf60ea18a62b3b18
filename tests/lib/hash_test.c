/*
 * hash_test.c -- the fingerprint of a graph: the same for the same graph, and
 * another for any small change.
 */
#include "lib/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { N = 35 }; /* not a multiple of the hash's word */

static float weight[N];

static Graph *
make(Arena *a, const char *name, double slope)
{
    Graph *g = vq_graph_new(a, "g");
    ValId x = vq_input(g, "x", TYPE(DT_F32, 1, N));
    ValId w = vq_const(g, name, TYPE(DT_F32, N), weight);
    Op *op =
        vq_emit(g, OP_ADD, "y", TYPE(DT_F32, 1, N), (ValId[]){x, w}, 2, NOLOC);
    Op *clip;

    clip = vq_emit(g, OP_CLIP, "z", TYPE(DT_F32, 1, N), &op->out, 1, NOLOC);
    vq_set_f(clip, A_HI, slope);
    vq_output(g, clip->out);
    return g;
}

static void
equal_graphs(void **state)
{
    Arena a = {0};

    (void)state;
    assert_int_equal(vq_graph_hash(make(&a, "w", 6)),
                     vq_graph_hash(make(&a, "w", 6)));
    vq_arena_free(&a);
}

static void
every_part_counts(void **state)
{
    Arena a = {0};
    uint64_t h = vq_graph_hash(make(&a, "w", 6));
    Graph *g = make(&a, "w", 6);

    (void)state;
    assert_int_not_equal(h, vq_graph_hash(make(&a, "v", 6)));
    assert_int_not_equal(h, vq_graph_hash(make(&a, "w", 5)));
    weight[N - 1] = 1;
    assert_int_not_equal(h, vq_graph_hash(make(&a, "w", 6)));
    weight[N - 1] = 0;
    g->op[1].kind = OP_SUB;
    assert_int_not_equal(h, vq_graph_hash(g));
    vq_arena_free(&a);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_graphs),
        cmocka_unit_test(every_part_counts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
