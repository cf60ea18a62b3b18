/*
 * check.h -- compiles a graph of independent ops and compares every level with
 * the evaluator, bit for bit.
 */
#ifndef VQ_TESTS_CHECK_H
#define VQ_TESTS_CHECK_H

#include "codegen/codegen.h"
#include "ir/ir.h"

typedef struct Case {
    Arena arena;
    Diag diag;
    Graph *g;
    uint64_t seed;
} Case;

void case_start(Case *, const char *name);
void case_end(Case *);

/* A graph input, a random constant within lo..hi, and a constant of data. */
ValId case_in(Case *, Type);
ValId case_random(Case *, Type, int64_t lo, int64_t hi);
ValId case_const(Case *, Type, const void *data);
/* A random s8 weight of rows x cols, packed. */
ValId case_weight(Case *, int64_t rows, int64_t cols);
/* mul and shift for n channels such that codes of dt are all reached from sums
 * of about +-span; of every form. */
void case_requant(Case *, int form, int64_t n, double span, DType dt,
                  ValId *mul, ValId *shift);
/* The same with mul and shift from all that the form allows. */
void case_requant_any(Case *, int form, int64_t n, ValId *mul, ValId *shift);
Op *case_op(Case *, OpKind, Type, const ValId *in, uint32_t nin);
int64_t case_pick(Case *, int64_t lo, int64_t hi);

/* Gives every value and scratch its own place in the work area. */
void case_plan(Case *);
/* Compiles all levels into `path`. */
bool case_compile(Case *, const char *path, const char *levels);
/*
 * Compiles and runs on random, least and greatest inputs: here, or where
 * VQ_TEST_COMMAND is set, for VQ_TEST_TARGET's triple and by
 *     VQ_TEST_COMMAND OBJECT SYMBOL DATA
 * which has runner.c run it; arm64_test.sh does.
 */
void case_check(Case *);

#endif
