/*
 * build.h -- small helpers over LLVMBuild*: what kernels are written in.
 *
 * A Build is where code is being added: one function of one level. Integers
 * have no sign, so operations say theirs (ashr, lshr, sext, zext). Vectors are
 * as wide as the arithmetic wants, mostly 16 lanes of 32 bits; the level's
 * target features decide how many registers that is.
 */
#ifndef VQ_BUILD_H
#define VQ_BUILD_H

#include "ir/ir.h"

#include <llvm-c/Core.h>

typedef LLVMValueRef Val;
typedef LLVMTypeRef Ty;

typedef struct Build {
    LLVMContextRef c;
    LLVMModuleRef m;
    LLVMBuilderRef b;
    Ty i1, i8, i16, i32, i64, f32, ptr;
    const struct Level *level; /* NULL in code for every CPU */
    struct Remarks *remarks;   /* remark.h; NULL: nobody listens */
    Val tile_buffer;           /* of a function that has products in tiles */
    unsigned tile_groups;      /* k-groups in those tiles */
    Val fn;
} Build;

/* Ends with the arena, or when that is released back past here. */
void b_init(Build *, Arena *, const char *name);

/* ---- types and constants ---- */

Ty b_vec(Ty, unsigned lanes);
unsigned b_lanes(Val);
Ty b_elem(Val); /* the element type, or the type of a scalar */
/* The integer type of the given width and, for lanes > 1, a vector of it. */
Ty b_int(Build *, unsigned bits, unsigned lanes);
/* The LLVM type of a stored element. */
Ty b_dtype(Build *, DType);
Val b_i32(Build *, int64_t);
Val b_i64(Build *, int64_t);
Val b_const(Ty, int64_t); /* of any integer type; splat when a vector */
Val b_consts(Build *, Ty elem, const int64_t *, unsigned n);

/* ---- memory; align is in bytes ---- */

Val b_load(Build *, Ty, Val p, unsigned align);
/* Of constants of the object: loaded once, whatever is stored in between. */
Val b_load_const(Build *, Ty, Val p, unsigned align);
void b_store(Build *, Val x, Val p, unsigned align);
Val b_at(Build *, Val p, Val offset); /* p + offset bytes */
Val b_atc(Build *, Val p, int64_t bytes);
/* p + index * size + bytes */
Val b_elt(Build *, Val p, Val index, int64_t size, int64_t bytes);
/* The first n lanes of a vector; no byte beyond them is touched. */
Val b_load_part(Build *, Ty vec, Val p, unsigned n);
void b_store_part(Build *, Val x, Val p, unsigned n);
Val b_alloca(Build *, int64_t bytes);
void b_memcpy(Build *, Val to, Val from, int64_t bytes);
void b_memset(Build *, Val to, int byte, int64_t bytes);

/* ---- arithmetic ---- */

Val b_add(Build *, Val, Val);
Val b_sub(Build *, Val, Val);
Val b_mul(Build *, Val, Val);
Val b_and(Build *, Val, Val);
Val b_or(Build *, Val, Val);
Val b_xor(Build *, Val, Val);
Val b_shl(Build *, Val, Val);
Val b_ashr(Build *, Val, Val);
Val b_lshr(Build *, Val, Val);
Val b_addc(Build *, Val, int64_t);
Val b_subc(Build *, Val, int64_t);
Val b_mulc(Build *, Val, int64_t);
Val b_andc(Build *, Val, int64_t);
Val b_shlc(Build *, Val, int64_t);
Val b_ashrc(Build *, Val, int64_t);
Val b_lshrc(Build *, Val, int64_t);
Val b_cmp(Build *, LLVMIntPredicate, Val, Val);
Val b_select(Build *, Val c, Val a, Val b);
Val b_smax(Build *, Val, Val);
Val b_smin(Build *, Val, Val);
Val b_umin(Build *, Val, Val);
Val b_clamp(Build *, Val, int64_t lo, int64_t hi);
/* Saturating 16-bit sum. */
Val b_sadd_sat(Build *, Val, Val);
/* To integers of the given width, as many lanes as x has. */
Val b_sext(Build *, Val x, unsigned bits);
Val b_zext(Build *, Val x, unsigned bits);
Val b_trunc(Build *, Val x, unsigned bits);
/* sext or zext, as a stored dtype asks. */
Val b_widen(Build *, Val x, DType, unsigned bits);

/* ---- vectors ---- */

