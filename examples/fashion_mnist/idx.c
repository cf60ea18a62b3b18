/*
 * idx.c -- see idx.h. The format: two zero bytes, the element type (8: u8),
 * the rank, then each dimension as a big-endian u32, then the elements.
 */
#include "idx.h"

#include <stdio.h>
#include <stdlib.h>

#ifdef NO_ZLIB /* files that were unpacked, where there is no zlib */
typedef FILE *gzFile;
#define gzopen              fopen
#define gzread(f, to, size) ((int)fread(to, 1, size, f))
#define gzclose             fclose
#else
#include <zlib.h>
#endif

enum { MAX_BYTES = 1 << 28 };

static int
fail(const char *path, const char *what)
{
    fprintf(stderr, "%s: %s\n", path, what);
    return -1;
}

static int
read_header(gzFile f, Idx *x)
{
    unsigned char head[4], dim[4];

    if (gzread(f, head, 4) != 4 || head[0] || head[1] || head[2] != 8)
        return -1;
    x->rank = head[3];
    x->each = 1;
    if (x->rank != 1 && x->rank != 3)
        return -1;
    for (int i = 0; i < x->rank; i++) {
        if (gzread(f, dim, 4) != 4)
            return -1;
        x->dim[i] = (int64_t)dim[0] << 24 | dim[1] << 16 | dim[2] << 8 | dim[3];
        if (x->dim[i] < 1 || x->dim[i] > 1 << 20)
            return -1;
        if (i)
            x->each *= x->dim[i];
    }
    return x->each * x->dim[0] <= MAX_BYTES ? 0 : -1;
}

int
idx_read(const char *path, Idx *x)
{
    gzFile f = gzopen(path, "rb");
    int bytes, got;

    *x = (Idx){0};
    if (!f)
        return fail(path, "cannot read (apt install dataset-fashion-mnist)");
    if (read_header(f, x) != 0) {
        gzclose(f);
        return fail(path, "not an IDX file of bytes");
    }
    bytes = (int)(x->each * x->dim[0]);
    x->data = malloc((size_t)bytes);
    got = x->data ? gzread(f, x->data, (unsigned)bytes) : -1;
    gzclose(f);
    if (got == bytes)
        return 0;
    free(x->data);
    return fail(path, "ends too early");
}
