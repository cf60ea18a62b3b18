/*
 * move.c -- reshape, transpose, slice, expand and concat: strided copies.
 */
#include "codegen/module.h"
#include "codegen/remark.h"

#include <assert.h>

/* The result, dense, from a source with a stride for each of its axes. The
 * innermost run is contiguous in both. */
typedef struct Copy {
    int rank;
    int64_t dim[MAXRANK], stride[MAXRANK]; /* bytes */
    int64_t start, run;                    /* bytes */
} Copy;

static void
dense_strides(const Type *t, int64_t *stride)
{
    int64_t s = vq_dtype[t->dt].bytes;

    for (int i = t->rank - 1; i >= 0; i--) {
        stride[i] = s;
        s *= t->dim[i];
    }
}

static void
view_reshape(const Op *op, const Type *from, const Type *to, Copy *c)
{
    (void)op;
    (void)from;
    dense_strides(to, c->stride);
}

static void
view_transpose(const Op *op, const Type *from, const Type *to, Copy *c)
{
    int64_t stride[MAXRANK] = {0};

    dense_strides(from, stride);
    for (int i = 0; i < to->rank; i++)
        c->stride[i] = stride[vq_attr(op, A_PERM)->i[i]];
}

static void
view_slice(const Op *op, const Type *from, const Type *to, Copy *c)
{
    int64_t axis = vq_get_i(op, A_AXIS, 0);

    (void)to;
    dense_strides(from, c->stride);
    c->start = vq_get_i(op, A_START, 0) * c->stride[axis];
    c->stride[axis] *= vq_get_i(op, A_STEP, 1);
}

static void
view_expand(const Op *op, const Type *from, const Type *to, Copy *c)
{
    int64_t stride[MAXRANK] = {0};

    (void)op;
    dense_strides(from, stride);
    for (int i = 1; i <= to->rank; i++)
        if (i <= from->rank && from->dim[from->rank - i] != 1)
            c->stride[to->rank - i] = stride[from->rank - i];
}

typedef void ViewFn(const Op *, const Type *from, const Type *to, Copy *);

static ViewFn *const view_fn[NOP] = {
    [OP_RESHAPE] = view_reshape,
    [OP_TRANSPOSE] = view_transpose,
    [OP_SLICE] = view_slice,
    [OP_EXPAND] = view_expand,
};

/* Axes of length 1 go, neighbours that step alike become one, and a dense
 * last axis becomes the run. */
static void
simplify(Copy *c, int64_t size)
{
    int n = 0;

    for (int i = 0; i < c->rank; i++) {
        if (c->dim[i] == 1)
            continue;
        if (n && c->stride[n - 1] == c->stride[i] * c->dim[i]) {
            c->dim[n - 1] *= c->dim[i];
            c->stride[n - 1] = c->stride[i];
            continue;
        }
        c->dim[n] = c->dim[i];
        c->stride[n++] = c->stride[i];
    }
    c->run = size;
    if (n && c->stride[n - 1] == size)
        c->run *= c->dim[--n];
    c->rank = n;
}

bool
vq_plan_copy(Module *m, const Op *op, Plan *p)
{
    const Type *from = vq_type(m->g, op->in[0]), *to = vq_type(m->g, op->out);
    const Value *a = &m->g->val[op->in[0]], *z = &m->g->val[op->out];
    Copy *c = NEW(m->arena, Copy);

    c->rank = to->rank;
    for (int i = 0; i < to->rank; i++)
        c->dim[i] = to->dim[i];
    view_fn[op->kind](op, from, to, c);
    simplify(c, vq_dtype[to->dt].bytes);
    p->nothing =
        c->rank == 0 && c->start == 0 && a->slot >= 0 && a->slot == z->slot;
    p->info = c;
    return true;
}

