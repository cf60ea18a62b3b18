/*
 * ops_einsum.c -- Einsum as transpositions, products and sums.
 *
 * Operands are taken from left to right, two at a time. A label of both is
 * one of the product's batch where it is still needed, and summed over where
 * not: [batch.., M, K] by [batch.., K, N]. The two change places when the
 * result then lies as the equation wants it, so that attention written as
 * Einsum becomes the products that other exporters write.
 */
#include "frontend/import.h"

#include <ctype.h>
#include <string.h>

/* Letters are labels of their own; the axes of an ellipsis are DOTS.. */
enum { DOTS = 128, NLABELS = DOTS + MAXRANK, MAXOPERANDS = 16 };

typedef struct Term {
    Item *x;
    int rank;
    int label[2 * MAXRANK]; /* of each axis */
} Term;

typedef struct Equation {
    Node *n;
    Term in[MAXOPERANDS];
    uint32_t nin;
    int out[2 * MAXRANK], nout;
    int dots; /* the most axes that an ellipsis stands for */
} Equation;

static bool
has(const Term *t, int label)
{
    for (int i = 0; i < t->rank; i++)
        if (t->label[i] == label)
            return true;
    return false;
}

/* ---- parsing ---- */

/* How many letters there are up to the next comma, or the end. */
static const char *
count_letters(const char *s, int *letters, bool *dots)
{
    *letters = 0;
    *dots = false;
    for (; *s && *s != ',' && *s != '-'; s++)
        if (isalpha((unsigned char)*s)) {
            ++*letters;
        } else if (strncmp(s, "...", 3) == 0 && !*dots) {
            *dots = true;
            s += 2;
        } else {
            return NULL;
        }
    return s;
}

static const char *
parse_term(Equation *e, const char *s, Term *t)
{
    int letters, axes, at = 0;
    bool dots;
    const char *end = count_letters(s, &letters, &dots);

    axes = t->x->type.rank - letters;
    if (!end || axes < 0 || (axes > 0 && !dots))
        return NULL;
    for (; s < end; s++) {
        if (*s != '.') {
            t->label[at++] = *s;
            continue;
        }
        for (int i = 0; i < axes; i++) /* aligned at the right */
            t->label[at++] = DOTS + MAXRANK - axes + i;
        s += 2;
        e->dots = axes > e->dots ? axes : e->dots;
    }
    t->rank = at;
    return end;
}

static bool
put_out(Equation *e, int label)
{
    if (e->nout == MAXRANK)
        return false;
    e->out[e->nout++] = label;
    return true;
}

static bool
put_dots(Equation *e)
{
    for (int i = 0; i < e->dots; i++)
        if (!put_out(e, DOTS + MAXRANK - e->dots + i))
            return false;
    return true;
}

/* Without `->`: the ellipsis, then the letters that stand once, in order. */
static bool
implicit_out(Equation *e)
{
    int count[NLABELS] = {0};

    for (uint32_t i = 0; i < e->nin; i++)
        for (int k = 0; k < e->in[i].rank; k++)
            count[e->in[i].label[k]]++;
    if (!put_dots(e))
        return false;
    for (int c = 0; c < DOTS; c++)
        if (count[c] == 1 && !put_out(e, c))
            return false;
    return true;
}

static bool
explicit_out(Equation *e, const char *s)
{
    for (; *s; s++) {
        bool known = false;

        if (strncmp(s, "...", 3) == 0) {
            if (!put_dots(e))
                return false;
            s += 2;
            continue;
        }
        for (uint32_t i = 0; i < e->nin; i++)
            known = known || has(&e->in[i], *s);
        for (int i = 0; i < e->nout; i++)
            known = known && e->out[i] != *s;
        if (!known || !isalpha((unsigned char)*s) || !put_out(e, *s))
            return false;
    }
    return true;
}

