/*
 * run.c -- the choice of the level, C entry points and the descriptor of
 * vqrt.h.
 */
#include "codegen/module.h"

#include "ir/layout.h"
#include "runtime/vqrt.h"

#include <string.h>

/* Ends the function with `code` unless ok. */
static void
require(Build *b, Val ok, int code)
{
    LLVMBasicBlockRef bad = LLVMAppendBasicBlockInContext(b->c, b->fn, "");
    LLVMBasicBlockRef good = LLVMAppendBasicBlockInContext(b->c, b->fn, "");

    LLVMBuildCondBr(b->b, ok, good, bad);
    LLVMPositionBuilderAtEnd(b->b, bad);
    LLVMBuildRet(b->b, b_i32(b, code));
    LLVMPositionBuilderAtEnd(b->b, good);
}

static void
check_pointers(Module *m, Val frame)
{
    Build *b = &m->b;
    Val p = NULL;

    for (unsigned i = 0; i < vq_frame_size(m); i++) {
        p = b_load(b, b->ptr, b_atc(b, frame, 8 * (int64_t)i), 8);
        require(b, LLVMBuildIsNotNull(b->b, p, ""), VQRT_ENULL);
    }
    p = b_andc(b, LLVMBuildPtrToInt(b->b, p, b->i64, ""), VQ_SLOT - 1);
    require(b, b_cmp(b, LLVMIntEQ, p, b_i64(b, 0)), VQRT_EALIGN);
}

/* parts is 1 .. VQRT_MAXPARTS, and 1 without a parallel_for. */
static void
check_context(Module *m, Val context)
{
    Build *b = &m->b;
    Val parts, alone, fn;
    If given;

    b_if(b, &given, LLVMBuildIsNotNull(b->b, context, ""));
    parts =
        b_load(b, b->i32, b_atc(b, context, offsetof(VqrtContext, parts)), 4);
    fn = b_load(b, b->ptr,
                b_atc(b, context, offsetof(VqrtContext, parallel_for)), 8);
    alone = b_subc(b, parts, 1);
    require(b, b_cmp(b, LLVMIntULT, alone, b_i32(b, VQRT_MAXPARTS)),
            VQRT_EPARTS);
    alone = b_cmp(b, LLVMIntEQ, alone, b_i32(b, 0));
    require(b, b_or(b, alone, LLVMBuildIsNotNull(b->b, fn, "")), VQRT_EPARTS);
    b_if_end(b, &given);
}

/* int f(int level, frame, context): the caller has checked the level. */
static Val
make_dispatch(Module *m, const Val *run)
{
    Build *b = &m->b;
    Val fn = vq_module_function(m, "dispatch",
                                vq_function_type(m, b->i32, "ipp"), NULL);
    Val arg[2] = {LLVMGetParam(fn, 1), LLVMGetParam(fn, 2)}, choice;
    LLVMBasicBlockRef none;

    check_pointers(m, arg[0]);
    check_context(m, arg[1]);
    none = LLVMAppendBasicBlockInContext(b->c, fn, "");
    choice = LLVMBuildSwitch(b->b, LLVMGetParam(fn, 0), none, m->nlevel);
    for (unsigned i = 0; i < m->nlevel; i++) {
        LLVMBasicBlockRef at = LLVMAppendBasicBlockInContext(b->c, fn, "");

        LLVMAddCase(choice, b_i32(b, i), at);
        LLVMPositionBuilderAtEnd(b->b, at);
        b_call(b, run[i], arg, 2);
        LLVMBuildRet(b->b, b_i32(b, VQRT_OK));
    }
    LLVMPositionBuilderAtEnd(b->b, none);
    LLVMBuildRet(b->b, b_i32(b, VQRT_ELEVEL));
    return fn;
}

/* int f(void): the best level, -1 when this CPU can run none. */
static Val
make_best(Module *m, Val levels)
{
    Build *b = &m->b;
    Val fn =
        vq_module_function(m, "best", vq_function_type(m, b->i32, ""), NULL);
    Val arg[2] = {b_call(b, levels, NULL, 0), b_const(b->i1, 0)};
    Val zeros = b_intrinsic(b, "llvm.ctlz", b->i32, arg, 2, NULL);

    LLVMBuildRet(b->b, b_sub(b, b_i32(b, 31), zeros));
    return fn;
}

