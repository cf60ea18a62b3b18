/*
 * report_json.c -- what the compiler decided and what it costs, as JSON.
 *
 * A layer is an op of the final graph: its type and range, multiply-adds,
 * bytes of constants, and how close it is to the float graph on the first
 * calibration image (SQNR in dB). Those need the ranges of this run or of a
 * file; what is not known is left out.
 */
#include "lib/session.h"

#include "ir/eval.h"
#include "ir/text.h"
#include "passes/json.h"
#include "passes/report.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <string.h>

typedef struct Probe {
    Vitqc *v;
    double *sqnr; /* by value; NAN: not known */
} Probe;

static void
add_number(cJSON *to, const char *key, double x)
{
    if (isfinite(x))
        cJSON_AddNumberToObject(to, key, x);
}

/* In the tree at once: what is not is lost when memory runs out. */
static cJSON *
add_object(cJSON *list)
{
    cJSON *o = cJSON_CreateObject();

    cJSON_AddItemToArray(list, o);
    return o;
}

/* ---- closeness to the float graph ---- */

static void
compare_probe(void *user, const Graph *g, ValId id, const void *data)
{
    Probe *p = user;
    const CalibEntry *e = vq_calib_find(p->v->calib, g->val[id].name);
    ValId real = e && e->probe ? vq_find_value(p->v->real, e->name) : 0;
    Closeness c = {0};

    if (!real ||
        vq_count(vq_type(p->v->real, real)) != vq_count(vq_type(g, id)))
        return;
    vq_closeness_add_value(&c, &p->v->tmp, g, id, data, e->probe);
    p->sqnr[id] = vq_decibel(c.signal, c.noise);
}

/* Runs the integer graph on the first calibration image. */
static double *
measure(Vitqc *v)
{
    const Graph *g = v->g;
    Probe p = {v, NEWN(&v->tmp, double, g->nval)};
    const CalibEntry *in =
        v->calib ? vq_calib_find(v->calib, g->val[g->in[0]].name) : NULL;
    void **out = NEWN(&v->tmp, void *, g->nout);

    for (ValId i = 0; i < g->nval; i++)
        p.sqnr[i] = NAN;
    if (!in || !in->probe || !v->real || g->nin != 1)
        return p.sqnr;
    for (uint32_t i = 0; i < g->nout; i++)
        out[i] = vq_alloc(&v->tmp, (size_t)vq_bytes(vq_type(g, g->out[i])));
    vq_progress(v, "measuring", 0, 0);
    vq_eval(g, &v->tmp, (const void *[]){in->probe}, out, compare_probe, &p);
    return p.sqnr;
}

/* ---- layers ---- */

static int64_t
constant_bytes(const Graph *g, const Op *op)
{
    int64_t n = 0;

    for (uint32_t i = 0; i < op->nin; i++)
        if (op->in[i] && vq_is_const(g, op->in[i]))
            n += vq_bytes(vq_type(g, op->in[i]));
    return n;
}

static void
add_form(cJSON *to, const FormNote *n)
{
    cJSON_AddStringToObject(to, "form", n->form);
    cJSON_AddStringToObject(to, "why", n->why);
    add_number(to, "sqnr_shift_db", n->sqnr_shift);
    add_number(to, "sqnr_exact_db", n->sqnr_exact);
}

static const FormNote *
find_form(const Report *r, const char *value)
{
    for (const FormNote *n = r ? r->form : NULL; n; n = n->next)
        if (strcmp(n->value, value) == 0)
            return n;
    return NULL;
}

static void
add_layer(cJSON *list, Vitqc *v, const Op *op, double sqnr)
{
    const Graph *g = v->g;
    const char *name = g->val[op->out].name;
    const Type *t = vq_type(g, op->out);
    const CalibEntry *e = v->calib ? vq_calib_find(v->calib, name) : NULL;
    const FormNote *form = find_form(v->report, name);
    cJSON *o = add_object(list);

    cJSON_AddStringToObject(o, "name", name);
    cJSON_AddStringToObject(o, "op", vq_op[op->kind].text);
    if (op->loc.node)
        cJSON_AddStringToObject(o, "node", op->loc.node);
    cJSON_AddStringToObject(o, "type", vq_type_text(&v->tmp, g, t));
    cJSON_AddNumberToObject(o, "bits", vq_dtype[t->dt].bytes * 8);
    if (e) {
        double range[] = {(double)e->range.lo, (double)e->range.hi};

        cJSON_AddItemToObject(o, "range", cJSON_CreateDoubleArray(range, 2));
    }
    add_number(o, "sqnr_db", sqnr);
    cJSON_AddNumberToObject(o, "macs", (double)vq_macs(g, op));
    cJSON_AddNumberToObject(o, "constant_bytes", (double)constant_bytes(g, op));
    cJSON_AddNumberToObject(o, "output_bytes", (double)vq_bytes(t));
    if (form)
        add_form(o, form);
}

