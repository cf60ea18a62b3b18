/* prim.h -- the primitives of the x86 levels, for level.c's table. */
#ifndef VQ_X86_PRIM_H
#define VQ_X86_PRIM_H

#include "codegen/level.h"

/* A bit of CPUID that must be set: leaf, subleaf, register (0 eax, 1 ebx,
 * 2 ecx, 3 edx), bit. */
typedef struct CpuBit {
    uint8_t leaf, sub, reg, bit;
} CpuBit;

/* What a level needs: n bits and the rest. */
typedef struct X86Needs {
    CpuBit bit[12];
    unsigned n;
    uint32_t xcr0; /* state bits the system must have enabled */
    bool asks;     /* Linux must be asked for the use of tiles */
} X86Needs;

/* cpuid.c */
Val x86_cpu_check(struct Module *);

/* isa.c: SSE2, AVX2, AVX-512. */
extern const Isa x86_sse2, x86_avx2, x86_avx512;

/* Four bytes of a row of A in all lanes. */
Val x86_spread(Build *, const Val *row, unsigned n);
/* Four bytes a lane, or two widened ones: those next to each other. */
Val x86_dot_vnni512(Build *, Val acc, Val a, Val w, unsigned at);
Val x86_dot_vnni256(Build *, Val acc, Val a, Val w, unsigned at);
Val x86_dot4_vnni512(Build *, Val acc, Val a, Val w);
Val x86_dot4_vnni256(Build *, Val acc, Val a, Val w);
Val x86_dot_madd(Build *, Val acc, Val a, Val w, unsigned at);
int x86_wide(int i, int half);

/* AVX512-VBMI vpermi2b. */
Val x86_lut8_vbmi(Build *, Val x, Val table);
/* AVX512-BW vpermi2w. */
Val x86_lut8_perm(Build *, Val x, Val table);
Val x86_pow2_perm(Build *, Val d, Val table);
/* AVX2 vpshufb. */
Val x86_lut8_shuffle(Build *, Val x, Val table);
Val x86_pow2_shuffle(Build *, Val d, Val table);

#endif