/* A new block where the condition holds; the builder goes on where not. */
static LLVMBasicBlockRef
branch_if(Build *b, Val c)
{
    LLVMBasicBlockRef yes = LLVMAppendBasicBlockInContext(b->c, b->fn, "");
    LLVMBasicBlockRef no = LLVMAppendBasicBlockInContext(b->c, b->fn, "");

    LLVMBuildCondBr(b->b, c, yes, no);
    LLVMPositionBuilderAtEnd(b->b, no);
    return yes;
}

/* Ends the function with VQRT_ELEVEL unless the CPU has the level, or the
 * context says so. */
static void
require_level(Module *m, Val levels, Val level, Val context)
{
    Build *b = &m->b;
    Val checked, mask;
    LLVMBasicBlockRef ask, known, go;

    require(b, b_cmp(b, LLVMIntULT, level, b_i32(b, m->nlevel)), VQRT_ELEVEL);
    ask = branch_if(b, LLVMBuildIsNull(b->b, context, ""));
    checked =
        b_load(b, b->i32, b_atc(b, context, offsetof(VqrtContext, checked)), 4);
    known = branch_if(b, b_cmp(b, LLVMIntNE, checked, b_i32(b, 0)));
    LLVMBuildBr(b->b, ask);
    LLVMPositionBuilderAtEnd(b->b, ask);
    mask = b_andc(b, b_lshr(b, b_call(b, levels, NULL, 0), level), 1);
    require(b, b_cmp(b, LLVMIntNE, mask, b_i32(b, 0)), VQRT_ELEVEL);
    go = LLVMGetInsertBlock(b->b);
    LLVMPositionBuilderAtEnd(b->b, known);
    LLVMBuildBr(b->b, go);
    LLVMPositionBuilderAtEnd(b->b, go);
}

/* int f(int level, frame, context): any level, asked for by a caller. */
static Val
make_checked(Module *m, Val levels, Val dispatch)
{
    Build *b = &m->b;
    Val fn = vq_module_function(m, "checked",
                                vq_function_type(m, b->i32, "ipp"), NULL);
    Val arg[3];

    LLVMGetParams(fn, arg);
    require_level(m, levels, arg[0], arg[2]);
    LLVMBuildRet(b->b, b_call(b, dispatch, arg, 3));
    return fn;
}

/* The functions that the descriptor and the C entry points stand on. */
typedef struct Core {
    Val best, dispatch, checked;
} Core;

/* The three ways to run: which level, and what follows the pointers. */
typedef struct Way {
    const char *name;
    bool level;   /* the first parameter; else the best one */
    bool context; /* the last parameter; a level of -1 is then the best one */
} Way;

enum { RUN, RUN_LEVEL, RUN_WITH, NWAY };

static const Way ways[NWAY] = {
    [RUN] = {"run", false, false},
    [RUN_LEVEL] = {"run_level", true, false},
    [RUN_WITH] = {"run_with", true, true},
};

static void
return_run(Module *m, const Core *core, const Way *way, Val fn, Val frame)
{
    Build *b = &m->b;
    Val arg[3] = {NULL, frame, LLVMConstNull(b->ptr)};
    LLVMBasicBlockRef best;

    if (way->context)
        arg[2] = LLVMGetLastParam(fn);
    if (way->level) {
        arg[0] = LLVMGetParam(fn, 0);
        best = way->context
                   ? branch_if(b, b_cmp(b, LLVMIntEQ, arg[0], b_i32(b, -1)))
                   : NULL;
        LLVMBuildRet(b->b, b_call(b, core->checked, arg, 3));
        if (!best)
            return;
        LLVMPositionBuilderAtEnd(b->b, best);
    }
    arg[0] = b_call(b, core->best, NULL, 0);
    LLVMBuildRet(b->b, b_call(b, core->dispatch, arg, 3));
}

