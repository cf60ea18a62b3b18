/*
 * runner.c -- calls of a compiled model: its memory, its threads, its level.
 */
#include "lib/clock.h"
#include "lib/object.h"

#include <string.h>

int
vq_object_level(Vitqc *v, const VqrtModel *m, const char *name)
{
    char *all = vq_strdup(&v->tmp, "");

    if (!name)
        return m->best_level();
    for (uint32_t i = 0; i < m->nlevel; i++) {
        if (strcmp(m->level[i], name) == 0)
            return (int)i;
        all = vq_format(&v->tmp, "%s%s%s", all, i ? ", " : "", m->level[i]);
    }
    vq_usage(v, "no CPU level '%s' in this object; it has %s", name, all);
    return -1;
}

static int64_t
elements(const VqrtTensor *t)
{
    int64_t n = 1;

    for (uint32_t i = 0; i < t->rank; i++)
        n *= t->dim[i];
    return n;
}

static bool
check_model(Vitqc *v, const VqrtModel *m)
{
    if (m->abi != VQRT_ABI)
        return vq_error(&v->diag, NOLOC,
                        "the object has ABI %u, this vitqc %u: compile the "
                        "model again",
                        m->abi, VQRT_ABI);
    if (m->nin != 1 || m->in[0].type != VQRT_F32 || m->in[0].rank < 2)
        return vq_error(&v->diag, NOLOC,
                        "the model's input is not one batch "
                        "of f32 images");
    return true;
}

static void *
aligned(Arena *a, uint64_t bytes, uint64_t align)
{
    char *p = vq_alloc(a, (size_t)(bytes + align));

    return p + (align - (uintptr_t)p % align) % align;
}

uint64_t
vq_runner_work(const Runner *r)
{
    return r->model->work_bytes + (r->context.parts - 1) * r->model->part_bytes;
}

static VqrtContext
context_of(const Threads *t)
{
    bool alone = !t || !t->pool;

    return (VqrtContext){
        .parallel_for = alone ? NULL : vqrt_pool_run,
        .pool = alone ? NULL : t->pool,
        .parts = alone ? 1 : t->n,
    };
}

bool
vq_runner_init(Vitqc *v, Runner *r, const VqrtModel *m, const char *level,
               const Threads *threads)
{
    Arena *a = &v->tmp;

    *r = (Runner){.model = m, .context = context_of(threads)};
    if (!check_model(v, m))
        return false;
    r->level = vq_object_level(v, m, level);
    if (r->level < 0)
        return false;
    r->batch = m->in[0].dim[0];
    r->in = NEWN(a, float, (size_t)elements(&m->in[0]));
    r->out = NEWN(a, float *, m->nout);
    r->each = NEWN(a, int64_t, m->nout);
    for (uint32_t i = 0; i < m->nout; i++) {
        r->each[i] = elements(&m->out[i]) / r->batch;
        r->out[i] = NEWN(a, float, (size_t)elements(&m->out[i]));
    }
    r->work = aligned(a, vq_runner_work(r), m->work_align ? m->work_align : 64);
    return true;
}

int
vq_runner_try(Runner *r)
{
    const void *in[] = {r->in};
    double start = vq_clock();
    int code =
        r->model->run_with(r->level, in, (void **)r->out, r->work, &r->context);

    r->seconds += vq_clock() - start;
    return code;
}

bool
vq_runner_run(Vitqc *v, Runner *r)
{
    int code = vq_runner_try(r);

    if (code == VQRT_OK)
        return true;
    if (code == VQRT_ELEVEL)
        return vq_usage(v, "this CPU cannot run level '%s'",
                        r->model->level[r->level]);
    return vq_bug(&v->diag, NOLOC, "the object returned %d", code);
}
