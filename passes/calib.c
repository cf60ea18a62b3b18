/*
 * calib.c -- runs the float graph over inputs and keeps the ranges of every
 * value: extremes in the first pass, counts in the second.
 *
 * Memory is constant in the number of inputs; what one evaluation needs comes
 * from the caller's scratch arena and goes back to it.
 */
#include "passes/calib.h"

#include "ir/eval.h"
#include "passes/calib_store.h"

#include <assert.h>
#include <math.h>
#include <string.h>

static void
add_value(Calib *c, const Graph *g, ValId v)
{
    const Type *t = vq_type(g, v);
    CalibEntry e = {.n = (uint32_t)vq_cols(t)};
    Stat *s;

    if (t->dt != DT_F32)
        return;
    e.channel = NEWN(c->arena, Range, e.n);
    vq_calib_put(c, g->val[v].name, e);
    s = vq_calib_stat(c, g->val[v].name);
    s->lo = NEWN(c->arena, float, e.n);
    s->hi = NEWN(c->arena, float, e.n);
    for (uint32_t i = 0; i < e.n; i++) {
        s->lo[i] = INFINITY;
        s->hi[i] = -INFINITY;
    }
}

Calib *
vq_calib_new(Arena *a, const Graph *g, CalibMethod method, double percentile)
{
    Calib *c = vq_calib_empty(a);

    c->method = method;
    c->percentile = percentile > 0 ? percentile : 99.99;
    for (uint32_t i = 0; i < g->nin; i++)
        add_value(c, g, g->in[i]);
    for (uint32_t i = 1; i < g->nop; i++)
        add_value(c, g, g->op[i].out);
    return c;
}

int
vq_calib_passes(const Calib *c)
{
    return vq_calib_method[c->method].passes;
}

void
vq_calib_begin(Calib *c, int pass)
{
    assert(pass >= 0 && pass < vq_calib_passes(c));
    c->pass = pass;
    for (size_t i = 0; pass && i < c->stat->n; i++) {
        Stat *s = c->stat->item[i];

        s->histogram = NEW(c->arena, Histogram);
        s->histogram->range = s->entry.range;
    }
}

/* ---- one input ---- */

typedef struct Feeding {
    Calib *c;
    Diag *diag;
    bool probing; /* for the probe alone */
    bool bad;     /* reported; the rest of the run is not looked at */
} Feeding;

/* The first element that is not finite; n when there is none. */
static int64_t
find_bad(const float *x, int64_t n)
{
    int32_t most = 0;

    for (int64_t i = 0; i < n; i++) {
        int32_t bits;

        memcpy(&bits, &x[i], sizeof bits);
        bits &= INT32_MAX;
        most = bits > most ? bits : most;
    }
    if (most < 0x7f800000)
        return n;
    for (int64_t i = 0; i < n; i++)
        if (!isfinite(x[i]))
            return i;
    return n;
}

static void
report_bad(Feeding *f, const Graph *g, ValId v, float x)
{
    const Op *op = vq_def(g, v);

    f->bad = true;
    vq_error(f->diag, op ? op->loc : NOLOC,
             "'%s' %s %s on calibration input %lld; %s", g->val[v].name,
             op ? "becomes" : "is", isnan(x) ? "NaN" : "infinite",
             (long long)f->c->images + 1,
             op ? "check the model's weights and the preprocessing "
                  "(mean, std)"
                : "check the input's data");
}

static void
widen(Stat *s, const float *x, int64_t rows)
{
    uint32_t n = s->entry.n;
    float *restrict lo = s->lo, *restrict hi = s->hi;

    for (int64_t r = 0; r < rows; r++, x += n)
        for (uint32_t i = 0; i < n; i++) {
            lo[i] = x[i] < lo[i] ? x[i] : lo[i];
            hi[i] = x[i] > hi[i] ? x[i] : hi[i];
        }
}

static void
keep_probe(Calib *c, Stat *s, const float *x, int64_t n)
{
    float *probe;

    if (s->entry.probe)
        return;
    probe = NEWN(c->arena, float, (size_t)n);
    memcpy(probe, x, (size_t)n * sizeof *x);
    s->entry.probe = probe;
}

static void
observe(void *user, const Graph *g, ValId v, const void *data)
{
    Feeding *f = user;
    const Type *t = vq_type(g, v);
    const float *x = data;
    int64_t n = vq_count(t), bad;
    Stat *s;

    if (f->bad || t->dt != DT_F32)
        return;
    bad = find_bad(x, n);
    if (bad < n) {
        report_bad(f, g, v, x[bad]);
        return;
    }
    s = vq_calib_stat(f->c, g->val[v].name);
    assert(s && s->entry.n == vq_cols(t));
    if (f->c->pass == 0)
        keep_probe(f->c, s, x, n);
    if (f->probing)
        return;
    if (f->c->pass == 0)
        widen(s, x, vq_rows(t));
    else
        vq_histogram_add(s->histogram, x, n);
}