static bool
parse(Equation *e, const char *s)
{
    if (e->n->nin > MAXOPERANDS)
        return false;
    for (e->nin = 0; e->nin < e->n->nin; e->nin++) {
        Term *t = &e->in[e->nin];

        if (e->nin && *s++ != ',')
            return false;
        t->x = vq_in(e->n, e->nin);
        if (!t->x || !(s = parse_term(e, s, t)))
            return false;
    }
    if (!*s)
        return implicit_out(e);
    return s[0] == '-' && s[1] == '>' && explicit_out(e, s + 2);
}

/* ---- one operand ---- */

/* Axes by label: the result's axis i has label order[i]. */
static bool
arrange(Node *n, Term *t, const int *order)
{
    int64_t perm[MAXRANK];

    for (int i = 0; i < t->rank; i++)
        for (int k = 0; k < t->rank; k++)
            if (t->label[k] == order[i])
                perm[i] = k;
    t->x = vq_transpose(n, t->x, perm);
    memcpy(t->label, order, (size_t)t->rank * sizeof *order);
    return t->x != NULL;
}

/* A label twice: the diagonal of its two axes, every (d + 1)th element of
 * both as one. */
static bool
take_diagonal(Node *n, Term *t, int i, int k)
{
    int64_t perm[MAXRANK], dim[MAXRANK], d;
    int at = 0, rank = t->rank;

    for (int a = 0; a < rank; a++)
        if (a != i && a != k)
            perm[at++] = a;
    perm[at] = i;
    perm[at + 1] = k;
    t->x = vq_transpose(n, t->x, perm);
    if (!t->x)
        return false;
    d = t->x->type.dim[rank - 1];
    if (t->x->type.dim[rank - 2] != d)
        return vq_node_error(n, "a label stands for axes of two lengths");
    for (int a = 0; a < rank - 2; a++)
        dim[a] = t->x->type.dim[a];
    dim[rank - 2] = d * d;
    t->x = vq_reshape(n, t->x, rank - 1, dim);
    t->x = vq_slice(n, t->x, rank - 2, 0, d + 1, d);
    d = t->label[i];
    for (int a = 0; a < rank - 2; a++)
        t->label[a] = t->label[perm[a]]; /* perm rises: none is overwritten */
    t->label[rank - 2] = (int)d;
    t->rank--;
    return t->x != NULL;
}

static bool
take_diagonals(Node *n, Term *t)
{
    for (int i = 0; i < t->rank; i++)
        for (int k = i + 1; k < t->rank; k++)
            if (t->label[i] == t->label[k]) {
                if (!take_diagonal(n, t, i, k))
                    return false;
                i = -1;
                break;
            }
    return true;
}

/* Sums over the axes whose label is not wanted. */
static bool
sum_others(Node *n, Term *t, const bool *wanted)
{
    unsigned axes = 0;
    int rank = 0;

    for (int i = 0; i < t->rank; i++)
        if (wanted[t->label[i]])
            t->label[rank++] = t->label[i];
        else
            axes |= 1u << i;
    t->x = vq_reduce(n, OP_REDUCE_SUM, t->x, axes, false);
    t->rank = rank;
    return t->x != NULL;
}

/* ---- two operands ---- */

/* The labels of a product, each part in the order of the equation's result,
 * or else of the operand. */
typedef struct Parts {
    int batch[MAXRANK], m[MAXRANK], k[MAXRANK], n[MAXRANK];
    int nbatch, nm, nk, nn;
} Parts;

static void
add_part(const Term *a, const Term *b, const bool *kept, int label, Parts *p)
{
    bool in_a = has(a, label), in_b = has(b, label);

    if (in_a && in_b && kept[label])
        p->batch[p->nbatch++] = label;
    else if (in_a && in_b)
        p->k[p->nk++] = label;
    else if (in_a)
        p->m[p->nm++] = label;
    else if (in_b)
        p->n[p->nn++] = label;
}

