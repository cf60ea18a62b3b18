/*
 * linear.c -- k.linear: the product with packed weights and its epilogue.
 */
#include "codegen/epilogue.h"
#include "codegen/remark.h"

#include <stdlib.h>

typedef struct Linear {
    int64_t m, n, k;
    bool requant;
    RequantPlan rq;
    int64_t rrows; /* rows of a residual that repeats; 0: none does */
} Linear;

static ValId
input(const Op *op, uint32_t i)
{
    return i < op->nin ? op->in[i] : 0;
}

/* The bias of each column; zeros when there is none. */
static const int32_t *
bias_of(Module *m, const Op *op, int64_t n)
{
    return op->in[2] ? m->g->val[op->in[2]].data : NEWN(m->arena, int32_t, n);
}

/* Most |bias + sum a w| of each column, for u8 a. */
static int64_t *
sum_bounds(Module *m, const Op *op, const Linear *l)
{
    const int8_t *w = m->g->val[op->in[1]].data;
    const int32_t *bias = bias_of(m, op, l->n);
    int64_t panels = vq_panels(l->n), groups = vq_panel_groups(l->k);
    int64_t *up = NEWN(m->arena, int64_t, panels *VQ_PANEL);
    int64_t *down = NEWN(m->arena, int64_t, panels *VQ_PANEL);

    for (int64_t i = 0; i < panels * groups * VQ_PANEL; i++)
        for (int k = 0; k < VQ_KGROUP; k++) {
            int64_t c = i / VQ_PANEL / groups * VQ_PANEL + i % VQ_PANEL;
            int x = w[i * VQ_KGROUP + k];

            *(x > 0 ? &up[c] : &down[c]) += 255 * x;
        }
    for (int64_t c = 0; c < l->n; c++)
        up[c] = vq_max(llabs(bias[c] + up[c]), llabs(bias[c] + down[c]));
    return up;
}

static void
plan_requant(Module *m, const Op *op, Plan *p, Linear *l)
{
    int64_t lanes = vq_align(l->n, VQ_PANEL);
    const Type *out = vq_type(m->g, op->out);
    int32_t *channel = NEWN(m->arena, int32_t, lanes);
    int64_t scales = vq_count(vq_type(m->g, op->in[3]));
    int32_t *mul = NEWN(m->arena, int32_t, l->n);
    int32_t *shift = NEWN(m->arena, int32_t, l->n);
    RequantIn in = {.form = (RequantForm)vq_get_i(op, A_FORM, 0),
                    .mul = mul,
                    .shift = shift,
                    .bias = bias_of(m, op, l->n),
                    .bound = sum_bounds(m, op, l),
                    .channel = channel,
                    .entries = lanes,
                    .dt = out->dt,
                    .zero = out->q.zero,
                    .remarks = p->remarks};

    for (int64_t c = 0; c < lanes; c++) {
        channel[c] = c < l->n ? (int32_t)c : -1;
        if (c >= l->n)
            continue;
        mul[c] = ((const int32_t *)m->g->val[op->in[3]].data)[c % scales];
        shift[c] = ((const int32_t *)m->g->val[op->in[4]].data)[c % scales];
    }
    if (input(op, 5)) {
        in.dt = DT_U8;
        in.zero = (int32_t)vq_get_i(op, A_ZERO, 0);
    }
    if (input(op, 6)) {
        in.dt = DT_S16;
        in.zero = 0;
    }
    p->at[p->nconst++] = vq_requant_plan(m, &in, &l->rq);
}

/* Without a requantization only the bias is wanted, padded. */
static void
plan_bias(Module *m, const Op *op, Plan *p, const Linear *l)
{
    const int32_t *bias = bias_of(m, op, l->n);
    int64_t lanes = vq_align(l->n, VQ_PANEL);
    int32_t *padded = NEWN(m->arena, int32_t, lanes);

    for (int64_t c = 0; c < l->n; c++)
        padded[c] = bias[c];
    p->at[p->nconst++] = vq_module_const(m, padded, (size_t)lanes * 4);
}

/* Zero points and scales are constants, so layers of a shape share code. */
static const char *
linear_key(Module *m, const Op *op, const Linear *l)
{
    return vq_format(m->arena,
                     "linear %lld %lld %lld to %s, table %d, residual %d %lld "
                     "%lld %lld, %s",
                     (long long)l->m, (long long)l->n, (long long)l->k,
                     vq_dtype[vq_type(m->g, op->out)->dt].text,
                     input(op, 5) != 0, input(op, 6) != 0, (long long)l->rrows,
                     (long long)vq_get_i(op, A_ASHIFT, 0),
                     (long long)vq_get_i(op, A_BSHIFT, 0),
                     l->requant ? vq_requant_key(m, &l->rq) : "raw");
}

bool
vq_plan_linear(Module *m, const Op *op, Plan *p)
{
    const Type *a = vq_type(m->g, op->in[0]);
    Linear *l = NEW(m->arena, Linear);

    if (input(op, 5) && input(op, 6))
        return vq_bug(m->diag, op->loc,
                      "k.linear has both a table and a residual");
    *l = (Linear){.m = vq_rows(a),
                  .n = vq_get_i(op, A_COLS, 0),
                  .k = vq_cols(a),
                  .requant = input(op, 3) != 0};
    if (input(op, 6)) {
        l->rrows = vq_rows(vq_type(m->g, op->in[6]));
        l->rrows = l->rrows == l->m ? 0 : l->rrows;
    }
    p->info = l;
    p->slack = vq_slack_read(m->g, op->in[0], l->k);
    p->rows = l->m;
    p->cols = l->n;
    p->depth = l->k;
    p->macs = l->m * l->n * l->k;
    p->raw = 1 << 1 | 1 << 5 | 1 << 6;
    if (l->requant)
        plan_requant(m, op, p, l);
    else
        plan_bias(m, op, p, l);
    p->key = linear_key(m, op, l);
    return true;
}

void
vq_body_linear(Build *b, const Args *args)
{
    const Linear *l = args->plan->info;
    const Type *out = vq_type(args->g, args->op->out);
    Epilogue e = {.raw = !l->requant,
                  .rq = l->rq,
                  .consts = args->konst[0],
                  .dt = out->dt,
                  .out = args->out,
                  .ldo = l->n * vq_dtype[out->dt].bytes,
                  .lut = args->in[5],
                  .residual = args->in[6],
                  .ldr = l->n * 2,
                  .rrows = l->rrows,
                  .ashift = (int)vq_get_i(args->op, A_ASHIFT, 0),
                  .bshift = (int)vq_get_i(args->op, A_BSHIFT, 0)};
    Gemm g = {.m = l->m,
              .n = l->n,
              .k = l->k,
              .lda = l->k,
              .a = args->in[0],
              .w = args->in[1],
              .bias = args->konst[0],
              .scratch = args->scratch,
              .part = args->part,
              .parts = args->parts,
              .store = vq_epilogue_store,
              .user = &e};

    if (e.lut)
        e.buffer = b_alloca(b, 64);
    g.split = vq_gemm_split(b, &g);
    if (args->plan->most > 1)
        b_choice(b, "threads take %s",
                 g.split == SPLIT_ROWS ? "blocks of rows"
                                       : "blocks of columns, then of rows");
    vq_emit_gemm(b, &g);
}
