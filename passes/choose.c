/*
 * choose.c -- which form fills a nonlinear op's table, by measurement.
 *
 * Bit shifts where they cost nothing: SHIFT unless it loses more than
 * TOLERANCE dB against EXACT at the op's output. The choice depends on the
 * model and its calibration, never on the target; it is noted in the
 * calibration, so that a saved file gives the same object. A model that is
 * quantized already was judged by its maker with the true functions, and keeps
 * them.
 */
#include "passes/calib.h"
#include "passes/given.h"
#include "passes/lower.h"
#include "passes/report.h"

#include <math.h>

#define TOLERANCE 0.1 /* dB */

static TableForm
measure_forms(Rewrite *r, const FormChoice *c, FormNote *note)
{
    c->fill(c->user, TF_SHIFT);
    note->sqnr_shift = c->sqnr(c->user);
    c->fill(c->user, TF_EXACT);
    note->sqnr_exact = c->sqnr(c->user);
    if (isnan(note->sqnr_shift) || isnan(note->sqnr_exact)) {
        note->why = "no calibration image to measure with";
        return TF_EXACT;
    }
    note->why = vq_format(r->to->arena, "shift %.2f dB, exact %.2f dB",
                          note->sqnr_shift, note->sqnr_exact);
    return note->sqnr_shift >= note->sqnr_exact - TOLERANCE ? TF_SHIFT
                                                            : TF_EXACT;
}

static TableForm
choose_auto(Rewrite *r, const FormChoice *c, FormNote *note)
{
    struct Calib *calib = vq_context(r)->calib;
    const char *name = vq_subname(r, c->op, ".form");
    double noted;
    TableForm form;

    if (vq_calib_noted(calib, VQ_NOTE_GIVEN, &noted)) {
        note->why = "the model is quantized already";
        return TF_EXACT;
    }
    if (vq_calib_noted(calib, name, &noted)) {
        note->why = "measured when the calibration was made";
        return noted == TF_SHIFT ? TF_SHIFT : TF_EXACT;
    }
    form = measure_forms(r, c, note);
    vq_calib_note(calib, name, form);
    return form;
}

void
vq_choose_form(Rewrite *r, const FormChoice *c)
{
    const PassContext *cx = vq_context(r);
    FormNote note = {.value = r->from->val[c->op->out].name,
                     .op = vq_op[c->op->kind].text,
                     .why = "asked for",
                     .sqnr_shift = NAN,
                     .sqnr_exact = NAN};
    TableForm form = cx->nonlinear == NL_AUTO    ? choose_auto(r, c, &note)
                     : cx->nonlinear == NL_SHIFT ? TF_SHIFT
                                                 : TF_EXACT;

    c->fill(c->user, form);
    note.form = vq_table_form_text[form];
    vq_report_form(cx->report, note);
}
