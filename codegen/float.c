/*
 * float.c -- f.map: the program of its code, an instruction at a time.
 */
#include "codegen/float.h"

#include "ir/program.h"

#include <string.h>

Val
p_float(Build *b, float x, unsigned lanes)
{
    uint32_t bits;

    memcpy(&bits, &x, sizeof bits);
    return b_bitcast(b, b_const(b_int(b, 32, lanes), bits),
                     b_vec(b->f32, lanes));
}

static Val
nan_bits(Build *b, unsigned lanes)
{
    return b_bitcast(b, b_const(b_int(b, 32, lanes), VQ_NAN_BITS),
                     b_vec(b->f32, lanes));
}

Val
p_one_nan(Build *b, Val x)
{
    return b_select(b, LLVMBuildFCmp(b->b, LLVMRealUNO, x, x, ""),
                    nan_bits(b, b_lanes(x)), x);
}

int64_t
vq_walk_rows(const Walk *w)
{
    int64_t n = 1;

    for (int i = 0; i < w->rank; i++)
        n *= w->dim[i];
    return n;
}

Val
p_walk_at(Build *b, const Walk *w, int k, Val row)
{
    Val at = b_i64(b, 0), i;

    for (int axis = w->rank - 1; axis >= 0; axis--) {
        Val dim = b_i64(b, w->dim[axis]);

        i = axis ? LLVMBuildURem(b->b, row, dim, "") : row;
        row = axis ? LLVMBuildUDiv(b->b, row, dim, "") : row;
        if (w->step[k][axis])
            at = b_add(b, at, b_mulc(b, i, w->step[k][axis]));
    }
    return at;
}

/* ---- the program ---- */

typedef struct Map {
    const Program *program;
    Val *reg; /* of the program: lanes of 32 bits, integers */
    Walk w;   /* result, first operand, second */
    Val from[2], out;
} Map;

bool
vq_plan_map(Module *m, const Op *op, Plan *p)
{
    const Attr *code = vq_attr(op, A_CODE);
    Map *c = NEW(m->arena, Map);
    const Type *out = vq_type(m->g, op->out);

    c->program = vq_program_of(m->arena, code->i, code->n);
    c->reg = NEWN(m->arena, Val, c->program->n);
    vq_dense_steps(out, c->w.step[0]);
    for (uint32_t i = 0; i < 2; i++)
        vq_broadcast_steps(vq_type(m->g, op->in[i < op->nin ? i : 0]), out,
                           c->w.step[1 + i]);
    vq_walk_init(&c->w, out, 3);
    p->info = c;
    return true;
}

static Val
floats(Build *b, Val x)
{
    return b_bitcast(b, x, b_vec(b->f32, b_lanes(x)));
}

static Val
mask(Build *b, Val is)
{
    return b_sext(b, is, 32);
}

static Val
binary(Build *b, LLVMOpcode op, Val x, Val y)
{
    return LLVMBuildBinOp(b->b, op, floats(b, x), floats(b, y), "");
}

static Val
compare(Build *b, LLVMRealPredicate p, Val x, Val y)
{
    return mask(b, LLVMBuildFCmp(b->b, p, floats(b, x), floats(b, y), ""));
}

static Val
square_root(Build *b, Val x)
{
    x = floats(b, x);
    return b_intrinsic(b, "llvm.sqrt", LLVMTypeOf(x), &x, 1, NULL);
}

static Val
choose(Build *b, Val is, Val x, Val y)
{
    return b_select(b, b_cmp(b, LLVMIntSLT, is, LLVMConstNull(LLVMTypeOf(is))),
                    x, y);
}

/* All but operands and constants, on x, y, z. */
static Val
emit_inst(Build *b, const Inst *k, Val x, Val y, Val z)
{
    switch (k->op) {
    case PI_ADD:
        return binary(b, LLVMFAdd, x, y);
    case PI_SUB:
        return binary(b, LLVMFSub, x, y);
    case PI_MUL:
        return binary(b, LLVMFMul, x, y);
    case PI_DIV:
        return binary(b, LLVMFDiv, x, y);
    case PI_SQRT:
        return square_root(b, x);
    case PI_LT:
        return compare(b, LLVMRealOLT, x, y);
    case PI_EQ:
        return compare(b, LLVMRealOEQ, x, y);
    case PI_NAN:
        return compare(b, LLVMRealUNO, x, x);
    case PI_SEL:
        return choose(b, x, y, z);
    case PI_AND:
        return b_and(b, x, y);
    case PI_OR:
        return b_or(b, x, y);
    case PI_XOR:
        return b_xor(b, x, y);
    case PI_IADD:
        return b_add(b, x, y);
    case PI_ISUB:
        return b_sub(b, x, y);
    case PI_SHL:
        return b_shlc(b, x, k->b);
    case PI_SHR:
        return b_lshrc(b, x, k->b);
    default:
        return b_ashrc(b, x, k->b);
    }
}

/* FLOAT_LANES elements of operand k from index i of the row, or one for all.
 */
static Val
load_operand(Build *b, const Map *c, int k, Val i, unsigned count)
{
    if (c->w.by[1 + k] == 0)
        return b_splat(b, b_load(b, b->i32, c->from[k], 4), FLOAT_LANES);
    return b_load_part(b, b_vec(b->i32, FLOAT_LANES),
                       b_elt(b, c->from[k], i, 4, 0), count);
}

static void
map_lanes(Build *b, void *user, Val i, unsigned count)
{
    const Map *c = user;
    Ty ints = b_vec(b->i32, FLOAT_LANES);
    Val *r = c->reg;

    for (uint32_t n = 0; n < c->program->n; n++) {
        const Inst *k = &c->program->inst[n];
        unsigned operands = vq_program_operands[k->op];

        if (k->op == PI_X || k->op == PI_Y)
            r[n] = load_operand(b, c, k->op == PI_Y, i, count);
        else if (k->op == PI_K)
            r[n] = b_const(ints, k->a);
        else
            r[n] = b_bitcast(b,
                             emit_inst(b, k, r[k->a],
                                       operands > 1 ? r[k->b] : NULL,
                                       operands > 2 ? r[k->c] : NULL),
                             ints);
    }
    b_store_part(b, r[c->program->n - 1], b_elt(b, c->out, i, 4, 0), count);
}

void
vq_body_map(Build *b, const Args *args)
{
    Map c = *(const Map *)args->plan->info;
    int64_t turns = vq_turns(c.w.cols, FLOAT_LANES);
    Nest nest;

    b_nest(b, &nest, args->part, args->parts, vq_walk_rows(&c.w) * turns,
           turns);
    for (uint32_t k = 0; k < args->op->nin; k++)
        c.from[k] =
            b_elt(b, args->in[k], p_walk_at(b, &c.w, 1 + (int)k, nest.i), 4, 0);
    c.out = b_elt(b, args->out, nest.i, c.w.cols * 4, 0);
    b_map_range(b, c.w.cols, FLOAT_LANES, nest.lo, nest.hi, map_lanes, &c);
    b_nest_end(b, &nest);
}
