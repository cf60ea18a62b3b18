/*
 * output.c -- see output.h: temporary files, synced, renamed together.
 */
#include "lib/output.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct Output {
    const char *path; /* as the user wrote it, for messages */
    char *place;      /* links resolved */
    char *temp;       /* NULL: written directly */
    FILE *f;          /* NULL: closed */
} Output;

struct OutputSet {
    Arena *arena;
    Diag *diag;
    Output *out;
    size_t n, cap;
};

static void
end_set(void *set)
{
    vq_output_abort(set);
}

OutputSet *
vq_output_new(Arena *a, Diag *d)
{
    Owned *owned = vq_own(a, end_set);
    OutputSet *s = NEW(a, OutputSet);

    s->arena = a;
    s->diag = d;
    owned->what = s;
    return s;
}

/* A link stays a link: what it points at is replaced. */
static char *
resolve(Arena *a, const char *path)
{
    char buf[PATH_MAX];

    return vq_strdup(a, realpath(path, buf) ? buf : path);
}

/* The stream of ours that a path means, whatever it was redirected to; -1:
 * none. */
static int
own_stream(const char *path)
{
    static const struct {
        const char *path;
        int fd;
    } own[] = {
        {"-", STDOUT_FILENO},
        {"/dev/stdout", STDOUT_FILENO},
        {"/dev/stderr", STDERR_FILENO},
    };

    for (size_t i = 0; i < COUNT(own); i++)
        if (strcmp(own[i].path, path) == 0)
            return own[i].fd;
    return -1;
}

bool
vq_output_is_direct(const char *path)
{
    struct stat st;

    return own_stream(path) >= 0 ||
           (stat(path, &st) == 0 && !S_ISREG(st.st_mode));
}

static FILE *
open_direct(Output *o)
{
    int fd = own_stream(o->path);

    if (fd < 0)
        return fopen(o->path, "wb");
    fd = dup(fd);
    return fd < 0 ? NULL : fdopen(fd, "wb");
}

/* mkstemp makes the file private; a new file gets what the umask allows, an
 * old one keeps its mode. */
static mode_t
wanted_mode(const char *place)
{
    struct stat st;
    mode_t mask = umask(0);

    umask(mask);
    if (stat(place, &st) == 0)
        return st.st_mode & 07777;
    return 0666 & ~mask;
}

static FILE *
open_temp(OutputSet *s, Output *o)
{
    char *temp = vq_format(s->arena, "%s.XXXXXX", o->place);
    int fd;
    FILE *f;

    /* An existing file that forbids writing is not to be replaced. */
    if (access(o->place, F_OK) == 0 && access(o->place, W_OK) != 0)
        return NULL;
    fd = mkstemp(temp);
    if (fd < 0)
        return NULL;
    o->temp = temp;
    if (fchmod(fd, wanted_mode(o->place)) != 0 || !(f = fdopen(fd, "wb"))) {
        close(fd);
        return NULL;
    }
    return f;
}

FILE *
vq_output_open(OutputSet *s, const char *path)
{
    Output *o;

    s->out = vq_grow(s->arena, s->out, s->n, &s->cap, sizeof *s->out);
    o = &s->out[s->n];
    *o = (Output){.path = path, .place = resolve(s->arena, path)};
    s->n++;
    o->f = vq_output_is_direct(path) ? open_direct(o) : open_temp(s, o);
    if (!o->f)
        vq_io_error(s->diag, path, "cannot write: %s", strerror(errno));
    return o->f;
}

/* Why a stream failed: errno of the write is long gone, so one more byte is
 * tried. */
static int
cause(FILE *f)
{
    return write(fileno(f), "", 1) < 0 ? errno : EIO;
}

/* Only a regular file can and must be synced before its rename. */
static bool
finish(OutputSet *s, Output *o)
{
    FILE *f = o->f;
    int err = ferror(f) ? cause(f) : 0;
    bool good = !err && fflush(f) == 0;

    good = good && (!o->temp || fsync(fileno(f)) == 0);
    if (!good && !err)
        err = errno;
    o->f = NULL;
    if (fclose(f) != 0 && good) {
        good = false;
        err = errno;
    }
    if (!good)
        vq_io_error(s->diag, o->path, "cannot write: %s", strerror(err));
    return good;
}

static bool
rename_all(OutputSet *s)
{
    for (size_t i = 0; i < s->n; i++) {
        Output *o = &s->out[i];

        if (!o->temp)
            continue;
        if (rename(o->temp, o->place) != 0)
            return vq_io_error(s->diag, o->path, "cannot write: %s",
                               strerror(errno));
        o->temp = NULL;
    }
    return true;
}

bool
vq_output_commit(OutputSet *s)
{
    bool good = true;

    for (size_t i = 0; i < s->n && good; i++)
        if (s->out[i].f)
            good = finish(s, &s->out[i]);
    if (good)
        good = rename_all(s);
    vq_output_abort(s);
    return good;
}

void
vq_output_abort(OutputSet *s)
{
    for (size_t i = 0; i < s->n; i++) {
        Output *o = &s->out[i];

        if (o->f)
            fclose(o->f);
        if (o->temp)
            unlink(o->temp);
    }
    s->n = 0;
}
