/*
 * span.h -- names of repeated layers, many as one: "blocks.0..11.fc1".
 */
#ifndef VQ_SPAN_H
#define VQ_SPAN_H

#include "ir/base.h"

/* The name with '#' for every number: equal for layers of one pattern. */
char *vq_span_key(Arena *, const char *name);
/* One name for n >= 1 of a pattern: numbers that differ become FIRST..LAST,
 * the least and the greatest. */
char *vq_span_name(Arena *, const char *const *name, size_t n);

#endif
