/*
 * cpuid.c -- which levels this CPU and its system can run.
 *
 * Asked anew at every call: an object has no writable data to remember it in.
 * CPUID says what the CPU has, XCR0 which registers the system saves. Tiles are
 * 8 KiB that Linux saves only for processes that have asked.
 */
#include "codegen/module.h"
#include "codegen/x86/prim.h"

#include <string.h>

/* Runs one instruction; the results are eax, ebx, ecx, edx. */
static Val
emit_asm(Build *b, const char *text, const char *constraints, unsigned nresult,
         Val *args, unsigned nargs)
{
    Ty four[4] = {b->i32, b->i32, b->i32, b->i32};
    Ty param[2] = {b->i32, b->i32};
    Ty ft = LLVMFunctionType(LLVMStructTypeInContext(b->c, four, nresult, 0),
                             param, nargs, 0);
    Val fn =
        LLVMGetInlineAsm(ft, text, strlen(text), constraints,
                         strlen(constraints), 1, 0, LLVMInlineAsmDialectATT, 0);

    return LLVMBuildCall2(b->b, ft, fn, args, nargs, "");
}

static Val
emit_cpuid(Build *b, unsigned leaf, unsigned sub)
{
    return emit_asm(b, "cpuid",
                    "={ax},={bx},={cx},={dx},{ax},{cx},"
                    "~{dirflag},~{fpsr},~{flags}",
                    4, (Val[]){b_i32(b, leaf), b_i32(b, sub)}, 2);
}

static Val
reg(Build *b, Val regs, unsigned i)
{
    return LLVMBuildExtractValue(b->b, regs, i, "");
}

/* All bits of mask set in x. */
static Val
has_bits(Build *b, Val x, uint32_t mask)
{
    return b_cmp(b, LLVMIntEQ, b_andc(b, x, mask), b_i32(b, mask));
}

enum { OSXSAVE = 27, NLEAF = 3 };

/* Registers of the leaves that levels ask for; zeros where CPUID has no such
 * leaf (it would answer with another's). */
typedef struct Cpu {
    Val reg[NLEAF][4];
    Val xcr0;
} Cpu;

static const CpuBit leaves[NLEAF] = {{1, 0, 0, 0}, {7, 0, 0, 0}, {7, 1, 0, 0}};

static void
read_leaf(Build *b, Cpu *cpu, unsigned k, Val exists)
{
    Val regs = emit_cpuid(b, leaves[k].leaf, leaves[k].sub);

    for (unsigned i = 0; i < 4; i++)
        cpu->reg[k][i] = b_select(b, exists, reg(b, regs, i), b_i32(b, 0));
}

/* XGETBV faults where the system does not use XSAVE. */
static Val
read_xcr0(Build *b, Val osxsave)
{
    LLVMBasicBlockRef from = LLVMGetInsertBlock(b->b);
    LLVMBasicBlockRef ask = LLVMAppendBasicBlockInContext(b->c, b->fn, "");
    LLVMBasicBlockRef done = LLVMAppendBasicBlockInContext(b->c, b->fn, "");
    Val x, zero = b_i32(b, 0), phi;

    LLVMBuildCondBr(b->b, osxsave, ask, done);
    LLVMPositionBuilderAtEnd(b->b, ask);
    x = reg(
        b,
        emit_asm(b, "xgetbv", "={ax},={dx},{cx}", 2, (Val[]){b_i32(b, 0)}, 1),
        0);
    LLVMBuildBr(b->b, done);
    LLVMPositionBuilderAtEnd(b->b, done);
    phi = LLVMBuildPhi(b->b, b->i32, "");
    LLVMAddIncoming(phi, &zero, &from, 1);
    LLVMAddIncoming(phi, &x, &ask, 1);
    return phi;
}

