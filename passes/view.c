/*
 * view.c -- the arithmetic of view.h.
 */
#include "passes/view.h"

#include "passes/rule.h"

#include <assert.h>
#include <string.h>

void
vq_view_whole(View *v, const Graph *g, ValId base)
{
    const Type *t = vq_type(g, base);
    int64_t stride = vq_count(t);
    int n = 0;

    *v = (View){.base = base, .scale = 1, .rank = t->rank};
    for (int i = 0; i < t->rank; i++) {
        v->first[i] = n;
        stride /= t->dim[i];
        if (t->dim[i] > 1)
            v->digit[n++] = (Digit){t->dim[i], stride};
    }
    v->first[t->rank] = n;
}

int
vq_digits_join(Digit *d, int n)
{
    int m = 0;

    for (int i = 0; i < n; i++) {
        if (m && d[m - 1].stride == d[i].dim * d[i].stride)
            d[m - 1] = (Digit){d[m - 1].dim * d[i].dim, d[i].stride};
        else
            d[m++] = d[i];
    }
    return m;
}

/* Takes digits for one axis of length `want` from the end of d. They are
 * stored last first. Returns their number, or -1. */
static int
take_axis(Digit *d, int *n, int64_t want, Digit *out, int room)
{
    int m = 0;

    while (want > 1) {
        Digit *last = &d[*n - 1];
        int64_t take = want % last->dim == 0 ? last->dim : want;

        assert(*n > 0);
        if (last->dim % take != 0 || m == room)
            return -1;
        out[m++] = (Digit){take, last->stride};
        want /= take;
        if (take == last->dim)
            --*n;
        else
            *last = (Digit){last->dim / take, last->stride * take};
    }
    return m;
}

static bool
view_reshape(View *v, const Op *op, const Type *t)
{
    Digit flat[MAXDIGIT], rev[MAXDIGIT];
    int n, m = 0, count[MAXRANK];
    View w = *v;

    (void)op;
    memcpy(flat, v->digit, sizeof flat);
    n = vq_digits_join(flat, v->first[v->rank]);
    for (int i = t->rank - 1; i >= 0; i--) {
        count[i] = take_axis(flat, &n, t->dim[i], rev + m, MAXDIGIT - m);
        if (count[i] < 0)
            return false;
        m += count[i];
    }
    w.rank = t->rank;
    w.first[0] = 0;
    for (int i = 0; i < t->rank; i++)
        w.first[i + 1] = w.first[i] + count[i];
    for (int i = 0; i < m; i++)
        w.digit[i] = rev[m - 1 - i];
    *v = w;
    return true;
}

static bool
view_transpose(View *v, const Op *op, const Type *t)
{
    const int64_t *perm = vq_attr(op, A_PERM)->i;
    View w = *v;
    int n = 0;

    (void)t;
    for (int i = 0; i < v->rank; i++) {
        int from = v->first[perm[i]], to = v->first[perm[i] + 1];

        w.first[i] = n;
        memcpy(w.digit + n, v->digit + from,
               (size_t)(to - from) * sizeof *v->digit);
        n += to - from;
    }
    *v = w;
    return true;
}

/* Keeps n indices from start of the number made by the digits d[0..*nd). */
static bool
slice_digits(Digit *d, int *nd, int64_t start, int64_t step, int64_t n,
             int64_t *offset)
{
    int64_t inner = 1;

    *nd = vq_digits_join(d, *nd);
    if (*nd == 0)
        return true;
    for (int i = 1; i < *nd; i++)
        inner *= d[i].dim;
    if (*nd > 1 && start / inner == (start + (n - 1) * step) / inner) {
        *offset += start / inner * d[0].stride;
        memmove(d, d + 1, (size_t)--*nd * sizeof *d);
        return slice_digits(d, nd, start % inner, step, n, offset);
    }
    if (*nd > 1 && (step != 1 || start % inner || n % inner))
        return false;
    *offset += start / inner * d[0].stride;
    d[0].dim = n / inner;
    d[0].stride *= step;
    if (d[0].dim == 1)
        memmove(d, d + 1, (size_t)--*nd * sizeof *d);
    return true;
}

