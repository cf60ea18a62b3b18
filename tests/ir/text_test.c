/*
 * text_test.c -- graphs to files and back, and texts that mean no good.
 * Texts that are right or wrong in a known way are golden files.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <unistd.h>

#include "ir/eval.h"
#include "ir/text.h"
#include "tests/ir/messages.h"
#include "tests/ir/random.h"

static Arena A;

static int
free_arena(void **state)
{
    (void)state;
    vq_arena_free(&A);
    return 0;
}

static void *
random_bytes(size_t n, uint64_t seed)
{
    uint8_t *p = NEWN(&A, uint8_t, n);

    for (size_t i = 0; i < n; i++)
        p[i] = (uint8_t)vq_random(&seed);
    return p;
}

static float *
random_f32(size_t n, uint64_t seed)
{
    float *p = NEWN(&A, float, n);

    for (size_t i = 0; i < n; i++)
        p[i] = (float)vq_random_unit(&seed);
    return p;
}

/* ---- numbers ---- */

static void
test_every_f32_comes_back(void **state)
{
    uint64_t seed = 1;
    Arena a = {0};

    (void)state;
    for (int i = 0; i < 200000; i++) {
        uint32_t bits = next_random(&seed), back;
        float x, y;

        memcpy(&x, &bits, sizeof x);
        if (x != x)
            continue;
        y = strtof(vq_f32_text(&a, x), NULL);
        memcpy(&back, &y, sizeof back);
        assert_int_equal(bits, back);
    }
    vq_arena_free(&a);
}

static void
test_every_f64_comes_back(void **state)
{
    uint64_t seed = 2;
    Arena a = {0};

    (void)state;
    for (int i = 0; i < 100000; i++) {
        uint64_t bits = vq_random(&seed), back;
        double x, y;

        memcpy(&x, &bits, sizeof x);
        if (x != x)
            continue;
        y = strtod(vq_f64_text(&a, x), NULL);
        memcpy(&back, &y, sizeof back);
        assert_int_equal(bits, back);
    }
    vq_arena_free(&a);
}

/* ---- files ---- */

/* Constants of every way to be written: braces, splat, and blobs of odd
 * lengths. */
static Graph *
sample(void)
{
    Graph *g = vq_graph_new(&A, "sample graph");
    ValId s = vq_const(g, "w.s", TYPE(DT_F32, 33), random_f32(33, 3));
    Type t =
        vq_type_quant(TYPE(DT_S8, 17, 33), (Quant){.scales = s, .axis = 1});
    ValId in[3];
    Op *op;

    in[0] = vq_input(
        g, "a/b c",
        vq_type_quant(TYPE(DT_U8, 5, 17), (Quant){.scale = 0.1f, .zero = 7}));
    in[1] = vq_const(g, "w", t, random_bytes(17 * 33, 4));
    in[2] = vq_const(g, "b", TYPE(DT_F32, 33), NEWN(&A, float, 33));
    op = vq_emit(g, OP_LINEAR, "y", TYPE(DT_F32, 5, 33), in, 3,
                 (Loc){.node = "/block \"0\"/MatMul"});
    in[0] = op->out;
    in[1] = vq_const_f32(g, "two", 2);
    op = vq_emit(g, OP_MUL, "z", TYPE(DT_F32, 5, 33), in, 2, NOLOC);
    vq_output(g, op->out);
    vq_const(g, "unused", TYPE(DT_S16, 3, 7), random_bytes(42, 5));
    return g;
}

static void
assert_same_consts(const Graph *a, const Graph *b)
{
    for (ValId v = 1, w; v < a->nval; v++) {
        const Value *x = &a->val[v];

        if (!x->data)
            continue;
        for (w = 1; w < b->nval; w++)
            if (strcmp(x->name, b->val[w].name) == 0)
                break;
        assert_true(w < b->nval);
        assert_memory_equal(x->data, b->val[w].data, vq_bytes(&x->type));
    }
}

static char *
read_text(const char *path)
{
    FILE *f = fopen(path, "rb");
    char *s = vq_alloc(&A, 1 << 16);

    assert_non_null(f);
    assert_true(fread(s, 1, (1 << 16) - 1, f) > 0);
    fclose(f);
    return s;
}

