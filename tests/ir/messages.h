/*
 * messages.h -- for tests: a Diag that keeps what is reported, one line each:
 * `LINE:COL SEVERITY TEXT`.
 */
#ifndef VQ_TESTS_MESSAGES_H
#define VQ_TESTS_MESSAGES_H

#include <stdio.h>
#include <string.h>

#include "ir/ir.h"

typedef struct Messages {
    char text[4096];
    Diag diag;
} Messages;

static inline void
keep_message(void *user, Severity sev, const char *file, Loc loc,
             const char *text)
{
    static const char *const name[] = {"note", "warning", "error"};
    Messages *m = user;
    size_t n = strlen(m->text);

    (void)file;
    snprintf(m->text + n, sizeof m->text - n, "%u:%u %s %s\n", loc.line,
             loc.col, name[sev], text);
}

static inline Diag *
listen(Messages *m)
{
    m->text[0] = '\0';
    m->diag = (Diag){.fn = keep_message, .user = m};
    return &m->diag;
}

#endif
