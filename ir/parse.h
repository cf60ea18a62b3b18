/*
 * parse.h -- what the files of the parser share.
 */
#ifndef VQ_PARSE_H
#define VQ_PARSE_H

#include "ir/lex.h"
#include "ir/names.h"
#include "ir/text.h"

/* A name that is taken, and where. */
typedef struct Symbol {
    ValId id;
    Loc loc;
} Symbol;

typedef struct Parser {
    Lex lex;
    Arena *arena;
    Diag *diag;
    Graph *g;
    const char *blob; /* borrowed; constants point into it */
    size_t bloblen;
    size_t splat;  /* bytes that splats have asked for */
    Names *symbol; /* of Symbol */
} Parser;

/* The value named by the current TK_VAL or TK_CONST; 0 after a report. */
ValId vq_parse_use(Parser *);
/* The current name is new: takes it, its place in *loc; NULL after a report.*/
const char *vq_parse_def(Parser *, Tok sigil, Loc *loc);
/* Enters a value under the name that vq_parse_def returned. */
void vq_parse_bind(Parser *, const char *name, ValId, Loc);

bool vq_parse_type(Parser *, Type *);
/* What follows `const`. */
bool vq_parse_const(Parser *);
/* An op, from its value's name on. */
bool vq_parse_op(Parser *);
/* `at 64`, if there. */
bool vq_parse_slot(Parser *, int64_t *slot);

#endif
