/* arena_test.c -- the arena of base.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "ir/base.h"

static void
test_aligned_and_zeroed(void **state)
{
    Arena a = {0};

    (void)state;
    for (size_t n = 1; n < 3000; n += 7) {
        unsigned char *p = vq_alloc(&a, n);

        assert_int_equal((uintptr_t)p % (n >= 64 ? 64 : 16), 0);
        for (size_t i = 0; i < n; i++)
            assert_int_equal(p[i], 0);
        memset(p, 0xa5, n);
    }
    vq_arena_free(&a);
    assert_int_equal(a.total, 0);
}

static void
test_large_blocks(void **state)
{
    Arena a = {0};
    char *small = vq_alloc(&a, 10), *large = vq_alloc(&a, 5 << 20);

    (void)state;
    small[9] = 1;
    large[(5 << 20) - 1] = 2;
    assert_true(a.total >= 5 << 20);
    vq_arena_free(&a);
}

static void
test_release_returns_memory(void **state)
{
    Arena a = {0};
    char *kept = vq_strdup(&a, "kept");
    ArenaMark m = vq_arena_mark(&a);
    size_t before = a.total;
    char *p = vq_alloc(&a, 100);

    (void)state;
    p[0] = 1;
    for (int i = 0; i < 5; i++)
        vq_alloc(&a, 1 << 21);
    vq_arena_release(&a, m);
    assert_int_equal(a.total, before);
    assert_string_equal(kept, "kept");
    /* The same place again, and zeroed again. */
    assert_ptr_equal(vq_alloc(&a, 100), p);
    assert_int_equal(p[0], 0);
    vq_arena_free(&a);
}

static void
test_limit_jumps(void **state)
{
    jmp_buf oom;
    Arena a = {.limit = 4 << 20, .oom = &oom};
    volatile int allocated = 0;

    (void)state;
    if (setjmp(oom) == 0)
        for (;; allocated++)
            vq_alloc(&a, 1 << 20);
    assert_int_equal(allocated, 4);
    vq_arena_free(&a);
}

static void
test_overflow_jumps(void **state)
{
    jmp_buf oom;
    Arena a = {.oom = &oom};
    volatile int jumps = 0;

    (void)state;
    if (setjmp(oom) == 0)
        vq_allocn(&a, SIZE_MAX / 4, 8);
    else
        jumps++;
    if (setjmp(oom) == 0)
        vq_alloc(&a, SIZE_MAX - 8);
    else
        jumps++;
    assert_int_equal(jumps, 2);
    vq_arena_free(&a);
}

static void
test_grow_keeps_items(void **state)
{
    Arena a = {0};
    size_t cap = 0;
    int *v = NULL;

    (void)state;
    for (int i = 0; i < 1000; i++) {
        v = vq_grow(&a, v, (size_t)i, &cap, sizeof *v);
        v[i] = i;
    }
    for (int i = 0; i < 1000; i++)
        assert_int_equal(v[i], i);
    vq_arena_free(&a);
}

static void
test_format(void **state)
{
    Arena a = {0};
    char longer[5000];

    (void)state;
    memset(longer, 'x', sizeof longer);
    longer[sizeof longer - 1] = '\0';
    assert_string_equal(vq_format(&a, "%d-%s", 7, "y"), "7-y");
    assert_int_equal(strlen(vq_format(&a, "<%s>", longer)), 5001);
    vq_arena_free(&a);
}

/* Two arenas share a limit, which files raise unless it is the user's. */
static void
test_limit_of_several(void **state)
{
    jmp_buf oom;
    Memory m = {.limit = 4 << 20};
    Arena a = {.memory = &m, .oom = &oom}, b = a;

    (void)state;
    vq_alloc(&a, 3 << 20);
    if (setjmp(oom) == 0) {
        vq_alloc(&b, 2 << 20);
        fail();
    }
    assert_true(m.passed);
    assert_int_equal(m.used, 3 << 20);
    vq_arena_free(&a);
    assert_int_equal(m.used, 0);
    vq_memory_grow(&m, 1 << 20);
    assert_int_equal(m.limit, (4 << 20) + VQ_MEMORY_TIMES * (1 << 20));
    vq_memory_grow(&m, UINT64_MAX);
    assert_int_equal(m.limit, SIZE_MAX);
    m = (Memory){.limit = 4 << 20, .fixed = true};
    vq_memory_grow(&m, 1 << 20);
    assert_int_equal(m.limit, 4 << 20);
    vq_arena_free(&b);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_aligned_and_zeroed),
        cmocka_unit_test(test_large_blocks),
        cmocka_unit_test(test_release_returns_memory),
        cmocka_unit_test(test_limit_jumps),
        cmocka_unit_test(test_limit_of_several),
        cmocka_unit_test(test_overflow_jumps),
        cmocka_unit_test(test_grow_keeps_items),
        cmocka_unit_test(test_format),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
