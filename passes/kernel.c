/*
 * kernel.c -- linear layers become kernels: weights packed, and what follows
 * the product done in its registers.
 *
 * needs F_INTEGER; makes F_KERNEL. A product, its requantization and then a
 * table or a sum with the residual stream are one k.linear when nobody else
 * reads the values between.
 */
#include "passes/passes.h"

#include "ir/layout.h"

#include <assert.h>
#include <string.h>

/* matmul may be a depthwise convolution, which no table or sum follows. */
typedef struct Chain {
    const Op *matmul, *requant, *lut, *add;
} Chain;

typedef struct Fusion {
    Chain *of;    /* by value: the chain that ends in this value */
    bool *inside; /* by value: made inside a chain, not its end */
} Fusion;

static const Op *
def_of_kind(const Graph *g, ValId v, OpKind kind)
{
    const Op *op = vq_def(g, v);

    return op && op->kind == kind ? op : NULL;
}

static bool
is_single(const uint32_t *uses, const Op *op)
{
    return op && uses[op->out] == 1;
}

/* The chain that ends in v goes on to `out`. */
static Chain *
extend(Fusion *f, ValId v, ValId out)
{
    f->inside[v] = true;
    f->of[out] = f->of[v];
    return &f->of[out];
}

static void
start_chain(Fusion *f, const Graph *g, const uint32_t *uses, const Op *op)
{
    (void)g, (void)uses;
    f->of[op->out].matmul = op;
}

static void
extend_requant(Fusion *f, const Graph *g, const uint32_t *uses, const Op *op)
{
    const Op *mm = vq_def(g, op->in[0]);

    if (is_single(uses, mm) && f->of[mm->out].matmul == mm)
        extend(f, op->in[0], op->out)->requant = op;
}

/* The chain that ends in this requantization is of a linear layer. */
static bool
is_linear(const Fusion *f, const Op *rq)
{
    const Op *mm = f->of[rq->out].matmul;

    return mm && mm->kind == OP_I_MATMUL;
}

static void
extend_lut(Fusion *f, const Graph *g, const uint32_t *uses, const Op *op)
{
    const Op *rq = def_of_kind(g, op->in[0], OP_I_REQUANT);

    if (is_single(uses, rq) && is_linear(f, rq) &&
        vq_type(g, rq->out)->dt == DT_U8 &&
        vq_dtype[vq_type(g, op->out)->dt].bytes == 1)
        extend(f, op->in[0], op->out)->lut = op;
}

/* The sum of two values of one rank and shape: a layer has its own. */
static void
extend_add(Fusion *f, const Graph *g, const uint32_t *uses, const Op *op)
{
    const Type *sum = vq_type(g, op->out);

    for (int i = 0; i < 2; i++) {
        const Op *rq = def_of_kind(g, op->in[i], OP_I_REQUANT);

        if (is_single(uses, rq) && is_linear(f, rq) &&
            vq_same_shape(vq_type(g, rq->out), sum) &&
            vq_same_shape(vq_type(g, op->in[1 - i]), sum)) {
            extend(f, op->in[i], op->out)->add = op;
            return;
        }
    }
}

typedef void ExtendFn(Fusion *, const Graph *, const uint32_t *, const Op *);

static ExtendFn *const extend_fn[NOP] = {
    [OP_I_MATMUL] = start_chain,     [OP_I_DEPTHWISE] = start_chain,
    [OP_I_REQUANT] = extend_requant, [OP_I_LUT] = extend_lut,
    [OP_I_ADD] = extend_add,
};

static void
find_chains(const Graph *g, Fusion *f)
{
    const uint32_t *uses = vq_use_counts(g, g->arena);

    for (uint32_t i = 1; i < g->nop; i++)
        if (extend_fn[g->op[i].kind])
            extend_fn[g->op[i].kind](f, g, uses, &g->op[i]);
}

static ValId
packed_weight(Rewrite *r, ValId w)
{
    const Value *v = &r->from->val[w];
    int64_t rows = vq_rows(&v->type), cols = vq_cols(&v->type);
    Type t = vq_packed_type(rows, cols);
    int8_t *data = NEWN(r->to->arena, int8_t, vq_count(&t));

    vq_pack(v->data, rows, cols, data);
    return vq_const(r->to, vq_format(r->to->arena, "%s.p", v->name), t, data);
}

