/*
 * amx_test.c -- the emulator of tile instructions (amx_trap.h), by instructions
 * that the assembler encoded: right results, and every fault of a CPU.
 */
#include "tests/codegen/amx_trap.h"
#include "tests/ir/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* LDTILECFG's memory operand. */
typedef struct TileConfig {
    uint8_t palette, start_row, zero[14];
    uint16_t colsb[16];
    uint8_t rows[16];
} TileConfig;

/* tmm0: m x n sums; tmm1: m x k bytes; tmm2: k / 4 x n groups. */
static TileConfig
config_of(int m, int n, int k)
{
    return (TileConfig){
        .palette = 1,
        .colsb = {(uint16_t)(4 * n), (uint16_t)k, (uint16_t)(4 * n)},
        .rows = {(uint8_t)m, (uint8_t)m, (uint8_t)(k / 4)}};
}

static void
configure(void *config)
{
    __asm__ volatile("ldtilecfg %0" ::"m"(*(const TileConfig *)config));
}

static void
release(void)
{
    __asm__ volatile("tilerelease");
}

/* ---- products ---- */

typedef struct Product {
    int m, n, k;
    uint8_t a[16][80], b[16][64];
    int32_t c[16][20]; /* to begin with, and the result */
    bool a_signed, b_signed;
} Product;

static void
fill(Product *p, uint64_t *seed)
{
    for (size_t i = 0; i < sizeof p->a; i++)
        (&p->a[0][0])[i] = (uint8_t)next_random(seed);
    for (size_t i = 0; i < sizeof p->b; i++)
        (&p->b[0][0])[i] = (uint8_t)next_random(seed);
    for (size_t i = 0; i < sizeof p->c / 4; i++)
        (&p->c[0][0])[i] = (int32_t)next_random(seed) >> 4;
}

static int
value(uint8_t x, bool is_signed)
{
    return is_signed ? (int8_t)x : x;
}

static void
multiply_plain(Product *p)
{
    for (int i = 0; i < p->m; i++)
        for (int j = 0; j < p->n; j++)
            for (int k = 0; k < p->k; k++)
                p->c[i][j] += value(p->a[i][k], p->a_signed) *
                              value(p->b[k / 4][4 * j + k % 4], p->b_signed);
}

static void
multiply_tiles(Product *p)
{
    TileConfig config = config_of(p->m, p->n, p->k);
    int64_t lda = sizeof p->a[0], ldc = sizeof p->c[0];

    configure(&config);
    __asm__ volatile("tileloadd (%0,%1,1), %%tmm0\n\t"
                     "tileloaddt1 16(%2,%3,2), %%tmm1\n\t"
                     "tileloadd -1024(%4,%5), %%tmm2" ::"r"(p->c),
                     "r"(ldc), "r"(&p->a[0][0] - 16), "r"(lda / 2),
                     "r"(&p->b[0][0] + 1024), "r"(INT64_C(64))
                     : "memory");
    if (p->a_signed && p->b_signed)
        __asm__ volatile("tdpbssd %tmm2, %tmm1, %tmm0");
    else if (p->a_signed)
        __asm__ volatile("tdpbsud %tmm2, %tmm1, %tmm0");
    else if (p->b_signed)
        __asm__ volatile("tdpbusd %tmm2, %tmm1, %tmm0");
    else
        __asm__ volatile("tdpbuud %tmm2, %tmm1, %tmm0");
    __asm__ volatile("tilestored %%tmm0, (%0,%1,1)" ::"r"(p->c), "r"(ldc)
                     : "memory");
    release();
}

