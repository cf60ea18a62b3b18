/*
 * fuse_function.c -- find functions of one value, however long their chain.
 *
 * Needs nothing, keeps every fact. An expression of elementwise ops over one
 * value x and scalar constants, such as x * sigmoid(1.702 x) or hard swish,
 * becomes one op: of an 8-bit x it is a table. The largest expression wins,
 * that is the x that was computed first. What is affine in x stays, since a
 * scale or a linear layer takes it in, and so does a lone op that is a
 * byte function already. A quotient of two values that is left is a product
 * with a reciprocal, which is such a function.
 */
#include "passes/passes.h"
#include "passes/rule.h"

#include "ir/function.h"

enum { MAXLEAF = 32 };

typedef struct Code {
    const Graph *g;
    ValId x;
    uint32_t n;
    uint32_t depth; /* ops that wait for their operands' codes */
    bool curved;    /* something in it is not affine */
    int64_t word[VQ_FN_WORDS];
} Code;

static bool code_of(Code *, ValId);

static bool
push(Code *c, int64_t word)
{
    if (c->n == VQ_FN_WORDS)
        return false;
    c->word[c->n++] = word;
    return true;
}

/* A code of the operand, put where the inner code says x. */
static bool
inline_code(Code *c, const Op *op)
{
    const Attr *code = vq_attr(op, A_CODE);

    c->curved = true;
    for (uint32_t i = 0; i < code->n; i++)
        if (code->i[i] == FN_X ? !code_of(c, op->in[0]) : !push(c, code->i[i]))
            return false;
    return true;
}

/* clip is a maximum, then a minimum. */
static bool
clip_code(Code *c, const Op *op)
{
    const Attr *lo = vq_attr(op, A_LO), *hi = vq_attr(op, A_HI);

    c->curved = true;
    if (!code_of(c, op->in[0]))
        return false;
    if (lo && !(push(c, vq_fn_const((float)lo->f)) && push(c, FN_MAX)))
        return false;
    return !hi || (push(c, vq_fn_const((float)hi->f)) && push(c, FN_MIN));
}

static bool
is_affine(const Graph *g, const Op *op)
{
    return op->kind == OP_ADD || op->kind == OP_SUB || op->kind == OP_NEG ||
           ((op->kind == OP_MUL || op->kind == OP_DIV) &&
            vq_is_const(g, op->in[1])) ||
           (op->kind == OP_MUL && vq_is_const(g, op->in[0]));
}

static bool
op_code(Code *c, const Op *op)
{
    int word = vq_fn_word(op->kind);

    if (op->kind == OP_FUNCTION)
        return inline_code(c, op);
    if (op->kind == OP_CLIP)
        return clip_code(c, op);
    if (word < 0)
        return false;
    c->curved = c->curved || !is_affine(c->g, op);
    for (uint32_t i = 0; i < op->nin; i++)
        if (!code_of(c, op->in[i]))
            return false;
    return push(c, word);
}

/* Appends the code of v, as a function of c->x; false if it is none. Every op
 * that waits will need a word, so a deeper chain cannot fit. */
static bool
code_of(Code *c, ValId v)
{
    const Op *op = vq_def(c->g, v);
    bool found;
    double k;

    if (v == c->x)
        return push(c, FN_X);
    if (vq_scalar(c->g, v, &k))
        return push(c, vq_fn_const((float)k));
    if (!op || !vq_is_plain(c->g, op) || c->depth == VQ_FN_WORDS)
        return false;
    c->depth++;
    found = op_code(c, op);
    c->depth--;
    return found;
}

static bool
is_elementwise(const Op *op)
{
    return op->kind == OP_FUNCTION || op->kind == OP_CLIP ||
           vq_fn_word(op->kind) >= 0;
}

