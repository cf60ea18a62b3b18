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

enum { MAXREGISTERS = 16 }; /* of an operand */

static unsigned
lanes_of_register(const Build *b, Val x)
{
    return b->level->isa->bits / LLVMGetIntTypeWidth(b_elem(x));
}

/* n parts, a power of two, one after the other. */
static Val
join_parts(Build *b, Val *part, unsigned n)
{
    for (; n > 1; n /= 2)
        for (unsigned i = 0; i < n / 2; i++)
            part[i] = b_join(b, part[2 * i], part[2 * i + 1]);
    return part[0];
}

/* A function of one register's operands on operands of any number of them. */
static Val
by_register(Build *b, LanesFn *fn, Val x, Val y)
{
    unsigned each = lanes_of_register(b, x), n = b_lanes(x) / each;
    Val part[MAXREGISTERS];

    assert(n >= 1 && n <= COUNT(part));
    for (unsigned i = 0; i < n; i++) {
        Val arg[2] = {x, y};

        if (n > 1)
            for (int k = 0; k < 2; k++)
                arg[k] = b_slice(b, arg[k], i * each, each);
        part[i] = fn(b, arg[0], arg[1]);
    }
    return join_parts(b, part, n);
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

Val
p_mulround(Build *b, Val x, Val y, Val s)
{
    unsigned each = lanes_of_register(b, x), n = b_lanes(x) / each;
    Val part[MAXREGISTERS];

    assert(n >= 1 && n <= COUNT(part));
    for (unsigned i = 0; i < n; i++)
        part[i] = b->level->isa->mulround(b, b_slice(b, x, i * each, each),
                                          b_slice(b, y, i * each, each), s);
    return join_parts(b, part, n);
}

Val
p_dot4(Build *b, Val acc, Val x, Val w)
{
    unsigned bytes = lanes_of_register(b, x), n = b_lanes(x) / bytes;
    unsigned sums = bytes / 4;
    Val part[MAXREGISTERS];

    if (n == 1)
        return b->level->dot4(b, acc, x, w);
    for (unsigned i = 0; i < n; i++)
        part[i] = b->level->dot4(b, b_slice(b, acc, i * sums, sums),
                                 b_slice(b, x, i * bytes, bytes),
                                 b_slice(b, w, i * bytes, bytes));
    return join_parts(b, part, n);
}

/* ---- parts of levels that architectures share ---- */

void
p_start(Build *b, Val sums, Val *acc)
{
    unsigned n = b->level->nacc, lanes = lanes_of_register(b, sums);

    for (unsigned i = 0; i < n; i++)
        acc[i] = n > 1 ? b_slice(b, sums, i * lanes, lanes) : sums;
}

void
p_total(Build *b, const Val *acc, Val *sums)
{
    Val part[MAXACC];

    for (unsigned i = 0; i < b->level->nacc; i++)
        part[i] = acc[i];
    sums[0] = join_parts(b, part, b->level->nacc);
}

void
p_panel(Build *b, Val p, unsigned n, Val *w)
{
    unsigned bits = b->level->isa->bits, bytes = bits / 8;

    (void)n;
    for (unsigned i = 0; i < b->level->nacc; i++)
        w[i] =
            b_load(b, b_vec(b->i32, bits / 32), b_atc(b, p, bytes * i), bytes);
}

/* One on the function's own stack changes; others are constants of the model.
 */
Val
p_table(Build *b, Ty t, Val table, int64_t at, unsigned align)
{
    Val p = b_atc(b, table, at);

    return LLVMIsAAllocaInst(table) ? b_load(b, t, p, align)
                                    : b_load_const(b, t, p, align);
}
