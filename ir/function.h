/*
 * function.h -- a function of numbers, written as words in postfix order.
 *
 * The op `function` carries one in its attribute `code`: an elementwise
 * expression in one variable and constants, such as x * sigmoid(x). Of an
 * 8-bit operand it is a table of 256 entries. `f.map` carries one of one or
 * two variables.
 */
#ifndef VQ_FUNCTION_H
#define VQ_FUNCTION_H

#include "ir/ir.h"

typedef enum FnWord {
#define FN_ARG(e, text)               FN_##e,
#define FN(e, text, operands, curved) FN_##e,
#include "ir/function.def"
#undef FN
#undef FN_ARG
    NFN
} FnWord;

typedef struct FnInfo {
    const char *text;
    int operands;
    bool curved; /* not affine, whatever its operands */
} FnInfo;

extern const FnInfo vq_fn[NFN];

enum { VQ_FN_WORDS = 64, VQ_FN_DEPTH = 16 };

/* A constant as an element of a code: its bits above every word's number. */
int64_t vq_fn_const(float);
bool vq_fn_is_const(int64_t word);
float vq_fn_value(int64_t word);

/* The word of an op, or -1 when it is none. */
int vq_fn_word(OpKind);

/* What is wrong with a code of 1 or 2 arguments, as the end of a sentence;
 * NULL: nothing. */
const char *vq_fn_fault(const int64_t *code, uint32_t n, uint32_t args);
/* A sound code of one argument at x, in f64. */
double vq_fn_at(const int64_t *code, uint32_t n, double x);

#endif