static bool
view_slice(View *v, const Op *op, const Type *t)
{
    int axis = (int)vq_get_i(op, A_AXIS, 0);
    int from = v->first[axis], to = v->first[axis + 1];
    int end = v->first[v->rank], n = to - from;
    View w = *v;

    if (!slice_digits(w.digit + from, &n, vq_get_i(op, A_START, 0),
                      vq_get_i(op, A_STEP, 1), t->dim[axis], &w.offset))
        return false;
    memmove(w.digit + from + n, v->digit + to,
            (size_t)(end - to) * sizeof *v->digit);
    for (int i = axis + 1; i <= v->rank; i++)
        w.first[i] -= to - from - n;
    *v = w;
    return true;
}

/* What an axis is repeated by is a digit that goes nowhere. */
static bool
view_expand(View *v, const Op *op, const Type *t)
{
    int lead = t->rank - v->rank, n = 0;
    View w = *v;

    (void)op;
    w.rank = t->rank;
    for (int i = 0; i < t->rank; i++) {
        int from = i < lead ? 0 : v->first[i - lead];
        int count = i < lead ? 0 : v->first[i - lead + 1] - from;

        w.first[i] = n;
        if (n + count + 1 > MAXDIGIT)
            return false;
        memcpy(w.digit + n, v->digit + from, (size_t)count * sizeof *v->digit);
        n += count;
        if (count == 0 && t->dim[i] > 1)
            w.digit[n++] = (Digit){t->dim[i], 0};
    }
    w.first[t->rank] = n;
    *v = w;
    return true;
}

typedef bool MoveFn(View *, const Op *, const Type *);

static MoveFn *const move_fn[NOP] = {
    [OP_RESHAPE] = view_reshape,
    [OP_TRANSPOSE] = view_transpose,
    [OP_SLICE] = view_slice,
    [OP_EXPAND] = view_expand,
};

bool
vq_view_move(View *v, const Graph *g, const Op *op)
{
    MoveFn *fn = move_fn[op->kind];

    return fn && fn(v, op, vq_type(g, op->out));
}

/* x * k rounded to a grid of step s is k times x rounded to one of s / k. */
static bool
add_grid(View *v, const Op *op)
{
    Grid g = vq_grid_of(op);

    if (v->ngrid == MAXGRID || !(v->scale > 0))
        return false;
    if (v->scale != 1)
        g.scale = (double)(float)(g.scale / v->scale);
    v->grid[v->ngrid++] = g;
    return true;
}

/* The rows that a layernorm works on are runs of the base. */
static bool
pass_norm(View *v, const Graph *g, const Op *op)
{
    int at = v->first[v->rank - 1];
    Digit last[MAXDIGIT];

    memcpy(last, v->digit, sizeof last);
    if (v->norm || v->scale != 1 || v->ngrid || vq_get_i(op, A_HEADS, 1) != 1 ||
        !vq_is_const(g, op->in[1]) || !vq_is_const(g, op->in[2]) ||
        vq_digits_join(last + at, v->first[v->rank] - at) != 1 ||
        last[at].stride != 1)
        return false;
    v->norm = op->out;
    return true;
}

static void
trace(View *v, const Graph *g, ValId id, bool norms)
{
    const Op *op = vq_def(g, id);
    ValId x, c;
    double k;

    vq_view_whole(v, g, id);
    if (!op)
        return;
    if (op->kind == OP_MUL && vq_with_const(g, op, &x, &c) &&
        vq_scalar(g, c, &k) && vq_same_shape(vq_type(g, x), vq_type(g, id))) {
        trace(v, g, x, norms);
        v->scale *= k;
    } else if (op->kind == OP_FAKEQUANT) {
        trace(v, g, op->in[0], norms);
        if (!add_grid(v, op))
            vq_view_whole(v, g, id);
    } else if (norms && op->kind == OP_LAYERNORM) {
        trace(v, g, op->in[0], norms);
        if (!pass_norm(v, g, op))
            vq_view_whole(v, g, id);
    } else if (move_fn[op->kind]) {
        trace(v, g, op->in[0], norms);
        if (!vq_view_move(v, g, op))
            vq_view_whole(v, g, id);
    }
}

void
vq_view_trace(View *v, const Graph *g, ValId id)
{
    trace(v, g, id, false);
}

