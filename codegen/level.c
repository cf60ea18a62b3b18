/*
 * level.c -- primitives that are one instruction of each register width.
 */
#include "codegen/level.h"

#include <assert.h>
#include <string.h>

const Level *
vq_levels(const char *triple)
{
    static const struct {
        const char *arch;
        const Level *levels;
    } table[] = {
        {"x86_64", vq_levels_x86},
        {"amd64", vq_levels_x86},
    };

    for (size_t i = 0; i < COUNT(table); i++)
        if (strncmp(triple, table[i].arch, strlen(table[i].arch)) == 0)
            return table[i].levels;
    return NULL;
}

/* A two-operand intrinsic of one register on operands of any number of them;
 * `bits` is the width of the result's elements. */
static Val
by_register(Build *b, const char *name, Val x, Val y, unsigned bits)
{
    unsigned reg = b->level->isa->bits, each, n;
    Val part[16];

    each = reg / LLVMGetIntTypeWidth(b_elem(x));
    n = b_lanes(x) / each;
    assert(n >= 1 && n <= COUNT(part));
    for (unsigned i = 0; i < n; i++) {
        Val arg[2] = {x, y};

        if (n > 1)
            for (int k = 0; k < 2; k++)
                arg[k] = b_slice(b, arg[k], i * each, each);
        part[i] =
            b_intrinsic(b, name, NULL, arg, 2, b_int(b, bits, reg / bits));
    }
    for (; n > 1; n /= 2)
        for (unsigned i = 0; i < n / 2; i++)
            part[i] = b_join(b, part[2 * i], part[2 * i + 1]);
    return part[0];
}

Val
p_pack16(Build *b, Val x, Val y)
{
    return by_register(b, b->level->isa->packs16, x, y, 16);
}

Val
p_pack8(Build *b, Val x, Val y, bool is_signed)
{
    const Isa *isa = b->level->isa;

    return by_register(b, is_signed ? isa->packs8 : isa->packu8, x, y, 8);
}

Val
p_madd(Build *b, Val x, Val y)
{
    return by_register(b, b->level->isa->madd, x, y, 32);
}

/* The high halves of the 16-bit lanes meet zeros. */
Val
p_mul16(Build *b, Val x, Val y)
{
    Ty t = b_vec(b->i16, 2 * b_lanes(x));

    return p_madd(b, b_bitcast(b, x, t), b_bitcast(b, b_andc(b, y, 65535), t));
}

Val
p_mulhrs(Build *b, Val x, Val y)
{
    if (b->level->isa->mulhrs)
        return by_register(b, b->level->isa->mulhrs, x, y, 16);
    x = b_mul(b, b_sext(b, x, 32), b_sext(b, y, 32));
    return b_trunc(b, b_ashrc(b, b_addc(b, x, 1 << 14), 15), 16);
}

Val
p_mulhi(Build *b, Val x, Val y)
{
    return by_register(b, b->level->isa->mulhi, x, y, 16);
}

Val
p_average(Build *b, Val x, Val y)
{
    return by_register(b, b->level->isa->average, x, y, 16);
}
