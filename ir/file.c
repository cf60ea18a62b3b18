/*
 * file.c -- whole files into memory.
 */
#include "ir/base.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Memory comes before the descriptor, so that the out-of-memory jump leaks
 * none. */
bool
vq_file_read(Arena *a, Diag *d, const char *path, size_t most, uint8_t **bytes,
             size_t *len)
{
    struct stat st;
    size_t at = 0;
    ssize_t n = 1;
    int fd;

    if (stat(path, &st) != 0)
        return vq_io_error(d, path, "cannot be read: %s", strerror(errno));
    if (!S_ISREG(st.st_mode))
        return vq_io_error(d, path, "is not a regular file");
    if ((uintmax_t)st.st_size > most)
        return vq_file_error(d, path,
                             "has %jd bytes, more than the %zu that "
                             "are read",
                             (intmax_t)st.st_size, most);
    *len = (size_t)st.st_size;
    *bytes = vq_alloc(a, *len + 1);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return vq_io_error(d, path, "cannot be read: %s", strerror(errno));
    while (at < *len && (n = read(fd, *bytes + at, *len - at)) > 0)
        at += (size_t)n;
    close(fd);
    if (n < 0)
        return vq_io_error(d, path, "cannot be read: %s", strerror(errno));
    *len = at;
    return true;
}
