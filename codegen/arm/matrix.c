/*
 * matrix.c -- products with two rows of A at a time: usmmla.
 *
 * A register of sums is two rows by two columns. An operand is 8 bytes of two
 * rows of A, or of two columns of a panel: two k-groups, whose columns of four
 * bytes are interleaved as they are loaded.
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

void
arm_panel_2x2(Build *b, Val p, unsigned n, Val *w)
{
    static const int low[] = {0, 4, 1, 5}, high[] = {2, 6, 3, 7};
    Ty v = b_vec(b->i32, 4);
    Val x[2] = {NULL, LLVMConstNull(v)};

    for (int i = 0; i < REGISTERS; i++) {
        for (unsigned k = 0; k < n; k++)
            x[k] = b_load(b, v, b_atc(b, p, GROUP_BYTES * k + 16 * i), 16);
        w[2 * i] = b_shuffle(b, x[0], x[1], low, 4);
        w[2 * i + 1] = b_shuffle(b, x[0], x[1], high, 4);
    }
}

Val
arm_spread_2x2(Build *b, const Val *row, unsigned n)
{
    Val x = LLVMConstNull(b_vec(b->i64, 2));

    for (unsigned r = 0; r < 2; r++)
        x = b_insert(b, x,
                     n == 2 ? b_load(b, b->i64, row[r], 1)
                            : b_zext(b, b_load(b, b->i32, row[r], 1), 64),
                     r);
    return x;
}

Val
arm_dot_usmmla(Build *b, Val acc, Val a, Val w, unsigned at)
{
    (void)at;
    return b_intrinsic2(b, "llvm.aarch64.neon.usmmla", LLVMTypeOf(acc),
                        b_vec(b->i8, 16), (Val[]){acc, a, w}, 3, NULL);
}
