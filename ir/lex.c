/*
 * lex.c -- cutting a graph's text into tokens (grammar in IR.md).
 */
#include "ir/lex.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static int
peek(const Lex *l)
{
    return l->at < l->end ? (unsigned char)*l->at : -1;
}

static bool
is_digit(int c)
{
    return c >= '0' && c <= '9';
}

static bool
is_word_char(int c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           is_digit(c) || c == '.';
}

static void
skip_blanks(Lex *l)
{
    for (; l->at < l->end; l->at++) {
        if (*l->at == '#')
            while (l->at + 1 < l->end && l->at[1] != '\n')
                l->at++;
        else if (*l->at == '\n')
            l->line = l->at + 1, l->lineno++;
        else if (*l->at != ' ' && *l->at != '\t' && *l->at != '\r')
            return;
    }
}

static char *
copy(const Lex *l, const char *from, size_t n)
{
    char *s = vq_alloc(l->arena, n + 1);

    memcpy(s, from, n);
    return s;
}

static const char *
take_word(Lex *l)
{
    const char *from = l->at;

    while (is_word_char(peek(l)))
        l->at++;
    return copy(l, from, (size_t)(l->at - from));
}

/* Digits, letters, dots and the signs of exponents; checked when read. */
static const char *
take_number(Lex *l)
{
    const char *from = l->at;

    do
        l->at++;
    while (is_word_char(peek(l)) || ((peek(l) == '-' || peek(l) == '+') &&
                                     (l->at[-1] == 'e' || l->at[-1] == 'E')));
    return copy(l, from, (size_t)(l->at - from));
}

static Tok
bad(Lex *l, const char *why)
{
    vq_error(l->diag, l->loc, "%s", why);
    return TK_BAD;
}

static int
hex_digit(int c)
{
    const char *digits = "0123456789abcdef", *p = strchr(digits, c);

    return c > 0 && p ? (int)(p - digits) : -1;
}

/* After a backslash: `"`, `\` or xHH. Returns -1 for anything else. */
static int
take_escape(Lex *l)
{
    int c = peek(l), hi, lo;

    l->at++;
    if (c == '"' || c == '\\')
        return c;
    if (c != 'x' || l->end - l->at < 2)
        return -1;
    hi = hex_digit(l->at[0]);
    lo = hex_digit(l->at[1]);
    l->at += 2;
    return hi < 0 || lo < 0 || hi + lo == 0 ? -1 : hi * 16 + lo;
}

static Tok
take_quoted(Lex *l, Tok tok)
{
    const char *close = ++l->at;
    char *s, *p;

    while (close < l->end && *close != '"')
        close += *close == '\\' ? 2 : 1;
    if (close >= l->end)
        return bad(l, "the quoted name does not end");
    l->text = p = s = vq_alloc(l->arena, (size_t)(close - l->at) + 1);
    while (l->at < close) {
        int c = (unsigned char)*l->at++;

        if (c < ' ' || c == 127)
            return bad(l, "a control character in a name; write it \\xHH");
        if (c == '\\' && (c = take_escape(l)) < 0)
            return bad(l, "only \\\", \\\\ and \\xHH may follow a backslash");
        *p++ = (char)c;
    }
    l->at = close + 1;
    return p > s ? tok : bad(l, "a name cannot be empty");
}

static Tok
take_name(Lex *l, Tok tok)
{
    int c = peek(l);

    if (c == '"')
        return take_quoted(l, tok);
    if (!is_word_char(c) || is_digit(c) || c == '.')
        return bad(l, "a name must follow the sigil");
    l->text = take_word(l);
    return tok;
}

static Tok
take_signed(Lex *l)
{
    if (l->end - l->at > 1 && l->at[0] == '-' && l->at[1] == '>') {
        l->at += 2;
        return TK_ARROW;
    }
    l->text = take_number(l);
    return TK_NUM;
}

static Tok
take(Lex *l)
{
    int c = peek(l);

    if (c < 0)
        return TK_END;
    if (c == '%' || c == '$') {
        l->at++;
        return take_name(l, c == '%' ? TK_VAL : TK_CONST);
    }
    if (c == '"')
        return take_quoted(l, TK_ID);
    if (is_digit(c))
        return take_signed(l);
    if (c == '-' || c == '+')
        return take_signed(l);
    if (l->end - l->at >= 3 && memcmp(l->at, "...", 3) == 0) {
        l->at += 3;
        return TK_DOTS;
    }
    if (is_word_char(c)) {
        l->text = take_word(l);
        return TK_ID;
    }
    l->at++;
    if (c > TK_PUNCT && c < 127)
        return (Tok)c;
    return bad(l, "a character that has no place in a graph's text");
}

void
vq_lex_next(Lex *l)
{
    if (l->tok == TK_BAD)
        return;
    skip_blanks(l);
    l->loc = (Loc){.line = l->lineno, .col = (unsigned)(l->at - l->line) + 1};
    l->text = NULL;
    l->tok = take(l);
}

