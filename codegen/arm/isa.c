/*
 * isa.c -- what one register of Advanced SIMD does.
 */
#include "codegen/arm/prim.h"

/* An instruction that is named after what it gives: `bits` by `lanes`. */
static Val
one(Build *b, const char *name, unsigned bits, unsigned lanes, Val x, Val y)
{
    return b_intrinsic(b, name, b_int(b, bits, lanes), (Val[]){x, y}, y ? 2 : 1,
                       NULL);
}

static Val
low(Build *b, Val x)
{
    return b_slice(b, x, 0, b_lanes(x) / 2);
}

static Val
high(Build *b, Val x)
{
    return b_slice(b, x, b_lanes(x) / 2, b_lanes(x) / 2);
}

static Val
madd(Build *b, Val x, Val y)
{
    static const char *const name = "llvm.aarch64.neon.smull";

    return one(b, "llvm.aarch64.neon.addp", 32, 4,
               one(b, name, 32, 4, low(b, x), low(b, y)),
               one(b, name, 32, 4, high(b, x), high(b, y)));
}

static Val
pairs(Build *b, Val x)
{
    return b_intrinsic2(b, "llvm.aarch64.neon.saddlp", b_vec(b->i32, 4),
                        b_vec(b->i16, 8), &x, 1, NULL);
}

static Val
narrow(Build *b, const char *name, Val x, Val y)
{
    unsigned lanes = b_lanes(x), bits = 64 / lanes;

    return b_join(b, one(b, name, bits, lanes, x, NULL),
                  one(b, name, bits, lanes, y, NULL));
}

static Val
pack_signed(Build *b, Val x, Val y)
{
    return narrow(b, "llvm.aarch64.neon.sqxtn", x, y);
}

static Val
pack_unsigned(Build *b, Val x, Val y)
{
    return narrow(b, "llvm.aarch64.neon.sqxtun", x, y);
}

static Val
mulhrs(Build *b, Val x, Val y)
{
    return one(b, "llvm.aarch64.neon.sqrdmulh", 16, 8, x, y);
}

/* There is no such instruction: the upper halves of 32-bit products. */
static Val
mulhi(Build *b, Val x, Val y)
{
    x = b_mul(b, b_zext(b, x, 32), b_zext(b, y, 32));
    return b_trunc(b, b_lshrc(b, x, 16), 16);
}

static Val
average(Build *b, Val x, Val y)
{
    return one(b, "llvm.aarch64.neon.urhadd", 16, 8, x, y);
}

/* There are no products of 64-bit lanes, but those of 32 bits widen. */
static Val
mulu(Build *b, Val x, Val y)
{
    return one(b, "llvm.aarch64.neon.umull", 64, 2, b_trunc(b, x, 32),
               b_trunc(b, y, 32));
}

static Val
muls(Build *b, Val x, Val y)
{
    return one(b, "llvm.aarch64.neon.smull", 64, 2, b_trunc(b, x, 32),
               b_trunc(b, y, 32));
}

/* By a negative count urshl shifts right, and rounds. */
static Val
mulround(Build *b, Val x, Val y, Val s)
{
    Val by = b_splat(b, b_sub(b, b_i32(b, 0), s), 4), half[2];

    half[0] = one(b, "llvm.aarch64.neon.umull", 32, 4, low(b, x), low(b, y));
    half[1] = one(b, "llvm.aarch64.neon.umull", 32, 4, high(b, x), high(b, y));
    for (int i = 0; i < 2; i++)
        half[i] = one(b, "llvm.aarch64.neon.urshl", 32, 4, half[i], by);
    return b_trunc(b, b_join(b, half[0], half[1]), 16);
}

const Isa arm_neon = {
    .bits = 128,
    .madd = madd,
    .pack16 = pack_signed,
    .pack8 = pack_signed,
    .packu8 = pack_unsigned,
    .mulhrs = mulhrs,
    .mulhi = mulhi,
    .average = average,
    .mul16 = b_mul,
    .mulu = mulu,
    .muls = muls,
    .pairs = pairs,
    .mulround = mulround,
};
