/*
 * build.c -- types, constants and arithmetic for kernels.
 */
#include "codegen/build.h"

#include <assert.h>
#include <string.h>

static void
end_context(void *context)
{
    LLVMContextDispose(context);
}

static void
end_module(void *module)
{
    LLVMDisposeModule(module);
}

static void
end_builder(void *builder)
{
    LLVMDisposeBuilder(builder);
}

void
b_init(Build *b, Arena *a, const char *name)
{
    Owned *context = vq_own(a, end_context);
    Owned *module = vq_own(a, end_module);
    Owned *builder = vq_own(a, end_builder);

    *b = (Build){.c = context->what = LLVMContextCreate()};
    b->m = module->what = LLVMModuleCreateWithNameInContext(name, b->c);
    b->b = builder->what = LLVMCreateBuilderInContext(b->c);
    b->i1 = LLVMInt1TypeInContext(b->c);
    b->i8 = LLVMInt8TypeInContext(b->c);
    b->i16 = LLVMInt16TypeInContext(b->c);
    b->i32 = LLVMInt32TypeInContext(b->c);
    b->i64 = LLVMInt64TypeInContext(b->c);
    b->f32 = LLVMFloatTypeInContext(b->c);
    b->ptr = LLVMPointerTypeInContext(b->c, 0);
}

Ty
b_vec(Ty t, unsigned lanes)
{
    return lanes > 1 ? LLVMVectorType(t, lanes) : t;
}

static bool
is_vector(Ty t)
{
    return LLVMGetTypeKind(t) == LLVMVectorTypeKind;
}

unsigned
b_lanes(Val x)
{
    Ty t = LLVMTypeOf(x);

    return is_vector(t) ? LLVMGetVectorSize(t) : 1;
}

Ty
b_elem(Val x)
{
    Ty t = LLVMTypeOf(x);

    return is_vector(t) ? LLVMGetElementType(t) : t;
}

Ty
b_int(Build *b, unsigned bits, unsigned lanes)
{
    return b_vec(LLVMIntTypeInContext(b->c, bits), lanes);
}

Ty
b_dtype(Build *b, DType dt)
{
    return dt == DT_F32 ? b->f32 : b_int(b, vq_dtype[dt].bytes * 8, 1);
}

Val
b_i32(Build *b, int64_t x)
{
    return b_const(b->i32, x);
}

Val
b_i64(Build *b, int64_t x)
{
    return b_const(b->i64, x);
}

Val
b_const(Ty t, int64_t x)
{
    Val lane[64], c;

    if (!is_vector(t))
        return LLVMConstInt(t, (unsigned long long)x, 1);
    c = LLVMConstInt(LLVMGetElementType(t), (unsigned long long)x, 1);
    assert(LLVMGetVectorSize(t) <= COUNT(lane));
    for (unsigned i = 0; i < LLVMGetVectorSize(t); i++)
        lane[i] = c;
    return LLVMConstVector(lane, LLVMGetVectorSize(t));
}

Val
b_consts(Build *b, Ty elem, const int64_t *x, unsigned n)
{
    Val lane[64];

    (void)b;
    assert(n <= COUNT(lane));
    for (unsigned i = 0; i < n; i++)
        lane[i] = LLVMConstInt(elem, (unsigned long long)x[i], 1);
    return LLVMConstVector(lane, n);
}

#define BINARY(name, Op)                                                       \
    Val name(Build *b, Val x, Val y)                                           \
    {                                                                          \
        return LLVMBuild##Op(b->b, x, y, "");                                  \
    }
#define BINARY_CONST(name, Op)                                                 \
    Val name(Build *b, Val x, int64_t y)                                       \
    {                                                                          \
        return LLVMBuild##Op(b->b, x, b_const(LLVMTypeOf(x), y), "");          \
    }

BINARY(b_add, Add)
BINARY(b_sub, Sub)
BINARY(b_mul, Mul)
BINARY(b_and, And)
BINARY(b_or, Or)
BINARY(b_xor, Xor)
BINARY(b_shl, Shl)
BINARY(b_ashr, AShr)
BINARY(b_lshr, LShr)
BINARY_CONST(b_addc, Add)
BINARY_CONST(b_subc, Sub)
BINARY_CONST(b_mulc, Mul)
BINARY_CONST(b_andc, And)
BINARY_CONST(b_shlc, Shl)
BINARY_CONST(b_ashrc, AShr)
BINARY_CONST(b_lshrc, LShr)

Val
b_cmp(Build *b, LLVMIntPredicate p, Val x, Val y)
{
    return LLVMBuildICmp(b->b, p, x, y, "");
}

Val
b_select(Build *b, Val c, Val x, Val y)
{
    return LLVMBuildSelect(b->b, c, x, y, "");
}

