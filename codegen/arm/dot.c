/*
 * dot.c -- products with one row of A: smlal and sdot, by a lane of it.
 *
 * A register of sums has four columns. smlal multiplies bytes widened to 16
 * bits; sums of pairs of byte products could pass 16 bits, so smull on bytes
 * with sadalp would take as many instructions. sdot takes s8 alone: bytes of A
 * come less 128 (level.h, `offset`).
 */
#include "codegen/arm/prim.h"

enum { COLS = 4, GROUP = 4 };

/* Of four columns: the first row, then the second. */
int
arm_wide(int i, int half)
{
    return (i / 8 * COLS + i % COLS) * GROUP + 2 * half + i % 8 / COLS;
}

Val
arm_spread(Build *b, const Val *row, unsigned n)
{
    Ty v = b_vec(b->i32, 4);
    Val x = LLVMConstNull(v);

    if (n == 4)
        return b_load(b, v, row[0], 1);
    for (unsigned i = 0; i < n; i++)
        x = b_insert(b, x, b_load(b, b->i32, b_atc(b, row[0], GROUP * i), 1),
                     i);
    return x;
}

Val
arm_spread_offset(Build *b, const Val *row, unsigned n)
{
    Val x = arm_spread(b, row, n);

    return b_xor(b, x, b_const(LLVMTypeOf(x), (int32_t)0x80808080));
}

static Val
splat_lane(Build *b, Val x, int at, unsigned lanes)
{
    int lane[16];

    for (unsigned i = 0; i < lanes; i++)
        lane[i] = at;
    return b_shuffle(b, x, NULL, lane, lanes);
}

Val
arm_dot_mlal(Build *b, Val acc, Val a, Val w, unsigned at)
{
    static const char *const name = "llvm.aarch64.neon.smull";
    Ty v = b_vec(b->i16, 8);

    a = b_bitcast(b, a, v);
    w = b_bitcast(b, w, v);
    for (unsigned k = 0; k < 2; k++) {
        Val arg[2] = {b_slice(b, w, k * COLS, COLS),
                      splat_lane(b, a, (int)(2 * at + k), COLS)};

        acc =
            b_add(b, acc, b_intrinsic(b, name, LLVMTypeOf(acc), arg, 2, NULL));
    }
    return acc;
}

Val
arm_dot_sdot(Build *b, Val acc, Val a, Val w, unsigned at)
{
    a = splat_lane(b, b_bitcast(b, a, b_vec(b->i32, 4)), (int)at, 4);
    w = b_bitcast(b, w, b_vec(b->i8, 16));
    return b_intrinsic2(b, "llvm.aarch64.neon.sdot", LLVMTypeOf(acc),
                        LLVMTypeOf(w), (Val[]){acc, w, a}, 3, NULL);
}

/* ---- four products a lane ---- */

static Val
four(Build *b, const char *name, Val acc, Val a, Val w)
{
    return b_intrinsic2(b, name, LLVMTypeOf(acc), LLVMTypeOf(w),
                        (Val[]){acc, a, w}, 3, NULL);
}

/* a w = (a - 128) w + 64 w + 64 w. */
Val
arm_dot4_sdot(Build *b, Val acc, Val a, Val w)
{
    static const char *const name = "llvm.aarch64.neon.sdot";
    Val half = b_const(LLVMTypeOf(w), 64);

    a = b_xor(b, a, b_const(LLVMTypeOf(a), 0x80));
    for (int i = 0; i < 2; i++)
        acc = four(b, name, acc, half, w);
    return four(b, name, acc, a, w);
}

Val
arm_dot4_usdot(Build *b, Val acc, Val a, Val w)
{
    return four(b, "llvm.aarch64.neon.usdot", acc, a, w);
}
