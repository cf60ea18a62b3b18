/*
 * vqrt_pool.c -- see vqrt_pool.h. C11 atomics and POSIX threads, no more.
 *
 * A job has a number. Threads claim its parts one by one: claim[i] is the last
 * job of which part i was claimed, so whoever moves it from an earlier job to
 * this one runs the part. A thread tries the parts that it ran last time
 * first, since their weights may still be in its cache, then all others.
 *
 * Numbers are even; while a job is being written the number is odd.
 */
#define _GNU_SOURCE /* sched_getaffinity; elsewhere it changes nothing */

#include "vqrt_pool.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#ifdef __linux__
#include <sched.h>
#endif

enum {
    LINE = 64,
    SPIN_NS = 20000, /* before a thread sleeps: some steps of a small model */
    SPIN_TURNS = 32  /* between looks at the clock */
};

/* What both sides write to lies on lines of its own. */
struct VqrtPool {
    _Alignas(LINE) atomic_uint_least64_t job; /* number of the last one */
    _Atomic(VqrtTask *) task;                 /* of it */
    _Atomic(const void *) frame;
    atomic_uint parts;
    atomic_bool stop;
    _Alignas(LINE) atomic_uint left; /* parts that have not returned */
    _Alignas(LINE) atomic_uint sleepers;
    atomic_bool caller_sleeps;
    atomic_flag taken;
    _Alignas(LINE) atomic_uint_least64_t claim[VQRT_MAXPARTS];
    unsigned threads, started;
    bool spin; /* there is more than one CPU */
    pthread_mutex_t lock;
    pthread_cond_t work, done; /* for threads; for the caller */
    pthread_t thread[VQRT_MAXPARTS];
};

typedef struct Job {
    uint64_t number;
    VqrtTask *task;
    const void *frame;
    uint32_t parts;
} Job;

/* ---- waiting ---- */

static void
pause_cpu(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static int64_t
now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

typedef bool Ready(VqrtPool *, uint64_t number);

/* True when it became ready within SPIN_NS. */
static bool
spin_until(VqrtPool *p, Ready *ready, uint64_t number)
{
    int64_t end = 0;

    if (!p->spin)
        return ready(p, number);
    for (;;) {
        for (int i = 0; i < SPIN_TURNS; i++) {
            if (ready(p, number))
                return true;
            pause_cpu();
        }
        if (!end)
            end = now_ns() + SPIN_NS;
        else if (now_ns() > end)
            return false;
    }
}

static bool
has_news(VqrtPool *p, uint64_t seen)
{
    return atomic_load(&p->job) != seen || atomic_load(&p->stop);
}

static bool
is_done(VqrtPool *p, uint64_t number)
{
    (void)number;
    return atomic_load(&p->left) == 0;
}

/* A sleeper says so before it looks a last time; who has news publishes them
 * before it looks for sleepers. One of the two sees the other, by the fence
 * between: a store and a load that are sequentially consistent suffice in C,
 * but emulated aarch64 on x86 lets the load pass (QEMU 7.2). */
static void
order(void)
{
    atomic_thread_fence(memory_order_seq_cst);
}

static void
wait_for_job(VqrtPool *p, uint64_t seen)
{
    if (spin_until(p, has_news, seen))
        return;
    pthread_mutex_lock(&p->lock);
    atomic_fetch_add(&p->sleepers, 1);
    order();
    while (!has_news(p, seen))
        pthread_cond_wait(&p->work, &p->lock);
    atomic_fetch_sub(&p->sleepers, 1);
    pthread_mutex_unlock(&p->lock);
}

static void
wake_threads(VqrtPool *p)
{
    order();
    if (atomic_load(&p->sleepers) == 0)
        return;
    pthread_mutex_lock(&p->lock);
    pthread_cond_broadcast(&p->work);
    pthread_mutex_unlock(&p->lock);
}

static void
wait_for_parts(VqrtPool *p)
{
    if (spin_until(p, is_done, 0))
        return;
    pthread_mutex_lock(&p->lock);
    atomic_store(&p->caller_sleeps, true);
    order();
    while (!is_done(p, 0))
        pthread_cond_wait(&p->done, &p->lock);
    atomic_store(&p->caller_sleeps, false);
    pthread_mutex_unlock(&p->lock);
}

static void
wake_caller(VqrtPool *p)
{
    order();
    if (!atomic_load(&p->caller_sleeps))
        return;
    pthread_mutex_lock(&p->lock);
    pthread_cond_signal(&p->done);
    pthread_mutex_unlock(&p->lock);
}

/* ---- work ---- */

static void
run_claimed(VqrtPool *p, const Job *j, uint32_t part)
{
    j->task(j->frame, part, j->parts);
    if (atomic_fetch_sub(&p->left, 1) == 1)
        wake_caller(p);
}

static void
run_part(VqrtPool *p, const Job *j, uint32_t part)
{
    uint_least64_t last = atomic_load(&p->claim[part]);

    if (last < j->number &&
        atomic_compare_exchange_strong(&p->claim[part], &last, j->number))
        run_claimed(p, j, part);
}

/* Thread `self`'s own parts, then those that nobody has begun. */
static void
run_parts(VqrtPool *p, const Job *j, unsigned self)
{
    for (uint32_t i = self; i < j->parts; i += p->threads)
        run_part(p, j, i);
    for (uint32_t i = 0; i < j->parts; i++)
        run_part(p, j, i);
}

/* False when the job is not whole yet, or another one by now. A thread that is
 * late with a whole one finds all of its parts claimed. */
static bool
take_job(VqrtPool *p, Job *j)
{
    j->number = atomic_load(&p->job);
    j->task = atomic_load(&p->task);
    j->frame = atomic_load(&p->frame);
    j->parts = atomic_load(&p->parts);
    return j->number % 2 == 0 && atomic_load(&p->job) == j->number;
}

/* Part 0 is the caller's before anybody sees the job. */
static void
publish(VqrtPool *p, const Job *j)
{
    atomic_store(&p->job, j->number - 1);
    atomic_store(&p->task, j->task);
    atomic_store(&p->frame, j->frame);
    atomic_store(&p->parts, j->parts);
    atomic_store(&p->left, j->parts);
    atomic_store(&p->claim[0], j->number);
    atomic_store(&p->job, j->number);
    wake_threads(p);
}

typedef struct Start {
    VqrtPool *pool;
    unsigned self;
} Start;

static void *
run_thread(void *arg)
{
    Start s = *(Start *)arg;
    VqrtPool *p = s.pool;
    Job j = {0};

    free(arg);
    for (;;) {
        wait_for_job(p, j.number);
        if (atomic_load(&p->stop))
            return NULL;
        if (take_job(p, &j))
            run_parts(p, &j, s.self);
    }
}

static void
run_alone(VqrtTask *task, const void *frame, uint32_t parts)
{
    for (uint32_t i = 0; i < parts; i++)
        task(frame, i, parts);
}

void
vqrt_pool_run(void *pool, VqrtTask *task, const void *frame, uint32_t parts)
{
    VqrtPool *p = pool;
    Job j = {.task = task, .frame = frame, .parts = parts};

    if (!p || p->started == 0 || parts < 2 || parts > VQRT_MAXPARTS ||
        atomic_flag_test_and_set(&p->taken)) {
        run_alone(task, frame, parts);
        return;
    }
    j.number = atomic_load(&p->job) + 2;
    publish(p, &j);
    run_claimed(p, &j, 0);
    run_parts(p, &j, 0);
    wait_for_parts(p);
    atomic_flag_clear(&p->taken);
}

/* ---- beginning and end ---- */

/* CPUs that the process may use. */
static unsigned
count_cpus(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);
#ifdef __linux__
    cpu_set_t set;

    if (sched_getaffinity(0, sizeof set, &set) == 0)
        n = CPU_COUNT(&set);
#endif
    return n < 1 ? 1 : n > VQRT_MAXPARTS ? VQRT_MAXPARTS : (unsigned)n;
}

