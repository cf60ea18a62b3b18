/*
 * output.h -- files that appear complete or not at all.
 *
 * Each is written to a temporary file beside its place; vq_output_commit
 * syncs, closes and renames them all. Until then, and after any failure,
 * nothing at the wanted paths has changed. What is not a regular file (a pipe,
 * a device, "-" for standard output) is written directly.
 */
#ifndef VQ_OUTPUT_H
#define VQ_OUTPUT_H

#include "ir/base.h"

#include <stdio.h>

typedef struct OutputSet OutputSet;

/* Aborted when the arena ends. */
OutputSet *vq_output_new(Arena *, Diag *);
/* A stream for path, of the set; NULL after a message. */
FILE *vq_output_open(OutputSet *, const char *path);
/* Is what the path means written directly? */
bool vq_output_is_direct(const char *path);
/* Puts all files in their places, or none after a message. */
bool vq_output_commit(OutputSet *);
/* Removes what is there; after a commit it does nothing. */
void vq_output_abort(OutputSet *);

#endif
