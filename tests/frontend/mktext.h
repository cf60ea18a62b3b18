/*
 * mktext.h -- parts of small ONNX models from text: attributes as
 * `axes=[0,1] keepdims=0 alpha=0.5f mode='dcr'`, constants as
 * `s:f[]=0.5 z:u8[2]=1,2 shape:i[1]=4`.
 */
#ifndef VQ_TESTS_MKTEXT_H
#define VQ_TESTS_MKTEXT_H

#include "tests/frontend/mkonnx.h"

/* Gives every piece between marks to `add`, which may write into it. */
void make_each(Make *, const char *text, const char *mark,
               void (*add)(Make *, char *));
/* One attribute of the node made last. */
void make_attr_text(Make *, char *);
/* One initializer. */
void make_const_text(Make *, char *);

/* The model is refused, for that among others; ends it. */
void make_refused(Make *, const char *why);

#endif
