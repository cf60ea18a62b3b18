/*
 * calib_test.c -- ranges of every value of a small graph.
 */
#include "common.h"

#include "passes/calib.h"
#include "tiny.h"

#include <math.h>

static const float images[2][TINY_IN] = {{1, 2, 3, -1, -2, -3},
                                         {0, 0.5f, 0, 7, 0, 0}};

static void
feed_all(Bench *b, Calib *c, const Graph *g)
{
    Arena tmp = {0};

    for (int pass = 0; pass < vq_calib_passes(c); pass++) {
        vq_calib_begin(c, pass);
        for (int i = 0; i < 2; i++) {
            const void *in[] = {images[i]};

            assert_true(vq_calib_feed(c, &b->diag, g, &tmp, in));
        }
        vq_calib_end(c, pass);
    }
    vq_arena_free(&tmp);
}

static void
extremes_are_exact(void **state)
{
    Bench *b = *state;
    Graph *g = tiny_graph(&b->arena);
    Calib *c = vq_calib_new(&b->arena, g, CM_MINMAX, 0);
    const CalibEntry *e;

    feed_all(b, c, g);
    assert_int_equal(vq_calib_images(c), 2);
    assert_true(vq_calib_check(c, &b->diag, g));
    e = vq_calib_find(c, "x");
    assert_int_equal(e->n, 3);
    assert_true(e->range.lo == -3 && e->range.hi == 7);
    assert_true(e->channel[0].lo == -1 && e->channel[0].hi == 7);
    assert_true(e->channel[1].lo == -2 && e->channel[1].hi == 2);
    e = vq_calib_find(c, "l"); /* x0, x1 - 1, x2 + 2, x0 + x1 + x2 */
    assert_int_equal(e->n, 4);
    assert_true(e->channel[1].lo == -3 && e->channel[1].hi == 1);
    assert_true(e->channel[2].lo == -1 && e->channel[2].hi == 5);
    assert_true(e->channel[3].lo == -6 && e->channel[3].hi == 7);
    assert_true(e->range.lo == -6 && e->range.hi == 7);
    assert_true(e->probe[0] == 1 && e->probe[3] == 6 && e->probe[7] == -6);
    e = vq_calib_find(c, "y");
    assert_true(e->range.lo == 0 && e->range.hi == 7);
    e = vq_calib_find(c, "n");
    assert_true(e->range.lo == -7 && e->range.hi == 0);
    assert_null(vq_calib_find(c, "w"));
    assert_null(vq_calib_find(c, "z"));
}

/* What is measured on the probe is the same for every batch. */
static void
probe_is_the_first_image(void **state)
{
    Bench *b = *state;
    Graph *g = tiny_batch(&b->arena, 2);
    Calib *c = vq_calib_new(&b->arena, g, CM_MINMAX, 0);
    const void *in[] = {images};
    const CalibEntry *e;
    Arena tmp = {0};

    vq_calib_begin(c, 0);
    assert_true(vq_calib_feed(c, &b->diag, g, &tmp, in));
    vq_calib_end(c, 0);
    vq_arena_free(&tmp);
    assert_int_equal(vq_calib_images(c), 2);
    e = vq_calib_find(c, "x");
    assert_true(e->range.hi == 7);
    for (int i = 0; i < 2; i++)
        assert_memory_equal(e->probe + (size_t)i * TINY_IN, images[0],
                            sizeof images[0]);
    e = vq_calib_find(c, "l");
    assert_true(e->probe[3] == 6 && e->probe[TINY_OUT + 3] == 6);
}

/* Both methods stay within the extremes and keep channels' extremes. */
static void
two_pass_methods_choose(void **state)
{
    static const CalibMethod methods[] = {CM_PERCENTILE, CM_MSE};
    Bench *b = *state;
    Graph *g = tiny_graph(&b->arena);

    for (size_t i = 0; i < COUNT(methods); i++) {
        Calib *c = vq_calib_new(&b->arena, g, methods[i], 90);
        const CalibEntry *e;

        assert_int_equal(vq_calib_passes(c), 2);
        feed_all(b, c, g);
        assert_int_equal(vq_calib_images(c), 2);
        e = vq_calib_find(c, "l");
        assert_true(e->range.lo >= -6 && e->range.hi <= 7);
        assert_true(e->range.lo < e->range.hi);
        assert_true(vq_calib_extremes(e).lo == -6);
        assert_true(vq_calib_extremes(e).hi == 7);
        assert_true(e->channel[3].lo == -6 && e->channel[3].hi == 7);
    }
}

