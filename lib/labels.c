/*
 * labels.c -- the classes of images: a .npy of integers, or text.
 *
 * Text has a label a line, the number after the line's last tab; what stands
 * before the tab is the image's name and must be that of the image at the same
 * place, so that a list in another order is noticed.
 */
#include "lib/session.h"

#include "data/data.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_LABEL_FILE = 1 << 28 };

static int64_t *
read_npy(Vitqc *v, const Feed *f, const char *path)
{
    int64_t *label = NEWN(&v->tmp, int64_t, (size_t)f->count);
    Npy npy;

    if (!vq_npy_open(&v->tmp, &v->diag, path, &npy))
        return NULL;
    if (npy.cols != 1 || npy.rows < f->first + f->count) {
        vq_file_error(
            &v->diag, path,
            "needs one label for each of %lld images, has %lld x %lld",
            (long long)(f->first + f->count), (long long)npy.rows,
            (long long)npy.cols);
        return NULL;
    }
    if (!vq_npy_rows_s64(&npy, &v->diag, &v->tmp, f->first, f->count, label))
        return NULL;
    return label;
}

/* One line, "12" or "name<tab>12". */
static bool
parse_line(Vitqc *v, const char *path, int64_t no, char *line,
           const char *image, int64_t *label)
{
    char *tab = strrchr(line, '\t');
    char *number = tab ? tab + 1 : line, *end;

    if (tab) {
        line[strcspn(line, "\t")] = 0;
        if (image && strcmp(vq_base_name(line), vq_base_name(image)) != 0)
            return vq_file_error(&v->diag, path,
                                 "line %lld is for '%s', but image %lld is '%s'"
                                 " (labels must be in the images' order)",
                                 (long long)no, line, (long long)no, image);
    }
    errno = 0;
    *label = strtoll(number, &end, 10);
    if (end == number || errno || end[strspn(end, " \r")])
        return vq_file_error(&v->diag, path, "line %lld has no label: '%s'",
                             (long long)no, number);
    return true;
}

/* NULL when images have no names of their own. */
static const char *
image_name(const Feed *f, int64_t i)
{
    const char *name = vq_dataset_name(f->data, i);

    return name && vq_image_named(name) ? name : NULL;
}

static int64_t *
read_text(Vitqc *v, const Feed *f, const char *path)
{
    int64_t *label = NEWN(&v->tmp, int64_t, (size_t)f->count);
    uint8_t *bytes;
    size_t len;
    char *p, *text;

    if (!vq_file_read(&v->tmp, &v->diag, path, MAX_LABEL_FILE, &bytes, &len))
        return NULL;
    text = vq_format(&v->tmp, "%.*s", (int)len, (char *)bytes);
    p = text;
    for (int64_t i = 0; i < f->first + f->count; i++) {
        const char *image = image_name(f, i);
        char *next = strchr(p, '\n');
        int64_t ignored;

        if (!*p) {
            vq_file_error(&v->diag, path, "has %lld labels for %lld images",
                          (long long)i, (long long)(f->first + f->count));
            return NULL;
        }
        if (next)
            *next = 0;
        if (!parse_line(v, path, i + 1, p, image,
                        i < f->first ? &ignored : &label[i - f->first]))
            return NULL;
        p = next ? next + 1 : p + strlen(p);
    }
    return label;
}

int64_t *
vq_labels_read(Vitqc *v, const Feed *f, const char *path)
{
    return vq_ends_in(path, ".npy") ? read_npy(v, f, path)
                                    : read_text(v, f, path);
}
