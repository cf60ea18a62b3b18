/*
 * npy_write.c -- the header of numpy's .npy files, format 1.0.
 */
#include "data/data.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

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

void
vq_npy_header(FILE *f, NpyType t, int rank, const int64_t *dim)
{
    char header[HEADER_BYTES];

    assert(rank >= 0 && rank <= NPY_MAXRANK);
    make_header(header, t, rank, dim);
    fwrite(header, 1, sizeof header, f);
}
