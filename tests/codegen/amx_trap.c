/*
 * amx_trap.c -- decoder and interpreter of the tile instructions.
 *
 * Intel's manual, volume 2: LDTILECFG, STTILECFG, TILERELEASE, TILEZERO,
 * TILELOADD[T1], TILESTORED, TDPB{SS,SU,US,UU}D; all VEX-encoded, map 0F38.
 */
#define _GNU_SOURCE
#include "tests/codegen/amx_trap.h"

#include <cpuid.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

enum { TILES = 8, ROWS = 16, BYTES = 64 };

/* What LDTILECFG reads. */
typedef struct Config {
    uint8_t palette, start_row, zero[14];
    uint16_t colsb[TILES], zero16[8];
    uint8_t rows[TILES], zero8[8];
} Config;

typedef struct Cpu {
    Config config; /* palette 0: nothing is configured */
    uint8_t tile[TILES][ROWS][BYTES];
} Cpu;

static _Thread_local Cpu cpu;
/* Where amx_trap_fault waits, if it does. */
static _Thread_local sigjmp_buf escape;
static _Thread_local bool escapes;
static _Thread_local const char *message;

static atomic_ullong products;
static struct sigaction before;

static _Noreturn void
fault(const char *text)
{
    static const char head[] = "tile instruction: ";

    message = text;
    if (escapes)
        siglongjmp(escape, 1);
    if (write(STDERR_FILENO, head, sizeof head - 1) < 0 ||
        write(STDERR_FILENO, text, strlen(text)) < 0 ||
        write(STDERR_FILENO, "\n", 1) < 0)
        abort();
    abort();
}

static void
require(bool ok, const char *text)
{
    if (!ok)
        fault(text);
}

/* ---- decoding ---- */

typedef struct Insn {
    unsigned length, opcode, prefix; /* prefix: 0 none, 1 66, 2 F3, 3 F2 */
    bool memory, indexed;            /* indexed: base and index, by a SIB */
    unsigned reg, rm, vvvv;
    uint8_t *base;  /* address without the index */
    int64_t stride; /* the index, scaled */
} Insn;

/* A general register by its number in an encoding. */
static int64_t
general(const ucontext_t *uc, unsigned n)
{
    static const int at[] = {
        REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
        REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15,
    };

    return uc->uc_mcontext.gregs[at[n]];
}

/* The memory operand from ModRM on; b and x extend base and index. */
static void
decode_memory(const ucontext_t *uc, const uint8_t *code, unsigned b, unsigned x,
              Insn *i)
{
    const uint8_t *p = code + 4;
    unsigned mod = *p >> 6, rm = *p & 7;
    int64_t base = 0;
    int32_t disp = 0;

    p++;
    i->memory = true;
    i->indexed = rm == 4;
    if (rm == 4) {
        unsigned sib = *p++, index = (sib >> 3 & 7) | x;

        rm = sib & 7;
        if (index != 4)
            i->stride = general(uc, index) * (1 << (sib >> 6));
    }
    if (mod == 0 && rm == 5) {
        memcpy(&disp, p, 4);
        p += 4;
        /* With SIB: no base; without: relative to the next instruction. */
        base = i->indexed ? 0 : (int64_t)(intptr_t)p;
    } else {
        base = general(uc, rm | b);
        if (mod == 1)
            disp = (int8_t)*p;
        else if (mod == 2)
            memcpy(&disp, p, 4);
        p += mod == 1 ? 1 : mod == 2 ? 4 : 0;
    }
    i->base = (uint8_t *)(intptr_t)(base + disp);
    i->length = (unsigned)(p - code);
}

/* False when it is no VEX.128.0F38.W0 instruction. */
static bool
decode(const ucontext_t *uc, const uint8_t *code, Insn *i)
{
    unsigned r, x, b;

    if (code[0] != 0xc4 || (code[1] & 31) != 2 || (code[2] & 0x84) != 0)
        return false;
    r = code[1] & 0x80 ? 0 : 8;
    x = code[1] & 0x40 ? 0 : 8;
    b = code[1] & 0x20 ? 0 : 8;
    *i = (Insn){.length = 5,
                .opcode = code[3],
                .prefix = code[2] & 3,
                .reg = (code[4] >> 3 & 7) | r,
                .vvvv = ~code[2] >> 3 & 15};
    if (code[4] >> 6 == 3)
        i->rm = (code[4] & 7) | b;
    else
        decode_memory(uc, code, b, x, i);
    return true;
}

/* ---- executing ---- */

static void
load_config(const Insn *i)
{
    Config c;

    require(i->memory && i->reg == 0 && i->vvvv == 0, "bad ldtilecfg");
    memcpy(&c, i->base, sizeof c);
    cpu = (Cpu){.config = {0}};
    if (c.palette == 0)
        return;
    require(c.palette == 1, "ldtilecfg: palette is neither 0 nor 1");
    require(c.start_row == 0, "ldtilecfg: a start row is not expected");
    for (size_t k = 0; k < sizeof c.zero; k++)
        require(c.zero[k] == 0, "ldtilecfg: a reserved byte is set");
    for (int k = 0; k < 8; k++)
        require(c.zero16[k] == 0 && c.zero8[k] == 0,
                "ldtilecfg: a tile beyond 7 is configured");
    for (int k = 0; k < TILES; k++) {
        require(c.rows[k] <= ROWS && c.colsb[k] <= BYTES,
                "ldtilecfg: more than 16 rows or 64 bytes");
        require((c.rows[k] == 0) == (c.colsb[k] == 0),
                "ldtilecfg: rows without bytes, or bytes without rows");
    }
    cpu.config = c;
}

