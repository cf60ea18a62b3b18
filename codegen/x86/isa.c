/*
 * isa.c -- what one register of SSE2, AVX2 and AVX-512 does: one instruction
 * each.
 */
#include "codegen/x86/prim.h"

/* A function of two registers by the intrinsic `name`; its result has as many
 * bits as a register, in lanes of `bits`. */
#define ONE(fn, name, reg, bits)                                               \
    static Val fn(Build *b, Val x, Val y)                                      \
    {                                                                          \
        return b_intrinsic(b, "llvm.x86." name, NULL, (Val[]){x, y}, 2,        \
                           b_int(b, bits, reg / bits));                        \
    }

ONE(madd128, "sse2.pmadd.wd", 128, 32)
ONE(pack16_128, "sse2.packssdw.128", 128, 16)
ONE(pack8_128, "sse2.packsswb.128", 128, 8)
ONE(packu8_128, "sse2.packuswb.128", 128, 8)
ONE(mulhi128, "sse2.pmulhu.w", 128, 16)
ONE(average128, "sse2.pavg.w", 128, 16)

ONE(madd256, "avx2.pmadd.wd", 256, 32)
ONE(pack16_256, "avx2.packssdw", 256, 16)
ONE(pack8_256, "avx2.packsswb", 256, 8)
ONE(packu8_256, "avx2.packuswb", 256, 8)
ONE(mulhrs256, "avx2.pmul.hr.sw", 256, 16)
ONE(mulhi256, "avx2.pmulhu.w", 256, 16)
ONE(average256, "avx2.pavg.w", 256, 16)

ONE(madd512, "avx512.pmaddw.d.512", 512, 32)
ONE(pack16_512, "avx512.packssdw.512", 512, 16)
ONE(pack8_512, "avx512.packsswb.512", 512, 8)
ONE(packu8_512, "avx512.packuswb.512", 512, 8)
ONE(mulhrs512, "avx512.pmul.hr.sw.512", 512, 16)
ONE(mulhi512, "avx512.pmulhu.w.512", 512, 16)
ONE(average512, "avx512.pavg.w.512", 512, 16)

const Isa x86_sse2 = {
    .bits = 128,
    .madd = madd128,
    .pack16 = pack16_128,
    .pack8 = pack8_128,
    .packu8 = packu8_128,
    .mulhi = mulhi128,
    .average = average128,
};

const Isa x86_avx2 = {
    .bits = 256,
    .madd = madd256,
    .pack16 = pack16_256,
    .pack8 = pack8_256,
    .packu8 = packu8_256,
    .mulhrs = mulhrs256,
    .mulhi = mulhi256,
    .average = average256,
};

const Isa x86_avx512 = {
    .bits = 512,
    .madd = madd512,
    .pack16 = pack16_512,
    .pack8 = pack8_512,
    .packu8 = packu8_512,
    .mulhrs = mulhrs512,
    .mulhi = mulhi512,
    .average = average512,
};
