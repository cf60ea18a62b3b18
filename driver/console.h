/* console.h -- what the command says on standard error. */
#ifndef CONSOLE_H
#define CONSOLE_H

#include <vitqc/vitqc.h>

#include <stdbool.h>

/* -v: say every step. */
void console_init(bool verbose);
/* "vitqc: error: ..." */
void say_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Only with -v. */
void say_verbose(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* VitqcOptions' callbacks. */
void print_diag(void *user, const VitqcDiag *);
void print_progress(void *user, const char *what, int64_t done, int64_t total);
/* Clears a bar that stands on the terminal. */
void end_progress(void);

#endif
