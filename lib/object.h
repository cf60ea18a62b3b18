/* object.h -- running a compiled model inside the library. */
#ifndef VQ_OBJECT_H
#define VQ_OBJECT_H

#include "lib/session.h"
#include "runtime/vqrt.h"

/* A loaded model with room for one call. */
typedef struct Runner {
    const VqrtModel *model;
    int level;
    float *in;
    float **out;   /* model->nout */
    int64_t *each; /* elements of out[i] for one image */
    int64_t batch;
    void *work;
    double seconds; /* in calls, so far */
} Runner;

/* Index of a level by name, the CPU's best for NULL; -1 after a message. */
int vq_object_level(Vitqc *, const VqrtModel *, const char *name);
/* Memory in the session's tmp arena; false after a message. */
bool vq_runner_init(Vitqc *, Runner *, const VqrtModel *, const char *level);
/* Runs r->in. */
bool vq_runner_run(Vitqc *, Runner *);

#endif
