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

typedef struct Report {
    Arena *arena;
    FormNote *form, *last;
} Report;

/* Copies the note's strings; a NULL report is fine. */
void vq_report_form(Report *, FormNote);

#endif