static int64_t
batch_of(const Graph *g)
{
    const Type *t = g->nin ? vq_type(g, g->in[0]) : NULL;

    return t && t->rank ? t->dim[0] : 1;
}

/* The first image of each input in all places of its batch. */
static const void *const *
repeat_first(Arena *a, const Graph *g, const void *const *in)
{
    const void **first = NEWN(a, const void *, g->nin);

    for (uint32_t i = 0; i < g->nin; i++) {
        const Type *t = vq_type(g, g->in[i]);
        size_t all = (size_t)vq_bytes(t);
        size_t each = t->rank && t->dim[0] ? all / (size_t)t->dim[0] : all;
        char *x = vq_alloc(a, all);

        for (size_t at = 0; each && at + each <= all; at += each)
            memcpy(x + at, in[i], each);
        first[i] = x;
    }
    return first;
}

static void
run(Feeding *f, const Graph *g, Arena *tmp, const void *const *in)
{
    void **out = NEWN(tmp, void *, g->nout);

    for (uint32_t i = 0; i < g->nout; i++)
        out[i] = vq_alloc(tmp, (size_t)vq_bytes(vq_type(g, g->out[i])));
    vq_eval(g, tmp, in, out, observe, f);
}

bool
vq_calib_feed(Calib *c, Diag *d, const Graph *g, Arena *tmp,
              const void *const *in)
{
    ArenaMark mark = vq_arena_mark(tmp);
    Feeding f = {.c = c, .diag = d};
    int64_t batch = batch_of(g);

    if (batch > 1 && c->pass == 0 && c->images == 0) {
        f.probing = true;
        run(&f, g, tmp, repeat_first(tmp, g, in));
        f.probing = false;
    }
    if (!f.bad)
        run(&f, g, tmp, in);
    vq_arena_release(tmp, mark);
    if (c->pass == 0)
        c->images += batch;
    return !f.bad;
}

/* ---- the end of a pass ---- */

/* A zero's sign says nothing of a range, and not every JSON library keeps it:
 * the sum with 0 is 0 for both. */
static void
set_extremes(Stat *s)
{
    CalibEntry *e = &s->entry;

    for (uint32_t i = 0; i < e->n; i++)
        e->channel[i] = (Range){s->lo[i] + 0.0f, s->hi[i] + 0.0f};
    e->range = vq_calib_extremes(e);
}

void
vq_calib_end(Calib *c, int pass)
{
    const CalibMethodInfo *m = &vq_calib_method[c->method];

    assert(pass == c->pass && c->images > 0);
    for (size_t i = 0; i < c->stat->n; i++) {
        Stat *s = c->stat->item[i];

        if (pass == 0)
            set_extremes(s);
        else
            s->entry.range = m->choose(s->histogram, c->percentile);
    }
}

/* ---- without data ---- */

/* Mean 0, deviation 1, near normal: 12 uniform numbers of 16 bits. */
static float
draw(uint64_t *s)
{
    int64_t sum = 0;

    for (int i = 0; i < 3; i++) {
        uint64_t z = vq_random(s);

        for (int k = 0; k < 64; k += 16)
            sum += (int64_t)((z >> k) & 0xffff);
    }
    return (float)(sum - 6 * 0xffff) / 65536.0f;
}

static const void **
draw_inputs(Arena *a, const Graph *g, uint64_t *s)
{
    const void **in = NEWN(a, const void *, g->nin);

    for (uint32_t i = 0; i < g->nin; i++) {
        const Type *t = vq_type(g, g->in[i]);
        float *x = vq_alloc(a, (size_t)vq_bytes(t));

        for (int64_t k = 0; t->dt == DT_F32 && k < vq_count(t); k++)
            x[k] = draw(s);
        in[i] = x;
    }
    return in;
}

Calib *
vq_calib_random(Arena *a, Diag *d, const Graph *g, int images, uint64_t seed)
{
    Calib *c = vq_calib_new(a, g, CM_MINMAX, 0);
    Arena *tmp = vq_arena_inner(a);
    bool ok = true;

    vq_calib_begin(c, 0);
    for (int i = 0; ok && i < images; i++) {
        ArenaMark mark = vq_arena_mark(tmp);

        ok = vq_calib_feed(c, d, g, tmp, draw_inputs(tmp, g, &seed));
        vq_arena_release(tmp, mark);
    }
    vq_arena_free(tmp);
    if (!ok)
        return NULL;
    vq_calib_end(c, 0);
    return c;
}
