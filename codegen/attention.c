/*
 * attention.c -- i.attention, one head at a time.
 *
 * K^T and V of the head are packed as weights are; then, for a block of query
 * rows, scores, softmax and the sum over V follow each other while the block's
 * scores and probabilities are in the nearest cache.
 */
#include "codegen/attention.h"

#include <stdlib.h>

/* ---- constants ---- */

/* 16 lanes a head for the scores; dv, padded, for the values. */
static int32_t *
lane_channels(Module *m, const Attention *t, bool scores)
{
    int64_t each = scores ? VQ_PANEL : t->pv_lanes;
    int32_t *channel = NEWN(m->arena, int32_t, t->heads *each);

    for (int64_t h = 0; h < t->heads; h++)
        for (int64_t i = 0; i < each; i++)
            channel[h * each + i] = (int32_t)(scores      ? h
                                              : i < t->dv ? h * t->dv + i
                                                          : -1);
    return channel;
}

static int64_t *
same_bounds(Module *m, int64_t n, int64_t bound)
{
    int64_t *b = NEWN(m->arena, int64_t, n);

    for (int64_t i = 0; i < n; i++)
        b[i] = bound;
    return b;
}

static int64_t
plan_scores(Module *m, const Op *op, const Plan *p, Attention *t)
{
    int64_t zero = vq_type(m->g, op->in[0])->q.zero;
    int64_t bound = t->d * vq_max(zero, 255 - zero) * 128;
    int64_t lanes = t->heads * VQ_PANEL;
    RequantIn in = {.form = RQ_WIDE,
                    .mul = m->g->val[op->in[3]].data,
                    .shift = m->g->val[op->in[4]].data,
                    .bound = same_bounds(m, lanes, bound),
                    .channel = lane_channels(m, t, true),
                    .entries = lanes,
                    .dt = t->form == SM_BASE2 ? DT_S16 : DT_S8,
                    .remarks = p->remarks};

    return vq_requant_plan(m, &in, &t->qk);
}

/* A row's probabilities add up to 2^pbits and half a unit each (base 2), or
 * less than 2^15 each (Shiftmax). */
static int64_t
plan_values(Module *m, const Op *op, const Plan *p, Attention *t)
{
    int64_t sum =
        t->form == SM_BASE2 ? (INT64_C(1) << t->pbits) + t->nk : t->nk << 15;
    int64_t lanes = t->heads * t->pv_lanes;
    RequantIn in = {.form = (RequantForm)vq_get_i(op, A_FORM, 0),
                    .mul = m->g->val[op->in[6]].data,
                    .shift = m->g->val[op->in[7]].data,
                    .bound = same_bounds(m, lanes, sum * 128),
                    .channel = lane_channels(m, t, false),
                    .entries = lanes,
                    .dt = t->dt,
                    .zero = vq_type(m->g, op->out)->q.zero,
                    .remarks = p->remarks};

    return vq_requant_plan(m, &in, &t->pv);
}

bool
vq_plan_attention(Module *m, const Op *op, Plan *p)
{
    const Type *q = vq_type(m->g, op->in[0]), *k = vq_type(m->g, op->in[1]);
    Attention *t = NEW(m->arena, Attention);

    *t = (Attention){.heads = vq_get_i(op, A_HEADS, 1),
                     .nq = q->dim[q->rank - 2],
                     .nk = k->dim[k->rank - 2],
                     .wide = vq_cols(q),
                     .form = (SoftmaxForm)vq_get_i(op, A_SOFTMAX, 0),
                     .pbits = (int)vq_get_i(op, A_PBITS, 16),
                     .dt = vq_type(m->g, op->out)->dt};
    t->batches = vq_rows(q) / t->nq;
    t->d = t->wide / t->heads;
    t->vwide = vq_cols(vq_type(m->g, op->in[2]));
    t->dv = t->vwide / t->heads;
    t->pv_lanes = vq_align(t->dv, VQ_PANEL);
    p->at[p->nconst++] = plan_scores(m, op, p, t);
    p->at[p->nconst++] = plan_values(m, op, p, t);
    p->at[p->nconst++] = vq_plan_edge(m, q->q.zero, vq_max(t->d, t->nk));
    p->info = t;
    if (op->nin > 8)
        t->maps = vq_type(m->g, op->in[8])->dim[0];
    p->raw = 1 << 0 | 1 << 1 | 1 << 2 | 1 << 5 | 1 << 8;
    p->slack = vq_slack_read(m->g, op->in[0], t->d);
    p->rows = t->batches * t->heads * t->nq;
    p->cols = t->nk;
    p->depth = t->d;
    p->macs = p->rows * p->cols * (t->d + t->dv);
    p->key = vq_format(m->arena, "%s %s %s", vq_key(m, op),
                       vq_requant_key(m, &t->qk), vq_requant_key(m, &t->pv));
    return true;
}

/* ---- products ---- */

