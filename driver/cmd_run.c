/*
 * cmd_run.c -- vitqc run OUT.o --input X --output Y.npy.
 */
#include "driver/console.h"
#include "driver/options.h"

int
cmd_run(const Args *a)
{
    VitqcObject *object;
    VitqcOptions o;
    VitqcImages images;
    VitqcStatus s;

    if (!a->input || !a->output) {
        say_error("vitqc run needs --input and --output");
        return VITQC_EUSAGE;
    }
    fill_options(a, &o);
    fill_input(a, &images);
    s = vitqc_object_open(&object, a->model, &o);
    if (s == VITQC_OK)
        s = vitqc_object_set_threads(object, a->threads);
    if (s == VITQC_OK)
        s = vitqc_object_run(object, a->cpu, &images, a->output);
    vitqc_object_close(object);
    return s;
}
