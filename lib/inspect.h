/*
 * inspect.h -- what vitqc_inspect finds, for the text and the JSON of it.
 */
#ifndef VQ_INSPECT_H
#define VQ_INSPECT_H

#include "lib/problems.h"
#include "lib/session.h"
#include "lib/structure.h"

typedef struct Inspect {
    Vitqc *v;
    const VitqcOptions *asked;
    const char *path;
    Arena arena; /* outlives the session's failures */
    ImportNotes notes;
    Problems errors;    /* the model is refused */
    Problems in_float;  /* it compiles, with these ops as they are */
    const Graph *read;  /* as imported; NULL: that failed */
    const Graph *fused; /* what calibration runs on; NULL */
    Structure *structure;
    const Graph *planned; /* NULL: it does not compile */
    int64_t object_bytes; /* about; 0: not known */
} Inspect;

void vq_inspect_print(Inspect *, FILE *);
void vq_inspect_json(Inspect *, FILE *);

#endif
