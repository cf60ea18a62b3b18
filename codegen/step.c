/*
 * step.c -- steps, and the run functions that call them one after the other.
 *
 * A step is one op that has code: a VqrtTask (vqrt.h), which takes its
 * pointers from the run's frame and calls the kernel that its shape shares.
 * Parts beyond the first have their scratch after the planned work area.
 */
#include "codegen/gemm.h"
#include "codegen/module.h"

#include "ir/layout.h"
#include "runtime/vqrt.h"

unsigned
vq_frame_size(const Module *m)
{
    return m->g->nin + m->g->nout + 1;
}

bool
vq_is_step(const Module *m, uint32_t op)
{
    return op >= 1 && !m->plan[op].nothing;
}

/* ---- where values are ---- */

static Val
load_pointer(Module *m, Val frame, unsigned i)
{
    return b_load(&m->b, m->b.ptr, b_atc(&m->b, frame, 8 * (int64_t)i), 8);
}

static Val
work_of(Module *m, Val frame)
{
    return load_pointer(m, frame, vq_frame_size(m) - 1);
}

/* Index in the frame of a value that is an input, or an output that an op
 * writes to its place; -1: it is elsewhere. */
static int
find_port(const Module *m, ValId v)
{
    const Graph *g = m->g;

    for (uint32_t i = 0; i < g->nin; i++)
        if (g->in[i] == v)
            return (int)i;
    for (uint32_t i = 0; i < g->nout && g->val[v].slot < 0; i++)
        if (g->out[i] == v && g->val[v].def)
            return (int)(g->nin + i);
    return -1;
}

static Val
place_of(Module *m, Val frame, ValId v)
{
    int port = find_port(m, v);

    if (port >= 0)
        return load_pointer(m, frame, (unsigned)port);
    if (m->const_at[v] >= 0)
        return b_atc(&m->b, m->consts, m->const_at[v]);
    if (m->g->val[v].slot >= 0)
        return b_atc(&m->b, work_of(m, frame), m->g->val[v].slot);
    return LLVMConstNull(m->b.ptr);
}

/* ---- a step ---- */

static Val
scratch_of(Module *m, const Op *op, Val frame, Val part)
{
    Build *b = &m->b;
    int64_t each = vq_part_bytes(m->whole);
    Val work, later;

    if (op->scratch < 0)
        return LLVMConstNull(b->ptr);
    work = work_of(m, frame);
    later = b_elt(b, work, b_zext(b, part, 64), each, m->g->worksize - each);
    return b_select(b, b_cmp(b, LLVMIntEQ, part, b_i32(b, 0)),
                    b_atc(b, work, op->scratch), later);
}

static void
call_kernel(Module *m, Val kernel, const Op *op, Val frame, const Val part[2])
{
    const Plan *plan = &m->plan[op - m->g->op];
    Val arg[MAXIN + 4 + MAXCONSTS];
    unsigned n = 0;

    for (uint32_t i = 0; i < op->nin; i++)
        arg[n++] =
            op->in[i] ? place_of(m, frame, op->in[i]) : LLVMConstNull(m->b.ptr);
    arg[n++] = place_of(m, frame, op->out);
    arg[n++] = scratch_of(m, op, frame, part[0]);
    for (unsigned i = 0; i < plan->nconst; i++)
        arg[n++] = b_atc(&m->b, m->consts, plan->at[i]);
    arg[n++] = part[0];
    arg[n++] = part[1];
    b_call(&m->b, kernel, arg, n);
}

/* void f(frame, part, parts) */
static Val
make_step(Module *m, const Level *level, const Op *op, unsigned number)
{
    Ty none = LLVMVoidTypeInContext(m->b.c);
    const char *name = vq_format(m->arena, "step.%s.%u", level->name, number);
    Val kernel = vq_module_kernel(m, level, op);
    Val fn =
        vq_module_function(m, name, vq_function_type(m, none, "pii"), NULL);
    Val part[2] = {LLVMGetParam(fn, 1), LLVMGetParam(fn, 2)};

    call_kernel(m, kernel, op, LLVMGetParam(fn, 0), part);
    LLVMBuildRetVoid(m->b.b);
    return fn;
}

/* ---- running it ---- */

static Val
load_field(Build *b, Val context, size_t offset, Ty t)
{
    return b_load(b, t, b_atc(b, context, (int64_t)offset),
                  t == b->i32 ? 4 : 8);
}

static Val
call_pointer(Build *b, Ty type, Val fn, Val *arg, unsigned n)
{
    return LLVMBuildCall2(b->b, type, fn, arg, n, "");
}

/* Parts of the step on the context's threads. */
static void
emit_parallel(Module *m, Val context, Val task, Val frame, Val parts)
{
    Build *b = &m->b;
    Ty type = vq_function_type(m, LLVMVoidTypeInContext(b->c), "pppi");
    Val fn =
        load_field(b, context, offsetof(VqrtContext, parallel_for), b->ptr);
    Val pool = load_field(b, context, offsetof(VqrtContext, pool), b->ptr);

    call_pointer(b, type, fn, (Val[]){pool, task, frame, parts}, 4);
}

static void
emit_mark(Module *m, Val context, Val number)
{
    Build *b = &m->b;
    Ty type = vq_function_type(m, LLVMVoidTypeInContext(b->c), "pi");
    Val fn = load_field(b, context, offsetof(VqrtContext, mark), b->ptr);
    Val user = load_field(b, context, offsetof(VqrtContext, user), b->ptr);
    If heard;

    b_if(b, &heard, LLVMBuildIsNotNull(b->b, fn, ""));
    call_pointer(b, type, fn, (Val[]){user, number}, 2);
    b_if_end(b, &heard);
}

