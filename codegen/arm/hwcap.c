/*
 * hwcap.c -- which levels this CPU can run.
 *
 * Programs cannot read the CPU's own feature registers everywhere; Linux and
 * Android tell what it has by getauxval. Elsewhere the triple says what all
 * CPUs of a system have, and stronger levels run when they are asked for with
 * VqrtContext.checked.
 */
#include "codegen/arm/prim.h"
#include "codegen/module.h"

#include <string.h>

enum { HWCAP = 16, HWCAP2 = 26 }; /* AT_HWCAP, AT_HWCAP2 of <elf.h> */

static Val
ask(Build *b, Val getauxval, int what)
{
    return b_call(b, getauxval, (Val[]){b_i64(b, what)}, 1);
}

/* All bits of mask set in x. */
static Val
has_bits(Build *b, Val x, uint32_t mask)
{
    return b_cmp(b, LLVMIntEQ, b_andc(b, x, mask), b_i64(b, mask));
}

static Val
levels_by_auxval(Module *m)
{
    Build *b = &m->b;
    Val fn = LLVMAddFunction(b->m, "getauxval",
                             LLVMFunctionType(b->i64, &b->i64, 1, 0));
    Val hwcap = ask(b, fn, HWCAP), hwcap2 = ask(b, fn, HWCAP2);
    Val mask = b_i32(b, 0), yes;

    for (unsigned i = 0; i < m->nlevel; i++) {
        const ArmNeeds *needs = m->level[i]->needs;

        yes = b_and(b, has_bits(b, hwcap, needs->hwcap),
                    has_bits(b, hwcap2, needs->hwcap2));
        mask = b_or(b, mask, b_shlc(b, b_zext(b, yes, 32), i));
    }
    return mask;
}

static Val
levels_by_triple(Module *m)
{
    const char *triple = LLVMGetTarget(m->b.m);
    bool macos = strstr(triple, "-macos") || strstr(triple, "-darwin");
    int64_t mask = 0;

    for (unsigned i = 0; i < m->nlevel; i++) {
        const ArmNeeds *needs = m->level[i]->needs;

        if ((macos && needs->macos) || !(needs->hwcap | needs->hwcap2))
            mask |= INT64_C(1) << i;
    }
    return b_i32(&m->b, mask);
}

Val
arm_cpu_check(Module *m)
{
    Ty type = vq_function_type(m, m->b.i32, "");
    Val fn = vq_module_function(m, "levels", type, NULL), mask;

    mask = strstr(LLVMGetTarget(m->b.m), "-linux") ? levels_by_auxval(m)
                                                   : levels_by_triple(m);
    LLVMBuildRet(m->b.b, mask);
    return fn;
}
