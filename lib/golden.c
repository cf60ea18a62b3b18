/*
 * golden.c -- see golden.h. A file is a line "vitqc golden 1" and then, for
 * each image, 16 hexadecimal digits and its name. The digest is FNV-1a over the
 * bytes of the image's outputs, f32 with the lowest byte first, whatever the
 * batch that it was in.
 */
#include "lib/golden.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define TITLE "vitqc golden 1\n"

struct Golden {
    const char *path;
    bool write;
    uint64_t *want, *got; /* of each image */
    int64_t n;
};

static uint64_t
add_bytes(uint64_t digest, const float *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        uint32_t word;

        memcpy(&word, &x[i], sizeof word);
        for (int k = 0; k < 4; k++)
            digest = (digest ^ (word >> 8 * k & 255)) * 0x100000001b3;
    }
    return digest;
}

/* A line's digest; the rest of it, however long, is skipped. */
static bool
read_line(FILE *f, uint64_t *digest)
{
    int c = 0;
    bool good = fscanf(f, "%16" SCNx64, digest) == 1;

    while (c != '\n' && c != EOF)
        c = fgetc(f);
    return good;
}

static bool
read_digests(Vitqc *v, Golden *g, FILE *f)
{
    char title[sizeof TITLE] = "";
    uint64_t digest;
    int64_t n = 0;

    if (!fgets(title, sizeof title, f) || strcmp(title, TITLE) != 0)
        return vq_error(&v->diag, NOLOC,
                        "%s: not a file that verify --golden wrote", g->path);
    for (; read_line(f, &digest); n++)
        if (n < g->n)
            g->want[n] = digest;
    if (n != g->n)
        return vq_error(&v->diag, NOLOC,
                        "%s: digests of %" PRId64 " images, not of these "
                        "%" PRId64,
                        g->path, n, g->n);
    return true;
}

Golden *
vq_golden_open(Vitqc *v, const char *path, int64_t images)
{
    Golden *g = NEW(&v->tmp, Golden);
    FILE *f;
    bool good;

    *g = (Golden){.path = path,
                  .want = NEWN(&v->tmp, uint64_t, (size_t)images),
                  .got = NEWN(&v->tmp, uint64_t, (size_t)images),
                  .n = images};
    f = fopen(path, "r"); /* after what may run out of memory */
    g->write = !f && errno == ENOENT;
    if (g->write)
        return g;
    if (!f) {
        vq_io_error(&v->diag, path, "cannot read: %s", strerror(errno));
        return NULL;
    }
    good = read_digests(v, g, f);
    fclose(f);
    return good ? g : NULL;
}

void
vq_golden_image(Golden *g, const Runner *r, int64_t at, int64_t b)
{
    g->got[at] = 0xcbf29ce484222325;
    for (uint32_t i = 0; i < r->model->nout; i++)
        g->got[at] =
            add_bytes(g->got[at], r->out[i] + b * r->each[i], r->each[i]);
}

static bool
write_digests(Vitqc *v, const Golden *g, const Feed *feed)
{
    OutputSet *set = vq_output_new(&v->tmp, &v->diag);
    FILE *f = vq_output_open(set, g->path);

    if (!f)
        return false;
    fputs(TITLE, f);
    for (int64_t i = 0; i < g->n; i++)
        fprintf(f, "%016" PRIx64 " %s\n", g->got[i], vq_feed_name(feed, i));
    return vq_output_commit(set);
}

bool
vq_golden_close(Vitqc *v, const Golden *g, const Feed *feed, VitqcVerified *say)
{
    int64_t first = -1;

    if (g->write)
        return write_digests(v, g, feed);
    for (int64_t i = g->n; i-- > 0;)
        if (g->got[i] == g->want[i])
            say->golden++;
        else
            first = i;
    if (first < 0)
        return true;
    v->fail = VITQC_EMISMATCH;
    return vq_error(&v->diag, NOLOC,
                    "%s: other outputs on %" PRId64 " of %" PRId64
                    " images, first on number %" PRId64 ", %s: another "
                    "calibration, other options or wrong code",
                    g->path, g->n - say->golden, g->n, first,
                    vq_feed_name(feed, first));
}
