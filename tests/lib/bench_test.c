/*
 * bench_test.c -- timing a compiled model: what the result holds, and wrong
 * use. No time is judged, but that there is one.
 */
#include "lib/peak.h"
#include "runtime/vqrt.h"

#include <vitqc/vitqc.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define MODEL  MODELS "/timm_op17.onnx"
#define IMAGES MODELS "/input.npy"

static char path[] = "/tmp/vitqc_bench.XXXXXX";
static char last[512];

static void
keep_text(void *user, const VitqcDiag *d)
{
    (void)user;
    snprintf(last, sizeof last, "%s", d->text);
}

static void
set_options(VitqcOptions *o)
{
    vitqc_options_init(o);
    o->on_diag = keep_text;
    o->name = "vit";
}

static int
compile(void **state)
{
    VitqcFile file = {VITQC_OBJECT, path};
    VitqcCalibration calib;
    VitqcOptions o;
    VitqcStatus s;
    Vitqc *v;
    int fd = mkstemp(path);

    (void)state;
    set_options(&o);
    vitqc_calibration_init(&calib);
    calib.images.path = IMAGES;
    if (fd < 0 || close(fd) != 0 || vitqc_new(&v, &o) != VITQC_OK)
        return -1;
    s = vitqc_read_file(v, MODEL);
    s = s ? s : vitqc_calibrate(v, &calib);
    s = s ? s : vitqc_compile(v);
    s = s ? s : vitqc_write(v, &file, 1);
    vitqc_free(v);
    return s;
}

static int
clean_up(void **state)
{
    (void)state;
    return unlink(path);
}

static VitqcObject *
open_object(void)
{
    VitqcOptions o;
    VitqcObject *object;

    set_options(&o);
    *last = '\0';
    assert_int_equal(vitqc_object_open(&object, path, &o), VITQC_OK);
    return object;
}

static VitqcBench
request(const char *level, int profile)
{
    VitqcBench ask;

    vitqc_bench_init(&ask);
    ask.level = level;
    ask.repeat = 5;
    ask.warmup = 1;
    ask.profile = profile;
    return ask;
}

static void
every_level_has_a_probe(void **state)
{
    VitqcObject *object = open_object();
    const VqrtModel *m = vitqc_object_model(object);

    (void)state;
    assert_null(vq_peak_probe("sse9"));
    for (uint32_t i = 0; i < m->nlevel; i++) {
        const PeakProbe *p = vq_peak_probe(m->level[i]);

        assert_non_null(p);
        assert_true(strlen(vq_peak_name(p)) > 0);
    }
    vitqc_object_close(object);
}

static void
probes_measure(void **state)
{
    VitqcObject *object = open_object();
    VitqcBench ask = request("all", 0);
    VitqcBenched r;

    (void)state;
    vitqc_benched_init(&r);
    assert_int_equal(vitqc_object_bench(object, &ask, &r), VITQC_OK);
    /* Those that ran are levels of this CPU, so their probes may run. */
    for (size_t i = 0; i < r.nlevel; i++) {
        double x = vq_peak_measure(vq_peak_probe(r.level[i].name));

        assert_true(isfinite(x) && x > 0);
    }
    vitqc_object_close(object);
}

static void
result_is_filled(void **state)
{
    VitqcObject *object = open_object();
    VitqcBench ask = request("base", 0);
    VitqcBenched r;

    (void)state;
    vitqc_benched_init(&r);
    assert_int_equal(vitqc_object_bench(object, &ask, &r), VITQC_OK);
    assert_string_equal(r.model, "vit");
    assert_int_equal(r.batch, 1);
    assert_int_equal(r.threads, 1);
    assert_int_equal(r.repeat, 5);
    assert_true(r.macs > 0 && r.work_bytes > 0 && r.const_bytes > 0);
    assert_int_equal(r.nlevel, 1);
    assert_string_equal(r.level[0].name, "base");
    assert_true(r.level[0].p10 > 0);
    assert_true(r.level[0].p10 <= r.level[0].median);
    assert_true(r.level[0].median <= r.level[0].p90);
    assert_true(r.level[0].gops > 0 && r.level[0].peak_gops > 0);
    assert_int_equal(r.level[0].nstep, 0);
    vitqc_object_close(object);
}

