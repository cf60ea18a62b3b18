/*
 * run.c -- run functions, the choice of the level, C entry points and the
 * descriptor of vqrt.h.
 */
#include "codegen/module.h"

#include "ir/layout.h"
#include "runtime/vqrt.h"

#include <assert.h>
#include <string.h>

/* Parameters that all entry points share: inputs, outputs, work. */
static unsigned
count_params(const Module *m)
{
    return m->g->nin + m->g->nout + 1;
}

/* Where values are while a run function is emitted. */
typedef struct Places {
    Module *m;
    Val *at; /* of each value */
    Val work;
} Places;

static Val
const_at(Module *m, int64_t offset)
{
    return b_atc(&m->b, m->consts, offset);
}

static Val
place_of(const Places *p, ValId v)
{
    Module *m = p->m;

    if (p->at[v])
        return p->at[v];
    if (m->const_at[v] >= 0)
        return const_at(m, m->const_at[v]);
    if (m->g->val[v].slot >= 0)
        return b_atc(&m->b, p->work, m->g->val[v].slot);
    return LLVMConstNull(m->b.ptr);
}

static void
call_kernel(Module *m, const Places *p, const Level *level, const Op *op)
{
    const Plan *plan = &m->plan[op - m->g->op];
    unsigned n = 0;
    Val arg[MAXIN + 2 + MAXCONSTS], fn;
    LLVMBasicBlockRef here = LLVMGetInsertBlock(m->b.b);
    Val run = m->b.fn;

    fn = vq_module_kernel(m, level, op);
    LLVMPositionBuilderAtEnd(m->b.b, here);
    m->b.fn = run;
    for (uint32_t i = 0; i < op->nin; i++)
        arg[n++] = op->in[i] ? place_of(p, op->in[i]) : LLVMConstNull(m->b.ptr);
    arg[n++] = place_of(p, op->out);
    arg[n++] = op->scratch >= 0 ? b_atc(&m->b, p->work, op->scratch)
                                : LLVMConstNull(m->b.ptr);
    for (unsigned i = 0; i < plan->nconst; i++)
        arg[n++] = const_at(m, plan->at[i]);
    b_call(&m->b, fn, arg, n);
}

/* Outputs that no op writes: inputs, constants, and a value given twice. */
static void
copy_outputs(const Places *p, Val run)
{
    const Graph *g = p->m->g;

    for (uint32_t i = 0; i < g->nout; i++) {
        Val from = place_of(p, g->out[i]), to = LLVMGetParam(run, g->nin + i);

        if (from != to)
            b_memcpy(&p->m->b, to, from, vq_bytes(vq_type(g, g->out[i])));
    }
}

static Val
make_run(Module *m, const Level *level)
{
    const Graph *g = m->g;
    const char *name = vq_format(m->arena, "run.%s", level->name);
    Ty type = vq_function_type(m, LLVMVoidTypeInContext(m->b.c), false,
                               count_params(m));
    Val fn = vq_module_function(m, name, type, NULL);
    Places p = {m, NEWN(m->arena, Val, g->nval), NULL};

    p.work = LLVMGetParam(fn, count_params(m) - 1);
    for (uint32_t i = 0; i < g->nin; i++)
        p.at[g->in[i]] = LLVMGetParam(fn, i);
    for (uint32_t i = 0; i < g->nout; i++)
        if (!p.at[g->out[i]] && g->val[g->out[i]].def &&
            g->val[g->out[i]].slot < 0)
            p.at[g->out[i]] = LLVMGetParam(fn, g->nin + i);
    for (uint32_t i = 1; i < g->nop; i++)
        if (!m->plan[i].nothing)
            call_kernel(m, &p, level, &g->op[i]);
    copy_outputs(&p, fn);
    LLVMBuildRetVoid(m->b.b);
    return fn;
}

/* ---- entry points ---- */

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
check_pointers(Module *m, const Val *param)
{
    Build *b = &m->b;
    Val bits, work = param[count_params(m) - 1];

    for (unsigned i = 0; i < count_params(m); i++)
        require(b, LLVMBuildIsNotNull(b->b, param[i], ""), VQRT_ENULL);
    bits = LLVMBuildPtrToInt(b->b, work, b->i64, "");
    bits = b_andc(b, bits, VQ_SLOT - 1);
    require(b, b_cmp(b, LLVMIntEQ, bits, b_i64(b, 0)), VQRT_EALIGN);
}

