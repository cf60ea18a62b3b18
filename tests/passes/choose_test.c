/*
 * choose_test.c -- which form fills a nonlinear op's table, and why; the
 * forms themselves; scales of the residual stream.
 */
#include "tests/passes/graphs.h"

#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "passes/calib.h"
#include "passes/report.h"
#include "passes/scales.h"
#include "passes/tables.h"

static const char text[] =
    "vir 1 facts fused\n"
    "const $w: f32[4x4] = {1, 0.5, 0, 0, 0, 1, 0.5, 0, 0, 0, 1, 0.5, 0.5, 0, "
    "0, 1}\n"
    "graph g(%x: f32[1x5x4]) -> (%y) {\n"
    "  %q: f32[1x5x4] = linear %x, $w\n"
    "  %k: f32[1x5x4] = linear %x, $w\n"
    "  %v: f32[1x5x4] = linear %x, $w\n"
    "  %a: f32[1x5x4] = attention %q, %k, %v heads=2 scale=0.7\n"
    "  %h: f32[1x5x4] = linear %a, $w\n"
    "  %e: f32[1x5x4] = gelu %h tanh=0\n"
    "  %y: f32[1x5x4] = linear %e, $w\n"
    "}\n";

typedef struct Made {
    Graph *g;
    Report report;
} Made;

static Graph *
read_text(const char *s)
{
    Graph *g = vq_parse(&A, &diag, s, strlen(s), NULL, 0);

    assert_non_null(g);
    return g;
}

static Made
compile(Calib *calib, Nonlinear nonlinear)
{
    Made m = {.g = read_text(text), .report = {.arena = &A}};
    PassContext cx = {.diag = &diag,
                      .level = 2,
                      .nonlinear = nonlinear,
                      .pbits = 16,
                      .calib = calib,
                      .report = &m.report};
    PassOptions po = {.bisect_limit = -1};
    int from = vq_find_pass("quantize");

    assert_true(vq_run_passes(m.g, &cx, &po, (unsigned)from, vq_npasses));
    return m;
}

static Calib *
calibrate(void)
{
    Calib *c = vq_calib_random(&A, &diag, read_text(text), 8, 3);

    assert_non_null(c);
    return c;
}

/* Shift unless it is more than 0.1 dB worse; both ops are measured. */
static void
test_auto_measures(void **state)
{
    Made m = compile(calibrate(), NL_AUTO);
    int n = 0;

    (void)state;
    for (const FormNote *f = m.report.form; f; f = f->next, n++) {
        bool shift = f->sqnr_shift >= f->sqnr_exact - 0.1;

        assert_true(f->sqnr_exact > 15 && f->sqnr_exact < 80);
        assert_true(f->sqnr_shift > 15 && f->sqnr_shift < 80);
        assert_string_equal(f->form, shift ? "shift" : "exact");
    }
    assert_int_equal(n, 2);
}

static void
test_forms_that_are_asked_for(void **state)
{
    static const struct {
        Nonlinear nonlinear;
        const char *form;
    } want[] = {{NL_SHIFT, "shift"}, {NL_EXACT, "exact"}};

    (void)state;
    for (size_t i = 0; i < COUNT(want); i++) {
        Made m = compile(calibrate(), want[i].nonlinear);

        assert_non_null(m.report.form);
        for (const FormNote *f = m.report.form; f; f = f->next) {
            assert_string_equal(f->form, want[i].form);
            assert_true(isnan(f->sqnr_shift));
        }
    }
}

/* A saved calibration has no images, but it knows what was chosen. */
static void
test_a_saved_choice_is_kept(void **state)
{
    char path[] = "/tmp/vitqc-choose-XXXXXX";
    Calib *calib = calibrate(), *loaded;
    Made first = compile(calib, NL_AUTO), again;
    FILE *f;

    (void)state;
    f = fdopen(mkstemp(path), "wb");
    assert_non_null(f);
    vq_calib_save(calib, f, "key");
    assert_int_equal(fclose(f), 0);
    loaded = vq_calib_load(&A, &diag, path, "key");
    unlink(path);
    assert_non_null(loaded);
    again = compile(loaded, NL_AUTO);
    for (const FormNote *n = first.report.form, *h = again.report.form; n || h;
         n = n->next, h = h->next) {
        assert_string_equal(n->form, h->form);
        assert_string_equal(h->why, "measured when the calibration was made");
    }
}

