/*
 * cmd_verify.c -- vitqc verify MODEL.onnx: float graph, integer evaluator and
 * compiled code side by side.
 */
#include "driver/console.h"
#include "driver/options.h"

#include <math.h>

static void
print_layers(const VitqcVerified *r)
{
    if (r->nlayer)
        printf("%8s  %-14s %-34s %s\n", "SQNR dB", "op", "type", "layer");
    for (size_t i = 0; i < r->nlayer; i++) {
        const VitqcLayer *l = &r->layer[i];

        printf("%8.1f  %-14s %-34s %s\n", l->sqnr, l->op, l->type, l->name);
    }
}

static void
print_rate(const char *what, int64_t n, int64_t of)
{
    printf("%-34s %6.2f %% (%lld of %lld)\n", what,
           100.0 * (double)n / (double)of, (long long)n, (long long)of);
}

static void
print_result(const VitqcVerified *r)
{
    print_layers(r);
    if (r->evaluated)
        printf("%-34s %lld of %lld\n", "object equals evaluator, images",
               (long long)(r->evaluated - r->mismatched),
               (long long)r->evaluated);
    if (r->golden)
        printf("%-34s %lld of %lld\n", "outputs have the golden digests",
               (long long)r->golden, (long long)r->images);
    if (r->float_seconds > 0) {
        print_rate("object's class is the float graph's", r->agree, r->images);
        printf("%-34s %6.2f dB\n", "SQNR of the outputs", r->sqnr);
    }
    if (r->labelled) {
        if (r->float_seconds > 0)
            print_rate("top-1, float graph", r->top1_float, r->labelled);
        print_rate("top-1, object", r->top1_object, r->labelled);
    }
    if (r->float_seconds > 0)
        printf("%-34s %9.3f ms\n", "an image, float graph",
               1e3 * r->float_seconds);
    printf("%-34s %9.3f ms\n", "an image, object", 1e3 * r->object_seconds);
}

static VitqcStatus
compile(Vitqc *v, const Args *a)
{
    VitqcFile file = {VITQC_CALIBRATION, a->save_calib};
    VitqcCalibration c;
    VitqcStatus s = vitqc_read_file(v, a->model);

    fill_calibration(a, &c);
    if (s == VITQC_OK && vitqc_needs_calibration(v))
        s = vitqc_calibrate(v, &c);
    if (s == VITQC_OK)
        s = vitqc_compile(v);
    if (s == VITQC_OK && a->save_calib)
        s = vitqc_write(v, &file, 1);
    return s;
}

static VitqcStatus
verify(Vitqc *v, const Args *a)
{
    VitqcVerify ask;
    VitqcVerified result;
    VitqcStatus s;

    vitqc_verify_init(&ask);
    vitqc_verified_init(&result);
    fill_input(a, &ask.images);
    ask.labels = a->labels;
    ask.object = a->object;
    ask.level = a->cpu;
    ask.evaluate = a->evaluate;
    ask.golden = a->golden;
    s = vitqc_verify(v, &ask, &result);
    end_progress();
    if (s == VITQC_OK || s == VITQC_EMISMATCH)
        print_result(&result);
    return s;
}

int
cmd_verify(const Args *a)
{
    VitqcOptions o;
    VitqcStatus s;
    Vitqc *v;

    if (!a->input) {
        say_error("vitqc verify needs --input: the images to judge on");
        return VITQC_EUSAGE;
    }
    fill_options(a, &o);
    s = vitqc_new(&v, &o);
    if (s == VITQC_OK)
        s = compile(v, a);
    if (s == VITQC_OK)
        s = verify(v, a);
    vitqc_free(v);
    return s;
}
