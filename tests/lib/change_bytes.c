/*
 * change_bytes.c -- changes of a file's bytes.
 */
#include "tests/lib/changes.h"

#include <string.h>

static void
flip_bits(Bytes *b, Rng *r)
{
    for (size_t i = rng_below(r, 8); i < 8; i++)
        b->p[rng_below(r, b->n)] ^= (uint8_t)(1U << rng_below(r, 8));
}

static void
run_of_bytes(Bytes *b, Rng *r)
{
    size_t at = rng_below(r, b->n), n = 1 + rng_below(r, 64);
    int with = (int)(rng_below(r, 3) ? rng_below(r, 256) : 255);

    memset(b->p + at, with, n < b->n - at ? n : b->n - at);
}

static void
truncate_bytes(Bytes *b, Rng *r)
{
    b->n = rng_below(r, b->n);
}

static void
remove_bytes(Bytes *b, Rng *r)
{
    size_t at = rng_below(r, b->n), n = 1 + rng_below(r, 32);

    n = n < b->n - at ? n : b->n - at;
    memmove(b->p + at, b->p + at + n, b->n - at - n);
    b->n -= n;
}

static void
copy_bytes(Bytes *b, Rng *r)
{
    size_t from = rng_below(r, b->n), to = rng_below(r, b->n);
    size_t most = b->n - (from > to ? from : to), n = rng_below(r, 256);

    memmove(b->p + to, b->p + from, n < most ? n : most);
}

static const struct {
    const char *name;
    void (*fn)(Bytes *, Rng *);
} byte_change[] = {
    {"flip_bits", flip_bits},     {"run_of_bytes", run_of_bytes},
    {"truncate", truncate_bytes}, {"remove_bytes", remove_bytes},
    {"copy_bytes", copy_bytes},
};

void
mutate_bytes(Bytes *b, Rng *r, Done *done)
{
    size_t i = rng_below(r, COUNT(byte_change));

    if (b->n)
        byte_change[i].fn(b, r);
    note(done, byte_change[i].name);
}
