/*
 * image.c -- pad, and windows that slide over images with their channels last:
 * unfold and maxpool.
 *
 * Results are written to the byte, and sources read no further: they may be
 * the caller's.
 */
#include "codegen/remark.h"
#include "codegen/window.h"

#include <math.h>

/* ---- filling and copying ---- */

enum { FILL_LANES = 16, RUN = 64 };

typedef struct Fill {
    Val to, code;
} Fill;

static void
fill_lanes(Build *b, void *user, Val i, unsigned count)
{
    const Fill *f = user;
    unsigned size = LLVMGetIntTypeWidth(LLVMTypeOf(f->code)) / 8;

    b_store_part(b, b_splat(b, f->code, FILL_LANES),
                 b_elt(b, f->to, i, size, 0), count);
}

/* Real 0 in n elements of the type. */
static void
fill_zero(Build *b, Val to, int64_t n, const Type *t)
{
    int64_t zero = t->dt == DT_F32 ? 0 : t->q.zero;
    unsigned size = vq_dtype[t->dt].bytes;
    Fill f = {to, b_const(b_int(b, size * 8, 1), zero)};

    if (n == 0)
        return;
    if (size == 1 || zero == 0)
        b_memset(b, to, (int)zero, n * size);
    else
        b_map(b, n, FILL_LANES, fill_lanes, &f);
}

/* Long runs in vectors, the last of which may overlap. */
static void
copy_run(Build *b, Val to, Val from, int64_t bytes)
{
    Ty v = b_vec(b->i8, RUN);
    Loop loop;

    if (bytes < RUN) {
        b_memcpy(b, to, from, bytes);
        return;
    }
    b_loop(b, &loop, 0, RUN, bytes / RUN);
    b_store(b, b_load(b, v, b_at(b, from, loop.i), 1), b_at(b, to, loop.i), 1);
    b_loop_end(b, &loop);
    if (bytes % RUN)
        b_store(b, b_load(b, v, b_atc(b, from, bytes - RUN), 1),
                b_atc(b, to, bytes - RUN), 1);
}

/* ---- pad ---- */

/* A row is the last axis that is padded, with all inside it. */
typedef struct Pad {
    int axis;
    int64_t before, run, after; /* elements of a row */
    int64_t rows;               /* of the result */
} Pad;

bool
vq_plan_pad(Module *m, const Op *op, Plan *p)
{
    const Type *x = vq_type(m->g, op->in[0]), *y = vq_type(m->g, op->out);
    const int64_t *pad = vq_attr(op, A_PADS)->i;
    Pad *c = NEW(m->arena, Pad);
    int64_t inner = 1;

    c->axis = x->rank - 1;
    while (c->axis > 0 && pad[c->axis] == 0 && pad[x->rank + c->axis] == 0)
        inner *= x->dim[c->axis--];
    c->rows = 1;
    for (int i = 0; i < c->axis; i++)
        c->rows *= y->dim[i];
    c->run = inner;
    if (x->rank > 0) {
        c->before = pad[c->axis] * inner;
        c->run = x->dim[c->axis] * inner;
        c->after = pad[x->rank + c->axis] * inner;
    }
    p->info = c;
    p->key = vq_format(m->arena, "%s zero %d", vq_key(m, op), y->q.zero);
    return true;
}

/* The input's row under a row of the result, and whether there is one. */
static Val
find_row(Build *b, const Args *args, Val row, Val *inside)
{
    const Pad *c = args->plan->info;
    const Type *x = vq_type(args->g, args->op->in[0]);
    const Type *y = vq_type(args->g, args->op->out);
    const int64_t *pad = vq_attr(args->op, A_PADS)->i;
    Val from = b_i64(b, 0);
    int64_t step = 1;

    *inside = b_const(b->i1, 1);
    for (int i = c->axis - 1; i >= 0; i--) {
        Val n = b_i64(b, y->dim[i]);
        Val at = b_subc(b, LLVMBuildURem(b->b, row, n, ""), pad[i]);

        *inside =
            b_and(b, *inside, b_cmp(b, LLVMIntULT, at, b_i64(b, x->dim[i])));
        from = b_add(b, from, b_mulc(b, at, step));
        row = LLVMBuildUDiv(b->b, row, n, "");
        step *= x->dim[i];
    }
    return from;
}

