/*
 * bench.h -- what the files of vitqc_object_bench share: times of one level,
 * by round, before they become a result.
 */
#ifndef VQ_BENCH_H
#define VQ_BENCH_H

#include "lib/object.h"
#include "lib/peak.h"

/* Seconds, by round; `mark` by round and step. */
typedef struct LevelRun {
    int index; /* of the object's levels */
    const PeakProbe *probe;
    double *call, *profiled, *mark;
    double *peak, *share; /* multiply-adds a second; of the peak */
    double *cpu;          /* share of a call in which its thread had a CPU */
} LevelRun;

typedef struct BenchRun {
    Vitqc *v;
    Arena *arena; /* of the result */
    const VqrtModel *model;
    Runner runner;
    VitqcBench ask;
    VqrtStep *step; /* model->nstep */
    int64_t macs;   /* of a call */
    LevelRun *level;
    size_t nlevel;
} BenchRun;

/* The median of x; sorts it. */
double vq_median(double *x, int64_t n);
/* bench_steps.c: fills the steps of a result from `mark`. */
void vq_bench_steps(const BenchRun *, const LevelRun *, VitqcLevelTime *);

#endif
