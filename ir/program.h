/*
 * program.h -- functions of f32 as straight lines of basic instructions.
 *
 * What `f.map` computes is defined by the program that its code gives: the
 * evaluator runs it, the code generator emits it, instruction by instruction,
 * so that every CPU has the same bits. Elementary functions are written here,
 * once, in those instructions; none calls a library.
 *
 * Largest errors, in units of the last place of the true value: exp 2, erf 2,
 * tanh 2, pow 2, log 1, sigmoid 3 where it is normal (a denormal has lost
 * digits). Every 101st float was tried: 0.97, 1.11, 1.29, 1.00, 0.51, 2.48.
 * NaN, infinities and zeros are C's. exp and pow are inf, 0 or denormal where
 * the true value is.
 */
#ifndef VQ_PROGRAM_H
#define VQ_PROGRAM_H

#include "ir/ir.h"

typedef enum ProgramOp {
#define PI(e, operands) PI_##e,
#include "ir/program.def"
#undef PI
    NPI
} ProgramOp;

extern const uint8_t vq_program_operands[NPI];

typedef uint32_t Reg; /* the index of the instruction that makes it */

typedef struct Inst {
    ProgramOp op;
    Reg a, b, c; /* K: bits in a; shifts: count in b */
} Inst;

/* The last instruction makes the value; any NaN is 0x7fc00000. */
typedef struct Program {
    Arena *arena;
    Inst *inst;
    uint32_t n;
    size_t cap;
} Program;

/* The one NaN that float ops give. */
#define VQ_NAN_BITS UINT32_C(0x7fc00000)

/* Of a sound code (vq_fn_fault). */
Program *vq_program_of(Arena *, const int64_t *code, uint32_t n);

/* ---- writing programs: program.c ---- */

Reg vq_put(Program *, ProgramOp, Reg a, Reg b, Reg c);
Reg vq_put_bits(Program *, uint32_t bits);
Reg vq_put_f32(Program *, float);

/* ---- elementary functions: program_fn.c ---- */

typedef Reg PutFn(Program *, Reg x);
PutFn vq_put_exp, vq_put_log, vq_put_erf, vq_put_tanh, vq_put_sigmoid;
Reg vq_put_pow(Program *, Reg x, Reg y);

#endif
