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
 * out has room for the value's type and overlaps no input. Types are those in
 * the graph. Scratch comes from tmp, which the caller releases.
 */
typedef struct EvalArgs {
    const Graph *g;
    const Op *op;
    const void *const *in;
    void *out;
    Arena *tmp;
} EvalArgs;

/* A row of vq_eval_fn: integer and move ops take their data as typed, real
 * ops take and give f32 whatever the types say. */
typedef void EvalFn(const EvalArgs *);
extern EvalFn *const vq_eval_fn[NOP];

/*
 * Evaluates one op by its row. A real op on quantized types reads the real
 * values of its inputs, computes in f32 and rounds to the type of its value.
 */
void vq_eval_op(const EvalArgs *);

/* Called after each op with its value, and for each graph input first. */
typedef void EvalHook(void *user, const Graph *, ValId, const void *data);

/*
 * Runs the graph: in[i] are the graph's inputs, out[i] room for its outputs.
 * Buffers of inner values live in tmp as long as they are used; everything is
 * released before it returns. hook may be NULL; the data it sees are valid
 * only during the call.
 */
void vq_eval(const Graph *, Arena *tmp, const void *const *in, void *const *out,
             EvalHook *hook, void *user);

#endif
