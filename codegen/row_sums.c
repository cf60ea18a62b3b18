/*
 * row_sums.c -- sums over a row of s16, exact: pmaddwd adds pairs in 32 bits,
 * squares go on in 64.
 */
#include "codegen/row_sums.h"

unsigned
vq_row_step(const Build *b)
{
    return b->level->isa->bits / 16;
}

Val
vq_row_load(Build *b, Val row, Val i, unsigned count)
{
    return b_load_part(b, b_vec(b->i16, vq_row_step(b)), b_elt(b, row, i, 2, 0),
                       count);
}

/* x: s32 sums of pairs. all, odd: sums of the squares' pairs, two in each lane
 * of 64 bits as one number, and the upper ones alone. */
typedef struct Sums {
    Val x, all, odd;
} Sums;

/* A pair of squares is at most 2^31: unsigned. */
static void
add_step(Build *b, Sums *s, Val x)
{
    Val sq = b_bitcast(b, p_madd(b, x, x), LLVMTypeOf(s->all));

    s->x = b_add(b, s->x, p_pairs(b, x));
    s->all = b_add(b, s->all, sq);
    s->odd = b_add(b, s->odd, b_lshrc(b, sq, 32));
}

/* The lower halves' sum is what is left of `all` without the upper ones. */
static void
total(Build *b, const Sums *s, Val *sum, Val *squares)
{
    Val lower = b_sub(b, s->all, b_shlc(b, s->odd, 32));

    *sum = b_sext(b, b_reduce(b, "add", s->x), 64);
    *squares = b_reduce(b, "add", b_add(b, lower, s->odd));
}

static void
sum_block(Build *b, Val row, int64_t n, Val *sum, Val *squares)
{
    unsigned step = vq_row_step(b), rest = (unsigned)(n % step);
    Val none = LLVMConstNull(b_vec(b->i64, step / 4));
    Sums s = {LLVMConstNull(b_vec(b->i32, step / 2)), none, none};
    Loop loop;

    if (n / step) {
        b_loop(b, &loop, 0, step, n / step);
        s.x = b_carry(b, &loop, s.x);
        s.all = b_carry(b, &loop, s.all);
        s.odd = b_carry(b, &loop, s.odd);
        add_step(b, &s, vq_row_load(b, row, loop.i, step));
        b_next(&loop, 0, s.x);
        b_next(&loop, 1, s.all);
        b_next(&loop, 2, s.odd);
        b_loop_end(b, &loop);
    }
    if (rest)
        add_step(b, &s, vq_row_load(b, row, b_i64(b, n - rest), rest));
    total(b, &s, sum, squares);
}

/* Blocks, each with sums that fit 32 bits. */
void
vq_row_sums(Build *b, Val row, int64_t n, Val *sum, Val *squares)
{
    enum { BLOCK = 1 << 15 };
    int64_t rest = n % BLOCK;
    Val s, q;
    Loop loop;

    if (n <= BLOCK) {
        sum_block(b, row, n, sum, squares);
        return;
    }
    b_loop(b, &loop, 0, BLOCK, n / BLOCK);
    *sum = b_carry(b, &loop, b_i64(b, 0));
    *squares = b_carry(b, &loop, b_i64(b, 0));
    sum_block(b, b_elt(b, row, loop.i, 2, 0), BLOCK, &s, &q);
    b_next(&loop, 0, b_add(b, *sum, s));
    b_next(&loop, 1, b_add(b, *squares, q));
    b_loop_end(b, &loop);
    *sum = loop.next[0];
    *squares = loop.next[1];
    if (!rest)
        return;
    sum_block(b, b_atc(b, row, 2 * (n - rest)), rest, &s, &q);
    *sum = b_add(b, *sum, s);
    *squares = b_add(b, *squares, q);
}
