/*
 * heads.c -- reading heads off a view, and building them (heads.h).
 */
#include "passes/heads.h"

#include "passes/linear.h"

#include <assert.h>
#include <string.h>

enum { LEAD, TOKENS, DEPTH };

/* Groups the axes of a view as lead, tokens, depth. */
static bool
group_axes(View *v, bool turned)
{
    int r = v->rank, lead, end;
    View w = *v;

    if (r < 2)
        return false;
    lead = v->first[r - 2];
    end = v->first[r];
    if (turned) {
        int n = v->first[r - 1] - lead, m = end - v->first[r - 1];

        memcpy(w.digit + lead, v->digit + lead + n,
               (size_t)m * sizeof *w.digit);
        memcpy(w.digit + lead + m, v->digit + lead,
               (size_t)n * sizeof *w.digit);
        w.first[TOKENS + 1] = lead + m;
    } else {
        w.first[TOKENS + 1] = v->first[r - 1];
    }
    w.rank = 3;
    w.first[LEAD] = 0;
    w.first[TOKENS] = lead;
    w.first[DEPTH + 1] = end;
    *v = w;
    return true;
}

static bool
is_row(const Heads *h, int digit)
{
    const Digit *d = &h->view.digit[digit];

    return d->stride && d->stride % h->cols == 0; /* 0: heads repeated */
}

/* Product of the digits of an axis that step over rows, or within one. */
static int64_t
extent(const Heads *h, int axis, bool row)
{
    int64_t n = 1;

    for (int i = h->view.first[axis]; i < h->view.first[axis + 1]; i++)
        if (is_row(h, i) == row)
            n *= h->view.digit[i].dim;
    return n;
}

/* The digits of `axis` that step over rows (or within one), appended to d. */
static int
pick_digits(const Heads *h, int axis, bool row, Digit *d, int n)
{
    for (int i = h->view.first[axis]; i < h->view.first[axis + 1]; i++)
        if (is_row(h, i) == row)
            d[n++] = h->view.digit[i];
    return n;
}

/* All of what the layernorm on the way works on, in its order, is a head. */
static bool
keeps_norm(const Heads *h, const Graph *g)
{
    Digit d[MAXDIGIT];
    int n = pick_digits(h, DEPTH, false, d, 0);

    n = vq_digits_join(d, n);
    return h->depth == vq_cols(vq_type(g, h->view.norm)) &&
           (h->depth == 1 || (n == 1 && d[0].stride == 1));
}

static bool
find_heads(Heads *h, const Graph *g, bool turned)
{
    h->cols = vq_cols(vq_type(g, h->view.base));
    if (!group_axes(&h->view, turned) || !vq_view_split(&h->view, h->cols))
        return false;
    h->batch = extent(h, LEAD, true);
    h->heads = extent(h, LEAD, false);
    h->tokens = extent(h, TOKENS, true);
    h->depth = extent(h, DEPTH, false);
    return extent(h, TOKENS, false) == 1 && extent(h, DEPTH, true) == 1;
}

bool
vq_heads_find(Heads *h, const Graph *g, ValId operand, bool turned)
{
    *h = (Heads){.fixed = 0};
    vq_view_trace_norm(&h->view, g, operand);
    if (h->view.norm && find_heads(h, g, turned) && keeps_norm(h, g))
        return true;
    vq_view_trace(&h->view, g, operand);
    return find_heads(h, g, turned);
}

void
vq_heads_fix(Heads *h, const Graph *g, ValId operand, bool turned,
             const Heads *other)
{
    const Type *t = vq_type(g, operand);
    int64_t rows = t->dim[t->rank - 2], cols = t->dim[t->rank - 1];

    *h = *other;
    h->fixed = operand;
    h->turned = turned;
    h->tokens = turned ? cols : rows;
    h->depth = turned ? rows : cols;
    h->view.scale = 1;
    h->view.ngrid = 0;
}

/* Lead digit i becomes two, the inner one of length n. */
static void
split_lead(View *v, int i, int64_t n)
{
    Digit *d = &v->digit[i];

    memmove(d + 1, d, (size_t)(v->first[v->rank] - i) * sizeof *d);
    d[0].dim /= n;
    d[0].stride *= n;
    d[1].dim = n;
    for (int k = TOKENS; k <= v->rank; k++)
        v->first[k]++;
}

void
vq_heads_refine(Heads *a, const Heads *b)
{
    View *v = &a->view;

    for (int k = 1; k <= v->first[TOKENS] && k <= b->view.first[TOKENS]; k++) {
        int i = v->first[TOKENS] - k;
        int64_t n = b->view.digit[b->view.first[TOKENS] - k].dim;

        if (v->digit[i].dim > n && v->digit[i].dim % n == 0 &&
            v->first[v->rank] < MAXDIGIT)
            split_lead(v, i, n);
    }
}

bool
vq_heads_agree(const Heads *a, const Heads *b)
{
    int n = a->view.first[TOKENS];

    if (n != b->view.first[TOKENS])
        return false;
    for (int i = 0; i < n; i++)
        if (a->view.digit[i].dim != b->view.digit[i].dim ||
            is_row(a, i) != is_row(b, i))
            return false;
    return true;
}