/* An element as one load and store, longer runs by memcpy. */
static void
copy_run(Build *b, Val to, Val from, int64_t run)
{
    b_scalar(b, "copy", "few bytes lie side by side in both");
    if (run <= 8 && (run & (run - 1)) == 0)
        b_store(b, b_load(b, b_int(b, (unsigned)run * 8, 1), from, 1), to, 1);
    else
        b_memcpy(b, to, from, run);
}

enum { PIECE = 4096 }; /* bytes that are copied at a time for one part */

/* Pieces [lo, hi) of n bytes. */
static void
copy_pieces(Build *b, Val to, Val from, int64_t n, const Nest *nest)
{
    Val first, end;

    if (n <= PIECE) {
        copy_run(b, to, from, n);
        return;
    }
    first = b_mulc(b, nest->lo, PIECE);
    end = b_least(b, b_mulc(b, nest->hi, PIECE), b_i64(b, n));
    LLVMBuildMemCpy(b->b, b_at(b, to, first), 1, b_at(b, from, first), 1,
                    b_sub(b, end, first));
}

/* Axes from `axis` on, down to the run. */
static void
copy_axes(Build *b, const Copy *c, int axis, Val to, Val from)
{
    int64_t size = c->run;
    Loop loop;

    if (axis >= c->rank) {
        copy_run(b, to, from, c->run);
        return;
    }
    for (int i = axis + 1; i < c->rank; i++)
        size *= c->dim[i];
    b_loop(b, &loop, 0, 1, c->dim[axis]);
    copy_axes(b, c, axis + 1, b_elt(b, to, loop.i, size, 0),
              b_elt(b, from, loop.i, c->stride[axis], 0));
    b_loop_end(b, &loop);
}

/* The two outer axes are cut, or one and the run. */
void
vq_body_copy(Build *b, const Args *args)
{
    const Copy *c = args->plan->info;
    Val from = b_atc(b, args->in[0], c->start), to;
    int64_t outer = c->rank > 0 ? c->dim[0] : 1;
    int64_t inner = c->rank > 1 ? c->dim[1] : vq_turns(c->run, PIECE);
    int64_t size = c->run;
    Nest nest;
    Loop loop;

    for (int i = 2; i < c->rank; i++)
        size *= c->dim[i];
    b_nest(b, &nest, args->part, args->parts, outer * inner, inner);
    if (c->rank > 0)
        from = b_elt(b, from, nest.i, c->stride[0], 0);
    if (c->rank < 2) {
        to = b_elt(b, args->out, nest.i, size, 0);
        copy_pieces(b, to, from, c->run, &nest);
    } else {
        to = b_elt(b, args->out, nest.i, inner * size, 0);
        b_loop_range(b, &loop, nest.lo, 1, nest.hi);
        copy_axes(b, c, 2, b_elt(b, to, loop.i, size, 0),
                  b_elt(b, from, loop.i, c->stride[1], 0));
        b_loop_end(b, &loop);
    }
    b_nest_end(b, &nest);
}

/* Bytes of one step of the axes before `axis`. */
static int64_t
chunk_bytes(const Type *t, int64_t axis)
{
    int64_t n = vq_dtype[t->dt].bytes;

    for (int i = (int)axis; i < t->rank; i++)
        n *= t->dim[i];
    return n;
}

void
vq_body_concat(Build *b, const Args *args)
{
    const Type *to = vq_type(args->g, args->op->out);
    int64_t axis = vq_get_i(args->op, A_AXIS, 0), at = 0;
    int64_t step = chunk_bytes(to, axis), turns = vq_bytes(to) / step;
    Nest nest;

    for (uint32_t i = 0; i < args->op->nin; i++) {
        int64_t n = chunk_bytes(vq_type(args->g, args->op->in[i]), axis);
        int64_t pieces = vq_turns(n, PIECE);

        b_nest(b, &nest, args->part, args->parts, turns * pieces, pieces);
        copy_pieces(b, b_elt(b, args->out, nest.i, step, at),
                    b_elt(b, args->in[i], nest.i, n, 0), n, &nest);
        b_nest_end(b, &nest);
        at += n;
    }
}
