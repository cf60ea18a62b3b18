/*
 * depthwise.c -- k.depthwise: each channel's windows times weights of its own.
 *
 * 64 channels at a time. Four pixels side by side are interleaved, so that a
 * lane of 32 bits holds four bytes of one channel, which the level's dot
 * product takes with four weights; where it wants 16 bits, two pixels. Within
 * each 128 bits, that unpacks channels 4 r .. 4 r + 3 into register r: lane
 * 16 r + 4 i + j of a block is channel 16 i + 4 r + j, and all constants are
 * laid out so. Two neighbouring windows share what was interleaved: the second
 * has weights of its own, a pixel further right.
 *
 * Pixels may be read a block past the last one (VQ_SLACK).
 */
#include "codegen/remark.h"
#include "codegen/requant.h"
#include "codegen/window.h"

#include "ir/layout.h"

#include <stdlib.h>

enum { BLOCK = 64, QUARTERS = 4 };

typedef struct Depthwise {
    Window w;
    bool requant, pairs;
    RequantPlan rq;
    int64_t blocks;
} Depthwise;

/* The channel of a lane. */
static int64_t
channel_of(int64_t lane)
{
    int64_t r = lane % BLOCK / 16, i = lane % 16 / 4, j = lane % 4;

    return lane / BLOCK * BLOCK + 16 * i + 4 * r + j;
}

/* Registers of pixels, `each` side by side, that a row of a window takes when
 * it begins at pixel `shift` of the first. */
static int64_t
groups_of(const Window *w, int64_t shift, int64_t each)
{
    return (w->kernel[1] + shift + each - 1) / each;
}

/* Bytes of a block's weights for windows that begin at `shift`. */
static int64_t
weight_bytes(const Window *w, int64_t shift, bool wide)
{
    return w->kernel[0] * groups_of(w, shift, wide ? 2 : 4) * QUARTERS * BLOCK;
}

/* ---- planning ---- */

/* Element t of a group, of one row of the kernel. */
static int8_t
weight_at(const Depthwise *d, const int8_t *w, int64_t lane, int64_t ky,
          int64_t kx)
{
    int64_t c = channel_of(lane);

    if (c >= d->w.channels || kx < 0 || kx >= d->w.kernel[1])
        return 0;
    return w[(ky * d->w.kernel[1] + kx) * d->w.channels + c];
}

/* [block][row][group][lane][pixel], of bytes or of 16 bits. */
static int64_t
plan_weights(Module *m, const Op *op, const Depthwise *d, int64_t shift,
             bool wide)
{
    const int8_t *w = m->g->val[op->in[1]].data;
    int64_t each = wide ? 2 : 4, groups = groups_of(&d->w, shift, each);
    int64_t bytes = d->blocks * weight_bytes(&d->w, shift, wide), n = 0;
    int8_t *to = vq_alloc(m->arena, (size_t)bytes);
    int16_t *to16 = (int16_t *)(void *)to;

    for (int64_t block = 0; block < d->blocks; block++)
        for (int64_t row = 0; row < d->w.kernel[0] * groups; row++)
            for (int64_t l = 0; l < BLOCK; l++)
                for (int64_t t = 0; t < each; t++, n++) {
                    int8_t x = weight_at(d, w, block * BLOCK + l, row / groups,
                                         row % groups * each + t - shift);

                    if (wide)
                        to16[n] = x;
                    else
                        to[n] = x;
                }
    return vq_module_const(m, to, (size_t)bytes);
}

/* Most |bias + sum x w| of each lane. */
static int64_t *
sum_bounds(Module *m, const Op *op, const Depthwise *d)
{
    const int8_t *w = m->g->val[op->in[1]].data;
    const int32_t *bias = m->g->val[op->in[2]].data;
    int64_t area = d->w.kernel[0] * d->w.kernel[1], lanes = d->blocks * BLOCK;
    int64_t *bound = NEWN(m->arena, int64_t, lanes);

    for (int64_t l = 0; l < lanes; l++) {
        int64_t c = channel_of(l), up = 0, down = 0;

        if (c >= d->w.channels)
            continue;
        for (int64_t k = 0; k < area; k++) {
            int x = w[k * d->w.channels + c];

            *(x > 0 ? &up : &down) += 255 * x;
        }
        bound[l] = vq_max(llabs(bias[c] + up), llabs(bias[c] + down));
    }
    return bound;
}

