/*
 * norm_consts.c -- the constants of an i.layernorm.
 *
 * Those of a norm of channels of pixels are the same for all pixels of a
 * channel, or for all columns: as runs they take no memory and no time.
 */
#include "codegen/norm_consts.h"

#include <string.h>

enum {
    LANES = 32,     /* columns that constants are padded to */
    LEAST_RUN = 64, /* columns; fewer are no loop of their own */
};

int64_t
vq_norm_column(int64_t i, int odd)
{
    return i / 4 * 8 + (int64_t[]){0, 4, 2, 6}[i % 4] + odd;
}

/* s32 g and b of even columns and of odd ones, in the order of vq_norm_column;
 * g in the low half of its lane, the other is 0. */
static void
fill_halves(const int32_t *from, int64_t n, int64_t lanes, int32_t mask,
            int32_t *to)
{
    for (int odd = 0; odd < 2; odd++)
        for (int64_t i = 0; i < lanes / 2; i++) {
            int64_t c = vq_norm_column(i, odd);

            to[odd * lanes / 2 + i] = c < n ? from[c] & mask : 0;
        }
}

static int64_t
common_divisor(int64_t a, int64_t b)
{
    while (b) {
        int64_t rest = a % b;

        a = b;
        b = rest;
    }
    return a;
}

/* The longest runs of columns that share g and b; 1 when that saves little. */
static int64_t
find_run(const NormConsts *t, const int32_t *g, const int32_t *b)
{
    int64_t run = t->n;

    if (t->n * t->heads < VQ_MANYCOLS)
        return 1;
    for (int64_t c = 1; c < t->n * t->heads; c++)
        if (g[c] != g[c - 1] || b[c] != b[c - 1])
            run = common_divisor(run, c);
    return run < LEAST_RUN ? 1 : run;
}

static void
fill_runs(const int32_t *from, const NormConsts *t, int32_t mask, int32_t *to)
{
    for (int64_t i = 0; i < t->lanes; i++)
        to[i] = from[i * t->run] & mask;
}

const int32_t *
vq_norm_consts(Arena *arena, NormConsts *t, const int32_t *g, const int32_t *b,
               int64_t eps)
{
    int64_t length;
    int32_t *to;

    t->run = find_run(t, g, b);
    t->lanes = t->run > 1 ? t->n / t->run : vq_align(t->n, LANES);
    length = t->heads * 2 * t->lanes;
    t->size = (length + LANES) * (int64_t)sizeof *to;
    to = NEWN(arena, int32_t, length + LANES);
    for (int64_t h = 0; h < t->heads; h++) {
        int32_t *at = to + h * 2 * t->lanes;

        if (t->run > 1) {
            fill_runs(g + h * t->n, t, 0xffff, at);
            fill_runs(b + h * t->n, t, -1, at + t->lanes);
        } else {
            fill_halves(g + h * t->n, t->n, t->lanes, 0xffff, at);
            fill_halves(b + h * t->n, t->n, t->lanes, -1, at + t->lanes);
        }
    }
    memcpy(to + length, &eps, sizeof eps);
    return to;
}
