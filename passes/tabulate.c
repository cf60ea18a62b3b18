/*
 * tabulate.c -- functions of a value on a grid of at most 256 codes, as tables.
 *
 * Needs nothing, keeps every fact. A quantized model may round between the
 * parts of a gelu or swish. Where all of it depends on one value that was
 * rounded to few codes, it is a table of what the model computes for each of
 * them, roundings included; integer code costs the same whatever is in it.
 * Only what is not affine is tabulated, for fusion finds the rest; and only
 * what is no function of one byte as it is.
 */
#include "passes/grid.h"
#include "passes/passes.h"
#include "passes/storage.h"

#include "ir/function.h"

/* VISITS bounds what a value that is used over and over can cost. */
enum { MAXCODES = 256, DEEPEST = 24, VISITS = 256 };

/* Ops that work on each element by itself, beside those with a word. */
static bool
is_elementwise(OpKind kind)
{
    return vq_fn_word(kind) >= 0 || kind == OP_FAKEQUANT || kind == OP_CLIP ||
           kind == OP_GELU || kind == OP_LOOKUP;
}

static bool
is_curved(OpKind kind)
{
    int word = vq_fn_word(kind);

    return word >= 0 ? vq_fn[word].curved : kind != OP_FAKEQUANT;
}

typedef struct Search {
    const Graph *g;
    const Type *shape;
    ValId source; /* the one value that all depends on; 0: none yet */
    bool curved, rounded;
    int *visits; /* left */
} Search;

static bool
has_few_codes(const Op *op)
{
    return vq_get_f(op, A_HI, 0) - vq_get_f(op, A_LO, 0) < MAXCODES;
}

static bool search(Search *, ValId v, int depth);

/* v is the source, or no other was found before. */
static bool
take_source(Search *s, ValId v)
{
    const Op *op = vq_def_as(s->g, v, OP_FAKEQUANT);

    if (!op || !has_few_codes(op) || (s->source && s->source != v))
        return false;
    s->source = v;
    return true;
}

static bool
search_inputs(Search *s, const Op *op, int depth)
{
    for (uint32_t i = 0; i < op->nin; i++) {
        double k;

        if (op->kind == OP_LOOKUP && i > 0)
            continue;
        if (!vq_scalar(s->g, op->in[i], &k) && !search(s, op->in[i], depth + 1))
            return false;
    }
    return true;
}

/* Whether v is a function of one value with few codes, the furthest up. */
static bool
search(Search *s, ValId v, int depth)
{
    const Op *op = vq_def(s->g, v);
    Search before = *s;

    if (v == s->source)
        return true;
    if (!op || !is_elementwise(op->kind) || depth > DEEPEST ||
        --*s->visits < 0 || !vq_same_shape(vq_type(s->g, v), s->shape))
        return false;
    s->curved = s->curved || is_curved(op->kind);
    s->rounded = s->rounded || op->kind == OP_FAKEQUANT;
    if (search_inputs(s, op, depth) && s->source)
        return true;
    *s = before;
    return take_source(s, v);
}

/* The expression v over the codes' numbers `x` in place of the source. */
static ValId
rebuild(Match *m, const Build *b, const Search *s, ValId v, ValId x)
{
    const Op *op = vq_def(m->g, v);
    ValId in[2];

    if (v == s->source)
        return x;
    if (vq_is_const(m->g, v))
        return vq_fetch(m, v);
    for (uint32_t i = 0; i < op->nin; i++)
        in[i] = rebuild(m, b, s, op->in[i], x);
    return vq_build(b, op->kind, in, op->nin, op->attr, op->nattr, NULL);
}

static ValId
codes_of(const Build *b, const Grid *g)
{
    int64_t n = (int64_t)(g->hi - g->lo) + 1;
    float *x = NEWN(b->g->arena, float, n);

    for (int64_t i = 0; i < n; i++)
        x[i] = (float)g->scale * (float)(g->lo + (double)(i - g->zero));
    return vq_const(b->g, b->name, TYPE(DT_F32, n), x);
}

static ValId
tabulate(Match *m, const Op *op)
{
    int visits = VISITS;
    Search s = {.g = m->g, .shape = vq_type(m->g, op->out), .visits = &visits};
    Build b = vq_build_at(m, op);
    const char *name = b.name;
    ValId in[2];
    Grid g;

    if (!is_elementwise(op->kind) || op->kind == OP_FAKEQUANT ||
        op->kind == OP_LOOKUP || !search(&s, op->out, 0) || !s.curved ||
        !(s.rounded || !vq_storage_use[op->kind].makes))
        return 0;
    g = vq_grid_of(vq_def(m->g, s.source));
    b.name = vq_format(b.g->arena, "%s.values", name);
    in[1] = rebuild(m, &b, &s, op->out, codes_of(&b, &g));
    in[1] =
        vq_build_reshape(&b, in[1], TYPE(DT_F32, (int64_t)(g.hi - g.lo) + 1));
    in[0] = vq_fetch(m, s.source);
    b.name = name;
    return vq_build(&b, OP_LOOKUP, in, 2, vq_def(m->g, s.source)->attr, 4,
                    NULL);
}

static const Rule rules[] = {{NOP, tabulate}};

bool
vq_tabulate(Graph *g, const PassContext *c)
{
    return vq_apply_rules(g, c->diag, rules, COUNT(rules));
}