static int64_t
plan_requant(Module *m, const Op *op, Plan *p, Depthwise *d)
{
    const Type *out = vq_type(m->g, op->out);
    int64_t lanes = d->blocks * BLOCK, n = d->w.channels;
    int64_t scales = vq_count(vq_type(m->g, op->in[3]));
    int32_t *channel = NEWN(m->arena, int32_t, lanes);
    int32_t *mul = NEWN(m->arena, int32_t, n);
    int32_t *shift = NEWN(m->arena, int32_t, n);
    RequantIn in = {.form = (RequantForm)vq_get_i(op, A_FORM, 0),
                    .mul = mul,
                    .shift = shift,
                    .bias = m->g->val[op->in[2]].data,
                    .bound = sum_bounds(m, op, d),
                    .channel = channel,
                    .entries = lanes,
                    .dt = out->dt,
                    .zero = out->q.zero,
                    .remarks = p->remarks};

    for (int64_t c = 0; c < n; c++) {
        mul[c] = ((const int32_t *)m->g->val[op->in[3]].data)[c % scales];
        shift[c] = ((const int32_t *)m->g->val[op->in[4]].data)[c % scales];
    }
    for (int64_t l = 0; l < lanes; l++)
        channel[l] = channel_of(l) < n ? (int32_t)channel_of(l) : -1;
    return vq_requant_plan(m, &in, &d->rq);
}

/* Without a requantization: the bias by lanes. */
static int64_t
plan_bias(Module *m, const Op *op, const Depthwise *d)
{
    const int32_t *bias = m->g->val[op->in[2]].data;
    int64_t lanes = d->blocks * BLOCK;
    int32_t *by_lane = NEWN(m->arena, int32_t, lanes);

    for (int64_t l = 0; l < lanes; l++)
        if (channel_of(l) < d->w.channels)
            by_lane[l] = bias[channel_of(l)];
    return vq_module_const(m, by_lane, (size_t)lanes * 4);
}

static bool
is_wanted(const Module *m, bool wide)
{
    for (unsigned i = 0; i < m->nlevel; i++)
        if (!m->level[i]->dot4 == wide)
            return true;
    return false;
}

bool
vq_plan_depthwise(Module *m, const Op *op, Plan *p)
{
    Depthwise *d = NEW(m->arena, Depthwise);

    d->w = vq_window_of(m->g, op);
    d->requant = op->nin > 3 && op->in[3];
    d->blocks = vq_turns(d->w.channels, BLOCK);
    d->pairs = d->w.stride[1] == 1 && d->w.dilation[1] == 1 && d->w.ow > 1;
    p->info = d;
    p->macs =
        vq_count(vq_type(m->g, op->out)) * vq_rows(vq_type(m->g, op->in[1]));
    p->at[0] = d->requant ? plan_requant(m, op, p, d) : plan_bias(m, op, d);
    p->at[1] = p->at[2] = p->at[3] = p->at[0];
    if (is_wanted(m, true))
        p->at[1] = plan_weights(m, op, d, 0, true);
    if (is_wanted(m, false))
        p->at[2] = plan_weights(m, op, d, 0, false);
    if (is_wanted(m, false) && d->pairs)
        p->at[3] = plan_weights(m, op, d, 1, false);
    p->nconst = 4;
    p->raw = 1;
    p->key = vq_format(m->arena, "%s %s", vq_key(m, op),
                       d->requant ? vq_requant_key(m, &d->rq) : "raw");
    return true;
}

/* ---- emitted code ---- */

/* What the loops hand down. */
typedef struct Work {
    const Depthwise *d;
    Val x, out;      /* of the first window, of this block */
    Val consts;      /* of the requantization, or the bias */
    Val lane;        /* of the block's first channel */
    Val weight[2];   /* of this block, by shift */
    int64_t windows; /* at a time: 1 or 2 */
    unsigned count;  /* channels that there are */
    unsigned osize;  /* bytes of a result */
    Val acc[2][QUARTERS];
} Work;

/* Elements of x and y in turn, from the lower or the upper half of each 128
 * bits. */
