/*
 * pool_test.c -- the thread pool: every part runs once, whatever the number of
 * parts, threads, pools and callers; a pool with nothing to do sleeps.
 */
#include "runtime/vqrt_pool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

/* A frame whose parts count themselves. Plain numbers: a part that ran twice
 * at once, or a result that the caller cannot see, would be a race. */
typedef struct Count {
    uint32_t ran[VQRT_MAXPARTS], seen[VQRT_MAXPARTS];
    pthread_t caller;
    bool foreign; /* part 0 ran elsewhere */
    VqrtPool *pool;
} Count;

static void
count_part(const void *frame, uint32_t part, uint32_t parts)
{
    Count *c = *(Count *const *)frame;

    c->ran[part]++;
    c->seen[part] = parts;
    if (part == 0 && !pthread_equal(pthread_self(), c->caller))
        c->foreign = true;
}

/* How many of the calls went wrong. */
static unsigned
count_wrong(VqrtPool *pool, uint32_t parts, unsigned calls)
{
    Count c = {.caller = pthread_self(), .pool = pool};
    Count *frame = &c;
    unsigned wrong = 0;

    for (unsigned k = 1; k <= calls; k++) {
        vqrt_pool_run(pool, count_part, &frame, parts);
        for (uint32_t i = 0; i < VQRT_MAXPARTS; i++)
            wrong +=
                i < parts ? c.ran[i] != k || c.seen[i] != parts : c.ran[i] != 0;
    }
    return wrong + c.foreign;
}

static void
test_parts(void **state)
{
    static const unsigned threads[] = {1, 2, 3, 8};

    (void)state;
    for (size_t t = 0; t < sizeof threads / sizeof *threads; t++) {
        VqrtPool *pool = vqrt_pool_new(threads[t]);

        assert_non_null(pool);
        assert_int_equal(vqrt_pool_threads(pool), threads[t]);
        for (uint32_t parts = 1; parts <= VQRT_MAXPARTS;
             parts += parts < 9 ? 1 : 11)
            assert_int_equal(count_wrong(pool, parts, 100), 0);
        assert_int_equal(count_wrong(pool, VQRT_MAXPARTS, 100), 0);
        vqrt_pool_free(pool);
    }
    assert_int_equal(count_wrong(NULL, 5, 3), 0);
    vqrt_pool_free(NULL);
}

static void
test_many(void **state)
{
    VqrtPool *pool = vqrt_pool_new(2);

    (void)state;
    assert_non_null(pool);
    assert_int_equal(count_wrong(pool, 2, 20000), 0);
    vqrt_pool_free(pool);
}

/* Numbers of parts change from step to step, as they do in a model. */
static void
test_mixed(void **state)
{
    VqrtPool *pool = vqrt_pool_new(3);

    (void)state;
    assert_non_null(pool);
    for (unsigned k = 0; k < 3000; k++)
        assert_int_equal(count_wrong(pool, 2 + k * 7 % 9, 1), 0);
    vqrt_pool_free(pool);
}

static void
test_new_and_free(void **state)
{
    VqrtPool *pool = vqrt_pool_new(0);

    (void)state;
    assert_non_null(pool);
    assert_true(vqrt_pool_threads(pool) >= 1);
    vqrt_pool_free(pool);
    for (int i = 0; i < 100; i++) {
        pool = vqrt_pool_new(4);
        assert_non_null(pool);
        assert_int_equal(count_wrong(pool, 4, (unsigned)i % 3), 0);
        vqrt_pool_free(pool);
    }
    pool = vqrt_pool_new(1000);
    assert_non_null(pool);
    assert_true(vqrt_pool_threads(pool) <= VQRT_MAXPARTS);
    assert_int_equal(count_wrong(pool, VQRT_MAXPARTS, 3), 0);
    vqrt_pool_free(pool);
}

typedef struct Caller {
    VqrtPool *pool;
    unsigned wrong;
} Caller;

static void *
call_often(void *arg)
{
    Caller *c = arg;

    c->wrong = count_wrong(c->pool, 3, 2000);
    return NULL;
}

/* Runs a and b in two threads, at once or one after the other. */
static unsigned
call_twice(VqrtPool *a, VqrtPool *b, bool at_once)
{
    Caller c[2] = {{a, 1}, {b, 1}};
    pthread_t t[2];

    for (int i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&t[i], NULL, call_often, &c[i]), 0);
        if (!at_once)
            pthread_join(t[i], NULL);
    }
    for (int i = 0; i < 2 && at_once; i++)
        pthread_join(t[i], NULL);
    return c[0].wrong + c[1].wrong;
}

static void
test_callers(void **state)
{
    VqrtPool *one = vqrt_pool_new(2), *other = vqrt_pool_new(3);

    (void)state;
    assert_true(one && other);
    assert_int_equal(call_twice(one, other, true), 0);
    assert_int_equal(call_twice(one, one, false), 0);
    assert_int_equal(call_twice(one, one, true), 0);
    vqrt_pool_free(one);
    vqrt_pool_free(other);
}

static void
count_within(const void *frame, uint32_t part, uint32_t parts)
{
    Count *c = *(Count *const *)frame;
    Count inner = {.caller = pthread_self()}, *p = &inner;

    vqrt_pool_run(c->pool, count_part, &p, 3);
    c->ran[part] = inner.ran[0] + inner.ran[1] + inner.ran[2];
    c->seen[part] = parts;
}

/* A task that uses the pool it runs in. */
static void
test_nested(void **state)
{
    Count c = {.pool = vqrt_pool_new(3)}, *frame = &c;

    (void)state;
    assert_non_null(c.pool);
    vqrt_pool_run(c.pool, count_within, &frame, 6);
    for (int i = 0; i < 6; i++)
        assert_int_equal(c.ran[i], 3);
    vqrt_pool_free(c.pool);
}

static double
cpu_seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void
test_idle(void **state)
{
    const struct timespec pause = {.tv_nsec = 300000000};
    VqrtPool *pool = vqrt_pool_new(4);
    double before;

    (void)state;
    assert_non_null(pool);
    assert_int_equal(count_wrong(pool, 4, 100), 0);
    before = cpu_seconds();
    nanosleep(&pause, NULL);
    assert_true(cpu_seconds() - before < 0.02);
    assert_int_equal(count_wrong(pool, 4, 100), 0);
    vqrt_pool_free(pool);
}

static void
delay_part(const void *frame, uint32_t part, uint32_t parts)
{
    const struct timespec pause = {.tv_nsec = 2000000};

    if (part != 0)
        nanosleep(&pause, NULL);
    count_part(frame, part, parts);
}

/* The caller is done long before the others, and sleeps until they are. */
static void
test_late(void **state)
{
    Count c = {.caller = pthread_self(), .pool = vqrt_pool_new(2)};
    Count *frame = &c;

    (void)state;
    assert_non_null(c.pool);
    for (uint32_t k = 1; k <= 20; k++) {
        vqrt_pool_run(c.pool, delay_part, &frame, 2);
        assert_int_equal(c.ran[0], k);
        assert_int_equal(c.ran[1], k);
    }
    vqrt_pool_free(c.pool);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parts),        cmocka_unit_test(test_many),
        cmocka_unit_test(test_mixed),        cmocka_unit_test(test_late),
        cmocka_unit_test(test_new_and_free), cmocka_unit_test(test_callers),
        cmocka_unit_test(test_nested),       cmocka_unit_test(test_idle),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
