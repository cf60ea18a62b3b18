/*
 * lut.c -- table lookup inside registers: by AVX512-VBMI's vpermi2b, by
 * AVX512-BW's vpermi2w, or by AVX2's vpshufb, which looks up among 16 bytes,
 * and a tree of blends.
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
    Val x = permute2(b, d, p_table(b, v, table, 0, 64),
                     p_table(b, v, table, 64, 64));

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
        word[i] = p_table(b, v, table, 64 * i, 64);
    x = b_bitcast(b, x, v);
    even = look_up_words(b, b_andc(b, x, 255), word);
    odd = look_up_words(b, b_lshrc(b, x, 8), word);
    x = b_or(b, b_andc(b, even, 255), b_shlc(b, odd, 8));
    return b_bitcast(b, x, b_vec(b->i8, 64));
}

/* Bits 0 to 6 of a byte choose among 128 bytes, bit 7 between the halves. */
Val
x86_lut8_vbmi(Build *b, Val x, Val table)
{
    Ty v = b_vec(b->i8, 64);
    Val part[4], half[2];

    for (int i = 0; i < 4; i++)
        part[i] = p_table(b, v, table, 64 * i, 64);
    for (int i = 0; i < 2; i++)
        half[i] = b_intrinsic(b, "llvm.x86.avx512.vpermi2var.qi.512", NULL,
                              (Val[]){part[2 * i], x, part[2 * i + 1]}, 3, v);
    return b_select(b, b_cmp(b, LLVMIntSLT, x, LLVMConstNull(v)), half[1],
                    half[0]);
}

/* ---- vpshufb ---- */

/* 16 bytes of a table, for both halves of a register. */
static Val
load_chunk(Build *b, Val table, unsigned i)
{
    Val x = p_table(b, b_vec(b->i8, 16), table, 16 * i, 16);
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

/* Bytes `half` (0 low, 1 high) of words 16 * i .. of a table, for both halves
 * of a register; less (by xor) those of the 16 words before. */
static Val
load_step(Build *b, Val table, unsigned half, unsigned i)
{
    Ty v = b_vec(b->i16, 16);
    Val x = p_table(b, v, table, 32 * i, 32);
    int lane[32];

    if (i > 0)
        x = b_xor(b, x, p_table(b, v, table, 32 * i - 32, 32));
    x = b_trunc(b, b_lshrc(b, x, 8 * half), 8);
    for (int k = 0; k < 32; k++)
        lane[k] = k % 16;
    return b_shuffle(b, x, NULL, lane, 32);
}

/*
 * 32 indices of 0 .. 63: vpshufb gives 0 for a negative one and looks at the
 * low four bits of others, so tables of what changes from 16 to 16 add up.
 */
static void
look_up_64(Build *b, Val at, Val table, Val half[2])
{
    Val step;

    for (unsigned i = 0; i < 4; i++)
        for (unsigned h = 0; h < 2; h++) {
            step = b_intrinsic(
                b, "llvm.x86.avx2.pshuf.b", NULL,
                (Val[]){load_step(b, table, h, i), b_subc(b, at, 16 * i)}, 2,
                LLVMTypeOf(at));
            half[h] = i ? b_xor(b, half[h], step) : step;
        }
}

/* e[i] >> (d[i] >> 6) for 16 lanes of u16, by 32-bit shifts of the even and
 * of the odd ones. */
static Val
shift_words(Build *b, Val e, Val d)
{
    static const char *const shift = "llvm.x86.avx2.psrlv.d.256";
    Ty v = b_vec(b->i32, 8), words = LLVMTypeOf(e);
    Val odd, even;
    int lane[16];

    e = b_bitcast(b, e, v);
    d = b_bitcast(b, d, v);
    even = b_intrinsic(
        b, shift, NULL,
        (Val[]){b_andc(b, e, 65535), b_lshrc(b, b_shlc(b, d, 16), 22)}, 2,
        words);
    odd = b_intrinsic(b, shift, NULL, (Val[]){e, b_lshrc(b, d, 22)}, 2, words);
    for (int i = 0; i < 16; i++)
        lane[i] = i + i % 2 * 16;
    return b_shuffle(b, even, odd, lane, 16);
}

/* vpackuswb and vpunpck undo each other's order. */
Val
x86_pow2_shuffle(Build *b, Val d, Val table)
{
    Val part[2] = {b_slice(b, d, 0, 16), b_slice(b, d, 16, 16)}, half[2], e;
    int lane[32];

    e = b_intrinsic(b, "llvm.x86.avx2.packuswb", NULL,
                    (Val[]){b_andc(b, part[0], 63), b_andc(b, part[1], 63)}, 2,
                    b_vec(b->i8, 32));
    look_up_64(b, e, table, half);
    for (int p = 0; p < 2; p++) {
        for (int i = 0; i < 32; i++)
            lane[i] = i / 16 * 16 + p * 8 + i % 16 / 2 + i % 2 * 32;
        e = b_shuffle(b, half[0], half[1], lane, 32);
        part[p] = shift_words(b, b_bitcast(b, e, LLVMTypeOf(part[p])), part[p]);
    }
    return b_join(b, part[0], part[1]);
}
