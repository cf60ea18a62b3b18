/*
 * lut.c -- table lookup inside registers: by AVX512-BW's vpermi2w, or by
 * AVX2's vpshufb, which looks up among 16 bytes, and a tree of blends.
 */
#include "codegen/x86/prim.h"

static Val
permute2(Build *b, Val index, Val lo, Val hi)
{
    return b_intrinsic(b, "llvm.x86.avx512.vpermi2var.hi.512", NULL,
                       (Val[]){lo, index, hi}, 3, b_vec(b->i16, 32));
}

/* vpermi2w looks at the low six bits of an index; vpsrlvw gives 0 for counts
 * beyond the lane. */
Val
x86_pow2_perm(Build *b, Val d, Val table)
{
    Ty v = b_vec(b->i16, 32);
    Val x = permute2(b, d, b_load(b, v, table, 64),
                     b_load(b, v, b_atc(b, table, 64), 64));

    return b_intrinsic(b, "llvm.x86.avx512.psrlv.w.512", NULL,
                       (Val[]){x, b_lshrc(b, d, 6)}, 2, v);
}

/*
 * The table as 128 words of two bytes: bits 1 to 6 of a byte choose among 64
 * words, bit 7 between the table's halves, bit 0 between the word's bytes.
 * Index bytes are taken from the even and the odd places in turn.
 */
static Val
look_up_words(Build *b, Val x, const Val *word)
{
    Val i = b_lshrc(b, x, 1);
    Val lo = permute2(b, i, word[0], word[1]);
    Val hi = permute2(b, i, word[2], word[3]);
    Val upper =
        b_cmp(b, LLVMIntNE, b_andc(b, x, 128), LLVMConstNull(LLVMTypeOf(x)));
    Val both = b_select(b, upper, hi, lo);

    return b_lshr(b, both, b_shlc(b, b_andc(b, x, 1), 3));
}

Val
x86_lut8_perm(Build *b, Val x, Val table)
{
    Ty v = b_vec(b->i16, 32);
    Val word[4], even, odd;

    for (int i = 0; i < 4; i++)
        word[i] = b_load(b, v, b_atc(b, table, 64 * i), 64);
    x = b_bitcast(b, x, v);
    even = look_up_words(b, b_andc(b, x, 255), word);
    odd = look_up_words(b, b_lshrc(b, x, 8), word);
    x = b_or(b, b_andc(b, even, 255), b_shlc(b, odd, 8));
    return b_bitcast(b, x, b_vec(b->i8, 64));
}

/* ---- vpshufb ---- */

/* 16 bytes of a table, for both halves of a register. */
static Val
load_chunk(Build *b, Val table, unsigned i)
{
    Val x = b_load(b, b_vec(b->i8, 16), b_atc(b, table, 16 * i), 16);
    int lane[32];

    for (int k = 0; k < 32; k++)
        lane[k] = k % 16;
    return b_shuffle(b, x, NULL, lane, 32);
}

/*
 * The chunk that the bits of an index above the lowest choose, 2^nbits chunks
 * from `first` on; bit[i] is negative where bit i of the choice is set.
 */
static Val
choose_chunk(Build *b, Val table, Val in_chunk, const Val *bit, unsigned nbits,
             unsigned first)
{
    Val lo, hi, set;

    if (nbits == 0)
        return b_intrinsic(b, "llvm.x86.avx2.pshuf.b", NULL,
                           (Val[]){load_chunk(b, table, first), in_chunk}, 2,
                           b_vec(b->i8, 32));
    nbits--;
    lo = choose_chunk(b, table, in_chunk, bit, nbits, first);
    hi = choose_chunk(b, table, in_chunk, bit, nbits, first + (1u << nbits));
    set =
        b_cmp(b, LLVMIntSLT, bit[nbits], LLVMConstNull(LLVMTypeOf(bit[nbits])));
    if (b_lanes(set) == 32)
        return b_select(b, set, hi, lo);
    lo = b_select(b, set, b_bitcast(b, hi, b_vec(b->i16, 16)),
                  b_bitcast(b, lo, b_vec(b->i16, 16)));
    return b_bitcast(b, lo, b_vec(b->i8, 32));
}

Val
x86_lut8_shuffle(Build *b, Val x, Val table)
{
    Val half[2], bit[4];

    for (unsigned h = 0; h < 2; h++) {
        half[h] = b_slice(b, x, 32 * h, 32);
        for (unsigned i = 0; i < 4; i++)
            bit[i] = b_shlc(b, half[h], 3 - i);
        half[h] = choose_chunk(b, table, b_andc(b, half[h], 15), bit, 4, 0);
    }
    return b_join(b, half[0], half[1]);
}

/* A chunk holds 8 of the 64 words: byte indices 2i and 2i + 1. */
static Val
look_up_power(Build *b, Val d, Val table)
{
    Val bit[3], i, e;

    for (unsigned k = 0; k < 3; k++)
        bit[k] = b_shlc(b, d, 12 - k);
    i = b_addc(b, b_mulc(b, b_andc(b, d, 7), 0x0202), 0x0100);
    e = choose_chunk(b, table, b_bitcast(b, i, b_vec(b->i8, 32)), bit, 3, 0);
    e = b_zext(b, b_bitcast(b, e, b_vec(b->i16, 16)), 32);
    i = b_lshrc(b, b_zext(b, d, 32), 6);
    e = b_lshr(b, e, b_umin(b, i, b_const(LLVMTypeOf(i), 31)));
    return b_trunc(b, e, 16);
}

Val
x86_pow2_shuffle(Build *b, Val d, Val table)
{
    return b_join(b, look_up_power(b, b_slice(b, d, 0, 16), table),
                  look_up_power(b, b_slice(b, d, 16, 16), table));
}
