/*
 * common.h -- what every test of data/ and of calibration starts with: an
 * arena, a Diag that keeps its last message, a folder to write in.
 */
#ifndef DATA_TEST_COMMON_H
#define DATA_TEST_COMMON_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ir/base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct Bench {
    Arena arena;
    Diag diag;
    char file[512], text[1024]; /* of the last message */
    unsigned said;              /* how many messages */
    char dir[64];
} Bench;

static void
keep_message(void *user, Severity sev, const char *file, Loc loc,
             const char *text)
{
    Bench *b = user;

    (void)sev;
    (void)loc;
    b->said++;
    snprintf(b->file, sizeof b->file, "%s", file ? file : "");
    snprintf(b->text, sizeof b->text, "%s", text);
}

static int
open_bench(void **state)
{
    Bench *b = calloc(1, sizeof *b);

    assert_non_null(b);
    b->diag = (Diag){.fn = keep_message, .user = b};
    snprintf(b->dir, sizeof b->dir, "/tmp/vitqc-test-XXXXXX");
    assert_non_null(mkdtemp(b->dir));
    *state = b;
    return 0;
}

static int
close_bench(void **state)
{
    Bench *b = *state;
    char cmd[128];

    snprintf(cmd, sizeof cmd, "rm -rf %s", b->dir);
    assert_int_equal(system(cmd), 0);
    vq_arena_free(&b->arena);
    free(b);
    return 0;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_bench, close_bench)

static inline char *
path_of(Bench *b, const char *name)
{
    return vq_format(&b->arena, "%s/%s", b->dir, name);
}

static inline char *
put_file(Bench *b, const char *name, const void *bytes, size_t n)
{
    char *path = path_of(b, name);
    FILE *f;

    unlink(path); /* some file systems flush a file that is cut to nothing */
    f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
    return path;
}

/* One message, about that file, with that in it. */
static inline void
expect_message(Bench *b, const char *file, const char *part)
{
    assert_int_equal(b->said, 1);
    assert_string_equal(b->file, file);
    if (!strstr(b->text, part))
        fail_msg("'%s' is not in '%s'", part, b->text);
    b->said = 0;
}

#endif
