/*
 * peak.c -- loops of independent product instructions, a row a CPU level.
 *
 * As many sums as the instruction's latency needs, none waiting for another,
 * all operands in registers. Numbers are not zero, since a multiplier of zeros
 * takes less power and lets the clock rise.
 */
#include "lib/peak.h"

#include "lib/clock.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* A loop of `turns` turns over 64 bytes of operands. */
typedef void PeakLoop(int64_t turns, const void *operands);

struct PeakProbe {
    const char *level, *name;
    PeakLoop *run;
    int64_t turns, macs; /* of a probe; multiply-adds of a turn */
};

#if defined __x86_64__

/* Operands are in registers 14 and 15, sums from 0 on. */
#define LOOP(load, body, end)                                                  \
    __asm__ volatile(load "1:\n\t" body "dec %0\n\tjnz 1b\n\t" end             \
                     : "+r"(turns)                                             \
                     : "r"(operands)                                           \
                     : "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5",   \
                       "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11",       \
                       "xmm12", "xmm13", "xmm14", "xmm15")
#define LOAD128 "movdqu (%1), %%xmm14\n\tmovdqu 16(%1), %%xmm15\n\t"
#define LOAD256 "vmovdqu (%1), %%ymm14\n\tvmovdqu 32(%1), %%ymm15\n\t"
#define LOAD512 "vmovdqu64 (%1), %%zmm14\n\tvmovdqu64 (%1), %%zmm15\n\t"
#define END256  "vzeroupper\n\t"
/* Ten sums, each with a register for its product. */
#define TEN(M)                                                                 \
    M("0", "10")                                                               \
    M("1", "11")                                                               \
    M("2", "12")                                                               \
    M("3", "13")                                                               \
    M("4", "10")                                                               \
    M("5", "11") M("6", "12") M("7", "13") M("8", "10") M("9", "11")
#define TWELVE(M)                                                              \
    M("0")                                                                     \
    M("1")                                                                     \
    M("2") M("3") M("4") M("5") M("6") M("7") M("8") M("9") M("10") M("11")

/* The product destroys an operand: copy, multiply, add. */
#define MADD128(sum, product)                                                  \
    "movdqa %%xmm15, %%xmm" product "\n\t"                                     \
    "pmaddwd %%xmm14, %%xmm" product "\n\t"                                    \
    "paddd %%xmm" product ", %%xmm" sum "\n\t"

static void
madd128(int64_t turns, const void *operands)
{
    LOOP(LOAD128, TEN(MADD128), "");
}

#define MADD256(sum, product)                                                  \
    "vpmaddwd %%ymm14, %%ymm15, %%ymm" product "\n\t"                          \
    "vpaddd %%ymm" product ", %%ymm" sum ", %%ymm" sum "\n\t"

static void
madd256(int64_t turns, const void *operands)
{
    LOOP(LOAD256, TEN(MADD256), END256);
}

#define DOT256(sum) "%{vex%} vpdpbusd %%ymm14, %%ymm15, %%ymm" sum "\n\t"

static void
dot256(int64_t turns, const void *operands)
{
    LOOP(LOAD256, TWELVE(DOT256), END256);
}

#define DOT256EVEX(sum) "%{evex%} vpdpbusd %%ymm14, %%ymm15, %%ymm" sum "\n\t"

static void
dot256_evex(int64_t turns, const void *operands)
{
    LOOP(LOAD256, TWELVE(DOT256EVEX), END256);
}

#define DOT512(sum) "vpdpbusd %%zmm14, %%zmm15, %%zmm" sum "\n\t"

static void
dot512(int64_t turns, const void *operands)
{
    LOOP(LOAD512, TWELVE(DOT512), END256);
}

/* Palette 1: eight tiles of 16 rows of 64 bytes. */
typedef struct TileConfig {
    uint8_t palette, start, reserved[14];
    uint16_t bytes[16];
    uint8_t rows[16];
} TileConfig;

