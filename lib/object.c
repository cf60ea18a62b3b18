/*
 * object.c -- compiled models: load, run over images, describe.
 *
 * An object has a session of its own for its messages and memory.
 */
#include "lib/object.h"

#include "codegen/codegen.h"
#include "data/data.h"

#include <stdlib.h>
#include <string.h>

static bool
load(Vitqc *v, void *arg)
{
    VitqcObject *o = arg;

    v->path = o->path;
    v->diag.file = o->path;
    o->loaded = vq_load_object(&v->diag, o->path);
    return o->loaded != NULL;
}

VitqcStatus
vitqc_object_open(VitqcObject **op, const char *path,
                  const VitqcOptions *options)
{
    VitqcObject *o = calloc(1, sizeof *o);
    VitqcStatus status = o ? VITQC_OK : VITQC_ENOMEM;

    *op = NULL;
    if (o)
        status = vitqc_new(&o->v, options);
    if (status == VITQC_OK) {
        o->path = path;
        status = vq_guard(o->v, load, o);
    }
    if (status == VITQC_OK)
        *op = o;
    else
        vitqc_object_close(o);
    return status;
}

void
vitqc_object_close(VitqcObject *o)
{
    if (!o)
        return;
    vqrt_pool_free(o->threads.pool);
    if (o->loaded)
        vq_unload(o->loaded);
    vitqc_free(o->v);
    free(o);
}

const VqrtModel *
vitqc_object_model(const VitqcObject *o)
{
    return vq_loaded_model(o->loaded);
}

typedef struct RunArgs {
    VitqcObject *o;
    const char *level;
    const VitqcImages *images;
    const char *output;
    int index;
} RunArgs;

static bool
find_level(Vitqc *v, void *arg)
{
    RunArgs *a = arg;

    a->index = vq_object_level(v, vitqc_object_model(a->o), a->level);
    return a->index >= 0;
}

int
vitqc_object_level(VitqcObject *o, const char *name)
{
    RunArgs a = {.o = o, .level = name, .index = -1};

    vq_guard(o->v, find_level, &a);
    return a.index;
}

/* ---- threads ---- */

typedef struct ThreadsArgs {
    Threads *threads;
    int64_t n;
} ThreadsArgs;

static bool
set_threads(Vitqc *v, void *arg)
{
    ThreadsArgs *a = arg;
    Threads next = {.n = (uint32_t)a->n};

    if (a->n < 1 || a->n > VQRT_MAXPARTS)
        return vq_usage(v, "threads are 1 to %d, not %lld", VQRT_MAXPARTS,
                        (long long)a->n);
    if (a->n > 1 && !(next.pool = vqrt_pool_new(next.n)))
        return vq_error(&v->diag, NOLOC, "cannot start %lld threads",
                        (long long)a->n);
    vqrt_pool_free(a->threads->pool);
    *a->threads = next;
    return true;
}

VitqcStatus
vitqc_object_set_threads(VitqcObject *o, int64_t threads)
{
    ThreadsArgs a = {&o->threads, threads};

    return vq_guard(o->v, set_threads, &a);
}

/* ---- runs ---- */

/* A failure to write ends it and shows at the commit. */
static bool
run_rows(Vitqc *v, Runner *r, const Feed *f, FILE *to)
{
    for (int64_t i = 0; i < f->count && !ferror(to); i += f->batch) {
        int64_t n = vq_min(f->batch, f->count - i);

        vq_progress(v, "running", i, f->count);
        if (!vq_feed_read(v, f, i, r->in) || !vq_runner_run(v, r))
            return false;
        fwrite(r->out[0], sizeof(float), (size_t)(n * r->each[0]), to);
    }
    vq_progress(v, "running", f->count, f->count);
    return true;
}

static bool
run_images(Vitqc *v, void *arg)
{
    RunArgs *a = arg;
    const VqrtModel *m = vitqc_object_model(a->o);
    const VqrtTensor *in = &m->in[0], *out = &m->out[0];
    int64_t dim[NPY_MAXRANK];
    int rank = (int)vq_min(out->rank, NPY_MAXRANK);
    Runner r;
    Feed *f;
    OutputSet *set;
    FILE *to;

    if (!vq_runner_init(v, &r, m, a->level, &a->o->threads))
        return false;
    f = vq_feed_open(v, a->images, (int)in->rank, in->dim);
    if (!f)
        return false;
    memcpy(dim, out->dim, sizeof dim);
    dim[0] = f->count;
    set = vq_output_new(&v->tmp, &v->diag);
    to = vq_output_open(set, a->output);
    if (!to)
        return false;
    vq_npy_header(to, NPY_F32, rank, dim);
    return run_rows(v, &r, f, to) && vq_output_commit(set);
}

VitqcStatus
vitqc_object_run(VitqcObject *o, const char *level, const VitqcImages *images,
                 const char *output)
{
    RunArgs a = {.o = o, .level = level, .images = images, .output = output};

    return vq_guard(o->v, run_images, &a);
}

typedef struct DescribeArgs {
    const char *path;
    FILE *to;
} DescribeArgs;

static bool
describe(Vitqc *v, void *arg)
{
    DescribeArgs *a = arg;

    v->path = v->diag.file = a->path;
    return vq_object_info(&v->diag, a->path, a->to);
}

VitqcStatus
vitqc_object_describe(const char *path, const VitqcOptions *options, FILE *to)
{
    DescribeArgs a = {path, to};
    Vitqc *v;
    VitqcStatus status = vitqc_new(&v, options);

    if (status == VITQC_OK)
        status = vq_guard(v, describe, &a);
    vitqc_free(v);
    return status;
}
