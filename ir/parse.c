/*
 * parse.c -- a graph from its text (grammar in IR.md): names, the head and
 * the graph. Stops at the first error.
 */
#include "ir/parse.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* ---- names ---- */

static const Symbol *
find_symbol(const Parser *p, const char *name)
{
    void **at = vq_names_find(p->symbol, name);

    return at ? *at : NULL;
}

void
vq_parse_bind(Parser *p, const char *name, ValId id, Loc loc)
{
    Symbol *s = NEW(p->arena, Symbol);
    bool found;

    *s = (Symbol){id, loc};
    *vq_names_at(p->symbol, name, &found) = s;
}

static ValId
look_up(const Parser *p, Tok sigil, const char *name, Loc loc)
{
    const Symbol *s = find_symbol(p, name);
    ValId id = s ? s->id : 0;

    if (!s)
        return vq_error(p->diag, loc, "'%.80s' is not defined", name);
    if (vq_is_const(p->g, id) != (sigil == TK_CONST))
        return vq_error(p->diag, loc, "'%.80s' is %s; write %s", name,
                        sigil == TK_CONST ? "not a constant" : "a constant",
                        vq_val_text(p->arena, p->g, id));
    return id;
}

ValId
vq_parse_use(Parser *p)
{
    Lex l = p->lex;

    if (l.tok != TK_VAL && l.tok != TK_CONST)
        return vq_lex_unexpected(&p->lex, "a value");
    vq_lex_next(&p->lex);
    return look_up(p, l.tok, l.text, l.loc);
}

const char *
vq_parse_def(Parser *p, Tok sigil, Loc *loc)
{
    const char *name = p->lex.text;
    const Symbol *old;

    *loc = p->lex.loc;
    if (!vq_lex_accept(&p->lex, (int)sigil)) {
        vq_lex_unexpected(&p->lex, sigil == TK_VAL ? "a value" : "a constant");
        return NULL;
    }
    old = find_symbol(p, name);
    if (!old)
        return name;
    vq_error(p->diag, *loc, "'%.80s' is defined twice", name);
    vq_note(p->diag, old->loc, "first defined here");
    return NULL;
}

bool
vq_parse_slot(Parser *p, int64_t *slot)
{
    *slot = -1;
    if (!vq_lex_is_word(&p->lex, "at"))
        return true;
    vq_lex_next(&p->lex);
    return vq_lex_int(&p->lex, 0, VQ_MAX_BYTES, slot);
}

/* ---- the head ---- */

static bool
parse_facts(Parser *p)
{
    Lex *l = &p->lex;

    if (!vq_lex_word(l, "facts"))
        return false;
    while (l->tok == TK_ID && !vq_lex_is_word(l, "work") &&
           !vq_lex_is_word(l, "chunks") && !vq_lex_is_word(l, "const") &&
           !vq_lex_is_word(l, "graph")) {
        int i = 0;

        while (i < NFACT && strcmp(vq_fact[i].text, l->text) != 0)
            i++;
        if (i == NFACT)
            return vq_error(p->diag, l->loc, "no fact is called '%.80s'",
                            l->text);
        p->g->facts |= vq_fact[i].bit;
        vq_lex_next(l);
    }
    return true;
}

/* A word with a number, or nothing. */
static bool
parse_count(Parser *p, const char *word, int64_t least, int64_t *n)
{
    if (!vq_lex_is_word(&p->lex, word))
        return true;
    vq_lex_next(&p->lex);
    return vq_lex_int(&p->lex, least, VQ_MAX_BYTES, n);
}

static bool
parse_head(Parser *p)
{
    int64_t version;
    Loc loc;

    if (!vq_lex_word(&p->lex, "vir"))
        return false;
    loc = p->lex.loc;
    if (!vq_lex_int(&p->lex, 0, INT32_MAX, &version))
        return false;
    if (version != VQ_TEXT_VERSION)
        return vq_error(p->diag, loc,
                        "version %d of the text is not known, only %d",
                        (int)version, VQ_TEXT_VERSION);
    if (!parse_facts(p))
        return false;
    return parse_count(p, "work", 0, &p->g->worksize) &&
           parse_count(p, "chunks", 1, &p->g->chunks);
}

/* ---- the graph ---- */

