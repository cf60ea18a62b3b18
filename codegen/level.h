/*
 * level.h -- architectures and their CPU levels: what a level needs of the CPU,
 * and its primitives.
 *
 * Kernels are written once, over 16 columns of 32-bit lanes (a panel's row);
 * what differs between levels is a row of this table, what differs between
 * register widths and instruction sets a row of Isa. Where a primitive works
 * inside 128-bit lanes its lanes are the same for all levels, however wide
 * their registers are.
 */
#ifndef VQ_LEVEL_H
#define VQ_LEVEL_H

#include "codegen/build.h"

enum { MAXACC = 8, MAXTILE = 32, MAXROWS = 2 };

/* Of vectors of any length. */
typedef Val LanesFn(Build *, Val, Val);

/* What one register does; operands of these are as long as one. */
typedef struct Isa {
    unsigned bits;    /* of a register */
    LanesFn *madd;    /* sums of adjacent s16 products, s32 */
    LanesFn *pack16;  /* s32 to s16, saturating: x, then y */
    LanesFn *pack8;   /* s16 to s8 */
    LanesFn *packu8;  /* s16 to u8 */
    LanesFn *mulhrs;  /* (a * b + 2^14) >> 15 on s16; NULL: by parts */
    LanesFn *mulhi;   /* a * b >> 16 on u16 */
    LanesFn *average; /* (a + b + 1) >> 1 on u16 */
    /* NULL: by what is above, or products of 64-bit lanes. */
    LanesFn *mul16; /* s32 lanes that fit s16; vectors of any length */
    LanesFn *mulu;  /* the low halves of 64-bit lanes, unsigned */
    LanesFn *muls;  /* the same, signed */
    Val (*pairs)(Build *, Val x); /* sums of adjacent s16, s32 */
    /* (a * b + 2^(s - 1)) >> s on u16 that it leaves in u16; s: i32, 1 to 31 */
    Val (*mulround)(Build *, Val a, Val b, Val s);
} Isa;

struct Gemm;   /* gemm.h */
struct Module; /* module.h */

typedef struct Level {
    const char *name;
    const char *features; /* LLVM's target features */
    bool hidden;          /* only when asked for by name */
    const void *needs;    /* what the architecture's cpu_check looks at */
    const Isa *isa;

    /*
     * The matrix kernel: mr rows of nr panels at a time. `high` rows of a panel
     * (1, or 2 at MAXROWS) are nacc accumulators. `start` spreads 16 sums to
     * begin with over them, `total` gathers them, a vector for each row. A
     * group is 64 bytes, 4 for each column. `spread` loads n groups' worth of
     * one row of A, or of `high` ones, as an operand: n is `deep`, or less at
     * the end. `panel` loads n groups of a panel as nacc operands: n is `unit`,
     * or less at the end. `dot` adds their products to one accumulator, `at`
     * being the group of A that they begin with. With `prepare`, `panel` loads
     * from what that has made of all groups of a panel, in as much memory, the
     * groups rounded up to units. A turn of the loop is `unroll` times `deep`
     * groups. Where a load is less work than `spread`, a level wants operands
     * `ready`: made once, and kept in the scratch for all panels.
     *
     * The 4 bytes are four of the matrix or, where bytes are multiplied as
     * 16-bit numbers, two of those; `wide` says then which byte of a k-group of
     * 4 goes to lane i of the first or second half, a group of two rows each.
     * Where registers and units are left over amid the products, a level
     * `overlaps` them with what follows the tile before. Where only s8 meets
     * s8, bytes of A are taken less 128 (`offset`), and sums start with what
     * that lacks.
     */
    int (*wide)(int i, int half);
    bool overlaps, offset, ready;
    unsigned mr, nr, nacc, high, deep, unit, unroll;
    void (*start)(Build *, Val sums, Val *acc);
    void (*total)(Build *, const Val *acc, Val *sums);
    void (*prepare)(Build *, Val to, Val from, int64_t groups);
    void (*panel)(Build *, Val p, unsigned n, Val *w);
    Val (*spread)(Build *, const Val *row, unsigned n);
    Val (*dot)(Build *, Val acc, Val a, Val w, unsigned at);

    /* A product otherwise, in tiles; NULL, or false: by the above. `tiles`
     * ends a function that has such products. */
    bool (*gemm)(Build *, const struct Gemm *);
    void (*tiles)(Build *);

    /* Of a register: sums plus each four products of u8 a and s8 w; NULL: bytes
     * are widened, for p_madd. */
    Val (*dot4)(Build *, Val acc, Val a, Val w);

    /* table[x[i]] for 64 bytes, 256 bytes of table, a constant or on the
     * function's stack; NULL: one at a time. */
    Val (*lut8)(Build *, Val x, Val table);
    /* table[d[i] & 63] >> (d[i] >> 6) for 32 lanes of u16, 0 from a shift by
     * 16 on; NULL: one at a time. */
    Val (*pow2)(Build *, Val d, Val table);
} Level;

/* start, total and panel where a lane is a column. */
void p_start(Build *, Val sums, Val *acc);
void p_total(Build *, const Val *acc, Val *sums);
void p_panel(Build *, Val p, unsigned n, Val *w);
/* What `t` says of a table of lut8 or pow2, `at` bytes on. */
Val p_table(Build *, Ty t, Val table, int64_t at, unsigned align);

typedef struct Arch {
    const char *cpu;     /* LLVM's name of the least CPU */
    const Level *levels; /* weakest first, ended by a NULL name */
    void (*init)(void);  /* LLVM's part for it */
    /* i32 f(): bit i is set when this CPU can run level i of the module. */
    Val (*cpu_check)(struct Module *);
} Arch;

/* NULL when the triple's architecture has no kernels. */
const Arch *vq_arch(const char *triple);
extern const Arch vq_x86, vq_arm;

/* ---- primitives that follow from the Isa ---- */

/* Two 16 x s32 to 32 x s16: in each 128-bit lane 4 of a, then 4 of b. */
Val p_pack16(Build *, Val a, Val b);
/* Two 32 x s16 to 64 bytes: in each 128-bit lane 8 of a, then 8 of b. */
Val p_pack8(Build *, Val a, Val b, bool is_signed);
/* (a * b + 2^14) >> 15 on lanes of s16; not for two times -2^15. */
Val p_mulhrs(Build *, Val a, Val b);
/* a * b >> 16 and (a + b + 1) >> 1 on lanes of u16. */
Val p_mulhi(Build *, Val a, Val b);
Val p_average(Build *, Val a, Val b);
/* Lanes of 32 bits whose values fit s16: the 32-bit products. */
Val p_mul16(Build *, Val a, Val b);
/* Products of the low 32 bits of lanes of 64, without or with their sign. */
Val p_mulu(Build *, Val a, Val b);
Val p_muls(Build *, Val a, Val b);
/* Sums of adjacent products of s16 lanes, and of adjacent lanes. */
Val p_madd(Build *, Val a, Val b);
Val p_pairs(Build *, Val x);
/* 16 sums plus each four products, of 64 bytes; where the level has dot4. */
Val p_dot4(Build *, Val acc, Val a, Val w);
/* (a * b + 2^(s - 1)) >> s on lanes of u16; where the Isa has it. */
Val p_mulround(Build *, Val a, Val b, Val s);

#endif
