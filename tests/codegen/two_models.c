/*
 * two_models.c -- two compiled models in one program, on every level that this
 * CPU has, in four threads at once: all runs must give the same bits.
 *
 * The same in parts, one after the other and the last one first.
 *
 * two_models [MOST_LEVEL]  prints the best level and a sum of the results.
 */
#include "alpha.h"
#include "beta.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef __aarch64__
#define LEAST "neon"
#else
#define LEAST "base"
#endif

enum { THREADS = 4 };

static float image[ALPHA_IN_COUNT];
static float want[2][ALPHA_OUT_COUNT];

typedef struct Job {
    int level;
    int failed;
} Job;

/* For any number of parts. */
enum { WORK_BYTES = ALPHA_WORK_BYTES + (VQRT_MAXPARTS - 1) * ALPHA_PART_BYTES };

static void *
get_work(void)
{
    void *p = aligned_alloc(ALPHA_WORK_ALIGN,
                            (WORK_BYTES + ALPHA_WORK_ALIGN - 1) /
                                ALPHA_WORK_ALIGN * ALPHA_WORK_ALIGN);

    if (!p)
        exit(1);
    return p;
}

static void *
run_job(void *arg)
{
    Job *job = arg;
    float out[ALPHA_OUT_COUNT];
    void *work = get_work();

    for (int i = 0; i < 2; i++) {
        job->failed |= alpha_run_level(job->level, image, out, work);
        job->failed |= memcmp(out, want[0], sizeof out) != 0;
        job->failed |= beta_run_level(job->level, image, out, work);
        job->failed |= memcmp(out, want[1], sizeof out) != 0;
    }
    free(work);
    return NULL;
}

static int
run_threads(int level)
{
    pthread_t t[THREADS];
    Job job[THREADS];
    int failed = 0;

    for (int i = 0; i < THREADS; i++) {
        job[i] = (Job){level, 0};
        if (pthread_create(&t[i], NULL, run_job, &job[i]) != 0)
            return 1;
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(t[i], NULL);
        failed |= job[i].failed;
    }
    return failed;
}

static void
run_backwards(void *pool, VqrtTask *task, const void *frame, uint32_t parts)
{
    *(uint32_t *)pool += parts;
    for (uint32_t i = parts; i-- > 0;)
        task(frame, i, parts);
}

/* Steps must be marked in order. */
static void
count_step(void *user, uint32_t step)
{
    uint32_t *next = user;

    *next = step == *next ? step + 1 : UINT32_MAX / 2;
}

static int
run_parts(int level, uint32_t parts, void *work)
{
    float out[ALPHA_OUT_COUNT];
    uint32_t ran = 0, next = 0;
    VqrtContext c = {.parallel_for = run_backwards,
                     .pool = &ran,
                     .parts = parts,
                     .mark = count_step,
                     .user = &next};
    VqrtModel m;

    alpha_model(&m);
    memset(work, 0xff, WORK_BYTES);
    return alpha_run_with(level, image, out, work, &c) != VQRT_OK ||
           memcmp(out, want[0], sizeof out) != 0 || next != m.nstep ||
           (parts > 1) != (ran > 0);
}

static int
run_all_parts(int level, void *work)
{
    static const uint32_t parts[] = {1, 2, 3, 5, VQRT_MAXPARTS};
    int failed = 0;

    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        failed |= run_parts(level, parts[i], work);
    return failed;
}