static ValId
bias_of(Rewrite *r, const Op *mm, int64_t cols)
{
    if (mm->nin > 2 && mm->in[2])
        return vq_new(r, mm->in[2]);
    return vq_const(r->to, NULL, TYPE(DT_S32, cols),
                    NEWN(r->to->arena, int32_t, cols));
}

static void
set_sum(Rewrite *r, const Chain *c, Op *now)
{
    bool first = c->add->in[0] == c->requant->out;

    vq_set_i(r->to, now, A_ASHIFT,
             vq_get_i(c->add, first ? A_ASHIFT : A_BSHIFT, 0));
    vq_set_i(r->to, now, A_BSHIFT,
             vq_get_i(c->add, first ? A_BSHIFT : A_ASHIFT, 0));
}

static void
emit_kernel(Rewrite *r, const Op *end, const Chain *c)
{
    int64_t cols = vq_cols(vq_type(r->from, c->matmul->in[1]));
    Type t = *vq_type(r->from, end->out);
    ValId in[7] = {vq_new(r, c->matmul->in[0]),
                   packed_weight(r, c->matmul->in[1]),
                   bias_of(r, c->matmul, cols)};
    uint32_t nin = 3;
    Op *now;

    t.q.scales = vq_new(r, t.q.scales);
    if (c->requant) {
        in[nin++] = vq_new(r, c->requant->in[1]);
        in[nin++] = vq_new(r, c->requant->in[2]);
    }
    if (c->lut)
        in[nin++] = vq_new(r, c->lut->in[1]);
    if (c->add) {
        in[nin++] = 0;
        in[nin++] =
            vq_new(r, c->add->in[c->add->in[0] == c->requant->out ? 1 : 0]);
    }
    now = vq_emit(r->to, OP_K_LINEAR, r->from->val[end->out].name, t, in, nin,
                  c->matmul->loc);
    vq_set_i(r->to, now, A_COLS, cols);
    if (c->requant)
        vq_set_i(r->to, now, A_FORM, vq_get_i(c->requant, A_FORM, 0));
    if (c->lut)
        vq_set_i(r->to, now, A_ZERO, vq_type(r->from, c->requant->out)->q.zero);
    if (c->add)
        set_sum(r, c, now);
    vq_become(r, end->out, now->out);
}

static void
emit_depthwise(Rewrite *r, const Op *end, const Chain *c)
{
    const Op *dw = c->matmul;
    Type t = *vq_type(r->from, end->out);
    ValId in[5] = {vq_new(r, dw->in[0]), vq_new(r, dw->in[1]),
                   bias_of(r, dw, vq_cols(&t))};
    Op *now;

    t.q.scales = vq_new(r, t.q.scales);
    for (uint32_t i = 1; c->requant && i < 3; i++)
        in[2 + i] = vq_new(r, c->requant->in[i]);
    now = vq_emit(r->to, OP_K_DEPTHWISE, r->from->val[end->out].name, t, in,
                  c->requant ? 5 : 3, dw->loc);
    memcpy(now->attr, dw->attr, sizeof dw->attr);
    now->nattr = dw->nattr;
    if (c->requant)
        vq_set_i(r->to, now, A_FORM, vq_get_i(c->requant, A_FORM, 0));
    vq_become(r, end->out, now->out);
}

static bool
fuse_op(Rewrite *r, const Op *op)
{
    const Fusion *f = r->user;

    if (f->inside[op->out])
        return true;
    if (!f->of[op->out].matmul)
        return vq_copy(r, op);
    if (f->of[op->out].matmul->kind == OP_I_DEPTHWISE)
        emit_depthwise(r, op, &f->of[op->out]);
    else
        emit_kernel(r, op, &f->of[op->out]);
    return true;
}

bool
vq_make_kernels(Graph *g, const PassContext *cx)
{
    Fusion f = {.of = NEWN(g->arena, Chain, g->nval),
                .inside = NEWN(g->arena, bool, g->nval)};

    find_chains(g, &f);
    return vq_rewrite(g, cx->diag, fuse_op, &f);
}