/* Every step is in one layer and one kind. */
static void
assert_parts(const VitqcLevelTime *l, const VitqcStepTime *t, size_t n)
{
    double seconds = 0, share = 0;
    int64_t count = 0;

    assert_true(n > 0);
    for (size_t i = 0; i < n; i++) {
        assert_non_null(t[i].name);
        seconds += t[i].seconds;
        share += t[i].share;
        count += t[i].count;
    }
    assert_int_equal(count, l->nstep);
    assert_true(fabs(seconds - l->steps) < 1e-9 * seconds);
    assert_true(fabs(share - 1) < 1e-9);
}

static void
profile_adds_up(void **state)
{
    VitqcObject *object = open_object();
    const VqrtModel *m = vitqc_object_model(object);
    VitqcBench ask = request(NULL, 1);
    VitqcBenched r;
    const VitqcLevelTime *l;

    (void)state;
    vitqc_benched_init(&r);
    for (int64_t threads = 1; threads <= 3; threads += 2) {
        assert_int_equal(vitqc_object_set_threads(object, threads), VITQC_OK);
        assert_int_equal(vitqc_object_bench(object, &ask, &r), VITQC_OK);
        l = &r.level[0];
        assert_int_equal(r.threads, threads);
        assert_int_equal(l->nstep, m->nstep);
        assert_parts(l, l->step, l->nstep);
        assert_parts(l, l->layer, l->nlayer);
        assert_parts(l, l->kind, l->nkind);
        assert_true(l->nkind < l->nlayer && l->nlayer < l->nstep);
        assert_true(l->profiled > 0);
    }
    vitqc_object_close(object);
}

static void
wrong_use(void **state)
{
    static const int64_t threads[] = {-1, 0, VQRT_MAXPARTS + 1, INT64_MAX};
    VitqcObject *object = open_object();
    VitqcBench ask = request("sse9", 0);
    VitqcBenched r;

    (void)state;
    vitqc_benched_init(&r);
    for (size_t i = 0; i < sizeof threads / sizeof threads[0]; i++)
        assert_int_equal(vitqc_object_set_threads(object, threads[i]),
                         VITQC_EUSAGE);
    assert_non_null(strstr(last, "1 to 64"));
    assert_int_equal(vitqc_object_bench(object, &ask, &r), VITQC_EUSAGE);
    assert_non_null(strstr(last, "sse9"));
    ask = request(NULL, 0);
    ask.repeat = 0;
    assert_int_equal(vitqc_object_bench(object, &ask, &r), VITQC_EUSAGE);
    ask = request(NULL, 0);
    ask.warmup = -1;
    assert_int_equal(vitqc_object_bench(object, &ask, &r), VITQC_EUSAGE);
    /* Nothing of that did harm. */
    ask.warmup = 0;
    assert_int_equal(vitqc_object_bench(object, &ask, &r), VITQC_OK);
    vitqc_object_close(object);
}

/* A caller that was compiled against an earlier library, with shorter
 * structs. */
static void
short_structs(void **state)
{
    VitqcObject *object = open_object();
    VitqcBench ask = request(NULL, 0);
    VitqcBenched r;

    (void)state;
    vitqc_benched_init(&r);
    ask.size = offsetof(VitqcBench, repeat) + sizeof ask.repeat;
    ask.warmup = -1;
    r.size = offsetof(VitqcBenched, batch);
    r.nlevel = 77;
    assert_int_equal(vitqc_object_bench(object, &ask, &r), VITQC_OK);
    assert_string_equal(r.model, "vit");
    assert_int_equal(r.nlevel, 77);
    assert_int_equal(r.size, offsetof(VitqcBenched, batch));
    vitqc_object_close(object);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_level_has_a_probe),
        cmocka_unit_test(probes_measure),
        cmocka_unit_test(result_is_filled),
        cmocka_unit_test(profile_adds_up),
        cmocka_unit_test(wrong_use),
        cmocka_unit_test(short_structs),
    };

    return cmocka_run_group_tests(tests, compile, clean_up);
}
