/* fail.h -- cmocka's checks, or where there is no cmocka, an exit. */
#ifndef VQ_TESTS_FAIL_H
#define VQ_TESTS_FAIL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#ifdef VQ_NO_CMOCKA

#include <stdio.h>
#include <stdlib.h>

#define fail_msg(...)                                                          \
    do {                                                                       \
        fprintf(stderr, __VA_ARGS__);                                          \
        fputc('\n', stderr);                                                   \
        exit(1);                                                               \
    } while (0)
#define assert_true(x)                                                         \
    do {                                                                       \
        if (!(x))                                                              \
            fail_msg("%s:%d: not so: %s", __FILE__, __LINE__, #x);             \
    } while (0)
#define assert_non_null(x)        assert_true((x) != NULL)
#define assert_int_equal(a, b)    assert_true((a) == (b))
#define assert_string_equal(a, b) assert_true(strcmp(a, b) == 0)

#else

#include <cmocka.h>

#endif

#endif
