/*
 * outputs_app.c -- a program with a model of several outputs in it.
 *
 *     outputs_app IMAGES.npy LEVEL PARTS
 *
 * Runs a batch of one for every image, f32 as the model takes them, and writes
 * output i of all, raw, into out.i. LEVEL "best" is the CPU's.
 */
#include "m.h"
#include "npy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int64_t
count(const VqrtTensor *t)
{
    int64_t n = 1;

    for (uint32_t i = 0; i < t->rank; i++)
        n *= t->dim[i];
    return n;
}

static void *
need(void *p)
{
    if (!p)
        exit(4);
    return p;
}

/* The parts one after another, the last first. */
static void
run_parts(void *pool, VqrtTask *task, const void *frame, uint32_t parts)
{
    (void)pool;
    for (uint32_t i = parts; i-- > 0;)
        task(frame, i, parts);
}

int
main(int argc, char **argv)
{
    uint32_t parts = argc == 4 ? (uint32_t)atoi(argv[3]) : 0;
    VqrtContext c = {.parallel_for = run_parts, .parts = parts};
    int level, status = VQRT_OK;
    FILE *images, **file;
    VqrtModel m;
    void **to, *work;
    float *in;
    size_t each, size;

    if (!parts)
        return 2;
    m_model(&m);
    level = m.best_level();
    for (uint32_t i = 0; i < m.nlevel; i++)
        if (strcmp(m.level[i], argv[2]) == 0)
            level = (int)i;
    size = m.work_bytes + parts * m.part_bytes;
    work = need(aligned_alloc(64, size + 64 - size % 64));
    each = (size_t)count(&m.in[0]);
    in = need(malloc(each * sizeof *in));
    to = need(calloc(m.nout, sizeof *to));
    file = need(calloc(m.nout, sizeof(FILE *)));
    for (uint32_t i = 0; i < m.nout; i++) {
        char name[32];

        snprintf(name, sizeof name, "out.%u", (unsigned)i);
        file[i] = need(fopen(name, "wb"));
        to[i] = need(malloc((size_t)count(&m.out[i]) * sizeof(float)));
    }
    images = open_npy(argv[1]);
    while (status == VQRT_OK && fread(in, sizeof *in, each, images) == each) {
        const void *from[] = {in};

        status = m.run_with(level, from, to, work, &c);
        for (uint32_t i = 0; i < m.nout; i++)
            fwrite(to[i], sizeof(float), (size_t)count(&m.out[i]), file[i]);
    }
    for (uint32_t i = 0; i < m.nout; i++)
        if (fclose(file[i]) != 0)
            return 4;
    return status == VQRT_OK ? 0 : 1;
}
