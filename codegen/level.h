/*
 * level.h -- CPU levels: what they need of the CPU, and their primitives.
 *
 * Kernels are written once, over 16 columns of 32-bit lanes (a panel's row);
 * what differs between levels is a row of this table. Where a primitive works
 * inside 128-bit lanes its lanes are the same for all levels, however wide
 * their registers are.
 */
#ifndef VQ_LEVEL_H
#define VQ_LEVEL_H

#include "codegen/build.h"

/* A bit of CPUID that must be set: leaf, subleaf, register (0 eax, 1 ebx,
 * 2 ecx, 3 edx), bit. */
typedef struct CpuBit {
    uint8_t leaf, sub, reg, bit;
} CpuBit;

enum { MAXCPUBIT = 12, MAXACC = 8, MAXTILE = 32 };

/* Names of a register width's intrinsics. */
typedef struct Isa {
    unsigned bits;       /* of a register */
    const char *madd;    /* pairs of s16 products into s32 */
    const char *packs16; /* s32 to s16, saturating */
    const char *packs8;  /* s16 to s8 */
    const char *packu8;  /* s16 to u8 */
    const char *mulhrs;  /* (a * b + 2^14) >> 15 on s16; NULL: by parts */
    const char *mulhi;   /* a * b >> 16 on u16 */
    const char *average; /* (a + b + 1) >> 1 on u16 */
} Isa;

struct Gemm; /* gemm.h */

typedef struct Level {
    const char *name;
    const char *features; /* LLVM's target features */
    bool hidden;          /* only when asked for by name */
    CpuBit needs[MAXCPUBIT];
    unsigned nneeds;
    uint32_t xcr0; /* state bits the system must have enabled */
    bool asks;     /* Linux must be asked for the use of tiles */
    const Isa *isa;

    /*
     * The matrix kernel: mr rows of nr panels at a time. A row of a panel is
     * nacc accumulators. `start` spreads 16 sums to begin with over them,
     * `total` gathers them. A group is 64 bytes, 4 for each column: `panel`
     * loads it as nacc operands; `spread` loads 4 bytes of a row of A as the
     * other operand; `dot` adds the products to one accumulator. The 4 bytes
     * are four of the matrix or, where `wide`, two widened to 16 bits. Where
     * registers and units are left over amid the products, it `overlaps` them
     * with what follows the tile before.
     */
    bool wide, overlaps;
    unsigned mr, nr, nacc;
    void (*start)(Build *, Val sums, Val *acc);
    Val (*total)(Build *, const Val *acc);
    void (*panel)(Build *, Val p, Val *w);
    Val (*spread)(Build *, Val p);
    Val (*dot)(Build *, Val acc, Val a, Val w);

    /* A product otherwise, in tiles; NULL, or false: by the above. `tiles`
     * ends a function that has such products. */
    bool (*gemm)(Build *, const struct Gemm *);
    void (*tiles)(Build *);

    /* table[x[i]] for 64 bytes, 256 bytes of table, a constant or on the
     * function's stack; NULL: one at a time. */
    Val (*lut8)(Build *, Val x, Val table);
    /* table[d[i] & 63] >> (d[i] >> 6) for 32 lanes of u16, 0 from a shift by
     * 16 on; NULL: one at a time. */
    Val (*pow2)(Build *, Val d, Val table);
} Level;

/* The levels of a triple's architecture, weakest first, ended by a NULL name;
 * NULL when the architecture is not known. */
const Level *vq_levels(const char *triple);
extern const Level vq_levels_x86[];

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
/* Sums of adjacent products of s16 lanes. */
Val p_madd(Build *, Val a, Val b);

#endif
