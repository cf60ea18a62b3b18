/*
 * function.h -- a function of one number, written as words in postfix order.
 *
 * The op `function` carries one in its attribute `code`: an elementwise
 * expression in one variable and constants, such as x * sigmoid(x). Of an
 * 8-bit operand it is a table of 256 entries.
 */
#ifndef VQ_FUNCTION_H
#define VQ_FUNCTION_H

#include "ir/ir.h"

typedef enum FnWord {
#define FN(e, text, operands) FN_##e,
#include "ir/function.def"
#undef FN
    NFN
} FnWord;

typedef struct FnInfo {
    const char *text;
    int operands;
} FnInfo;

extern const FnInfo vq_fn[NFN];

enum { VQ_FN_WORDS = 64, VQ_FN_DEPTH = 16 };

/* A constant as an element of a code: its bits above every word's number. */
int64_t vq_fn_const(float);
bool vq_fn_is_const(int64_t word);
float vq_fn_value(int64_t word);

/* The word of an op, or -1 when it is none. */
int vq_fn_word(OpKind);

/* What is wrong with a code, as the end of a sentence; NULL: nothing. */
const char *vq_fn_fault(const int64_t *code, uint32_t n);
/* A sound code at x, in f64. */
double vq_fn_at(const int64_t *code, uint32_t n, double x);

#endif
