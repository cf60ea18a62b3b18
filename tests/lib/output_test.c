/*
 * output_test.c -- files appear complete or not at all.
 */
#include "lib/output.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

typedef struct Fixture {
    char dir[64], a[80], b[80];
    Arena arena;
    Diag diag;
} Fixture;

static int
set_up(void **state)
{
    Fixture *x = calloc(1, sizeof *x);

    strcpy(x->dir, "/tmp/vitqc_output.XXXXXX");
    if (!mkdtemp(x->dir))
        return -1;
    snprintf(x->a, sizeof x->a, "%s/a", x->dir);
    snprintf(x->b, sizeof x->b, "%s/b", x->dir);
    *state = x;
    return 0;
}

static int
tear_down(void **state)
{
    Fixture *x = *state;

    unlink(x->a);
    unlink(x->b);
    vq_arena_free(&x->arena);
    /* Fails when a test left anything else behind. */
    int code = rmdir(x->dir);

    free(x);
    return code;
}

static void
write_text(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void
check_text(const char *path, const char *want)
{
    char text[64] = "";
    FILE *f = fopen(path, "r");

    assert_non_null(f);
    assert_non_null(fgets(text, sizeof text, f));
    fclose(f);
    assert_string_equal(text, want);
}

static void
commit_puts_all_in_place(void **state)
{
    Fixture *x = *state;
    OutputSet *s = vq_output_new(&x->arena, &x->diag);

    fputs("one", vq_output_open(s, x->a));
    fputs("two", vq_output_open(s, x->b));
    assert_int_not_equal(access(x->a, F_OK), 0);
    assert_true(vq_output_commit(s));
    check_text(x->a, "one");
    check_text(x->b, "two");
}

static void
abort_leaves_the_old_file(void **state)
{
    Fixture *x = *state;
    OutputSet *s = vq_output_new(&x->arena, &x->diag);

    write_text(x->a, "old");
    fputs("new", vq_output_open(s, x->a));
    fputs("more", vq_output_open(s, x->b));
    vq_output_abort(s);
    vq_output_abort(s);
    check_text(x->a, "old");
    assert_int_not_equal(access(x->b, F_OK), 0);
}

static void
one_failure_fails_all(void **state)
{
    Fixture *x = *state;
    OutputSet *s = vq_output_new(&x->arena, &x->diag);
    FILE *full;

    fputs("one", vq_output_open(s, x->a));
    full = vq_output_open(s, "/dev/full");
    assert_non_null(full);
    fputs("two", full);
    assert_false(vq_output_commit(s));
    assert_int_equal(x->diag.fault, FAULT_IO);
    assert_int_not_equal(access(x->a, F_OK), 0);
}

static void
missing_folder_is_reported(void **state)
{
    Fixture *x = *state;
    OutputSet *s = vq_output_new(&x->arena, &x->diag);

    assert_null(vq_output_open(s, "/tmp/vitqc_no_such_folder/a"));
    assert_int_equal(x->diag.fault, FAULT_IO);
    vq_output_abort(s);
}

static void
mode_follows_the_umask_or_the_old_file(void **state)
{
    Fixture *x = *state;
    OutputSet *s = vq_output_new(&x->arena, &x->diag);
    mode_t mask = umask(022);
    struct stat st;

    write_text(x->b, "old");
    chmod(x->b, 0640);
    fputs("one", vq_output_open(s, x->a));
    fputs("two", vq_output_open(s, x->b));
    assert_true(vq_output_commit(s));
    umask(mask);
    assert_int_equal(stat(x->a, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0644);
    assert_int_equal(stat(x->b, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);
}

static void
a_link_stays_a_link(void **state)
{
    Fixture *x = *state;
    OutputSet *s = vq_output_new(&x->arena, &x->diag);
    struct stat st;

    write_text(x->b, "old");
    assert_int_equal(symlink("b", x->a), 0);
    fputs("new", vq_output_open(s, x->a));
    assert_true(vq_output_commit(s));
    assert_int_equal(lstat(x->a, &st), 0);
    assert_true(S_ISLNK(st.st_mode));
    check_text(x->b, "new");
}

/* Standard error stays the file it was sent to: it is written, not replaced. */
static void
own_streams(void **state)
{
    Fixture *x = *state;
    FILE *there = fopen(x->a, "wb");
    int error = dup(STDERR_FILENO);
    struct stat before, after;
    OutputSet *s = vq_output_new(&x->arena, &x->diag);
    FILE *f;

    assert_non_null(there);
    assert_true(dup2(fileno(there), STDERR_FILENO) >= 0);
    assert_int_equal(stat(x->a, &before), 0);
    f = vq_output_open(s, "/dev/stderr");
    assert_non_null(f);
    fputs("text", f);
    assert_true(vq_output_commit(s));
    assert_true(dup2(error, STDERR_FILENO) >= 0);
    close(error);
    fclose(there);
    assert_int_equal(stat(x->a, &after), 0);
    assert_int_equal(after.st_ino, before.st_ino);
    assert_int_equal(after.st_size, 4);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(commit_puts_all_in_place),
        TEST(abort_leaves_the_old_file),
        TEST(one_failure_fails_all),
        TEST(missing_folder_is_reported),
        TEST(mode_follows_the_umask_or_the_old_file),
        TEST(a_link_stays_a_link),
        TEST(own_streams),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
