/*
 * races.c -- a model in parts, a thread for each part of each step, for a tool
 * that finds data races: it follows the start and the end of threads, which no
 * pool does for it.
 *
 * races MOST_LEVEL
 */
#include "alpha.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PARTS = 3 };

typedef struct Part {
    VqrtTask *task;
    const void *frame;
    uint32_t part, parts;
} Part;

static void *
run_part(void *arg)
{
    Part *p = arg;

    p->task(p->frame, p->part, p->parts);
    return NULL;
}

static void
run_threads(void *unused, VqrtTask *task, const void *frame, uint32_t parts)
{
    pthread_t thread[PARTS];
    Part part[PARTS];

    (void)unused;
    for (uint32_t i = 0; i < parts; i++) {
        part[i] = (Part){task, frame, i, parts};
        if (pthread_create(&thread[i], NULL, run_part, &part[i]) != 0)
            abort();
    }
    for (uint32_t i = 0; i < parts; i++)
        pthread_join(thread[i], NULL);
}

int
main(int argc, char **argv)
{
    static float image[ALPHA_IN_COUNT], want[ALPHA_OUT_COUNT],
        got[ALPHA_OUT_COUNT];
    VqrtContext context = {.parallel_for = run_threads, .parts = PARTS};
    void *work = aligned_alloc(
        ALPHA_WORK_ALIGN, ALPHA_WORK_BYTES + (PARTS - 1) * ALPHA_PART_BYTES);
    int most = argc > 1 ? atoi(argv[1]) : 0, failed = !work;

    for (int i = 0; i < ALPHA_IN_COUNT; i++)
        image[i] = (float)(i * 37 % 101) / 25 - 2;
    for (int i = 0; i <= most && i <= alpha_best_level() && !failed; i++)
        failed = alpha_run_level(i, image, want, work) ||
                 alpha_run_with(i, image, got, work, &context) ||
                 memcmp(got, want, sizeof got) != 0;
    free(work);
    return failed;
}
