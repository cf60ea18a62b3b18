/*
 * module_test.c -- what surrounds the kernels: ports, options, header, loader.
 */
#include "ir/quant.h"
#include "tests/codegen/check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void
count_error(void *user, Severity severity, const char *file, Loc loc,
            const char *text)
{
    (void)severity;
    (void)file;
    (void)loc;
    snprintf(user, 200, "%s", text);
}

/* Outputs that are an input, a constant, and one value twice. */
static void
test_ports(void **state)
{
    static const float some[] = {1, 2, 3};
    Case c;
    ValId x, k, y;

    (void)state;
    case_start(&c, "ports");
    x = case_in(&c, TYPE(DT_F32, 3));
    k = case_const(&c, TYPE(DT_F32, 3), some);
    vq_output(c.g, x);
    vq_output(c.g, k);
    y = case_op(&c, OP_RESHAPE, TYPE(DT_F32, 3, 1), &x, 1)->out;
    vq_output(c.g, y);
    case_op(&c, OP_RESHAPE, TYPE(DT_F32, 1, 3), &k, 1);
    case_op(&c, OP_RESHAPE, TYPE(DT_F32, 3), &y, 1);
    case_check(&c);
    case_end(&c);
}

/* A chain whose inner values live in the work area. */
static ValId
chain(Case *c, int64_t n)
{
    Type t = vq_type_quant(TYPE(DT_S8, 1, n), (Quant){.scale = 0.5f});
    float scale = 0.5f;
    ValId in[2] = {case_in(c, TYPE(DT_F32, n))}, q, r;

    q = vq_emit(c->g, OP_I_QUANTIZE, "q", vq_type_quant(TYPE(DT_S8, n), t.q),
                in, 1, NOLOC)
            ->out;
    r = vq_emit(c->g, OP_RESHAPE, "r", t, &q, 1, NOLOC)->out;
    in[0] = r;
    in[1] = case_const(c, TYPE(DT_F32, 1), &scale);
    case_op(c, OP_I_DEQUANTIZE, TYPE(DT_F32, 1, n), in, 2);
    return r;
}

static void
test_chain(void **state)
{
    Case c;

    (void)state;
    case_start(&c, "chain");
    for (int64_t n = 1; n < 70; n += 11)
        chain(&c, n);
    case_check(&c);
    case_end(&c);
}

/* A reshape in the slot of its source is no code. */
static void
test_alias(void **state)
{
    CodegenOptions opt = {.prefix = "m", .levels = "base", .emit = EMIT_LLVM};
    Emitted apart, one;
    ValId r;
    Case c;

    (void)state;
    case_start(&c, "alias");
    r = chain(&c, 5);
    case_plan(&c);
    assert_true(vq_codegen(c.g, &c.diag, &opt, &apart));
    c.g->val[r].slot = c.g->val[vq_def(c.g, r)->in[0]].slot;
    assert_true(vq_codegen(c.g, &c.diag, &opt, &one));
    assert_non_null(strstr(apart.bytes, "@m.copy.base"));
    assert_null(strstr(one.bytes, "@m.copy.base"));
    vq_emitted_free(&apart);
    vq_emitted_free(&one);
    case_end(&c);
}

static void
expect_refused(Case *c, const CodegenOptions *opt, Fault fault,
               const char *part)
{
    char text[200] = "";
    Diag diag = {.fn = count_error, .user = text};
    Emitted e;

    assert_false(vq_codegen(c->g, &diag, opt, &e));
    assert_int_equal(diag.nerror, 1);
    assert_int_equal(diag.fault, fault);
    assert_non_null(strstr(text, part));
    assert_null(e.bytes);
}

static void
test_refusals(void **state)
{
    CodegenOptions opt = {.prefix = "m"};
    Case c;

    (void)state;
    case_start(&c, "refused");
    chain(&c, 3);
    expect_refused(&c, &opt, FAULT_BUG, "not planned");
    case_plan(&c);
    opt.levels = "base,avx9";
    expect_refused(&c, &opt, FAULT_MODEL, "avx9");
    opt.levels = NULL;
    opt.triple = "sparc-sun-solaris";
    expect_refused(&c, &opt, FAULT_MODEL, "sparc-sun-solaris");
    case_end(&c);
}

static void
test_lowered_only(void **state)
{
    CodegenOptions opt = {.prefix = "m"};
    ValId x;
    Case c;

    (void)state;
    case_start(&c, "real");
    x = case_in(&c, TYPE(DT_F32, 3));
    case_op(&c, OP_RELU, TYPE(DT_F32, 3), &x, 1);
    case_plan(&c);
    expect_refused(&c, &opt, FAULT_BUG, "relu");
    case_end(&c);
}

