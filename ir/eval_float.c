/*
 * eval_float.c -- float ops: f32 in the order of operations that IR.md states.
 *
 * Needs rounding to nearest and denormals, as every CPU starts a program, and
 * a compiler that contracts nothing (-ffp-contract=off).
 */
#include "ir/eval_fn.h"
#include "ir/program.h"

#include <math.h>
#include <string.h>

/* ---- f.map: its program, an instruction at a time on BLOCK elements ---- */

enum { BLOCK = 64 };

typedef void BlockFn(uint32_t *y, const uint32_t *a, const uint32_t *b,
                     const uint32_t *c, unsigned count);

static inline float
float_of(uint32_t bits)
{
    float x;

    memcpy(&x, &bits, sizeof x);
    return x;
}

static inline uint32_t
bits_of(float x)
{
    uint32_t bits;

    memcpy(&bits, &x, sizeof bits);
    return bits;
}

#define EACH(name, EXPR)                                                       \
    static void name(uint32_t *y, const uint32_t *a, const uint32_t *b,        \
                     const uint32_t *c, unsigned count)                        \
    {                                                                          \
        (void)a, (void)b, (void)c, (void)count;                                \
        for (int i = 0; i < BLOCK; i++)                                        \
            y[i] = EXPR;                                                       \
    }
#define FA          float_of(a[i])
#define FB          float_of(b[i])
#define MASK(is)    ((is) ? UINT32_MAX : 0)
#define SHIFTED(op) (a[i] op count)

EACH(do_add, bits_of(FA + FB))
EACH(do_sub, bits_of(FA - FB))
EACH(do_mul, bits_of(FA *FB))
EACH(do_div, bits_of(FA / FB))
EACH(do_sqrt, bits_of(sqrtf(FA)))
EACH(do_lt, MASK(FA < FB))
EACH(do_eq, MASK(FA == FB))
EACH(do_nan, MASK(isnan(FA)))
EACH(do_sel, a[i] ? b[i] : c[i])
EACH(do_and, a[i] & b[i])
EACH(do_or, a[i] | b[i])
EACH(do_xor, a[i] ^ b[i])
EACH(do_iadd, a[i] + b[i])
EACH(do_isub, a[i] - b[i])
EACH(do_shl, SHIFTED(<<))
EACH(do_shr, SHIFTED(>>))
EACH(do_sar, (uint32_t)((int32_t)a[i] >> count))

static BlockFn *const block_fn[NPI] = {
    [PI_ADD] = do_add,   [PI_SUB] = do_sub,   [PI_MUL] = do_mul,
    [PI_DIV] = do_div,   [PI_SQRT] = do_sqrt, [PI_LT] = do_lt,
    [PI_EQ] = do_eq,     [PI_NAN] = do_nan,   [PI_SEL] = do_sel,
    [PI_AND] = do_and,   [PI_OR] = do_or,     [PI_XOR] = do_xor,
    [PI_IADD] = do_iadd, [PI_ISUB] = do_isub, [PI_SHL] = do_shl,
    [PI_SHR] = do_shr,   [PI_SAR] = do_sar,
};

/* A register of a program, for BLOCK elements. */
typedef uint32_t Block[BLOCK];

static Block *
start_blocks(const Program *p, Arena *tmp)
{
    Block *r = NEWN(tmp, Block, p->n);

    for (uint32_t i = 0; i < p->n; i++)
        for (int k = 0; p->inst[i].op == PI_K && k < BLOCK; k++)
            r[i][k] = p->inst[i].a;
    return r;
}

static void
load_block(Block r, const float *x, int64_t by, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        r[i] = bits_of(x[i * by]);
}

/* n <= BLOCK elements. */
static void
run_block(const Program *p, Block *r, const float *x, int64_t xby,
          const float *y, int64_t yby, float *out, int64_t n)
{
    for (uint32_t i = 0; i < p->n; i++) {
        Inst k = p->inst[i];

        if (k.op == PI_X)
            load_block(r[i], x, xby, n);
        else if (k.op == PI_Y)
            load_block(r[i], y, yby, n);
        else if (k.op != PI_K)
            block_fn[k.op](r[i], r[k.a],
                           r[vq_program_operands[k.op] > 1 ? k.b : 0],
                           r[vq_program_operands[k.op] > 2 ? k.c : 0], k.b);
    }
    memcpy(out, r[p->n - 1], (size_t)n * sizeof *out);
}