static const char *
way_params(Module *m, const Way *way, unsigned pointers)
{
    char *p = vq_alloc(m->arena, pointers + 1);

    memset(p, 'p', pointers);
    return vq_format(m->arena, "%s%s%s", way->level ? "i" : "", p,
                     way->context ? "p" : "");
}

/* A frame of n pointers on the stack. */
static Val
make_frame(Build *b, const Val *pointer, unsigned n)
{
    Val frame = b_alloca(b, 8 * (int64_t)n);

    for (unsigned i = 0; i < n; i++)
        b_store(b, pointer[i], b_atc(b, frame, 8 * (int64_t)i), 8);
    return frame;
}

/* One parameter per tensor, for C callers: the object's global functions. */
static void
make_entry(Module *m, const Core *core, const Way *way)
{
    unsigned n = vq_frame_size(m);
    Ty type = vq_function_type(m, m->b.i32, way_params(m, way, n));
    Val fn = vq_module_function(m, "entry", type, NULL);
    const char *name = vq_format(m->arena, "%s_%s", m->opt->prefix, way->name);
    Val *param = NEWN(m->arena, Val, n + 2);

    LLVMSetValueName2(fn, name, strlen(name));
    LLVMSetLinkage(fn, LLVMExternalLinkage);
    LLVMGetParams(fn, param);
    return_run(m, core, way, fn, make_frame(&m->b, param + way->level, n));
}

static void
make_best_entry(Module *m, const Core *core)
{
    Build *b = &m->b;
    const char *name = vq_format(m->arena, "%s_best_level", m->opt->prefix);
    Val fn =
        vq_module_function(m, "entry", vq_function_type(m, b->i32, ""), NULL);

    LLVMSetValueName2(fn, name, strlen(name));
    LLVMSetLinkage(fn, LLVMExternalLinkage);
    LLVMBuildRet(b->b, b_call(b, core->best, NULL, 0));
}

/* Arrays of pointers, for callers that know the descriptor alone. */
static Val
make_array_entry(Module *m, const Core *core, const Way *way)
{
    Build *b = &m->b;
    const char *name = vq_format(m->arena, "model_%s", way->name);
    Ty type = vq_function_type(m, b->i32, way_params(m, way, 3));
    Val fn = vq_module_function(m, name, type, NULL);
    Val in = LLVMGetParam(fn, way->level);
    Val out = LLVMGetParam(fn, way->level + 1u);
    Val *param = NEWN(m->arena, Val, vq_frame_size(m));

    require(b, LLVMBuildIsNotNull(b->b, in, ""), VQRT_ENULL);
    require(b, LLVMBuildIsNotNull(b->b, out, ""), VQRT_ENULL);
    for (uint32_t i = 0; i < m->g->nin; i++)
        param[i] = b_load(b, b->ptr, b_atc(b, in, 8 * i), 8);
    for (uint32_t i = 0; i < m->g->nout; i++)
        param[m->g->nin + i] = b_load(b, b->ptr, b_atc(b, out, 8 * i), 8);
    param[m->g->nin + m->g->nout] = LLVMGetParam(fn, way->level + 2u);
    return_run(m, core, way, fn, make_frame(b, param, vq_frame_size(m)));
    return fn;
}

void
vq_module_entries(Module *m)
{
    Val *run = NEWN(m->arena, Val, m->nlevel), levels, array[NWAY];
    Core core;

    for (unsigned i = 0; i < m->nlevel; i++)
        run[i] = vq_module_run(m, m->level[i]);
    levels = m->arch->cpu_check(m);
    core.best = make_best(m, levels);
    core.dispatch = make_dispatch(m, run);
    core.checked = make_checked(m, levels, core.dispatch);
    for (int i = 0; i < NWAY; i++)
        make_entry(m, &core, &ways[i]);
    make_best_entry(m, &core);
    for (int i = 0; i < NWAY; i++)
        array[i] = make_array_entry(m, &core, &ways[i]);
    vq_module_descriptor(m, &(Entries){core.best, array[RUN], array[RUN_LEVEL],
                                       array[RUN_WITH]});
}