/* void f(frame, context, task, number, most): one step in at most `most`
 * parts. The context may be null. */
static Val
make_invoke(Module *m)
{
    Build *b = &m->b;
    Ty none = LLVMVoidTypeInContext(b->c);
    Ty task = vq_function_type(m, none, "pii");
    Val fn = vq_module_function(m, "invoke", vq_function_type(m, none, "pppii"),
                                NULL);
    Val p[5], parts;
    LLVMBasicBlockRef alone = LLVMAppendBasicBlockInContext(b->c, fn, "");
    LLVMBasicBlockRef some = LLVMAppendBasicBlockInContext(b->c, fn, "");
    LLVMBasicBlockRef many = LLVMAppendBasicBlockInContext(b->c, fn, "");
    LLVMBasicBlockRef one = LLVMAppendBasicBlockInContext(b->c, fn, "");
    LLVMBasicBlockRef done = LLVMAppendBasicBlockInContext(b->c, fn, "");

    LLVMGetParams(fn, p);
    LLVMBuildCondBr(b->b, LLVMBuildIsNull(b->b, p[1], ""), alone, some);
    LLVMPositionBuilderAtEnd(b->b, alone);
    call_pointer(b, task, p[2], (Val[]){p[0], b_i32(b, 0), b_i32(b, 1)}, 3);
    LLVMBuildRetVoid(b->b);
    LLVMPositionBuilderAtEnd(b->b, some);
    parts = load_field(b, p[1], offsetof(VqrtContext, parts), b->i32);
    parts = b_umin(b, parts, p[4]);
    LLVMBuildCondBr(b->b, b_cmp(b, LLVMIntUGT, parts, b_i32(b, 1)), many, one);
    LLVMPositionBuilderAtEnd(b->b, many);
    emit_parallel(m, p[1], p[2], p[0], parts);
    LLVMBuildBr(b->b, done);
    LLVMPositionBuilderAtEnd(b->b, one);
    call_pointer(b, task, p[2], (Val[]){p[0], b_i32(b, 0), b_i32(b, 1)}, 3);
    LLVMBuildBr(b->b, done);
    LLVMPositionBuilderAtEnd(b->b, done);
    emit_mark(m, p[1], p[3]);
    LLVMBuildRetVoid(b->b);
    return fn;
}

/* ---- all steps ---- */

/* Outputs that no op writes: inputs, constants, and a value given twice. */
static void
copy_outputs(Module *m, Val frame)
{
    const Graph *g = m->g;

    for (uint32_t i = 0; i < g->nout; i++)
        if (find_port(m, g->out[i]) != (int)(g->nin + i))
            b_memcpy(&m->b, load_pointer(m, frame, g->nin + i),
                     place_of(m, frame, g->out[i]),
                     vq_bytes(vq_type(g, g->out[i])));
}

/* On the calling thread, before any part reads it. */
static void
clear_slack(Module *m, Val frame, const Op *op)
{
    unsigned bytes = m->plan[op - m->g->op].slack;
    Val end;

    if (!bytes)
        return;
    end = b_atc(&m->b, place_of(m, frame, op->in[0]),
                vq_bytes(vq_type(m->g, op->in[0])));
    vq_clear_slack(&m->b, end, bytes);
}

/* The frame of a chunk: its inputs and outputs, and the same work area. */
static Val
chunk_frame(Module *m, Val frame, Val chunk)
{
    Build *b = &m->b;
    const Graph *g = m->g;
    unsigned n = vq_frame_size(m);
    Val own = b_alloca(b, 8 * (int64_t)n), p;

    for (unsigned i = 0; i < n; i++) {
        p = load_pointer(m, frame, i);
        if (i + 1 < n)
            p = b_elt(b, p, chunk,
                      vq_bytes(vq_type(g, i < g->nin ? g->in[i]
                                                     : g->out[i - g->nin])),
                      0);
        b_store(b, p, b_atc(b, own, 8 * (int64_t)i), 8);
    }
    return own;
}

static void
call_steps(Module *m, Val frame, Val context, const Val *step)
{
    Build *b = &m->b;
    unsigned n = 0;

    for (uint32_t i = 1; i < m->g->nop; i++) {
        if (!vq_is_step(m, i))
            continue;
        clear_slack(m, frame, &m->g->op[i]);
        b_call(b, m->invoke,
               (Val[]){frame, context, step[i], b_i32(b, n++),
                       b_i32(b, m->plan[i].most)},
               5);
    }
    copy_outputs(m, frame);
}

Val
vq_module_run(Module *m, const Level *level)
{
    Build *b = &m->b;
    const Graph *g = m->g;
    const char *name = vq_format(m->arena, "run.%s", level->name);
    Ty none = LLVMVoidTypeInContext(b->c);
    Val *step = NEWN(m->arena, Val, g->nop), fn, frame;
    unsigned n = 0;
    Loop chunk;

    if (!m->invoke)
        m->invoke = make_invoke(m);
    for (uint32_t i = 1; i < g->nop; i++)
        if (vq_is_step(m, i))
            step[i] = make_step(m, level, &g->op[i], n++);
    fn = vq_module_function(m, name, vq_function_type(m, none, "pp"), NULL);
    frame = LLVMGetParam(fn, 0);
    b_loop(b, &chunk, 0, 1, m->whole->chunks);
    if (m->whole->chunks > 1)
        frame = chunk_frame(m, frame, chunk.i);
    call_steps(m, frame, LLVMGetParam(fn, 1), step);
    b_loop_end(b, &chunk);
    LLVMBuildRetVoid(b->b);
    return fn;
}
