/* prim.h -- the primitives of the x86 levels, for level.c's table. */
#ifndef VQ_X86_PRIM_H
#define VQ_X86_PRIM_H

#include "codegen/level.h"

/* AVX512-VNNI: one 512-bit accumulator. */
void x86_start512(Build *, Val sums, Val *acc);
Val x86_total512(Build *, const Val *acc);
void x86_panel512(Build *, Val p, Val *w);
Val x86_spread512(Build *, Val p);
Val x86_dot512(Build *, Val acc, Val a, Val w);

/* The same products on two 256-bit accumulators: AVX-VNNI. */
void x86_start256(Build *, Val sums, Val *acc);
Val x86_total256(Build *, const Val *acc);
void x86_panel256(Build *, Val p, Val *w);
Val x86_spread256(Build *, Val p);
Val x86_dot256(Build *, Val acc, Val a, Val w);

/* pmaddwd on widened bytes, exact on every CPU: two lanes a column. */
void x86_start_madd(Build *, Val sums, Val *acc);
Val x86_total_madd(Build *, const Val *acc);
void x86_panel_madd(Build *, Val p, Val *w);
Val x86_spread_madd(Build *, Val p);
Val x86_dot_madd(Build *, Val acc, Val a, Val w);

/* AVX512-BW vpermi2w. */
Val x86_lut8_perm(Build *, Val x, Val table);
Val x86_pow2_perm(Build *, Val d, Val table);

#endif