static void
find_parts(const Equation *e, const Term *a, const Term *b, const bool *kept,
           Parts *p)
{
    bool done[NLABELS] = {false};

    memset(p, 0, sizeof *p);
    for (int i = 0; i < e->nout; i++) {
        add_part(a, b, kept, e->out[i], p);
        done[e->out[i]] = true;
    }
    for (int i = 0; i < a->rank; i++)
        if (!done[a->label[i]])
            add_part(a, b, kept, a->label[i], p);
    for (int i = 0; i < b->rank; i++)
        if (!done[b->label[i]] && !has(a, b->label[i]))
            add_part(a, b, kept, b->label[i], p);
}

static int64_t
size_of(const Term *t, int label)
{
    for (int i = 0; i < t->rank; i++)
        if (t->label[i] == label)
            return t->x->type.dim[i];
    return 1;
}

/* Where one operand has length 1 along a label that is summed over, it is
 * repeated. */
static bool
match_sums(Node *n, Term *a, const Term *b, const Parts *p)
{
    int64_t dim[MAXRANK];

    for (int i = 0; i < a->rank; i++)
        dim[i] = a->x->type.dim[i];
    for (int i = 0; i < a->rank; i++)
        for (int k = 0; k < p->nk; k++)
            if (a->label[i] == p->k[k] && dim[i] == 1)
                dim[i] = size_of(b, p->k[k]);
    a->x = vq_expand(n, a->x, a->rank, dim);
    return a->x != NULL;
}

static bool
check_sizes(Node *n, const Term *a, const Term *b)
{
    for (int i = 0; i < a->rank; i++) {
        int64_t x = a->x->type.dim[i], y = size_of(b, a->label[i]);

        if (has(b, a->label[i]) && x != y && x != 1 && y != 1)
            return vq_node_error(n, "a label stands for lengths %lld and %lld",
                                 (long long)x, (long long)y);
    }
    return true;
}

static void
put(int *order, int *n, const int *part, int count)
{
    for (int i = 0; i < count; i++)
        order[(*n)++] = part[i];
}

static int64_t
product(const Term *t, const int *label, int n)
{
    int64_t size = 1;

    for (int i = 0; i < n; i++)
        size *= size_of(t, label[i]);
    return size;
}

/* An operand as [batch.., rows.., cols] or [batch.., rows, cols], the last
 * labels joined to one axis. */
static Item *
as_matrix(Node *n, Term *t, const Parts *p, const int *rows, int nrows,
          const int *cols, int ncols, bool join)
{
    int order[3 * MAXRANK], at = 0, rank = 0;
    int64_t dim[2 * MAXRANK];

    put(order, &at, p->batch, p->nbatch);
    put(order, &at, rows, nrows);
    put(order, &at, cols, ncols);
    if (!arrange(n, t, order))
        return NULL;
    for (int i = 0; i < p->nbatch; i++)
        dim[rank++] = size_of(t, p->batch[i]);
    if (join || nrows == 0)
        dim[rank++] = product(t, rows, nrows);
    else
        for (int i = 0; i < nrows; i++)
            dim[rank++] = size_of(t, rows[i]);
    dim[rank++] = product(t, cols, ncols);
    if (rank > MAXRANK)
        return vq_node_error(n, "a product of rank %d; at most 8 is supported",
                             rank);
    return vq_reshape(n, t->x, rank, dim);
}

/* The result of a product back in axes of their own. */
static bool
split_result(Node *n, Term *a, const Term *b, const Parts *p, Item *y)
{
    Term t = {.x = y};
    int64_t dim[4 * MAXRANK];

    put(t.label, &t.rank, p->batch, p->nbatch);
    if (p->nbatch + p->nm + p->nn > MAXRANK)
        return vq_node_error(n, "a product of rank %d; at most 8 is supported",
                             p->nbatch + p->nm + p->nn);
    put(t.label, &t.rank, p->m, p->nm);
    put(t.label, &t.rank, p->n, p->nn);
    for (int i = 0; i < t.rank; i++)
        dim[i] = vq_max(size_of(a, t.label[i]), size_of(b, t.label[i]));
    t.x = vq_reshape(n, y, t.rank, dim);
    *a = t;
    return t.x != NULL;
}

