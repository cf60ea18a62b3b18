/*
 * program.c -- the program of a code: words become instructions.
 */
#include "ir/program.h"

#include "ir/function.h"

#include <string.h>

const uint8_t vq_program_operands[NPI] = {
#define PI(e, operands) [PI_##e] = operands,
#include "ir/program.def"
#undef PI
};

/* A constant is there once: programs are long and use the same few. */
static bool
find_constant(const Program *p, uint32_t bits, Reg *r)
{
    for (*r = 0; *r < p->n; ++*r)
        if (p->inst[*r].op == PI_K && p->inst[*r].a == bits)
            return true;
    return false;
}

Reg
vq_put(Program *p, ProgramOp op, Reg a, Reg b, Reg c)
{
    p->inst = vq_grow(p->arena, p->inst, p->n, &p->cap, sizeof *p->inst);
    p->inst[p->n] = (Inst){op, a, b, c};
    return p->n++;
}

Reg
vq_put_bits(Program *p, uint32_t bits)
{
    Reg r;

    return find_constant(p, bits, &r) ? r : vq_put(p, PI_K, bits, 0, 0);
}

Reg
vq_put_f32(Program *p, float x)
{
    uint32_t bits;

    memcpy(&bits, &x, sizeof bits);
    return vq_put_bits(p, bits);
}

/* ---- words ---- */

/* a where it comes first, or is no number; else b. */
static Reg
put_extreme(Program *p, Reg first, Reg a, Reg b)
{
    Reg nan = vq_put(p, PI_NAN, a, 0, 0);

    return vq_put(p, PI_SEL, first, a, vq_put(p, PI_SEL, nan, a, b));
}

static Reg
put_max(Program *p, Reg a, Reg b)
{
    return put_extreme(p, vq_put(p, PI_LT, b, a, 0), a, b);
}

static Reg
put_min(Program *p, Reg a, Reg b)
{
    return put_extreme(p, vq_put(p, PI_LT, a, b, 0), a, b);
}

static Reg
put_neg(Program *p, Reg x)
{
    return vq_put(p, PI_XOR, x, vq_put_bits(p, UINT32_C(0x80000000)), 0);
}

static Reg
put_abs(Program *p, Reg x)
{
    return vq_put(p, PI_AND, x, vq_put_bits(p, UINT32_C(0x7fffffff)), 0);
}

static Reg
put_sqrt(Program *p, Reg x)
{
    return vq_put(p, PI_SQRT, x, 0, 0);
}

static Reg
put_relu(Program *p, Reg x)
{
    Reg zero = vq_put_f32(p, 0);

    return vq_put(p, PI_SEL, vq_put(p, PI_LT, x, zero, 0), zero, x);
}

static Reg
put_reciprocal(Program *p, Reg x)
{
    return vq_put(p, PI_DIV, vq_put_f32(p, 1), x, 0);
}

/* Constant exponents that one exact operation does. */
static Reg
put_power(Program *p, Reg x, Reg y)
{
    if (y == vq_put_f32(p, 2))
        return vq_put(p, PI_MUL, x, x, 0);
    if (y == vq_put_f32(p, 0.5f))
        return put_sqrt(p, x);
    if (y == vq_put_f32(p, -1))
        return put_reciprocal(p, x);
    return vq_put_pow(p, x, y);
}

typedef struct Word {
    PutFn *one;
    Reg (*two)(Program *, Reg, Reg);
    ProgramOp op; /* when neither */
} Word;

static const Word word[NFN] = {
    [FN_X] = {.op = PI_X},
    [FN_Y] = {.op = PI_Y},
    [FN_ADD] = {.op = PI_ADD},
    [FN_SUB] = {.op = PI_SUB},
    [FN_MUL] = {.op = PI_MUL},
    [FN_DIV] = {.op = PI_DIV},
    [FN_POW] = {.two = put_power},
    [FN_MAX] = {.two = put_max},
    [FN_MIN] = {.two = put_min},
    [FN_NEG] = {.one = put_neg},
    [FN_ABS] = {.one = put_abs},
    [FN_SQRT] = {.one = put_sqrt},
    [FN_EXP] = {.one = vq_put_exp},
    [FN_LOG] = {.one = vq_put_log},
    [FN_ERF] = {.one = vq_put_erf},
    [FN_TANH] = {.one = vq_put_tanh},
    [FN_SIGMOID] = {.one = vq_put_sigmoid},
    [FN_RELU] = {.one = put_relu},
    [FN_RECIPROCAL] = {.one = put_reciprocal},
};

/* Operands of a word lie on the stack from `at` on. */
static Reg
put_word(Program *p, int64_t w, const Reg *at)
{
    const Word *row;

    if (vq_fn_is_const(w))
        return vq_put_f32(p, vq_fn_value(w));
    row = &word[w];
    if (row->one)
        return row->one(p, at[0]);
    if (row->two)
        return row->two(p, at[0], at[1]);
    return vq_fn[w].operands ? vq_put(p, row->op, at[0], at[1], 0)
                             : vq_put(p, row->op, 0, 0, 0);
}

Program *
vq_program_of(Arena *a, const int64_t *code, uint32_t n)
{
    Program *p = NEW(a, Program);
    Reg stack[VQ_FN_DEPTH + 1] = {0}, nan;
    int depth = 0;

    p->arena = a;
    for (uint32_t i = 0; i < n; i++) {
        if (!vq_fn_is_const(code[i]))
            depth -= vq_fn[code[i]].operands;
        stack[depth] = put_word(p, code[i], &stack[depth]);
        depth++;
    }
    nan = vq_put_bits(p, VQ_NAN_BITS);
    vq_put(p, PI_SEL, vq_put(p, PI_NAN, stack[0], 0, 0), nan, stack[0]);
    return p;
}
