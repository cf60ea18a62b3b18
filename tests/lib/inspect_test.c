/*
 * inspect_test.c -- vitqc_inspect: the structure of exported models in words
 * and in JSON, and models with several things wrong at once.
 */
#include <vitqc/vitqc.h>

#include "lib/columns.h"
#include "lib/problems.h"
#include "tests/frontend/mkonnx.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char said[512];

static void
on_diag(void *user, const VitqcDiag *d)
{
    (void)user;
    if (d->severity == VITQC_ERROR)
        snprintf(said, sizeof said, "%s", d->text);
}

/* What inspect says of a file; to be freed. */
static char *
inspect(const char *path, bool json, VitqcStatus want)
{
    VitqcOptions o;
    char *text = NULL;
    size_t n;
    FILE *f = open_memstream(&text, &n);

    assert_non_null(f);
    vitqc_options_init(&o);
    o.on_diag = on_diag;
    *said = '\0';
    assert_int_equal(vitqc_inspect(path, &o, json ? NULL : f, json ? f : NULL),
                     want);
    fclose(f);
    return text;
}

/* As one line, so that it does not matter where it was broken. */
static void
join(char *s)
{
    char *to = s;

    for (char before = ' '; *s; s++) {
        char c = *s == '\n' || *s == '\t' ? ' ' : *s;

        if (c != ' ' || before != ' ')
            *to++ = c;
        before = c;
    }
    *to = '\0';
}

static void
narrow(const char *text)
{
    while (*text) {
        size_t n = strcspn(text, "\n");

        /* A word that is longer stands by itself. */
        if (n > 80)
            assert_null(memchr(text + 10, ' ', n - 10));
        text += n + (text[n] != 0);
    }
}

static void
expect(char *text, const char *const *want)
{
    join(text);
    for (; *want; want++)
        if (!strstr(text, *want)) {
            print_error("missing: %s\nin: %s\n", *want, text);
            fail();
        }
}

typedef struct Known {
    const char *model;
    const char *want[8];
} Known;

static const Known known[] = {
    {"timm_op17.onnx",
     {"8x8, stride 8: 4x4 = 16 patches of width 32",
      "17: 16 patches, a class token; a position is added",
      "blocks 2 of 2 recognised",
      "2 x 17 tokens of width 32, 2 heads of 16, mlp 64 (x2, gelu), layernorm "
      "before each part",
      "class token, 32 -> 10: output logits", "of object"}},
    {"zoo/deit_distilled_hf_dyn18.onnx",
     {"a class token, a distillation token",
      "head class token, 16 -> 10: output linear_12",
      "head distillation token, 16 -> 10: output linear_13"}},
    {"zoo/clip_hf_ts14.onnx",
     {"(x2, quick gelu)", "class token, 16 -> 16: output 326"}},
    {"zoo/dinov2_registers_hf_dyn18.onnx",
     {"21: 16 patches, a class token, 4 registers",
      "class token of width 16, no classifier: output select"}},
    {"zoo/dinov2_swiglu_hf_ts14.onnx", {"(x1.5, gated, silu)"}},
    {"zoo/beit_timm_ts17.onnx",
     {"position bias", "pooling mean of 16, width 16", "mean, 16 -> 10"}},
    {"zoo/swin_hf_ts17.onnx",
     {"2x2, stride 2: 16x16 = 256 patches of width 8",
      "blocks 3 of 3 recognised",
      "1 x 16x16 tokens of width 8, 1 head of 8, in windows of 4x4, position "
      "bias, mask, mlp 16 (x2, gelu)",
      "merge 8 of 16x16 -> 16 of 8x8",
      "2 x 8x8 tokens of width 16, 2 heads of 8, in windows of 4x4, some "
      "shifted by 2, position bias, mask"}},
    {"quantized/qdq_u8s8.onnx",
     {"blocks 2 of 2 recognised", "2 heads", "scales of values"}},
};

static void
structure_in_words(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(known); i++) {
        const char *path = vq_format(*state, MODELS "/%s", known[i].model);
        char *text = inspect(path, false, VITQC_OK);

        narrow(text);
        expect(text, known[i].want);
        assert_null(strstr(text, "others"));
        assert_null(strstr(text, "Not supported"));
        free(text);
    }
}

static void
structure_in_json(void **state)
{
    static const char *const want[] = {
        "\"compiles\": true",     "\"attentions\": 3",
        "\"window\": [4, 4]",     "\"shift\": 2",
        "\"part\": \"merge\"",    "\"hidden\": 32",
        "\"function\": \"gelu\"", "\"work_bytes\":",
        "\"not_supported\": []",  NULL};
    char *text = inspect(MODELS "/zoo/swin_hf_ts17.onnx", true, VITQC_OK);

    (void)state;
    expect(text, want);
    free(text);
}

/* ---- models that are refused ---- */

