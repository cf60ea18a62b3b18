/*
 * dataset.c -- a sequence of model inputs from a folder, a list, an image, a
 * .npy or nothing. What kind a path is, its contents say, not its name.
 */
#include "data/dataset.h"

#include "data/image.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HEAD_BYTES = 16 };

static const char *
shape_wanted(Arena *a, const DataSpec *s)
{
    const char *shape = vq_npy_shape(a, s->dim, s->rank);

    return vq_format(a, "[N%s%s", s->rank ? " x " : "", shape + 1);
}

/* ---- one getter for each kind ---- */

static bool
get_image(const Dataset *ds, Diag *d, Arena *tmp, int64_t i, float *out)
{
    Image im;

    if (!vq_image_read(tmp, d, ds->file[i], &im))
        return false;
    vq_preprocess(tmp, &im, &ds->pre, out);
    return true;
}

static bool
get_real(const Dataset *ds, Diag *d, Arena *tmp, int64_t i, float *out)
{
    if (!vq_npy_rows_f32(&ds->npy, d, tmp, i, 1, out))
        return false;
    for (int64_t k = 0; k < ds->size; k++)
        if (out[k] - out[k] != 0)
            return vq_file_error(d, ds->path, "row %" PRId64 " holds %s", i,
                                 out[k] != out[k] ? "a NaN" : "an infinity");
    return true;
}

static bool
get_pixels(const Dataset *ds, Diag *d, Arena *tmp, int64_t i, float *out)
{
    uint8_t *pixel = vq_alloc(tmp, (size_t)ds->size);

    if (!vq_npy_rows(&ds->npy, d, i, 1, pixel))
        return false;
    vq_normalize(pixel, &ds->pre, out);
    return true;
}

static bool
get_synthetic(const Dataset *ds, Diag *d, Arena *tmp, int64_t i, float *out)
{
    (void)d;
    if (ds->pre.channels)
        vq_synth_image(tmp, &ds->pre, ds->spec.seed, i, out);
    else
        vq_synth_noise(ds->spec.seed, i, out, ds->size);
    return true;
}

typedef bool Getter(const Dataset *, Diag *, Arena *, int64_t, float *);

static Getter *const getters[] = {
    [DATA_IMAGES] = get_image,
    [DATA_REAL] = get_real,
    [DATA_PIXELS] = get_pixels,
    [DATA_SYNTHETIC] = get_synthetic,
};

bool
vq_dataset_get(const Dataset *ds, Diag *d, Arena *tmp, int64_t i, float *out)
{
    ArenaMark mark = vq_arena_mark(tmp);
    bool ok = getters[ds->kind](ds, d, tmp, i, out);

    vq_arena_release(tmp, mark);
    return ok;
}

int64_t
vq_dataset_count(const Dataset *ds)
{
    return ds->count;
}

bool
vq_dataset_synthetic(const Dataset *ds)
{
    return ds->kind == DATA_SYNTHETIC;
}

int64_t
vq_dataset_size(const Dataset *ds)
{
    return ds->size;
}

const char *
vq_dataset_name(const Dataset *ds, int64_t i)
{
    return ds->kind == DATA_IMAGES      ? ds->file[i]
           : ds->kind == DATA_SYNTHETIC ? "synthetic images"
                                        : ds->path;
}

/* ---- opening ---- */

/* Fills ds->pre; its channels stay 0 when an input is not an image. */
static bool
set_preprocess(Dataset *ds, Diag *d)
{
    const DataSpec *s = &ds->spec;
    Preprocess *p = &ds->pre;

    ds->size = 1;
    for (int i = 0; i < s->rank; i++)
        ds->size *= s->dim[i];
    if (s->rank != 3 || (s->dim[0] != 1 && s->dim[0] != 3))
        return true;
    *p = (Preprocess){s->dim[0],
                      s->dim[1],
                      s->dim[2],
                      s->resize,
                      {s->mean[0], s->mean[1], s->mean[2]},
                      {s->std[0], s->std[1], s->std[2]}};
    if (!p->resize)
        p->resize = vq_resize_default(p->height, p->width);
    for (int64_t c = 0; c < p->channels; c++)
        if (!(p->std[c] > 0 && p->std[c] - p->std[c] == 0) ||
            p->mean[c] - p->mean[c] != 0)
            return vq_error(d, NOLOC,
                            "the pixels' deviations must be above 0 and "
                            "their means finite");
    return true;
}