bool
vq_heads_inner(const Heads *h)
{
    for (int i = 1; i < h->view.first[TOKENS]; i++)
        if (is_row(h, i) && !is_row(h, i - 1))
            return false;
    return true;
}

/* The digits of all rows, in units of rows of `cols`, then one for these
 * columns. */
static int
row_digits(const Heads *h, int64_t cols, Digit *d)
{
    int n = pick_digits(h, LEAD, true, d, 0);

    n = pick_digits(h, TOKENS, true, d, n);
    for (int i = 0; i < n; i++)
        d[i].stride = d[i].stride / h->cols * cols;
    if (cols > 1)
        d[n++] = (Digit){cols, 1};
    return n;
}

/* A base without a batch axis stays so: rank 2 is one batch. */
static Type
token_major(const Graph *g, const Heads *h, ValId base, int64_t cols)
{
    if (h->batch == 1 && vq_type(g, base)->rank == 2)
        return TYPE(DT_F32, h->tokens, cols);
    return TYPE(DT_F32, h->batch, h->tokens, cols);
}

/* Which column of the base each column of the operand is. */
static bool
list_columns(const Heads *h, int64_t *col)
{
    int64_t n = 1, start = h->view.offset % h->cols;
    Digit d[MAXDIGIT];
    int m = pick_digits(h, LEAD, false, d, 0);

    m = pick_digits(h, DEPTH, false, d, m);
    col[0] = start;
    for (int i = 0; i < m; i++) {
        for (int64_t j = n - 1; j >= 0; j--)
            for (int64_t k = d[i].dim - 1; k >= 0; k--)
                col[j * d[i].dim + k] = col[j] + k * d[i].stride;
        n *= d[i].dim;
    }
    for (int64_t i = 0; i < n; i++)
        if (col[i] < 0 || col[i] >= h->cols)
            return false;
    return true;
}

static bool
counts_on(const int64_t *col, int64_t n)
{
    for (int64_t i = 1; i < n; i++)
        if (col[i] != col[0] + i)
            return false;
    return true;
}

static bool
is_const_linear(const Graph *g, const Op *op)
{
    return op && op->kind == OP_LINEAR && vq_is_const(g, op->in[1]);
}

/* Row and first column, in the token-major value, of each matrix of a constant
 * operand, counted in units of tokens and depths. */
static int64_t
place_matrix(const Heads *h, int64_t index, int64_t *head)
{
    int64_t batch = 0, each = 1, every = 1;

    *head = 0;
    for (int i = h->view.first[TOKENS] - 1; i >= 0; i--) {
        int64_t dim = h->view.digit[i].dim, at = index % dim;

        if (is_row(h, i)) {
            batch += at * every;
            every *= dim;
        } else {
            *head += at * each;
            each *= dim;
        }
        index /= dim;
    }
    return batch;
}

/* A constant operand as [batch x tokens x heads * depth]. */
static ValId
build_fixed(const Match *m, const Build *b, const Heads *h, const char *part)
{
    const float *x = vq_floats(m->g, h->fixed);
    int64_t n = h->heads * h->depth, head;
    float *y = NEWN(b->g->arena, float, h->batch * h->tokens * n);
    int64_t step = h->turned ? h->tokens : 1, row = h->turned ? 1 : h->depth;

    for (int64_t i = 0; i < h->batch * h->heads; i++) {
        float *to = y + place_matrix(h, i, &head) * h->tokens * n;

        for (int64_t t = 0; t < h->tokens; t++)
            for (int64_t c = 0; c < h->depth; c++)
                to[t * n + head * h->depth + c] = x[t * row + c * step];
        x += h->tokens * h->depth;
    }
    return vq_const(
        b->g, vq_format(b->g->arena, "%s.%s", m->g->val[h->fixed].name, part),
        token_major(m->g, h, h->view.base, n), y);
}

bool
vq_heads_fit(const Graph *g, const Heads *h)
{
    int64_t n = h->heads * h->depth;
    int64_t *col = NEWN(g->arena, int64_t, n);
    const Type *base = vq_type(g, h->view.base);
    Digit d[MAXDIGIT + 1];
    Type t = token_major(g, h, h->view.base, h->cols);

    if (h->fixed)
        return true;
    return vq_digits_cost(base, d, row_digits(h, h->cols, d), &t) >= 0 &&
           list_columns(h, col) &&
           (is_const_linear(g, vq_def(g, h->view.base)) || counts_on(col, n));
}

/* Some columns of a constant [.. x N]. */
static ValId
gather_columns(const Match *m, const char *name, ValId w, const int64_t *col,
               int64_t n)
{
    const Type *t = vq_type(m->g, w);
    int64_t rows = vq_rows(t), cols = vq_cols(t);
    const float *x = vq_floats(m->g, w);
    Arena *a = m->rw->to->arena;
    float *y = NEWN(a, float, rows *n);
    bool run = counts_on(col, n);
    Type out = *t;

    for (int64_t i = 0; i < rows; i++) {
        if (run)
            memcpy(y + i * n, x + i * cols + col[0], (size_t)n * sizeof *y);
        for (int64_t j = 0; j < n && !run; j++)
            y[i * n + j] = x[i * cols + col[j]];
    }
    out.dim[out.rank - 1] = n;
    return vq_const(m->rw->to, name, out, y);
}

