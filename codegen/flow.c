/*
 * flow.c -- memory, calls and loops for kernels.
 */
#include "codegen/build.h"

#include <assert.h>
#include <string.h>

Val
b_load(Build *b, Ty t, Val p, unsigned align)
{
    Val x = LLVMBuildLoad2(b->b, t, p, "");

    LLVMSetAlignment(x, align);
    return x;
}

Val
b_load_const(Build *b, Ty t, Val p, unsigned align)
{
    static const char name[] = "invariant.load";
    unsigned kind = LLVMGetMDKindIDInContext(b->c, name, sizeof name - 1);
    Val x = b_load(b, t, p, align);

    LLVMSetMetadata(
        x, kind,
        LLVMMetadataAsValue(b->c, LLVMMDNodeInContext2(b->c, NULL, 0)));
    return x;
}

void
b_store(Build *b, Val x, Val p, unsigned align)
{
    LLVMSetAlignment(LLVMBuildStore(b->b, x, p), align);
}

Val
b_at(Build *b, Val p, Val offset)
{
    return LLVMBuildInBoundsGEP2(b->b, b->i8, p, &offset, 1, "");
}

Val
b_atc(Build *b, Val p, int64_t bytes)
{
    return bytes ? b_at(b, p, b_i64(b, bytes)) : p;
}

Val
b_elt(Build *b, Val p, Val index, int64_t size, int64_t bytes)
{
    return b_atc(b, b_at(b, p, b_mulc(b, index, size)), bytes);
}

static unsigned
largest_power(unsigned n)
{
    unsigned p = 1;

    while (p * 2 <= n)
        p *= 2;
    return p;
}

/* x with its lanes moved up by `at` in a vector of `lanes`, on top of y. */
static Val
place(Build *b, Val y, Val x, unsigned at)
{
    unsigned lanes = b_lanes(y), n = b_lanes(x);
    int lane[64];

    if (n == 1)
        return b_insert(b, y, x, at);
    for (unsigned i = 0; i < lanes; i++)
        lane[i] = i < n ? (int)i : -1;
    x = b_shuffle(b, x, NULL, lane, lanes);
    for (unsigned i = 0; i < lanes; i++)
        lane[i] = (int)(i >= at && i < at + n ? lanes + i - at : i);
    return b_shuffle(b, y, x, lane, lanes);
}

Val
b_load_part(Build *b, Ty vec, Val p, unsigned n)
{
    Ty elem = LLVMGetElementType(vec);
    unsigned size = LLVMGetTypeKind(elem) == LLVMFloatTypeKind
                        ? 4
                        : LLVMGetIntTypeWidth(elem) / 8;
    Val x = LLVMConstNull(vec);

    if (n == LLVMGetVectorSize(vec))
        return b_load(b, vec, p, size);
    for (unsigned at = 0, k; at < n; at += k) {
        k = largest_power(n - at);
        x = place(b, x, b_load(b, b_vec(elem, k), b_atc(b, p, at * size), size),
                  at);
    }
    return x;
}

void
b_store_part(Build *b, Val x, Val p, unsigned n)
{
    Ty elem = b_elem(x);
    unsigned size = LLVMGetTypeKind(elem) == LLVMFloatTypeKind
                        ? 4
                        : LLVMGetIntTypeWidth(elem) / 8;

    if (n == b_lanes(x)) {
        b_store(b, x, p, size);
        return;
    }
    for (unsigned at = 0, k; at < n; at += k) {
        k = largest_power(n - at);
        b_store(b, b_slice(b, x, at, k), b_atc(b, p, at * size), size);
    }
}

Val
b_alloca(Build *b, int64_t bytes)
{
    LLVMBasicBlockRef here = LLVMGetInsertBlock(b->b);
    LLVMBasicBlockRef entry = LLVMGetEntryBasicBlock(b->fn);
    Val first = LLVMGetFirstInstruction(entry), p;

    if (first)
        LLVMPositionBuilderBefore(b->b, first);
    else
        LLVMPositionBuilderAtEnd(b->b, entry);
    p = LLVMBuildAlloca(b->b, LLVMArrayType2(b->i8, (uint64_t)bytes), "");
    LLVMSetAlignment(p, 64);
    LLVMPositionBuilderAtEnd(b->b, here);
    return p;
}

