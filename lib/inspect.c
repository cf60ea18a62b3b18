/*
 * inspect.c -- a model looked at as far as it goes: read, fused, compiled on
 * one synthetic image, with every complaint kept for a list.
 *
 * Each stage is an entry of its own into the session, so that a stage that
 * fails leaves what the ones before it found.
 */
#include "lib/inspect.h"

#include "passes/keep.h"
#include "passes/report.h"

#include <limits.h>
#include <string.h>

/* ---- messages ---- */

static void
collect(void *user, const VitqcDiag *d)
{
    Inspect *in = user;

    if (d->severity == VITQC_ERROR) {
        const char *where = d->file && strcmp(d->file, in->path) != 0
                                ? vq_format(&in->arena, "%s: ", d->file)
                                : "";
        const char *text = vq_format(&in->arena, "%s%s", where, d->text);

        vq_problem_add(&in->errors, d->domain, d->op, d->node, text);
    } else if (d->severity == VITQC_WARNING && in->asked->on_diag &&
               !in->fused) {
        in->asked->on_diag(in->asked->user, d);
    }
}

static void
pass_progress(void *user, const char *what, int64_t done, int64_t total)
{
    Inspect *in = user;

    if (in->asked->on_progress)
        in->asked->on_progress(in->asked->user, what, done, total);
}

/* ---- stages ---- */

static bool
read_model(Vitqc *v, void *arg)
{
    Inspect *in = arg;

    if (!vq_read_model(v, in->path, &in->notes, UINT_MAX))
        return false;
    in->read = vq_copy_graph(&v->arena, v->g);
    return true;
}

/* Optional passes cut away what a user would look for; they stay out. */
static bool
find_structure(Vitqc *v, void *arg)
{
    Inspect *in = arg;
    Graph *g = vq_copy_graph(&v->arena, in->read);
    int level = v->opt.level;
    bool ok;

    if (g->facts & F_QUANTIZED)
        return true;
    v->opt.level = 0;
    ok = vq_run_float_passes(v, g);
    v->opt.level = level;
    if (ok)
        in->structure = vq_structure_find(g, &v->arena);
    return ok;
}

/* All ops that have no form, not just the first. */
static bool
find_formless(Vitqc *v, void *arg)
{
    Inspect *in = arg;
    const Graph *g;

    if (v->g->facts & F_QUANTIZED)
        return true;
    if (!vq_prepare(v))
        return false;
    g = in->fused = v->real;
    for (uint32_t i = 1; i < g->nop; i++)
        vq_check_form(g, &v->diag, &g->op[i], v->opt.require_integer != 0);
    return v->diag.nerror == 0;
}

/* What the quantizer kept, and why. */
static void
note_kept(Inspect *in, const Report *r)
{
    for (const FloatNote *n = r ? r->kept : NULL; n; n = n->next)
        vq_problem_add(&in->in_float, n->loc.domain,
                       n->loc.op ? n->loc.op : n->op,
                       n->loc.node ? n->loc.node : n->value, n->why);
}

/* Equal steps share their code. */
static bool
same_step(const Graph *g, const Op *a, const Op *b)
{
    if (a->kind != b->kind || a->nin != b->nin ||
        !vq_same_shape(vq_type(g, a->out), vq_type(g, b->out)))
        return false;
    for (uint32_t i = 0; i < a->nin; i++)
        if (!a->in[i] != !b->in[i] ||
            !vq_same_shape(vq_type(g, a->in[i]), vq_type(g, b->in[i])))
            return false;
    return true;
}

static bool
is_repeated(const Graph *g, uint32_t at)
{
    for (uint32_t i = 1; i < at; i++)
        if (same_step(g, &g->op[i], &g->op[at]))
            return true;
    return false;
}

/* What code takes beside constants, fitted to objects of all x86-64 levels:
 * for each step, and for each that differs from all before it. */
enum { STEP_BYTES = 2400, KERNEL_BYTES = 13000 };

static int64_t
code_bytes(const Graph *g)
{
    int64_t n = 0;

    for (uint32_t i = 1; i < g->nop; i++) {
        n += STEP_BYTES;
        if (vq_op[g->op[i].kind].stage != STAGE_M && !is_repeated(g, i))
            n += KERNEL_BYTES;
    }
    return n;
}

static bool
plan(Vitqc *v, void *arg)
{
    Inspect *in = arg;
    int64_t n, bytes;

    note_kept(in, v->report);
    in->planned = v->g;
    vq_count_constants(v->g, &n, &bytes);
    in->object_bytes = bytes + code_bytes(v->g);
    return true;
}

static bool
may_plan(const Inspect *in)
{
    return in->read->nin == 1 && !(in->read->facts & (F_QUANTIZED | F_INTEGER));
}

static VitqcStatus
look(Inspect *in)
{
    VitqcCalibration one;
    VitqcStatus s = vq_guard(in->v, read_model, in);

    if (s == VITQC_OK)
        s = vq_guard(in->v, find_structure, in);
    if (s == VITQC_OK)
        s = vq_guard(in->v, find_formless, in);
    if (s != VITQC_OK || !may_plan(in))
        return s;
    vitqc_calibration_init(&one);
    one.images.count = 1;
    s = vitqc_calibrate(in->v, &one);
    if (s == VITQC_OK)
        s = vitqc_compile(in->v);
    if (s == VITQC_OK)
        s = vq_guard(in->v, plan, in);
    return s;
}

/* ---- the whole ---- */

typedef struct Output {
    Inspect *in;
    FILE *text, *json;
} Output;

static bool
write_out(Inspect *in, FILE *text, FILE *json)
{
    jmp_buf jump;

    in->arena.oom = &jump;
    if (setjmp(jump))
        return false;
    if (text)
        vq_inspect_print(in, text);
    if (json)
        vq_inspect_json(in, json);
    return true;
}

static void
say_failure(const Inspect *in, VitqcStatus s)
{
    char text[128];
    VitqcDiag d = {.severity = VITQC_ERROR, .file = in->path, .text = text};

    if (!in->asked->on_diag || s == VITQC_OK)
        return;
    if (in->errors.count)
        snprintf(text, sizeof text, "%zu error%s: vitqc cannot compile it",
                 in->errors.count, in->errors.count == 1 ? "" : "s");
    else
        snprintf(text, sizeof text, "%s", vitqc_status_text(s));
    in->asked->on_diag(in->asked->user, &d);
}

VitqcStatus
vitqc_inspect(const char *path, const VitqcOptions *given, FILE *text,
              FILE *json)
{
    VitqcOptions o;
    Inspect in = {.asked = &o, .path = path};
    VitqcOptions own;
    VitqcStatus s;
    jmp_buf jump;

    vitqc_options_init(&o);
    if (given)
        vq_copy_known(&o, sizeof o, given, given->size);
    own = o;
    own.on_diag = collect;
    own.on_progress = pass_progress;
    own.user = &in;
    in.arena.oom = &jump;
    in.errors.arena = in.in_float.arena = &in.arena;
    if (setjmp(jump)) {
        vitqc_free(in.v);
        vq_arena_free(&in.arena);
        return VITQC_ENOMEM;
    }
    s = vitqc_new(&in.v, &own);
    if (s == VITQC_OK)
        s = look(&in);
    if (in.v && !write_out(&in, text, json))
        s = VITQC_ENOMEM;
    say_failure(&in, s);
    vitqc_free(in.v);
    vq_arena_free(&in.arena);
    return s;
}
