/*
 * matrix.c -- products with two rows of A at a time: usmmla.
 *
 * A register of sums is two rows by two columns. An operand is 8 bytes of two
 * rows of A, or of two columns of a panel: two k-groups, whose columns of four
 * bytes are interleaved before rows of A meet them.
 */
#include "codegen/arm/prim.h"

enum { REGISTERS = 4, GROUP_BYTES = 64 };

/* Sums of columns 2 i and 2 i + 1, for both rows. */
void
arm_start_2x2(Build *b, Val sums, Val *acc)
{
    for (int i = 0; i < (int)b->level->nacc; i++) {
        int lane[4] = {2 * i, 2 * i + 1, 2 * i, 2 * i + 1};

        acc[i] = b_shuffle(b, sums, NULL, lane, 4);
    }
}

void
arm_total_2x2(Build *b, const Val *acc, Val *sums)
{
    Val part[REGISTERS];

    for (int r = 0; r < 2; r++) {
        int lane[4] = {2 * r, 2 * r + 1, 2 * r + 4, 2 * r + 5};

        for (int i = 0; i < REGISTERS; i++)
            part[i] = b_shuffle(b, acc[2 * i], acc[2 * i + 1], lane, 4);
        sums[r] =
            b_join(b, b_join(b, part[0], part[1]), b_join(b, part[2], part[3]));
    }
}

/* n groups of two: columns of four bytes become columns of eight. */
static void
interleave(Build *b, Val to, Val from, Val group, unsigned n)
{
    static const int lane[2][4] = {{0, 4, 1, 5}, {2, 6, 3, 7}};
    Ty v = b_vec(b->i32, 4);
    Val x[2] = {NULL, LLVMConstNull(v)};

    to = b_elt(b, to, group, GROUP_BYTES, 0);
    from = b_elt(b, from, group, GROUP_BYTES, 0);
    for (int i = 0; i < REGISTERS; i++) {
        for (unsigned k = 0; k < n; k++)
            x[k] = b_load(b, v, b_atc(b, from, GROUP_BYTES * k + 16 * i), 16);
        for (int k = 0; k < 2; k++)
            b_store(b, b_shuffle(b, x[0], x[1], lane[k], 4),
                    b_atc(b, to, 16 * (2 * i + k)), 16);
    }
}

void
arm_prepare_2x2(Build *b, Val to, Val from, int64_t groups)
{
    Loop loop;

    if (groups / 2) {
        b_loop(b, &loop, 0, 2, groups / 2);
        interleave(b, to, from, loop.i, 2);
        b_loop_end(b, &loop);
    }
    if (groups % 2)
        interleave(b, to, from, b_i64(b, groups - 1), 1);
}

/* n groups of a row, four bytes each; 16 bytes, zeros after those. */
static Val
load_row(Build *b, Val row, unsigned n)
{
    Val x = arm_spread(b, &row, n);

    return b_bitcast(b, x, b_vec(b->i64, 2));
}

/* Two groups of the first row, of the second, then the next two. */
Val
arm_spread_2x2(Build *b, const Val *row, unsigned n)
{
    static const int lane[4] = {0, 2, 1, 3};

    return b_shuffle(b, load_row(b, row[0], n), load_row(b, row[1], n), lane,
                     4);
}

Val
arm_dot_usmmla(Build *b, Val acc, Val a, Val w, unsigned at)
{
    a = b_slice(b, a, at, 2);
    w = b_bitcast(b, w, b_vec(b->i8, 16));
    return b_intrinsic2(b, "llvm.aarch64.neon.usmmla", LLVMTypeOf(acc),
                        LLVMTypeOf(w), (Val[]){acc, a, w}, 3, NULL);
}