static Val
unpack(Build *b, Val x, Val y, bool upper)
{
    unsigned n = b_lanes(x), per = 16 * n / BLOCK;
    int lane[BLOCK];

    for (unsigned i = 0; i < n; i++)
        lane[i] =
            (int)(i / per * per + upper * per / 2 + i % per / 2 + i % 2 * n);
    return b_shuffle(b, x, y, lane, n);
}

/* The four registers of four pixels, or of two widened. */
static void
interleave(Build *b, const Val *pixel, Val *quarter)
{
    bool wide = !b->level->dot4;
    Ty words = b_vec(b->i16, BLOCK / 2);
    Val first[2], then[2];

    for (int half = 0; half < 2; half++) {
        first[half] = unpack(b, pixel[0], pixel[1], half);
        if (wide) {
            then[0] = LLVMConstNull(b_vec(b->i8, BLOCK));
            for (int k = 0; k < 2; k++)
                quarter[2 * half + k] = unpack(b, first[half], then[0], k);
            continue;
        }
        then[half] = unpack(b, pixel[2], pixel[3], half);
        for (int k = 0; k < 2; k++)
            quarter[2 * half + k] = unpack(b, b_bitcast(b, first[half], words),
                                           b_bitcast(b, then[half], words), k);
    }
}

/* One register of pixels, times a window's weights for it. */
static void
multiply(Build *b, Work *k, int64_t window, const Val *quarter, Val weights)
{
    Ty words = b_vec(b->i16, BLOCK / 2), bytes = b_vec(b->i8, BLOCK);

    for (int r = 0; r < QUARTERS; r++) {
        Val p = b_atc(b, weights, r * BLOCK), *acc = &k->acc[window][r];

        if (b->level->dot4)
            *acc = p_dot4(b, *acc, b_bitcast(b, quarter[r], bytes),
                          b_load_const(b, bytes, p, BLOCK));
        else
            *acc = b_add(b, *acc,
                         p_madd(b, b_bitcast(b, quarter[r], words),
                                b_load_const(b, words, p, BLOCK)));
    }
}

/* Pixel `at` of a row; behind the last one that the windows need, that. */
static Val
load_pixel(Build *b, const Work *k, Val row, int64_t at)
{
    const Window *w = &k->d->w;
    int64_t last = w->kernel[1] - 1 + k->windows - 1;

    at = vq_min(at, last) * w->dilation[1] * w->channels;
    return b_load(b, b_vec(b->i8, BLOCK), b_atc(b, row, at), 1);
}

/* Row ky of the windows. */
static void
add_row(Build *b, Work *k, Val ky)
{
    const Window *w = &k->d->w;
    int64_t each = b->level->dot4 ? 4 : 2;
    int64_t groups = groups_of(w, k->windows - 1, each);
    Val row = b_elt(b, k->x, ky, w->dilation[0] * w->width * w->channels, 0);
    Val pixel[4], quarter[QUARTERS];

    for (int64_t g = 0; g < groups; g++) {
        for (int64_t t = 0; t < each; t++)
            pixel[t] = load_pixel(b, k, row, g * each + t);
        interleave(b, pixel, quarter);
        for (int64_t i = 0; i < k->windows; i++) {
            int64_t own = groups_of(w, i, each);

            if (g < own)
                multiply(b, k, i, quarter,
                         b_elt(b, k->weight[i], ky, own * QUARTERS * BLOCK,
                               g * QUARTERS * BLOCK));
        }
    }
}

/* Channels in their order from four registers of sums or codes. */
static Val
in_order(Build *b, const Val x[QUARTERS])
{
    Val all = b_join(b, b_join(b, x[0], x[1]), b_join(b, x[2], x[3]));
    int lane[BLOCK];

    for (int l = 0; l < BLOCK; l++)
        lane[channel_of(l)] = l;
    return b_shuffle(b, all, NULL, lane, BLOCK);
}

