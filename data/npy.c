/*
 * npy.c -- reading numpy's .npy files by rows.
 *
 * The format: "\x93NUMPY", version major and minor, the header's length (u16
 * in version 1, u32 in 2 and 3), the header, which is a Python dict of
 * 'descr', 'fortran_order' and 'shape' padded with spaces to a newline, then
 * the elements. (NEP 1; numpy.lib.format.)
 *
 * Every read opens the file, takes its bytes with pread and closes it: memory
 * does not grow with the file and nothing is held between calls.
 */
#include "data/data.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "elements are read as they lie in the file");

enum { MAX_HEADER = 65536, PREFIX = 12 };

static const struct {
    const char *descr, *text;
    size_t size;
} types[NNPY] = {
#define NPY(e, descr, text, bytes) [NPY_##e] = {descr, text, bytes},
#include "data/npy.def"
#undef NPY
};

size_t
vq_npy_size(NpyType t)
{
    return types[t].size;
}

const char *
vq_npy_text(NpyType t)
{
    return types[t].text;
}

const char *
vq_npy_shape(Arena *a, const int64_t *dim, int rank)
{
    char text[NPY_MAXRANK * 24 + 8] = "[";
    int n = 1;

    for (int i = 0; i < rank; i++)
        n += snprintf(text + n, sizeof text - (size_t)n, "%s%" PRId64,
                      i ? " x " : "", dim[i]);
    snprintf(text + n, sizeof text - (size_t)n, "]");
    return vq_strdup(a, text);
}

/* ---- the header's dict ---- */

typedef struct Header {
    const char *at, *end;
    const char *descr; /* between its quotes */
    size_t ndescr;
    int rank; /* -1: no shape yet */
    int64_t dim[NPY_MAXRANK];
    int fortran;     /* -1: not said yet */
    const char *bad; /* what is wrong; NULL: broken syntax */
} Header;

static void
skip_space(Header *h)
{
    while (h->at < h->end && (*h->at == ' ' || *h->at == '\n'))
        h->at++;
}

static bool
take(Header *h, const char *text)
{
    size_t n = strlen(text);

    skip_space(h);
    if ((size_t)(h->end - h->at) < n || memcmp(h->at, text, n) != 0)
        return false;
    h->at += n;
    return true;
}

static bool
take_string(Header *h, const char **s, size_t *n)
{
    const char *quote = take(h, "'") ? "'" : take(h, "\"") ? "\"" : NULL;

    if (!quote)
        return false;
    *s = h->at;
    while (h->at < h->end && *h->at != *quote)
        h->at++;
    *n = (size_t)(h->at - *s);
    return take(h, quote);
}

static bool
take_int(Header *h, int64_t *v)
{
    const char *begin;

    skip_space(h);
    begin = h->at;
    for (*v = 0; h->at < h->end && *h->at >= '0' && *h->at <= '9'; h->at++)
        if (__builtin_mul_overflow(*v, 10, v) ||
            __builtin_add_overflow(*v, *h->at - '0', v)) {
            h->bad = "its shape is too large";
            return false;
        }
    return h->at > begin;
}

static bool
take_shape(Header *h)
{
    if (h->rank >= 0 || !take(h, "("))
        return false;
    h->rank = 0;
    while (!take(h, ")")) {
        if (h->rank == NPY_MAXRANK) {
            h->bad = "it has more than 8 axes";
            return false;
        }
        if (!take_int(h, &h->dim[h->rank++]))
            return false;
        if (take(h, ")"))
            return h->rank > 1; /* (5) is a number, not a tuple */
        if (!take(h, ","))
            return false;
    }
    return true;
}

static bool
take_item(Header *h)
{
    const char *key;
    size_t n;

    if (!take_string(h, &key, &n) || !take(h, ":"))
        return false;
    if (n == 5 && memcmp(key, "descr", 5) == 0) {
        if (h->descr)
            return false;
        if (take_string(h, &h->descr, &h->ndescr))
            return true;
        h->bad = "its elements are records";
        return false;
    }
    if (n == 13 && memcmp(key, "fortran_order", 13) == 0) {
        if (h->fortran >= 0)
            return false;
        h->fortran = take(h, "True") ? 1 : take(h, "False") ? 0 : -1;
        return h->fortran >= 0;
    }
    return n == 5 && memcmp(key, "shape", 5) == 0 && take_shape(h);
}

