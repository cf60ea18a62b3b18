/*
 * function.c -- the words of a function and their meaning.
 */
#include "ir/function.h"

#include <math.h>
#include <string.h>

const FnInfo vq_fn[NFN] = {
#define FN_ARG(e, text)               {text, 0, false},
#define FN(e, text, operands, curved) {text, operands, curved},
#include "ir/function.def"
#undef FN
#undef FN_ARG
};

static const uint8_t word_of[NOP] = {
#define FN_ARG(e, text)
#define FN(e, text, operands, curved) [OP_##e] = FN_##e,
#include "ir/function.def"
#undef FN
#undef FN_ARG
};

#define CONST_BIT (INT64_C(1) << 32)

int64_t
vq_fn_const(float x)
{
    uint32_t bits;

    memcpy(&bits, &x, sizeof bits);
    return CONST_BIT | bits;
}

bool
vq_fn_is_const(int64_t word)
{
    return (word & ~INT64_C(0xffffffff)) == CONST_BIT;
}

float
vq_fn_value(int64_t word)
{
    uint32_t bits = (uint32_t)word;
    float x;

    memcpy(&x, &bits, sizeof x);
    return x;
}

int
vq_fn_word(OpKind kind)
{
    return word_of[kind] ? word_of[kind] : -1;
}

const char *
vq_fn_fault(const int64_t *code, uint32_t n, uint32_t args)
{
    int depth = 0;

    if (n > VQ_FN_WORDS)
        return "is longer than 64 words";
    for (uint32_t i = 0; i < n; i++) {
        bool known = code[i] >= 0 && code[i] < NFN;

        if (!known && !vq_fn_is_const(code[i]))
            return "has a word that does not exist";
        if (!known && !isfinite(vq_fn_value(code[i])))
            return "has a constant that is not finite";
        if (code[i] == FN_Y && args < 2)
            return "has a second argument";
        if (known && vq_fn[code[i]].operands > depth)
            return "takes more operands than there are";
        depth += known ? 1 - vq_fn[code[i]].operands : 1;
        if (depth > VQ_FN_DEPTH)
            return "keeps more than 16 numbers at once";
    }
    return depth == 1 ? NULL : "does not leave one number";
}

static double
binary(FnWord w, double p, double q)
{
    switch (w) {
    case FN_ADD:
        return p + q;
    case FN_SUB:
        return p - q;
    case FN_MUL:
        return p * q;
    case FN_DIV:
        return p / q;
    case FN_POW:
        return pow(p, q);
    case FN_MAX:
        return p > q || isnan(p) ? p : q;
    default:
        return p < q || isnan(p) ? p : q;
    }
}

static double
unary(FnWord w, double x)
{
    switch (w) {
    case FN_NEG:
        return -x;
    case FN_ABS:
        return fabs(x);
    case FN_SQRT:
        return sqrt(x);
    case FN_EXP:
        return exp(x);
    case FN_LOG:
        return log(x);
    case FN_ERF:
        return erf(x);
    case FN_TANH:
        return tanh(x);
    case FN_SIGMOID:
        return 1 / (1 + exp(-x));
    case FN_RELU:
        return x < 0 ? 0 : x;
    default:
        return 1 / x;
    }
}

double
vq_fn_at(const int64_t *code, uint32_t n, double x)
{
    double stack[VQ_FN_DEPTH + 1];
    int top = -1;

    for (uint32_t i = 0; i < n; i++) {
        if (vq_fn_is_const(code[i])) {
            stack[++top] = (double)vq_fn_value(code[i]);
        } else if (code[i] == FN_X) {
            stack[++top] = x;
        } else if (vq_fn[code[i]].operands == 1) {
            stack[top] = unary((FnWord)code[i], stack[top]);
        } else {
            top--;
            stack[top] = binary((FnWord)code[i], stack[top], stack[top + 1]);
        }
    }
    return stack[0];
}
