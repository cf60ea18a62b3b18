/*
 * level.c -- the CPU levels of x86-64.
 */
#include "codegen/x86/amx.h"
#include "codegen/x86/prim.h"

/* Leaf 1 ecx: 27 OSXSAVE, 28 AVX. Leaf 7: ebx 5 AVX2, 16 AVX512F, 17 DQ,
 * 30 BW, 31 VL; ecx 1 VBMI, 11 VNNI; edx 24 AMX-TILE, 25 AMX-INT8; subleaf 1
 * eax 4 AVX-VNNI. */
#define NEEDS_AVX2 {1, 0, 2, 27}, {1, 0, 2, 28}, {7, 0, 1, 5}
#define NEEDS_AVX512                                                           \
    NEEDS_AVX2, {7, 0, 1, 16}, {7, 0, 1, 17}, {7, 0, 1, 30}, {7, 0, 1, 31}

enum {
    XCR0_YMM = 0x06,      /* SSE and AVX state */
    XCR0_ZMM = 0xe6,      /* and masks, both halves of ZMM */
    XCR0_TILES = 0x600e6, /* and the configuration and data of tiles */
};

static const Isa sse2 = {
    .bits = 128,
    .madd = "llvm.x86.sse2.pmadd.wd",
    .packs16 = "llvm.x86.sse2.packssdw.128",
    .packs8 = "llvm.x86.sse2.packsswb.128",
    .packu8 = "llvm.x86.sse2.packuswb.128",
    .mulhi = "llvm.x86.sse2.pmulhu.w",
    .average = "llvm.x86.sse2.pavg.w",
};

static const Isa avx2 = {
    .bits = 256,
    .madd = "llvm.x86.avx2.pmadd.wd",
    .packs16 = "llvm.x86.avx2.packssdw",
    .packs8 = "llvm.x86.avx2.packsswb",
    .packu8 = "llvm.x86.avx2.packuswb",
    .mulhrs = "llvm.x86.avx2.pmul.hr.sw",
    .mulhi = "llvm.x86.avx2.pmulhu.w",
    .average = "llvm.x86.avx2.pavg.w",
};

static const Isa avx512 = {
    .bits = 512,
    .madd = "llvm.x86.avx512.pmaddw.d.512",
    .packs16 = "llvm.x86.avx512.packssdw.512",
    .packs8 = "llvm.x86.avx512.packsswb.512",
    .packu8 = "llvm.x86.avx512.packuswb.512",
    .mulhrs = "llvm.x86.avx512.pmul.hr.sw.512",
    .mulhi = "llvm.x86.avx512.pmulhu.w.512",
    .average = "llvm.x86.avx512.pavg.w.512",
};

#define REGISTERS                                                              \
    .start = x86_start, .total = x86_total, .panel = x86_panel,                \
    .spread = x86_spread

/* What avx512vnni and the levels above it share. */
#define VNNI512       "+avx2,+avx512f,+avx512bw,+avx512dq,+avx512vl,+avx512vnni"
#define NEEDS_VNNI512 NEEDS_AVX512, {7, 0, 2, 11}
#define REGISTERS_512                                                          \
    .isa = &avx512, .mr = 8, .nr = 3, .nacc = 1, .overlaps = true, REGISTERS,  \
    .dot = x86_dot_vnni512, .pow2 = x86_pow2_perm

/* Every CPU with tiles has AVX512-VBMI. */
#define TILES       VNNI512 ",+avx512vbmi,+amx-tile,+amx-int8"
#define NEEDS_TILES NEEDS_VNNI512, {7, 0, 2, 1}
#define TILES_512                                                              \
    REGISTERS_512, .lut8 = x86_lut8_vbmi, .gemm = x86_tile_gemm,               \
        .tiles = x86_tile_function

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
        /* amx's code, for tests that emulate tile instructions. Weaker than
         * the next one, so that nobody chooses it. */
        .name = "amx-trap",
        .features = TILES,
        .hidden = true,
        .needs = {NEEDS_TILES},
        .nneeds = 9,
        .xcr0 = XCR0_ZMM,
        TILES_512,
    },
    {
        .name = "avx512vnni",
        .features = VNNI512,
        .needs = {NEEDS_VNNI512},
        .nneeds = 8,
        .xcr0 = XCR0_ZMM,
        REGISTERS_512,
        .lut8 = x86_lut8_perm,
    },
    {
        .name = "amx",
        .features = TILES,
        .needs = {NEEDS_TILES, {7, 0, 3, 24}, {7, 0, 3, 25}},
        .nneeds = 11,
        .xcr0 = XCR0_TILES,
        .asks = true,
        TILES_512,
    },
    {.name = NULL},
};
