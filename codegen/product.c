/*
 * product.c -- i.product: batches of products of two computed values.
 *
 * Each matrix on the right is packed as weights are, into the scratch; then
 * blocks of rows are multiplied and requantized. A part does neighbouring
 * blocks, matrix after matrix; a matrix that two parts share is packed by both,
 * each in its own scratch.
 */
#include "codegen/attention.h"

typedef struct Product {
    Attention pack; /* v is the matrix on the right: nk x dv */
    int64_t batches, m, n, k;
    RequantPlan rq;
    DType dt;
    Val consts, edge; /* edge: as that of attention.c */
    Val comp, widened;
} Product;

/* Most |sum|: codes of a are multiplied before the zero point is taken off. */
static int64_t
plan_requant(Module *m, const Op *op, const Plan *p, Product *t)
{
    int64_t lanes = vq_align(t->n, VQ_PANEL);
    int64_t scales = vq_count(vq_type(m->g, op->in[2]));
    int32_t zero = vq_type(m->g, op->in[0])->q.zero;
    int32_t *channel = NEWN(m->arena, int32_t, lanes);
    int64_t *bound = NEWN(m->arena, int64_t, lanes);
    RequantIn in = {.form = (RequantForm)vq_get_i(op, A_FORM, 0),
                    .mul = m->g->val[op->in[2]].data,
                    .shift = m->g->val[op->in[3]].data,
                    .bound = bound,
                    .channel = channel,
                    .entries = lanes,
                    .dt = t->dt,
                    .zero = vq_type(m->g, op->out)->q.zero,
                    .remarks = p->remarks};

    for (int64_t c = 0; c < lanes; c++) {
        channel[c] = c < t->n ? (int32_t)(c % scales) : -1;
        bound[c] = t->k * vq_max(zero, 255 - zero) * 128;
    }
    return vq_requant_plan(m, &in, &t->rq);
}

bool
vq_plan_iproduct(Module *m, const Op *op, Plan *p)
{
    const Type *a = vq_type(m->g, op->in[0]), *b = vq_type(m->g, op->in[1]);
    Product *t = NEW(m->arena, Product);

    *t = (Product){.m = a->dim[a->rank - 2],
                   .n = vq_cols(b),
                   .k = vq_cols(a),
                   .dt = vq_type(m->g, op->out)->dt};
    t->batches = vq_rows(a) / t->m;
    t->pack.nk = t->k;
    t->pack.dv = t->pack.vwide = t->n;
    p->at[p->nconst++] = plan_requant(m, op, p, t);
    p->at[p->nconst++] = vq_plan_edge(m, a->q.zero, t->k);
    p->info = t;
    p->raw = 1 << 0 | 1 << 1;
    p->slack = vq_slack_read(m->g, op->in[0], t->k);
    p->rows = t->batches * t->m;
    p->cols = t->n;
    p->depth = t->k;
    p->macs = p->rows * p->cols * p->depth;
    p->key =
        vq_format(m->arena, "%s %s", vq_key(m, op), vq_requant_key(m, &t->rq));
    return true;
}

/* comp[j] = rounding - zero * sum_k b_kj: the sums come from a row of ones. */
static void
store_comp(Build *b, void *user, const Tile *tile)
{
    const Product *t = user;
    Val zero = b_load(b, b_vec(b->i32, VQ_PANEL), t->edge, 64), x;

    for (unsigned p = 0; p < tile->panels; p++) {
        x = b_addc(b, b_shlc(b, tile->panel, 4), VQ_PANEL * p);
        x = vq_requant_bias(b, t->consts, x);
        x = b_add(b, b_mul(b, tile->sum[p], zero), x);
        b_store(b, x, b_elt(b, t->comp, tile->panel, 64, 64 * p), 64);
    }
}

/* `rows` rows of a and of the result. */
static void
emit_rows(Build *b, const Product *t, Val a, Val out, int64_t rows)
{
    Epilogue e = {.rq = t->rq,
                  .consts = t->consts,
                  .dt = t->dt,
                  .out = out,
                  .ldo = t->n * vq_dtype[t->dt].bytes};
    Gemm g = {.m = rows,
              .n = t->n,
              .k = t->k,
              .lda = t->k,
              .a = a,
              .w = t->pack.vpack,
              .groups = vq_tile_groups(t->k),
              .w16 = b->level->wide,
              .bias = t->comp,
              .scratch = t->widened,
              .store = vq_epilogue_store,
              .user = &e};

    vq_emit_gemm(b, &g);
}

/* Blocks [lo, hi) of the rows of one product. */
static void
emit_product(Build *b, Product *t, Val a, Val out, Val lo, Val hi)
{
    int64_t size = vq_dtype[t->dt].bytes;
    Val whole = b_i64(b, t->m / VQ_ROWBLOCK);
    Loop loop;
    If last;

    vq_pack_values(b, &t->pack);
    vq_emit_edge(b, t->edge, t->pack.vpack, vq_align(t->n, VQ_PANEL), t->k,
                 t->widened, store_comp, t);
    if (t->m / VQ_ROWBLOCK) {
        b_loop_range(b, &loop, lo, 1, b_least(b, hi, whole));
        emit_rows(b, t, b_elt(b, a, loop.i, VQ_ROWBLOCK * t->k, 0),
                  b_elt(b, out, loop.i, VQ_ROWBLOCK * t->n * size, 0),
                  VQ_ROWBLOCK);
        b_loop_end(b, &loop);
    }
    if (t->m % VQ_ROWBLOCK) {
        b_if(b, &last, b_cmp(b, LLVMIntSGT, hi, whole));
        emit_rows(b, t, b_elt(b, a, whole, VQ_ROWBLOCK * t->k, 0),
                  b_elt(b, out, whole, VQ_ROWBLOCK * t->n * size, 0),
                  t->m % VQ_ROWBLOCK);
        b_if_end(b, &last);
    }
}

void
vq_body_iproduct(Build *b, const Args *args)
{
    Product t = *(const Product *)args->plan->info;
    ProductScratch s = vq_product_scratch(args->g, args->op);
    int64_t size = vq_dtype[t.dt].bytes;
    int64_t blocks = vq_turns(t.m, VQ_ROWBLOCK);
    Nest nest;

    t.consts = args->konst[0];
    t.edge = args->konst[1];
    t.pack.vpack = args->scratch;
    t.comp = b_atc(b, args->scratch, s.comp);
    t.widened = b_atc(b, args->scratch, s.wide);
    b_nest(b, &nest, args->part, args->parts, t.batches * blocks, blocks);
    t.pack.v = b_elt(b, args->in[1], nest.i, t.k * t.n, 0);
    emit_product(b, &t, b_elt(b, args->in[0], nest.i, t.m * t.k, 0),
                 b_elt(b, args->out, nest.i, t.m * t.n * size, 0), nest.lo,
                 nest.hi);
    b_nest_end(b, &nest);
}
