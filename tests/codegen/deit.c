/*
 * deit.c -- the integer graph of a DeiT, as the passes lower one, with random
 * weights: what speed, size and compile time are measured on.
 */
#include "tests/codegen/deit.h"

#include "ir/layout.h"
#include "ir/quant.h"

#include <math.h>

const DeitShape deit_tiny = {224, 197, 192, 3, 768, 12, 1000, 16};
const DeitShape deit_base = {224, 197, 768, 12, 3072, 12, 1000, 16};

const DeitShape deit_mini = {64, 17, 45, 3, 93, 2, 10, 16};

const char *const deit_part_name[NPART] = {
    "qkv", "proj", "fc1", "fc2", "attention", "softmax", "layernorm",
};

enum { EDGE = 16, PATCH = 3 * EDGE * EDGE };

static Type
coded(Type t, float scale, int32_t zero)
{
    return vq_type_quant(t, (Quant){.scale = scale, .zero = zero});
}

static ValId
emit(Case *c, OpKind kind, Type t, const ValId *in, uint32_t nin)
{
    return vq_emit(c->g, kind, vq_op[kind].text, t, in, nin, NOLOC)->out;
}

static Op *
last_op(Case *c)
{
    return &c->g->op[c->g->nop - 1];
}

/* A linear layer to dt; lut and residual are 0 where there is none. */
static ValId
linear(Case *c, ValId x, int64_t n, DType dt, bool lut, ValId residual)
{
    const Type *tx = vq_type(c->g, x);
    int64_t m = vq_rows(tx), k = vq_cols(tx);
    int form = dt == DT_S16 ? RQ_WIDE : RQ_NARROW;
    ValId in[7] = {x, case_weight(c, k, n),
                   case_random(c, TYPE(DT_S32, n), -100000, 100000)};
    int32_t zero = dt == DT_U8 ? (int32_t)case_pick(c, 100, 150) : 0;
    ValId out;

    case_requant(c, form, n, 8000 * sqrt((double)k) * 2, dt, &in[3], &in[4]);
    if (lut)
        in[5] = case_random(c, TYPE(dt, 256), 0, 255);
    in[6] = residual;
    out = emit(c, OP_K_LINEAR, coded(TYPE(dt, m, n), 1, zero), in,
               residual ? 7
               : lut    ? 6
                        : 5);
    vq_set_i(c->g, last_op(c), A_COLS, n);
    vq_set_i(c->g, last_op(c), A_FORM, form);
    if (lut)
        vq_set_i(c->g, last_op(c), A_ZERO, 128);
    return out;
}

static ValId
norm(Case *c, ValId x)
{
    const Type *t = vq_type(c->g, x);
    int64_t m = vq_rows(t), n = vq_cols(t);
    int frac = (int)floor(log2(32767 / sqrt((double)n)));
    ValId in[3] = {x, case_random(c, TYPE(DT_S32, n), 5000, 9000),
                   case_random(c, TYPE(DT_S32, n), 100000, 200000)};
    ValId out =
        emit(c, OP_I_LAYERNORM, coded(TYPE(DT_U8, m, n), 1, 128), in, 3);

    vq_set_i(c->g, last_op(c), A_FRAC, frac);
    vq_set_i(c->g, last_op(c), A_SHIFT, frac + 6);
    vq_set_i(c->g, last_op(c), A_IEPS, 100);
    return out;
}

static ValId
power_table(Case *c)
{
    uint16_t table[64];

    for (int i = 0; i < 64; i++)
        table[i] = (uint16_t)lrint(65535 * exp2(-i / 64.0));
    return case_const(c, TYPE(DT_U16, 64), table);
}

static ValId
softmax(Case *c, const DeitShape *s)
{
    Type t = TYPE(DT_S16, s->heads * s->tokens, s->tokens);
    ValId in[2] = {case_random(c, t, -1500, 1500), power_table(c)}, out;

    t.dt = s->pbits == 8 ? DT_U8 : DT_U16;
    out = emit(c, OP_I_SOFTMAX, t, in, 2);
    vq_set_i(c->g, last_op(c), A_SOFTMAX, SM_BASE2);
    vq_set_i(c->g, last_op(c), A_PBITS, s->pbits);
    return out;
}

static ValId
attention(Case *c, const DeitShape *s, ValId q, ValId k, ValId v)
{
    ValId in[8] = {q, k, v}, out;

    case_requant(c, RQ_WIDE, s->heads, 32000.0 * 8000 * 8 / 500, DT_S16, &in[3],
                 &in[4]);
    in[5] = power_table(c);
    case_requant(c, RQ_NARROW, s->wide, ldexp(1, s->pbits) * 50, DT_U8, &in[6],
                 &in[7]);
    out = emit(c, OP_I_ATTENTION,
               coded(TYPE(DT_U8, s->tokens, s->wide), 1, 120), in, 8);
    vq_set_i(c->g, last_op(c), A_HEADS, s->heads);
    vq_set_i(c->g, last_op(c), A_SOFTMAX, SM_BASE2);
    vq_set_i(c->g, last_op(c), A_PBITS, s->pbits);
    vq_set_i(c->g, last_op(c), A_FORM, RQ_NARROW);
    return out;
}

