/*
 * npy.c -- arrays as numpy stores them: the header, and rows as stored, as
 * real numbers and as integers.
 */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "data/data.h"

/* Writing what was read gives it back. */
static void
check_copy(Fuzz *f, const Npy *npy, const void *data)
{
    const char *path = fuzz_file(f, "copy.npy", "", 0);
    size_t count = (size_t)(npy->rows * npy->cols);
    FILE *to = fopen(path, "wb");
    Npy copy;
    void *again;

    fuzz_check(to != NULL, "a file can be made");
    vq_npy_header(to, npy->type, npy->rank, npy->dim);
    fwrite(data, vq_npy_size(npy->type), count, to);
    fuzz_check(!ferror(to) && fclose(to) == 0,
               "an array that was read can be written");
    fuzz_check(vq_npy_open(&f->arena, &f->diag, path, &copy) &&
                   copy.type == npy->type && copy.rank == npy->rank &&
                   memcmp(copy.dim, npy->dim,
                          (size_t)npy->rank * sizeof npy->dim[0]) == 0,
               "a copy has the same head");
    again = vq_allocn(&f->arena, count + 1, vq_npy_size(npy->type));
    fuzz_check(vq_npy_rows(&copy, &f->diag, 0, copy.rows, again) &&
                   memcmp(again, data, count * vq_npy_size(npy->type)) == 0,
               "a copy has the same elements");
}

void
fuzz_target(Fuzz *f, const uint8_t *data, size_t n)
{
    Npy npy;
    bool ok =
        vq_npy_open(&f->arena, &f->diag, fuzz_file(f, "in.npy", data, n), &npy);
    int64_t count;
    void *raw;

    fuzz_check_said(f, ok);
    if (!ok)
        return;
    count = npy.rows * npy.cols;
    fuzz_check(count >= 0 && (uint64_t)count <= n,
               "no more elements than bytes");
    vq_npy_shape(&f->arena, npy.dim, npy.rank);
    raw = vq_allocn(&f->arena, (size_t)count + 1, sizeof(int64_t));
    fuzz_check(vq_npy_rows(&npy, &f->diag, 0, npy.rows, raw),
               "the rows of an open array can be read");
    check_copy(f, &npy, raw);
    vq_npy_rows_f32(&npy, &f->diag, &f->tmp, npy.rows / 2,
                    npy.rows - npy.rows / 2, raw);
    vq_npy_rows_s64(&npy, &f->diag, &f->tmp, 0, npy.rows, raw);
}
