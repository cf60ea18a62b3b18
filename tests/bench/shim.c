/*
 * shim.c -- a compiled model behind functions that Python's ctypes can call.
 *
 * Linked to a shared library with runtime/vqrt_pool.c and the object of a
 * model that was compiled with --name=m. What it opens is one level with its
 * own threads and work area; calls of one Bench may not overlap.
 */
#include "runtime/vqrt.h"
#include "runtime/vqrt_pool.h"

#include <stdlib.h>
#include <string.h>

void m_model(VqrtModel *);

typedef struct Bench {
    VqrtModel model;
    VqrtContext context;
    void *work;
    int level;
} Bench;

/* The name of level i of the object; NULL: there are no more. */
const char *
bench_level(unsigned i)
{
    VqrtModel m;

    m_model(&m);
    return i < m.nlevel ? m.level[i] : NULL;
}

uint64_t
bench_work_bytes(void)
{
    VqrtModel m;

    m_model(&m);
    return m.work_bytes;
}

void
bench_close(Bench *b)
{
    if (!b)
        return;
    vqrt_pool_free(b->context.pool);
    free(b->work);
    free(b);
}

/* NULL when there is no memory or no thread to be had. */
Bench *
bench_open(unsigned level, unsigned threads)
{
    Bench *b = calloc(1, sizeof *b);
    size_t bytes;

    if (!b)
        return NULL;
    m_model(&b->model);
    b->level = (int)level;
    bytes = b->model.work_bytes + (threads - 1) * b->model.part_bytes;
    bytes = (bytes / b->model.work_align + 1) * b->model.work_align;
    b->work = aligned_alloc(b->model.work_align, bytes);
    b->context.parts = threads;
    if (threads > 1) {
        b->context.pool = vqrt_pool_new(threads);
        b->context.parallel_for = vqrt_pool_run;
    }
    if (b->work && (threads == 1 || b->context.pool))
        return b;
    bench_close(b);
    return NULL;
}

/* What the model returns: VQRT_OK, or VQRT_ELEVEL on a CPU without it. */
int
bench_run(const Bench *b, const float *in, float *out)
{
    const void *inputs[1] = {in};
    void *outputs[1] = {out};

    return b->model.run_with(b->level, inputs, outputs, b->work, &b->context);
}
