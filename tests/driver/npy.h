/* npy.h -- for programs of these tests: the elements of a .npy file. */
#ifndef TESTS_DRIVER_NPY_H
#define TESTS_DRIVER_NPY_H

#include <stdio.h>
#include <stdlib.h>

/* At the first element, in format 1.0; ends the program where that fails. */
static FILE *
open_npy(const char *path)
{
    FILE *f = fopen(path, "rb");
    unsigned char head[10];

    if (!f || fread(head, 1, 10, f) != 10 ||
        fseek(f, 10 + head[8] + 256 * head[9], SEEK_SET) != 0) {
        perror(path);
        exit(4);
    }
    return f;
}

#endif
