/*
 * softmax_op.c -- i.softmax by itself, outside of attention.
 */
#include "codegen/module.h"
#include "codegen/softmax.h"
#include "ir/layout.h"

enum { ROWS = VQ_SOFTMAX_ROWS };

/* `rows` rows, number ROWS * block and those after it. */
static void
emit_block(Build *b, const Args *args, const Softmax *all, Val block,
           int64_t rows)
{
    Softmax s = *all;

    s.rows = rows;
    s.x = b_elt(b, args->in[0], block, ROWS * s.ldx, 0);
    s.high = b_elt(b, args->out, block, ROWS * s.ldp, 0);
    vq_emit_softmax(b, &s);
}

void
vq_body_softmax(Build *b, const Args *args)
{
    const Type *x = vq_type(args->g, args->op->in[0]);
    const Type *out = vq_type(args->g, args->op->out);
    SoftmaxScratch at = vq_softmax_scratch(args->g, args->op);
    int64_t n = vq_cols(x), rows = vq_rows(x);
    Val lo, hi, whole = b_i64(b, rows / ROWS);
    Softmax s = {.form = (SoftmaxForm)vq_get_i(args->op, A_SOFTMAX, 0),
                 .pbits = (int)vq_get_i(args->op, A_PBITS, 16),
                 .n = n,
                 .table = args->in[1],
                 .powers = b_atc(b, args->scratch, at.powers),
                 .exp = b_atc(b, args->scratch, at.exp),
                 .sum = b_atc(b, args->scratch, at.sum),
                 .ldx = n * vq_dtype[x->dt].bytes,
                 .lde = vq_align(n, 32) * 4,
                 .ldp = n * vq_dtype[out->dt].bytes};
    Loop loop;
    If last;

    vq_emit_powers(b, s.form, s.table, s.powers);
    b_share(b, args, vq_turns(rows, ROWS), &lo, &hi);
    if (rows / ROWS) {
        b_loop_range(b, &loop, lo, 1, b_least(b, hi, whole));
        emit_block(b, args, &s, loop.i, ROWS);
        b_loop_end(b, &loop);
    }
    if (rows % ROWS) {
        b_if(b, &last, b_cmp(b, LLVMIntSGT, hi, whole));
        emit_block(b, args, &s, whole, rows % ROWS);
        b_if_end(b, &last);
    }
}
