/*
 * lut.c -- table lookup inside registers: tbl looks among 64 bytes and gives 0
 * for an index beyond them, tbx what it was given.
 */
#include "codegen/arm/prim.h"

enum { QUAD = 4, REGISTER = 16 };

static Val
load_piece(Build *b, Val table, int64_t at)
{
    return p_table(b, b_vec(b->i8, REGISTER), table, at, REGISTER);
}

/* piece[x[i]], or below[i] where x[i] is 64 or more. */
static Val
look_up(Build *b, const Val *piece, Val x, Val below)
{
    Val arg[] = {below, piece[0], piece[1], piece[2], piece[3], x};

    return below ? b_intrinsic(b, "llvm.aarch64.neon.tbx4", LLVMTypeOf(x), arg,
                               6, NULL)
                 : b_intrinsic(b, "llvm.aarch64.neon.tbl4", LLVMTypeOf(x),
                               arg + 1, 5, NULL);
}

Val
arm_lut8(Build *b, Val x, Val table)
{
    Val piece[16], part[4];

    for (int i = 0; i < 16; i++)
        piece[i] = load_piece(b, table, REGISTER * i);
    for (unsigned k = 0; k < 4; k++) {
        Val at = b_slice(b, x, REGISTER * k, REGISTER), y = NULL;

        for (int i = 0; i < 4; i++)
            y = look_up(b, piece + QUAD * i, b_subc(b, at, 64 * i), y);
        part[k] = y;
    }
    return b_join(b, b_join(b, part[0], part[1]), b_join(b, part[2], part[3]));
}

/* e[i] >> (d[i] >> 6) for one register: a count of -16 leaves nothing. */
static Val
shift_words(Build *b, Val e, Val d)
{
    Val by = b_umin(b, b_lshrc(b, d, 6), b_const(LLVMTypeOf(d), 16));

    by = b_sub(b, LLVMConstNull(LLVMTypeOf(by)), by);
    return b_intrinsic(b, "llvm.aarch64.neon.ushl", LLVMTypeOf(e),
                       (Val[]){e, by}, 2, NULL);
}

/* Entries of 16 distances, a register of eight at a time. */
static void
powers(Build *b, Val d, Val planes[2][QUAD], Val *word)
{
    Val at = b_andc(b, b_trunc(b, d, 8), 63);
    Val lo = look_up(b, planes[0], at, NULL);
    Val hi = look_up(b, planes[1], at, NULL), part;
    int lane[REGISTER];

    for (int k = 0; k < 2; k++) {
        for (int i = 0; i < REGISTER; i++)
            lane[i] = k * 8 + i / 2 + i % 2 * REGISTER;
        part = b_slice(b, d, 8 * (unsigned)k, 8);
        word[k] = b_bitcast(b, b_shuffle(b, lo, hi, lane, REGISTER),
                            LLVMTypeOf(part));
        word[k] = shift_words(b, word[k], part);
    }
}

/* The table's low bytes and its high bytes are looked up apart. */
Val
arm_pow2(Build *b, Val d, Val table)
{
    Val planes[2][QUAD], pair, word[4];
    int lane[REGISTER];

    for (int i = 0; i < QUAD; i++) {
        pair = b_join(b, load_piece(b, table, 2 * REGISTER * i),
                      load_piece(b, table, 2 * REGISTER * i + REGISTER));
        for (int k = 0; k < 2; k++) {
            for (int n = 0; n < REGISTER; n++)
                lane[n] = 2 * n + k;
            planes[k][i] = b_shuffle(b, pair, NULL, lane, REGISTER);
        }
    }
    for (unsigned k = 0; k < 2; k++)
        powers(b, b_slice(b, d, REGISTER * k, REGISTER), planes, word + 2 * k);
    return b_join(b, b_join(b, word[0], word[1]), b_join(b, word[2], word[3]));
}
