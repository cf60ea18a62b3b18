/*
 * dot.c -- products of bytes: vpdpbusd where there is one, pmaddwd elsewhere.
 *
 * Both are exact: vpdpbusd without saturation, and pmaddwd on bytes widened to
 * 16 bits, whose pair sums fit 17 bits. (pmaddubsw saturates: not used.)
 */
#include "codegen/x86/prim.h"

static Val
splat4(Build *b, Val p, unsigned lanes)
{
    return b_splat(b, b_load(b, b->i32, p, 1), lanes);
}

void
x86_start512(Build *b, Val sums, Val *acc)
{
    (void)b;
    acc[0] = sums;
}

Val
x86_total512(Build *b, const Val *acc)
{
    (void)b;
    return acc[0];
}

void
x86_panel512(Build *b, Val p, Val *w)
{
    w[0] = b_load(b, b_vec(b->i32, 16), p, 64);
}

Val
x86_spread512(Build *b, Val p)
{
    return splat4(b, p, 16);
}

Val
x86_dot512(Build *b, Val acc, Val a, Val w)
{
    return b_intrinsic(b, "llvm.x86.avx512.vpdpbusd.512", NULL,
                       (Val[]){acc, a, w}, 3, LLVMTypeOf(acc));
}

void
x86_start256(Build *b, Val sums, Val *acc)
{
    acc[0] = b_slice(b, sums, 0, 8);
    acc[1] = b_slice(b, sums, 8, 8);
}

Val
x86_total256(Build *b, const Val *acc)
{
    return b_join(b, acc[0], acc[1]);
}

void
x86_panel256(Build *b, Val p, Val *w)
{
    for (int i = 0; i < 2; i++)
        w[i] = b_load(b, b_vec(b->i32, 8), b_atc(b, p, 32 * i), 32);
}

Val
x86_spread256(Build *b, Val p)
{
    return splat4(b, p, 8);
}

Val
x86_dot256(Build *b, Val acc, Val a, Val w)
{
    return b_intrinsic(b, "llvm.x86.avx512.vpdpbusd.256", NULL,
                       (Val[]){acc, a, w}, 3, LLVMTypeOf(acc));
}

/* Lanes of 32 bits in an accumulator. */
static unsigned
acc_lanes(const Build *b)
{
    return b->level->isa->bits / 32;
}

/* A column's sum stands in two lanes: here it is all in the first. */
void
x86_start_madd(Build *b, Val sums, Val *acc)
{
    unsigned n = acc_lanes(b);
    int lane[16];

    for (unsigned i = 0; i < b->level->nacc; i++) {
        for (unsigned j = 0; j < n; j++)
            lane[j] = j % 2 ? 16 : (int)(i * n + j) / 2;
        acc[i] = b_shuffle(b, sums, LLVMConstNull(LLVMTypeOf(sums)), lane, n);
    }
}

/* The sums of neighbouring lanes of two vectors. */
static Val
add_pairs(Build *b, Val x, Val y)
{
    unsigned n = b_lanes(x);
    int even[64], odd[64];

    for (unsigned i = 0; i < n; i++) {
        even[i] = (int)(2 * i);
        odd[i] = even[i] + 1;
    }
    return b_add(b, b_shuffle(b, x, y, even, n), b_shuffle(b, x, y, odd, n));
}

Val
x86_total_madd(Build *b, const Val *acc)
{
    unsigned n = b->level->nacc / 2;
    Val half[MAXACC];

    for (unsigned i = 0; i < n; i++)
        half[i] = add_pairs(b, acc[2 * i], acc[2 * i + 1]);
    for (; n > 1; n /= 2)
        for (unsigned i = 0; i < n / 2; i++)
            half[i] = b_join(b, half[2 * i], half[2 * i + 1]);
    return half[0];
}

void
x86_panel_madd(Build *b, Val p, Val *w)
{
    unsigned n = acc_lanes(b) * 2;

    for (unsigned i = 0; i < b->level->nacc; i++)
        w[i] = b_sext(b, b_load(b, b_vec(b->i8, n), b_atc(b, p, n * i), n), 16);
}

/* Four bytes of A widened to 16 bits, again and again: a broadcast and one
 * unpacking with zero. */
Val
x86_spread_madd(Build *b, Val p)
{
    unsigned n = acc_lanes(b) * 4;
    Val x = b_bitcast(b, splat4(b, p, n / 4), b_vec(b->i8, n));
    int lane[64];

    for (unsigned i = 0; i < n; i++)
        lane[i] = i % 2 ? (int)n : (int)(i / 16 * 16 + i % 16 / 2);
    x = b_shuffle(b, x, LLVMConstNull(LLVMTypeOf(x)), lane, n);
    return b_bitcast(b, x, b_vec(b->i16, n / 2));
}

Val
x86_dot_madd(Build *b, Val acc, Val a, Val w)
{
    return b_add(b, acc,
                 b_intrinsic(b, b->level->isa->madd, NULL, (Val[]){a, w}, 2,
                             LLVMTypeOf(acc)));
}
