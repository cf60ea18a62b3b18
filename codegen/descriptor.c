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
    const Type *t = vq_type(m->whole, v);
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

static unsigned
count_steps(const Module *m)
{
    unsigned n = 0;

    for (uint32_t i = 1; i < m->g->nop; i++)
        n += vq_is_step(m, i);
    return n;
}

static void
fill_model(Module *m, Val model, const Entries *e, Val step)
{
    Build *b = &m->b;
    const Graph *g = m->whole;
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
        {offsetof(VqrtModel, best_level), e->best},
        {offsetof(VqrtModel, run), e->run},
        {offsetof(VqrtModel, run_level), e->run_level},
        {offsetof(VqrtModel, part_bytes), b_i64(b, vq_part_bytes(g))},
        {offsetof(VqrtModel, nstep), b_i32(b, count_steps(m))},
        {offsetof(VqrtModel, step), step},
        {offsetof(VqrtModel, run_with), e->run_with},
    };

    for (size_t i = 0; i < COUNT(field); i++)
        fill(b, model, field[i].offset, field[i].value);
    fill_levels(m, model);
}

/* ---- steps ---- */

/* What the object keeps of a step; as VqrtStep, but the name is an offset in
 * the text of all names. Fields: s64 rows, cols, depth, macs; s32 name, kind,
 * splits, 0. */
enum { STEP_BYTES = 48 };

static Val
make_step_record(Module *m, uint32_t op, int64_t name)
{
    Build *b = &m->b;
    const Plan *p = &m->plan[op];
    int64_t n = m->whole->chunks;
    Val field[] = {
        b_i64(b, p->rows * n), b_i64(b, p->cols),
        b_i64(b, p->depth),    b_i64(b, p->macs * n),
        b_i32(b, name),        b_i32(b, vq_emitters[m->g->op[op].kind].kind),
        b_i32(b, p->most > 1), b_i32(b, 0)};

    return LLVMConstStructInContext(b->c, field, COUNT(field), 0);
}

const char *
vq_step_name(const Module *m, uint32_t i)
{
    const Op *op = &m->g->op[i];

    return op->loc.node ? op->loc.node : m->g->val[op->out].name;
}

/* The records and, with *names, the names, one zero after each. */
static Val
add_steps(Module *m, Val *names)
{
    Val *step = NEWN(m->arena, Val, m->g->nop);
    size_t bytes = 0, at = 0;
    unsigned n = 0;
    char *text;

    for (uint32_t i = 1; i < m->g->nop; i++)
        bytes += vq_is_step(m, i) ? strlen(vq_step_name(m, i)) + 1 : 0;
    text = vq_alloc(m->arena, bytes + 1);
    for (uint32_t i = 1; i < m->g->nop; i++) {
        if (!vq_is_step(m, i))
            continue;
        step[n++] = make_step_record(m, i, (int64_t)at);
        strcpy(text + at, vq_step_name(m, i));
        at += strlen(text + at) + 1;
    }
    *names = add_private(m, LLVMConstStringInContext2(m->b.c, text, bytes, 1));
    return add_private(m, LLVMConstArray2(LLVMTypeOf(step[0]), step, n));
}

/* void f(i, step) */
static Val
make_describe_step(Module *m)
{
    static const size_t from[] = {0, 8, 16, 24, 36, 40},
                        to[] = {offsetof(VqrtStep, rows),
                                offsetof(VqrtStep, cols),
                                offsetof(VqrtStep, depth),
                                offsetof(VqrtStep, macs),
                                offsetof(VqrtStep, kind),
                                offsetof(VqrtStep, splits)};
    Build *b = &m->b;
    Ty none = LLVMVoidTypeInContext(b->c);
    Val fn = vq_module_function(m, "describe_step",
                                vq_function_type(m, none, "ip"), NULL);
    Val i = LLVMGetParam(fn, 0), out = LLVMGetParam(fn, 1), names, step, x;
    If known;

    b_if(b, &known, b_cmp(b, LLVMIntULT, i, b_i32(b, count_steps(m))));
    if (count_steps(m)) {
        step = add_steps(m, &names);
        step = b_elt(b, step, b_zext(b, i, 64), STEP_BYTES, 0);
        for (size_t k = 0; k < COUNT(from); k++) {
            x = b_load(b, k < 4 ? b->i64 : b->i32,
                       b_atc(b, step, (int64_t)from[k]), 4);
            fill(b, out, to[k], x);
        }
        x = b_zext(b, b_load(b, b->i32, b_atc(b, step, 32), 4), 64);
        fill(b, out, offsetof(VqrtStep, name), b_at(b, names, x));
    }
    b_if_end(b, &known);
    LLVMBuildRetVoid(b->b);
    return fn;
}

void
vq_module_descriptor(Module *m, const Entries *e)
{
    const char *name = vq_format(m->arena, "%s_model", m->opt->prefix);
    Ty none = LLVMVoidTypeInContext(m->b.c);
    Val step = make_describe_step(m);
    Val fn =
        vq_module_function(m, "describe", vq_function_type(m, none, "p"), NULL);

    assert(m->nlevel <= VQRT_MAXLEVEL);
    LLVMSetValueName2(fn, name, strlen(name));
    LLVMSetLinkage(fn, LLVMExternalLinkage);
    fill_model(m, LLVMGetParam(fn, 0), e, step);
    LLVMBuildRetVoid(m->b.b);
}
