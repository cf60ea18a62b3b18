/*
 * lex.h -- the tokens of a graph's text.
 *
 * One token is looked at at a time. The text need not end in a zero byte and
 * may hold anything; no function here reads past its end.
 */
#ifndef VQ_LEX_H
#define VQ_LEX_H

#include "ir/ir.h"

typedef enum Tok {
    TK_END,
    TK_BAD, /* already reported */
    TK_ID,
    TK_NUM,
    TK_VAL,        /* %name */
    TK_CONST,      /* $name */
    TK_DOTS,       /* ... */
    TK_ARROW,      /* -> */
    TK_PUNCT = 32, /* and above: that character */
} Tok;

typedef struct Lex {
    Arena *arena;
    Diag *diag;
    const char *at, *end; /* what follows the current token */
    const char *line;     /* start of the line `at` is in */
    unsigned lineno;
    Tok tok;
    const char *text; /* of TK_ID, TK_NUM, and names without their sigil */
    Loc loc;          /* where the token starts */
} Lex;

void vq_lex_start(Lex *, Arena *, Diag *, const char *text, size_t len);
void vq_lex_next(Lex *);

/* Reports what was found where `what` belongs; returns false. */
bool vq_lex_unexpected(const Lex *, const char *what);
/* The current token if it is `tok`, else false without a report. */
bool vq_lex_accept(Lex *, int tok);
bool vq_lex_expect(Lex *, int tok, const char *what);
bool vq_lex_is_word(const Lex *, const char *word);
bool vq_lex_word(Lex *, const char *word);
/* A whole number within lo..hi. */
bool vq_lex_int(Lex *, int64_t lo, int64_t hi, int64_t *value);
bool vq_lex_f64(Lex *, double *value);
bool vq_lex_f32(Lex *, float *value);
/* At `[`: `[2x3]`, at most MAXRANK dimensions of at least 1. */
bool vq_lex_dims(Lex *, int *rank, int64_t *dim);

#endif
