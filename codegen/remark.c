/*
 * remark.c -- see remark.h: remarks collected while a kernel is made.
 */
#include "codegen/remark.h"

#include <stdio.h>
#include <string.h>

static void
add(Remarks *r, bool slow, const char *fmt, va_list ap)
{
    char text[256];

    vsnprintf(text, sizeof text, fmt, ap);
    for (size_t i = 0; i < r->n; i++)
        if (strcmp(r->item[i].text, text) == 0)
            return;
    r->item = vq_grow(r->arena, r->item, r->n, &r->cap, sizeof *r->item);
    r->item[r->n++] = (Remark){slow, vq_strdup(r->arena, text)};
}

void
vq_remark(Remarks *r, bool slow, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    add(r, slow, fmt, ap);
    va_end(ap);
}

void
b_choice(Build *b, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    if (b->remarks)
        add(b->remarks, false, fmt, ap);
    va_end(ap);
}

void
b_slow(Build *b, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    if (b->remarks)
        add(b->remarks, true, fmt, ap);
    va_end(ap);
}

void
b_scalar(Build *b, const char *what, const char *why)
{
    Remarks *r = b->remarks;

    if (!r)
        return;
    r->loop =
        vq_grow(r->arena, r->loop, r->nloop, &r->caploop, sizeof *r->loop);
    r->loop[r->nloop++] = (ScalarLoop){LLVMGetInsertBlock(b->b), what, why};
}