/* comp[j] = rounding - zero * sum_c k_jc: the sums come from a row of ones. */
static void
store_comp(Build *b, void *user, const Tile *tile)
{
    const Attention *t = user;
    Ty v = b_vec(b->i32, VQ_PANEL);
    Val lane = b_shlc(b, t->head, 4);
    Val round = vq_requant_bias(b, t->qk_consts, lane);
    Val zero = b_load(b, v, t->edge, 64);

    for (unsigned p = 0; p < tile->panels; p++)
        b_store(b, b_add(b, b_mul(b, tile->sum[p], zero), round),
                b_elt(b, t->comp, tile->panel, 64, 64 * p), 64);
}

/* bias[c] + 2^15 * sum_j v_jc: what probabilities less 2^15 fall short of. */
static void
store_bias(Build *b, void *user, const Tile *tile)
{
    const Attention *t = user;
    Val lane = b_mulc(b, t->head, t->pv_lanes), x;

    for (unsigned p = 0; p < tile->panels; p++) {
        x = b_addc(b, b_add(b, lane, b_shlc(b, tile->panel, 4)), VQ_PANEL * p);
        x = vq_requant_bias(b, t->pv_consts, x);
        x = b_add(b, x, b_shlc(b, tile->sum[p], 15));
        b_store(b, x, b_elt(b, t->bias, tile->panel, 64, 64 * p), 64);
    }
}

/* Bytes of a row of probabilities. */
static int64_t
row_bytes(const Attention *t)
{
    return t->flip ? vq_wide_row(t->nk) : vq_align(t->nk, 64);
}

/* Bytes of a row of scores. */
static int64_t
score_bytes(const Attention *t)
{
    return vq_align(t->nk, 32) * vq_dtype[t->qk.dt].bytes;
}

/* Scores of all columns, padding too: nobody reads those. */
static void
emit_scores(Build *b, const Attention *t, Val row, int64_t rows)
{
    int64_t n = vq_align(t->nk, VQ_PANEL);
    Epilogue e = {.rq = t->qk,
                  .consts = t->qk_consts,
                  .lane = b_shlc(b, t->head, 4),
                  .splat = true,
                  .dt = t->qk.dt,
                  .out = t->scores,
                  .ldo = score_bytes(t)};
    Gemm g = {.m = rows,
              .n = n,
              .k = t->d,
              .lda = t->wide,
              .a = b_elt(b, t->q, row, t->wide, 0),
              .w = t->kpack,
              .groups = vq_tile_groups(t->d),
              .w16 = b->level->wide != NULL,
              .bias = t->comp,
              .scratch = t->widened,
              .store = vq_epilogue_store,
              .user = &e};

    vq_emit_gemm(b, &g);
}

/* Rows are padded with zeros, which meet zeros of V. */
static void
emit_probabilities(Build *b, const Attention *t, int64_t rows)
{
    Softmax s = {.form = t->form,
                 .pbits = t->pbits,
                 .rows = rows,
                 .n = t->nk,
                 .table = t->table,
                 .powers = t->powers,
                 .x = t->scores,
                 .exp = t->exp,
                 .sum = t->sum,
                 .high = t->high,
                 .low = t->low,
                 .ldx = score_bytes(t),
                 .lde = vq_align(t->nk, 32) * (t->form == SM_BASE2 ? 2 : 4),
                 .ldp = row_bytes(t),
                 .flip = t->flip,
                 .padded = true};

    vq_emit_softmax(b, &s);
}

static void
emit_values(Build *b, const Attention *t, Val row, int64_t rows)
{
    int64_t size = vq_dtype[t->dt].bytes;
    Val lane = b_mulc(b, t->head, t->pv_lanes);
    Epilogue e = {.rq = t->pv,
                  .consts = t->pv_consts,
                  .lane = lane,
                  .dt = t->dt,
                  .out = b_elt(b, t->out, row, t->vwide * size, 0),
                  .ldo = t->vwide * size};
    Gemm g = {.m = rows,
              .n = t->dv,
              .k = t->nk,
              .lda = row_bytes(t),
              .a = t->high,
              .a_low = t->low,
              .a16 = t->flip,
              .w = t->vpack,
              .groups = vq_tile_groups(t->nk),
              .w16 = b->level->wide != NULL,
              .bias = t->flip ? t->bias : b_elt(b, t->pv_consts, lane, 4, 0),
              .scratch = t->widened,
              .store = vq_epilogue_store,
              .user = &e};

    vq_emit_gemm(b, &g);
}

/* A row of scores, and what is added to it. */
typedef struct Added {
    Val scores, bias;
} Added;

static void
add_lanes(Build *b, void *user, Val i, unsigned count)
{
    const Added *a = user;
    Ty v = b_vec(b->i16, 32);
    Val at = b_elt(b, a->scores, i, 2, 0), x = b_load(b, v, at, 64);
    Val y = b_load_part(b, v, b_elt(b, a->bias, i, 2, 0), count);

    b_store(b, b_sadd_sat(b, x, y), at, 64);
}