static void
store_window(Build *b, const Work *k, int64_t window)
{
    const RequantPlan *rq = &k->d->rq;
    Val x[QUARTERS], all;

    for (int r = 0; r < QUARTERS; r++)
        x[r] = k->acc[window][r];
    if (k->d->requant && rq->way == WAY_NARROW) {
        all = vq_requant_four(b, rq, k->consts, x, k->lane);
    } else {
        for (int r = 0; r < QUARTERS; r++) {
            if (k->d->requant)
                x[r] = vq_requant_vector(b, rq, k->consts, x[r],
                                         b_addc(b, k->lane, 16 * r));
            if (k->osize < 4)
                x[r] = b_trunc(b, x[r], k->osize * 8);
        }
        all = in_order(b, x);
    }
    b_store_part(b, all, b_atc(b, k->out, window * k->d->w.channels * k->osize),
                 k->count);
}

/* One window or two side by side, of one block. */
static void
compute_windows(Build *b, Work *k)
{
    Val bias[QUARTERS];
    Loop ky;

    for (int r = 0; r < QUARTERS; r++)
        bias[r] = vq_requant_bias(b, k->consts, b_addc(b, k->lane, 16 * r));
    b_loop(b, &ky, 0, 1, k->d->w.kernel[0]);
    for (int64_t i = 0; i < k->windows; i++)
        for (int r = 0; r < QUARTERS; r++)
            k->acc[i][r] = b_carry(b, &ky, bias[r]);
    add_row(b, k, ky.i);
    for (unsigned i = 0; i < k->windows; i++)
        for (unsigned r = 0; r < QUARTERS; r++)
            b_next(&ky, i * QUARTERS + r, k->acc[i][r]);
    b_loop_end(b, &ky);
    for (unsigned i = 0; i < k->windows; i++) {
        for (unsigned r = 0; r < QUARTERS; r++)
            k->acc[i][r] = ky.next[i * QUARTERS + r];
        store_window(b, k, i);
    }
}

/* Windows lo..hi-1 of a row, of one block of channels. */
static void
compute_row(Build *b, Work *k, Val x, Val out, Val lo, Val hi)
{
    const Window *w = &k->d->w;
    bool pairs = k->d->pairs && b->level->dot4 && b->level->isa->bits == 512;
    Val middle = lo, even;
    Loop loop;

    for (int64_t n = pairs ? 2 : 1; n > 0; n--) {
        even = b_andc(b, b_sub(b, hi, middle), ~(n - 1));
        b_loop_range(b, &loop, middle, n, b_add(b, middle, even));
        k->windows = n;
        k->x = b_elt(b, x, loop.i, w->stride[1] * w->channels, 0);
        k->out = b_elt(b, out, loop.i, w->channels * k->osize, 0);
        compute_windows(b, k);
        b_loop_end(b, &loop);
        middle = b_add(b, middle, even);
    }
}

typedef struct Rows {
    Work *k;
    Val x, out, lo, hi;
    Val weight[2];
} Rows;

static void
compute_block(Build *b, void *user, Val i, unsigned count)
{
    const Rows *rows = user;
    Work *k = rows->k;
    Val block = b_lshrc(b, i, 6);

    for (int s = 0; s < 2; s++)
        k->weight[s] = b_elt(b, rows->weight[s], block,
                             weight_bytes(&k->d->w, s, !b->level->dot4), 0);
    k->lane = i;
    k->count = count;
    compute_row(b, k, b_at(b, rows->x, i), b_elt(b, rows->out, i, k->osize, 0),
                rows->lo, rows->hi);
}

void
vq_body_depthwise(Build *b, const Args *args)
{
    const Depthwise *d = args->plan->info;
    const Window *w = &d->w;
    Work k = {.d = d,
              .consts = args->konst[0],
              .osize = vq_dtype[vq_type(args->g, args->op->out)->dt].bytes};
    Rows rows = {.k = &k};
    Nest nest;

    rows.weight[0] = args->konst[b->level->dot4 ? 2 : 1];
    rows.weight[1] = args->konst[3];
    b_nest(b, &nest, args->part, args->parts, w->images * w->oh * w->ow, w->ow);
    rows.x = vq_window_row(b, w, args->in[0], nest.i, 1);
    rows.out = b_elt(b, args->out, nest.i, w->ow * w->channels * k.osize, 0);
    rows.lo = nest.lo;
    rows.hi = nest.hi;
    b_map(b, w->channels, BLOCK, compute_block, &rows);
    b_nest_end(b, &nest);
}