static void
read_cpu(Build *b, Cpu *cpu)
{
    Val most = reg(b, emit_cpuid(b, 0, 0), 0);
    Val one = b_i32(b, 1), has7 = b_cmp(b, LLVMIntUGE, most, b_i32(b, 7));

    read_leaf(b, cpu, 0, b_cmp(b, LLVMIntUGE, most, one));
    read_leaf(b, cpu, 1, has7);
    read_leaf(b, cpu, 2,
              b_and(b, has7, b_cmp(b, LLVMIntUGE, cpu->reg[1][0], one)));
    cpu->xcr0 = read_xcr0(b, has_bits(b, cpu->reg[0][2], 1u << OSXSAVE));
}

static unsigned
leaf_index(const CpuBit *bit)
{
    unsigned k = 0;

    while (leaves[k].leaf != bit->leaf || leaves[k].sub != bit->sub)
        k++;
    return k;
}

/*
 * May this process use tiles? arch_prctl(ARCH_REQ_XCOMP_PERM, XTILEDATA): Linux
 * answers 0, or that it does not know or cannot grant it. Asking again costs a
 * system call and changes nothing.
 */
static Val
ask_for_tiles(Build *b)
{
    enum { SYS_ARCH_PRCTL = 158, ARCH_REQ_XCOMP_PERM = 0x1023, XTILEDATA = 18 };
    static const char constraints[] = "={ax},{ax},{di},{si},~{rcx},~{r11},"
                                      "~{memory},~{dirflag},~{fpsr},~{flags}";
    Ty param[3] = {b->i64, b->i64, b->i64};
    Ty ft = LLVMFunctionType(b->i64, param, 3, 0);
    Val fn =
        LLVMGetInlineAsm(ft, "syscall", strlen("syscall"), constraints,
                         strlen(constraints), 1, 0, LLVMInlineAsmDialectATT, 0);
    Val arg[3] = {b_i64(b, SYS_ARCH_PRCTL), b_i64(b, ARCH_REQ_XCOMP_PERM),
                  b_i64(b, XTILEDATA)};

    return b_cmp(b, LLVMIntEQ, LLVMBuildCall2(b->b, ft, fn, arg, 3, ""),
                 b_i64(b, 0));
}

/* Only Linux is known to be asked so. */
static Val
may_use_tiles(Build *b, Val has_them)
{
    LLVMBasicBlockRef from = LLVMGetInsertBlock(b->b), ask, done;
    Val no = b_const(b->i1, 0), yes, phi;

    if (!strstr(LLVMGetTarget(b->m), "-linux"))
        return no;
    ask = LLVMAppendBasicBlockInContext(b->c, b->fn, "");
    done = LLVMAppendBasicBlockInContext(b->c, b->fn, "");
    LLVMBuildCondBr(b->b, has_them, ask, done);
    LLVMPositionBuilderAtEnd(b->b, ask);
    yes = ask_for_tiles(b);
    LLVMBuildBr(b->b, done);
    LLVMPositionBuilderAtEnd(b->b, done);
    phi = LLVMBuildPhi(b->b, b->i1, "");
    LLVMAddIncoming(phi, &no, &from, 1);
    LLVMAddIncoming(phi, &yes, &ask, 1);
    return phi;
}

static Val
level_runs(Build *b, const Cpu *cpu, const X86Needs *needs)
{
    Val yes = has_bits(b, cpu->xcr0, needs->xcr0);

    for (unsigned i = 0; i < needs->n; i++) {
        const CpuBit *bit = &needs->bit[i];

        yes = b_and(
            b, yes,
            has_bits(b, cpu->reg[leaf_index(bit)][bit->reg], 1u << bit->bit));
    }
    return needs->asks ? may_use_tiles(b, yes) : yes;
}

Val
x86_cpu_check(Module *m)
{
    Build *b = &m->b;
    Ty type = vq_function_type(m, b->i32, "");
    Val fn = vq_module_function(m, "levels", type, NULL), mask;
    Cpu cpu;

    read_cpu(b, &cpu);
    mask = b_i32(b, 0);
    for (unsigned i = 0; i < m->nlevel; i++)
        mask = b_or(
            b, mask,
            b_shlc(b, b_zext(b, level_runs(b, &cpu, m->level[i]->needs), 32),
                   i));
    LLVMBuildRet(b->b, mask);
    return fn;
}
