/* prim.h -- the primitives of the x86 levels, for level.c's table. */
#ifndef VQ_X86_PRIM_H
#define VQ_X86_PRIM_H

#include "codegen/level.h"

/* A row of a panel in as many registers as it takes. */
void x86_start(Build *, Val sums, Val *acc);
Val x86_total(Build *, const Val *acc);
void x86_panel(Build *, Val p, Val *w);
Val x86_spread(Build *, Val p);
/* Four bytes a lane, or two widened ones. */
Val x86_dot_vnni512(Build *, Val acc, Val a, Val w);
Val x86_dot_vnni256(Build *, Val acc, Val a, Val w);
Val x86_dot_madd(Build *, Val acc, Val a, Val w);

/* AVX512-VBMI vpermi2b. */
Val x86_lut8_vbmi(Build *, Val x, Val table);
/* AVX512-BW vpermi2w. */
Val x86_lut8_perm(Build *, Val x, Val table);
Val x86_pow2_perm(Build *, Val d, Val table);
/* AVX2 vpshufb. */
Val x86_lut8_shuffle(Build *, Val x, Val table);
Val x86_pow2_shuffle(Build *, Val d, Val table);

#endif
