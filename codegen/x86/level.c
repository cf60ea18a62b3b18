/*
 * level.c -- the CPU levels of x86-64.
 */
#include "codegen/x86/prim.h"

/* Leaf 1 ecx: 27 OSXSAVE, 28 AVX. Leaf 7: ebx 5 AVX2, 16 AVX512F, 17 DQ,
 * 30 BW, 31 VL; ecx 11 VNNI; subleaf 1 eax 4 AVX-VNNI. */
#define NEEDS_AVX2 {1, 0, 2, 27}, {1, 0, 2, 28}, {7, 0, 1, 5}
#define NEEDS_AVX512                                                           \
    NEEDS_AVX2, {7, 0, 1, 16}, {7, 0, 1, 17}, {7, 0, 1, 30}, {7, 0, 1, 31}

enum {
    XCR0_YMM = 0x06, /* SSE and AVX state */
    XCR0_ZMM = 0xe6, /* and masks, both halves of ZMM */
};

static const Isa sse2 = {
    .bits = 128,
    .madd = "llvm.x86.sse2.pmadd.wd",
    .packs16 = "llvm.x86.sse2.packssdw.128",
    .packs8 = "llvm.x86.sse2.packsswb.128",
    .packu8 = "llvm.x86.sse2.packuswb.128",
};

static const Isa avx2 = {
    .bits = 256,
    .madd = "llvm.x86.avx2.pmadd.wd",
    .packs16 = "llvm.x86.avx2.packssdw",
    .packs8 = "llvm.x86.avx2.packsswb",
    .packu8 = "llvm.x86.avx2.packuswb",
    .mulhrs = "llvm.x86.avx2.pmul.hr.sw",
};

static const Isa avx512 = {
    .bits = 512,
    .madd = "llvm.x86.avx512.pmaddw.d.512",
    .packs16 = "llvm.x86.avx512.packssdw.512",
    .packs8 = "llvm.x86.avx512.packsswb.512",
    .packu8 = "llvm.x86.avx512.packuswb.512",
    .mulhrs = "llvm.x86.avx512.pmul.hr.sw.512",
};

#define REGISTERS                                                              \
    .start = x86_start, .total = x86_total, .panel = x86_panel,                \
    .spread = x86_spread

#define SHUFFLE_TABLES .lut8 = x86_lut8_shuffle, .pow2 = x86_pow2_shuffle

const Level vq_levels_x86[] = {
    {
        .name = "base",
        .features = "",
        .isa = &sse2,
        .mr = 2,
        .nr = 1,
        .nacc = 4,
        .wide = true,
        REGISTERS,
        .dot = x86_dot_madd,
    },
    {
        .name = "avx2",
        .features = "+avx2",
        .needs = {NEEDS_AVX2},
        .nneeds = 3,
        .xcr0 = XCR0_YMM,
        .isa = &avx2,
        .mr = 6,
        .nr = 1,
        .nacc = 2,
        .wide = true,
        REGISTERS,
        .dot = x86_dot_madd,
        SHUFFLE_TABLES,
    },
    {
        .name = "avxvnni",
        .features = "+avx2,+avxvnni",
        .needs = {NEEDS_AVX2, {7, 1, 0, 4}},
        .nneeds = 4,
        .xcr0 = XCR0_YMM,
        .isa = &avx2,
        .mr = 6,
        .nr = 1,
        .nacc = 2,
        REGISTERS,
        .dot = x86_dot_vnni256,
        SHUFFLE_TABLES,
    },
    {
        /* avxvnni's code in AVX512-VNNI's encoding, for tests on CPUs that
         * have only that. */
        .name = "avxvnni-evex",
        .features = "+avx2,+avx512f,+avx512vl,+avx512vnni",
        .hidden = true,
        .needs = {NEEDS_AVX512, {7, 0, 2, 11}},
        .nneeds = 8,
        .xcr0 = XCR0_ZMM,
        .isa = &avx2,
        .mr = 6,
        .nr = 1,
        .nacc = 2,
        REGISTERS,
        .dot = x86_dot_vnni256,
        SHUFFLE_TABLES,
    },
    {
        .name = "avx512vnni",
        .features = "+avx2,+avx512f,+avx512bw,+avx512dq,+avx512vl,+avx512vnni",
        .needs = {NEEDS_AVX512, {7, 0, 2, 11}},
        .nneeds = 8,
        .xcr0 = XCR0_ZMM,
        .isa = &avx512,
        .mr = 8,
        .nr = 3,
        .nacc = 1,
        REGISTERS,
        .dot = x86_dot_vnni512,
        .lut8 = x86_lut8_perm,
        .pow2 = x86_pow2_perm,
    },
    {.name = NULL},
};