void
vq_body_pad(Build *b, const Args *args)
{
    const Pad *c = args->plan->info;
    const Type *t = vq_type(args->g, args->op->out);
    int64_t size = vq_dtype[t->dt].bytes, all = c->before + c->run + c->after;
    Val lo, hi, to, from, inside;
    Loop loop;
    If filled;

    b_share(b, args, c->rows, &lo, &hi);
    b_loop_range(b, &loop, lo, 1, hi);
    b_scalar(b, "pad", "its rows are short");
    to = b_elt(b, args->out, loop.i, all * size, 0);
    from = find_row(b, args, loop.i, &inside);
    b_if(b, &filled, inside);
    fill_zero(b, to, c->before, t);
    copy_run(b, b_atc(b, to, c->before * size),
             b_elt(b, args->in[0], from, c->run * size, 0), c->run * size);
    fill_zero(b, b_atc(b, to, (c->before + c->run) * size), c->after, t);
    b_if_end(b, &filled);
    if (!LLVMIsAConstantInt(inside)) {
        b_if(b, &filled, LLVMBuildNot(b->b, inside, ""));
        fill_zero(b, to, all, t);
        b_if_end(b, &filled);
    }
    b_loop_end(b, &loop);
}

/* ---- windows ---- */

Val
vq_window_row(Build *b, const Window *w, Val x, Val turn, int64_t size)
{
    Val n = b_i64(b, w->oh), image = LLVMBuildUDiv(b->b, turn, n, "");
    Val row = b_mulc(b, LLVMBuildURem(b->b, turn, n, ""), w->stride[0]);
    int64_t bytes = w->width * w->channels * size;

    row = b_add(b, row, b_mulc(b, image, w->height));
    return b_elt(b, x, row, bytes, 0);
}

/* ---- unfold ---- */

/* A window's pixels; those of a row lie side by side unless it is dilated. */
static void
copy_window(Build *b, const Window *w, Val to, Val from, int64_t size)
{
    bool dense = w->dilation[1] == 1;
    int64_t run = w->channels * size * (dense ? w->kernel[1] : 1);
    int64_t pixel = w->channels * size, row = w->width * pixel;
    Loop ky, kx;

    b_loop(b, &ky, 0, 1, w->kernel[0]);
    b_loop(b, &kx, 0, 1, dense ? 1 : w->kernel[1]);
    if (run < RUN)
        b_scalar(b, "copy", "few bytes lie side by side in both");
    copy_run(
        b,
        b_elt(b, b_elt(b, to, ky.i, w->kernel[1] * pixel, 0), kx.i, pixel, 0),
        b_elt(b, b_elt(b, from, ky.i, w->dilation[0] * row, 0), kx.i,
              w->dilation[1] * pixel, 0),
        run);
    b_loop_end(b, &kx);
    b_loop_end(b, &ky);
}

void
vq_body_unfold(Build *b, const Args *args)
{
    Window w = vq_window_of(args->g, args->op);
    const Type *t = vq_type(args->g, args->op->out);
    int64_t size = vq_dtype[t->dt].bytes, bytes = vq_cols(t) * size;
    int64_t units = w.images * w.oh * w.ow;
    Val from, to;
    Nest nest;
    Loop loop;

    b_nest(b, &nest, args->part, args->parts, units, w.ow);
    from = vq_window_row(b, &w, args->in[0], nest.i, size);
    to = b_elt(b, args->out, nest.i, w.ow * bytes, 0);
    b_loop_range(b, &loop, nest.lo, 1, nest.hi);
    copy_window(b, &w, b_elt(b, to, loop.i, bytes, 0),
                b_elt(b, from, loop.i, w.stride[1] * w.channels * size, 0),
                size);
    b_loop_end(b, &loop);
    b_nest_end(b, &nest);
}

/* ---- maxpool ---- */

typedef struct MaxPool {
    Window w;
    DType dt;
    Val x, out;             /* of the image, of the window */
    Val ylo, yhi, xlo, xhi; /* elements of the kernel on the image */
    Val top, left;          /* pixel of the window's first element */
} MaxPool;

/* Elements lo..hi-1 of n, d pixels apart from pixel `at` on, lie within. */
static void
clip_window(Build *b, Val at, int64_t n, int64_t d, int64_t within, Val *lo,
            Val *hi)
{
    Val by = b_i64(b, d), zero = b_i64(b, 0), x;

    x = b_smax(b, b_sub(b, zero, at), zero);
    *lo = LLVMBuildUDiv(b->b, b_addc(b, x, d - 1), by, "");
    x = b_smax(b, b_sub(b, b_i64(b, within), at), zero);
    x = LLVMBuildUDiv(b->b, b_addc(b, x, d - 1), by, "");
    *hi = b_least(b, x, b_i64(b, n));
}