static void
test_emit_kinds(void **state)
{
    static const char *const part[] = {
        [EMIT_OBJ] = "\177ELF",
        [EMIT_ASM] = ".globl\tm_run",
        [EMIT_LLVM] = " i32 @m_run(",
    };
    Case c;

    (void)state;
    case_start(&c, "kinds");
    chain(&c, 20);
    case_plan(&c);
    for (int kind = EMIT_OBJ; kind <= EMIT_LLVM; kind++)
        for (int level = 0; level <= 3; level++) {
            CodegenOptions opt = {
                .prefix = "m", .emit = (EmitKind)kind, .level = level};
            Emitted a, b;

            assert_true(vq_codegen(c.g, &c.diag, &opt, &a));
            assert_true(vq_codegen(c.g, &c.diag, &opt, &b));
            assert_int_equal(a.size, b.size);
            assert_memory_equal(a.bytes, b.bytes, a.size);
            assert_non_null(strstr(a.bytes, part[kind]));
            vq_emitted_free(&a);
            vq_emitted_free(&b);
        }
    case_end(&c);
}

/* The use of tiles is asked for, of Linux alone. */
static void
test_system_call(void **state)
{
    static const struct {
        const char *triple, *levels;
        bool asks;
    } of[] = {
        {"x86_64-pc-linux-gnu", "base,amx", true},
        {"x86_64-pc-linux-gnu", "base,amx-trap", false},
        {"x86_64-unknown-freebsd", "base,amx", false},
    };
    Case c;

    (void)state;
    case_start(&c, "system");
    chain(&c, 20);
    case_plan(&c);
    for (size_t i = 0; i < COUNT(of); i++) {
        CodegenOptions opt = {.prefix = "m",
                              .emit = EMIT_ASM,
                              .triple = of[i].triple,
                              .levels = of[i].levels};
        Emitted e;

        assert_true(vq_codegen(c.g, &c.diag, &opt, &e));
        assert_int_equal(strstr(e.bytes, "syscall") != NULL, of[i].asks);
        vq_emitted_free(&e);
    }
    case_end(&c);
}

static void
test_header(void **state)
{
    CodegenOptions opt = {.prefix = "two"};
    const char *h;
    Case c;

    (void)state;
    case_start(&c, "two");
    chain(&c, 3);
    chain(&c, 4);
    case_plan(&c);
    h = vq_header(c.g, &opt, "1.2.3", "two.onnx");
    assert_non_null(strstr(h, "vitqc 1.2.3 from two.onnx"));
    assert_non_null(strstr(h, "int two_run(const float *in0, const float *in1, "
                              "float *out0, float *out1, void *work);"));
    assert_non_null(strstr(h, "#define TWO_IN1_COUNT 4\n"));
    assert_non_null(strstr(h, "void two_model(VqrtModel *);"));
    case_end(&c);
}

/* ---- loader ---- */

static void
write_file(const char *path, const void *bytes, size_t n)
{
    FILE *f = fopen(path, "wb");

    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

static void
expect_not_loaded(const char *path, Fault fault, const char *part)
{
    char text[200] = "";
    Diag diag = {.fn = count_error, .user = text};

    assert_null(vq_load_object(&diag, path));
    assert_int_equal(diag.nerror, 1);
    assert_int_equal(diag.fault, fault);
    assert_non_null(strstr(text, part));
}

static void
test_loader(void **state)
{
    char path[] = "/tmp/vitqc-load-XXXXXX", text[4096] = "";
    int fd = mkstemp(path);
    FILE *to;
    Case c;

    (void)state;
    assert_true(fd >= 0);
    close(fd);
    expect_not_loaded("/tmp/there/is/none.o", FAULT_IO, "cannot read");
    expect_not_loaded(path, FAULT_MODEL, "");
    write_file(path, "hello, world\n", 13);
    expect_not_loaded(path, FAULT_MODEL, "not an object");
    write_file(path, "\177ELF\2\1\1", 7);
    expect_not_loaded(path, FAULT_MODEL, "");
    case_start(&c, "info");
    chain(&c, 3);
    case_plan(&c);
    assert_true(case_compile(&c, path, NULL));
    to = fmemopen(text, sizeof text, "w");
    assert_true(vq_object_info(&c.diag, path, to));
    fclose(to);
    assert_non_null(strstr(text, "f32[1x3]"));
    assert_non_null(strstr(text, " base"));
    assert_non_null(strstr(text, " avx512vnni"));
    assert_non_null(strstr(text, " amx"));
    assert_null(strstr(text, "evex"));
    assert_null(strstr(text, "trap"));
    case_end(&c);
    unlink(path);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ports),        cmocka_unit_test(test_chain),
        cmocka_unit_test(test_alias),        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_lowered_only), cmocka_unit_test(test_emit_kinds),
        cmocka_unit_test(test_header),       cmocka_unit_test(test_system_call),
        cmocka_unit_test(test_loader),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
