/*
 * text.h -- how the parts of a graph are spelled, for the printer, the parser
 * and messages.
 */
#ifndef VQ_TEXT_H
#define VQ_TEXT_H

#include "ir/ir.h"

/* Results of these live in the arena. */

/* A name as text has it: plain when it is an ID, else in quotes. */
const char *vq_name_text(Arena *, const char *name);
/* %name or $name; _ for no value. */
const char *vq_val_text(Arena *, const Graph *, ValId);
/* `u8<0.0123, zero=131>[197x192]`. */
const char *vq_type_text(Arena *, const Graph *, const Type *);
/* The shortest text that reads back as the same number. */
const char *vq_f32_text(Arena *, float);
const char *vq_f64_text(Arena *, double);

/* What an attribute holds: the third column of attrs.def. */
typedef enum AttrForm { AF_i, AF_is, AF_f, AF_fn } AttrForm;

/* Whether an attribute of this form is a list, in brackets. */
static inline bool
vq_is_list(AttrForm f)
{
    return f == AF_is || f == AF_fn;
}
extern const AttrForm vq_attr_form[NATTR];

typedef struct FactInfo {
    unsigned bit;
    const char *text;
} FactInfo;

enum { NFACT = 5 };
extern const FactInfo vq_fact[NFACT];

/* Of the text; another number means another grammar. */
enum { VQ_TEXT_VERSION = 1 };
/* Constants with more elements than this are not written in braces. */
enum { VQ_BRACE_COUNT = 16 };
/* Larger constants may not be `splat`: a short text must not ask for much. */
#define VQ_SPLAT_BYTES (INT64_C(1) << 28)

static inline bool
vq_is_quantized(const Type *t)
{
    return t->q.scales != 0 || t->q.scale != 0;
}

/* No value may need more bytes; keeps every product of sizes in 64 bits. */
#define VQ_MAX_BYTES (INT64_C(1) << 40)
/* Rank and dimensions are sane and the bytes within VQ_MAX_BYTES. */
bool vq_type_fits(const Type *);

#endif
