/*
 * cost.c -- tiles or registers, by measured speeds.
 *
 * Speeds of one core of a Sapphire Rapids Xeon, in 10^9 operations a second (a
 * multiply-add is two), of products of 197 rows with what follows them; one
 * core's peaks are 7050 in tiles and 960 in registers. A was laid out for tiles
 * there; from rows, tiles read it 10 to 15 % slower. Between shapes that were
 * measured speeds are interpolated, beyond them the nearest counts.
 */
#include "codegen/x86/amx.h"

typedef struct Speed {
    int64_t k, n;
    int64_t tiles, registers;
} Speed;

static const Speed speed[] = {
    /* Attention's scores, tiles alone: with 256 columns for 197 keys. */
    {64, 256, 1365, 735},   {192, 192, 3300, 736},  {192, 576, 3270, 735},
    {192, 768, 3176, 736},  {384, 384, 4100, 774},  {384, 1152, 4164, 774},
    {384, 1536, 4202, 769}, {768, 192, 4244, 793},  {768, 768, 4016, 792},
    {768, 2304, 3907, 747}, {768, 3072, 3694, 724}, {1536, 384, 4123, 735},
    {3072, 768, 3777, 693},
};

enum { ROW_MAJOR = 88 }; /* percent */

/* Linear from (x0, y0) to (x1, y1), and flat beyond them. */
static int64_t
between(int64_t x, int64_t x0, int64_t y0, int64_t x1, int64_t y1)
{
    if (x <= x0 || x0 == x1)
        return y0;
    return x >= x1 ? y1 : y0 + (y1 - y0) * (x - x0) / (x1 - x0);
}

/* The speed for n columns among the entries [i, end) of one depth. */
static Speed
at_columns(size_t i, size_t end, int64_t n)
{
    const Speed *s = &speed[i], *t;

    while (++i < end && speed[i].n <= n)
        s = &speed[i];
    t = i < end ? &speed[i] : s;
    return (Speed){s->k, n, between(n, s->n, s->tiles, t->n, t->tiles),
                   between(n, s->n, s->registers, t->n, t->registers)};
}

static Speed
speed_of(int64_t n, int64_t k)
{
    Speed below = {0}, s;

    for (size_t i = 0, end; i < COUNT(speed); i = end) {
        for (end = i + 1; end < COUNT(speed) && speed[end].k == speed[i].k;)
            end++;
        s = at_columns(i, end, n);
        if (s.k >= k) {
            if (!below.k)
                return s;
            s.tiles = between(k, below.k, below.tiles, s.k, s.tiles);
            s.registers =
                between(k, below.k, below.registers, s.k, s.registers);
            return s;
        }
        below = s;
    }
    return below;
}

bool
x86_tiles_pay(int64_t m, int64_t n, int64_t k)
{
    int64_t depth = vq_align(k, TILE_DEPTH), columns = vq_align(n, VQ_PANEL);
    Speed tiles = speed_of(n, depth), registers = speed_of(n, k);
    int64_t in_tiles = vq_align(m, TILE_ROWS) * columns * depth;
    int64_t in_registers = m * columns * vq_align(k, VQ_KGROUP);

    if (m < TILE_ROWS)
        return false;
    return in_tiles * 100 / (tiles.tiles * ROW_MAJOR) <
           in_registers / registers.registers;
}