/* Whether a label of b's own stands before one of a's in the result. */
static bool
in_other_order(const Equation *e, const Term *a, const Term *b)
{
    for (int i = 0; i < e->nout; i++)
        if (has(a, e->out[i]) != has(b, e->out[i]))
            return has(b, e->out[i]);
    return false;
}

/* a becomes the product of both. kept: labels that are needed afterwards. */
static bool
contract(Equation *e, Term *a, Term *b, const bool *kept)
{
    Node *n = e->n;
    Parts p;
    Item *x, *w;

    if (!check_sizes(n, a, b))
        return false;
    if (in_other_order(e, a, b)) {
        Term t = *a;

        *a = *b;
        *b = t;
    }
    find_parts(e, a, b, kept, &p);
    if (!match_sums(n, a, b, &p) || !match_sums(n, b, a, &p))
        return false;
    x = as_matrix(n, a, &p, p.m, p.nm, p.k, p.nk, p.nbatch > 0);
    w = x ? as_matrix(n, b, &p, p.k, p.nk, p.n, p.nn, true) : NULL;
    if (!w)
        return false;
    x = p.nk ? vq_make2(n, OP_MATMUL, x, w) : vq_make2(n, OP_MUL, x, w);
    return split_result(n, a, b, &p, x);
}

/* ---- all ---- */

/* The equation without its spaces. */
static const char *
equation_text(Node *n)
{
    const Onnx__AttributeProto *a = vq_node_attr(n, "equation");
    size_t len = a && a->has_s ? a->s.len : 0, at = 0;
    char *s = NEWN(n->im->arena, char, len + 1);

    for (size_t i = 0; i < len; i++)
        if (a->s.data[i] != ' ')
            s[at++] = (char)a->s.data[i];
    return s;
}

/* Labels that the result or an operand from `from` on has. */
static void
find_wanted(const Equation *e, uint32_t from, bool *wanted)
{
    memset(wanted, 0, NLABELS * sizeof *wanted);
    for (int i = 0; i < e->nout; i++)
        wanted[e->out[i]] = true;
    for (uint32_t i = from; i < e->nin; i++)
        for (int k = 0; k < e->in[i].rank; k++)
            wanted[e->in[i].label[k]] = true;
}

Item *
vq_onnx_einsum(Node *n)
{
    const char *text = equation_text(n);
    Equation *e = NEW(n->im->arena, Equation);
    bool wanted[NLABELS];

    e->n = n;
    if (!parse(e, text))
        return vq_node_error(n, "equation '%.80s' does not go with its inputs",
                             text);
    for (uint32_t i = 0; i < e->nin; i++) {
        e->in[i].x = vq_to_float(n, e->in[i].x);
        if (!e->in[i].x || !take_diagonals(n, &e->in[i]))
            return NULL;
    }
    for (uint32_t i = 1; i < e->nin; i++) {
        Term *a = &e->in[0], *b = &e->in[i];

        find_wanted(e, i, wanted);
        if (!sum_others(n, a, wanted))
            return NULL;
        find_wanted(e, i + 1, wanted);
        for (int k = 0; k < a->rank; k++)
            wanted[a->label[k]] = true;
        if (!sum_others(n, b, wanted))
            return NULL;
        find_wanted(e, i + 1, wanted);
        if (!contract(e, a, b, wanted))
            return NULL;
    }
    find_wanted(e, e->nin, wanted);
    if (!sum_others(n, &e->in[0], wanted))
        return NULL;
    if (e->in[0].rank != e->nout)
        return vq_node_error(n, "equation '%.80s' makes labels up", text);
    return arrange(n, &e->in[0], e->out) ? e->in[0].x : NULL;
}
