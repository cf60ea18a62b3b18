/*
 * amx.h -- products in AMX tiles: blocks of sums and what follows them.
 *
 * Tile registers, as configured at the start of a function that has products:
 * 0 to 3 are sums (16 rows of 16 columns), 4 and 5 hold 16 rows of A, 64 bytes
 * each, 6 and 7 hold 16 k-groups of a panel. What pays on a CPU was measured:
 *  - sums leave their tiles inside the first k-step of the block after them,
 *    one by one; what follows a product reads them from a 4 KiB buffer, piece
 *    by piece between the products of that next block;
 *  - A is loaded by tileloaddt1, so that it does not push panels out of L1;
 *  - where a block and its panels fill L1, every other block goes through its
 *    depth backwards.
 */
#ifndef VQ_X86_AMX_H
#define VQ_X86_AMX_H

#include "codegen/gemm.h"

enum {
    TILE_ROWS = 16,
    TILE_DEPTH = 64,   /* bytes of a row of A in one tile */
    TILE_BYTES = 1024, /* 16 k-groups of a panel, or 16 x 16 sums */
    TILE_SUMS = 4,     /* tiles of sums */
    A_TILE = 4,        /* the first tile of A, and of panels */
    B_TILE = 6,
};

/* Sums that are made together: `rows` tiles of A times `panels`. */
typedef struct TileShape {
    unsigned rows, panels;
    bool planes;      /* the two tiles of A are both planes of the same rows */
    int64_t apart;    /* rows from one tile of A to the next */
    unsigned skip[2]; /* first rows of a tile that others store */
    unsigned cols;    /* of the last panel */
} TileShape;

/* Where a block is: its first row of A and its first panel, i64. */
typedef struct TileAt {
    Val row, panel;
} TileAt;

/* A sequence of blocks of one shape that go through the same depth. */
typedef struct TileRun {
    const Gemm *g;
    TileShape shape;
    int64_t depth, steps; /* first byte of a row, number of tiles from there */
    /* Sums to go on with; where sums are left, else they are finished: `left`
     * bytes for every row from `base` on. NULL: none. */
    Val from, to, base;
    int64_t left;
    bool turn; /* every other block goes backwards */
    /* Cache lines that each block asks for, for each of its panels: those from
     * fetch_at bytes after the panel on; a row adds per_row bytes to that. */
    int64_t fetch, fetch_at, per_row;
    Val buffer; /* 4 KiB */
} TileRun;

/* The products of the block at `at`, interleaved with what is left of `prev`;
 * NULL: there is none. `back`: i64, -1 to go backwards, else 0. */
void x86_tile_block(Build *, const TileRun *, const TileAt *at,
                    const TileAt *prev, Val back);
/* What is left of the last block. */
void x86_tile_drain(Build *, const TileRun *, const TileAt *prev);

/* amx_config.c: 4 KiB that sums leave their tiles for, one a function, whose
 * panels all have as many k-groups a tile. */
Val x86_tile_buffer(Build *, unsigned groups);
/* Configures at the entry of the function, releases here, its end. */
void x86_tile_function(Build *);

/* A level's `gemm` (level.h): false where registers are faster. */
bool x86_tile_gemm(Build *, const Gemm *);

/* cost.c: is a product of m x k by k x n faster in tiles? Never for m < 16. */
bool x86_tiles_pay(int64_t m, int64_t n, int64_t k);

#endif