static bool
parse_input(Parser *p)
{
    const char *name;
    Loc loc;
    Type type;
    ValId id;
    int64_t slot;

    if (!(name = vq_parse_def(p, TK_VAL, &loc)) ||
        !vq_lex_expect(&p->lex, ':', "':' and a type") ||
        !vq_parse_type(p, &type) || !vq_parse_slot(p, &slot))
        return false;
    id = vq_input(p->g, name, type);
    p->g->val[id].slot = slot;
    vq_parse_bind(p, name, id, loc);
    return true;
}

static bool
parse_inputs(Parser *p)
{
    if (!vq_lex_expect(&p->lex, '(', "'(' and the inputs"))
        return false;
    if (vq_lex_accept(&p->lex, ')'))
        return true;
    do
        if (!parse_input(p))
            return false;
    while (vq_lex_accept(&p->lex, ','));
    return vq_lex_expect(&p->lex, ')', "',' or ')'");
}

/* An output is named before it is made. */
typedef struct Result {
    struct Result *next;
    Tok sigil;
    const char *name;
    Loc loc;
} Result;

static bool
parse_results(Parser *p, Result **list)
{
    Lex *l = &p->lex;

    if (!vq_lex_expect(l, TK_ARROW, "'->' and the outputs") ||
        !vq_lex_expect(l, '(', "'('"))
        return false;
    do {
        if (l->tok != TK_VAL && l->tok != TK_CONST)
            return vq_lex_unexpected(l, "a value");
        *list = NEW(p->arena, Result);
        **list = (Result){NULL, l->tok, l->text, l->loc};
        list = &(*list)->next;
        vq_lex_next(l);
    } while (vq_lex_accept(l, ','));
    return vq_lex_expect(l, ')', "',' or ')'");
}

static bool
parse_graph(Parser *p)
{
    Lex *l = &p->lex;
    Result *results = NULL;
    ValId id;

    if (!vq_lex_word(l, "graph"))
        return false;
    if (l->tok != TK_ID)
        return vq_lex_unexpected(l, "the graph's name");
    p->g->name = l->text;
    vq_lex_next(l);
    if (!parse_inputs(p) || !parse_results(p, &results) ||
        !vq_lex_expect(l, '{', "'{' and the ops"))
        return false;
    while (!vq_lex_accept(l, '}'))
        if (!vq_parse_op(p))
            return false;
    for (; results; results = results->next) {
        id = look_up(p, results->sigil, results->name, results->loc);
        if (!id)
            return false;
        vq_output(p->g, id);
    }
    return vq_lex_expect(l, TK_END, "nothing after the graph");
}

static bool
parse_file(Parser *p)
{
    if (!parse_head(p))
        return false;
    while (vq_lex_is_word(&p->lex, "const")) {
        vq_lex_next(&p->lex);
        if (!vq_parse_const(p))
            return false;
    }
    return parse_graph(p);
}

Graph *
vq_parse(Arena *a, Diag *d, const char *text, size_t len, const void *blob,
         size_t bloblen)
{
    Parser p = {.arena = a, .diag = d, .blob = blob, .bloblen = bloblen};

    p.g = vq_graph_new(a, "");
    p.symbol = vq_names_new(p.arena);
    vq_lex_start(&p.lex, a, d, text, len);
    return parse_file(&p) && vq_verify(p.g, d, NULL) ? p.g : NULL;
}

/* ---- files ---- */

static bool
read_file(Arena *a, Diag *d, const char *path, uint8_t **bytes, size_t *len)
{
    struct stat st;

    if (stat(path, &st) == 0)
        vq_memory_grow(a->memory, (uint64_t)st.st_size);
    return vq_file_read(a, d, path, VQ_MAX_BYTES, bytes, len);
}

static bool
is_there(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 || errno != ENOENT;
}

Graph *
vq_parse_file(Arena *a, Diag *d, const char *path)
{
    const char *file = d->file;
    const char *beside = vq_format(a, "%s.bin", path);
    uint8_t *text, *blob = NULL;
    size_t len, bloblen = 0;
    Graph *g;

    if (!read_file(a, d, path, &text, &len) ||
        (is_there(beside) && !read_file(a, d, beside, &blob, &bloblen)))
        return NULL;
    d->file = path;
    g = vq_parse(a, d, (char *)text, len, blob, bloblen);
    d->file = file;
    return g;
}