/* Rows `row` and on of the head's map are added to the block's scores. */
static void
emit_added(Build *b, const Attention *t, Val row, int64_t rows)
{
    Added a;
    Loop loop;

    b_loop(b, &loop, 0, 1, rows);
    a.scores = b_elt(b, t->scores, loop.i, score_bytes(t), 0);
    a.bias = b_elt(b, t->added, b_add(b, row, loop.i), t->nk * 2, 0);
    b_map(b, t->nk, 32, add_lanes, &a);
    b_loop_end(b, &loop);
}

static void
emit_block(Build *b, const Attention *t, Val row, int64_t rows)
{
    emit_scores(b, t, row, rows);
    if (t->added)
        emit_added(b, t, row, rows);
    emit_probabilities(b, t, rows);
    emit_values(b, t, row, rows);
}

/* Blocks [lo, hi) of the head's query rows. */
static void
emit_head(Build *b, Attention *t, Val lo, Val hi)
{
    Val whole = b_i64(b, t->nq / t->block);
    Loop loop;
    If last;

    vq_pack_keys(b, t);
    vq_pack_values(b, t);
    vq_emit_edge(b, t->edge, t->kpack, vq_align(t->nk, VQ_PANEL), t->d,
                 t->widened, store_comp, t);
    if (t->flip)
        vq_emit_edge(b, t->edge, t->vpack, t->pv_lanes, t->nk, t->widened,
                     store_bias, t);
    if (t->nq / t->block) {
        b_loop_range(b, &loop, b_mulc(b, lo, t->block), t->block,
                     b_mulc(b, b_least(b, hi, whole), t->block));
        emit_block(b, t, loop.i, t->block);
        b_loop_end(b, &loop);
    }
    if (t->nq % t->block) {
        b_if(b, &last, b_cmp(b, LLVMIntSGT, hi, whole));
        emit_block(b, t, b_mulc(b, whole, t->block), t->nq % t->block);
        b_if_end(b, &last);
    }
}

static void
cut_scratch(Build *b, Attention *t, const Args *args)
{
    AttentionScratch s = vq_attention_scratch(args->g, args->op);

    t->kpack = b_atc(b, args->scratch, s.keys);
    t->comp = b_atc(b, args->scratch, s.comp);
    t->vpack = b_atc(b, args->scratch, s.values);
    t->sum = b_atc(b, args->scratch, s.sum);
    t->powers = b_atc(b, args->scratch, s.powers);
    t->exp = b_atc(b, args->scratch, s.exp);
    t->scores = b_atc(b, args->scratch, s.scores);
    t->high = b_atc(b, args->scratch, s.high);
    t->widened = b_atc(b, args->scratch, s.wide);
    t->bias = b_atc(b, args->scratch, s.bias);
    t->flip = b->level->wide && t->pbits > 8;
    if (t->pbits > 8 && !t->flip)
        t->low = b_atc(b, args->scratch, s.low);
}

/* Query rows at a time: whole blocks of the level's products. */
static int64_t
block_rows(const Level *level)
{
    return level->gemm ? VQ_ROWBLOCK : 24;
}

/* A part does neighbouring blocks of query rows, head after head; a head that
 * two parts share is packed by both, each in its own scratch. */
void
vq_body_attention(Build *b, const Args *args)
{
    Attention t = *(const Attention *)args->plan->info;
    int64_t size = vq_dtype[t.dt].bytes;
    int64_t blocks = vq_turns(t.nq, block_rows(b->level));
    Val heads = b_i64(b, t.heads), batch, at, atv;
    Nest nest;

    t.block = block_rows(b->level);
    t.qk_consts = args->konst[0];
    t.pv_consts = args->konst[1];
    t.edge = args->konst[2];
    t.table = args->in[5];
    cut_scratch(b, &t, args);
    vq_emit_powers(b, t.form, t.table, t.powers);
    b_nest(b, &nest, args->part, args->parts, t.batches * t.heads * blocks,
           blocks);
    batch = LLVMBuildUDiv(b->b, nest.i, heads, "");
    t.head = LLVMBuildURem(b->b, nest.i, heads, "");
    at = b_mulc(b, t.head, t.d);
    atv = b_mulc(b, t.head, t.dv);
    t.q = b_at(b, b_elt(b, args->in[0], batch, t.nq * t.wide, 0), at);
    t.k = b_at(b, b_elt(b, args->in[1], batch, t.nk * t.wide, 0), at);
    t.v = b_at(b, b_elt(b, args->in[2], batch, t.nk * t.vwide, 0), atv);
    t.out = b_elt(b, b_elt(b, args->out, batch, t.nq * t.vwide * size, 0), atv,
                  size, 0);
    if (t.maps)
        t.added = b_elt(b, args->in[8],
                        LLVMBuildURem(b->b, nest.i, b_i64(b, t.maps), ""),
                        t.nq * t.nk * 2, 0);
    emit_head(b, &t, nest.lo, nest.hi);
    b_nest_end(b, &nest);
}