static void
init_shared(VqrtPool *p)
{
    atomic_init(&p->job, 0);
    atomic_init(&p->task, NULL);
    atomic_init(&p->frame, NULL);
    atomic_init(&p->parts, 0);
    atomic_init(&p->stop, false);
    atomic_init(&p->left, 0);
    atomic_init(&p->sleepers, 0);
    atomic_init(&p->caller_sleeps, false);
    atomic_flag_clear(&p->taken);
    for (int i = 0; i < VQRT_MAXPARTS; i++)
        atomic_init(&p->claim[i], 0);
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->work, NULL);
    pthread_cond_init(&p->done, NULL);
}

static bool
start_thread(VqrtPool *p)
{
    Start *s = malloc(sizeof *s);

    if (!s)
        return false;
    *s = (Start){p, p->started + 1};
    if (pthread_create(&p->thread[p->started], NULL, run_thread, s) == 0) {
        p->started++;
        return true;
    }
    free(s);
    return false;
}

VqrtPool *
vqrt_pool_new(unsigned threads)
{
    unsigned cpus = count_cpus(), want = threads ? threads : cpus;
    VqrtPool *p = aligned_alloc(LINE, sizeof *p);

    if (!p)
        return NULL;
    init_shared(p);
    p->started = 0;
    p->spin = cpus > 1;
    want = want > VQRT_MAXPARTS ? VQRT_MAXPARTS : want;
    while (p->started + 1 < want && start_thread(p))
        continue;
    p->threads = p->started + 1;
    if (want == 1 || p->started)
        return p;
    vqrt_pool_free(p);
    return NULL;
}

void
vqrt_pool_free(VqrtPool *p)
{
    if (!p)
        return;
    atomic_store(&p->stop, true);
    pthread_mutex_lock(&p->lock);
    pthread_cond_broadcast(&p->work);
    pthread_mutex_unlock(&p->lock);
    for (unsigned i = 0; i < p->started; i++)
        pthread_join(p->thread[i], NULL);
    pthread_cond_destroy(&p->done);
    pthread_cond_destroy(&p->work);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

unsigned
vqrt_pool_threads(const VqrtPool *p)
{
    return p->threads;
}
