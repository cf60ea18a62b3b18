/*
 * run_test.c -- the options of vq_run_passes, up to the fused graph.
 */
#include "tests/passes/graphs.h"

#include <stdlib.h>
#include <unistd.h>

/* Both sums are folded by `fold` or shared by `cse`; `exp` has no use. */
static const char text[] = "vir 1 facts\n"
                           "const $k: f32[] = {1}\n"
                           "graph g(%x: f32[2x4]) -> (%y) {\n"
                           "  %u: f32[2x4] = exp %x\n"
                           "  %a: f32[2x4] = neg %x\n"
                           "  %b: f32[2x4] = neg %x\n"
                           "  %c: f32[2x4] = mul %b, $k\n"
                           "  %y: f32[2x4] = add %a, %c\n"
                           "}\n";

static Graph *
read_graph(const char *s)
{
    Graph *g = vq_parse(&A, &diag, s, strlen(s), NULL, 0);

    assert_non_null(g);
    return g;
}

static const PassContext context = {.diag = &diag, .level = 2};

static bool
run(Graph *g, PassOptions o, int level)
{
    PassContext cx = context;

    cx.level = level;
    return vq_run_passes(g, &cx, &o, 0, (unsigned)vq_find_pass("dce") + 1);
}

static void
test_all(void **state)
{
    Graph *g = read_graph(text);

    (void)state;
    assert_true(run(g, (PassOptions){.bisect_limit = -1}, 2));
    assert_int_equal(count_ops(g, NOP), 2);
    assert_int_equal(g->facts, F_FUSED);
}

/* At level 0 the equal ops stay; what others rely on is done. */
static void
test_level(void **state)
{
    Graph *g = read_graph(text);

    (void)state;
    assert_true(run(g, (PassOptions){.bisect_limit = -1}, 0));
    assert_int_equal(count_ops(g, OP_NEG), 2);
    assert_int_equal(count_ops(g, OP_EXP), 0);
    assert_int_equal(g->facts, F_FUSED);
}

static void
test_only(void **state)
{
    Graph *g = read_graph(text);

    (void)state;
    assert_true(run(g, (PassOptions){.only = "cse", .bisect_limit = -1}, 2));
    assert_int_equal(count_ops(g, OP_NEG), 1);
    assert_int_equal(count_ops(g, OP_MUL), 1);
    assert_int_equal(g->facts, 0);
}

static void
test_only_needs_facts(void **state)
{
    Graph *g = read_graph(text);
    PassOptions o = {.only = "quantize", .bisect_limit = -1};

    (void)state;
    assert_false(vq_run_passes(g, &context, &o, 0, vq_npasses));
    assert_string_equal(said, "pass quantize needs a graph that is fused; run "
                              "the passes before it first\n");
    assert_int_equal(diag.fault, FAULT_MODEL);
}

static void
test_unknown(void **state)
{
    const PassOptions wrong[] = {{.only = "fodl", .bisect_limit = -1},
                                 {.stop_after = "fodl", .bisect_limit = -1},
                                 {.print_after = "fodl", .bisect_limit = -1}};

    (void)state;
    for (size_t i = 0; i < COUNT(wrong); i++) {
        said[0] = '\0';
        assert_false(run(read_graph(text), wrong[i], 2));
        assert_non_null(strstr(said, "there is no pass 'fodl'"));
    }
    assert_int_equal(vq_find_pass("fodl"), -1);
}

static void
test_stop_after(void **state)
{
    Graph *g = read_graph(text);

    (void)state;
    assert_true(
        run(g, (PassOptions){.stop_after = "fold", .bisect_limit = -1}, 2));
    assert_int_equal(count_ops(g, OP_MUL), 0);
    assert_int_equal(count_ops(g, OP_NEG), 2);
    assert_int_equal(g->facts, 0);
}

/* What is printed after one pass, or all. */
static char *
printed(const char *after)
{
    char *s = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&s, &n);
    PassOptions o = {.print_after = after, .print_to = f, .bisect_limit = -1};

    assert_true(run(read_graph(text), o, 2));
    fclose(f);
    return s;
}

static void
test_print_after(void **state)
{
    char *one = printed("cse"), *all = printed("*");

    (void)state;
    assert_int_equal(strncmp(one, "# after cse\nvir 1\n", 18), 0);
    assert_null(strstr(one, "# after dce"));
    assert_non_null(strstr(all, "# after fold\n"));
    assert_non_null(strstr(all, "# after dce\n"));
    free(one);
    free(all);
}