static void
add_layers(cJSON *list, Vitqc *v)
{
    double *sqnr = measure(v);

    for (uint32_t i = 1; i < v->g->nop; i++)
        add_layer(list, v, &v->g->op[i], sqnr[v->g->op[i].out]);
}

/* Nonlinear ops by the names they had when their form was chosen: a table may
 * since have become part of a linear layer. */
static void
add_forms(cJSON *list, const Report *r)
{
    for (const FormNote *n = r ? r->form : NULL; n; n = n->next) {
        cJSON *o = add_object(list);

        cJSON_AddStringToObject(o, "name", n->value);
        cJSON_AddStringToObject(o, "op", n->op);
        add_form(o, n);
    }
}

/* Ops of the float graph, which may have become several float ops. */
static void
add_kept(cJSON *list, const Report *r)
{
    for (const FloatNote *n = r ? r->kept : NULL; n; n = n->next) {
        cJSON *o = add_object(list);

        cJSON_AddStringToObject(o, "name", n->value);
        cJSON_AddStringToObject(o, "op", n->op);
        if (n->loc.node)
            cJSON_AddStringToObject(o, "node", n->loc.node);
        cJSON_AddStringToObject(o, "why", n->why);
    }
}

/* What a model that was quantized already brought along. */
static void
add_given(cJSON *to, const Report *r)
{
    cJSON *o;

    if (!r || !(r->given.kept || r->given.loosened || r->given.exact))
        return;
    o = cJSON_AddObjectToObject(to, "quantized");
    cJSON_AddNumberToObject(o, "scales_kept", r->given.kept);
    cJSON_AddNumberToObject(o, "scales_loosened", r->given.loosened);
    cJSON_AddNumberToObject(o, "weight_channels", (double)r->given.channels);
    cJSON_AddNumberToObject(o, "weight_channels_exact", (double)r->given.exact);
}

/* ---- the whole ---- */

static void
add_totals(cJSON *o, const Graph *g)
{
    int64_t n, bytes;

    vq_count_constants(g, &n, &bytes);
    cJSON_AddNumberToObject(o, "macs", (double)vq_total_macs(g));
    cJSON_AddNumberToObject(o, "constant_bytes", (double)bytes);
    cJSON_AddNumberToObject(o, "work_bytes", (double)g->worksize);
}

static void
add_options(cJSON *o, const Vitqc *v)
{
    static const char *const nonlinear[] = {
        [VITQC_AUTO] = "auto",
        [VITQC_SHIFT] = "shift",
        [VITQC_EXACT] = "exact",
        [VITQC_IVIT] = "ivit",
    };

    cJSON_AddNumberToObject(o, "bits", v->opt.bits);
    cJSON_AddStringToObject(o, "nonlinear", nonlinear[v->opt.nonlinear]);
    cJSON_AddNumberToObject(o, "prob_bits", v->opt.prob_bits);
    cJSON_AddBoolToObject(o, "dyadic", v->opt.dyadic);
    cJSON_AddBoolToObject(o, "require_integer", v->opt.require_integer);
    cJSON_AddNumberToObject(o, "level", v->opt.level);
}

void
vq_emit_report(Vitqc *v, FILE *f)
{
    Owned *tree = vq_json_own(&v->tmp);
    cJSON *o = tree->what = cJSON_CreateObject();

    cJSON_AddStringToObject(o, "vitqc", vitqc_version());
    cJSON_AddStringToObject(o, "model", v->path);
    cJSON_AddStringToObject(o, "name", v->name);
    add_options(cJSON_AddObjectToObject(o, "options"), v);
    if (v->calib)
        cJSON_AddNumberToObject(o, "calibration_images",
                                (double)vq_calib_images(v->calib));
    add_given(o, v->report);
    add_totals(cJSON_AddObjectToObject(o, "total"), v->g);
    add_layers(cJSON_AddArrayToObject(o, "layers"), v);
    add_forms(cJSON_AddArrayToObject(o, "nonlinear"), v->report);
    add_kept(cJSON_AddArrayToObject(o, "kept_in_float"), v->report);
    vq_json_write(&v->tmp, tree, f);
}
