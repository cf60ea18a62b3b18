/*
 * images.c -- from a description of images to a model's inputs.
 */
#include "lib/session.h"

#include "data/data.h"

#include <math.h>
#include <string.h>

static const float imagenet_mean[3] = {0.485f, 0.456f, 0.406f};
static const float imagenet_std[3] = {0.229f, 0.224f, 0.225f};

void
vitqc_images_init(VitqcImages *im)
{
    *im = (VitqcImages){.size = sizeof *im};
}

/* nmean values, spread over three channels. */
static bool
spread(Vitqc *v, const VitqcImages *im, DataSpec *spec)
{
    if (im->nmean != 1 && im->nmean != 3)
        return vq_usage(v, "mean and std have 1 or 3 values, not %d",
                        im->nmean);
    for (int c = 0; c < 3; c++) {
        int from = im->nmean == 1 ? 0 : c;

        spec->mean[c] = im->mean[from];
        spec->std[c] = im->std[from];
        if (!isfinite(spec->mean[c]) || !isfinite(spec->std[c]) ||
            spec->std[c] <= 0)
            return vq_usage(v, "mean must be finite and std above 0");
    }
    return true;
}

static void
use_defaults(DataSpec *spec)
{
    bool color = spec->rank == 3 && spec->dim[0] == 3;

    for (int c = 0; c < 3; c++) {
        spec->mean[c] = color ? imagenet_mean[c] : 0;
        spec->std[c] = color ? imagenet_std[c] : 1;
    }
}

static const char *
describe_key(Arena *a, const DataSpec *s)
{
    return vq_format(a, "mean %g,%g,%g std %g,%g,%g resize %lld",
                     (double)s->mean[0], (double)s->mean[1], (double)s->mean[2],
                     (double)s->std[0], (double)s->std[1], (double)s->std[2],
                     (long long)s->resize);
}

static bool
fill_spec(Vitqc *v, const VitqcImages *im, int rank, const int64_t *dim,
          DataSpec *spec)
{
    if (im->count < 0 || im->skip < 0 || im->resize < 0)
        return vq_usage(v, "image counts and sizes are not negative");
    *spec = (DataSpec){.rank = rank - 1, .resize = im->resize};
    memcpy(spec->dim, dim + 1, (size_t)(rank - 1) * sizeof *dim);
    if (im->count)
        spec->limit = vq_min(im->count, INT64_MAX - im->skip) + im->skip;
    if (!im->path && !im->count)
        spec->limit = SYNTH_COUNT + im->skip;
    use_defaults(spec);
    return im->nmean == 0 || spread(v, im, spec);
}

/* A wrong mean is silent and costs accuracy; so say which one was assumed. */
static void
note_default(Vitqc *v, const VitqcImages *im, const DataSpec *s)
{
    const char *dot = im->path ? strrchr(im->path, '.') : NULL;

    if (v->noted || im->nmean || !im->path || (dot && strcmp(dot, ".npy") == 0))
        return;
    v->noted = true;
    vq_note(&v->diag, NOLOC,
            "images are normalised with mean %g,%g,%g and std %g,%g,%g; is "
            "that how the model was trained?",
            (double)s->mean[0], (double)s->mean[1], (double)s->mean[2],
            (double)s->std[0], (double)s->std[1], (double)s->std[2]);
}

Feed *
vq_feed_open(Vitqc *v, const VitqcImages *given, int rank, const int64_t *dim)
{
    VitqcImages im;
    DataSpec spec;
    Feed *f = NEW(&v->tmp, Feed);

    vitqc_images_init(&im);
    vq_copy_known(&im, sizeof im, given, given->size);
    if (rank < 2 || rank > NPY_MAXRANK) {
        vq_error(&v->diag, NOLOC,
                 "the model's input has %d axes; vitqc feeds inputs of 2 to %d,"
                 " the first being the batch",
                 rank, NPY_MAXRANK);
        return NULL;
    }
    if (!fill_spec(v, &im, rank, dim, &spec))
        return NULL;
    f->data = vq_dataset_open(&v->tmp, &v->diag, im.path, &spec);
    if (!f->data)
        return NULL;
    note_default(v, &im, &spec);
    f->first = im.skip;
    f->count = vq_dataset_count(f->data) - im.skip;
    f->batch = dim[0];
    f->each = vq_dataset_size(f->data);
    f->key = describe_key(&v->tmp, &spec);
    if (f->count > 0)
        return f;
    vq_error(&v->diag, NOLOC, "%s has no image after the first %lld",
             im.path ? im.path : "the synthetic set", (long long)im.skip);
    return NULL;
}

bool
vq_feed_read(Vitqc *v, const Feed *f, int64_t at, float *out)
{
    ArenaMark m = vq_arena_mark(&v->tmp);
    int64_t n = vq_min(f->batch, f->count);
    bool good = true;

    for (int64_t b = 0; b < n && good; b++) {
        int64_t i = f->first + (at + b) % f->count;

        good = vq_dataset_get(f->data, &v->diag, &v->tmp, i, out + b * f->each);
    }
    /* What comes again is copied: it is costly to decode or to make. */
    for (int64_t k = n * f->each; k < f->batch * f->each && good; k++)
        out[k] = out[k - n * f->each];
    vq_arena_release(&v->tmp, m);
    return good;
}

const char *
vq_feed_name(const Feed *f, int64_t at)
{
    return vq_dataset_name(f->data, f->first + at);
}
