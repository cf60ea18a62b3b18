/*
 * report.h -- what passes decided and why, for people.
 */
#ifndef VQ_REPORT_H
#define VQ_REPORT_H

#include "ir/base.h"

/* How one nonlinear op was filled. SQNR in dB of the op's output on the first
 * calibration image, against the float op; NAN: not measured. */
typedef struct FormNote {
    const char *value; /* the value that the op makes */
    const char *op;    /* "gelu" */
    const char *form;  /* "shift", "exact", "ivit" */
    const char *why;
    double sqnr_shift, sqnr_exact;
    struct FormNote *next;
} FormNote;

/* Of a model that was quantized already: scales of activations, and output
 * channels of linear layers. */
typedef struct GivenNote {
    unsigned kept, loosened; /* loosened: more codes than 8 bits hold */
    int64_t channels, exact; /* exact: on the grid that the model had */
} GivenNote;

/* An op of the fused float graph that is kept in float. */
typedef struct FloatNote {
    const char *value; /* the value that the op makes */
    const char *op;    /* "div" */
    const char *why;
    Loc loc; /* borrowed */
    struct FloatNote *next;
} FloatNote;

typedef struct Report {
    Arena *arena;
    FloatNote *kept, *last_kept;
    FormNote *form, *last;
    GivenNote given;
} Report;

/* Copies the note's strings; a NULL report is fine. */
void vq_report_form(Report *, FormNote);
void vq_report_float(Report *, FloatNote);
void vq_report_given(Report *, unsigned kept, unsigned loosened);
void vq_report_weights(Report *, int64_t channels, int64_t exact);

#endif