static void
tiles(int64_t turns, const void *operands)
{
    TileConfig config = {.palette = 1};
    uint8_t tile[1024];

    for (int i = 0; i < 8; i++) {
        config.bytes[i] = 64;
        config.rows[i] = 16;
    }
    for (size_t i = 0; i < sizeof tile; i += 64)
        memcpy(tile + i, operands, 64);
    __asm__ volatile(
        "ldtilecfg (%1)\n\t"
        "tilezero %%tmm0\n\ttilezero %%tmm1\n\t"
        "tilezero %%tmm2\n\ttilezero %%tmm3\n\t"
        "tileloadd (%2,%3), %%tmm4\n\ttileloadd (%2,%3), %%tmm5\n\t"
        "tileloadd (%2,%3), %%tmm6\n\ttileloadd (%2,%3), %%tmm7\n\t"
        "1:\n\t"
        "tdpbusd %%tmm6, %%tmm4, %%tmm0\n\t"
        "tdpbusd %%tmm7, %%tmm4, %%tmm1\n\t"
        "tdpbusd %%tmm6, %%tmm5, %%tmm2\n\t"
        "tdpbusd %%tmm7, %%tmm5, %%tmm3\n\t"
        "dec %0\n\tjnz 1b\n\t"
        "tilerelease\n\t"
        : "+r"(turns)
        : "r"(&config), "r"(tile), "r"((int64_t)64)
        : "cc", "memory");
}

static const PeakProbe probe[] = {
    {"base", "pmaddwd + paddd, 128 bits", madd128, 10000, 10 * 8},
    {"avx2", "vpmaddwd + vpaddd, 256 bits", madd256, 10000, 10 * 16},
    {"avxvnni", "vpdpbusd, 256 bits", dot256, 10000, 12 * 32},
    {"avxvnni-evex", "vpdpbusd, 256 bits", dot256_evex, 10000, 12 * 32},
    {"avx512vnni", "vpdpbusd, 512 bits", dot512, 10000, 12 * 64},
    {"amx", "tdpbusd", tiles, 1500, 4 * 16 * 16 * 64},
    {.level = NULL},
};

#elif defined __aarch64__

/* Operands are in registers 30 and 31, sums from 0 on: 24, for four units of
 * four cycles and more. */
#define LOOP(arch, body)                                                       \
    __asm__ volatile(".arch " arch "\n\tldp q30, q31, [%1]\n\t"                \
                     "1:\n\t" body "subs %0, %0, #1\n\tb.ne 1b\n\t"            \
                     : "+r"(turns)                                             \
                     : "r"(operands)                                           \
                     : "cc", "memory", "v0", "v1", "v2", "v3", "v4", "v5",     \
                       "v6", "v7", "v8", "v9", "v10", "v11", "v12", "v13",     \
                       "v14", "v15", "v16", "v17", "v18", "v19", "v20", "v21", \
                       "v22", "v23", "v30", "v31")
#define SIX(M, a, b, c, d, e, f) M(#a) M(#b) M(#c) M(#d) M(#e) M(#f)
#define ALL(M)                                                                 \
    SIX(M, 0, 1, 2, 3, 4, 5)                                                   \
    SIX(M, 6, 7, 8, 9, 10, 11)                                                 \
    SIX(M, 12, 13, 14, 15, 16, 17) SIX(M, 18, 19, 20, 21, 22, 23)

#define SMLAL(sum)  "smlal v" sum ".4s, v30.4h, v31.4h\n\t"
#define SDOT(sum)   "sdot v" sum ".4s, v30.16b, v31.4b[1]\n\t"
#define USMMLA(sum) "usmmla v" sum ".4s, v30.16b, v31.16b\n\t"

static void
smlal(int64_t turns, const void *operands)
{
    LOOP("armv8-a", ALL(SMLAL));
}

static void
sdot(int64_t turns, const void *operands)
{
    LOOP("armv8.2-a+dotprod", ALL(SDOT));
}

static void
usmmla(int64_t turns, const void *operands)
{
    LOOP("armv8.2-a+i8mm", ALL(USMMLA));
}

static const PeakProbe probe[] = {
    {"neon", "smlal, 128 bits", smlal, 5000, 24 * 4},
    {"dotprod", "sdot, 128 bits", sdot, 5000, 24 * 16},
    {"i8mm", "usmmla, 128 bits", usmmla, 5000, 24 * 32},
    {.level = NULL},
};

#else

static const PeakProbe probe[] = {{.level = NULL}};

#endif

const PeakProbe *
vq_peak_probe(const char *level)
{
    for (const PeakProbe *p = probe; p->level; p++)
        if (strcmp(p->level, level) == 0)
            return p;
    return NULL;
}

const char *
vq_peak_name(const PeakProbe *p)
{
    return p->name;
}

double
vq_peak_measure(const PeakProbe *p)
{
    uint8_t operands[64];
    double start;

    for (int i = 0; i < 64; i++)
        operands[i] = (uint8_t)(37 * i + 11);
    start = vq_clock();
    p->run(p->turns, operands);
    return (double)(p->turns * p->macs) / (vq_clock() - start);
}
