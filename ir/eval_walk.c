/*
 * eval_walk.c -- walking over broadcast, permuted or sliced arrays row by row.
 */
#include "ir/walk.h"

void
vq_dense_steps(const Type *t, int64_t *step)
{
    int64_t n = 1;

    for (int i = t->rank - 1; i >= 0; i--) {
        step[i] = n;
        n *= t->dim[i];
    }
}

void
vq_broadcast_steps(const Type *t, const Type *to, int64_t *step)
{
    int lead = to->rank - t->rank;
    int64_t dense[MAXRANK];

    vq_dense_steps(t, dense);
    for (int i = 0; i < to->rank; i++)
        step[i] = i < lead || t->dim[i - lead] == 1 ? 0 : dense[i - lead];
}

/* Whether axis i can be merged into the kept axis `last` before it. */
static bool
can_merge(const Walk *w, int last, int64_t dim, int i)
{
    for (int a = 0; a < w->n; a++)
        if (w->step[a][last] != w->step[a][i] * dim)
            return false;
    return true;
}

static void
keep_axis(Walk *w, int from, int64_t dim)
{
    for (int a = 0; a < w->n; a++)
        w->step[a][w->rank] = w->step[a][from];
    w->dim[w->rank++] = dim;
}

void
vq_walk_init(Walk *w, const Type *shape, int n)
{
    w->n = n;
    w->rank = 0;
    w->begun = false;
    for (int i = 0; i < shape->rank; i++) {
        int64_t dim = shape->dim[i];
        int last = w->rank - 1;

        if (dim == 1)
            continue;
        if (last >= 0 && can_merge(w, last, dim, i)) {
            w->dim[last] *= dim;
            for (int a = 0; a < n; a++)
                w->step[a][last] = w->step[a][i];
        } else {
            keep_axis(w, i, dim);
        }
    }
    w->cols = 1;
    if (w->rank)
        w->cols = w->dim[--w->rank];
    for (int a = 0; a < n; a++)
        w->by[a] = w->step[a][w->rank];
}

static bool
next_row(Walk *w)
{
    for (int i = w->rank - 1; i >= 0; i--) {
        for (int a = 0; a < w->n; a++)
            w->at[a] += w->step[a][i];
        if (++w->index[i] < w->dim[i])
            return true;
        for (int a = 0; a < w->n; a++)
            w->at[a] -= w->step[a][i] * w->dim[i];
        w->index[i] = 0;
    }
    return false;
}

bool
vq_walk_row(Walk *w)
{
    if (w->begun)
        return next_row(w);
    w->begun = true;
    for (int i = 0; i < w->rank; i++)
        w->index[i] = 0;
    for (int a = 0; a < w->n; a++)
        w->at[a] = 0;
    return true;
}
