/*
 * two_models.c -- two compiled models in one program, on every level that this
 * CPU has, in four threads at once: all runs must give the same bits.
 *
 * two_models [MOST_LEVEL]  prints the best level and a sum of the results.
 */
#include "alpha.h"
#include "beta.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { THREADS = 4 };

static float image[ALPHA_IN_COUNT];
static float want[2][ALPHA_OUT_COUNT];

typedef struct Job {
    int level;
    int failed;
} Job;

static void *
get_work(void)
{
    void *p = aligned_alloc(ALPHA_WORK_ALIGN,
                            (ALPHA_WORK_BYTES + ALPHA_WORK_ALIGN - 1) /
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
           strcmp(m.name, "alpha") != 0 || strcmp(m.level[0], "base") != 0 ||
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
             beta_run_level(0, image, want[1], work) || check_errors(work);
    for (int i = 0; i <= alpha_best_level() && i <= most; i++)
        if (alpha_run_level(i, image, want[0], work) == VQRT_OK)
            failed |= run_threads(i);
    for (int i = 0; i < ALPHA_OUT_COUNT; i++)
        sum += want[0][i] * (i + 1) - want[1][i];
    printf("%s %.9g\n", m.level[alpha_best_level()], sum);
    free(work);
    return failed;
}
