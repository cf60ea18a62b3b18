/*
 * clock.c -- the system's clocks as seconds; they need POSIX and cannot fail.
 */
#include "lib/clock.h"

#include <time.h>

static double
read_clock(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double
vq_clock(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

double
vq_clock_thread(void)
{
    return read_clock(CLOCK_THREAD_CPUTIME_ID);
}