static void
bad_numbers_are_named(void **state)
{
    Bench *b = *state;
    Graph *g = tiny_graph(&b->arena);
    Calib *c = vq_calib_new(&b->arena, g, CM_MINMAX, 0);
    float x[TINY_IN] = {0, NAN}, big[TINY_IN] = {3e38f, 3e38f, 3e38f};
    const void *in[] = {x};

    vq_calib_begin(c, 0);
    assert_false(vq_calib_feed(c, &b->diag, g, &b->arena, in));
    expect_message(b, "", "'x' is NaN on calibration input 1");
    in[0] = big;
    assert_false(vq_calib_feed(c, &b->diag, g, &b->arena, in));
    expect_message(b, "", "'l' becomes infinite on calibration input 2");
}

static void
memory_is_constant(void **state)
{
    Bench *b = *state;
    Graph *g = tiny_graph(&b->arena);
    size_t total[2];

    for (int turn = 0; turn < 2; turn++) {
        Arena own = {0}, tmp = {0};
        Calib *c = vq_calib_new(&own, g, CM_MSE, 0);

        for (int pass = 0; pass < 2; pass++) {
            vq_calib_begin(c, pass);
            for (int i = 0; i < (turn ? 1000 : 10); i++) {
                const void *in[] = {images[i % 2]};

                assert_true(vq_calib_feed(c, &b->diag, g, &tmp, in));
            }
            vq_calib_end(c, pass);
        }
        assert_int_equal(vq_calib_images(c), turn ? 1000 : 10);
        total[turn] = own.total + tmp.total;
        vq_arena_free(&own);
        vq_arena_free(&tmp);
    }
    assert_int_equal(total[0], total[1]);
}

static void
random_inputs_calibrate(void **state)
{
    Bench *b = *state;
    Graph *g = tiny_graph(&b->arena);
    Calib *c = vq_calib_random(&b->arena, &b->diag, g, 200, 5);
    Calib *d = vq_calib_random(&b->arena, &b->diag, g, 200, 5);
    const CalibEntry *e = vq_calib_find(c, "x");

    assert_true(vq_calib_check(c, &b->diag, g));
    assert_int_equal(vq_calib_images(c), 200);
    assert_true(e->range.lo < -2 && e->range.lo > -5);
    assert_true(e->range.hi > 2 && e->range.hi < 5);
    assert_memory_equal(&e->range, &vq_calib_find(d, "x")->range,
                        sizeof e->range);
}

static void
entries_can_be_put(void **state)
{
    Bench *b = *state;
    Calib *c = vq_calib_empty(&b->arena);
    Range channel[2] = {{-1, 1}, {0, 3}};
    const CalibEntry *first;
    double note = 0;

    vq_calib_put(c, "a",
                 (CalibEntry){.range = {-1, 3}, .n = 2, .channel = channel});
    first = vq_calib_find(c, "a");
    channel[0].hi = 9;
    for (int i = 0; i < 5000; i++) {
        vq_calib_put(
            c, vq_format(&b->arena, "v%d", i),
            (CalibEntry){.range = {0, (float)i}, .n = 1, .channel = channel});
        vq_calib_note(c, vq_format(&b->arena, "n%d", i), i);
    }
    assert_ptr_equal(vq_calib_find(c, "a"), first);
    assert_string_equal(first->name, "a");
    assert_true(first->channel[0].hi == 1);
    for (int i = 0; i < 5000; i += 7) {
        const char *name = vq_format(&b->arena, "v%d", i);

        assert_true(vq_calib_find(c, name)->range.hi == (float)i);
        assert_true(vq_calib_noted(c, vq_format(&b->arena, "n%d", i), &note));
        assert_true(note == i);
    }
    vq_calib_put(c, "v3", (CalibEntry){.range = {-5, 5}});
    assert_true(vq_calib_find(c, "v3")->range.lo == -5);
    assert_null(vq_calib_find(c, "v5000"));
    assert_false(vq_calib_noted(c, "none", &note));
}

static void
other_models_are_noticed(void **state)
{
    Bench *b = *state;
    Graph *g = tiny_graph(&b->arena);
    Calib *c = vq_calib_empty(&b->arena);
    Range channel[4] = {{0, 1}, {0, 1}, {0, 1}, {0, 1}};
    CalibEntry e = {.range = {0, 1}, .n = 3, .channel = channel};

    vq_calib_put(c, "x", e);
    assert_false(vq_calib_check(c, &b->diag, g));
    expect_message(b, "", "no range for 'l'");
    vq_calib_put(c, "l", e);
    assert_false(vq_calib_check(c, &b->diag, g));
    expect_message(b, "", "'l' has 3 channels, the model 4");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(extremes_are_exact),      TEST(probe_is_the_first_image),
        TEST(two_pass_methods_choose), TEST(bad_numbers_are_named),
        TEST(memory_is_constant),      TEST(random_inputs_calibrate),
        TEST(entries_can_be_put),      TEST(other_models_are_noticed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