static bool
take_dict(Header *h)
{
    if (!take(h, "{"))
        return false;
    while (!take(h, "}")) {
        if (!take_item(h))
            return false;
        if (take(h, "}"))
            break;
        if (!take(h, ","))
            return false;
    }
    skip_space(h);
    return h->at == h->end && h->descr && h->fortran >= 0 && h->rank >= 0;
}

/* ---- what the dict means ---- */

static bool
set_type(Npy *npy, Diag *d, const Header *h)
{
    for (int t = 0; t < NNPY; t++)
        if (strlen(types[t].descr) == h->ndescr &&
            memcmp(types[t].descr, h->descr, h->ndescr) == 0) {
            npy->type = (NpyType)t;
            return true;
        }
    if (h->ndescr > 2 && h->descr[0] == '>')
        return vq_file_error(d, npy->path,
                             "its elements are big endian (%.*s); save it "
                             "with .astype('<%.*s')",
                             (int)vq_min((int64_t)h->ndescr, 16), h->descr,
                             (int)vq_min((int64_t)h->ndescr - 1, 15),
                             h->descr + 1);
    return vq_file_error(d, npy->path,
                         "elements of type '%.*s' are not read; wanted is one "
                         "of <f4 <f8 |u1 |i1 <i2 <i4 <i8",
                         (int)vq_min((int64_t)h->ndescr, 16), h->descr);
}

/* rows, cols, and whether the file is long enough. */
static bool
set_size(Npy *npy, Diag *d, int64_t filesize)
{
    int64_t bytes = (int64_t)types[npy->type].size;
    bool bad = false;

    npy->rows = npy->rank ? npy->dim[0] : 1;
    npy->cols = 1;
    for (int i = 1; i < npy->rank; i++)
        bad |= __builtin_mul_overflow(npy->cols, npy->dim[i], &npy->cols);
    bad |= __builtin_mul_overflow(bytes, npy->cols, &bytes);
    bad |= __builtin_mul_overflow(bytes, npy->rows, &bytes);
    if (bad)
        return vq_file_error(d, npy->path, "its shape is too large");
    if (bytes > filesize - npy->offset)
        return vq_file_error(d, npy->path,
                             "is cut short: its shape needs %" PRId64
                             " bytes of elements, it holds %" PRId64,
                             bytes, filesize - npy->offset);
    return true;
}

static bool
read_dict(char *text, Diag *d, int fd, size_t len, Npy *npy)
{
    Header h = {.rank = -1, .fortran = -1};

    if (pread(fd, text, len, npy->offset) != (ssize_t)len)
        return vq_file_error(d, npy->path, "is cut short in its header");
    npy->offset += (int64_t)len;
    h.at = text;
    h.end = text + len;
    if (!take_dict(&h))
        return vq_file_error(d, npy->path, "%s",
                             h.bad ? h.bad : "its .npy header is broken");
    if (!set_type(npy, d, &h))
        return false;
    if (h.fortran)
        return vq_file_error(d, npy->path,
                             "is in Fortran order; save it with "
                             "numpy.ascontiguousarray");
    npy->rank = h.rank;
    memcpy(npy->dim, h.dim, sizeof h.dim);
    return true;
}

static bool
read_header(char *text, Diag *d, int fd, Npy *npy)
{
    uint8_t p[PREFIX] = {0};
    struct stat st;
    size_t len;

    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        return vq_io_error(d, npy->path, "is not a regular file");
    if (pread(fd, p, PREFIX, 0) < 10 || memcmp(p, "\x93NUMPY", 6) != 0)
        return vq_file_error(d, npy->path, "is not a .npy file");
    if (p[6] < 1 || p[6] > 3 || p[7] != 0)
        return vq_file_error(d, npy->path,
                             "is a .npy file of version %d.%d; 1.0, 2.0 and "
                             "3.0 are read",
                             p[6], p[7]);
    npy->offset = p[6] == 1 ? 10 : 12;
    len = p[8] | (size_t)p[9] << 8;
    if (p[6] > 1)
        len |= (size_t)p[10] << 16 | (size_t)p[11] << 24;
    if (len > MAX_HEADER)
        return vq_file_error(d, npy->path, "its .npy header is too long");
    return read_dict(text, d, fd, len, npy) && set_size(npy, d, st.st_size);
}

