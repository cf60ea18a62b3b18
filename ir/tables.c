/*
 * tables.c -- types.def, attrs.def and ops.def as arrays.
 */
#include "ir/ir.h"

const DTypeInfo vq_dtype[NDTYPE] = {
    [DT_NONE] = {"none", 0, 0, 0},
#define T(e, text, bytes, lo, hi) [DT_##e] = {text, bytes, lo, hi},
#include "ir/types.def"
#undef T
};

const char *const vq_attr_text[NATTR] = {
#define A(e, text, kind) [A_##e] = text,
#include "ir/attrs.def"
#undef A
};

const OpInfo vq_op[NOP] = {
    [OP_NONE] = {"none", 0, 0, STAGE_M, ""},
#define OP(e, text, lo, hi, stage, attrs)                                      \
    [OP_##e] = {text, lo, hi, STAGE_##stage, attrs},
#include "ir/ops.def"
#undef OP
};
