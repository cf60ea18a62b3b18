/*
 * bad_file_test.c -- files that are no ONNX models, or not quite, and weights
 * in files of their own. Each gives one clear error and no crash; run under
 * ASan and UBSan these are the frontend's fuzz tests.
 */
#include "tests/frontend/mkonnx.h"

#include <cmocka.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void
assert_said(Make *m, const char *why, Fault fault)
{
    if (!strstr(m->said, why))
        fail_msg("said %s instead of %s", m->said, why);
    assert_int_equal(m->diag.fault, fault);
    assert_int_equal(m->diag.nerror, 1);
}

static void
refuse_bytes(const void *p, size_t n, const char *why)
{
    Make m;

    make_begin(&m, 13);
    assert_null(make_read(&m, p, n, NULL));
    assert_said(&m, why, FAULT_MODEL);
    make_end(&m);
}

static void
test_no_model(void **state)
{
    static const char text[] = "{\"this\": \"is JSON\"}\n";
    static const char lfs[] = "version https://git-lfs.github.com/spec/v1\n";
    static const uint8_t zeros[64];

    (void)state;
    refuse_bytes("", 0, "the file is empty");
    refuse_bytes(text, sizeof text - 1, "text file");
    refuse_bytes(lfs, sizeof lfs - 1, "git lfs pull");
    refuse_bytes(zeros, sizeof zeros, "not an ONNX model (or truncated)");
    refuse_bytes("\x08\x07", 2, "not an ONNX model (or truncated)");
}

static void
test_no_file(void **state)
{
    Make m;

    (void)state;
    make_begin(&m, 13);
    assert_null(vq_onnx_read(&m.arena, &m.diag, "/no/such/file", NULL));
    assert_said(&m, "cannot open", FAULT_IO);
    make_end(&m);
    make_begin(&m, 13);
    assert_null(vq_onnx_read(&m.arena, &m.diag, "/tmp", NULL));
    assert_said(&m, "not a regular file", FAULT_IO);
    make_end(&m);
}

static uint64_t
next_random(uint64_t *x)
{
    *x ^= *x << 13;
    *x ^= *x >> 7;
    *x ^= *x << 17;
    return *x;
}

static void
test_random_bytes(void **state)
{
    uint64_t seed = 88172645463325252;
    uint8_t p[4096];

    (void)state;
    for (int i = 0; i < 200; i++) {
        size_t n = 16 + next_random(&seed) % (sizeof p - 16);

        for (size_t k = 0; k < n; k++)
            p[k] = (uint8_t)next_random(&seed);
        p[0] |= 0x80; /* not text by chance */
        refuse_bytes(p, n, "not an ONNX model (or truncated)");
    }
}

/* A model of the exporters'; NULL when the file cannot be read. */
static uint8_t *
load_model(size_t *n)
{
    FILE *f = fopen(MODELS "/timm_op13.onnx", "rb");
    uint8_t *p = malloc(1 << 20);

    assert_non_null(f);
    assert_non_null(p);
    *n = fread(p, 1, 1 << 20, f);
    fclose(f);
    return p;
}

static void
test_truncated(void **state)
{
    size_t n;
    uint8_t *p = load_model(&n);

    (void)state;
    for (size_t i = 1; i < 100; i++) {
        Make m;

        make_begin(&m, 13);
        assert_null(make_read(&m, p, n * i / 100, NULL));
        assert_said(&m, "truncated", FAULT_MODEL);
        make_end(&m);
    }
    for (size_t cut = 1; cut < 12; cut++) {
        Make m;

        make_begin(&m, 13);
        assert_null(make_read(&m, p, n - cut, NULL));
        assert_said(&m, "truncated", FAULT_MODEL);
        make_end(&m);
    }
    free(p);
}

/* Any answer is right, but none may crash, and none may be our bug. */
static void
test_damaged(void **state)
{
    uint64_t seed = 1;
    size_t n;
    uint8_t *p = load_model(&n);

    (void)state;
    for (int i = 0; i < 1000; i++) {
        size_t at[4];
        uint8_t was[4];
        Make m;

        for (int k = 0; k < 4; k++) {
            at[k] = next_random(&seed) % n;
            was[k] = p[at[k]];
            p[at[k]] = (uint8_t)next_random(&seed);
        }
        make_begin(&m, 13);
        if (!make_read(&m, p, n, &(ImportOptions){.max_memory = 1 << 28}))
            assert_true(m.diag.nerror > 0);
        assert_int_not_equal(m.diag.fault, FAULT_BUG);
        assert_true(m.diag.nerror <= 28); /* 20, and an input's dimensions */
        make_end(&m);
        for (int k = 3; k >= 0; k--)
            p[at[k]] = was[k];
    }
    free(p);
}