static Val
greater(Build *b, DType dt, Val x, Val y)
{
    LLVMIntPredicate p = vq_dtype[dt].lo < 0 ? LLVMIntSGT : LLVMIntUGT;

    if (dt == DT_F32)
        return b_select(b, LLVMBuildFCmp(b->b, LLVMRealOGT, x, y, ""), x, y);
    return b_select(b, b_cmp(b, p, x, y), x, y);
}

static Val
least_code(Build *b, DType dt, unsigned lanes)
{
    if (dt == DT_F32)
        return b_splat(b, LLVMConstReal(b->f32, -(double)INFINITY), lanes);
    return b_const(b_vec(b_dtype(b, dt), lanes), vq_dtype[dt].lo);
}

static void
pool_channels(Build *b, void *user, Val i, unsigned count)
{
    const MaxPool *c = user;
    int64_t size = vq_dtype[c->dt].bytes, pixel = c->w.channels * size;
    unsigned lanes = (unsigned)(RUN / size);
    Ty v = b_vec(b_dtype(b, c->dt), lanes);
    Val most, at, x;
    Loop ky, kx;

    b_loop_range(b, &ky, c->ylo, 1, c->yhi);
    most = b_carry(b, &ky, least_code(b, c->dt, lanes));
    at = b_add(b, c->top, b_mulc(b, ky.i, c->w.dilation[0]));
    at = b_add(b, b_mulc(b, at, c->w.width), c->left);
    b_loop_range(b, &kx, c->xlo, 1, c->xhi);
    most = b_carry(b, &kx, most);
    x = b_add(b, at, b_mulc(b, kx.i, c->w.dilation[1]));
    x = b_elt(b, b_elt(b, c->x, x, pixel, 0), i, size, 0);
    most = greater(b, c->dt, b_load_part(b, v, x, count), most);
    b_next(&kx, 0, most);
    b_loop_end(b, &kx);
    b_next(&ky, 0, kx.next[0]);
    b_loop_end(b, &ky);
    b_store_part(b, ky.next[0], b_elt(b, c->out, i, size, 0), count);
}

/* Window i of a row. */
static void
pool_window(Build *b, MaxPool *c, Val i)
{
    const Window *w = &c->w;
    bool padded = w->pad[0] || w->pad[1] || w->pad[2] || w->pad[3];

    c->left = b_subc(b, b_mulc(b, i, w->stride[1]), w->pad[1]);
    c->ylo = c->xlo = b_i64(b, 0);
    c->yhi = b_i64(b, w->kernel[0]);
    c->xhi = b_i64(b, w->kernel[1]);
    if (padded) {
        clip_window(b, c->top, w->kernel[0], w->dilation[0], w->height, &c->ylo,
                    &c->yhi);
        clip_window(b, c->left, w->kernel[1], w->dilation[1], w->width, &c->xlo,
                    &c->xhi);
    }
    b_map(b, w->channels, (unsigned)(RUN / vq_dtype[c->dt].bytes),
          pool_channels, c);
}

void
vq_body_maxpool(Build *b, const Args *args)
{
    MaxPool c = {.w = vq_window_of(args->g, args->op),
                 .dt = vq_type(args->g, args->op->out)->dt};
    int64_t pixel = c.w.channels * vq_dtype[c.dt].bytes;
    int64_t units = c.w.images * c.w.oh * c.w.ow;
    Val n = b_i64(b, c.w.oh), image, to;
    Nest nest;
    Loop loop;

    b_nest(b, &nest, args->part, args->parts, units, c.w.ow);
    image = LLVMBuildUDiv(b->b, nest.i, n, "");
    c.x = b_elt(b, args->in[0], image, c.w.height * c.w.width * pixel, 0);
    c.top = b_mulc(b, LLVMBuildURem(b->b, nest.i, n, ""), c.w.stride[0]);
    c.top = b_subc(b, c.top, c.w.pad[0]);
    to = b_elt(b, args->out, nest.i, c.w.ow * pixel, 0);
    b_loop_range(b, &loop, nest.lo, 1, nest.hi);
    c.out = b_elt(b, to, loop.i, pixel, 0);
    pool_window(b, &c, loop.i);
    b_loop_end(b, &loop);
    b_nest_end(b, &nest);
}
