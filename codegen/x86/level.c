/*
 * level.c -- x86-64 and its CPU levels.
 */
#include "codegen/x86/amx.h"
#include "codegen/x86/prim.h"

#include <llvm-c/Target.h>

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

/* A level's needs: n bits of CPUID, given last, and the rest. */
#define NEEDS(count, state, ask, ...)                                          \
    .needs = &(const X86Needs)                                                 \
    {                                                                          \
        .bit = {__VA_ARGS__}, .n = count, .xcr0 = state, .asks = ask           \
    }

#define REGISTERS                                                              \
    .high = 1, .deep = 1, .unit = 1, .unroll = 1, .start = p_start,            \
    .total = p_total, .panel = p_panel, .spread = x86_spread

/* What avx512vnni and the levels above it share. */
#define VNNI512       "+avx2,+avx512f,+avx512bw,+avx512dq,+avx512vl,+avx512vnni"
#define NEEDS_VNNI512 NEEDS_AVX512, {7, 0, 2, 11}
#define REGISTERS_512                                                          \
    .isa = &x86_avx512, .mr = 8, .nr = 3, .nacc = 1, .overlaps = true,         \
    REGISTERS, .dot = x86_dot_vnni512, .dot4 = x86_dot4_vnni512,               \
    .pow2 = x86_pow2_perm

/* Every CPU with tiles has AVX512-VBMI. */
#define TILES       VNNI512 ",+avx512vbmi,+amx-tile,+amx-int8"
#define NEEDS_TILES NEEDS_VNNI512, {7, 0, 2, 1}
#define TILES_512                                                              \
    REGISTERS_512, .lut8 = x86_lut8_vbmi, .gemm = x86_tile_gemm,               \
        .tiles = x86_tile_function

#define SHUFFLE_TABLES .lut8 = x86_lut8_shuffle, .pow2 = x86_pow2_shuffle

static const Level levels[] = {
    {
        .name = "base",
        .features = "",
        .needs = &(const X86Needs){.n = 0},
        .isa = &x86_sse2,
        .mr = 2,
        .nr = 1,
        .nacc = 4,
        .wide = x86_wide,
        REGISTERS,
        .dot = x86_dot_madd,
    },
    {
        .name = "avx2",
        .features = "+avx2",
        NEEDS(3, XCR0_YMM, false, NEEDS_AVX2),
        .isa = &x86_avx2,
        .mr = 6,
        .nr = 1,
        .nacc = 2,
        .wide = x86_wide,
        REGISTERS,
        .dot = x86_dot_madd,
        SHUFFLE_TABLES,
    },
    {
        .name = "avxvnni",
        .features = "+avx2,+avxvnni",
        NEEDS(4, XCR0_YMM, false, NEEDS_AVX2, {7, 1, 0, 4}),
        .isa = &x86_avx2,
        .mr = 6,
        .nr = 1,
        .nacc = 2,
        REGISTERS,
        .dot = x86_dot_vnni256,
        .dot4 = x86_dot4_vnni256,
        SHUFFLE_TABLES,
    },
    {
        /* avxvnni's code in AVX512-VNNI's encoding, for tests on CPUs that
         * have only that. */
        .name = "avxvnni-evex",
        .features = "+avx2,+avx512f,+avx512vl,+avx512vnni",
        .hidden = true,
        NEEDS(8, XCR0_ZMM, false, NEEDS_AVX512, {7, 0, 2, 11}),
        .isa = &x86_avx2,
        .mr = 6,
        .nr = 1,
        .nacc = 2,
        REGISTERS,
        .dot = x86_dot_vnni256,
        .dot4 = x86_dot4_vnni256,
        SHUFFLE_TABLES,
    },
    {
        /* amx's code, for tests that emulate tile instructions. Weaker than
         * the next one, so that nobody chooses it. */
        .name = "amx-trap",
        .features = TILES,
        .hidden = true,
        NEEDS(9, XCR0_ZMM, false, NEEDS_TILES),
        TILES_512,
    },
    {
        .name = "avx512vnni",
        .features = VNNI512,
        NEEDS(8, XCR0_ZMM, false, NEEDS_VNNI512),
        REGISTERS_512,
        .lut8 = x86_lut8_perm,
    },
    {
        .name = "amx",
        .features = TILES,
        NEEDS(11, XCR0_TILES, true, NEEDS_TILES, {7, 0, 3, 24}, {7, 0, 3, 25}),
        TILES_512,
    },
    {.name = NULL},
};

static void
init(void)
{
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
    LLVMInitializeX86AsmParser();
}

const Arch vq_x86 = {
    .cpu = "x86-64",
    .levels = levels,
    .init = init,
    .cpu_check = x86_cpu_check,
};
