/*
 * console.c -- messages and the progress bar.
 *
 * The bar appears on terminals alone, for work that takes over a second, and
 * is wiped before anything else is printed.
 */
#include "driver/console.h"

#include <stdarg.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static struct {
    bool verbose, terminal, bar;
    double start, drawn; /* seconds: of the present work; of the last drawing */
    char what[64];
} con;

static double
now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void
console_init(bool verbose)
{
    con.verbose = verbose;
    con.terminal = isatty(STDERR_FILENO);
    con.start = now();
}

void
end_progress(void)
{
    if (con.bar)
        fputs("\r\033[K", stderr);
    con.bar = false;
}

void
say_error(const char *fmt, ...)
{
    va_list ap;

    end_progress();
    fputs("vitqc: error: ", stderr);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
}

void
say_verbose(const char *fmt, ...)
{
    va_list ap;

    if (!con.verbose)
        return;
    end_progress();
    fputs("vitqc: ", stderr);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
}

/* A message is one line, whatever a model's names hold. */
static void
put_line(const char *s)
{
    for (; *s; s++)
        fputc((unsigned char)*s < ' ' || *s == 127 ? '?' : *s, stderr);
}

void
print_diag(void *user, const VitqcDiag *d)
{
    static const char *const severity[] = {
        [VITQC_NOTE] = "note",
        [VITQC_WARNING] = "warning",
        [VITQC_ERROR] = "error",
    };

    (void)user;
    end_progress();
    put_line(d->file ? d->file : "vitqc");
    if (d->line)
        fprintf(stderr, ":%u:%u", d->line, d->col);
    fputs(": ", stderr);
    if (d->node) {
        fputs("node '", stderr);
        put_line(d->node);
        fputs("': ", stderr);
    }
    fprintf(stderr, "%s: ", severity[d->severity]);
    put_line(d->text);
    fputc('\n', stderr);
}

static void
draw(const char *what, int64_t done, int64_t total)
{
    enum { WIDTH = 32 };
    char bar[WIDTH + 1];
    int full = total ? (int)(done * WIDTH / total) : 0;

    memset(bar, ' ', WIDTH);
    memset(bar, '=', (size_t)full);
    bar[WIDTH] = 0;
    if (total)
        fprintf(stderr, "\r\033[K%s [%s] %lld/%lld", what, bar, (long long)done,
                (long long)total);
    else
        fprintf(stderr, "\r\033[K%s", what);
    fflush(stderr);
    con.bar = true;
}

void
print_progress(void *user, const char *what, int64_t done, int64_t total)
{
    double t = now();

    (void)user;
    if (strncmp(con.what, what, sizeof con.what - 1) != 0) {
        snprintf(con.what, sizeof con.what, "%s", what);
        say_verbose("%s", what);
        if (total)
            con.start = t;
    }
    if (total && done == total) {
        end_progress();
        return;
    }
    if (!con.terminal || t - con.start < 1 || t - con.drawn < 0.1)
        return;
    con.drawn = t;
    draw(what, done, total);
}
