/*
 * level.c -- aarch64 and its CPU levels.
 *
 * SVE2 and SME would be rows after these, with an Isa of their own where their
 * registers' length is known; weights are packed as now.
 */
#include "codegen/arm/prim.h"

#include <llvm-c/Target.h>

enum {
    HWCAP_ASIMDDP = 1 << 20, /* sdot, udot */
    HWCAP2_I8MM = 1 << 13,   /* usdot, usmmla, smmla */
};

#define TABLES .lut8 = arm_lut8, .pow2 = arm_pow2
#define BY_LANE                                                                \
    .mr = 5, .nr = 1, .nacc = 4, .high = 1, .deep = 4, .unit = 1, .unroll = 1, \
    .start = p_start, .total = p_total, .panel = p_panel

static const Level levels[] = {
    {
        .name = "neon",
        .features = "+neon",
        .needs = &(const ArmNeeds){.macos = true},
        .isa = &arm_neon,
        .wide = arm_wide,
        BY_LANE,
        .spread = arm_spread,
        .dot = arm_dot_mlal,
        TABLES,
    },
    {
        .name = "dotprod",
        .features = "+neon,+dotprod",
        .needs = &(const ArmNeeds){.hwcap = HWCAP_ASIMDDP, .macos = true},
        .isa = &arm_neon,
        .offset = true,
        .ready = true,
        BY_LANE,
        .spread = arm_spread_offset,
        .dot = arm_dot_sdot,
        .dot4 = arm_dot4_sdot,
        TABLES,
    },
    {
        .name = "i8mm",
        .features = "+neon,+dotprod,+i8mm",
        .needs =
            &(const ArmNeeds){.hwcap = HWCAP_ASIMDDP, .hwcap2 = HWCAP2_I8MM},
        .isa = &arm_neon,
        .ready = true,
        .mr = 4,
        .nr = 1,
        .nacc = 8,
        .high = 2,
        .deep = 4,
        .unit = 2,
        .unroll = 2,
        .start = arm_start_2x2,
        .total = arm_total_2x2,
        .prepare = arm_prepare_2x2,
        .panel = p_panel,
        .spread = arm_spread_2x2,
        .dot = arm_dot_usmmla,
        .dot4 = arm_dot4_usdot,
        TABLES,
    },
    {.name = NULL},
};

static void
init(void)
{
    LLVMInitializeAArch64TargetInfo();
    LLVMInitializeAArch64Target();
    LLVMInitializeAArch64TargetMC();
    LLVMInitializeAArch64AsmPrinter();
    LLVMInitializeAArch64AsmParser();
}

const Arch vq_arm = {
    .cpu = "generic",
    .levels = levels,
    .init = init,
    .cpu_check = arm_cpu_check,
};
