/*
 * golden_app.c -- a program with a model in it that holds the model's outputs
 * to the digests of verify --golden (lib/golden.c), on any machine.
 *
 *     golden_app IMAGES.npy GOLDEN LEVEL THREADS COUNT
 *
 * The first COUNT images, f32 as the model takes them; LEVEL "best" is the
 * CPU's. Prints the level and same, differs or absent.
 */
#include "golden.h"
#include "npy.h"
#include "vqrt_pool.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t
digest(const float *x, int64_t n)
{
    const unsigned char *p = (const unsigned char *)x;
    uint64_t d = 0xcbf29ce484222325;

    for (int64_t i = 0; i < 4 * n; i++)
        d = (d ^ p[i]) * 0x100000001b3;
    return d;
}

static uint64_t
read_digest(FILE *f)
{
    char line[512];

    if (!fgets(line, sizeof line, f))
        exit(4);
    return strtoull(line, NULL, 16);
}

static int
level_of(const VqrtModel *m, const char *name)
{
    for (uint32_t i = 0; i < m->nlevel; i++)
        if (strcmp(m->level[i], name) == 0)
            return (int)i;
    return m->best_level();
}

int
main(int argc, char **argv)
{
    static float in[GOLDEN_IN_COUNT], out[GOLDEN_OUT_COUNT];
    const void *from[] = {in};
    void *to[] = {out}, *work;
    VqrtContext c = {.parallel_for = vqrt_pool_run};
    int64_t batch, each, count, bad = 0;
    FILE *images, *want;
    VqrtModel m;
    int level, status = VQRT_OK;

    if (argc != 6)
        return 2;
    golden_model(&m);
    level = level_of(&m, argv[3]);
    c.parts = (uint32_t)atoi(argv[4]);
    c.pool = vqrt_pool_new(c.parts);
    count = atoll(argv[5]);
    batch = m.in[0].dim[0];
    each = GOLDEN_OUT_COUNT / batch;
    work = aligned_alloc(64, m.work_bytes + c.parts * m.part_bytes + 64 -
                                 m.work_bytes % 64);
    images = open_npy(argv[1]);
    want = fopen(argv[2], "r");
    if (!want || !work)
        return 4;
    for (int ch = 0; ch != '\n' && ch != EOF;)
        ch = fgetc(want);
    for (int64_t i = 0; i < count && status == VQRT_OK; i += batch) {
        if (fread(in, sizeof *in, GOLDEN_IN_COUNT, images) != GOLDEN_IN_COUNT)
            return 4;
        status = m.run_with(level, from, to, work, &c);
        for (int64_t b = 0; b < batch && i + b < count; b++)
            bad += digest(out + b * each, each) != read_digest(want);
    }
    printf("%s %s\n", m.level[level],
           status == VQRT_ELEVEL ? "absent"
           : status || bad       ? "differs"
                                 : "same");
    return 0;
}
