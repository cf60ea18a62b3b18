/*
 * calib_store.c -- entries and notes by name.
 */
#include "passes/calib_store.h"

#include <math.h>
#include <string.h>

const CalibMethodInfo vq_calib_method[NCALIBMETHOD] = {
    [CM_MINMAX] = {"minmax", 1, NULL},
    [CM_PERCENTILE] = {"percentile", 2, vq_histogram_percentile},
    [CM_MSE] = {"mse", 2, vq_histogram_mse},
};

static void *
find(const Names *t, const char *name)
{
    void **at = vq_names_find(t, name);

    return at ? *at : NULL;
}

static void
add(Names *t, const char *name, void *item)
{
    bool found;

    *vq_names_at(t, name, &found) = item;
}

Calib *
vq_calib_empty(Arena *a)
{
    Calib *c = NEW(a, Calib);

    c->arena = a;
    c->stat = vq_names_new(a);
    c->note = vq_names_new(a);
    return c;
}

Stat *
vq_calib_stat(const Calib *c, const char *name)
{
    return find(c->stat, name);
}

const CalibEntry *
vq_calib_find(const Calib *c, const char *name)
{
    const Stat *s = vq_calib_stat(c, name);

    return s ? &s->entry : NULL;
}

void
vq_calib_put(Calib *c, const char *name, CalibEntry e)
{
    Stat *s = vq_calib_stat(c, name);
    const Range *from = e.channel;

    e.channel = NEWN(c->arena, Range, e.n);
    if (e.n)
        memcpy(e.channel, from, e.n * sizeof *from);
    e.name = s ? s->entry.name : vq_strdup(c->arena, name);
    if (!s) {
        s = NEW(c->arena, Stat);
        s->entry = e;
        add(c->stat, e.name, s);
    }
    s->entry = e;
}

Range
vq_calib_extremes(const CalibEntry *e)
{
    Range r = e->n ? e->channel[0] : e->range;

    for (uint32_t i = 1; i < e->n; i++) {
        r.lo = fminf(r.lo, e->channel[i].lo);
        r.hi = fmaxf(r.hi, e->channel[i].hi);
    }
    return r;
}

int64_t
vq_calib_images(const Calib *c)
{
    return c->images;
}

void
vq_calib_note(Calib *c, const char *name, double value)
{
    Note *n = find(c->note, name);

    if (!n) {
        n = NEW(c->arena, Note);
        n->name = vq_strdup(c->arena, name);
        add(c->note, n->name, n);
    }
    n->value = value;
}

bool
vq_calib_noted(const Calib *c, const char *name, double *value)
{
    const Note *n = find(c->note, name);

    if (n)
        *value = n->value;
    return n != NULL;
}

static bool
check_value(const Calib *c, Diag *d, const Graph *g, ValId v, Loc loc)
{
    const Type *t = vq_type(g, v);
    const char *name = g->val[v].name;
    const CalibEntry *e = vq_calib_find(c, name);

    if (t->dt != DT_F32 || (e && e->n == vq_cols(t)))
        return true;
    if (!e)
        return vq_error(d, loc,
                        "the calibration has no range for '%s'; it was made "
                        "for another model",
                        name);
    return vq_error(d, loc,
                    "the calibration of '%s' has %u channels, the model %lld; "
                    "it was made for another model",
                    name, e->n, (long long)vq_cols(t));
}

bool
vq_calib_check(const Calib *c, Diag *d, const Graph *g)
{
    for (uint32_t i = 0; i < g->nin; i++)
        if (!check_value(c, d, g, g->in[i], NOLOC))
            return false;
    for (uint32_t i = 1; i < g->nop; i++)
        if (!check_value(c, d, g, g->op[i].out, g->op[i].loc))
            return false;
    return true;
}