/* Attributes in attributes: graphs nested without end. */
static void
test_deep_nesting(void **state)
{
    static uint8_t p[200000];
    size_t at = sizeof p, n = 0;
    const uint8_t tags[] = {0x0a, 0x2a, 0x32}; /* node, attribute, graph */

    (void)state;
    for (int i = 0; at > 64 || i % 3 != 1; i++) {
        size_t len = n;
        uint8_t head[8];
        size_t k = 0;

        head[k++] = tags[2 - i % 3];
        do
            head[k++] = (uint8_t)((len & 127) | (len > 127 ? 128 : 0));
        while (len >>= 7);
        at -= k;
        n += k;
        memcpy(p + at, head, k);
    }
    p[at] = 0x3a; /* graph of the model */
    refuse_bytes(p + at, n, "not an ONNX model (or truncated)");
}

/* Half a million weights in the file, and sums of them to be folded. */
static void
build_large(Make *m)
{
    Onnx__TensorProto *t;

    make_begin(m, 13);
    make_io(m, "1,524288");
    t = make_floats(m, "w", "1,524288", "");
    t->has_raw_data = 1;
    t->raw_data.len = 524288 * sizeof(float);
    t->raw_data.data = vq_alloc(&m->arena, t->raw_data.len);
    make_node(m, "Add", "w w -> a");
    make_node(m, "Mul", "a w -> b");
    make_node(m, "Add", "x b -> y");
}

/* With `more` bytes to go; false when memory ended and the jump was taken, to
 * the arena's owner. */
static bool
read_limited(size_t more)
{
    volatile bool done = false;
    jmp_buf env;
    Make m;
    size_t n;
    const uint8_t *p;

    build_large(&m);
    p = make_bytes(&m, &n);
    m.arena.limit = m.arena.total + more;
    m.arena.oom = &env;
    if (setjmp(env) == 0)
        done = make_read(&m, p, n, NULL) != NULL;
    assert_ptr_equal(m.arena.oom, &env);
    make_end(&m);
    return done;
}

static void
test_out_of_memory(void **state)
{
    unsigned done = 0;

    (void)state;
    for (size_t mib = 0; mib <= 16; mib++)
        done += read_limited(mib << 20);
    assert_true(done > 1 && done < 16);
}

/* ---- weights in files of their own ---- */

typedef struct Folder {
    char path[64];
    Make m;
} Folder;

static void
add_entry(Make *m, Onnx__TensorProto *t, const char *key, const char *value)
{
    Onnx__StringStringEntryProto *e =
        NEW(&m->arena, Onnx__StringStringEntryProto);

    onnx__string_string_entry_proto__init(e);
    e->key = vq_strdup(&m->arena, key);
    e->value = vq_strdup(&m->arena, value);
    make_append(m, &t->external_data, &t->n_external_data, e);
}

static void
write_file(const char *folder, const char *name, const void *p, size_t n)
{
    char path[128];
    FILE *f;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(p, 1, n, f), n);
    fclose(f);
}

/* Beside w.bin: links to it, out of the folder and to nowhere; and a pipe. */
static void
make_odd_files(const char *folder)
{
    static const char *const link[][2] = {
        {"in.bin", "w.bin"}, {"out.bin", "/etc/passwd"}, {"lost.bin", "none"}};
    char path[128];

    for (size_t i = 0; i < COUNT(link); i++) {
        snprintf(path, sizeof path, "%s/%s", folder, link[i][0]);
        assert_int_equal(symlink(link[i][1], path), 0);
    }
    snprintf(path, sizeof path, "%s/pipe.bin", folder);
    assert_int_equal(mkfifo(path, 0600), 0);
}

/* A model y = x + w with w at `location`, in a folder with w.bin: three
 * numbers, 5, 6, 7. */