/* The linear that computes just these columns of `op`: it comes from there,
 * not from the attention that asks. */
static ValId
narrow_linear(const Match *m, const Build *b, const Op *op, const int64_t *col,
              int64_t n, const char *part)
{
    const char *name =
        vq_format(b->g->arena, "%s.%s", m->g->val[op->in[1]].name, part);
    ValId w = gather_columns(m, name, op->in[1], col, n), bias = 0;
    Build own = *b;

    if (op->nin > 2 && op->in[2]) {
        name = vq_format(b->g->arena, "%s.%s", m->g->val[op->in[2]].name, part);
        bias = gather_columns(m, name, op->in[2], col, n);
    }
    own.loc = op->loc;
    return vq_build_linear(&own, vq_fetch(m, op->in[0]), w, bias);
}

/* What rounded the base on the way to the operand rounds it again. */
static ValId
round_to_grids(Build *b, ValId x, const View *v)
{
    const char *name = b->g->val[x].name;

    for (int i = 0; i < v->ngrid; i++) {
        b->name = vq_format(b->g->arena, "%s.grid", name);
        x = vq_build_grid(b, x, &v->grid[i]);
    }
    return x;
}

/* A vector of a layernorm, once for each head. */
static ValId
repeat_vector(const Match *m, const Heads *h, ValId v, const char *part)
{
    const float *x = vq_floats(m->g, v);
    Graph *g = m->rw->to;
    float *y = NEWN(g->arena, float, h->heads * h->depth);

    for (int64_t i = 0; i < h->heads; i++)
        memcpy(y + i * h->depth, x, (size_t)h->depth * sizeof *y);
    return vq_const(g, vq_format(g->arena, "%s.%s", m->g->val[v].name, part),
                    TYPE(DT_F32, h->heads * h->depth), y);
}

/* The layernorm on the way to the operand, of each head. */
static ValId
build_norm(const Match *m, const Build *b, const Heads *h, ValId x)
{
    const Op *op = vq_def(m->g, h->view.norm);
    const char *name = m->g->val[op->out].name;
    Attr a[3] = {vq_build_real(A_EPS, vq_get_f(op, A_EPS, 0)),
                 vq_build_int(b->g, A_HEADS, h->heads),
                 vq_build_int(b->g, A_MEAN, vq_get_i(op, A_MEAN, 1))};
    ValId in[3] = {x, repeat_vector(m, h, op->in[1], "heads"),
                   repeat_vector(m, h, op->in[2], "heads")};
    Build own = *b;

    own.name = vq_format(b->g->arena, "%s.heads", name);
    own.loc = op->loc;
    return vq_build(&own, OP_LAYERNORM, in, 3, a, 3, NULL);
}

ValId
vq_heads_build(const Match *m, Build *b, const Heads *h, const char *part)
{
    int64_t n = h->heads * h->depth;
    int64_t *col = NEWN(b->g->arena, int64_t, n);
    const Op *op = vq_def(m->g, h->view.base);
    Digit d[MAXDIGIT + 1];
    ValId x;

    if (h->fixed)
        return build_fixed(m, b, h, part);
    /* The digits cover all rows, so the view starts in the first. */
    assert(h->view.offset < h->cols);
    list_columns(h, col);
    b->name =
        vq_format(b->g->arena, "%s.%s", m->g->val[h->view.base].name, part);
    if (n == h->cols && counts_on(col, n))
        x = vq_fetch(m, h->view.base);
    else if (is_const_linear(m->g, op))
        x = narrow_linear(m, b, op, col, n, part);
    else
        x = vq_build_slice(b, vq_fetch(m, h->view.base),
                           vq_type(m->g, h->view.base)->rank - 1, col[0], 1, n);
    if (!h->view.norm)
        x = round_to_grids(b, x, &h->view);
    x = vq_digits_build(b, x, d, row_digits(h, n, d),
                        token_major(m->g, h, h->view.base, n));
    return h->view.norm ? round_to_grids(b, build_norm(m, b, h, x), &h->view)
                        : x;
}

/* The result's own digits, from the innermost out, give the strides. */
ValId
vq_heads_return(const Build *b, const Heads *h, ValId x, Type to)
{
    Digit d[MAXDIGIT + 2];
    int lead = h->view.first[TOKENS], n = lead;
    int64_t head = h->depth, row = h->heads * h->depth;
    int64_t batch = row * h->tokens;

    for (int i = lead - 1; i >= 0; i--) {
        int64_t *stride = is_row(h, i) ? &batch : &head;

        d[i] = (Digit){h->view.digit[i].dim, *stride};
        *stride *= d[i].dim;
    }
    if (h->tokens > 1)
        d[n++] = (Digit){h->tokens, row};
    if (h->depth > 1)
        d[n++] = (Digit){h->depth, 1};
    return vq_digits_build(b, x, d, n, to);
}