static Val
binary_intrinsic(Build *b, const char *name, Val x, Val y)
{
    return b_intrinsic(b, name, LLVMTypeOf(x), (Val[]){x, y}, 2, NULL);
}

Val
b_smax(Build *b, Val x, Val y)
{
    return binary_intrinsic(b, "llvm.smax", x, y);
}

Val
b_smin(Build *b, Val x, Val y)
{
    return binary_intrinsic(b, "llvm.smin", x, y);
}

Val
b_umin(Build *b, Val x, Val y)
{
    return binary_intrinsic(b, "llvm.umin", x, y);
}

Val
b_sadd_sat(Build *b, Val x, Val y)
{
    return binary_intrinsic(b, "llvm.sadd.sat", x, y);
}

Val
b_clamp(Build *b, Val x, int64_t lo, int64_t hi)
{
    Ty t = LLVMTypeOf(x);

    return b_smin(b, b_smax(b, x, b_const(t, lo)), b_const(t, hi));
}

Val
b_sext(Build *b, Val x, unsigned bits)
{
    return LLVMBuildSExt(b->b, x, b_int(b, bits, b_lanes(x)), "");
}

Val
b_zext(Build *b, Val x, unsigned bits)
{
    return LLVMBuildZExt(b->b, x, b_int(b, bits, b_lanes(x)), "");
}

Val
b_trunc(Build *b, Val x, unsigned bits)
{
    return LLVMBuildTrunc(b->b, x, b_int(b, bits, b_lanes(x)), "");
}

Val
b_widen(Build *b, Val x, DType dt, unsigned bits)
{
    if (vq_dtype[dt].bytes * 8 == bits)
        return x;
    return vq_dtype[dt].lo < 0 ? b_sext(b, x, bits) : b_zext(b, x, bits);
}

Val
b_splat(Build *b, Val x, unsigned lanes)
{
    Ty t = b_vec(LLVMTypeOf(x), lanes);
    int zero[64] = {0};
    Val v;

    if (lanes == 1)
        return x;
    v = LLVMBuildInsertElement(b->b, LLVMGetPoison(t), x, b_i32(b, 0), "");
    return b_shuffle(b, v, NULL, zero, lanes);
}

Val
b_shuffle(Build *b, Val x, Val y, const int *lane, unsigned n)
{
    Val mask[64];

    assert(n <= COUNT(mask));
    for (unsigned i = 0; i < n; i++)
        mask[i] = lane[i] < 0 ? LLVMGetPoison(b->i32) : b_i32(b, lane[i]);
    return LLVMBuildShuffleVector(b->b, x, y ? y : LLVMGetPoison(LLVMTypeOf(x)),
                                  LLVMConstVector(mask, n), "");
}

Val
b_slice(Build *b, Val x, unsigned first, unsigned n)
{
    int lane[64];

    if (n == 1)
        return b_extract(b, x, first);
    for (unsigned i = 0; i < n; i++)
        lane[i] = (int)(first + i);
    return b_shuffle(b, x, NULL, lane, n);
}

Val
b_join(Build *b, Val x, Val y)
{
    unsigned n = b_lanes(x) + b_lanes(y);
    int lane[64];

    assert(b_lanes(x) == b_lanes(y) && n <= COUNT(lane));
    for (unsigned i = 0; i < n; i++)
        lane[i] = (int)i;
    return b_shuffle(b, x, y, lane, n);
}

Val
b_extract(Build *b, Val x, unsigned lane)
{
    return LLVMBuildExtractElement(b->b, x, b_i32(b, lane), "");
}

Val
b_insert(Build *b, Val x, Val scalar, unsigned lane)
{
    return LLVMBuildInsertElement(b->b, x, scalar, b_i32(b, lane), "");
}

Val
b_bitcast(Build *b, Val x, Ty t)
{
    return LLVMTypeOf(x) == t ? x : LLVMBuildBitCast(b->b, x, t, "");
}

Val
b_reduce(Build *b, const char *how, Val x)
{
    char name[64] = "llvm.vector.reduce.";

    strncat(name, how, sizeof name - strlen(name) - 1);
    return b_intrinsic(b, name, LLVMTypeOf(x), &x, 1, NULL);
}

Val
b_look_up(Build *b, Val table, Ty elem, Val at)
{
    unsigned lanes = b_lanes(at), size = LLVMGetIntTypeWidth(elem) / 8;
    Val x = LLVMGetPoison(b_vec(elem, lanes)), i;

    for (unsigned k = 0; k < lanes; k++) {
        i = b_zext(b, b_extract(b, at, k), 64);
        i = b_load(b, elem, b_elt(b, table, i, size, 0), size);
        x = b_insert(b, x, i, k);
    }
    return x;
}
