/* put_npy.h -- for tests of data/: an array as a .npy file. */
#ifndef DATA_TEST_PUT_NPY_H
#define DATA_TEST_PUT_NPY_H

#include "common.h"

#include "data/data.h"

static void
put_npy(const char *path, NpyType t, int rank, const int64_t *dim,
        const void *data)
{
    FILE *f = fopen(path, "wb");
    size_t n = 1;

    assert_non_null(f);
    for (int i = 0; i < rank; i++)
        n *= (size_t)dim[i];
    vq_npy_header(f, t, rank, dim);
    if (n) /* or else there may be no data */
        assert_int_equal(fwrite(data, vq_npy_size(t), n, f), n);
    assert_int_equal(fclose(f), 0);
}

#endif
