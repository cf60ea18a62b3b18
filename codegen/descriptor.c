/*
 * descriptor.c -- PREFIX_model, which fills in a VqrtModel (vqrt.h).
 *
 * Addresses are taken by code, relative to where it runs: the object has no
 * data that a loader would have to write to. What the fields point to has no
 * symbol of its own.
 */
#include "codegen/module.h"

#include "ir/layout.h"
#include "runtime/vqrt.h"

#include <assert.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#ifndef VQ_VERSION
#define VQ_VERSION "0"
#endif

static Val
add_private(Module *m, Val init)
{
    Val v = LLVMAddGlobal(m->b.m, LLVMTypeOf(init), "");

    LLVMSetInitializer(v, init);
    LLVMSetGlobalConstant(v, 1);
    LLVMSetLinkage(v, LLVMPrivateLinkage);
    LLVMSetUnnamedAddress(v, LLVMGlobalUnnamedAddr);
    return v;
}

static Val
add_text(Module *m, const char *s)
{
    return add_private(m, LLVMConstStringInContext2(m->b.c, s, strlen(s), 0));
}

/* Name, type, rank and shape: no pointer in it. */
static Val
make_tensor(Module *m, ValId v)
{
    const Type *t = vq_type(m->g, v);
    char name[VQRT_MAXNAME] = {0};
    Val dim[8], field[4];

    for (int i = 0; i < 8; i++)
        dim[i] = b_i64(&m->b, i < t->rank ? t->dim[i] : 0);
    snprintf(name, sizeof name, "%s", m->g->val[v].name);
    field[0] = LLVMConstStringInContext2(m->b.c, name, sizeof name, 1);
    field[1] = b_i32(&m->b, VQRT_F32);
    field[2] = b_i32(&m->b, t->rank);
    field[3] = LLVMConstArray2(m->b.i64, dim, 8);
    return LLVMConstStructInContext(m->b.c, field, 4, 0);
}

static Val
add_tensors(Module *m, const ValId *v, uint32_t n)
{
    Val *t = NEWN(m->arena, Val, n);

    if (n == 0)
        return LLVMConstNull(m->b.ptr);
    for (uint32_t i = 0; i < n; i++)
        t[i] = make_tensor(m, v[i]);
    return add_private(m, LLVMConstArray2(LLVMTypeOf(t[0]), t, n));
}

static void
fill(Build *b, Val model, size_t offset, Val x)
{
    b_store(b, x, b_atc(b, model, (int64_t)offset), 4);
}

static void
fill_levels(Module *m, Val model)
{
    for (unsigned i = 0; i < VQRT_MAXLEVEL; i++)
        fill(&m->b, model, offsetof(VqrtModel, level) + i * sizeof(char *),
             i < m->nlevel ? add_text(m, m->level[i]->name)
                           : LLVMConstNull(m->b.ptr));
}

static void
fill_model(Module *m, Val model, Val best, Val run, Val run_level)
{
    Build *b = &m->b;
    const Graph *g = m->g;
    const struct {
        size_t offset;
        Val value;
    } field[] = {
        {offsetof(VqrtModel, abi), b_i32(b, VQRT_ABI)},
        {offsetof(VqrtModel, size), b_i32(b, sizeof(VqrtModel))},
        {offsetof(VqrtModel, name), add_text(m, m->opt->prefix)},
        {offsetof(VqrtModel, compiler), add_text(m, "vitqc " VQ_VERSION)},
        {offsetof(VqrtModel, in), add_tensors(m, g->in, g->nin)},
        {offsetof(VqrtModel, out), add_tensors(m, g->out, g->nout)},
        {offsetof(VqrtModel, nin), b_i32(b, g->nin)},
        {offsetof(VqrtModel, nout), b_i32(b, g->nout)},
        {offsetof(VqrtModel, work_bytes), b_i64(b, g->worksize)},
        {offsetof(VqrtModel, work_align), b_i64(b, VQ_SLOT)},
        {offsetof(VqrtModel, const_bytes), b_i64(b, (int64_t)m->const_size)},
        {offsetof(VqrtModel, nlevel), b_i32(b, m->nlevel)},
        {offsetof(VqrtModel, best_level), best},
        {offsetof(VqrtModel, run), run},
        {offsetof(VqrtModel, run_level), run_level},
    };

    for (size_t i = 0; i < COUNT(field); i++)
        fill(b, model, field[i].offset, field[i].value);
    fill_levels(m, model);
}

void
vq_module_descriptor(Module *m, Val best, Val run, Val run_level)
{
    const char *name = vq_format(m->arena, "%s_model", m->opt->prefix);
    Ty none = LLVMVoidTypeInContext(m->b.c);
    Val fn = vq_module_function(m, "describe",
                                vq_function_type(m, none, false, 1), NULL);

    assert(m->nlevel <= VQRT_MAXLEVEL);
    LLVMSetValueName2(fn, name, strlen(name));
    LLVMSetLinkage(fn, LLVMExternalLinkage);
    fill_model(m, LLVMGetParam(fn, 0), best, run, run_level);
    LLVMBuildRetVoid(m->b.b);
}
