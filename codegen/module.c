/*
 * module.c -- constants, plans and kernels of an object.
 */
#include "codegen/module.h"

#include "codegen/remark.h"
#include "ir/layout.h"
#include "runtime/vqrt.h"

#include <assert.h>
#include <string.h>

const Emitter vq_emitters[NOP] = {
    [OP_RESHAPE] = {"copy", VQRT_STEP_LAYOUT, 15, vq_plan_copy, vq_body_copy},
    [OP_TRANSPOSE] = {"transpose", VQRT_STEP_LAYOUT, 20, vq_plan_copy,
                      vq_body_copy},
    [OP_SLICE] = {"slice", VQRT_STEP_LAYOUT, 15, vq_plan_copy, vq_body_copy},
    [OP_EXPAND] = {"expand", VQRT_STEP_LAYOUT, 15, vq_plan_copy, vq_body_copy},
    [OP_PAD] = {"pad", VQRT_STEP_LAYOUT, 15, vq_plan_pad, vq_body_pad},
    [OP_UNFOLD] = {"unfold", VQRT_STEP_LAYOUT, 15, NULL, vq_body_unfold},
    [OP_MAXPOOL] = {"maxpool", VQRT_STEP_ELEMENTWISE, 100, NULL,
                    vq_body_maxpool},
    [OP_CONCAT] = {"concat", VQRT_STEP_LAYOUT, 20, NULL, vq_body_concat},
    [OP_I_QUANTIZE] = {"quantize", VQRT_STEP_EDGE, 300, vq_plan_quantize,
                       vq_body_quantize},
    [OP_I_DEQUANTIZE] = {"dequantize", VQRT_STEP_EDGE, 300, vq_plan_dequantize,
                         vq_body_dequantize},
    [OP_I_REQUANT] = {"requant", VQRT_STEP_ELEMENTWISE, 150, vq_plan_requant,
                      vq_body_requant},
    [OP_I_ADD] = {"add", VQRT_STEP_ELEMENTWISE, 50, NULL, vq_body_add},
    [OP_I_MUL] = {"mul", VQRT_STEP_ELEMENTWISE, 100, vq_plan_mul, vq_body_mul},
    [OP_I_LUT] = {"lut", VQRT_STEP_ELEMENTWISE, 30, vq_plan_lut, vq_body_lut},
    [OP_I_SUM] = {"sum", VQRT_STEP_ELEMENTWISE, 100, vq_plan_sum, vq_body_sum},
    [OP_I_SOFTMAX] = {"softmax", VQRT_STEP_SOFTMAX, 300, NULL, vq_body_softmax},
    [OP_I_LAYERNORM] = {"layernorm", VQRT_STEP_LAYERNORM, 330,
                        vq_plan_layernorm, vq_body_layernorm},
    [OP_I_IVITNORM] = {"ivitnorm", VQRT_STEP_LAYERNORM, 800, vq_plan_ivitnorm,
                       vq_body_ivitnorm},
    [OP_I_SHIFTGELU] = {"shiftgelu", VQRT_STEP_ELEMENTWISE, 600, NULL,
                        vq_body_shiftgelu},
    [OP_I_ATTENTION] = {"attention", VQRT_STEP_ATTENTION, 0, vq_plan_attention,
                        vq_body_attention},
    [OP_F_MAP] = {"fmap", VQRT_STEP_ELEMENTWISE, 1000, vq_plan_map,
                  vq_body_map},
    [OP_F_SUM] = {"fsum", VQRT_STEP_ELEMENTWISE, 1000, NULL, vq_body_reduce},
    [OP_F_MAX] = {"fmax", VQRT_STEP_ELEMENTWISE, 1000, NULL, vq_body_reduce},
    [OP_F_MATMUL] = {"fmatmul", VQRT_STEP_ELEMENTWISE, 1000, vq_plan_product,
                     vq_body_product},
    [OP_I_PRODUCT] = {"product", VQRT_STEP_GEMM, 0, vq_plan_iproduct,
                      vq_body_iproduct},
    [OP_K_LINEAR] = {"linear", VQRT_STEP_GEMM, 0, vq_plan_linear,
                     vq_body_linear},
    [OP_K_DEPTHWISE] = {"depthwise", VQRT_STEP_GEMM, 300, vq_plan_depthwise,
                        vq_body_depthwise},
};

int64_t
vq_module_const(Module *m, const void *data, size_t bytes)
{
    size_t at = m->const_size;

    m->seg = vq_grow(m->arena, m->seg, m->nseg, &m->capseg, sizeof *m->seg);
    m->seg[m->nseg++] = (Segment){data, bytes, at};
    m->const_size = (size_t)vq_align((int64_t)(at + bytes), VQ_SLOT);
    return (int64_t)at;
}