static void
test_file_round_trip(void **state)
{
    char dir[] = "/tmp/vir.XXXXXX";
    const char *one, *two;
    Graph *g = sample(), *back;
    Messages m;

    (void)state;
    assert_non_null(mkdtemp(dir));
    one = vq_format(&A, "%s/one.vir", dir);
    two = vq_format(&A, "%s/two.vir", dir);
    assert_true(vq_verify(g, listen(&m), "sample"));
    assert_true(vq_print_file(g, listen(&m), one));
    back = vq_parse_file(&A, listen(&m), one);
    assert_string_equal(m.text, "");
    assert_non_null(back);
    assert_same_consts(g, back);
    assert_string_equal(back->op[1].loc.node, "/block \"0\"/MatMul");
    assert_null(back->op[2].loc.node);
    assert_true(vq_print_file(back, listen(&m), two));
    assert_string_equal(read_text(one), read_text(two));
    unlink(vq_format(&A, "%s.bin", one));
    assert_null(vq_parse_file(&A, listen(&m), one));
    assert_non_null(strstr(m.text, "no .bin file"));
    unlink(vq_format(&A, "%s.bin", two));
    unlink(one);
    unlink(two);
    rmdir(dir);
}

static void
test_files_that_fail(void **state)
{
    Messages m;

    (void)state;
    assert_null(vq_parse_file(&A, listen(&m), "/nonexistent/x.vir"));
    assert_int_equal(m.diag.fault, FAULT_IO);
    assert_false(vq_print_file(sample(), listen(&m), "/nonexistent/x.vir"));
    assert_int_equal(m.diag.fault, FAULT_IO);
    assert_int_equal(m.diag.nerror, 1);
}

static void
test_one_line(void **state)
{
    Messages m;

    (void)state;
    vq_error(listen(&m), NOLOC, "no value '%s'", "a\r\n\x7f\xc3\xa9");
    assert_string_equal(m.text, "0:0 error no value 'a???\xc3\xa9'\n");
}

static void
test_blob_bounds(void **state)
{
    static const char good[] =
        "vir 1 facts const $c: f32[17] = blob 3 graph g() -> ($c) {}";
    static const char beyond[] =
        "vir 1 facts const $c: f32[17] = blob 4 graph g() -> ($c) {}";
    char blob[71];
    Messages m;
    Graph *g;

    (void)state;
    for (int i = 0; i < 71; i++)
        blob[i] = (char)i;
    /* Offset 3 is no place for an f32: the data are copied to one. */
    g = vq_parse(&A, listen(&m), good, sizeof good - 1, blob, sizeof blob);
    assert_non_null(g);
    assert_int_equal((uintptr_t)g->val[1].data % 4, 0);
    assert_memory_equal(g->val[1].data, blob + 3, 68);
    assert_null(vq_parse(&A, listen(&m), beyond, sizeof beyond - 1, blob, 71));
    assert_string_equal(m.text, "1:38 error bytes 4 to 72 are beyond the end "
                                "of the blob\n");
}

/* ---- hostile texts ---- */

static const char seed_text[] =
    "vir 1\nfacts fused quantized integer kernel planned\nwork 8192\n"
    "const $s: f32[2] = {0.5, 2e-3}\n"
    "const $w: s8<$s, axis=1, zero=-1>[4x2] = {1, 2, 3, 4, 5, 6, 7, -128}\n"
    "const $p: s8[1x1x16x4] = splat 0\n"
    "const $b: s32[2] = {100, -100}\n"
    "const $m: s32[2] = {8192, 16383}\n"
    "const $h: s32[2] = {965, 3}\n"
    "const $t: u16[64] = splat 65535\n"
    "const $l: u8[256] = splat 3\n"
    "const $z: f32[1] = {0.5}\n"
    "graph \"a b\"(%x: u8<0.5, zero=3>[2x4], %y: f32[2x2]) -> (%d, %v) {\n"
    "  %q: s16<0.25>[2x2] at 0 = i.quantize %y\n"
    "  %a: s16<0.25>[2x2] at 128 = k.linear %x, $p, $b, $m, $h, _, %q cols=2 "
    "form=1 ashift=1 bshift=2 scratch 512\n"
    "  %r: s16<0.25>[2x2] at 0 = transpose %a perm=[1, 0]\n"
    "  %c: s16<0.25>[2x4] at 256 = concat %a, %r axis=1\n"
    "  %e: s16<0.25>[2x2] at 0 = slice %c axis=1 start=3 step=-2\n"
    "  %o: u16<1.52587891e-05>[2x2] at 128 = i.softmax %e, $t softmax=0 "
    "pbits=16 scratch 512\n"
    "  %u: s32[2x1] at 384 = i.sum %o axis=1\n"
    "  %d: f32[2x1] = i.dequantize %u, $z\n"
    "  %k: u8<0.5>[2x2] at 0 = k.linear %x, $p, $b, $m, $h, $l cols=2 form=1 "
    "zero=128 scratch 512\n"
    "  %v: u8<0.5>[1x4] = reshape %k\n"
    "}\n";

