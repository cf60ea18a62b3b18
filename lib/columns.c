/*
 * columns.c -- text in two columns, 80 wide.
 */
#include "lib/columns.h"

#include <string.h>

enum { LABEL = 10, WIDTH = 80 };

/* A word that is too long for a line stands on one of its own. */
void
vq_put_column(FILE *to, const char *label, const char *text)
{
    size_t at = LABEL;

    fprintf(to, "%-*s", LABEL, label);
    if (strlen(label) >= LABEL)
        fprintf(to, "\n%*s", LABEL, "");
    while (*text) {
        size_t n = strcspn(text, " ");

        if (at > LABEL && at + 1 + n > WIDTH) {
            fprintf(to, "\n%*s", LABEL, "");
            at = LABEL;
        }
        at +=
            (size_t)fprintf(to, "%s%.*s", at > LABEL ? " " : "", (int)n, text);
        text += n + (text[n] != 0);
    }
    fputc('\n', to);
}
