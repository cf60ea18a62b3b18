/* columns.h -- a label and a text beside it, broken at 80 columns. */
#ifndef VQ_COLUMNS_H
#define VQ_COLUMNS_H

#include <stdio.h>

/* The text is broken at blanks; lines go on under its first. */
void vq_put_column(FILE *, const char *label, const char *text);

#endif