/* A constant of the graph, as it is; once however often it is used. */
static void
add_value(Module *m, ValId v)
{
    const Value *val = &m->g->val[v];

    if (m->const_at[v] < 0)
        m->const_at[v] =
            vq_module_const(m, val->data, (size_t)vq_bytes(&val->type));
}

const char *
vq_key_type(Module *m, const Type *t)
{
    const char *s = vq_dtype[t->dt].text;

    for (int i = 0; i < t->rank; i++)
        s = vq_format(m->arena, "%s,%lld", s, (long long)t->dim[i]);
    return s;
}

const char *
vq_key(Module *m, const Op *op)
{
    const char *s = vq_format(m->arena, "%s %s", vq_op[op->kind].text,
                              vq_key_type(m, vq_type(m->g, op->out)));

    for (uint32_t i = 0; i < op->nin; i++)
        s = vq_format(m->arena, "%s %s", s,
                      op->in[i] ? vq_key_type(m, vq_type(m->g, op->in[i]))
                                : "_");
    for (uint32_t i = 0; i < op->nattr; i++) {
        s = vq_format(m->arena, "%s %s", s, vq_attr_text[op->attr[i].key]);
        for (uint32_t k = 0; op->attr[i].i && k < op->attr[i].n; k++)
            s = vq_format(m->arena, "%s %lld", s, (long long)op->attr[i].i[k]);
    }
    return s;
}

/* What a part must have to do, in ps of a fast core: several times what it
 * takes to wake a thread that waits and to gather the parts. */
enum { GRAIN = 1500000, MACS_PER_NS = 150, WEIGHTS_PER_NS = 60 };

/* What the step is made of, where `plan` did not say, and how often it is
 * worth cutting. */
static void
measure_step(const Module *m, const Op *op, Plan *p)
{
    const Type *out = vq_type(m->g, op->out);
    int64_t grain = m->opt->grain ? m->opt->grain : GRAIN, ps;

    if (!p->rows) {
        p->rows = vq_rows(out);
        p->cols = vq_cols(out);
    }
    ps = p->macs * 1000 / MACS_PER_NS +
         p->cols * p->depth * 1000 / WEIGHTS_PER_NS +
         vq_count(out) * vq_emitters[op->kind].cost;
    p->most = (unsigned)vq_clamp(ps / grain, 1, VQRT_MAXPARTS);
}

static bool
plan_op(Module *m, const Op *op, Plan *p)
{
    const Emitter *e = &vq_emitters[op->kind];

    if (!e->body)
        return vq_bug(m->diag, op->loc,
                      "%s must be lowered before code is generated",
                      vq_op[op->kind].text);
    assert(op->nin <= MAXIN);
    p->name = e->name;
    p->remarks = NEW(m->arena, Remarks);
    p->remarks->arena = m->arena;
    p->raw = UINT64_MAX;
    if (e->plan && !e->plan(m, op, p))
        return false;
    if (!p->key)
        p->key = vq_key(m, op);
    measure_step(m, op, p);
    for (uint32_t i = 0; i < op->nin; i++)
        if ((p->raw >> i & 1) && op->in[i] && vq_is_const(m->g, op->in[i]))
            add_value(m, op->in[i]);
    return true;
}

bool
vq_module_plan(Module *m)
{
    m->plan = NEWN(m->arena, Plan, m->g->nop);
    m->const_at = NEWN(m->arena, int64_t, m->g->nval);
    for (uint32_t i = 0; i < m->g->nval; i++)
        m->const_at[i] = -1;
    for (uint32_t i = 1; i < m->g->nop; i++)
        if (!plan_op(m, &m->g->op[i], &m->plan[i]))
            return false;
    for (uint32_t i = 0; i < m->g->nout; i++)
        if (vq_is_const(m->g, m->g->out[i]))
            add_value(m, m->g->out[i]);
    return true;
}

static void
add_string_attribute(Build *b, Val fn, const char *key, const char *value)
{
    LLVMAddAttributeAtIndex(
        fn, (LLVMAttributeIndex)LLVMAttributeFunctionIndex,
        LLVMCreateStringAttribute(b->c, key, (unsigned)strlen(key), value,
                                  (unsigned)strlen(value)));
}

static void
add_attribute(Build *b, Val fn, unsigned index, const char *name)
{
    unsigned kind = LLVMGetEnumAttributeKindForName(name, strlen(name));

    assert(kind);
    LLVMAddAttributeAtIndex(fn, index, LLVMCreateEnumAttribute(b->c, kind, 0));
}

Ty
vq_function_type(Module *m, Ty result, const char *params)
{
    Ty *param = NEWN(m->arena, Ty, strlen(params) + 1);
    unsigned n = 0;

    for (const char *c = params; *c; c++)
        param[n++] = *c == 'p' ? m->b.ptr : m->b.i32;
    return LLVMFunctionType(result, param, n, 0);
}

