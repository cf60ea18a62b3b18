/*
 * npy_floats.c -- images of bytes become f32, as the demo's model takes them:
 * 28 x 28 in one channel.
 *
 *     npy_floats IN.npy OUT.npy
 */
#include "npy.h"

int
main(int argc, char **argv)
{
    FILE *in = open_npy(argc == 3 ? argv[1] : ""), *out = fopen(argv[2], "wb");
    long at = ftell(in), n;
    char shape[96], head[128];
    int c, len;

    fseek(in, 0, SEEK_END);
    n = (ftell(in) - at) / (28 * 28);
    fseek(in, at, SEEK_SET);
    snprintf(shape, sizeof shape,
             "{'descr': '<f4', 'fortran_order': False, "
             "'shape': (%ld, 1, 28, 28), }",
             n);
    len = snprintf(head, sizeof head, "%-117s", shape);
    if (!out || len != 117)
        return 4;
    fwrite("\x93NUMPY\1\0\x76\0", 1, 10, out);
    fwrite(head, 1, 117, out);
    fputc('\n', out);
    while ((c = fgetc(in)) != EOF) {
        float x = (float)(c - 73) / 90;

        fwrite(&x, sizeof x, 1, out);
    }
    fclose(in);
    return fclose(out) == 0 ? 0 : 4;
}
