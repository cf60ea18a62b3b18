/*
 * pass.h -- graph to graph: what a pass is and how the pipeline runs them.
 *
 * The pipeline is one table, vq_passes in pass.c, read top to bottom. No pass
 * is called from anywhere else. The verifier runs after each.
 */
#ifndef VQ_PASS_H
#define VQ_PASS_H

#include "ir/ir.h"

typedef enum Nonlinear {
    NL_AUTO,  /* per op, by measured error */
    NL_SHIFT, /* our bit-shift arithmetic */
    NL_EXACT, /* rounds the true function */
    NL_IVIT,  /* I-ViT's published arithmetic */
} Nonlinear;

struct Calib;
struct Report;

/* What passes are told besides the graph. Borrowed; read only. */
typedef struct PassContext {
    Diag *diag;
    int level; /* -O */
    Nonlinear nonlinear;
    int pbits;             /* of probabilities: 16 (default) or 8 */
    bool dyadic;           /* requantize by 31-bit dyadic numbers */
    bool require_integer;  /* refuse what would be kept in float */
    struct Calib *calib;   /* ranges; needed from `quantize` on */
    struct Report *report; /* may be NULL: where layers' figures are noted */
} PassContext;

typedef bool PassFn(Graph *, const PassContext *);

typedef struct Pass {
    const char *name;
    PassFn *run;
    unsigned needs; /* facts that must hold before */
    unsigned makes; /* facts that hold after */
    int level;      /* runs at -O level and above */
    const char *help;
} Pass;

extern const Pass vq_passes[];
extern const unsigned vq_npasses;

typedef struct PassOptions {
    const char *stop_after;  /* NULL: run all */
    const char *only;        /* run just this one */
    const char *print_after; /* a name, or "*" */
    FILE *print_to;
    const char *dump_dir; /* NN-name.vir after every pass */
    long bisect_limit;    /* -1: all; N: only the first N optional passes */
    bool time;            /* a table of times on print_to at the end */
    /* Called before each pass; may be NULL. Progress of the driver. */
    void (*on_pass)(void *user, const char *name);
    void *user;
} PassOptions;

/* Runs the pipeline from the first pass whose `makes` does not yet hold, so a
 * graph read from a dumped .vir goes on where it was. */
bool vq_run_passes(Graph *, const PassContext *, const PassOptions *,
                   unsigned from, unsigned to);
/* Index of a pass in vq_passes, or -1. */
int vq_find_pass(const char *name);

#endif