static void
store_config(const Insn *i)
{
    require(i->memory && i->reg == 0 && i->vvvv == 0, "bad sttilecfg");
    memcpy(i->base, &cpu.config, sizeof cpu.config);
}

/* The tile's number, when it may be used. */
static unsigned
tile(unsigned n)
{
    require(n < TILES, "there is no such tile");
    require(cpu.config.palette == 1, "tiles are not configured");
    require(cpu.config.rows[n] != 0, "the tile is not configured");
    return n;
}

static void
zero_tile(const Insn *i)
{
    require(!i->memory && i->rm == 0 && i->vvvv == 0, "bad tilezero");
    memset(cpu.tile[tile(i->reg)], 0, sizeof cpu.tile[0]);
}

static void
load_tile(const Insn *i)
{
    unsigned n = tile(i->reg);

    require(i->memory && i->indexed && i->vvvv == 0, "bad tileloadd");
    memset(cpu.tile[n], 0, sizeof cpu.tile[n]);
    for (int r = 0; r < cpu.config.rows[n]; r++)
        memcpy(cpu.tile[n][r], i->base + r * i->stride, cpu.config.colsb[n]);
}

static void
store_tile(const Insn *i)
{
    unsigned n = tile(i->reg);

    require(i->memory && i->indexed && i->vvvv == 0, "bad tilestored");
    for (int r = 0; r < cpu.config.rows[n]; r++)
        memcpy(i->base + r * i->stride, cpu.tile[n][r], cpu.config.colsb[n]);
}

static void
release(const Insn *i)
{
    require(!i->memory && i->reg == 0 && i->rm == 0 && i->vvvv == 0,
            "bad tilerelease");
    cpu = (Cpu){.config = {0}};
}

static int
byte_at(uint8_t x, bool is_signed)
{
    return is_signed ? (int8_t)x : x;
}

static void
multiply(const Insn *i, bool a_signed, bool b_signed)
{
    const Config *c = &cpu.config;
    unsigned d = tile(i->reg), a = tile(i->rm), b = tile(i->vvvv);

    require(!i->memory && d != a && d != b && a != b,
            "a product wants three different tiles");
    require(c->colsb[d] % 4 == 0 && c->colsb[a] % 4 == 0 &&
                c->colsb[b] % 4 == 0,
            "bytes of a row are no multiple of 4");
    require(c->rows[a] == c->rows[d], "rows of A and of the sums differ");
    require(c->colsb[a] / 4 == c->rows[b], "depth of A and B differ");
    require(c->colsb[b] == c->colsb[d], "columns of B and of the sums differ");
    for (int m = 0; m < c->rows[d]; m++) {
        uint32_t sum[BYTES / 4];

        memcpy(sum, cpu.tile[d][m], sizeof sum);
        for (int k = 0; k < c->colsb[a]; k++)
            for (int n = 0; n < c->colsb[b] / 4; n++)
                sum[n] += (uint32_t)(byte_at(cpu.tile[a][m][k], a_signed) *
                                     byte_at(cpu.tile[b][k / 4][4 * n + k % 4],
                                             b_signed));
        memset(cpu.tile[d][m], 0, BYTES);
        memcpy(cpu.tile[d][m], sum, c->colsb[d]);
    }
    memset(cpu.tile[d][c->rows[d]], 0,
           (size_t)(ROWS - c->rows[d]) * sizeof cpu.tile[d][0]);
    atomic_fetch_add(&products, 1);
}

/* False when it is no tile instruction. */
static bool
execute(const Insn *i)
{
    static void (*const with_memory[4])(const Insn *) = {load_config,
                                                         store_config};
    static void (*const without[4])(const Insn *) = {release, NULL, NULL,
                                                     zero_tile};
    static void (*const moves[4])(const Insn *) = {NULL, load_tile, store_tile,
                                                   load_tile};
    void (*fn)(const Insn *) = NULL;

    if (i->opcode == 0x5e) {
        multiply(i, i->prefix >= 2, i->prefix == 1 || i->prefix == 3);
        return true;
    }
    if (i->opcode == 0x49)
        fn = i->memory ? with_memory[i->prefix] : without[i->prefix];
    else if (i->opcode == 0x4b)
        fn = moves[i->prefix];
    if (fn)
        fn(i);
    return fn != NULL;
}

static void
on_sigill(int number, siginfo_t *info, void *context)
{
    ucontext_t *uc = context;
    greg_t *pc = &uc->uc_mcontext.gregs[REG_RIP];
    Insn i;

    (void)number;
    (void)info;
    if (!decode(uc, (const uint8_t *)(intptr_t)*pc, &i) || !execute(&i))
        fault("not known");
    *pc += i.length;
}

/* ---- for tests ---- */

bool
amx_trap_possible(void)
{
    enum { AMX_TILE = 24 }; /* of leaf 7's edx */
    unsigned a, b, c, d;

    return !__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(d >> AMX_TILE & 1);
}

void
amx_trap_start(void)
{
    struct sigaction a = {.sa_sigaction = on_sigill, .sa_flags = SA_SIGINFO};

    if (sigaction(SIGILL, &a, &before) != 0)
        abort();
}

void
amx_trap_stop(void)
{
    if (sigaction(SIGILL, &before, NULL) != 0)
        abort();
}

uint64_t
amx_trap_products(void)
{
    return atomic_load(&products);
}

const char *
amx_trap_fault(void (*fn)(void *), void *arg)
{
    cpu.config.palette = 0;
    message = NULL;
    escapes = true;
    if (sigsetjmp(escape, 1) == 0)
        fn(arg);
    escapes = false;
    cpu.config.palette = 0;
    return message;
}
