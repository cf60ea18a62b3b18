/*
 * amx_config.c -- what a function that has products in tiles begins and ends
 * with.
 *
 * Tiles belong to the thread, and any thread may run a part of a step, so each
 * function configures its own: some 100 ns for a step of microseconds.
 */
#include "codegen/x86/amx.h"

#include <assert.h>

/* What LDTILECFG reads. */
typedef struct TileConfig {
    uint8_t palette, start_row, zero[14];
    uint16_t colsb[16];
    uint8_t rows[16];
} TileConfig;

/* The roles of amx.h, for panels of `groups` k-groups a tile. */
static TileConfig
config_of(unsigned groups)
{
    TileConfig c = {.palette = 1};

    for (int t = 0; t < 8; t++) {
        bool a = t == A_TILE || t == A_TILE + 1;

        c.rows[t] = (uint8_t)(t < B_TILE ? TILE_ROWS : groups);
        c.colsb[t] = (uint16_t)(a ? VQ_KGROUP * groups : TILE_DEPTH);
    }
    return c;
}

Val
x86_tile_buffer(Build *b, unsigned groups)
{
    assert(!b->tile_buffer || b->tile_groups == groups);
    b->tile_groups = groups;
    if (!b->tile_buffer)
        b->tile_buffer = b_alloca(b, TILE_SUMS * TILE_BYTES);
    return b->tile_buffer;
}

void
x86_tile_function(Build *b)
{
    LLVMBasicBlockRef here = LLVMGetInsertBlock(b->b);
    TileConfig c = config_of(b->tile_groups);
    int64_t byte[sizeof c];
    Val p = b_alloca(b, sizeof c);

    for (size_t i = 0; i < sizeof c; i++)
        byte[i] = ((const uint8_t *)&c)[i];
    LLVMPositionBuilderBefore(b->b, LLVMGetNextInstruction(p));
    b_store(b, b_consts(b, b->i8, byte, sizeof c), p, 64);
    b_intrinsic(b, "llvm.x86.ldtilecfg", NULL, &p, 1, NULL);
    LLVMPositionBuilderAtEnd(b->b, here);
    b_intrinsic(b, "llvm.x86.tilerelease", NULL, NULL, 0, NULL);
}
