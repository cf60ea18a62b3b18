/*
 * golden.h -- what the head of a golden file asks for.
 *
 * A golden file is a graph's text, a line `---`, and what must come out. In
 * front stand comments `# KEY: VALUE`; other comments are for the reader.
 *
 *   run      passes, in order; without it the graph is parsed and printed
 *   eval     `seeds N, off by TOL`: how often both graphs are run on random
 *            inputs, and how far outputs may differ (0: not in a bit)
 *   exit     the status of a file that must fail; its messages come out
 *   calib    `random N`, or ranges `NAME=LO..HI, ..`
 *   options  of the passes: `level=N nonlinear=auto|shift|exact|ivit
 *            pbits=N dyadic=0|1 require_integer=0|1`
 */
#ifndef VQ_GOLDEN_H
#define VQ_GOLDEN_H

#include "ir/ir.h"

enum { MAXRUN = 16 };

typedef struct Golden {
    const char *text; /* of the graph, head included */
    size_t len;
    char *run[MAXRUN];
    int nrun;
    int seeds; /* 0: not evaluated */
    double tolerance;
    const char *calib, *options; /* NULL: none */
} Golden;

/* head.c: reads a file's head; exits with a message when it is wrong. */
Golden golden_read(Arena *, const char *path);
_Noreturn void golden_die(const char *fmt, ...)
    __attribute__((format(printf, 1, 2)));

/* compare.c: runs both on random inputs; false after reporting a difference
 * on stderr. */
bool golden_compare(const Graph *before, const Graph *after, const Golden *);

/* passes.c: runs g->run on the graph. */
bool golden_run(Graph *, Diag *, const Golden *);

#endif
