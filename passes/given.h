/*
 * given.h -- scales that a quantized model brings along, for quantize.c.
 */
#ifndef VQ_GIVEN_H
#define VQ_GIVEN_H

#include "passes/grid.h"
#include "passes/storage.h"

/* The grid that a value is stored on; there is none where scale is 0. */
typedef struct Given {
    Grid grid;
    int64_t base; /* the code that is stored as 0 in u8 */
    bool clips;   /* fewer than the 256 codes from base on */
    bool s8;      /* what occurs fits s8 with the zero point 0 */
    ValId by;     /* absorbed: the fakequant's value; its maker rounds to it */
} Given;

/* Noted in the calibration of such a model. */
#define VQ_NOTE_GIVEN "quantized model"

/*
 * Brings every fakequant to at most 256 codes: one with more that in
 * calibration uses no more is cut to those; others, 16-bit ones, are dropped:
 * s16 holds as much, and where 8 bits must do, calibration chooses them.
 */
bool vq_settle_grids(Graph *, const PassContext *);

/* By value: where a fakequant gives the grid. A value that only a fakequant
 * reads and whose maker can round to it itself has it too. */
Given *vq_find_given(const Graph *, const PassContext *);

/* Its type in a byte storage; t has its shape. False: it cannot be had there,
 * ranges decide. Keys may have any zero point, for what that adds to a query's
 * scores is the same for all. Values have none, so a channel whose codes reach
 * further than s8 does to one side of it has a scale of its own. */
bool vq_given_type(Graph *, const PassContext *, const Given *, Storage,
                   const CalibEntry *, Type *t);

/* A linear's weights as s8 with a scale per output channel. A channel whose
 * weights are whole multiples of one step, as those of a quantized model are,
 * keeps that step or a whole fraction of it, and so loses nothing; of others
 * the largest becomes 127. `least` is the least scale of each channel; NULL:
 * any will do. */
ValId vq_weight_as_s8(Graph *, const PassContext *, const Value *,
                      const float *least);
/* Of column j; 0: they are no such multiples. */
float vq_weight_step(const float *w, int64_t rows, int64_t cols, int64_t j);

#endif
