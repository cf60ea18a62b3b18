/*
 * onnx_load.c -- a file to an ONNX message.
 *
 * Promises a message with a graph in it, unpacked into the arena: its strings
 * and its tensors' bytes stay valid as long as the arena. The file is mapped
 * only while it is unpacked, and unmapped on the out-of-memory jump, too.
 */
#include "frontend/import.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Unpacking may take this much besides four times the file. */
enum { UNPACK_BYTES = 256 << 20 };

typedef struct Budget {
    Arena *arena;
    size_t left;
} Budget;

static void *
budget_alloc(void *user, size_t bytes)
{
    Budget *b = user;

    if (bytes > b->left)
        return NULL;
    b->left -= bytes;
    return vq_alloc(b->arena, bytes);
}

static void
budget_free(void *user, void *p)
{
    (void)user; /* the arena frees */
    (void)p;
}

static Onnx__ModelProto *
unpack(Arena *a, const uint8_t *data, size_t n, size_t max_memory)
{
    size_t most =
        n > (SIZE_MAX - UNPACK_BYTES) / 4 ? SIZE_MAX : UNPACK_BYTES + 4 * n;
    Budget budget = {a, max_memory && max_memory < most ? max_memory : most};
    ProtobufCAllocator alloc = {budget_alloc, budget_free, &budget};

    if (!vq_message_scan(&onnx__model_proto__descriptor, data, n))
        return NULL;
    return onnx__model_proto__unpack(&alloc, n, data);
}

/* The first bytes are all letters, spaces and the like. */
static bool
is_text(const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n && i < 512; i++)
        if (!isprint(p[i]) && !isspace(p[i]))
            return false;
    return true;
}

static bool
report_text(Diag *d, const uint8_t *p, size_t n)
{
    static const char lfs[] = "version https://git-lfs";

    if (n >= sizeof lfs - 1 && memcmp(p, lfs, sizeof lfs - 1) == 0)
        return vq_error(d, NOLOC,
                        "this is a Git LFS pointer, not the model: fetch it "
                        "with `git lfs pull`");
    return vq_error(d, NOLOC, "this is a text file, not an ONNX model");
}

static Onnx__ModelProto *
load_mapped(Arena *a, Diag *d, void *data, size_t n, size_t max_memory)
{
    Onnx__ModelProto *m;

    if (is_text(data, n)) {
        report_text(d, data, n);
        return NULL;
    }
    m = unpack(a, data, n, max_memory);
    if (!m)
        vq_error(d, NOLOC, "not an ONNX model (or truncated)");
    else if (!m->graph)
        vq_error(d, NOLOC, "not an ONNX model (or truncated): no graph in it");
    else
        return m;
    return NULL;
}

/* The file's bytes, to be unmapped; NULL after reporting. */
static void *
map_open(Arena *a, Diag *d, const char *path, int fd, size_t *n)
{
    struct stat st;
    void *data;

    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        vq_io_error(d, path, "cannot read: not a regular file");
        return NULL;
    }
    if (st.st_size == 0) {
        vq_error(d, NOLOC, "the file is empty, not an ONNX model");
        return NULL;
    }
    *n = (size_t)st.st_size;
    vq_memory_grow(a->memory, *n);
    data = mmap(NULL, *n, PROT_READ, MAP_PRIVATE, fd, 0);
    if (data != MAP_FAILED)
        return data;
    vq_io_error(d, path, "cannot read: %s", strerror(errno));
    return NULL;
}

static void *
map_file(Arena *a, Diag *d, const char *path, size_t *n)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    void *data;

    if (fd < 0) {
        vq_io_error(d, path, "cannot open: %s", strerror(errno));
        return NULL;
    }
    data = map_open(a, d, path, fd, n);
    close(fd);
    return data;
}

typedef struct Mapped {
    void *data;
    size_t n;
} Mapped;

static void
end_mapped(void *mapped)
{
    const Mapped *m = mapped;

    munmap(m->data, m->n);
}

Onnx__ModelProto *
vq_model_load(Arena *a, Diag *d, const char *path, size_t max_memory, size_t *n)
{
    Owned *owned = vq_own(a, end_mapped);
    Mapped *file = NEW(a, Mapped);
    Onnx__ModelProto *m;

    file->data = map_file(a, d, path, n);
    if (!file->data)
        return NULL;
    file->n = *n;
    owned->what = file;
    m = load_mapped(a, d, file->data, *n, max_memory);
    vq_owned_end(owned);
    return m;
}
