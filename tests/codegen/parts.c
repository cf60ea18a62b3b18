/*
 * parts.c -- ways to run the parts of a step: see parts.h.
 */
#include "tests/codegen/parts.h"

#include "tests/codegen/fail.h"

#include <stdlib.h>
#include <string.h>

void
parts_reversed(void *unused, VqrtTask *task, const void *frame, uint32_t parts)
{
    (void)unused;
    for (uint32_t i = parts; i-- > 0;)
        task(frame, i, parts);
}

static void
fill_all(const Written *w, int byte)
{
    for (uint32_t i = 0; i < w->n; i++)
        memset(w->at[i], byte, w->bytes[i]);
}

static size_t
count_bytes(const Written *w)
{
    size_t n = 0;

    for (uint32_t i = 0; i < w->n; i++)
        n += w->bytes[i];
    return n;
}

/* Takes what the part wrote over a background of `byte`. */
static void
take(const Written *w, unsigned char byte, unsigned char *hit,
     unsigned char *value)
{
    for (uint32_t i = 0; i < w->n; i++)
        for (size_t k = 0; k < w->bytes[i]; k++, hit++, value++)
            if (w->at[i][k] != byte) {
                *hit = 1;
                *value = w->at[i][k];
            }
}

static void
put_back(const Written *w, const unsigned char *value)
{
    for (uint32_t i = 0; i < w->n; i++) {
        memcpy(w->at[i], value, w->bytes[i]);
        value += w->bytes[i];
    }
}

/* No byte that is written is unlike both backgrounds. */
void
parts_apart(void *written, VqrtTask *task, const void *frame, uint32_t parts)
{
    const Written *w = written;
    size_t n = count_bytes(w), at = 0;
    unsigned char *value = malloc(n), *seen = calloc(n, 1), *hit = malloc(n);

    assert_true(value && seen && hit);
    for (uint32_t i = 0; i < w->n; at += w->bytes[i++])
        memcpy(value + at, w->at[i], w->bytes[i]);
    for (uint32_t i = 0; i < parts; i++) {
        memset(hit, 0, n);
        for (int turn = 0; turn < 2; turn++) {
            int byte = turn ? 0x3c : 0xc3;

            fill_all(w, byte);
            task(frame, i, parts);
            take(w, (unsigned char)byte, hit, value);
        }
        for (size_t k = 0; k < n; k++) {
            if (hit[k] && seen[k])
                fail_msg("part %u of %u writes byte %zu of %zu, as another "
                         "one does",
                         i, parts, k, n);
            seen[k] |= hit[k];
        }
    }
    put_back(w, value);
    free(value);
    free(seen);
    free(hit);
}
