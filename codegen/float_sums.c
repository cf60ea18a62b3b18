/*
 * float_sums.c -- f.sum, f.max and f.matmul: f32 in a stated order.
 */
#include "codegen/float.h"

#include <math.h>

/* ---- f.sum, f.max ---- */

typedef Val FoldFn(Build *, Val acc, Val x);

static Val
fold_sum(Build *b, Val acc, Val x)
{
    return LLVMBuildFAdd(b->b, acc, x, "");
}

/* NaN stays. */
static Val
fold_max(Build *b, Val acc, Val x)
{
    Val more = LLVMBuildFCmp(b->b, LLVMRealOGT, acc, x, "");
    Val nan = LLVMBuildFCmp(b->b, LLVMRealUNO, acc, acc, "");

    return b_select(b, b_or(b, more, nan), acc, x);
}

typedef struct Reduce {
    FoldFn *fold;
    float first;
    int64_t n, inner; /* length of the axis, elements of one step of it */
    Val x, out;
} Reduce;

/* Lanes from `count` on become `first`, which changes nothing. */
static Val
fill_up(Build *b, const Reduce *c, Val x, unsigned count)
{
    int lane[FLOAT_LANES];

    for (unsigned i = 0; i < FLOAT_LANES; i++)
        lane[i] = (int)(i < count ? i : i + FLOAT_LANES);
    return b_shuffle(b, x, p_float(b, c->first, FLOAT_LANES), lane,
                     FLOAT_LANES);
}

static void
reduce_row(Build *b, const Reduce *c)
{
    Ty v = b_vec(b->f32, FLOAT_LANES);
    Val acc = p_float(b, c->first, FLOAT_LANES), x;
    unsigned rest = (unsigned)(c->n % FLOAT_LANES);
    Loop loop;

    if (c->n >= FLOAT_LANES) {
        b_loop(b, &loop, 0, FLOAT_LANES, c->n / FLOAT_LANES);
        acc = b_carry(b, &loop, acc);
        x = b_load(b, v, b_elt(b, c->x, loop.i, 4, 0), 4);
        acc = c->fold(b, acc, x);
        b_next(&loop, 0, acc);
        b_loop_end(b, &loop);
    }
    if (rest) {
        x = b_load_part(b, v, b_atc(b, c->x, (c->n - rest) * 4), rest);
        acc = c->fold(b, acc, fill_up(b, c, x, rest));
    }
    for (unsigned half = FLOAT_LANES / 2; half; half /= 2)
        acc = c->fold(b, b_slice(b, acc, 0, half), b_slice(b, acc, half, half));
    b_store(b, p_one_nan(b, acc), c->out, 4);
}

static void
reduce_columns(Build *b, void *user, Val i, unsigned count)
{
    const Reduce *c = user;
    Val acc = p_float(b, c->first, FLOAT_LANES), x;
    Val from = b_elt(b, c->x, i, 4, 0);
    Loop loop;

    b_loop(b, &loop, 0, 1, c->n);
    acc = b_carry(b, &loop, acc);
    x = b_load_part(b, b_vec(b->f32, FLOAT_LANES),
                    b_elt(b, from, loop.i, c->inner * 4, 0), count);
    acc = c->fold(b, acc, x);
    b_next(&loop, 0, acc);
    b_loop_end(b, &loop);
    b_store_part(b, p_one_nan(b, acc), b_elt(b, c->out, i, 4, 0), count);
}

void
vq_body_reduce(Build *b, const Args *args)
{
    const Type *t = vq_type(args->g, args->op->in[0]);
    int64_t axis = vq_get_i(args->op, A_AXIS, 0), outer = 1, turns;
    bool sum = args->op->kind == OP_F_SUM;
    Reduce c = {.fold = sum ? fold_sum : fold_max,
                .first = sum ? 0 : -INFINITY,
                .n = t->dim[axis],
                .inner = 1};
    Nest nest;

    for (int i = 0; i < t->rank; i++)
        *(i < axis ? &outer : &c.inner) *= i == axis ? 1 : t->dim[i];
    turns = c.inner == 1 ? 1 : vq_turns(c.inner, FLOAT_LANES);
    b_nest(b, &nest, args->part, args->parts, outer * turns, turns);
    c.x = b_elt(b, args->in[0], nest.i, c.n * c.inner * 4, 0);
    c.out = b_elt(b, args->out, nest.i, c.inner * 4, 0);
    if (c.inner == 1)
        reduce_row(b, &c);
    else
        b_map_range(b, c.inner, FLOAT_LANES, nest.lo, nest.hi, reduce_columns,
                    &c);
    b_nest_end(b, &nest);
}

/* ---- f.matmul ---- */

enum { TILE = 4 }; /* vectors of sums */

/* Tiles of `rows` rows and `vectors` times FLOAT_LANES columns. */
typedef struct Product {
    Walk w; /* over matrices: the result, a, b */
    int64_t m, depth, n;
    unsigned rows, vectors;
    Val a, b, out;
} Product;