static bool
check_images(Arena *a, Dataset *ds, Diag *d)
{
    const Preprocess *p = &ds->pre;

    if (!p->channels)
        return vq_file_error(d, ds->path,
                             "holds images, but an input of the model is %s; "
                             "give a .npy of that shape",
                             shape_wanted(a, &ds->spec));
    if (p->resize < p->height || p->resize < p->width || p->resize > 1 << 20)
        return vq_file_error(d, ds->path,
                             "cannot resize to %" PRId64 " and then cut out "
                             "%" PRId64 " x %" PRId64,
                             p->resize, p->height, p->width);
    return true;
}

/* Whether the array's axes after the first are those. */
static bool
rows_are(const Npy *n, int rank, const int64_t *dim)
{
    return n->rank == rank + 1 &&
           memcmp(n->dim + 1, dim, (size_t)rank * sizeof *dim) == 0;
}

static bool
is_pixels(const Dataset *ds)
{
    const int64_t *c = ds->spec.dim;

    return ds->pre.channels &&
           (rows_are(&ds->npy, 3, (int64_t[]){c[1], c[2], c[0]}) ||
            (c[0] == 1 && rows_are(&ds->npy, 2, c + 1)));
}

static bool
open_npy(Arena *a, Dataset *ds, Diag *d)
{
    const DataSpec *s = &ds->spec;
    const Npy *n = &ds->npy;
    bool real;

    if (!vq_npy_open(a, d, ds->path, &ds->npy))
        return false;
    real = n->type == NPY_F32 || n->type == NPY_F64;
    ds->count = n->rows;
    ds->kind = real ? DATA_REAL : DATA_PIXELS;
    if (real ? rows_are(n, s->rank, s->dim)
             : n->type == NPY_U8 && is_pixels(ds))
        return true;
    if (ds->pre.channels)
        return vq_file_error(
            d, ds->path,
            "is %s %s; wanted is f32 %s or u8 [N x %" PRId64 " x %" PRId64
            " x %" PRId64 "]",
            vq_npy_text(n->type), vq_npy_shape(a, n->dim, n->rank),
            shape_wanted(a, s), s->dim[1], s->dim[2], s->dim[0]);
    return vq_file_error(d, ds->path, "is %s %s; wanted is f32 %s",
                         vq_npy_text(n->type), vq_npy_shape(a, n->dim, n->rank),
                         shape_wanted(a, s));
}

static bool
open_one(Arena *a, Dataset *ds, Diag *d)
{
    (void)d;
    ds->file = NEW(a, const char *);
    ds->file[0] = ds->path;
    ds->count = 1;
    return true;
}

static bool
open_file(Arena *a, Dataset *ds, Diag *d)
{
    uint8_t head[HEAD_BYTES];
    int fd = open(ds->path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, head, sizeof head);
    int e = errno;

    if (fd >= 0)
        close(fd);
    if (n < 0)
        return vq_io_error(d, ds->path, "cannot be read: %s", strerror(e));
    if (n >= 6 && memcmp(head, "\x93NUMPY", 6) == 0)
        return open_npy(a, ds, d);
    if (vq_image_format(head, (size_t)n) >= 0)
        return open_one(a, ds, d) && check_images(a, ds, d);
    return vq_list_read(a, ds, d) && check_images(a, ds, d);
}

static bool
open_path(Arena *a, Dataset *ds, Diag *d)
{
    struct stat st;

    if (stat(ds->path, &st) != 0)
        return vq_io_error(d, ds->path, "cannot be read: %s", strerror(errno));
    if (S_ISDIR(st.st_mode))
        return vq_folder_read(a, ds, d) && check_images(a, ds, d);
    if (!S_ISREG(st.st_mode))
        return vq_io_error(d, ds->path, "is neither a file nor a folder");
    return open_file(a, ds, d);
}

Dataset *
vq_dataset_open(Arena *a, Diag *d, const char *path, const DataSpec *spec)
{
    Dataset *ds = NEW(a, Dataset);

    ds->spec = *spec;
    ds->kind = path ? DATA_IMAGES : DATA_SYNTHETIC;
    if (!set_preprocess(ds, d))
        return NULL;
    if (!path) {
        ds->count = spec->limit ? spec->limit : SYNTH_COUNT;
        return ds;
    }
    ds->path = vq_strdup(a, path);
    if (!open_path(a, ds, d))
        return NULL;
    if (ds->count < 1) {
        vq_file_error(d, ds->path, "holds no inputs");
        return NULL;
    }
    if (spec->limit && ds->count > spec->limit)
        ds->count = spec->limit;
    return ds;
}
