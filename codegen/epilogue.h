/*
 * epilogue.h -- what follows a product while it is in registers.
 */
#ifndef VQ_EPILOGUE_H
#define VQ_EPILOGUE_H

#include "codegen/gemm.h"
#include "codegen/requant.h"

/*
 * Each sum is requantized (unless raw), looked up, or added to a residual,
 * and stored as dt. Rows of the result are `ldo` bytes apart. The sums already
 * hold the record's first array, as the product's bias.
 */
typedef struct Epilogue {
    bool raw; /* store the sums */
    RequantPlan rq;
    Val consts; /* of rq */
    Val lane;   /* lane of column 0 in consts; NULL: 0 */
    bool splat; /* all columns use the 16 lanes there */
    DType dt;
    Val out;
    int64_t ldo;
    Val lut;      /* 256 entries of dt; NULL: none */
    Val buffer;   /* with lut: 64 bytes on the stack */
    Val residual; /* s16, `ldr` bytes a row, `rrows` rows again and again */
    int64_t ldr, rrows;
    int ashift, bshift;
} Epilogue;

/* A StoreTile; user is the Epilogue. */
void vq_epilogue_store(Build *, void *user, const Tile *);

#endif
