/*
 * idx.h -- the IDX files of Fashion-MNIST, gzipped as Debian's package
 * dataset-fashion-mnist installs them.
 */
#ifndef IDX_H
#define IDX_H

#include <stdint.h>

typedef struct Idx {
    int rank;       /* 1: labels, 3: images */
    int64_t dim[3]; /* the first is the number of items */
    int64_t each;   /* bytes of an item */
    uint8_t *data;  /* malloc'ed */
} Idx;

/* Returns 0, or says on stderr what is wrong and returns -1. */
int idx_read(const char *path, Idx *);

#endif
