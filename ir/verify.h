/*
 * verify.h -- what the files of the verifier share.
 *
 * A rule is a small function that looks at one op, or at the whole graph for
 * a fact, and reports through vq_fail. Rules run in the order of their
 * tables, and each may rely on those before it: first ids and types are
 * known to be sound, then operands and attributes, then what the op says.
 */
#ifndef VQ_VERIFY_H
#define VQ_VERIFY_H

#include "ir/ir.h"
#include "ir/text.h"

typedef struct Check {
    const Graph *g;
    Diag *diag;
    const char *after;   /* NULL: the graph came from a text */
    const Op *op;        /* the op looked at; NULL for the whole graph */
    Arena *tmp;          /* of the op looked at */
    const bool *bounded; /* by value: see vq_find_bounded */
} Check;

typedef bool CheckFn(const Check *);

/* Reports a broken rule; the op's name and value are put in front. */
bool vq_fail(const Check *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* What an integer or kernel op demands beyond its shapes; by op. */
extern CheckFn *const vq_check_int[NOP];

/* What a fact demands of the whole graph; in the order of vq_fact. */
extern CheckFn *const vq_check_fact[NFACT];
CheckFn vq_check_planned;

/* ---- operands: verify_param.c ---- */

/* The type of input i; NULL when absent. */
const Type *vq_in_type(const Check *, uint32_t i);
const Type *vq_out_type(const Check *);
/* `%x: u8[2x3]`, for messages. */
const char *vq_in_text(const Check *, uint32_t i);

#define DT_BIT(dt) (1u << (dt))
#define DT_BYTE    (DT_BIT(DT_U8) | DT_BIT(DT_S8))
#define DT_STORED  (DT_BYTE | DT_BIT(DT_U16) | DT_BIT(DT_S16))
/* Input i, or the result, has one of a set of dtypes. */
bool vq_need_dtype(const Check *, uint32_t i, unsigned set);
bool vq_need_result(const Check *, unsigned set);
/* Input i is absent, or a constant dt[n]. Its data in *data when not NULL. */
bool vq_need_const(const Check *, uint32_t i, DType, int64_t n,
                   const void **data);
/* The same for n elements or just one. */
bool vq_need_channels(const Check *, uint32_t i, DType, int64_t n);
/* A whole-number attribute is there and within lo..hi. */
bool vq_need_int(const Check *, AttrKey, int64_t lo, int64_t hi);
/* Input i and the result count from zero. */
bool vq_need_no_zero(const Check *, uint32_t i);
/* Inputs mul and mul + 1 are multipliers and shifts of a form for n channels,
 * in the form's ranges and fit for a result of the dtype. */
bool vq_need_requant(const Check *, uint32_t mul, int64_t form, int64_t n,
                     DType result);
/* Input i is the table of the op's softmax; rows have n scores. On success
 * *sum is the most that a row of probabilities can add up to. */
bool vq_need_softmax(const Check *, uint32_t i, int64_t n, int64_t *sum);

/* ---- accumulators: verify_acc.c ---- */

/* Sums of u8 codes times the columns of a row-major w [rows x cols], bias
 * added (may be NULL), stay within VQ_ACC_MAX. */
bool vq_prove_columns(const Check *, const int8_t *w, int64_t rows,
                      int64_t cols, const int32_t *bias);
/* The same for packed weights, whose padding must be zero. */
bool vq_prove_packed(const Check *, const int8_t *w, int64_t rows, int64_t cols,
                     const int32_t *bias);
/* A sum of n terms of the given magnitude stays within VQ_ACC_MAX. */
bool vq_prove_sum(const Check *, int64_t n, int64_t magnitude);
/* Input i, to be requantized, stays within VQ_ACC_MAX. */
bool vq_prove_bounded(const Check *, uint32_t i);
/* By value: no s32, or an s32 of that magnitude. Only ids and types need to
 * be sound. */
const bool *vq_find_bounded(const Check *);

#endif
