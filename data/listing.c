/*
 * listing.c -- the paths of a dataset's images, from a folder or a list.
 */
#include "data/dataset.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { MAX_LIST = 1 << 26 };

static int
by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Copies up to `room` bytes of image names, each with its final 0, into text
 * (nothing when NULL); returns how many bytes there are. */
static size_t
read_names(DIR *dir, char *text, size_t room)
{
    const struct dirent *e;
    size_t used = 0;

    rewinddir(dir);
    while ((e = readdir(dir))) {
        size_t n = strlen(e->d_name) + 1;

        if (e->d_name[0] == '.' || !vq_image_named(e->d_name))
            continue;
        if (text && n > room - used)
            break;
        if (text)
            memcpy(text + used, e->d_name, n);
        used += n;
    }
    return used;
}

/* Twice over the folder: memory is taken while it is not open. */
bool
vq_folder_read(Arena *a, Dataset *ds, Diag *d)
{
    char *text = NULL;
    size_t room = 0, i = 0;

    for (int turn = 0; turn < 2; turn++) {
        DIR *dir;

        text = turn ? vq_alloc(a, room + 1) : NULL;
        dir = opendir(ds->path);
        if (!dir)
            return vq_io_error(d, ds->path, "cannot be read: %s",
                               strerror(errno));
        room = read_names(dir, text, room);
        closedir(dir);
    }
    for (size_t k = 0; k < room; k++)
        ds->count += text[k] == 0;
    if (!ds->count)
        return vq_file_error(d, ds->path,
                             "has no .jpg, .jpeg or .png file in it");
    ds->file = NEWN(a, const char *, (size_t)ds->count);
    for (const char *s = text; s < text + room; s += strlen(s) + 1)
        ds->file[i++] = vq_format(a, "%s/%s", ds->path, s);
    qsort(ds->file, i, sizeof *ds->file, by_name);
    return true;
}

/* The folder of a path, with its slash. */
static char *
folder_of(Arena *a, const char *path)
{
    const char *slash = strrchr(path, '/');

    return vq_format(a, "%.*s", slash ? (int)(slash + 1 - path) : 0, path);
}

static bool
add_line(Arena *a, Dataset *ds, Diag *d, const char *folder, char *line,
         int number)
{
    struct stat st;
    const char *path;

    line[strcspn(line, "\t\r")] = 0;
    if (!*line)
        return true;
    path = line[0] == '/' ? line : vq_format(a, "%s%s", folder, line);
    if (stat(path, &st) != 0)
        return vq_file_error(d, ds->path, "line %d: cannot read '%.200s': %s",
                             number, path, strerror(errno));
    ds->file[ds->count++] = path;
    return true;
}

/* Reads no further than the dataset's limit. */
bool
vq_list_read(Arena *a, Dataset *ds, Diag *d)
{
    const char *folder = folder_of(a, ds->path);
    int64_t limit = ds->spec.limit ? ds->spec.limit : INT64_MAX;
    char *text, *next;
    size_t len, lines = 1;
    int number = 1;

    if (!vq_file_read(a, d, ds->path, MAX_LIST, (uint8_t **)&text, &len))
        return false;
    if (memchr(text, 0, len))
        return vq_file_error(d, ds->path,
                             "is neither a folder, an image, a .npy nor a "
                             "list of images");
    for (size_t i = 0; i < len; i++)
        lines += text[i] == '\n';
    ds->file = NEWN(a, const char *, lines);
    for (char *s = text; s && ds->count < limit; s = next, number++) {
        next = strchr(s, '\n');
        if (next)
            *next++ = 0;
        if (!add_line(a, ds, d, folder, s, number))
            return false;
    }
    return true;
}