/* int f(int level, in.., out.., work): the caller has checked the level. */
static Val
make_dispatch(Module *m, const Val *run)
{
    Build *b = &m->b;
    unsigned n = count_params(m);
    Val *arg = NEWN(m->arena, Val, n), fn, choice;
    LLVMBasicBlockRef none;

    fn = vq_module_function(m, "dispatch", vq_function_type(m, b->i32, true, n),
                            NULL);
    for (unsigned i = 0; i < n; i++)
        arg[i] = LLVMGetParam(fn, i + 1);
    check_pointers(m, arg);
    none = LLVMAppendBasicBlockInContext(b->c, fn, "");
    choice = LLVMBuildSwitch(b->b, LLVMGetParam(fn, 0), none, m->nlevel);
    for (unsigned i = 0; i < m->nlevel; i++) {
        LLVMBasicBlockRef at = LLVMAppendBasicBlockInContext(b->c, fn, "");

        LLVMAddCase(choice, b_i32(b, i), at);
        LLVMPositionBuilderAtEnd(b->b, at);
        b_call(b, run[i], arg, n);
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
    Val fn = vq_module_function(m, "best",
                                vq_function_type(m, b->i32, false, 0), NULL);
    Val arg[2] = {b_call(b, levels, NULL, 0), b_const(b->i1, 0)};
    Val zeros = b_intrinsic(b, "llvm.ctlz", b->i32, arg, 2, NULL);

    LLVMBuildRet(b->b, b_sub(b, b_i32(b, 31), zeros));
    return fn;
}

/* int f(int level, in.., out.., work): any level, asked for by a caller. */
static Val
make_checked(Module *m, Val levels, Val dispatch)
{
    Build *b = &m->b;
    unsigned n = count_params(m);
    Val fn = vq_module_function(m, "checked",
                                vq_function_type(m, b->i32, true, n), NULL);
    Val *arg = NEWN(m->arena, Val, n + 1), mask;

    LLVMGetParams(fn, arg);
    require(b, b_cmp(b, LLVMIntULT, arg[0], b_i32(b, m->nlevel)), VQRT_ELEVEL);
    mask = b_andc(b, b_lshr(b, b_call(b, levels, NULL, 0), arg[0]), 1);
    require(b, b_cmp(b, LLVMIntNE, mask, b_i32(b, 0)), VQRT_ELEVEL);
    LLVMBuildRet(b->b, b_call(b, dispatch, arg, n + 1));
    return fn;
}

/* The functions that the descriptor and the C entry points stand on. */
typedef struct Core {
    Val best, dispatch, checked;
} Core;

/* A call with the parameters from `first` on; level NULL: the best one. */
static void
return_run(Module *m, const Core *core, Val level, const Val *param)
{
    unsigned n = count_params(m);
    Val *arg = NEWN(m->arena, Val, n + 1);

    arg[0] = level ? level : b_call(&m->b, core->best, NULL, 0);
    for (unsigned i = 0; i < n; i++)
        arg[i + 1] = param[i];
    LLVMBuildRet(m->b.b, b_call(&m->b, level ? core->checked : core->dispatch,
                                arg, n + 1));
}

/* One parameter per tensor, for C callers: the object's global functions. */
static void
make_entry(Module *m, const Core *core, bool has_level)
{
    unsigned n = count_params(m);
    Val fn = vq_module_function(
        m, "entry", vq_function_type(m, m->b.i32, has_level, n), NULL);
    const char *name = vq_format(m->arena, "%s_run%s", m->opt->prefix,
                                 has_level ? "_level" : "");
    Val *param = NEWN(m->arena, Val, n + 1);

    LLVMSetValueName2(fn, name, strlen(name));
    LLVMSetLinkage(fn, LLVMExternalLinkage);
    LLVMGetParams(fn, param);
    return_run(m, core, has_level ? param[0] : NULL, param + has_level);
}

static void
make_best_entry(Module *m, const Core *core)
{
    Build *b = &m->b;
    const char *name = vq_format(m->arena, "%s_best_level", m->opt->prefix);
    Val fn = vq_module_function(m, "entry",
                                vq_function_type(m, b->i32, false, 0), NULL);

    LLVMSetValueName2(fn, name, strlen(name));
    LLVMSetLinkage(fn, LLVMExternalLinkage);
    LLVMBuildRet(b->b, b_call(b, core->best, NULL, 0));
}

/* Arrays of pointers, for callers that know the descriptor alone. */
static Val
make_array_entry(Module *m, const Core *core, bool has_level)
{
    Build *b = &m->b;
    Val fn =
        vq_module_function(m, has_level ? "model_run_level" : "model_run",
                           vq_function_type(m, b->i32, has_level, 3), NULL);
    Val in = LLVMGetParam(fn, has_level), out = LLVMGetParam(fn, has_level + 1);
    Val *param = NEWN(m->arena, Val, count_params(m));

    require(b, LLVMBuildIsNotNull(b->b, in, ""), VQRT_ENULL);
    require(b, LLVMBuildIsNotNull(b->b, out, ""), VQRT_ENULL);
    for (uint32_t i = 0; i < m->g->nin; i++)
        param[i] = b_load(b, b->ptr, b_atc(b, in, 8 * i), 8);
    for (uint32_t i = 0; i < m->g->nout; i++)
        param[m->g->nin + i] = b_load(b, b->ptr, b_atc(b, out, 8 * i), 8);
    param[m->g->nin + m->g->nout] = LLVMGetParam(fn, has_level + 2);
    return_run(m, core, has_level ? LLVMGetParam(fn, 0) : NULL, param);
    return fn;
}

void
vq_module_entries(Module *m)
{
    Val *run = NEWN(m->arena, Val, m->nlevel), levels, pair[2];
    Core core;

    for (unsigned i = 0; i < m->nlevel; i++)
        run[i] = make_run(m, m->level[i]);
    levels = vq_module_cpu_check(m);
    core.best = make_best(m, levels);
    core.dispatch = make_dispatch(m, run);
    core.checked = make_checked(m, levels, core.dispatch);
    make_entry(m, &core, false);
    make_entry(m, &core, true);
    make_best_entry(m, &core);
    pair[0] = make_array_entry(m, &core, false);
    pair[1] = make_array_entry(m, &core, true);
    vq_module_descriptor(m, core.best, pair[0], pair[1]);
}
