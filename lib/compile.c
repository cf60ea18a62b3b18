/*
 * compile.c -- the story: read a model, learn its ranges, run the passes.
 *
 * The pipeline is cut in two where the first pass wants ranges: before the cut
 * the graph is a float graph, on which calibration runs and which verification
 * keeps for comparison.
 */
#include "lib/session.h"

#include "frontend/frontend.h"
#include "lib/hash.h"
#include "passes/report.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

/* ---- reading ---- */

static bool
check_readable(Vitqc *v, const char *path)
{
    struct stat st;

    if (stat(path, &st) != 0)
        return vq_io_error(&v->diag, path, "cannot read: %s", strerror(errno));
    if (!S_ISREG(st.st_mode))
        return vq_io_error(&v->diag, path, "cannot read: not a file");
    return true;
}

static Graph *
read_graph(Vitqc *v, ImportNotes *notes, unsigned max_errors)
{
    ImportOptions import = {
        .batch = v->opt.batch,
        .dims = v->opt.dims,
        .max_memory = v->opt.max_memory,
        .max_errors = max_errors,
        .notes = notes,
    };

    if (vq_ends_in(v->path, ".vir"))
        return vq_parse_file(&v->arena, &v->diag, v->path);
    return vq_onnx_read(&v->arena, &v->diag, v->path, &import);
}

static char *
own_name(Vitqc *v)
{
    char name[VITQC_NAME_MAX];

    vitqc_name_of(v->path, name);
    return vq_strdup(&v->arena, name);
}

bool
vq_read_model(Vitqc *v, const char *path, ImportNotes *notes,
              unsigned max_errors)
{
    if (v->g)
        return vq_usage(v, "a session reads one model");
    v->path = vq_strdup(&v->arena, path);
    v->diag.file = v->path;
    v->name = v->opt.name ? v->opt.name : own_name(v);
    vq_progress(v, "reading", 0, 0);
    if (!check_readable(v, v->path))
        return false;
    v->g = read_graph(v, notes, max_errors);
    return v->g != NULL;
}

static bool
read_file(Vitqc *v, void *path)
{
    return vq_read_model(v, path, NULL, 0);
}

VitqcStatus
vitqc_read_file(Vitqc *v, const char *path)
{
    return vq_guard(v, read_file, (void *)path);
}

/* ---- passes ---- */

/* The first pass that wants ranges. */
static unsigned
cut(void)
{
    unsigned i = 0;

    while (i < vq_npasses && !(vq_passes[i].makes & F_QUANTIZED))
        i++;
    return i;
}

static void
on_pass(void *user, const char *name)
{
    vq_progress(user, name, 0, 0);
}

static PassOptions
pass_options(Vitqc *v)
{
    const VitqcOptions *o = &v->opt;

    return (PassOptions){
        .stop_after = o->stop_after,
        .only = o->only,
        .print_after = o->print_after,
        .print_to = o->print_to ? o->print_to : stderr,
        .dump_dir = o->dump_dir,
        .bisect_limit = o->bisect_limit,
        .time = o->time_passes != 0,
        .on_pass = on_pass,
        .user = v,
    };
}

static bool
run_passes(Vitqc *v, Graph *g, unsigned from, unsigned to)
{
    PassOptions options = pass_options(v);

    v->ctx = (PassContext){
        .diag = &v->diag,
        .level = v->opt.level,
        .nonlinear = (Nonlinear)v->opt.nonlinear,
        .pbits = v->opt.prob_bits,
        .dyadic = v->opt.dyadic != 0,
        .require_integer = v->opt.require_integer != 0,
        .calib = v->calib,
        .report = v->report,
    };
    return vq_run_passes(g, &v->ctx, &options, from, to);
}

bool
vq_run_float_passes(Vitqc *v, Graph *g)
{
    return run_passes(v, g, 0, cut());
}

/* A pass of the given index is the last to run. */
static bool
stops_before(const Vitqc *v, unsigned pass)
{
    int stop = v->opt.stop_after ? vq_find_pass(v->opt.stop_after) : -1;

    return stop >= 0 && (unsigned)stop < pass;
}

/* Passes change a graph's arrays in place or replace them; a copy of the
 * arrays keeps the float graph as it is. */
Graph *
vq_copy_graph(Arena *a, const Graph *g)
{
    Graph *c = NEW(a, Graph);

    *c = *g;
    c->capval = g->nval;
    c->capop = g->nop;
    c->val = NEWN(a, Value, g->nval);
    c->op = NEWN(a, Op, g->nop);
    memcpy(c->val, g->val, g->nval * sizeof *g->val);
    memcpy(c->op, g->op, g->nop * sizeof *g->op);
    return c;
}

bool
vq_prepare(Vitqc *v)
{
    if (!v->g)
        return vq_usage(v, "no model was read");
    if (v->real || (v->g->facts & F_QUANTIZED))
        return true;
    if (!v->opt.only && !run_passes(v, v->g, 0, cut()))
        return false;
    v->real = vq_copy_graph(&v->arena, v->g);
    return true;
}

/* ---- calibration ---- */

void
vitqc_calibration_init(VitqcCalibration *c)
{
    *c = (VitqcCalibration){.size = sizeof *c, .percentile = 99.99};
    vitqc_images_init(&c->images);
}