static void
test_bisect(void **state)
{
    Graph *g = read_graph(text);

    (void)state;
    assert_true(run(g, (PassOptions){.bisect_limit = 2}, 2));
    assert_string_equal(said, "BISECT: running pass (1) tokens\n"
                              "BISECT: running pass (2) rows\n"
                              "BISECT: NOT running pass (3) cse\n");
    assert_int_equal(count_ops(g, OP_NEG), 2);
    assert_int_equal(g->facts, F_FUSED);
}

/* Every file parses, and running on from any of them gives the same end. */
static void
test_dump_and_resume(void **state)
{
    char dir[] = "/tmp/vitqc-run-test-XXXXXX", path[512];
    Graph *g = read_graph(text);
    int files = 0;

    (void)state;
    assert_non_null(mkdtemp(dir));
    assert_true(run(g, (PassOptions){.dump_dir = dir, .bisect_limit = -1}, 2));
    for (unsigned i = 0; i <= (unsigned)vq_find_pass("dce"); i++) {
        Graph *h;

        snprintf(path, sizeof path, "%s/%02u-%s.vir", dir, i + 1,
                 vq_passes[i].name);
        h = vq_parse_file(&A, &diag, path);
        assert_non_null(h);
        assert_true(run(h, (PassOptions){.bisect_limit = -1}, 2));
        assert_int_equal(count_ops(h, NOP), 2);
        files++;
        assert_int_equal(remove(path), 0);
    }
    assert_int_equal(files, vq_find_pass("dce") + 1);
    assert_int_equal(rmdir(dir), 0);
}

static void
test_dump_dir_fails(void **state)
{
    PassOptions o = {.dump_dir = "/proc/no/such", .bisect_limit = -1};

    (void)state;
    assert_false(run(read_graph(text), o, 2));
    assert_int_equal(diag.fault, FAULT_IO);
}

static void
count_pass(void *user, const char *name)
{
    (void)name;
    ++*(int *)user;
}

/* A graph that is fused already is left as it is. */
static void
test_starts_in_the_middle(void **state)
{
    Graph *g = read_graph(text);
    int ran = 0;
    PassOptions o = {.bisect_limit = -1, .on_pass = count_pass, .user = &ran};

    (void)state;
    g->facts = F_FUSED;
    assert_true(run(g, o, 2));
    assert_int_equal(ran, 0);
    assert_int_equal(count_ops(g, NOP), 5);
    g->facts = 0;
    assert_true(run(g, o, 2));
    assert_int_equal(ran, vq_find_pass("dce") + 1);
}

static void
test_times(void **state)
{
    char *s = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&s, &n);

    (void)state;
    assert_true(
        run(read_graph(text),
            (PassOptions){.time = true, .print_to = f, .bisect_limit = -1}, 2));
    fclose(f);
    assert_non_null(strstr(s, " ms"));
    assert_non_null(strstr(s, "  fuse_attention\n"));
    assert_non_null(strstr(s, "  all passes\n"));
    free(s);
}

/* Outputs keep their names whatever becomes of the ops that made them. */
static void
test_output_names(void **state)
{
    static const char moved[] = "vir 1 facts\n"
                                "const $k: f32[] = {1}\n"
                                "const $w: f32[4x1] = {1, 2, 3, 4}\n"
                                "graph g(%x: f32[2x4]) -> (%y, %z, %x) {\n"
                                "  %a: f32[2x4] = neg %x\n"
                                "  %y: f32[2x4] = mul %a, $k\n"
                                "  %r: f32[2x1x4] = reshape %x\n"
                                "  %z: f32[2x1x1] = matmul %r, $w\n"
                                "}\n";
    Graph *g = read_graph(moved);

    (void)state;
    assert_true(run(g, (PassOptions){.bisect_limit = -1}, 2));
    assert_int_equal(count_ops(g, OP_MUL), 0);
    assert_string_equal(g->val[g->out[0]].name, "y");
    assert_string_equal(g->val[g->out[1]].name, "z");
    assert_string_equal(g->val[g->out[2]].name, "x");
    assert_true(vq_verify(g, &diag, "the test"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, start, finish)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_all),
        TEST(test_level),
        TEST(test_only),
        TEST(test_only_needs_facts),
        TEST(test_unknown),
        TEST(test_stop_after),
        TEST(test_print_after),
        TEST(test_bisect),
        TEST(test_dump_and_resume),
        TEST(test_dump_dir_fails),
        TEST(test_starts_in_the_middle),
        TEST(test_times),
        TEST(test_output_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
