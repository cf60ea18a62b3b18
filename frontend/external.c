/*
 * external.c -- the bytes of a tensor that lies in a file of its own.
 *
 * ONNX names the file relative to the model's folder (docs/ExternalData.md of
 * the ONNX project). A model may not reach out of that folder.
 */
#include "frontend/import.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct ExternalFile {
    dev_t dev;
    ino_t ino;
    const ExternalFile *next;
};

typedef struct External {
    const char *location;
    uint64_t offset, length;
    bool has_length;
} External;

static bool
parse_number(const char *s, uint64_t *v)
{
    char *end;

    if (*s < '0' || *s > '9')
        return false;
    errno = 0;
    *v = strtoull(s, &end, 10);
    return *end == 0 && errno == 0;
}

static bool
parse_entries(const Onnx__TensorProto *t, External *e)
{
    bool ok = true;

    for (size_t i = 0; i < t->n_external_data; i++) {
        const char *key = t->external_data[i]->key;
        const char *value = t->external_data[i]->value;

        if (!key || !value)
            return false;
        if (strcmp(key, "location") == 0)
            e->location = value;
        else if (strcmp(key, "offset") == 0)
            ok = ok && parse_number(value, &e->offset);
        else if (strcmp(key, "length") == 0)
            ok = ok && (e->has_length = parse_number(value, &e->length));
    }
    return ok && e->location && *e->location;
}

/* Relative, and no part of it is `..`. */
static bool
stays_inside(const char *path)
{
    if (*path == '/' || *path == '\\')
        return false;
    for (const char *p = path; *p;) {
        size_t n = strcspn(p, "/\\");

        if (n == 2 && p[0] == '.' && p[1] == '.')
            return false;
        p += n + (p[n] != 0);
    }
    return true;
}

static const char *
beside_model(Import *im, const char *location)
{
    const char *slash = strrchr(im->path, '/');

    return vq_format(im->arena, "%.*s%s",
                     slash ? (int)(slash + 1 - im->path) : 0, im->path,
                     location);
}

/* realpath's result in the arena; NULL: errno says why. */
static const char *
real_path(Import *im, const char *path)
{
    char *text = vq_alloc(im->arena, PATH_MAX);

    return realpath(path, text);
}

static const char *
folder_of(Import *im, const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? vq_format(im->arena, "%.*s",
                             (int)(slash == path ? 1 : slash - path), path)
                 : ".";
}

static bool
lies_in(const char *path, const char *folder)
{
    size_t n = folder ? strlen(folder) : 0;

    return n && strncmp(path, folder, n) == 0 &&
           (!path[n] || path[n] == '/' || strcmp(folder, "/") == 0);
}

/* Links do not lead out of the model's folder either, or, where the model is a
 * link itself, as in a cache of downloads, of the folder that it leads to. */
static bool
is_beside(Import *im, const char *real)
{
    const char *model = real_path(im, im->path);

    return lies_in(real, real_path(im, folder_of(im, im->path))) ||
           (model && lies_in(real, folder_of(im, model)));
}

static bool
read_all(int fd, uint8_t *p, size_t n, uint64_t offset)
{
    while (n) {
        ssize_t got = pread(fd, p, n, (off_t)offset);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        p += got;
        n -= (size_t)got;
        offset += (uint64_t)got;
    }
    return true;
}

static bool
in_bounds(Import *im, const char *path, const struct stat *st,
          const char *tensor, const External *e, size_t n)
{
    if (!S_ISREG(st->st_mode))
        return vq_io_error(im->diag, path, "cannot read: not a regular file");
    if (e->offset > (uint64_t)st->st_size ||
        n > (uint64_t)st->st_size - e->offset)
        return vq_io_error(im->diag, path,
                           "too short: tensor %s lies at %llu, %zu bytes long, "
                           "but the file ends at %lld; is it of this model?",
                           tensor, (unsigned long long)e->offset, n,
                           (long long)st->st_size);
    return true;
}

static bool
read_open(Import *im, const char *path, int fd, const char *tensor,
          const External *e, uint8_t *p, size_t n)
{
    struct stat st;

    if (fstat(fd, &st) != 0)
        return vq_io_error(im->diag, path, "cannot read: %s", strerror(errno));
    if (!in_bounds(im, path, &st, tensor, e, n))
        return false;
    if (!read_all(fd, p, n, e->offset))
        return vq_io_error(im->diag, path, "cannot read: %s", strerror(errno));
    return true;
}

/* A file counts towards the memory limit once, however many tensors say that
 * they lie in it. */
static void
count_file(Import *im, const struct stat *st)
{
    ExternalFile *one;

    for (const ExternalFile *f = im->files; f; f = f->next)
        if (f->dev == st->st_dev && f->ino == st->st_ino)
            return;
    vq_memory_grow(im->arena->memory, (uint64_t)st->st_size);
    one = NEW(im->arena, ExternalFile);
    *one = (ExternalFile){st->st_dev, st->st_ino, im->files};
    im->files = one;
}

/* Whether a file has n bytes at all, before memory for them is asked for. */
static bool
has_bytes(const char *path, size_t n)
{
    struct stat st;

    return stat(path, &st) == 0 && (uint64_t)st.st_size >= n;
}

/* A pipe is not waited for: what is no regular file is refused once open. */
static uint8_t *
read_path(Import *im, const char *path, const char *tensor, const External *e,
          size_t n)
{
    uint8_t *p = vq_alloc(im->arena, n && has_bytes(path, n) ? n : 1);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    bool ok;

    if (fd < 0) {
        vq_io_error(im->diag, path, "cannot open: %s", strerror(errno));
        return NULL;
    }
    ok = read_open(im, path, fd, tensor, e, p, n);
    close(fd);
    vq_budget_read(im, ok ? n : 0);
    return ok ? p : NULL;
}

/* Memory may run out: no file is open while some is taken. */
static uint8_t *
read_external(Import *im, const char *tensor, const External *e, size_t n)
{
    const char *path = beside_model(im, e->location);
    const char *real = real_path(im, path);
    struct stat st;

    if (!real || stat(real, &st) != 0)
        vq_io_error(im->diag, path,
                    "cannot open: %s; tensor %s lies in it, and it belongs "
                    "beside the model",
                    strerror(errno), tensor);
    else if (!is_beside(im, real))
        vq_error(im->diag, NOLOC,
                 "%s: external data at '%s' leads out of the model's folder",
                 tensor, e->location);
    else if (in_bounds(im, path, &st, tensor, e, n)) {
        count_file(im, &st);
        return read_path(im, real, tensor, e, n);
    }
    return NULL;
}

const uint8_t *
vq_external_read(Import *im, const Onnx__TensorProto *t, size_t n)
{
    const char *name = t->name ? t->name : "?";
    External e = {0};

    if (!parse_entries(t, &e))
        vq_error(im->diag, NOLOC, "%s: its external data entry is not valid",
                 name);
    else if (!stays_inside(e.location))
        vq_error(im->diag, NOLOC,
                 "%s: external data at '%s' is outside the model's folder",
                 name, e.location);
    else if (e.has_length && e.length != n)
        vq_error(im->diag, NOLOC,
                 "%s: %llu bytes of external data, its shape needs %zu", name,
                 (unsigned long long)e.length, n);
    else
        return read_external(im, name, &e, n);
    return NULL;
}
