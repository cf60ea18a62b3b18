/*
 * view_test.c -- views against the evaluator: chains of random moves.
 *
 * A base whose elements are their own index makes the evaluator tell where
 * each element of the moved value comes from; the view must say the same.
 */
#include "passes/view.h"
#include "tests/passes/graphs.h"

/* The base element at flat index i of the view's value. */
static int64_t
view_at(const View *v, int64_t i)
{
    int64_t at = v->offset;

    for (int d = v->first[v->rank] - 1; d >= 0; d--) {
        at += i % v->digit[d].dim * v->digit[d].stride;
        i /= v->digit[d].dim;
    }
    return at;
}

/* Some other shape with as many elements. */
static Type
random_shape(int64_t n, uint64_t *seed)
{
    Type t = {.dt = DT_F32};

    while (t.rank < 5 && n > 1) {
        int64_t d = 1 + next_random(seed) % 6;

        if (n % d)
            continue;
        t.dim[t.rank++] = d;
        n /= d;
    }
    t.dim[t.rank++] = n;
    return t;
}

static ValId
random_move(const Build *b, ValId x, uint64_t *seed)
{
    Type t = *vq_type(b->g, x);
    int64_t perm[MAXRANK], n;
    int axis;

    switch (next_random(seed) % 3) {
    case 0:
        return vq_build_reshape(b, x, random_shape(vq_count(&t), seed));
    case 1:
        for (int i = 0; i < t.rank; i++) {
            int j = (int)(next_random(seed) % (unsigned)(i + 1));

            perm[i] = perm[j];
            perm[j] = i;
        }
        return vq_build_transpose(b, x, perm);
    default:
        if (t.rank == 0)
            return x;
        axis = (int)(next_random(seed) % (unsigned)t.rank);
        n = t.dim[axis];
        if (n % 2)
            return vq_build_slice(b, x, axis, n / 2, 1, 1);
        return next_random(seed) % 2
                   ? vq_build_slice(b, x, axis, 1, 2, n / 2)
                   : vq_build_slice(b, x, axis, n / 2, 1, n / 2);
    }
}

static const float *
eval_moves(const Graph *g, ValId base)
{
    int64_t n = vq_count(vq_type(g, base));
    float *in = NEWN(&A, float, n);
    const void *ins[] = {in};
    void *out = vq_alloc(&A, (size_t)vq_bytes(vq_type(g, g->out[0])));

    for (int64_t i = 0; i < n; i++)
        in[i] = (float)i;
    vq_eval(g, &A, ins, &out, NULL, NULL);
    return out;
}

/* Returns whether the view reached the input. */
static bool
check_chain(uint64_t seed)
{
    Graph *g = vq_graph_new(&A, "g");
    Build b = {g, &diag, "v", NOLOC};
    ValId x = vq_input(g, "x", TYPE(DT_F32, 4, 6, 8, 4)), v = x;
    const float *got;
    View view;

    for (int i = 0; i < 5; i++)
        v = random_move(&b, v, &seed);
    vq_output(g, v);
    vq_view_trace(&view, g, v);
    if (view.base != x)
        return false;
    got = eval_moves(g, x);
    for (int64_t i = 0; i < vq_count(vq_type(g, v)); i++)
        assert_int_equal((int64_t)got[i], view_at(&view, i));
    return true;
}

static void
test_random_chains(void **state)
{
    int reached = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= 500; seed++) {
        ArenaMark m = vq_arena_mark(&A);

        reached += check_chain(seed);
        vq_arena_release(&A, m);
    }
    /* Shapes that do not divide one another end a view; most do. */
    assert_true(reached > 250);
}

/* Factors on the way are gathered, and only scalar ones. */
static void
test_scale(void **state)
{
    Graph *g = vq_graph_new(&A, "g");
    Build b = {g, &diag, "v", NOLOC};
    ValId x = vq_input(g, "x", TYPE(DT_F32, 2, 3)), v;
    View view;

    (void)state;
    v = vq_build_op(&b, OP_MUL, x, vq_const_f32(g, "a", 0.5f));
    v = vq_build_reshape(&b, v, TYPE(DT_F32, 6));
    v = vq_build_op(&b, OP_MUL, vq_const_f32(g, "b", 3), v);
    vq_view_trace(&view, g, v);
    assert_int_equal(view.base, x);
    assert_true(view.scale == 1.5);
    v = vq_build_op(&b, OP_MUL, v,
                    vq_const(g, "c", TYPE(DT_F32, 6), NEWN(&A, float, 6)));
    vq_view_trace(&view, g, v);
    assert_int_equal(view.base, v);
}

static void
test_digits(void **state)
{
    Digit split[] = {{2, 12}, {3, 4}, {4, 1}}, turned[] = {{3, 4}, {2, 12}};
    Digit gap[] = {{2, 24}, {3, 4}};
    Type rows = TYPE(DT_F32, 6, 4), all = TYPE(DT_F32, 24);
    Type few = TYPE(DT_F32, 6);

    (void)state;
    assert_int_equal(vq_digits_cost(&all, split, 3, &all), 0);
    assert_int_equal(vq_digits_cost(&all, split, 3, &rows), 1);
    assert_int_equal(vq_digits_join(split, 3), 1);
    assert_int_equal(split[0].dim, 24);
    /* Not every element of the base. */
    assert_int_equal(vq_digits_cost(&all, turned, 2, &few), -1);
    assert_int_equal(vq_digits_cost(&few, gap, 2, &few), -1);
}

static void
test_split_rows(void **state)
{
    Graph *g = vq_graph_new(&A, "g");
    ValId x = vq_input(g, "x", TYPE(DT_F32, 4, 6));
    View view;

    (void)state;
    vq_view_whole(&view, g, x);
    view.rank = view.first[1] = 1;
    view.digit[0] = (Digit){12, 2};
    assert_true(vq_view_split(&view, 6));
    assert_int_equal(view.first[1], 2);
    assert_int_equal(view.digit[0].dim, 4);
    assert_int_equal(view.digit[0].stride, 6);
    assert_int_equal(view.digit[1].dim, 3);
    /* Steps of 4 cross the end of a row of 6 unevenly. */
    view.first[1] = 1;
    view.digit[0] = (Digit){6, 4};
    assert_false(vq_view_split(&view, 6));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_random_chains, start, finish),
        cmocka_unit_test_setup_teardown(test_scale, start, finish),
        cmocka_unit_test_setup_teardown(test_digits, start, finish),
        cmocka_unit_test_setup_teardown(test_split_rows, start, finish),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
