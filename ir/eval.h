/*
 * eval.h -- the evaluator: the meaning of every op, slow and obvious.
 *
 * Real ops are f32 with sums in f64 (large products through CBLAS sgemm);
 * integer ops are exact, and compiled code must give the same bits.
 */
#ifndef VQ_EVAL_H
#define VQ_EVAL_H

#include "ir/ir.h"

/*
 * One op. in[i] is the dense row-major data of input i (NULL when absent);
 * out has room for the value's type. Types are those in the graph. Scratch
 * comes from tmp, which the caller releases.
 */
typedef struct EvalArgs {
    const Graph *g;
    const Op *op;
    const void *const *in;
    void *out;
    Arena *tmp;
} EvalArgs;

typedef void EvalFn(const EvalArgs *);
extern EvalFn *const vq_eval_fn[NOP];

/* Called after each op with its value, and for each graph input first. */
typedef void EvalHook(void *user, const Graph *, ValId, const void *data);

/*
 * Runs the graph: in[i] are the graph's inputs, out[i] room for its outputs.
 * Buffers of inner values live in tmp as long as they are used; everything is
 * released before it returns. hook may be NULL.
 */
void vq_eval(const Graph *, Arena *tmp, const void *const *in,
             void *const *out, EvalHook *hook, void *user);

/* eval_real.c, eval_move.c, eval_int.c: the rows of vq_eval_fn. */

#endif
