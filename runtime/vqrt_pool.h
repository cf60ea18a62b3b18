/*
 * vqrt_pool.h -- an optional thread pool that runs the parts of compiled
 * models: a VqrtContext's parallel_for is vqrt_pool_run, its pool a VqrtPool.
 *
 * Between steps a thread spins for some microseconds, then it sleeps: a pool
 * that has nothing to do takes no CPU time. Programs with a pool of their own
 * need none of this.
 */
#ifndef VQRT_POOL_H
#define VQRT_POOL_H

#include "vqrt.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct VqrtPool VqrtPool;

/* A pool of so many threads, the caller's being one of them: threads - 1 are
 * started. 0: one for each CPU that the process may use. At most
 * VQRT_MAXPARTS. NULL when there is no memory or no thread could be started.
 */
VqrtPool *vqrt_pool_new(unsigned threads);
/* Ends and joins the threads; no run may be in flight. NULL is fine. */
void vqrt_pool_free(VqrtPool *pool);
/* How many threads the pool has, the caller's included: a good choice for
 * VqrtContext.parts. */
unsigned vqrt_pool_threads(const VqrtPool *pool);

/*
 * A parallel_for: calls task(frame, i, parts) once for each i < parts <=
 * VQRT_MAXPARTS and returns when all have returned. Part 0 runs on the calling
 * thread; the others on the threads that have run them before, as long as
 * those are awake in time. Parts may be more or fewer than threads. A pool
 * serves one run at a time: a call while it is taken, by another thread or
 * from inside a task, runs its parts one by one on the calling thread. With a
 * pool of NULL every call does.
 */
void vqrt_pool_run(void *pool, VqrtTask *task, const void *frame,
                   uint32_t parts);

#ifdef __cplusplus
}
#endif
#endif
