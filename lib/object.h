/* object.h -- a compiled model inside the library: loaded, and called. */
#ifndef VQ_OBJECT_H
#define VQ_OBJECT_H

#include "lib/session.h"
#include "runtime/vqrt.h"
#include "runtime/vqrt_pool.h"

/* Who runs the parts of a call; no pool: the caller alone. */
typedef struct Threads {
    VqrtPool *pool;
    uint32_t n;
} Threads;

struct VitqcObject {
    Vitqc *v; /* a session of its own, for messages and memory */
    struct Loaded *loaded;
    const char *path;
    Threads threads;
};

/* ---- runner.c ---- */

/* A loaded model with room for one call. */
typedef struct Runner {
    const VqrtModel *model;
    int level;
    float *in;
    float **out;   /* model->nout */
    int64_t *each; /* elements of out[i] for one image */
    int64_t batch;
    void *work;
    VqrtContext context;
    double seconds; /* in calls, so far */
} Runner;

/* Index of a level by name, the CPU's best for NULL; -1 after a message. */
int vq_object_level(Vitqc *, const VqrtModel *, const char *name);
/* Memory in the session's tmp arena; false after a message. Threads may be
 * NULL: one. */
bool vq_runner_init(Vitqc *, Runner *, const VqrtModel *, const char *level,
                    const Threads *);
/* Bytes of the work area, for all threads. */
uint64_t vq_runner_work(const Runner *);
/* Runs r->in; what the object returns, or false after a message. */
int vq_runner_try(Runner *);
bool vq_runner_run(Vitqc *, Runner *);

#endif