void
b_memcpy(Build *b, Val to, Val from, int64_t bytes)
{
    LLVMBuildMemCpy(b->b, to, 1, from, 1, b_i64(b, bytes));
}

void
b_memset(Build *b, Val to, int byte, int64_t bytes)
{
    LLVMBuildMemSet(b->b, to, b_const(b->i8, byte), b_i64(b, bytes), 1);
}

/* LLVMLookupIntrinsicID matches prefixes of overloaded names, so the name that
 * comes back is compared. */
static unsigned
find_intrinsic(const char *name)
{
    unsigned id = LLVMLookupIntrinsicID(name, strlen(name));
    size_t len;
    const char *found;

    assert(id);
    found = LLVMIntrinsicGetName(id, &len);
    assert(len == strlen(name) && memcmp(found, name, len) == 0);
    return id;
}

static Val
call_intrinsic(Build *b, const char *name, Ty *ov, unsigned nov, Val *args,
               unsigned n, Ty as)
{
    unsigned id = find_intrinsic(name);
    Val fn = LLVMGetIntrinsicDeclaration(b->m, id, ov, nov);
    Ty ft = LLVMIntrinsicGetType(b->c, id, ov, nov);
    Ty want[8];
    Val arg[8], x;

    assert(n <= COUNT(arg) && LLVMCountParamTypes(ft) == n);
    LLVMGetParamTypes(ft, want);
    for (unsigned i = 0; i < n; i++)
        arg[i] = b_bitcast(b, args[i], want[i]);
    x = LLVMBuildCall2(b->b, ft, fn, arg, n, "");
    return as ? b_bitcast(b, x, as) : x;
}

Val
b_intrinsic(Build *b, const char *name, Ty ov, Val *args, unsigned n, Ty as)
{
    return call_intrinsic(b, name, &ov, ov ? 1 : 0, args, n, as);
}

Val
b_intrinsic2(Build *b, const char *name, Ty first, Ty second, Val *args,
             unsigned n, Ty as)
{
    return call_intrinsic(b, name, (Ty[]){first, second}, 2, args, n, as);
}

Val
b_call(Build *b, Val fn, Val *args, unsigned n)
{
    return LLVMBuildCall2(b->b, LLVMGlobalGetValueType(fn), fn, args, n, "");
}

void
b_loop_in(Build *b, const char *where, Loop *l, int64_t first, int64_t step,
          int64_t n)
{
    assert(n >= 1);
    *l = (Loop){.n = n, .first = first, .step = step};
    l->i = b_i64(b, first);
    if (n == 1)
        return;
    l->from = LLVMGetInsertBlock(b->b);
    l->head = LLVMAppendBasicBlockInContext(b->c, b->fn, where);
    LLVMBuildBr(b->b, l->head);
    LLVMPositionBuilderAtEnd(b->b, l->head);
    l->i = LLVMBuildPhi(b->b, b->i64, "");
    LLVMAddIncoming(l->i, (Val[]){b_i64(b, first)}, &l->from, 1);
}

void
b_loop_range_in(Build *b, const char *where, Loop *l, Val first, int64_t step,
                Val end)
{
    if (LLVMIsAConstantInt(first) && LLVMIsAConstantInt(end)) {
        int64_t lo = LLVMConstIntGetSExtValue(first);
        int64_t hi = LLVMConstIntGetSExtValue(end);

        if (lo < hi) {
            b_loop_in(b, where, l, lo, step, (hi - lo + step - 1) / step);
            return;
        }
    }
    *l = (Loop){.step = step, .end = end};
    l->from = LLVMGetInsertBlock(b->b);
    l->head = LLVMAppendBasicBlockInContext(b->c, b->fn, where);
    l->exit = LLVMAppendBasicBlockInContext(b->c, b->fn, "");
    LLVMBuildCondBr(b->b, b_cmp(b, LLVMIntSLT, first, end), l->head, l->exit);
    LLVMPositionBuilderAtEnd(b->b, l->head);
    l->i = LLVMBuildPhi(b->b, b->i64, "");
    LLVMAddIncoming(l->i, &first, &l->from, 1);
}

