/* prim.h -- the primitives of the aarch64 levels, for level.c's table. */
#ifndef VQ_ARM_PRIM_H
#define VQ_ARM_PRIM_H

#include "codegen/level.h"

/* What a level needs: bits of AT_HWCAP and AT_HWCAP2 of Linux's auxiliary
 * vector. Elsewhere levels are known by the triple alone. */
typedef struct ArmNeeds {
    uint32_t hwcap, hwcap2;
    bool macos; /* every Mac with an ARM CPU has it */
} ArmNeeds;

/* hwcap.c */
Val arm_cpu_check(struct Module *);

/* isa.c: Advanced SIMD. */
extern const Isa arm_neon;

/* dot.c. Registers of four columns: smlal on bytes widened to 16 bits,
 * sdot, usdot. */
int arm_wide(int i, int half);
Val arm_spread(Build *, const Val *row, unsigned n);
Val arm_spread_offset(Build *, const Val *row, unsigned n);
Val arm_dot_mlal(Build *, Val acc, Val a, Val w, unsigned at);
Val arm_dot_sdot(Build *, Val acc, Val a, Val w, unsigned at);
Val arm_dot4_sdot(Build *, Val acc, Val a, Val w);
Val arm_dot4_usdot(Build *, Val acc, Val a, Val w);

/* matrix.c. Registers of two rows and two columns: usmmla. */
void arm_start_2x2(Build *, Val sums, Val *acc);
void arm_total_2x2(Build *, const Val *acc, Val *sums);
void arm_prepare_2x2(Build *, Val to, Val from, int64_t groups);
Val arm_spread_2x2(Build *, const Val *row, unsigned n);
Val arm_dot_usmmla(Build *, Val acc, Val a, Val w, unsigned at);

/* lut.c: tbl. */
Val arm_lut8(Build *, Val x, Val table);
Val arm_pow2(Build *, Val d, Val table);

#endif
