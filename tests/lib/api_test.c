/*
 * api_test.c -- the public API: order of calls, wrong use, memory that ends.
 */
#include <vitqc/vitqc.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MODEL  MODELS "/timm_op17.onnx"
#define IMAGES MODELS "/input.npy"

static int nerror, nwarning;
static char last[512];

static void
count(void *user, const VitqcDiag *d)
{
    (void)user;
    nerror += d->severity == VITQC_ERROR;
    nwarning += d->severity == VITQC_WARNING;
    snprintf(last, sizeof last, "%s", d->text);
}

static Vitqc *
session(void (*change)(VitqcOptions *))
{
    VitqcOptions o;
    Vitqc *v;

    nerror = nwarning = 0;
    vitqc_options_init(&o);
    o.on_diag = count;
    if (change)
        change(&o);
    assert_int_equal(vitqc_new(&v, &o), VITQC_OK);
    assert_non_null(v);
    return v;
}

static void
name_from_path(void **state)
{
    static const char *const pair[][2] = {
        {"vit.o", "vit"},       {"a/b/vit-tiny.o", "vit_tiny"},
        {"3d.o", "model_3d"},   {"int.o", "model_int"},
        {".hidden", "_hidden"}, {"a.b.o", "a_b"},
        {"dir.x/name", "name"}, {"\303\251t\303\251.o", "__t__"},
    };
    char name[VITQC_NAME_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof pair / sizeof pair[0]; i++) {
        vitqc_name_of(pair[i][0], name);
        assert_string_equal(name, pair[i][1]);
    }
}

static void
bad_options_make_no_session(void **state)
{
    VitqcOptions o;
    Vitqc *v = (Vitqc *)&o;

    (void)state;
    nerror = 0;
    vitqc_options_init(&o);
    o.on_diag = count;
    o.bits = 3;
    assert_int_equal(vitqc_new(&v, &o), VITQC_EUSAGE);
    assert_null(v);
    assert_int_equal(nerror, 1);
    vitqc_free(NULL);
}

static void
calls_out_of_order(void **state)
{
    VitqcFile file = {VITQC_OBJECT, "/tmp/vitqc_never.o"};
    VitqcVerify ask;
    VitqcVerified said;
    Vitqc *v = session(NULL);

    (void)state;
    vitqc_verify_init(&ask);
    vitqc_verified_init(&said);
    assert_int_equal(vitqc_compile(v), VITQC_EUSAGE);
    assert_int_equal(vitqc_calibrate(v, NULL), VITQC_EUSAGE);
    assert_int_equal(vitqc_describe(v, stdout), VITQC_EUSAGE);
    assert_int_equal(vitqc_write(v, &file, 1), VITQC_EUSAGE);
    assert_int_equal(vitqc_verify(v, &ask, &said), VITQC_EUSAGE);
    assert_int_equal(vitqc_read_file(v, MODEL), VITQC_OK);
    assert_int_equal(vitqc_read_file(v, MODEL), VITQC_EUSAGE);
    assert_int_equal(vitqc_write(v, &file, 1), VITQC_EUSAGE);
    assert_int_equal(vitqc_verify(v, &ask, &said), VITQC_EUSAGE);
    assert_int_equal(nerror, 8);
    vitqc_free(v);
}

static void
after_a_failure_only_free_is_left(void **state)
{
    Vitqc *v = session(NULL);

    (void)state;
    assert_int_equal(vitqc_read_file(v, "/no/such/model.onnx"), VITQC_EIO);
    assert_int_equal(nerror, 1);
    assert_int_equal(vitqc_read_file(v, MODEL), VITQC_EUSAGE);
    vitqc_free(v);
}

static void
compiles_without_images_and_warns(void **state)
{
    Vitqc *v = session(NULL);

    (void)state;
    assert_int_equal(vitqc_read_file(v, MODEL), VITQC_OK);
    assert_true(vitqc_needs_calibration(v));
    assert_int_equal(vitqc_compile(v), VITQC_OK);
    assert_false(vitqc_needs_calibration(v));
    assert_int_equal(nwarning, 1);
    assert_int_equal(nerror, 0);
    vitqc_free(v);
}

static void
verifies_what_it_compiled(void **state)
{
    VitqcCalibration c;
    VitqcVerify ask;
    VitqcVerified said;
    Vitqc *v = session(NULL);

    (void)state;
    vitqc_calibration_init(&c);
    vitqc_verify_init(&ask);
    vitqc_verified_init(&said);
    c.images.path = ask.images.path = IMAGES;
    assert_int_equal(vitqc_read_file(v, MODEL), VITQC_OK);
    assert_int_equal(vitqc_calibrate(v, &c), VITQC_OK);
    assert_int_equal(vitqc_compile(v), VITQC_OK);
    assert_int_equal(vitqc_verify(v, &ask, &said), VITQC_OK);
    assert_int_equal(said.images, 2);
    assert_int_equal(said.evaluated, 2);
    assert_int_equal(said.mismatched, 0);
    assert_true(said.sqnr > 15);
    assert_true(said.nlayer > 10);
    vitqc_free(v);
}

/* Every amount of memory below what is needed must end in VITQC_ENOMEM. */
static void
memory_may_end_anywhere(void **state)
{
    VitqcStatus s = VITQC_ENOMEM;
    size_t limit = 1 << 20;

    (void)state;
    for (; s != VITQC_OK && limit < (size_t)1 << 30; limit += 1 << 20) {
        VitqcOptions o;
        Vitqc *v;

        vitqc_options_init(&o);
        o.on_diag = count;
        o.max_memory = limit;
        s = vitqc_new(&v, &o);
        if (s == VITQC_OK)
            s = vitqc_read_file(v, MODEL);
        if (s == VITQC_OK)
            s = vitqc_compile(v);
        assert_true(s == VITQC_OK || s == VITQC_ENOMEM || s == VITQC_EMODEL);
        vitqc_free(v);
    }
    assert_int_equal(s, VITQC_OK);
}

static void
a_smaller_struct_of_an_older_program(void **state)
{
    VitqcOptions o;
    Vitqc *v;

    (void)state;
    vitqc_options_init(&o);
    o.size = offsetof(VitqcOptions, nonlinear);
    o.bits = -1; /* beyond its size: not looked at */
    assert_int_equal(vitqc_new(&v, &o), VITQC_OK);
    vitqc_free(v);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(name_from_path),
        cmocka_unit_test(bad_options_make_no_session),
        cmocka_unit_test(calls_out_of_order),
        cmocka_unit_test(after_a_failure_only_free_is_left),
        cmocka_unit_test(compiles_without_images_and_warns),
        cmocka_unit_test(verifies_what_it_compiled),
        cmocka_unit_test(memory_may_end_anywhere),
        cmocka_unit_test(a_smaller_struct_of_an_older_program),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