Val
vq_module_function(Module *m, const char *name, Ty type, const Level *level)
{
    Build *b = &m->b;
    const char *full = vq_format(m->arena, "%s.%s", m->opt->prefix, name);
    const char *width = vq_format(m->arena, "%u", level ? level->isa->bits : 0);

    b->fn = LLVMAddFunction(b->m, full, type);
    b->level = level;
    b->tile_buffer = NULL;
    LLVMSetLinkage(b->fn, LLVMInternalLinkage);
    add_attribute(b, b->fn, (unsigned)LLVMAttributeFunctionIndex, "nounwind");
    add_string_attribute(b, b->fn, "target-cpu", m->arch->cpu);
    add_string_attribute(b, b->fn, "target-features",
                         level ? level->features : "");
    add_string_attribute(b, b->fn, "prefer-vector-width",
                         level ? width : "128");
    add_string_attribute(b, b->fn, "min-legal-vector-width", width);
    LLVMPositionBuilderAtEnd(b->b,
                             LLVMAppendBasicBlockInContext(b->c, b->fn, ""));
    return b->fn;
}

/* n pointers, then the part and how many there are. */
static Ty
kernel_type(Module *m, unsigned n)
{
    char *params = vq_alloc(m->arena, n + 3);

    memset(params, 'p', n);
    memcpy(params + n, "ii", 3);
    return vq_function_type(m, LLVMVoidTypeInContext(m->b.c), params);
}

/* Parameters: inputs in order (those that there are), out, scratch, prepared
 * constants, part, parts. step.c passes the same list. */
static Val
make_kernel(Module *m, const Level *level, const Op *op, const Plan *p)
{
    const char *name =
        vq_format(m->arena, "%s.%s.%zu", p->name, level->name, m->nkernel);
    Args args = {.g = m->g, .op = op, .plan = p};
    unsigned n = op->nin + 2 + p->nconst, at = 0;
    Val fn = vq_module_function(m, name, kernel_type(m, n), level);

    for (unsigned i = 1; i <= n; i++)
        add_attribute(&m->b, fn, i, "noalias");
    for (uint32_t i = 0; i < op->nin; i++, at++)
        if (op->in[i] && (!vq_is_const(m->g, op->in[i]) || (p->raw >> i & 1)))
            args.in[i] = LLVMGetParam(fn, at);
    args.out = LLVMGetParam(fn, at++);
    args.scratch = LLVMGetParam(fn, at++);
    for (unsigned i = 0; i < p->nconst; i++)
        args.konst[i] = LLVMGetParam(fn, at++);
    args.part = b_zext(&m->b, LLVMGetParam(fn, at++), 64);
    args.parts = b_zext(&m->b, LLVMGetParam(fn, at++), 64);
    vq_emitters[op->kind].body(&m->b, &args);
    if (m->b.tile_buffer)
        level->tiles(&m->b);
    LLVMBuildRetVoid(m->b.b);
    vq_find_scalar_loops(&m->b);
    return fn;
}

void
b_share(Build *b, const Args *args, int64_t units, Val *lo, Val *hi)
{
    b_split(b, args->part, args->parts, b_i64(b, units), lo, hi);
}

void
b_map_share(Build *b, const Args *args, int64_t n, unsigned lanes, MapFn *fn,
            void *user)
{
    Val lo, hi;

    b_share(b, args, vq_turns(n, lanes), &lo, &hi);
    b_map_range(b, n, lanes, lo, hi, fn, user);
}

static const char *
kernel_key(const Module *m, const Level *level, const Op *op)
{
    return vq_format(m->arena, "%s %s", level->name,
                     m->plan[op - m->g->op].key);
}

static const KernelEntry *
find_kernel(const Module *m, const char *key)
{
    for (size_t i = 0; i < m->nkernel; i++)
        if (strcmp(m->kernel[i].key, key) == 0)
            return &m->kernel[i];
    return NULL;
}

const Remarks *
vq_module_remarks(const Module *m, const Level *level, const Op *op)
{
    const KernelEntry *e = find_kernel(m, kernel_key(m, level, op));

    return e ? e->remarks : NULL;
}

Val
vq_module_kernel(Module *m, const Level *level, const Op *op)
{
    const char *key = kernel_key(m, level, op);
    const KernelEntry *made = find_kernel(m, key);
    KernelEntry e = {.key = key};

    if (made)
        return made->fn;
    e.remarks = m->b.remarks = NEW(m->arena, Remarks);
    e.remarks->arena = m->arena;
    e.fn = make_kernel(m, level, op, &m->plan[op - m->g->op]);
    m->b.remarks = NULL;
    m->kernel = vq_grow(m->arena, m->kernel, m->nkernel, &m->capkernel,
                        sizeof *m->kernel);
    m->kernel[m->nkernel++] = e;
    return e.fn;
}