/* What a context may not be, and what it may. */
static int
check_contexts(void *work)
{
    float out[ALPHA_OUT_COUNT];
    uint32_t ran = 0;
    VqrtContext none = {.parts = 0}, one = {.parts = 1}, two = {.parts = 2};
    VqrtContext many = {.parallel_for = run_backwards,
                        .pool = &ran,
                        .parts = VQRT_MAXPARTS + 1};
    VqrtContext checked = {.parts = 1, .checked = 1};
    const void *in[1] = {image};
    void *to[1] = {out};
    VqrtModel m;

    alpha_model(&m);
    return alpha_run_with(-1, image, out, work, &none) != VQRT_EPARTS ||
           alpha_run_with(0, image, out, work, &two) != VQRT_EPARTS ||
           alpha_run_with(0, image, out, work, &many) != VQRT_EPARTS ||
           m.run_with(-1, in, to, work, &many) != VQRT_EPARTS || ran != 0 ||
           alpha_run_with(-2, image, out, work, NULL) != VQRT_ELEVEL ||
           alpha_run_with(99, image, out, work, &one) != VQRT_ELEVEL ||
           alpha_run_with(-1, NULL, out, work, &one) != VQRT_ENULL ||
           alpha_run_with(-1, image, out, work, NULL) != VQRT_OK ||
           memcmp(out, want[0], sizeof out) != 0 ||
           alpha_run_with(99, image, out, work, &checked) != VQRT_ELEVEL ||
           m.run_with(-1, in, to, work, &one) != VQRT_OK ||
           memcmp(out, want[0], sizeof out) != 0 ||
           m.run_with(m.best_level(), in, to, work, &checked) != VQRT_OK ||
           memcmp(out, want[0], sizeof out) != 0 ||
           m.part_bytes != ALPHA_PART_BYTES;
}

/* Every step has a name, a kind and a size; some are worth cutting. */
static int
check_steps(void)
{
    int64_t macs = 0;
    int splits = 0, bad = 0;
    VqrtModel m;
    VqrtStep s;

    alpha_model(&m);
    for (uint32_t i = 0; i < m.nstep; i++) {
        memset(&s, 0xff, sizeof s);
        m.step(i, &s);
        bad |= !s.name || !*s.name || s.kind < VQRT_STEP_GEMM ||
               s.kind > VQRT_STEP_EDGE || s.splits > 1 || s.rows < 1 ||
               s.cols < 1 || (s.depth == 0) != (s.macs == 0);
        bad |= s.kind == VQRT_STEP_GEMM && s.macs != s.rows * s.cols * s.depth;
        splits |= s.splits == 1;
        macs += s.macs;
    }
    s.name = NULL;
    m.step(m.nstep, &s);
    return bad || m.nstep == 0 || macs == 0 || !splits || s.name;
}

/* What a careless caller is told. */
static int
check_errors(void *work)
{
    float out[ALPHA_OUT_COUNT];
    const void *in[1] = {image};
    void *to[1] = {out};
    VqrtModel m;

    alpha_model(&m);
    return alpha_run(NULL, out, work) != VQRT_ENULL ||
           alpha_run(image, NULL, work) != VQRT_ENULL ||
           alpha_run(image, out, NULL) != VQRT_ENULL ||
           alpha_run(image, out, (char *)work + 4) != VQRT_EALIGN ||
           alpha_run_level(-1, image, out, work) != VQRT_ELEVEL ||
           alpha_run_level(99, image, out, work) != VQRT_ELEVEL ||
           m.run(NULL, to, work) != VQRT_ENULL ||
           m.run(in, to, work) != VQRT_OK ||
           memcmp(out, want[0], sizeof out) != 0 ||
           m.run_level(99, in, to, work) != VQRT_ELEVEL || m.abi != VQRT_ABI ||
           m.size != sizeof(VqrtModel) || m.work_bytes != ALPHA_WORK_BYTES ||
           strcmp(m.name, "alpha") != 0 || strcmp(m.level[0], LEAST) != 0 ||
           m.in[0].dim[1] * m.in[0].dim[2] * m.in[0].dim[3] != ALPHA_IN_COUNT;
}

int
main(int argc, char **argv)
{
    int most = argc > 1 ? atoi(argv[1]) : 99, failed;
    void *work = get_work();
    double sum = 0;
    VqrtModel m;

    alpha_model(&m);
    for (int i = 0; i < ALPHA_IN_COUNT; i++)
        image[i] = (float)(i * 37 % 101) / 25 - 2;
    failed = alpha_run_level(0, image, want[0], work) ||
             beta_run_level(0, image, want[1], work) || check_errors(work) ||
             check_contexts(work) || check_steps();
    for (int i = 0; i <= alpha_best_level() && i <= most; i++)
        if (alpha_run_level(i, image, want[0], work) == VQRT_OK)
            failed |= run_threads(i) | run_all_parts(i, work);
    for (int i = 0; i < ALPHA_OUT_COUNT; i++)
        sum += want[0][i] * (i + 1) - want[1][i];
    printf("%s %.9g\n", m.level[alpha_best_level()], sum);
    free(work);
    return failed;
}
