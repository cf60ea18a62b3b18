/*
 * request.c -- from the command line to the library's structs.
 */
#include "driver/console.h"
#include "driver/options.h"

#include <string.h>

void
fill_options(const Args *a, VitqcOptions *o)
{
    vitqc_options_init(o);
    o->on_diag = print_diag;
    o->on_progress = print_progress;
    o->batch = a->batch;
    o->dims = a->dim.n ? a->dim.text : NULL;
    o->max_memory = (size_t)a->max_memory;
    o->nonlinear = (VitqcNonlinear)a->nonlinear;
    o->bits = (int)a->bits;
    o->prob_bits = (int)a->prob_bits;
    o->dyadic = a->dyadic;
    o->require_integer = a->require_integer;
    o->level = (int)a->level;
    o->target = a->target;
    o->cpu_levels = a->cpu_levels;
    o->name = a->name;
    o->stop_after = a->stop_after;
    o->only = a->only;
    o->print_after = a->print_all ? "*" : a->print_after;
    o->print_to = stderr;
    o->dump_dir = a->dump_dir;
    o->bisect_limit = (long)a->bisect_limit;
    o->time_passes = a->time_passes;
}

static void
fill_preprocessing(const Args *a, VitqcImages *im)
{
    vitqc_images_init(im);
    im->nmean = a->mean.n;
    memcpy(im->mean, a->mean.x, sizeof im->mean);
    memcpy(im->std, a->std.x, sizeof im->std);
    im->resize = a->resize;
}

void
fill_calibration(const Args *a, VitqcCalibration *c)
{
    vitqc_calibration_init(c);
    fill_preprocessing(a, &c->images);
    c->images.path = a->calib;
    c->images.count = a->calib_count;
    c->method = (VitqcMethod)a->method;
    c->percentile = a->percentile;
    c->load = a->load_calib;
}

void
fill_input(const Args *a, VitqcImages *im)
{
    fill_preprocessing(a, im);
    im->path = a->input;
    im->count = a->count;
    im->skip = a->skip;
}