static Graph *
import_external(Folder *f, const char *location, const char *offset,
                const char *length)
{
    static const float w[] = {5, 6, 7};
    Onnx__TensorProto *t;
    const uint8_t *p;
    size_t n;

    strcpy(f->path, "/tmp/vitqc_external_XXXXXX");
    assert_non_null(mkdtemp(f->path));
    make_begin(&f->m, 13);
    make_io(&f->m, "2");
    t = make_floats(&f->m, "w", "2", "");
    t->has_data_location = 1;
    t->data_location = ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
    add_entry(&f->m, t, "location", location);
    add_entry(&f->m, t, "offset", offset);
    if (length)
        add_entry(&f->m, t, "length", length);
    make_node(&f->m, "Add", "x w -> y");
    p = make_bytes(&f->m, &n);
    write_file(f->path, "m.onnx", p, n);
    write_file(f->path, "w.bin", w, sizeof w);
    make_odd_files(f->path);
    return vq_onnx_read(&f->m.arena, &f->m.diag,
                        vq_format(&f->m.arena, "%s/m.onnx", f->path), NULL);
}

static void
remove_folder(Folder *f)
{
    static const char *const names[] = {"m.onnx",  "w.bin",    "in.bin",
                                        "out.bin", "lost.bin", "pipe.bin"};
    char path[128];

    for (size_t i = 0; i < COUNT(names); i++) {
        snprintf(path, sizeof path, "%s/%s", f->path, names[i]);
        unlink(path);
    }
    rmdir(f->path);
    make_end(&f->m);
}

static void
test_external(void **state)
{
    Folder f;
    Graph *g = import_external(&f, "w.bin", "4", "8");
    const float x[] = {10, 20}, *y;

    (void)state;
    assert_non_null(g);
    y = make_run(&f.m, g, x);
    assert_true(y[0] == 16 && y[1] == 27);
    remove_folder(&f);
    assert_non_null(import_external(&f, "./w.bin", "0", NULL));
    remove_folder(&f);
    assert_non_null(import_external(&f, "in.bin", "0", NULL));
    remove_folder(&f);
}

/* A cache of downloads: model and weights are links into another folder. */
static void
test_external_links(void **state)
{
    char folder[] = "/tmp/vitqc_links_XXXXXX", model[64], data[64], to[128];
    Folder f;

    (void)state;
    assert_non_null(import_external(&f, "w.bin", "0", "8"));
    assert_non_null(mkdtemp(folder));
    snprintf(model, sizeof model, "%s/model.onnx", folder);
    snprintf(data, sizeof data, "%s/w.bin", folder);
    snprintf(to, sizeof to, "%s/m.onnx", f.path);
    assert_int_equal(symlink(to, model), 0);
    snprintf(to, sizeof to, "%s/w.bin", f.path);
    assert_int_equal(symlink(to, data), 0);
    assert_non_null(vq_onnx_read(&f.m.arena, &f.m.diag, model, NULL));
    unlink(model);
    unlink(data);
    rmdir(folder);
    remove_folder(&f);
}

static void
test_bad_external(void **state)
{
    static const struct {
        const char *location, *offset, *length, *why;
        Fault fault;
    } row[] = {
        {"none.bin", "0", "8", "cannot open", FAULT_IO},
        {"w.bin", "8", "8", "too short: tensor w", FAULT_IO},
        {"w.bin", "99", "8", "too short: tensor w", FAULT_IO},
        {"w.bin", "0", "12", "12 bytes of external data", FAULT_MODEL},
        {"w.bin", "-4", "8", "not valid", FAULT_MODEL},
        {"w.bin", "99999999999999999999", "8", "not valid", FAULT_MODEL},
        {"", "0", "8", "not valid", FAULT_MODEL},
        {"/etc/passwd", "0", "8", "outside the model's folder", FAULT_MODEL},
        {"../w.bin", "0", "8", "outside the model's folder", FAULT_MODEL},
        {"a/../../w.bin", "0", "8", "outside the model's folder", FAULT_MODEL},
        {".", "0", "8", "not a regular file", FAULT_IO},
        {"pipe.bin", "0", "8", "not a regular file", FAULT_IO},
        {"out.bin", "0", "8", "leads out of the model's folder", FAULT_MODEL},
        {"lost.bin", "0", "8", "cannot open", FAULT_IO},
        {"w.bin", "18446744073709551608", "8", "too short", FAULT_IO},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(row); i++) {
        Folder f;

        assert_null(
            import_external(&f, row[i].location, row[i].offset, row[i].length));
        assert_said(&f.m, row[i].why, row[i].fault);
        remove_folder(&f);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_model),
        cmocka_unit_test(test_no_file),
        cmocka_unit_test(test_random_bytes),
        cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_deep_nesting),
        cmocka_unit_test(test_out_of_memory),
        cmocka_unit_test(test_external),
        cmocka_unit_test(test_external_links),
        cmocka_unit_test(test_bad_external),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