Val b_splat(Build *, Val scalar, unsigned lanes);
Val b_shuffle(Build *, Val a, Val b, const int *lane, unsigned n);
Val b_slice(Build *, Val x, unsigned first, unsigned n);
Val b_join(Build *, Val a, Val b); /* a's lanes, then b's */
Val b_extract(Build *, Val x, unsigned lane);
Val b_insert(Build *, Val x, Val scalar, unsigned lane);
Val b_bitcast(Build *, Val, Ty);
Val b_reduce(Build *, const char *how, Val x); /* "add", "smax", .. */

/* table[at[i]], entries of the type elem; loaded one at a time. */
Val b_look_up(Build *, Val table, Ty elem, Val at);

/* ---- calls ---- */

/* An intrinsic by its full name; `ov` is its overload type or NULL. Arguments
 * are bitcast to what it takes, its result to `as` unless that is NULL. */
Val b_intrinsic(Build *, const char *name, Ty ov, Val *args, unsigned n, Ty as);
/* One with two overload types. */
Val b_intrinsic2(Build *, const char *name, Ty first, Ty second, Val *args,
                 unsigned n, Ty as);
Val b_call(Build *, Val fn, Val *args, unsigned n);

/* ---- loops ---- */

enum { B_MAXCARRY = 40 };

/*
 * A loop of n >= 1 turns, i = first, first + step, ..; its bounds are
 * constants, so it tests at its end. One turn makes no loop. Values that go
 * round are given by b_carry right after b_loop, and set by b_next before
 * b_loop_end; after the loop a carried value is what b_next was given last.
 */
typedef struct Loop {
    LLVMBasicBlockRef head, from, exit;
    int64_t n, first, step; /* n is 0 when `end` says how many turns */
    Val i, end;
    unsigned ncarry;
    Val carry[B_MAXCARRY], next[B_MAXCARRY], init[B_MAXCARRY];
} Loop;

void b_loop_in(Build *, const char *where, Loop *, int64_t first, int64_t step,
               int64_t n);
/* i = first, first + step, .. while i < end: i64 known at run time, perhaps
 * no turn at all. Constants make what b_loop makes. After the end, next[k] is
 * what b_next was given last, or the initial value. */
void b_loop_range_in(Build *, const char *where, Loop *, Val first,
                     int64_t step, Val end);
/* Loops are called after the function that emits them, for people who read
 * LLVM's text or --opt-report. */
#define b_loop(b, loop, first, step, n)                                        \
    b_loop_in(b, __func__, loop, first, step, n)
#define b_loop_range(b, loop, first, step, end)                                \
    b_loop_range_in(b, __func__, loop, first, step, end)
Val b_carry(Build *, Loop *, Val init);
void b_next(Loop *, unsigned k, Val x);
void b_loop_end(Build *, Loop *);

/* fn for 0, lanes, 2 * lanes, .. below n; `count` lanes are left at the last,
 * `lanes` at all others. */
typedef void MapFn(Build *, void *user, Val index, unsigned count);
void b_map(Build *, int64_t n, unsigned lanes, MapFn *fn, void *user);
/* The same for turns [lo, hi) alone, of vq_turns(n, lanes). */
void b_map_range(Build *, int64_t n, unsigned lanes, Val lo, Val hi, MapFn *fn,
                 void *user);

static inline int64_t
vq_turns(int64_t n, int64_t lanes)
{
    return (n + lanes - 1) / lanes;
}

/* What is between the two runs when c holds. */
typedef struct If {
    LLVMBasicBlockRef exit;
} If;

void b_if(Build *, If *, Val c);
void b_if_end(Build *, If *);

Val b_least(Build *, Val, Val);

/* ---- share.c: what a part of a step does ---- */

/* Units [lo, hi) of `units` are the share of part `part` of `parts`, i64;
 * all of them when part is NULL. */
void b_split(Build *, Val part, Val parts, Val units, Val *lo, Val *hi);

/*
 * A share of units that lie in turns of `inner`, the last one perhaps shorter:
 * turns [from, to), and of turn i units [lo, hi). b_nest makes a loop over the
 * turns; b_nest_share, with b_nest_turn for each, leaves that to the caller.
 */
typedef struct Nest {
    Loop loop;
    Val first, end;  /* the share */
    Val inner;       /* NULL: lo and hi are the same in all turns */
    Val from, to, i; /* turns */
    Val lo, hi;      /* units of turn i, counted from the turn's first */
} Nest;

void b_nest_share(Build *, Nest *, Val part, Val parts, Val units, Val inner);
void b_nest_turn(Build *, Nest *, Val i);
void b_nest(Build *, Nest *, Val part, Val parts, int64_t units, int64_t inner);
void b_nest_end(Build *, Nest *);

#endif