/* What v is made from by elementwise ops, without v and without repeats. */
static int
collect(const Graph *g, ValId v, ValId *leaf, int n)
{
    const Op *op = vq_def(g, v);

    for (uint32_t i = 0; op && is_elementwise(op) && i < op->nin; i++) {
        ValId x = op->in[i];
        bool seen = vq_is_const(g, x);

        for (int j = 0; j < n; j++)
            seen = seen || leaf[j] == x;
        if (seen || n == MAXLEAF)
            continue;
        leaf[n++] = x;
        n = collect(g, x, leaf, n);
    }
    return n;
}

/* Among the values that are enough to compute op's, the first computed. */
static bool
find_code(const Graph *g, const Op *op, Code *best)
{
    ValId leaf[MAXLEAF];
    int n = collect(g, op->out, leaf, 0);

    best->x = 0;
    for (int i = 0; i < n; i++) {
        Code c = {.g = g, .x = leaf[i]};

        if ((best->x && leaf[i] > best->x) ||
            !vq_same_shape(vq_type(g, leaf[i]), vq_type(g, op->out)) ||
            !code_of(&c, op->out) || !c.curved || vq_fn_fault(c.word, c.n, 1))
            continue;
        *best = c;
    }
    return best->x != 0;
}

/* One op that has a table of its own needs no other name. */
static bool
is_known(const Op *op)
{
    return op->kind == OP_TANH || op->kind == OP_SIGMOID ||
           op->kind == OP_RELU || op->kind == OP_ERF || op->kind == OP_CLIP ||
           op->kind == OP_FUNCTION;
}

static ValId
fuse_function(Match *m, const Op *op)
{
    Build b = vq_build_at(m, op);
    ValId x;
    Attr a;
    Code c;

    if (!is_elementwise(op) || !find_code(m->g, op, &c) ||
        (is_known(op) && c.x == op->in[0]))
        return 0;
    x = vq_fetch(m, c.x);
    a = vq_build_ints(b.g, A_CODE, c.word, c.n);
    return vq_build(&b, OP_FUNCTION, &x, 1, &a, 1, NULL);
}

/* A product with positive constants, one or one a column, is a scale. */
static ValId
name_scale(Match *m, const Op *op)
{
    Build b = vq_build_at(m, op);
    ValId x, k;

    if (!vq_with_const(m->g, op, &x, &k) ||
        !vq_is_cols(m->g, k, vq_type(m->g, x)) ||
        !vq_same_shape(vq_type(m->g, x), vq_type(m->g, op->out)))
        return 0;
    for (int64_t i = 0; i < vq_count(vq_type(m->g, k)); i++)
        if (!(vq_floats(m->g, k)[i] > 0))
            return 0;
    return vq_build(&b, OP_SCALE, (ValId[]){vq_fetch(m, x), vq_fetch(m, k)}, 2,
                    NULL, 0, NULL);
}

/* x / y of two computed values. */
static ValId
name_quotient(Match *m, const Op *op)
{
    Build b = vq_build_at(m, op);
    const char *name = b.name;
    ValId y;

    if (vq_is_const(m->g, op->in[0]) || vq_is_const(m->g, op->in[1]))
        return 0;
    y = vq_fetch(m, op->in[1]);
    b.name = vq_format(b.g->arena, "%s.inverse", name);
    y = vq_build(&b, OP_RECIPROCAL, &y, 1, NULL, 0, NULL);
    b.name = name;
    return vq_build_op(&b, OP_MUL, vq_fetch(m, op->in[0]), y);
}

static const Rule functions[] = {{NOP, fuse_function}};
static const Rule others[] = {{OP_MUL, name_scale}, {OP_DIV, name_quotient}};

bool
vq_fuse_functions(Graph *g, const PassContext *c)
{
    return vq_apply_rules(g, c->diag, functions, COUNT(functions)) &&
           vq_apply_rules(g, c->diag, others, COUNT(others)) &&
           vq_apply_rules(g, c->diag, functions, COUNT(functions));
}