Val
b_carry(Build *b, Loop *l, Val init)
{
    unsigned k = l->ncarry++;

    assert(k < B_MAXCARRY);
    l->carry[k] = l->next[k] = l->init[k] = init;
    if (l->n != 1) {
        l->carry[k] = LLVMBuildPhi(b->b, LLVMTypeOf(init), "");
        LLVMAddIncoming(l->carry[k], &init, &l->from, 1);
        l->next[k] = l->carry[k];
    }
    return l->carry[k];
}

void
b_next(Loop *l, unsigned k, Val x)
{
    assert(k < l->ncarry);
    l->next[k] = x;
}

/* After a loop that may not have turned: the value from where it came. */
static void
merge_carried(Build *b, Loop *l, LLVMBasicBlockRef latch)
{
    for (unsigned k = 0; k < l->ncarry; k++) {
        Val phi = LLVMBuildPhi(b->b, LLVMTypeOf(l->next[k]), "");

        LLVMAddIncoming(phi, &l->init[k], &l->from, 1);
        LLVMAddIncoming(phi, &l->next[k], &latch, 1);
        l->next[k] = phi;
    }
}

void
b_loop_end(Build *b, Loop *l)
{
    LLVMBasicBlockRef latch = LLVMGetInsertBlock(b->b), exit = l->exit;
    Val i, more;

    if (l->n == 1)
        return;
    i = b_addc(b, l->i, l->step);
    more = l->n ? b_cmp(b, LLVMIntNE, i, b_i64(b, l->first + l->n * l->step))
                : b_cmp(b, LLVMIntSLT, i, l->end);
    if (l->n)
        exit = LLVMAppendBasicBlockInContext(b->c, b->fn, "");
    LLVMBuildCondBr(b->b, more, l->head, exit);
    LLVMAddIncoming(l->i, &i, &latch, 1);
    for (unsigned k = 0; k < l->ncarry; k++)
        LLVMAddIncoming(l->carry[k], &l->next[k], &latch, 1);
    LLVMPositionBuilderAtEnd(b->b, exit);
    if (!l->n)
        merge_carried(b, l, latch);
}

void
b_if(Build *b, If *f, Val c)
{
    LLVMBasicBlockRef then;

    *f = (If){NULL};
    if (LLVMIsAConstantInt(c) && LLVMConstIntGetZExtValue(c))
        return;
    then = LLVMAppendBasicBlockInContext(b->c, b->fn, "");
    f->exit = LLVMAppendBasicBlockInContext(b->c, b->fn, "");
    LLVMBuildCondBr(b->b, c, then, f->exit);
    LLVMPositionBuilderAtEnd(b->b, then);
}

void
b_if_end(Build *b, If *f)
{
    if (!f->exit)
        return;
    LLVMBuildBr(b->b, f->exit);
    LLVMPositionBuilderAtEnd(b->b, f->exit);
}

void
b_map_range(Build *b, int64_t n, unsigned lanes, Val lo, Val hi, MapFn *fn,
            void *user)
{
    Val whole = b_i64(b, n / lanes);
    Loop loop;
    If tail;

    if (n / lanes) {
        b_loop_range(b, &loop, b_mulc(b, lo, lanes), lanes,
                     b_mulc(b, b_least(b, hi, whole), lanes));
        fn(b, user, loop.i, lanes);
        b_loop_end(b, &loop);
    }
    if (n % lanes) {
        b_if(b, &tail, b_cmp(b, LLVMIntSGT, hi, whole));
        fn(b, user, b_i64(b, n - n % lanes), (unsigned)(n % lanes));
        b_if_end(b, &tail);
    }
}

void
b_map(Build *b, int64_t n, unsigned lanes, MapFn *fn, void *user)
{
    b_map_range(b, n, lanes, b_i64(b, 0), b_i64(b, vq_turns(n, lanes)), fn,
                user);
}
