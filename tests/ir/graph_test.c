/* graph_test.c -- making graphs, and rewriting them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "tests/ir/messages.h"

static Arena A;

static int
free_arena(void **state)
{
    (void)state;
    vq_arena_free(&A);
    return 0;
}

static void
test_names_are_unique(void **state)
{
    Graph *g = vq_graph_new(&A, "g");
    ValId a = vq_input(g, "x", TYPE(DT_F32, 1));
    ValId b = vq_input(g, "x", TYPE(DT_F32, 1));
    ValId c = vq_const_f32(g, "x.1", 0);
    ValId d = vq_input(g, NULL, TYPE(DT_F32, 1));
    Messages m;

    (void)state;
    assert_string_equal(g->val[a].name, "x");
    assert_string_equal(g->val[b].name, "x.1");
    assert_string_equal(g->val[c].name, "x.1.1");
    assert_true(g->val[d].name[0] != '\0');
    for (int i = 0; i < 5000; i++)
        vq_const_f32(g, "many", 0);
    vq_output(g, a);
    assert_true(vq_verify(g, listen(&m), NULL)); /* which looks at names */
}

static void
test_attributes(void **state)
{
    Graph *g = vq_graph_new(&A, "g");
    ValId x = vq_input(g, "x", TYPE(DT_F32, 2, 3));
    Op *op = vq_emit(g, OP_SOFTMAX, "y", TYPE(DT_F32, 2, 3), &x, 1, NOLOC);
    const int64_t list[] = {3, -1, 2};

    (void)state;
    assert_null(vq_attr(op, A_AXIS));
    assert_int_equal(vq_get_i(op, A_AXIS, 9), 9);
    vq_set_i(g, op, A_AXIS, 1);
    vq_set_i(g, op, A_AXIS, 0);
    assert_int_equal(op->nattr, 1);
    assert_int_equal(vq_get_i(op, A_AXIS, 9), 0);
    vq_set_f(op, A_EPS, 0.5);
    assert_true(vq_get_f(op, A_EPS, 0) == 0.5);
    vq_set_is(g, op, A_PERM, list, 3);
    assert_memory_equal(vq_attr(op, A_PERM)->i, list, sizeof list);
}

static void
test_uses(void **state)
{
    Graph *g = vq_graph_new(&A, "g");
    ValId x = vq_input(g, "x", TYPE(DT_F32, 1)), in[2] = {x, x};
    ValId y = vq_emit(g, OP_ADD, "y", TYPE(DT_F32, 1), in, 2, NOLOC)->out;
    uint32_t *uses;

    (void)state;
    vq_output(g, y);
    vq_output(g, y);
    uses = vq_use_counts(g, &A);
    assert_int_equal(uses[x], 2);
    assert_int_equal(uses[y], 2);
    assert_null(vq_def(g, x));
    assert_int_equal(vq_def(g, y)->kind, OP_ADD);
}

/* A graph with everything that a rewrite carries over. */
static Graph *
sample(void)
{
    static const char text[] =
        "vir 1 facts fused quantized work 64\n"
        "const $s: f32[3] = {1, 2, 3}\n"
        "const $w: s8<$s, axis=1>[2x3] = {1, 2, 3, 4, 5, 6}\n"
        "graph g(%x: u8<0.5, zero=3>[4x2]) -> (%t, %y) {\n"
        "  %y: s16<0.5>[4x3] at 0 = linear %x, $w scratch 64\n"
        "  %t: s16<0.5>[3x4] at 64 = transpose %y perm=[1, 0]\n"
        "}\n";
    Messages m;
    Graph *g = vq_parse(&A, listen(&m), text, sizeof text - 1, NULL, 0);

    assert_string_equal(m.text, "");
    return g;
}

static char *
text_of(const Graph *g)
{
    char *text = NULL;
    size_t n;
    FILE *f = open_memstream(&text, &n);
    char *copy;

    assert_true(vq_print(g, f, NULL));
    fclose(f);
    copy = vq_strdup(&A, text);
    free(text);
    return copy;
}

static void
test_rewrite_copies_all(void **state)
{
    Graph *g = sample();
    const char *before = text_of(g);
    Messages m;

    (void)state;
    assert_true(vq_rewrite(g, listen(&m), vq_copy, NULL));
    assert_string_equal(text_of(g), before);
    assert_true(vq_verify(g, listen(&m), "copy"));
}

/* Leaves out the transpose, so that %y stands in for it. */
static bool
skip_transpose(Rewrite *r, const Op *op)
{
    if (op->kind != OP_TRANSPOSE)
        return vq_copy(r, op);
    vq_become(r, op->out, vq_new(r, op->in[0]));
    return true;
}

static void
test_rewrite_replaces(void **state)
{
    Graph *g = sample();
    Messages m;

    (void)state;
    assert_true(vq_rewrite(g, listen(&m), skip_transpose, NULL));
    assert_int_equal(g->nop, 2);
    assert_int_equal(g->out[0], g->out[1]);
    assert_string_equal(g->val[g->out[0]].name, "y");
}

static bool
refuse(Rewrite *r, const Op *op)
{
    return vq_error(r->diag, op->loc, "no %s", vq_op[op->kind].text);
}

static void
test_rewrite_fails(void **state)
{
    Graph *g = sample();
    const char *before = text_of(g);
    Messages m;

    (void)state;
    assert_false(vq_rewrite(g, listen(&m), refuse, NULL));
    assert_string_equal(m.text, "5:3 error no linear\n");
    assert_int_equal(m.diag.fault, FAULT_MODEL);
    assert_string_equal(text_of(g), before);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_names_are_unique, free_arena),
        cmocka_unit_test_teardown(test_attributes, free_arena),
        cmocka_unit_test_teardown(test_uses, free_arena),
        cmocka_unit_test_teardown(test_rewrite_copies_all, free_arena),
        cmocka_unit_test_teardown(test_rewrite_replaces, free_arena),
        cmocka_unit_test_teardown(test_rewrite_fails, free_arena),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
