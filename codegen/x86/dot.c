/*
 * dot.c -- products of bytes: vpdpbusd where there is one, pmaddwd elsewhere.
 *
 * Both are exact: vpdpbusd without saturation, and pmaddwd on bytes widened to
 * 16 bits, whose pair sums fit 17 bits. (pmaddubsw saturates: not used.)
 * Either way a register's lane holds one column, and four bytes of A meet it.
 */
#include "codegen/x86/prim.h"

static unsigned
lanes(const Build *b)
{
    return b->level->isa->bits / 32;
}

Val
x86_spread(Build *b, const Val *row, unsigned n)
{
    (void)n;
    return b_splat(b, b_load(b, b->i32, row[0], 1), lanes(b));
}

Val
x86_dot_vnni512(Build *b, Val acc, Val a, Val w, unsigned at)
{
    (void)at;
    return b_intrinsic(b, "llvm.x86.avx512.vpdpbusd.512", NULL,
                       (Val[]){acc, a, w}, 3, LLVMTypeOf(acc));
}

Val
x86_dot_vnni256(Build *b, Val acc, Val a, Val w, unsigned at)
{
    (void)at;
    return b_intrinsic(b, "llvm.x86.avx512.vpdpbusd.256", NULL,
                       (Val[]){acc, a, w}, 3, LLVMTypeOf(acc));
}

Val
x86_dot4_vnni512(Build *b, Val acc, Val a, Val w)
{
    return x86_dot_vnni512(b, acc, a, w, 0);
}

Val
x86_dot4_vnni256(Build *b, Val acc, Val a, Val w)
{
    return x86_dot_vnni256(b, acc, a, w, 0);
}

int
x86_wide(int i, int half)
{
    return i / 2 * 4 + 2 * half + i % 2;
}

Val
x86_dot_madd(Build *b, Val acc, Val a, Val w, unsigned at)
{
    Ty v = b_vec(b->i16, 2 * lanes(b));

    (void)at;
    return b_add(
        b, acc, b->level->isa->madd(b, b_bitcast(b, a, v), b_bitcast(b, w, v)));
}