/* The text with one thing cut, doubled, swapped or replaced. */
static size_t
mutate(char *s, size_t n, size_t room, uint64_t *seed)
{
    static const char *const piece[] = {"-",      "9999999999999999999",
                                        "0",      "]",
                                        "[",      "<",
                                        "\"",     "%x",
                                        "$s",     "axis=1",
                                        "x",      "1e999",
                                        "nan",    "-9223372036854775808",
                                        "\n",     "#",
                                        "blob 0", "_",
                                        "}",      "scratch 64",
                                        "from n", "f32",
                                        ",",      "1048576x1048576"};
    size_t at = vq_random(seed) % (n + 1), len, k;

    switch (next_random(seed) % 4) {
    case 0: /* cut */
        len = vq_random(seed) % 12;
        len = len < n - at ? len : n - at;
        memmove(s + at, s + at + len, n - at - len);
        return n - len;
    case 1: /* insert */
        k = next_random(seed) % COUNT(piece);
        len = strlen(piece[k]);
        if (n + len > room)
            return n;
        memmove(s + at + len, s + at, n - at);
        memcpy(s + at, piece[k], len);
        return n + len;
    case 2: /* a byte */
        if (at < n)
            s[at] = (char)next_random(seed);
        return n;
    default: /* a digit of a number or another */
        if (at < n && s[at] >= '0' && s[at] <= '9')
            s[at] = (char)('0' + next_random(seed) % 10);
        return n;
    }
}

/* What verifies can be run: the sanitizers watch. */
static void
run(const Graph *g)
{
    Arena a = {0}, tmp = {0};
    void **in = NEWN(&a, void *, g->nin), **out = NEWN(&a, void *, g->nout);
    int64_t bytes = 0;

    for (ValId v = 1; v < g->nval; v++)
        bytes += vq_bytes(vq_type(g, v));
    if (bytes < 1 << 20) {
        for (uint32_t i = 0; i < g->nin; i++)
            in[i] = vq_alloc(&a, (size_t)vq_bytes(vq_type(g, g->in[i])));
        for (uint32_t i = 0; i < g->nout; i++)
            out[i] = vq_alloc(&a, (size_t)vq_bytes(vq_type(g, g->out[i])));
        vq_eval(g, &tmp, (const void *const *)in, out, NULL, NULL);
    }
    vq_arena_free(&tmp);
    vq_arena_free(&a);
}

/* Either a graph that verifies and prints what parses, or a message. */
static bool
try_text(const char *s, size_t n)
{
    /* As much as it holds and no more, for the sanitizer to watch. */
    char *text = malloc(n ? n : 1), *out = NULL;
    Arena a = {.limit = 64 << 20};
    jmp_buf oom;
    size_t len;
    Messages m;
    Graph *volatile g = NULL;
    FILE *f;

    memcpy(text, s, n);
    a.oom = &oom;
    if (setjmp(oom) == 0) {
        g = vq_parse(&a, listen(&m), text, n, "0123456789abcdef", 16);
        if (!g)
            assert_true(m.diag.nerror > 0);
    }
    if (g) {
        f = open_memstream(&out, &len);
        assert_true(vq_print(g, f, NULL));
        fclose(f);
        if (!strstr(out, "= ..."))
            assert_non_null(vq_parse(&a, listen(&m), out, len, NULL, 0));
        free(out);
        run(g);
    }
    vq_arena_free(&a);
    free(text);
    return g != NULL;
}

static void
test_mutated_texts(void **state)
{
    uint64_t seed = 7;
    int good = 0, tries = 5000;

    (void)state;
    for (int i = 0; i < tries; i++) {
        char s[sizeof seed_text + 256];
        size_t n = sizeof seed_text - 1;

        memcpy(s, seed_text, n);
        for (uint32_t k = next_random(&seed) % 4 + 1; k > 0; k--)
            n = mutate(s, n, sizeof s, &seed);
        good += try_text(s, n);
    }
    /* Both outcomes, or the test tests nothing. */
    assert_true(good > tries / 100);
    assert_true(good < tries / 2);
}

static void
test_every_prefix(void **state)
{
    (void)state;
    assert_true(try_text(seed_text, sizeof seed_text - 1));
    for (size_t n = 0; n + 2 < sizeof seed_text; n++)
        assert_false(try_text(seed_text, n));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_every_f32_comes_back, free_arena),
        cmocka_unit_test_teardown(test_every_f64_comes_back, free_arena),
        cmocka_unit_test_teardown(test_file_round_trip, free_arena),
        cmocka_unit_test_teardown(test_files_that_fail, free_arena),
        cmocka_unit_test_teardown(test_one_line, free_arena),
        cmocka_unit_test_teardown(test_blob_bounds, free_arena),
        cmocka_unit_test_teardown(test_every_prefix, free_arena),
        cmocka_unit_test_teardown(test_mutated_texts, free_arena),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