bool
vq_npy_open(Arena *tmp, Diag *d, const char *path, Npy *npy)
{
    ArenaMark mark = vq_arena_mark(tmp);
    char *text = vq_alloc(tmp, MAX_HEADER);
    int fd;
    bool ok;

    *npy = (Npy){.path = path};
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return vq_io_error(d, path, "cannot be read: %s", strerror(errno));
    ok = read_header(text, d, fd, npy);
    close(fd);
    vq_arena_release(tmp, mark);
    return ok;
}

/* ---- elements ---- */

bool
vq_npy_rows(const Npy *npy, Diag *d, int64_t first, int64_t n, void *out)
{
    int64_t row = npy->cols * (int64_t)types[npy->type].size;
    int64_t at = 0, bytes = n * row;
    ssize_t got = 1;
    int fd = open(npy->path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return vq_io_error(d, npy->path, "cannot be read: %s", strerror(errno));
    while (at < bytes && got > 0) {
        got = pread(fd, (char *)out + at, (size_t)(bytes - at),
                    npy->offset + first * row + at);
        at += got > 0 ? got : 0;
    }
    close(fd);
    if (got < 0)
        return vq_io_error(d, npy->path, "cannot be read: %s", strerror(errno));
    return at == bytes || vq_file_error(d, npy->path, "has become shorter");
}

typedef void Convert(const void *, void *, int64_t n);

#define CONVERT(name, from, to)                                                \
    static void name(const void *p, void *out, int64_t n)                      \
    {                                                                          \
        const from *x = p;                                                     \
        to *y = out;                                                           \
        for (int64_t i = 0; i < n; i++)                                        \
            y[i] = (to)x[i];                                                   \
    }
CONVERT(real_f64, double, float)
CONVERT(real_u8, uint8_t, float)
CONVERT(real_s8, int8_t, float)
CONVERT(real_s16, int16_t, float)
CONVERT(real_s32, int32_t, float)
CONVERT(real_s64, int64_t, float)
CONVERT(int_u8, uint8_t, int64_t)
CONVERT(int_s8, int8_t, int64_t)
CONVERT(int_s16, int16_t, int64_t)
CONVERT(int_s32, int32_t, int64_t)
CONVERT(int_s64, int64_t, int64_t)

static Convert *const to_real[NNPY] = {
    [NPY_F64] = real_f64, [NPY_U8] = real_u8,   [NPY_S8] = real_s8,
    [NPY_S16] = real_s16, [NPY_S32] = real_s32, [NPY_S64] = real_s64};
static Convert *const to_int[NNPY] = {[NPY_U8] = int_u8,
                                      [NPY_S8] = int_s8,
                                      [NPY_S16] = int_s16,
                                      [NPY_S32] = int_s32,
                                      [NPY_S64] = int_s64};

static bool
convert_rows(const Npy *npy, Diag *d, Arena *tmp, int64_t first, int64_t n,
             Convert *convert, void *out)
{
    ArenaMark mark = vq_arena_mark(tmp);
    void *raw = vq_allocn(tmp, (size_t)(n * npy->cols), types[npy->type].size);
    bool ok = vq_npy_rows(npy, d, first, n, raw);

    if (ok)
        convert(raw, out, n * npy->cols);
    vq_arena_release(tmp, mark);
    return ok;
}

bool
vq_npy_rows_f32(const Npy *npy, Diag *d, Arena *tmp, int64_t first, int64_t n,
                float *out)
{
    if (npy->type == NPY_F32)
        return vq_npy_rows(npy, d, first, n, out);
    return convert_rows(npy, d, tmp, first, n, to_real[npy->type], out);
}

bool
vq_npy_rows_s64(const Npy *npy, Diag *d, Arena *tmp, int64_t first, int64_t n,
                int64_t *out)
{
    if (!to_int[npy->type])
        return vq_file_error(d, npy->path, "holds %s; wanted are integers",
                             types[npy->type].text);
    return convert_rows(npy, d, tmp, first, n, to_int[npy->type], out);
}