/* Without images and without a note there is nothing to measure with. */
static void
test_exact_without_an_image(void **state)
{
    static const char *const name[] = {"x", "q", "k", "v", "a", "h", "e", "y"};
    Calib *calib = vq_calib_empty(&A);
    Range four[4] = {{-3, 3}, {-3, 3}, {-3, 3}, {-3, 3}};
    Made m;

    (void)state;
    for (size_t i = 0; i < COUNT(name); i++)
        vq_calib_put(calib, name[i],
                     (CalibEntry){.range = {-3, 3}, .n = 4, .channel = four});
    m = compile(calib, NL_AUTO);
    assert_non_null(m.report.form);
    for (const FormNote *f = m.report.form; f; f = f->next)
        assert_string_equal(f->form, "exact");
}

static void
test_exp2_tables(void **state)
{
    (void)state;
    for (int form = 0; form < NTABLEFORM; form++) {
        double bound = form == TF_SHIFT ? 4e-3 : 2e-5;
        uint16_t t[64];

        vq_exp2_table((TableForm)form, t);
        assert_int_equal(t[0], 65535);
        for (int f = 0; f < 64; f++) {
            double want = 65535 * exp2(-f / 64.0);

            assert_true(fabs(t[f] - want) < bound * want);
            assert_true(f == 0 || t[f] < t[f - 1]);
        }
    }
}

static void
test_shift_gelu_is_near(void **state)
{
    Op op = {.kind = OP_GELU};

    (void)state;
    for (double x = -8; x <= 8; x += 1.0 / 64) {
        double exact = vq_byte_function(TF_EXACT, NULL, &op, x);
        double shift = vq_byte_function(TF_SHIFT, NULL, &op, x);

        assert_true(fabs(exact - 0.5 * x * erfc(-x / sqrt(2))) < 1e-12);
        assert_true(fabs(exact - shift) < 3e-3);
    }
}

/* One scale through moves; along sums it grows by powers of two only. */
static void
test_residual_scales(void **state)
{
    static const char s[] = "vir 1 facts fused\n"
                            "const $c: f32[1x4] = {1, 1, 1, 1}\n"
                            "graph g(%x: f32[3x4]) -> (%t) {\n"
                            "  %r: f32[3x4] = add %x, $c\n"
                            "  %k: f32[4x4] = concat $c, %r axis=0\n"
                            "  %s: f32[4x4] = add %k, %k\n"
                            "  %t: f32[1x4] = slice %s axis=0 start=0\n"
                            "}\n";
    static const float largest[] = {1, 1.5F, 1.5F, 9, 9};
    static const char *const name[] = {"x", "r", "k", "s", "t"};
    Graph *g = read_text(s);
    Storage *storage = NEWN(&A, Storage, g->nval);
    PassContext cx = {.diag = &diag, .calib = vq_calib_empty(&A)};
    ResidualScales *scales;
    ValId id[5];

    (void)state;
    for (int i = 0; i < 5; i++) {
        Range r[4] = {{-largest[i], largest[i]}};

        for (ValId v = 1; v < g->nval; v++)
            if (strcmp(g->val[v].name, name[i]) == 0)
                id[i] = v;
        storage[id[i]] = ST_S16;
        vq_calib_put(cx.calib, name[i],
                     (CalibEntry){.range = r[0], .n = 4, .channel = r});
    }
    scales = vq_residual_scales(g, &cx, storage, &A);
    assert_int_equal(vq_residual_exp(scales, id[0]), 0);
    assert_int_equal(vq_residual_exp(scales, id[1]), 1);
    assert_int_equal(vq_residual_exp(scales, id[2]), 1);
    assert_int_equal(vq_residual_exp(scales, id[3]), 4);
    assert_int_equal(vq_residual_exp(scales, id[4]), 4);
    for (int i = 0; i < 5; i++) {
        float scale = vq_residual_scale(scales, id[i]);

        assert_true(scale * INT16_MAX >= 1.999F * largest[i]);
        assert_true(scale ==
                    ldexpf(scales->base, vq_residual_exp(scales, id[i])));
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, start, finish)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_auto_measures),
        TEST(test_forms_that_are_asked_for),
        TEST(test_a_saved_choice_is_kept),
        TEST(test_exact_without_an_image),
        TEST(test_exp2_tables),
        TEST(test_shift_gelu_is_near),
        TEST(test_residual_scales),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