void
vq_eval_f_map(const EvalArgs *e)
{
    const Attr *code = vq_attr(e->op, A_CODE);
    const Program *p = vq_program_of(e->tmp, code->i, code->n);
    Block *r = start_blocks(p, e->tmp);
    const Type *out = out_type(e);
    const float *x = in_data(e, 0), *y = in_data(e, 1);
    Walk w;

    vq_dense_steps(out, w.step[0]);
    vq_broadcast_steps(in_type(e, 0), out, w.step[1]);
    vq_broadcast_steps(in_type(e, y ? 1 : 0), out, w.step[2]);
    y = y ? y : x;
    vq_walk_init(&w, out, 3);
    while (vq_walk_row(&w))
        for (int64_t i = 0; i < w.cols; i += BLOCK)
            run_block(p, r, x + w.at[1] + i * w.by[1], w.by[1],
                      y + w.at[2] + i * w.by[2], w.by[2],
                      (float *)e->out + w.at[0] + i, vq_min(BLOCK, w.cols - i));
}

/* ---- f.sum, f.max ---- */

static inline float
one_nan(float x)
{
    return isnan(x) ? float_of(VQ_NAN_BITS) : x;
}

typedef float FoldFn(float acc, float x);

static float
fold_sum(float acc, float x)
{
    return acc + x;
}

/* NaN stays. */
static float
fold_max(float acc, float x)
{
    return acc > x || isnan(acc) ? acc : x;
}

enum { LANES = 16 };

/* Element i belongs to lane i mod 16; then halves are folded together. */
static float
fold_row(FoldFn *fold, float first, const float *x, int64_t n)
{
    float acc[LANES];

    for (int i = 0; i < LANES; i++)
        acc[i] = first;
    for (int64_t i = 0; i < n; i++)
        acc[i % LANES] = fold(acc[i % LANES], x[i]);
    for (int half = LANES / 2; half; half /= 2)
        for (int i = 0; i < half; i++)
            acc[i] = fold(acc[i], acc[i + half]);
    return acc[0];
}

static float
fold_column(FoldFn *fold, float first, const float *x, int64_t n, int64_t by)
{
    for (int64_t i = 0; i < n; i++)
        first = fold(first, x[i * by]);
    return first;
}

static void
reduce(const EvalArgs *e, FoldFn *fold, float first)
{
    const Type *t = in_type(e, 0);
    int64_t axis = vq_get_i(e->op, A_AXIS, 0), n = t->dim[axis];
    int64_t inner = vq_count_from(t, axis + 1);
    float *y = e->out;

    for (int64_t i = 0; i < vq_count(out_type(e)); i++) {
        const float *x =
            (const float *)e->in[0] + i / inner * n * inner + i % inner;

        y[i] = one_nan(inner == 1 ? fold_row(fold, first, x, n)
                                  : fold_column(fold, first, x, n, inner));
    }
}

void
vq_eval_f_sum(const EvalArgs *e)
{
    reduce(e, fold_sum, 0);
}

void
vq_eval_f_max(const EvalArgs *e)
{
    reduce(e, fold_max, -INFINITY);
}

/* ---- f.matmul ---- */

static void
multiply(const float *a, const float *b, float *y, const int64_t *mkn)
{
    int64_t m = mkn[0], depth = mkn[1], n = mkn[2];

    for (int64_t i = 0; i < m; i++, a += depth, y += n) {
        for (int64_t j = 0; j < n; j++)
            y[j] = 0;
        for (int64_t k = 0; k < depth; k++)
            for (int64_t j = 0; j < n; j++)
                y[j] += a[k] * b[k * n + j];
        for (int64_t j = 0; j < n; j++)
            y[j] = one_nan(y[j]);
    }
}

/* A type without its last two axes. */
static Type
batch_of(const Type *t)
{
    return vq_type_of(DT_F32, t->rank - 2, t->dim);
}

void
vq_eval_f_matmul(const EvalArgs *e)
{
    const Type *ta = in_type(e, 0), *tb = in_type(e, 1), *ty = out_type(e);
    Type a = batch_of(ta), b = batch_of(tb), y = batch_of(ty);
    int64_t mkn[3] = {ta->dim[ta->rank - 2], vq_cols(ta), vq_cols(tb)};
    float *out = e->out;
    Walk w;

    vq_dense_steps(&y, w.step[0]);
    vq_broadcast_steps(&a, &y, w.step[1]);
    vq_broadcast_steps(&b, &y, w.step[2]);
    vq_walk_init(&w, &y, 3);
    while (vq_walk_row(&w))
        for (int64_t i = 0; i < w.cols; i++)
            multiply((const float *)e->in[0] +
                         (w.at[1] + i * w.by[1]) * mkn[0] * mkn[1],
                     (const float *)e->in[1] +
                         (w.at[2] + i * w.by[2]) * mkn[1] * mkn[2],
                     out + (w.at[0] + i) * mkn[0] * mkn[2], mkn);
}