void
vq_lex_start(Lex *l, Arena *a, Diag *d, const char *text, size_t len)
{
    *l = (Lex){.arena = a,
               .diag = d,
               .at = text,
               .end = text + len,
               .line = text,
               .lineno = 1};
    vq_lex_next(l);
}

/* ---- what the parser asks for ---- */

static const char *
describe(const Lex *l)
{
    if (l->tok == TK_END)
        return "the end of the text";
    if (l->tok == TK_DOTS)
        return "'...'";
    if (l->tok == TK_ARROW)
        return "'->'";
    if (l->tok > TK_PUNCT)
        return vq_format(l->arena, "'%c'", (int)l->tok);
    return vq_format(l->arena, "'%s%.80s'",
                     l->tok == TK_VAL     ? "%"
                     : l->tok == TK_CONST ? "$"
                                          : "",
                     l->text);
}

bool
vq_lex_unexpected(const Lex *l, const char *what)
{
    if (l->tok == TK_BAD)
        return false;
    return vq_error(l->diag, l->loc, "expected %s, found %s", what,
                    describe(l));
}

bool
vq_lex_accept(Lex *l, int tok)
{
    if ((int)l->tok != tok)
        return false;
    vq_lex_next(l);
    return true;
}

bool
vq_lex_expect(Lex *l, int tok, const char *what)
{
    return vq_lex_accept(l, tok) || vq_lex_unexpected(l, what);
}

bool
vq_lex_is_word(const Lex *l, const char *word)
{
    return l->tok == TK_ID && strcmp(l->text, word) == 0;
}

bool
vq_lex_word(Lex *l, const char *word)
{
    if (!vq_lex_is_word(l, word))
        return vq_lex_unexpected(l, vq_format(l->arena, "'%s'", word));
    vq_lex_next(l);
    return true;
}

bool
vq_lex_int(Lex *l, int64_t lo, int64_t hi, int64_t *value)
{
    char *end;
    long long v;

    if (l->tok != TK_NUM)
        return vq_lex_unexpected(l, "a whole number");
    errno = 0;
    v = strtoll(l->text, &end, 10);
    if (*end)
        return vq_lex_unexpected(l, "a whole number");
    if (errno || v < lo || v > hi)
        return vq_error(l->diag, l->loc, "%.80s is not within %lld..%lld",
                        l->text, (long long)lo, (long long)hi);
    *value = v;
    vq_lex_next(l);
    return true;
}

static bool
is_number(const Lex *l)
{
    return l->tok == TK_NUM || vq_lex_is_word(l, "inf") ||
           vq_lex_is_word(l, "nan");
}

/* strtod and strtof make infinity of what is too large; we do not. */
static bool
end_number(Lex *l, const char *end, bool infinite)
{
    if (*end)
        return vq_lex_unexpected(l, "a number");
    if (infinite && !strpbrk(l->text, "nN"))
        return vq_error(l->diag, l->loc, "%.80s is too large", l->text);
    vq_lex_next(l);
    return true;
}

bool
vq_lex_f64(Lex *l, double *value)
{
    char *end;

    if (!is_number(l))
        return vq_lex_unexpected(l, "a number");
    *value = strtod(l->text, &end);
    return end_number(l, end, isinf(*value));
}

bool
vq_lex_f32(Lex *l, float *value)
{
    char *end;

    if (!is_number(l))
        return vq_lex_unexpected(l, "a number");
    *value = strtof(l->text, &end);
    return end_number(l, end, isinf(*value));
}

/* Digits at the cursor; 0 for none or more than a dimension can be. */
static int64_t
take_dim(Lex *l)
{
    int64_t n = 0;

    for (; is_digit(peek(l)); l->at++)
        if (n < INT64_C(1) << 50)
            n = n * 10 + (peek(l) - '0');
    return n < INT64_C(1) << 50 ? n : 0;
}

bool
vq_lex_dims(Lex *l, int *rank, int64_t *dim)
{
    if (l->tok != '[')
        return vq_lex_unexpected(l, "'[' and the dimensions");
    for (*rank = 0; peek(l) != ']'; ++*rank) {
        if (*rank && peek(l) == 'x')
            l->at++;
        else if (*rank)
            return vq_error(l->diag, l->loc,
                            "expected 'x' or ']' between "
                            "dimensions, as in [2x3]");
        if (*rank == MAXRANK)
            return vq_error(l->diag, l->loc, "more than %d dimensions",
                            MAXRANK);
        dim[*rank] = take_dim(l);
        if (dim[*rank] < 1)
            return vq_error(l->diag, l->loc,
                            "dimension %d is not a number "
                            "from 1 to 2^50",
                            *rank);
    }
    l->at++;
    vq_lex_next(l);
    return true;
}
