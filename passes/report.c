/*
 * report.c -- notes in the order they were made.
 */
#include "passes/report.h"

void
vq_report_form(Report *r, FormNote note)
{
    FormNote *n;

    if (!r)
        return;
    n = NEW(r->arena, FormNote);
    *n = note;
    n->value = vq_strdup(r->arena, note.value);
    n->why = vq_strdup(r->arena, note.why);
    n->next = NULL;
    if (r->last)
        r->last->next = n;
    else
        r->form = n;
    r->last = n;
}

void
vq_report_float(Report *r, FloatNote note)
{
    FloatNote *n;

    if (!r)
        return;
    n = NEW(r->arena, FloatNote);
    *n = note;
    n->value = vq_strdup(r->arena, note.value);
    n->why = vq_strdup(r->arena, note.why);
    n->next = NULL;
    if (r->last_kept)
        r->last_kept->next = n;
    else
        r->kept = n;
    r->last_kept = n;
}

void
vq_report_given(Report *r, unsigned kept, unsigned loosened)
{
    if (!r)
        return;
    r->given.kept += kept;
    r->given.loosened += loosened;
}

void
vq_report_weights(Report *r, int64_t channels, int64_t exact)
{
    if (!r)
        return;
    r->given.channels += channels;
    r->given.exact += exact;
}
