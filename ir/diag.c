/*
 * diag.c -- messages: where, what, and what would help.
 */
#include "ir/base.h"

#include <stdio.h>

static void
report(Diag *d, Severity sev, const char *file, Loc loc, const char *fmt,
       va_list ap)
{
    char text[1024];

    vsnprintf(text, sizeof text, fmt, ap);
    for (char *c = text; *c; c++) /* one line, whatever a model's names hold */
        *c = (unsigned char)*c < ' ' || *c == 127 ? '?' : *c;
    if (d->fn)
        d->fn(d->user, sev, file, loc, text);
}

static void
count(Diag *d, Fault fault)
{
    d->nerror++;
    if (d->fault == FAULT_NONE)
        d->fault = fault;
}

bool
vq_error(Diag *d, Loc loc, const char *fmt, ...)
{
    va_list ap;

    count(d, FAULT_MODEL);
    va_start(ap, fmt);
    report(d, SEV_ERROR, d->file, loc, fmt, ap);
    va_end(ap);
    return false;
}

bool
vq_io_error(Diag *d, const char *path, const char *fmt, ...)
{
    va_list ap;

    count(d, FAULT_IO);
    va_start(ap, fmt);
    report(d, SEV_ERROR, path, NOLOC, fmt, ap);
    va_end(ap);
    return false;
}

bool
vq_file_error(Diag *d, const char *path, const char *fmt, ...)
{
    va_list ap;

    count(d, FAULT_MODEL);
    va_start(ap, fmt);
    report(d, SEV_ERROR, path, NOLOC, fmt, ap);
    va_end(ap);
    return false;
}

bool
vq_bug(Diag *d, Loc loc, const char *fmt, ...)
{
    va_list ap;

    count(d, FAULT_BUG);
    va_start(ap, fmt);
    report(d, SEV_ERROR, d->file, loc, fmt, ap);
    va_end(ap);
    return false;
}

void
vq_warn(Diag *d, Loc loc, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    report(d, SEV_WARNING, d->file, loc, fmt, ap);
    va_end(ap);
}

void
vq_note(Diag *d, Loc loc, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    report(d, SEV_NOTE, d->file, loc, fmt, ap);
    va_end(ap);
}
