/*
 * sum.c -- i.sum: s32 sums of codes less their zero point along one axis.
 */
#include "codegen/module.h"
#include "codegen/remark.h"

typedef struct Sum {
    Val x, out;
    const Type *t;
    int64_t n, inner; /* length of the axis, elements of one step of it */
} Sum;

bool
vq_plan_sum(Module *m, const Op *op, Plan *p)
{
    p->key = vq_format(m->arena, "%s zero %d", vq_key(m, op),
                       vq_type(m->g, op->in[0])->q.zero);
    return true;
}

static void
sum_lanes(Build *b, Sum *c, Val i, unsigned lanes, unsigned count)
{
    int64_t size = vq_dtype[c->t->dt].bytes;
    Ty v = b_vec(b_dtype(b, c->t->dt), lanes);
    Val from = b_elt(b, c->x, i, size, 0), x, sum;
    Loop loop;

    b_loop(b, &loop, 0, 1, c->n);
    if (lanes == 1)
        b_scalar(b, "sum", "fewer than 16 of them lie side by side");
    sum = b_carry(b, &loop, b_const(b_vec(b->i32, lanes), 0));
    x = b_load(b, v, b_elt(b, from, loop.i, c->inner * size, 0),
               (unsigned)size);
    sum = b_add(b, sum, b_subc(b, b_widen(b, x, c->t->dt, 32), c->t->q.zero));
    b_next(&loop, 0, sum);
    b_loop_end(b, &loop);
    from = b_elt(b, c->out, i, 4, 0);
    if (lanes == 1)
        b_store(b, sum, from, 4);
    else
        b_store_part(b, sum, from, count);
}

static void
sum_vector(Build *b, void *user, Val i, unsigned count)
{
    sum_lanes(b, user, i, 16, count);
}

static void
sum_one(Build *b, void *user, Val i, unsigned count)
{
    sum_lanes(b, user, i, 1, count);
}

void
vq_body_sum(Build *b, const Args *args)
{
    const Type *t = vq_type(args->g, args->op->in[0]);
    int64_t axis = vq_get_i(args->op, A_AXIS, 0), outer = 1;
    Sum c = {.t = t, .n = t->dim[axis], .inner = 1};
    unsigned lanes;
    int64_t turns;
    Nest nest;

    for (int i = 0; i < t->rank; i++)
        *(i < axis ? &outer : &c.inner) *= i == axis ? 1 : t->dim[i];
    lanes = c.inner < 16 ? 1 : 16;
    turns = vq_turns(c.inner, lanes);
    b_nest(b, &nest, args->part, args->parts, outer * turns, turns);
    c.x =
        b_elt(b, args->in[0], nest.i, c.n * c.inner * vq_dtype[t->dt].bytes, 0);
    c.out = b_elt(b, args->out, nest.i, c.inner * 4, 0);
    b_map_range(b, c.inner, lanes, nest.lo, nest.hi,
                lanes == 1 ? sum_one : sum_vector, &c);
    b_nest_end(b, &nest);
}