void
vq_view_trace_norm(View *v, const Graph *g, ValId id)
{
    trace(v, g, id, true);
}

bool
vq_view_split(View *v, int64_t w)
{
    View s = *v;
    int n = 0;

    for (int i = 0; i < v->rank; i++) {
        s.first[i] = n;
        for (int j = v->first[i]; j < v->first[i + 1]; j++) {
            Digit d = v->digit[j];
            int64_t inner = d.stride && w % d.stride == 0 ? w / d.stride : 0;

            if (n + 2 > MAXDIGIT)
                return false;
            if (d.stride % w == 0 || (d.dim - 1) * d.stride < w) {
                s.digit[n++] = d;
            } else if (inner > 1 && d.dim % inner == 0) {
                s.digit[n++] = (Digit){d.dim / inner, w};
                s.digit[n++] = (Digit){inner, d.stride};
            } else {
                return false;
            }
        }
    }
    s.first[v->rank] = n;
    *v = s;
    return true;
}

/* Ranks digits by stride, largest first: order[k] is the k-th. False unless
 * they count through `count` elements exactly. */
static bool
sort_digits(const Digit *d, int n, int64_t count, int *order)
{
    for (int i = 0; i < n; i++) {
        int at = i;

        while (at > 0 && d[order[at - 1]].stride < d[i].stride) {
            order[at] = order[at - 1];
            at--;
        }
        order[at] = i;
    }
    for (int i = 0; i < n; i++) {
        if (d[order[i]].dim * d[order[i]].stride != count)
            return false;
        count = d[order[i]].stride;
    }
    return count == 1;
}

/* Joins digits, but not a last axis that both sides have: it may carry scales,
 * which a reshape that merged it would lose. */
static int
join_rows(Digit *d, int n, const Type *x, const Type *to)
{
    int64_t cols = x->rank && to->rank ? vq_cols(x) : 1;
    Digit *last;

    n = vq_digits_join(d, n);
    last = &d[n - 1];
    if (n == 0 || n == MAXRANK || cols == 1 || vq_cols(to) != cols ||
        last->stride != 1 || last->dim == cols || last->dim % cols != 0)
        return n;
    *last = (Digit){last->dim / cols, cols};
    d[n] = (Digit){cols, 1};
    return n + 1;
}

/* A reshape costs 1, being free but for the op; a transpose costs 2. */
int
vq_digits_cost(const Type *x, const Digit *digit, int n, const Type *to)
{
    Digit d[MAXDIGIT + 2];
    int order[MAXDIGIT + 2], cost = 0;
    Type sorted = {.dt = x->dt}, moved;
    bool turned = false;

    memcpy(d, digit, (size_t)n * sizeof *d);
    n = join_rows(d, n, x, to);
    if (n > MAXRANK || !sort_digits(d, n, vq_count(x), order))
        return -1;
    sorted.rank = moved.rank = n;
    for (int i = 0; i < n; i++) {
        sorted.dim[i] = d[order[i]].dim;
        moved.dim[i] = d[i].dim;
        turned = turned || order[i] != i;
    }
    if (!turned)
        return vq_same_shape(x, to) ? 0 : 1;
    cost += vq_same_shape(x, &sorted) ? 0 : 1;
    cost += vq_same_shape(&moved, to) ? 0 : 1;
    return cost + 2;
}

ValId
vq_digits_build(const Build *b, ValId x, const Digit *digit, int n, Type to)
{
    Digit d[MAXDIGIT + 2];
    int order[MAXDIGIT + 2];
    int64_t perm[MAXDIGIT + 2];
    Type sorted = {0};
    bool turned = false, fits;

    memcpy(d, digit, (size_t)n * sizeof *d);
    n = join_rows(d, n, vq_type(b->g, x), &to);
    fits = sort_digits(d, n, vq_count(vq_type(b->g, x)), order);
    assert(fits && n <= MAXRANK);
    sorted.rank = n;
    for (int i = 0; i < n; i++) {
        sorted.dim[i] = d[order[i]].dim;
        perm[order[i]] = i;
        turned = turned || order[i] != i;
    }
    if (turned) {
        x = vq_build_reshape(b, x, sorted);
        x = vq_build_transpose(b, x, perm);
    }
    return vq_build_reshape(b, x, to);
}
