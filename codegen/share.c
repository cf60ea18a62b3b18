/*
 * share.c -- which units of a step's work are a part's: run-time bounds from
 * the part's number, constants where there is one part only.
 */
#include "codegen/build.h"

#include "runtime/vqrt.h"

enum { SMALL = INT32_MAX / VQRT_MAXPARTS };

Val
b_least(Build *b, Val x, Val y)
{
    return b_select(b, b_cmp(b, LLVMIntSLT, x, y), x, y);
}

static Val
most(Build *b, Val x, Val y)
{
    return b_select(b, b_cmp(b, LLVMIntSGT, x, y), x, y);
}

static bool
is_small(Val units)
{
    return LLVMIsAConstantInt(units) && LLVMConstIntGetSExtValue(units) < SMALL;
}

/* units * part / parts. Dividing 32 bits takes a third of the time. */
static Val
bound(Build *b, Val part, Val parts, Val units)
{
    Val x = b_mul(b, units, part);

    if (!is_small(units))
        return LLVMBuildUDiv(b->b, x, parts, "");
    x = LLVMBuildUDiv(b->b, b_trunc(b, x, 32), b_trunc(b, parts, 32), "");
    return b_zext(b, x, 64);
}

void
b_split(Build *b, Val part, Val parts, Val units, Val *lo, Val *hi)
{
    *lo = b_i64(b, 0);
    *hi = units;
    if (!part)
        return;
    *lo = bound(b, part, parts, units);
    *hi = bound(b, b_addc(b, part, 1), parts, units);
}

void
b_nest_share(Build *b, Nest *n, Val part, Val parts, Val units, Val inner)
{
    *n = (Nest){.inner = inner};
    b_split(b, part, parts, units, &n->first, &n->end);
    n->from = LLVMBuildUDiv(b->b, n->first, inner, "");
    n->to = b_sub(b, b_add(b, n->end, inner), b_i64(b, 1));
    n->to = LLVMBuildUDiv(b->b, n->to, inner, "");
}

void
b_nest_turn(Build *b, Nest *n, Val i)
{
    Val before;

    n->i = i;
    if (!n->inner)
        return;
    before = b_mul(b, i, n->inner);
    n->lo = most(b, b_sub(b, n->first, before), b_i64(b, 0));
    n->hi = b_least(b, b_sub(b, n->end, before), n->inner);
}

void
b_nest(Build *b, Nest *n, Val part, Val parts, int64_t units, int64_t inner)
{
    b_nest_share(b, n, part, parts, b_i64(b, units), b_i64(b, inner));
    if (inner == 1) {
        n->inner = NULL;
        n->lo = b_i64(b, 0);
        n->hi = b_i64(b, 1);
    } else if (units <= inner) {
        n->from = b_i64(b, 0);
        n->to = b_i64(b, 1);
    }
    b_loop_range(b, &n->loop, n->from, 1, n->to);
    b_nest_turn(b, n, n->loop.i);
}

void
b_nest_end(Build *b, Nest *n)
{
    b_loop_end(b, &n->loop);
}
