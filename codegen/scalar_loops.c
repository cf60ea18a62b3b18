/*
 * scalar_loops.c -- innermost loops of a function that use no vector.
 *
 * Found in the emitted code itself, whatever its emitter believed: back edges
 * of a depth-first walk, and for each the blocks between its two ends. LLVM's
 * own vectorizers do not run (target.c), so what is scalar here stays scalar.
 */
#include "codegen/remark.h"

#include <string.h>

enum { NEW_BLOCK, OPEN, DONE };

typedef struct Edge {
    unsigned from, to;
    bool back; /* closes a loop */
} Edge;

typedef struct Walk {
    Build *b;
    LLVMBasicBlockRef *block;
    unsigned n;
    Edge *edge; /* those of block i: first[i] up to first[i + 1] */
    unsigned *first;
    uint8_t *state; /* of the depth-first walk */
    bool *is_head;  /* of some loop */
    bool *inside;   /* of the loop at hand */
} Walk;

static unsigned
successors(LLVMBasicBlockRef block)
{
    return LLVMGetNumSuccessors(LLVMGetBasicBlockTerminator(block));
}

static unsigned
index_of(const Walk *w, LLVMBasicBlockRef block)
{
    unsigned i = 0;

    while (w->block[i] != block)
        i++;
    return i;
}

static void
find_edges(Walk *w, Arena *a)
{
    unsigned at = 0;

    w->first = NEWN(a, unsigned, w->n + 1);
    for (unsigned i = 0; i < w->n; i++)
        w->first[i + 1] = w->first[i] + successors(w->block[i]);
    w->edge = NEWN(a, Edge, w->first[w->n]);
    for (unsigned i = 0; i < w->n; i++) {
        LLVMValueRef end = LLVMGetBasicBlockTerminator(w->block[i]);

        for (unsigned k = 0; k < successors(w->block[i]); k++)
            w->edge[at++] =
                (Edge){.from = i, .to = index_of(w, LLVMGetSuccessor(end, k))};
    }
}

/* ---- what counts as a vector ---- */

enum { SHORT_COPY = 16 }; /* bytes */

static bool
is_short_copy(LLVMValueRef inst)
{
    LLVMValueRef bytes;

    if (!LLVMIsAMemCpyInst(inst) && !LLVMIsAMemSetInst(inst))
        return false;
    bytes = LLVMGetOperand(inst, 2);
    return LLVMIsAConstantInt(bytes) &&
           LLVMConstIntGetZExtValue(bytes) < SHORT_COPY;
}

/* Copies of memory and intrinsics of the machine do a register's worth at a
 * time; a call of a function is not this loop's own work. */
static bool
is_wide_call(LLVMValueRef inst)
{
    static const char *const wide[] = {"llvm.mem", "llvm.x86.", "llvm.aarch64"};
    LLVMValueRef fn = LLVMGetCalledValue(inst);
    size_t size;
    const char *name = LLVMGetValueName2(fn, &size);

    if (is_short_copy(inst))
        return false;
    if (!LLVMIsAFunction(fn) || !LLVMGetIntrinsicID(fn))
        return true;
    for (size_t i = 0; i < COUNT(wide); i++)
        if (strncmp(name, wide[i], strlen(wide[i])) == 0)
            return true;
    return false;
}

static bool
is_vector(LLVMValueRef x)
{
    return LLVMGetTypeKind(LLVMTypeOf(x)) == LLVMVectorTypeKind;
}

static bool
uses_vector(LLVMBasicBlockRef block)
{
    LLVMValueRef i = LLVMGetFirstInstruction(block);

    for (; i; i = LLVMGetNextInstruction(i)) {
        if (is_vector(i) || (LLVMIsACallInst(i) && is_wide_call(i)))
            return true;
        for (int k = 0; k < LLVMGetNumOperands(i); k++)
            if (is_vector(LLVMGetOperand(i, (unsigned)k)))
                return true;
    }
    return false;
}

/* ---- loops ---- */

/* Marks block i and what reaches it without passing a marked one. */
static void
mark_from(Walk *w, unsigned i)
{
    if (w->inside[i])
        return;
    w->inside[i] = true;
    for (unsigned e = 0; e < w->first[w->n]; e++)
        if (w->edge[e].to == i)
            mark_from(w, w->edge[e].from);
}

static void
mark_loop(Walk *w, unsigned head)
{
    memset(w->inside, 0, w->n * sizeof *w->inside);
    w->inside[head] = true;
    for (unsigned e = 0; e < w->first[w->n]; e++)
        if (w->edge[e].back && w->edge[e].to == head)
            mark_from(w, w->edge[e].from);
}

/* Innermost, and none of its blocks uses vectors. */
static bool
is_scalar(const Walk *w, unsigned head)
{
    for (unsigned i = 0; i < w->n; i++)
        if (w->inside[i] &&
            ((i != head && w->is_head[i]) || uses_vector(w->block[i])))
            return false;
    return true;
}

static void
report_loop(const Walk *w, unsigned head)
{
    const Remarks *r = w->b->remarks;
    const char *name = LLVMGetBasicBlockName(w->block[head]);
    size_t n = strlen(name);

    for (size_t i = 0; i < r->nloop; i++)
        if (w->inside[index_of(w, r->loop[i].block)]) {
            b_slow(w->b, "%s, a loop without vectors: %s", r->loop[i].what,
                   r->loop[i].why);
            return;
        }
    /* LLVM adds a number to a name that it has already. */
    while (n && name[n - 1] >= '0' && name[n - 1] <= '9')
        n--;
    b_slow(w->b, "%.*s, a loop without vectors", (int)n, name);
}

static void
walk(Walk *w, unsigned i)
{
    w->state[i] = OPEN;
    for (unsigned e = w->first[i]; e < w->first[i + 1]; e++) {
        unsigned to = w->edge[e].to;

        if (w->state[to] == NEW_BLOCK)
            walk(w, to);
        else if (w->state[to] == OPEN)
            w->edge[e].back = w->is_head[to] = true;
    }
    w->state[i] = DONE;
}

void
vq_find_scalar_loops(Build *b)
{
    Arena *a = b->remarks->arena;
    Walk w = {.b = b, .n = LLVMCountBasicBlocks(b->fn)};

    w.block = NEWN(a, LLVMBasicBlockRef, w.n);
    w.state = NEWN(a, uint8_t, w.n);
    w.is_head = NEWN(a, bool, w.n);
    w.inside = NEWN(a, bool, w.n);
    LLVMGetBasicBlocks(b->fn, w.block);
    find_edges(&w, a);
    walk(&w, 0);
    for (unsigned i = 0; i < w.n; i++)
        if (w.is_head[i]) {
            mark_loop(&w, i);
            if (is_scalar(&w, i))
                report_loop(&w, i);
        }
}