static void
products(void)
{
    static const int size[][3] = {{16, 16, 64}, {1, 1, 4},   {5, 16, 64},
                                  {16, 3, 12},  {7, 11, 40}, {16, 16, 48}};
    uint64_t seed = 1;

    for (size_t i = 0; i < sizeof size / sizeof *size; i++)
        for (int how = 0; how < 4; how++) {
            Product p = {.m = size[i][0], .n = size[i][1], .k = size[i][2]},
                    want;
            uint64_t before = amx_trap_products();

            p.a_signed = how & 1;
            p.b_signed = how & 2;
            fill(&p, &seed);
            want = p;
            multiply_plain(&want);
            multiply_tiles(&p);
            assert_memory_equal(p.c, want.c, sizeof p.c);
            assert_int_equal(amx_trap_products(), before + 1);
        }
}

/* tmm0 to 16 rows of 64 bytes. */
static void
store_first(uint8_t *to)
{
    __asm__ volatile("tilestored %%tmm0, (%0,%1)" ::"r"(to), "r"(INT64_C(64))
                     : "memory");
}

/* Every general register as base and index. */
static void
operands(void)
{
    TileConfig full = config_of(16, 16, 64);
    uint8_t from[1024], to[1024];
    uint64_t seed = 2;

    for (size_t i = 0; i < sizeof from; i++)
        from[i] = (uint8_t)next_random(&seed);
    configure(&full);
#define COPY(base_register, index_register)                                    \
    do {                                                                       \
        memset(to, 0, sizeof to);                                              \
        {                                                                      \
            register uint8_t *p __asm__(base_register) = from;                 \
            register int64_t ld __asm__(index_register) = 64;                  \
            __asm__ volatile("tileloadd (%0,%1), %%tmm0" ::"r"(p), "r"(ld)     \
                             : "memory");                                      \
        }                                                                      \
        store_first(to);                                                       \
        assert_memory_equal(to, from, sizeof to);                              \
    } while (0)
    COPY("rax", "rcx");
    COPY("rcx", "rdx");
    COPY("rdx", "rsi");
    COPY("rsi", "rdi");
    COPY("rdi", "r8");
    COPY("r8", "r9");
    COPY("r9", "r10");
    COPY("r10", "r11");
    COPY("r11", "r12");
    COPY("r12", "r13");
    COPY("r13", "r14");
    COPY("r14", "r15");
    COPY("r15", "rax");
#undef COPY
    /* No index: all rows are the same 64 bytes. */
    __asm__ volatile("tileloadd (%0), %%tmm0" ::"r"(from) : "memory");
    store_first(to);
    for (int i = 0; i < 16; i++)
        assert_memory_equal(to + 64 * i, from, 64);
    __asm__ volatile("tilezero %tmm0");
    store_first(to);
    for (size_t i = 0; i < sizeof to; i++)
        assert_int_equal(to[i], 0);
    release();
}

static void
configs(void)
{
    static const TileConfig here = {.palette = 1, .colsb = {8}, .rows = {2}};
    TileConfig want = config_of(7, 9, 32), got;

    configure(&want);
    __asm__ volatile("sttilecfg %0" : "=m"(got));
    assert_memory_equal(&got, &want, sizeof got);
    /* Relative to the instruction. */
    __asm__ volatile("ldtilecfg %0" ::"m"(here));
    __asm__ volatile("sttilecfg %0" : "=m"(got));
    assert_memory_equal(&got, &here, sizeof got);
    release();
    __asm__ volatile("sttilecfg %0" : "=m"(got));
    assert_int_equal(got.palette, 0);
    want.palette = 0;
    configure(&want);
}

/* ---- threads: each has tiles of its own ---- */

static void *
multiply_much(void *arg)
{
    uint64_t seed = (uint64_t)(uintptr_t)arg;

    for (int i = 0; i < 50; i++) {
        Product p = {.n = 16, .k = 64, .b_signed = true}, want;

        p.m = 1 + (int)(next_random(&seed) % 16);
        fill(&p, &seed);
        want = p;
        multiply_plain(&want);
        multiply_tiles(&p);
        if (memcmp(p.c, want.c, sizeof p.c) != 0)
            return arg;
    }
    return NULL;
}