static Type
batch_of(const Type *t)
{
    return vq_type_of(DT_F32, t->rank - 2, t->dim);
}

bool
vq_plan_product(Module *m, const Op *op, Plan *p)
{
    const Type *a = vq_type(m->g, op->in[0]), *b = vq_type(m->g, op->in[1]);
    Type batch = batch_of(vq_type(m->g, op->out)), part;
    Product *c = NEW(m->arena, Product);

    c->m = a->dim[a->rank - 2];
    c->depth = vq_cols(a);
    c->n = vq_cols(b);
    c->vectors = c->n >= TILE * FLOAT_LANES ? TILE : c->n > FLOAT_LANES ? 2 : 1;
    for (c->rows = TILE / c->vectors; c->m % c->rows; c->rows /= 2)
        ;
    vq_dense_steps(&batch, c->w.step[0]);
    part = batch_of(a);
    vq_broadcast_steps(&part, &batch, c->w.step[1]);
    part = batch_of(b);
    vq_broadcast_steps(&part, &batch, c->w.step[2]);
    vq_walk_init(&c->w, &batch, 3);
    p->rows = vq_rows(vq_type(m->g, op->out));
    p->cols = c->n;
    p->depth = c->depth;
    p->macs = p->rows * p->cols * p->depth;
    p->info = c;
    return true;
}

static unsigned
columns_of(unsigned vector, unsigned count)
{
    return (unsigned)vq_clamp((int64_t)count - vector * FLOAT_LANES, 0,
                              FLOAT_LANES);
}

/* Rows of the tile from column j on: each sum in one chain along the depth. */
static void
product_tile(Build *b, void *user, Val j, unsigned count)
{
    const Product *c = user;
    unsigned nv = (count + FLOAT_LANES - 1) / FLOAT_LANES;
    Val from = b_elt(b, c->b, j, 4, 0), to = b_elt(b, c->out, j, 4, 0);
    Val sum[TILE], w[TILE], x;
    Ty v = b_vec(b->f32, FLOAT_LANES);
    Loop loop;

    b_loop(b, &loop, 0, 1, c->depth);
    for (unsigned i = 0; i < c->rows * nv; i++)
        sum[i] = b_carry(b, &loop, LLVMConstNull(v));
    for (unsigned k = 0; k < nv; k++)
        w[k] = b_load_part(
            b, v, b_elt(b, from, loop.i, c->n * 4, k * FLOAT_LANES * 4),
            columns_of(k, count));
    for (unsigned i = 0; i < c->rows * nv; i++) {
        x = b_elt(b, c->a, loop.i, 4, i / nv * c->depth * 4);
        x = b_splat(b, b_load(b, b->f32, x, 4), FLOAT_LANES);
        sum[i] = LLVMBuildFAdd(b->b, sum[i],
                               LLVMBuildFMul(b->b, x, w[i % nv], ""), "");
        b_next(&loop, i, sum[i]);
    }
    b_loop_end(b, &loop);
    for (unsigned i = 0; i < c->rows * nv; i++)
        b_store_part(b, p_one_nan(b, sum[i]),
                     b_atc(b, to, (i / nv * c->n + i % nv * FLOAT_LANES) * 4),
                     columns_of(i % nv, count));
}

/* Where matrix `at` of operand k begins, in matrices. */
static Val
matrix_at(Build *b, const Walk *w, int k, Val at)
{
    Val cols = b_i64(b, w->cols);
    Val col = LLVMBuildURem(b->b, at, cols, "");

    at = p_walk_at(b, w, k, LLVMBuildUDiv(b->b, at, cols, ""));
    return b_add(b, at, b_mulc(b, col, w->cols > 1 ? w->by[k] : 0));
}

void
vq_body_product(Build *b, const Args *args)
{
    Product c = *(const Product *)args->plan->info;
    int64_t lanes = c.vectors * FLOAT_LANES, turns = vq_turns(c.n, lanes);
    int64_t blocks = c.m / c.rows, all = vq_walk_rows(&c.w) * c.w.cols;
    Val matrix, row;
    Nest nest;

    b_nest(b, &nest, args->part, args->parts, all * blocks * turns, turns);
    matrix = LLVMBuildUDiv(b->b, nest.i, b_i64(b, blocks), "");
    row = LLVMBuildURem(b->b, nest.i, b_i64(b, blocks), "");
    c.a = b_elt(b, args->in[0], matrix_at(b, &c.w, 1, matrix),
                c.m * c.depth * 4, 0);
    c.a = b_elt(b, c.a, row, c.rows * c.depth * 4, 0);
    c.b = b_elt(b, args->in[1], matrix_at(b, &c.w, 2, matrix),
                c.depth * c.n * 4, 0);
    c.out = b_elt(b, args->out, nest.i, c.rows * c.n * 4, 0);
    b_map_range(b, c.n, (unsigned)lanes, nest.lo, nest.hi, product_tile, &c);
    b_nest_end(b, &nest);
}