static void
write_model(Make *m, const char *path)
{
    size_t n;
    uint8_t *bytes = make_bytes(m, &n);
    FILE *f = fopen(path, "wb");

    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    fclose(f);
}

/* Unknown operators, one of them five times, one behind another, an attribute
 * that cannot be, and an initializer that is NaN: all in one run. */
static void
all_at_once(void **state)
{
    static const char *const want[] = {
        "NoSuchOp: operator NoSuchOp is not supported",
        "5 nodes: n0, n1, n2 and 2 more",
        "AlsoNot: operator AlsoNot is not supported",
        "node behind",
        "nowhere.Gelu:",
        "Softmax: axis 7 is not one of rank 2 node bad axis",
        "NaN",
        NULL};
    char path[] = "/tmp/vitqc-inspect-XXXXXX", *text;
    int fd = mkstemp(path);
    Make m;

    (void)state;
    assert_true(fd >= 0);
    close(fd);
    make_begin(&m, 17);
    make_io(&m, "1,4");
    make_floats(&m, "w", "2", "nan,1");
    for (int i = 0; i < 5; i++) {
        const char *names = vq_format(&m.arena, "x -> t%d", i);

        make_node(&m, "NoSuchOp", names)->name = vq_format(&m.arena, "n%d", i);
    }
    make_node(&m, "AlsoNot", "t0 -> u")->name = vq_strdup(&m.arena, "behind");
    make_node(&m, "Gelu", "x -> g")->domain = vq_strdup(&m.arena, "nowhere");
    make_node(&m, "Softmax", "x -> y")->name = vq_strdup(&m.arena, "bad axis");
    make_attr_i(&m, "axis", 7);
    write_model(&m, path);
    make_end(&m);
    text = inspect(path, false, VITQC_EMODEL);
    narrow(text);
    expect(text, want);
    assert_string_equal(said, "9 errors: vitqc cannot compile it");
    free(text);
    unlink(path);
}

/* What has no integer form is listed too, each kind once. */
static void
later_stages(void **state)
{
    static const char *const want[] = {"Kept in float",
                                       "ReduceMax:", "node node0", NULL};
    char path[] = "/tmp/vitqc-inspect-XXXXXX", *text;
    int fd = mkstemp(path);
    Make m;

    (void)state;
    assert_true(fd >= 0);
    close(fd);
    make_begin(&m, 17);
    make_io(&m, "1,4,4");
    make_node(&m, "ReduceMax", "x -> a");
    make_attr_is(&m, "axes", "1");
    make_node(&m, "Abs", "x -> b");
    make_node(&m, "Sub", "b a -> y");
    write_model(&m, path);
    make_end(&m);
    text = inspect(path, false, VITQC_OK);
    expect(text, want);
    free(text);
    unlink(path);
}

static void
no_model(void **state)
{
    char *text = inspect(MODELS "/nowhere.onnx", false, VITQC_EIO);

    (void)state;
    assert_non_null(strstr(text, "cannot read"));
    free(text);
}

/* ---- pieces ---- */

static void
grouping(void **state)
{
    Problems p = {.arena = *state};

    vq_problem_add(&p, "", "Conv", "a", "Conv: input 1 (w.1) is [3x4], not 2");
    vq_problem_add(&p, NULL, "Conv", "b", "Conv: input 2 (w.9) is [5], not 7");
    vq_problem_add(&p, "", "Conv", "c", "Conv: input 1 (w.1) is odd");
    vq_problem_add(&p, "d", "Conv", "e", "Conv: input 1 (w.1) is odd");
    vq_problem_add(&p, NULL, NULL, NULL, "no output");
    assert_int_equal(p.n, 4);
    assert_int_equal(p.count, 5);
    assert_int_equal(p.list[0].count, 2);
    assert_string_equal(p.list[0].node[1], "b");
    assert_string_equal(p.list[0].text, "input 1 (w.1) is [3x4], not 2");
    assert_string_equal(p.list[2].op, "d.Conv");
    assert_int_equal(p.list[3].count, 0);
}

static void
columns(void **state)
{
    char text[400] = "", *out = NULL;
    size_t n;
    FILE *f = open_memstream(&out, &n);

    (void)state;
    for (int i = 0; i < 30; i++)
        strcat(text, "abc def ");
    vq_put_column(f, "label", text);
    vq_put_column(f, "a label that is long", "x");
    fclose(f);
    narrow(out);
    assert_memory_equal(out, "label     abc", 13);
    assert_non_null(strstr(out, "long\n          x\n"));
    free(out);
}

static int
setup(void **state)
{
    static Arena a;

    *state = &a;
    return 0;
}

static int
teardown(void **state)
{
    vq_arena_free(*state);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(structure_in_words),
        cmocka_unit_test(structure_in_json),
        cmocka_unit_test(all_at_once),
        cmocka_unit_test(later_stages),
        cmocka_unit_test(no_model),
        cmocka_unit_test(grouping),
        cmocka_unit_test(columns),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
