/*
 * count_app.c -- a program that runs a model once, at the level that the CPU
 * has, and prints that and the model's multiply-adds. Compiled with
 * -DMODEL=PREFIX_model. The input is noise.
 */
#include "runtime/vqrt.h"

#include <stdio.h>
#include <stdlib.h>

void MODEL(VqrtModel *);

/* Numbers of a tensor, from -1 to 1. */
static float *
make_buffer(const VqrtTensor *t)
{
    uint32_t state = 1;
    int64_t n = 1;
    float *x;

    for (uint32_t i = 0; i < t->rank; i++)
        n *= t->dim[i];
    x = malloc((size_t)n * sizeof *x);
    if (!x)
        exit(4);
    for (int64_t i = 0; i < n; i++) {
        state = state * 1664525 + 1013904223;
        x[i] = (float)(int32_t)state / 2147483648.0f;
    }
    return x;
}

int
main(void)
{
    const void *in[16];
    void *out[16], *work;
    int64_t macs = 0;
    VqrtModel m;
    int level;

    MODEL(&m);
    if (m.nin > 16 || m.nout > 16)
        return 4;
    for (uint32_t i = 0; i < m.nin; i++)
        in[i] = make_buffer(&m.in[i]);
    for (uint32_t i = 0; i < m.nout; i++)
        out[i] = make_buffer(&m.out[i]);
    for (uint32_t i = 0; i < m.nstep; i++) {
        VqrtStep step;

        m.step(i, &step);
        macs += step.macs;
    }
    work = aligned_alloc(m.work_align,
                         (m.work_bytes / m.work_align + 1) * m.work_align);
    level = m.best_level();
    if (!work || m.run_level(level, in, out, work) != VQRT_OK)
        return 1;
    printf("%s %lld\n", m.level[level], (long long)macs);
    return 0;
}
