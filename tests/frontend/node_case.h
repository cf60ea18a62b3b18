/*
 * node_case.h -- one operator test of the ONNX project, in one of its forms.
 */
#ifndef VQ_TESTS_NODE_CASE_H
#define VQ_TESTS_NODE_CASE_H

#include "frontend/import.h"

enum { MAXIO = 16, NMODES = 3 };

typedef enum Outcome { PASSED, REFUSED, WRONG, NOTHING } Outcome;

/* One model with its data. */
typedef struct Case {
    Arena *arena;
    Diag *diag;
    Onnx__ModelProto *model;
    Onnx__TensorProto *in[MAXIO], *out[MAXIO];
    size_t nin, nout;
    char first[160]; /* message */
} Case;

/* For the Diag of a case, which is its user: keeps the first error. */
void case_message(void *, Severity, const char *file, Loc, const char *text);
/* The model and its data as they lie in the folder; false: not all of it. */
bool case_load(Case *, const char *dir);
/* What becomes of it with all float inputs as inputs (mode 0), the first of
 * them (1) or none (2). NOTHING: that is no model of its own. */
Outcome case_run(Case *, const char *dir, int mode);

#endif
