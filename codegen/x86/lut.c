/*
 * lut.c -- table lookup inside registers, by AVX512-BW's vpermi2w.
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
    Val upper = b_cmp(b, LLVMIntNE, b_andc(b, x, 128),
                      LLVMConstNull(LLVMTypeOf(x)));
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