int
vitqc_needs_calibration(const Vitqc *v)
{
    int only = v->opt.only ? vq_find_pass(v->opt.only) : -1;

    if (!v->g || v->calib || (v->g->facts & F_INTEGER))
        return 0;
    if (only >= 0)
        return (unsigned)only >= cut();
    return !stops_before(v, cut());
}

static bool
one_input(Vitqc *v, const Graph *g)
{
    const Type *t = g->nin ? vq_type(g, g->in[0]) : NULL;

    if (g->nin != 1)
        return vq_error(&v->diag, NOLOC,
                        "the model has %u inputs; vitqc compiles models of one"
                        " image input",
                        g->nin);
    return t->dt == DT_F32 ||
           vq_error(&v->diag, NOLOC, "input '%s' is %s; vitqc feeds f32",
                    g->val[g->in[0]].name, vq_dtype[t->dt].text);
}

static bool
feed_calib(Vitqc *v, const Feed *f, Calib *c)
{
    const Type *t = vq_type(v->real, v->real->in[0]);
    float *input = NEWN(&v->tmp, float, (size_t)vq_count(t));
    const void *in[] = {input};
    int npass = vq_calib_passes(c);

    for (int pass = 0; pass < npass; pass++) {
        vq_calib_begin(c, pass);
        for (int64_t i = 0; i < f->count; i += f->batch) {
            vq_progress(v, "calibrating", pass * f->count + i,
                        npass * f->count);
            if (!vq_feed_read(v, f, i, input) ||
                !vq_calib_feed(c, &v->diag, v->real, &v->tmp, in))
                return false;
        }
        vq_calib_end(c, pass);
    }
    vq_progress(v, "calibrating", npass * f->count, npass * f->count);
    return true;
}

/* A graph that was read when it was quantized, but not yet integer: it takes
 * the ranges that quantized it, which nothing can measure any more. */
static bool
load_for_quantized(Vitqc *v, const char *path)
{
    if (!path)
        return vq_error(&v->diag, NOLOC,
                        "the graph is quantized; to go on it needs the ranges "
                        "it was quantized with (--load-calib)");
    v->calib = vq_calib_load(&v->arena, &v->diag, path, NULL);
    return v->calib != NULL;
}

static bool
load_calib(Vitqc *v, const char *path)
{
    v->calib = vq_calib_load(&v->arena, &v->diag, path, v->calibkey);
    return v->calib && vq_calib_check(v->calib, &v->diag, v->real);
}

static void
warn_synthetic(Vitqc *v, int64_t count)
{
    vq_warn(&v->diag, NOLOC,
            "no calibration images: ranges come from %lld synthetic ones, and "
            "accuracy on real images is not known (--calib PATH gives real "
            "ones)",
            (long long)count);
}

static bool
calibrate(Vitqc *v, void *arg)
{
    VitqcCalibration *c = arg;
    const Type *t;
    Feed *f;

    if (c->percentile < 50 || c->percentile > 100)
        return vq_usage(v, "a percentile is between 50 and 100");
    if (!vq_prepare(v))
        return false;
    if (v->g->facts & F_INTEGER)
        return vq_usage(v, "the graph has its ranges already");
    if (!v->real)
        return load_for_quantized(v, c->load);
    if (!one_input(v, v->real))
        return false;
    t = vq_type(v->real, v->real->in[0]);
    if (c->load)
        c->images.path = NULL;
    f = vq_feed_open(v, &c->images, t->rank, t->dim);
    if (!f)
        return false;
    v->calibkey = vq_format(&v->arena, "model %016llx %s",
                            (unsigned long long)vq_graph_hash(v->real), f->key);
    if (c->load)
        return load_calib(v, c->load);
    if (!c->images.path)
        warn_synthetic(v, f->count);
    v->calib =
        vq_calib_new(&v->arena, v->real, (CalibMethod)c->method, c->percentile);
    return feed_calib(v, f, v->calib);
}

VitqcStatus
vitqc_calibrate(Vitqc *v, const VitqcCalibration *given)
{
    VitqcCalibration c;

    vitqc_calibration_init(&c);
    if (given)
        vq_copy_known(&c, sizeof c, given, given->size);
    return vq_guard(v, calibrate, &c);
}

/* ---- compilation ---- */

static bool
compile(Vitqc *v, void *arg)
{
    VitqcCalibration c;

    (void)arg;
    if (!v->g)
        return vq_usage(v, "no model was read");
    if (v->g->facts & F_PLANNED)
        return true;
    v->report = NEW(&v->arena, Report);
    v->report->arena = &v->arena;
    if (vitqc_needs_calibration(v)) {
        vitqc_calibration_init(&c);
        if (!calibrate(v, &c))
            return false;
    }
    if (!vq_prepare(v))
        return false;
    return stops_before(v, cut()) ||
           run_passes(v, v->g, v->opt.only ? 0 : cut(), vq_npasses);
}

VitqcStatus
vitqc_compile(Vitqc *v)
{
    return vq_guard(v, compile, NULL);
}

void
vitqc_list_passes(FILE *to)
{
    for (unsigned i = 0; i < vq_npasses; i++)
        fprintf(to, "%-14s -O%d  %s\n", vq_passes[i].name, vq_passes[i].level,
                vq_passes[i].help);
}
