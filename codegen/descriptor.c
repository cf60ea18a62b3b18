/*
 * descriptor.c -- PREFIX_model, the VqrtModel of the object (vqrt.h).
 *
 * A constant; only its pointers need the loader. What it points to has no
 * symbol of its own.
 */
#include "codegen/module.h"

#include "ir/layout.h"
#include "runtime/vqrt.h"

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

static Val
make_tensor(Module *m, ValId v)
{
    const Type *t = vq_type(m->g, v);
    Val dim[8], field[4];

    for (int i = 0; i < 8; i++)
        dim[i] = b_i64(&m->b, i < t->rank ? t->dim[i] : 0);
    field[0] = add_text(m, m->g->val[v].name);
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

static Val
add_level_names(Module *m)
{
    Val *name = NEWN(m->arena, Val, m->nlevel);

    for (unsigned i = 0; i < m->nlevel; i++)
        name[i] = add_text(m, m->level[i]->name);
    return add_private(m, LLVMConstArray2(m->b.ptr, name, m->nlevel));
}

void
vq_module_descriptor(Module *m, Val best, Val run, Val run_level)
{
    Build *b = &m->b;
    const Graph *g = m->g;
    Val field[] = {
        b_i32(b, VQRT_ABI),
        b_i32(b, sizeof(VqrtModel)),
        add_text(m, m->opt->prefix),
        add_text(m, "vitqc " VQ_VERSION),
        add_tensors(m, g->in, g->nin),
        add_tensors(m, g->out, g->nout),
        b_i32(b, g->nin),
        b_i32(b, g->nout),
        b_i64(b, g->worksize),
        b_i64(b, VQ_SLOT),
        b_i64(b, (int64_t)m->const_size),
        add_level_names(m),
        b_i32(b, m->nlevel),
        best,
        run,
        run_level,
    };
    Val init = LLVMConstStructInContext(b->c, field, COUNT(field), 0);
    Val v = LLVMAddGlobal(b->m, LLVMTypeOf(init),
                          vq_format(m->arena, "%s_model", m->opt->prefix));

    LLVMSetInitializer(v, init);
    LLVMSetGlobalConstant(v, 1);
}
