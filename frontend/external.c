/*
 * external.c -- the bytes of a tensor that lies in a file of its own.
 *
 * ONNX names the file relative to the model's folder (docs/ExternalData.md of
 * the ONNX project). A model may not reach out of that folder.
 */
#include "frontend/import.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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
read_open(Import *im, const char *path, int fd, const char *tensor,
          const External *e, uint8_t *p, size_t n)
{
    struct stat st;

    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        return vq_io_error(im->diag, path, "cannot read: not a regular file");
    if (e->offset > (uint64_t)st.st_size ||
        n > (uint64_t)st.st_size - e->offset)
        return vq_io_error(im->diag, path,
                           "too short: tensor %s lies at %llu, %zu bytes long, "
                           "but the file ends at %lld; is it of this model?",
                           tensor, (unsigned long long)e->offset, n,
                           (long long)st.st_size);
    if (!read_all(fd, p, n, e->offset))
        return vq_io_error(im->diag, path, "cannot read: %s", strerror(errno));
    return true;
}

/* The buffer is made before the file is opened: memory may run out. */
static uint8_t *
read_external(Import *im, const char *tensor, const External *e, size_t n)
{
    const char *path = beside_model(im, e->location);
    uint8_t *p = vq_alloc(im->arena, n ? n : 1);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool ok;

    if (fd < 0) {
        vq_io_error(im->diag, path,
                    "cannot open: %s; tensor %s lies in it, and it belongs "
                    "beside the model",
                    strerror(errno), tensor);
        return NULL;
    }
    ok = read_open(im, path, fd, tensor, e, p, n);
    close(fd);
    return ok ? p : NULL;
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
