/*
 * idx2npy.c -- IDX.gz to .npy, for vitqc's --calib, --input and --labels.
 *
 *     idx2npy t10k-images-idx3-ubyte.gz images.npy [COUNT]
 *
 * Writes u8 [N x 28 x 28] or, of labels, u8 [N]; the first COUNT items.
 */
#include "idx.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Numpy's format 1.0: magic, version, length of the header, a Python literal
 * padded with blanks to a multiple of 64 bytes. */
static int
write_header(FILE *f, const Idx *x, int64_t n)
{
    char text[118 + 1], shape[64];
    int len;

    if (x->rank == 1)
        snprintf(shape, sizeof shape, "(%lld,)", (long long)n);
    else
        snprintf(shape, sizeof shape, "(%lld, %lld, %lld)", (long long)n,
                 (long long)x->dim[1], (long long)x->dim[2]);
    len = snprintf(text, sizeof text,
                   "{'descr': '|u1', 'fortran_order': False, 'shape': %s, }",
                   shape);
    memset(text + len, ' ', sizeof text - (size_t)len);
    text[117] = '\n';
    return fwrite("\x93NUMPY\x01\x00\x76\x00", 1, 10, f) == 10 &&
                   fwrite(text, 1, 118, f) == 118
               ? 0
               : -1;
}

int
main(int argc, char **argv)
{
    Idx x;
    int64_t n;
    FILE *f;

    if (argc < 3 || argc > 4) {
        fprintf(stderr, "usage: idx2npy IN.gz OUT.npy [COUNT]\n");
        return 2;
    }
    if (idx_read(argv[1], &x) != 0)
        return 1;
    n = argc > 3 ? atoll(argv[3]) : x.dim[0];
    if (n < 1 || n > x.dim[0])
        n = x.dim[0];
    f = fopen(argv[2], "wb");
    if (!f || write_header(f, &x, n) != 0 ||
        fwrite(x.data, (size_t)x.each, (size_t)n, f) != (size_t)n ||
        fclose(f) != 0) {
        perror(argv[2]);
        return 1;
    }
    free(x.data);
    return 0;
}
