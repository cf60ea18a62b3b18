/*
 * npy_write.c -- writing numpy's .npy files, format 1.0, a piece at a time.
 *
 * The bytes go to a temporary file beside the target, which takes its name
 * when all is written; a device or a pipe is written in place.
 */
#include "data/data.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const descr[NNPY] = {
#define NPY(e, descr, text, bytes) [NPY_##e] = descr,
#include "data/npy.def"
#undef NPY
};

/* Longer than any dict of 8 axes; a multiple of 64 with its 10 bytes. */
enum { HEADER_BYTES = 320, PREFIX_BYTES = 10 };

static void
make_header(char *h, NpyType t, int rank, const int64_t *dim)
{
    char dict[HEADER_BYTES];
    size_t n;

    n = (size_t)snprintf(dict, sizeof dict,
                         "{'descr': '%s', 'fortran_order': False, 'shape': (",
                         descr[t]);
    for (int i = 0; i < rank; i++)
        n += (size_t)snprintf(dict + n, sizeof dict - n, "%" PRId64 "%s",
                              dim[i], i + 1 < rank || rank == 1 ? ", " : "");
    n += (size_t)snprintf(dict + n, sizeof dict - n, "), }");
    assert(n < HEADER_BYTES - PREFIX_BYTES);
    memset(h, ' ', HEADER_BYTES);
    memcpy(h, "\x93NUMPY\1\0", 8);
    h[8] = (char)((HEADER_BYTES - PREFIX_BYTES) & 255);
    h[9] = (char)((HEADER_BYTES - PREFIX_BYTES) >> 8);
    memcpy(h + PREFIX_BYTES, dict, n);
    h[HEADER_BYTES - 1] = '\n';
}

static bool
write_failed(NpyWriter *w, Diag *d)
{
    const char *path = w->path;
    int e = errno;

    vq_npy_abandon(w);
    return vq_io_error(d, path, "cannot be written: %s", strerror(e));
}

bool
vq_npy_create(Arena *a, Diag *d, NpyWriter *w, const char *path, NpyType t,
              int rank, const int64_t *dim)
{
    char header[HEADER_BYTES];
    struct stat st;

    assert(rank >= 0 && rank <= NPY_MAXRANK);
    *w = (NpyWriter){.path = path, .type = t, .left = 1};
    for (int i = 0; i < rank; i++)
        w->left *= dim[i];
    if (strncmp(path, "/dev/", 5) != 0 &&
        (stat(path, &st) != 0 || S_ISREG(st.st_mode)))
        w->temp = vq_format(a, "%s.%ld.tmp", path, (long)getpid());
    w->file = fopen(w->temp ? w->temp : path, "wb");
    if (!w->file)
        return vq_io_error(d, path, "cannot be written: %s", strerror(errno));
    make_header(header, t, rank, dim);
    if (fwrite(header, 1, sizeof header, w->file) != sizeof header)
        return write_failed(w, d);
    return true;
}

bool
vq_npy_append(NpyWriter *w, Diag *d, const void *data, int64_t n)
{
    assert(w->file && n <= w->left);
    w->left -= n;
    if (n &&
        fwrite(data, vq_npy_size(w->type), (size_t)n, w->file) != (size_t)n)
        return write_failed(w, d);
    return true;
}

bool
vq_npy_finish(NpyWriter *w, Diag *d)
{
    FILE *f = w->file;
    int bad;

    assert(f && w->left == 0);
    bad = fflush(f) != 0; /* keeps its errno, which fclose may not */
    if (bad)
        return write_failed(w, d);
    w->file = NULL;
    if (fclose(f) != 0 || (w->temp && rename(w->temp, w->path) != 0))
        return write_failed(w, d);
    w->temp = NULL;
    return true;
}

void
vq_npy_abandon(NpyWriter *w)
{
    if (w->file)
        fclose(w->file);
    if (w->temp)
        unlink(w->temp);
    *w = (NpyWriter){0};
}

bool
vq_npy_write(Arena *tmp, Diag *d, const char *path, NpyType t, int rank,
             const int64_t *dim, const void *data)
{
    NpyWriter w;

    return vq_npy_create(tmp, d, &w, path, t, rank, dim) &&
           vq_npy_append(&w, d, data, w.left) && vq_npy_finish(&w, d);
}