static ValId
block(Case *c, const DeitShape *s, ValId x)
{
    ValId n = norm(c, x), a, h;

    a = attention(c, s, linear(c, n, s->wide, DT_U8, false, 0),
                  linear(c, n, s->wide, DT_S8, false, 0),
                  linear(c, n, s->wide, DT_S8, false, 0));
    x = linear(c, a, s->wide, DT_S16, false, x);
    h = linear(c, norm(c, x), s->hidden, DT_U8, true, 0);
    return linear(c, h, s->wide, DT_S16, false, x);
}

static ValId
patches(Case *c, const DeitShape *s)
{
    static const int64_t perm[] = {1, 3, 0, 2, 4};
    int64_t n = s->image, k = n / EDGE;
    Type t = coded(TYPE(DT_U8, 1, 3, n, n), 0.02f, 120);
    ValId x = vq_input(c->g, "image", TYPE(DT_F32, 1, 3, n, n)), in[2];

    x = emit(c, OP_I_QUANTIZE, t, &x, 1);
    x = emit(c, OP_RESHAPE, coded(TYPE(DT_U8, 3, k, EDGE, k, EDGE), 0.02f, 120),
             &x, 1);
    x = emit(c, OP_TRANSPOSE,
             coded(TYPE(DT_U8, k, k, 3, EDGE, EDGE), 0.02f, 120), &x, 1);
    vq_set_is(c->g, last_op(c), A_PERM, perm, 5);
    x = emit(c, OP_RESHAPE, coded(TYPE(DT_U8, k * k, PATCH), 0.02f, 120), &x,
             1);
    x = linear(c, x, s->wide, DT_S16, false, 0);
    in[0] = case_random(c, TYPE(DT_S16, s->tokens - k * k, s->wide), -9, 9);
    in[1] = x;
    x = emit(c, OP_CONCAT, TYPE(DT_S16, s->tokens, s->wide), in, 2);
    vq_set_i(c->g, last_op(c), A_AXIS, 0);
    in[0] = x;
    in[1] = case_random(c, TYPE(DT_S16, s->tokens, s->wide), -900, 900);
    return emit(c, OP_I_ADD, TYPE(DT_S16, s->tokens, s->wide), in, 2);
}

static void
head(Case *c, const DeitShape *s, ValId x)
{
    float scale = 0.01f;
    ValId in[3];

    x = emit(c, OP_SLICE, TYPE(DT_S16, 1, s->wide), &x, 1);
    vq_set_i(c->g, last_op(c), A_AXIS, 0);
    vq_set_i(c->g, last_op(c), A_START, 0);
    in[0] = norm(c, x);
    in[1] = case_weight(c, s->wide, s->classes);
    in[2] = case_random(c, TYPE(DT_S32, s->classes), -1000, 1000);
    in[0] = emit(c, OP_K_LINEAR, TYPE(DT_S32, 1, s->classes), in, 3);
    vq_set_i(c->g, last_op(c), A_COLS, s->classes);
    in[1] = case_const(c, TYPE(DT_F32, 1), &scale);
    vq_output(c->g,
              emit(c, OP_I_DEQUANTIZE, TYPE(DT_F32, 1, s->classes), in, 2));
}

static int64_t
count_products(const DeitShape *s)
{
    int64_t linear = s->wide * (4 * s->wide + 2 * s->hidden);
    int64_t mix = 2 * s->tokens * s->wide;

    return s->blocks * s->tokens * (linear + mix) +
           (s->tokens - 1) * PATCH * s->wide + s->wide * s->classes;
}

int64_t
deit_build(Case *c, const DeitShape *s)
{
    ValId x = patches(c, s);

    for (int64_t i = 0; i < s->blocks; i++)
        x = block(c, s, x);
    head(c, s, x);
    case_plan(c);
    return count_products(s);
}

static ValId
part_op(Case *c, const DeitShape *s, DeitPart part, const ValId *in)
{
    switch (part) {
    case PART_QKV:
        return linear(c, in[0], 3 * s->wide, DT_U8, false, 0);
    case PART_PROJ:
        return linear(c, in[0], s->wide, DT_S16, false, in[1]);
    case PART_FC1:
        return linear(c, in[0], s->hidden, DT_U8, true, 0);
    case PART_FC2:
        return linear(c, in[2], s->wide, DT_S16, false, in[1]);
    case PART_ATTENTION:
        return attention(c, s, in[0], in[3], in[4]);
    case PART_SOFTMAX:
        return softmax(c, s);
    default:
        return norm(c, in[1]);
    }
}

int64_t
deit_part(Case *c, const DeitShape *s, DeitPart part, int repeat)
{
    const int64_t products[NPART] = {
        [PART_QKV] = 3 * s->wide * s->wide,
        [PART_PROJ] = s->wide * s->wide,
        [PART_FC1] = s->wide * s->hidden,
        [PART_FC2] = s->wide * s->hidden,
        [PART_ATTENTION] = 2 * s->tokens * s->wide,
    };
    ValId in[5] = {
        case_in(c, TYPE(DT_U8, s->tokens, s->wide)),
        case_in(c, TYPE(DT_S16, s->tokens, s->wide)),
        case_in(c, TYPE(DT_U8, s->tokens, s->hidden)),
        case_in(c, TYPE(DT_S8, s->tokens, s->wide)),
        case_in(c, TYPE(DT_S8, s->tokens, s->wide)),
    };

    for (int i = 0; i < repeat; i++) {
        ValId out = part_op(c, s, part, in);

        if (i + 1 == repeat)
            vq_output(c->g, out);
    }
    case_plan(c);
    return products[part] * s->tokens * repeat;
}
