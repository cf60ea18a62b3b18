/*
 * level.c -- the architectures, and primitives that take registers one by one.
 */
#include "codegen/level.h"

#include <assert.h>
#include <string.h>

const Arch *
vq_arch(const char *triple)
{
    static const struct {
        const char *name;
        const Arch *arch;
    } table[] = {
        {"x86_64", &vq_x86},
        {"amd64", &vq_x86},
        {"aarch64", &vq_arm},
        {"arm64", &vq_arm},
    };

    for (size_t i = 0; i < COUNT(table); i++)
        if (strncmp(triple, table[i].name, strlen(table[i].name)) == 0)
            return table[i].arch;
    return NULL;
}

/* A function of one register's operands on operands of any number of them. */
static Val
by_register(Build *b, LanesFn *fn, Val x, Val y)
{
    unsigned each = b->level->isa->bits / LLVMGetIntTypeWidth(b_elem(x));
    unsigned n = b_lanes(x) / each;
    Val part[16];

    assert(n >= 1 && n <= COUNT(part));
    for (unsigned i = 0; i < n; i++) {
        Val arg[2] = {x, y};

        if (n > 1)
            for (int k = 0; k < 2; k++)
                arg[k] = b_slice(b, arg[k], i * each, each);
        part[i] = fn(b, arg[0], arg[1]);
    }
    for (; n > 1; n /= 2)
        for (unsigned i = 0; i < n / 2; i++)
            part[i] = b_join(b, part[2 * i], part[2 * i + 1]);
    return part[0];
}

Val
p_pack16(Build *b, Val x, Val y)
{
    return by_register(b, b->level->isa->pack16, x, y);
}

Val
p_pack8(Build *b, Val x, Val y, bool is_signed)
{
    const Isa *isa = b->level->isa;

    return by_register(b, is_signed ? isa->pack8 : isa->packu8, x, y);
}

Val
p_madd(Build *b, Val x, Val y)
{
    return by_register(b, b->level->isa->madd, x, y);
}

static Val
pairs_of_first(Build *b, Val x, Val y)
{
    (void)y;
    return b->level->isa->pairs(b, x);
}

Val
p_pairs(Build *b, Val x)
{
    if (b->level->isa->pairs)
        return by_register(b, pairs_of_first, x, x);
    return p_madd(b, x, b_const(LLVMTypeOf(x), 1));
}

/* The high halves of the 16-bit lanes meet zeros. */
Val
p_mul16(Build *b, Val x, Val y)
{
    Ty t = b_vec(b->i16, 2 * b_lanes(x));

    if (b->level->isa->mul16)
        return b->level->isa->mul16(b, x, y);
    return p_madd(b, b_bitcast(b, x, t), b_bitcast(b, b_andc(b, y, 65535), t));
}

Val
p_mulu(Build *b, Val x, Val y)
{
    if (b->level->isa->mulu)
        return by_register(b, b->level->isa->mulu, x, y);
    return b_mul(b, b_andc(b, x, UINT32_MAX), b_andc(b, y, UINT32_MAX));
}

static Val
low_half(Build *b, Val x)
{
    return b_ashrc(b, b_shlc(b, x, 32), 32);
}

Val
p_muls(Build *b, Val x, Val y)
{
    if (b->level->isa->muls)
        return by_register(b, b->level->isa->muls, x, y);
    return b_mul(b, low_half(b, x), low_half(b, y));
}

Val
p_mulhrs(Build *b, Val x, Val y)
{
    if (b->level->isa->mulhrs)
        return by_register(b, b->level->isa->mulhrs, x, y);
    x = b_mul(b, b_sext(b, x, 32), b_sext(b, y, 32));
    return b_trunc(b, b_ashrc(b, b_addc(b, x, 1 << 14), 15), 16);
}

Val
p_mulhi(Build *b, Val x, Val y)
{
    return by_register(b, b->level->isa->mulhi, x, y);
}

Val
p_average(Build *b, Val x, Val y)
{
    return by_register(b, b->level->isa->average, x, y);
}
