/*
 * calib_json_test.c -- calibrations saved, loaded and refused.
 */
#include "common.h"

#include "passes/calib.h"
#include "tiny.h"

static char *
read_file(Bench *b, const char *path)
{
    char *text = vq_alloc(&b->arena, 1 << 16);
    FILE *f = fopen(path, "rb");

    assert_non_null(f);
    assert_in_range(fread(text, 1, (1 << 16) - 1, f), 1, (1 << 16) - 2);
    fclose(f);
    return text;
}

static Calib *
make_calib(Bench *b)
{
    Graph *g = tiny_graph(&b->arena);
    Calib *c = vq_calib_random(&b->arena, &b->diag, g, 10, 3);

    vq_calib_note(c, "gelu \"1\".form", 2);
    vq_calib_note(c, "largest", 1.0 / 3);
    return c;
}

static void
save(const Calib *c, const char *path)
{
    FILE *f = fopen(path, "wb");

    assert_non_null(f);
    vq_calib_save(c, f, "key 1");
    assert_int_equal(fclose(f), 0);
}

static void
everything_comes_back(void **state)
{
    static const char *const names[] = {"x", "l", "y", "n"};
    Bench *b = *state;
    Calib *c = make_calib(b), *d;
    char *path = path_of(b, "c.json");
    double note;

    save(c, path);
    d = vq_calib_load(&b->arena, &b->diag, path, "key 1");
    assert_non_null(d);
    assert_int_equal(vq_calib_images(d), 10);
    assert_true(vq_calib_check(d, &b->diag, tiny_graph(&b->arena)));
    for (size_t i = 0; i < COUNT(names); i++) {
        const CalibEntry *e = vq_calib_find(c, names[i]);
        const CalibEntry *f = vq_calib_find(d, names[i]);

        assert_int_equal(e->n, f->n);
        assert_memory_equal(&e->range, &f->range, sizeof e->range);
        assert_memory_equal(e->channel, f->channel, e->n * sizeof *e->channel);
        assert_non_null(e->probe);
        assert_null(f->probe);
    }
    assert_true(vq_calib_noted(d, "gelu \"1\".form", &note) && note == 2);
    assert_true(vq_calib_noted(d, "largest", &note) && note == 1.0 / 3);
    save(d, path_of(b, "d.json"));
    assert_string_equal(read_file(b, path), read_file(b, path_of(b, "d.json")));
    assert_int_equal(b->said, 0);
}

static void
other_keys_are_refused(void **state)
{
    Bench *b = *state;
    char *path = path_of(b, "c.json");

    save(make_calib(b), path);
    assert_null(vq_calib_load(&b->arena, &b->diag, path, "key 2"));
    expect_message(b, path, "made for another model or preprocessing");
    assert_int_equal(b->diag.fault, FAULT_MODEL);
}

/* One replacement in a sound file each. */
static const struct {
    const char *from, *to, *says;
} damages[] = {
    {"vitqc calibration", "something else", "not a calibration"},
    {"\"version\":\t1", "\"version\":\t9", "another version"},
    {"\"key\"", "\"kay\"", "not a calibration"},
    {"\"minmax\"", "\"maxmin\"", "broken"},
    {"\"images\":\t10", "\"images\":\t0", "broken"},
    {"\"values\"", "\"valves\"", "broken"},
    {"\"notes\"", "\"dotes\"", "broken"},
    {"\"name\":\t\"l\"", "\"name\":\t\"x\"", "broken"},
    {"\"name\":\t\"l\"", "\"name\":\t12", "broken"},
    {"\"lo\"", "\"low\"", "broken"},
    {"\"hi\":\t", "\"hi\":\t-99", "broken"},
    {"\"hi\":\t", "\"hi\":\t1e99, \"h\":", "broken"},
    {"\"channels\":\t[", "\"channels\":\t[1, ", "broken"},
    {"\"channels\":\t[", "\"channels\":\t[5, 4, ", "broken"},
    {"\"channels\":\t[", "\"channels\":\t[null, 4, ", "broken"},
    {"\"channels\":\t[", "\"channels\":\t[], \"c\":[", "broken"},
    {"\"value\":\t2", "\"value\":\t\"2\"", "broken"},
    {"{", "[", "not a calibration"},
};

static void
damaged_files_are_refused(void **state)
{
    Bench *b = *state;
    char *path = path_of(b, "c.json"), *text;

    save(make_calib(b), path);
    text = read_file(b, path);
    for (size_t i = 0; i < COUNT(damages); i++) {
        char *at = strstr(text, damages[i].from), *bad;

        if (!at)
            fail_msg("no '%s' in the file", damages[i].from);
        bad = vq_format(&b->arena, "%.*s%s%s", (int)(at - text), text,
                        damages[i].to, at + strlen(damages[i].from));
        put_file(b, "c.json", bad, strlen(bad));
        if (vq_calib_load(&b->arena, &b->diag, path, "key 1"))
            fail_msg("loaded with '%s'", damages[i].to);
        expect_message(b, path, damages[i].says);
    }
}

static void
cut_files_are_refused(void **state)
{
    Bench *b = *state;
    char *path = path_of(b, "c.json"), *text;
    size_t n;

    save(make_calib(b), path);
    text = read_file(b, path);
    n = strlen(text);
    for (size_t cut = 0; cut + 2 < n; cut += 13) {
        put_file(b, "c.json", text, cut);
        assert_null(vq_calib_load(&b->arena, &b->diag, path, "key 1"));
        expect_message(b, path, "not a calibration");
    }
}

static void
unreadable_files_are_refused(void **state)
{
    Bench *b = *state;
    char *path = path_of(b, "none/c.json");

    assert_null(vq_calib_load(&b->arena, &b->diag, path, "k"));
    expect_message(b, path, "No such file");
    assert_int_equal(b->diag.fault, FAULT_IO);
    assert_null(vq_calib_load(&b->arena, &b->diag, b->dir, "k"));
    expect_message(b, b->dir, "not a regular file");
}

/* Out of memory in the middle of a load: the jump arrives, nothing leaks. */
static void
memory_may_end(void **state)
{
    Bench *b = *state;
    Arena small = {.limit = 1};
    char *path = path_of(b, "c.json");
    volatile bool out = false;
    size_t n;
    jmp_buf oom;

    save(make_calib(b), path);
    n = strlen(read_file(b, path)); /* its text fits */
    small.limit = (1 << 20) + 64;
    small.oom = &oom;
    if (setjmp(oom))
        out = true;
    else {
        vq_alloc(&small, (1 << 20) - 512 - n);
        vq_calib_load(&small, &b->diag, path, "key 1");
    }
    assert_true(out);
    assert_ptr_equal(small.oom, &oom);
    vq_arena_free(&small);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(everything_comes_back),        TEST(other_keys_are_refused),
        TEST(damaged_files_are_refused),    TEST(cut_files_are_refused),
        TEST(unreadable_files_are_refused), TEST(memory_may_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
