/*
 * session.h -- inside the library: what a Vitqc holds, and how its calls end.
 */
#ifndef VQ_SESSION_H
#define VQ_SESSION_H

#include "frontend/frontend.h"
#include "include/vitqc/vitqc.h"
#include "ir/ir.h"
#include "ir/quant.h"
#include "lib/output.h"
#include "passes/calib.h"
#include "passes/pass.h"

struct Dataset;

struct Vitqc {
    Arena arena, tmp; /* the session's; and what one call needs */
    Memory memory;    /* of both */
    jmp_buf jump;     /* where memory that runs out goes */
    Diag diag;
    VitqcOptions opt; /* strings in arena */
    VitqcStatus fail; /* says more than diag.fault; VITQC_OK: it does not */
    bool noted;       /* the default mean was mentioned */
    bool broken;      /* a call failed half-way: only vitqc_free is left */
    const char *path; /* of the model */
    const char *name; /* the C prefix */
    Graph *g;         /* at whatever stage; NULL before reading */
    Graph *real;      /* the fused float graph; NULL before calibration */
    Calib *calib;
    struct Report *report;
    const char *calibkey; /* what `calib` belongs to */
    PassContext ctx;
    const char *optreport; /* of the code made last; NULL: none was made */
};

/* Work behind an entry point: false after a message. */
typedef bool Work(Vitqc *, void *arg);

/* Runs fn with the out-of-memory jump set and says how it ended; then v->tmp
 * ends, with all that it owns. */
VitqcStatus vq_guard(Vitqc *, Work *fn, void *arg);

/* Reports that a call cannot be made so; returns false. */
bool vq_usage(Vitqc *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

void vq_progress(Vitqc *, const char *what, int64_t done, int64_t total);

bool vq_ends_in(const char *, const char *end);
/* Behind its last slash. */
const char *vq_base_name(const char *path);

/* From a public struct, or to one, whose caller was built with another version:
 * as much as both sides know. */
void vq_copy_known(void *to, size_t room, const void *from, size_t size);

/* May it begin the names of C symbols? */
bool vq_prefix_valid(const char *);

/* ---- compile.c ---- */

/* As read_file, told what the file says of itself; false after a message. */
bool vq_read_model(Vitqc *, const char *path, ImportNotes *,
                   unsigned max_errors);
/* Another graph of the same values; constants are shared. */
Graph *vq_copy_graph(Arena *, const Graph *);
bool vq_run_float_passes(Vitqc *, Graph *);
/* The same of the session's graph, once. Sets v->real. */
bool vq_prepare(Vitqc *);

/* ---- emit.c ---- */

/* Machine code (or its text) of the planned graph into f. */
bool vq_emit_code(Vitqc *, VitqcFileKind, FILE *f);

/* ---- report_json.c ---- */

void vq_emit_report(Vitqc *, FILE *f);

/* ---- measure.c ---- */

/* Multiply-adds of an op, and of all. */
int64_t vq_macs(const Graph *, const Op *);
int64_t vq_total_macs(const Graph *);
/* Constants of a graph: numbers and bytes. */
void vq_count_constants(const Graph *, int64_t *n, int64_t *bytes);
/* A value's bytes as numbers: scale * (code - zero) where it is quantized. */
void vq_real_values(const Graph *, ValId, const void *data, double *out);
/* The value of that name, 0: none. */
ValId vq_find_value(const Graph *, const char *name);

/* Sums of squares, for vq_decibel: of what is wanted, and of how far off it
 * is. */
typedef struct Closeness {
    double signal, noise;
} Closeness;

void vq_closeness_add(Closeness *, double want, double got);
/* A value of the graph against real numbers; memory of the arena's is given
 * back. */
void vq_closeness_add_value(Closeness *, Arena *, const Graph *, ValId,
                            const void *data, const float *want);

/* ---- images.c ---- */

/* Images as a model takes them, a batch at a time. */
typedef struct Feed {
    struct Dataset *data;
    int64_t first, count; /* images of `data` that are used */
    int64_t batch;        /* images of one input */
    int64_t each;         /* f32 elements of an image */
    const char *key;      /* equal for equal preprocessing */
} Feed;

/* For inputs of the given shape, the batch first; NULL after a message. In the
 * session's tmp arena. */
Feed *vq_feed_open(Vitqc *, const VitqcImages *, int rank, const int64_t *dim);
/* A batch from image `at` on into `out`, the whole input. Past the end it
 * begins again, so that the last batch is full. */
bool vq_feed_read(Vitqc *, const Feed *, int64_t at, float *out);
const char *vq_feed_name(const Feed *, int64_t at);

/* ---- quantized.c ---- */

/* Nothing for a graph that is not of a quantized model. */
void vq_describe_quantized(const Graph *, FILE *);

/* ---- labels.c ---- */

/* The classes of a feed's images; NULL after a message. */
int64_t *vq_labels_read(Vitqc *, const Feed *, const char *path);

#endif