static void
threads(void)
{
    pthread_t t[4];

    for (size_t i = 0; i < 4; i++)
        assert_int_equal(
            pthread_create(&t[i], NULL, multiply_much, (void *)(i + 1)), 0);
    for (size_t i = 0; i < 4; i++) {
        void *failed;

        assert_int_equal(pthread_join(t[i], &failed), 0);
        assert_null(failed);
    }
}

/* ---- faults ---- */

static void
expect_fault(void (*fn)(void *), TileConfig config, const char *part)
{
    const char *text = amx_trap_fault(fn, &config);

    assert_non_null(text);
    if (!strstr(text, part))
        fail_msg("'%s', not '%s'", text, part);
}

static void
product(void *config)
{
    configure(config);
    __asm__ volatile("tdpbusd %tmm2, %tmm1, %tmm0");
}

static void
product_only(void *config)
{
    (void)config;
    __asm__ volatile("tdpbusd %tmm2, %tmm1, %tmm0");
}

/* tdpbusd tmm2, tmm1, tmm1: no assembler writes it. */
static void
product_twice(void *config)
{
    configure(config);
    __asm__ volatile(".byte 0xc4, 0xe2, 0x69, 0x5e, 0xca");
}

static void
zero_third(void *config)
{
    configure(config);
    __asm__ volatile("tilezero %tmm3");
}

static void
undefined(void *config)
{
    (void)config;
    __asm__ volatile("ud2");
}

/* tileloadd without a SIB. */
static void
load_plain(void *config)
{
    configure(config);
    __asm__ volatile(".byte 0xc4, 0xe2, 0x7b, 0x4b, 0x00" ::"a"(config));
}

static void
faults(void)
{
    TileConfig c = config_of(16, 16, 64);

    assert_null(amx_trap_fault(product, &c));
    expect_fault(product_only, c, "not configured");
    expect_fault(product_twice, c, "three different");
    expect_fault(zero_third, c, "not configured");
    expect_fault(undefined, c, "not known");
    expect_fault(load_plain, c, "bad tileloadd");
    c.palette = 0;
    expect_fault(product, c, "not configured");
}

static void
bad_configs(void)
{
    TileConfig c = config_of(16, 16, 64);

#define WITH(change, part)                                                     \
    do {                                                                       \
        TileConfig bad = c;                                                    \
        bad.change;                                                            \
        expect_fault(product, bad, part);                                      \
    } while (0)
    WITH(palette = 2, "palette");
    WITH(zero[3] = 1, "reserved");
    WITH(colsb[8] = 64, "beyond 7");
    WITH(rows[15] = 1, "beyond 7");
    WITH(rows[7] = 1, "rows without");
    WITH(colsb[7] = 4, "rows without");
    WITH(rows[0] = 17, "more than");
    WITH(colsb[0] = 65, "more than");
    WITH(start_row = 1, "start row");
    WITH(rows[0] = 15, "rows of A");
    WITH(rows[2] = 15, "depth");
    WITH(colsb[2] = 60, "columns");
    WITH(colsb[1] = 62, "multiple of 4");
#undef WITH
}

/* cmocka takes SIGILL for each test: the emulator starts after it. */
#define EMULATED(test)                                                         \
    static void test_##test(void **state)                                      \
    {                                                                          \
        (void)state;                                                           \
        amx_trap_start();                                                      \
        test();                                                                \
        amx_trap_stop();                                                       \
    }

EMULATED(products)
EMULATED(operands)
EMULATED(configs)
EMULATED(threads)
EMULATED(faults)
EMULATED(bad_configs)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_products), cmocka_unit_test(test_operands),
        cmocka_unit_test(test_configs),  cmocka_unit_test(test_threads),
        cmocka_unit_test(test_faults),   cmocka_unit_test(test_bad_configs),
    };

    if (!amx_trap_possible()) {
        puts("skipped: this CPU has AMX, there is nothing to emulate");
        return 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
