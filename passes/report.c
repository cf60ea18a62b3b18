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
