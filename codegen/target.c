/*
 * target.c -- the target machine, and a module to bytes.
 */
#include "codegen/module.h"

#include <llvm-c/Analysis.h>
#include <llvm-c/Error.h>
#include <llvm-c/Target.h>
#include <llvm-c/Transforms/PassBuilder.h>
#include <stdlib.h>
#include <string.h>

/* Kernels come with their blocking done: what is left is to clean up. */
static const char passes[] = "function(early-cse,instcombine<no-verify-fixpoint"
                             ">,loop-mssa(licm),simplifycfg),globaldce";

static LLVMCodeGenOptLevel
opt_level(int level)
{
    return level <= 0   ? LLVMCodeGenLevelNone
           : level == 1 ? LLVMCodeGenLevelLess
           : level == 2 ? LLVMCodeGenLevelDefault
                        : LLVMCodeGenLevelAggressive;
}

static void
end_machine(void *machine)
{
    LLVMDisposeTargetMachine(machine);
}

bool
vq_target_open(Module *m)
{
    Owned *machine = vq_own(m->arena, end_machine);
    char *host = m->opt->triple ? NULL : LLVMGetDefaultTargetTriple();
    const char *triple = m->opt->triple ? m->opt->triple : host;
    LLVMTargetRef target;
    char *message = NULL, *layout;
    LLVMTargetDataRef data;

    m->arch = vq_arch(triple);
    if (!m->arch) {
        vq_error(m->diag, NOLOC,
                 "'%s' is not a target that vitqc has kernels for", triple);
        LLVMDisposeMessage(host);
        return false;
    }
    m->arch->init();
    if (LLVMGetTargetFromTriple(triple, &target, &message)) {
        vq_error(m->diag, NOLOC, "no code can be made for '%s': %s", triple,
                 message);
        LLVMDisposeMessage(message);
        LLVMDisposeMessage(host);
        return false;
    }
    m->machine = LLVMCreateTargetMachine(target, triple, m->arch->cpu, "",
                                         opt_level(m->opt->level), LLVMRelocPIC,
                                         LLVMCodeModelSmall);
    machine->what = m->machine;
    LLVMSetTarget(m->b.m, triple);
    data = LLVMCreateTargetDataLayout(m->machine);
    layout = LLVMCopyStringRepOfTargetData(data);
    LLVMSetDataLayout(m->b.m, layout);
    LLVMDisposeMessage(layout);
    LLVMDisposeTargetData(data);
    LLVMDisposeMessage(host);
    return true;
}

/* Reports what LLVM says, which is never the user's fault, and frees it. */
static bool
report(Module *m, const char *what, char *message)
{
    vq_bug(m->diag, NOLOC, "%s: %s", what, message ? message : "no reason");
    LLVMDisposeMessage(message);
    return false;
}

static bool
verify(Module *m)
{
    char *message = NULL;

    if (LLVMVerifyModule(m->b.m, LLVMReturnStatusAction, &message))
        return report(m, "the module is not valid", message);
    LLVMDisposeMessage(message);
    return true;
}

static bool
optimize(Module *m)
{
    LLVMPassBuilderOptionsRef o = LLVMCreatePassBuilderOptions();
    LLVMErrorRef e = LLVMRunPasses(m->b.m, passes, m->machine, o);
    char *message;

    LLVMDisposePassBuilderOptions(o);
    if (!e)
        return true;
    message = LLVMGetErrorMessage(e);
    vq_bug(m->diag, NOLOC, "LLVM's passes: %s", message);
    LLVMDisposeErrorMessage(message);
    return false;
}

static void
take_bytes(Emitted *out, const char *bytes, size_t size)
{
    out->bytes = malloc(size + 1);
    out->size = size;
    if (!out->bytes)
        return;
    memcpy(out->bytes, bytes, size);
    out->bytes[size] = '\0';
}

static bool
emit_machine(Module *m, LLVMCodeGenFileType type, Emitted *out)
{
    LLVMMemoryBufferRef buffer;
    char *message = NULL;

    if (LLVMTargetMachineEmitToMemoryBuffer(m->machine, m->b.m, type, &message,
                                            &buffer))
        return report(m, "code generation failed", message);
    take_bytes(out, LLVMGetBufferStart(buffer), LLVMGetBufferSize(buffer));
    LLVMDisposeMemoryBuffer(buffer);
    return true;
}

static bool
emit_ir(Module *m, LLVMCodeGenFileType type, Emitted *out)
{
    char *text = LLVMPrintModuleToString(m->b.m);

    (void)type;
    take_bytes(out, text, strlen(text));
    LLVMDisposeMessage(text);
    return true;
}

bool
vq_target_emit(Module *m, Emitted *out)
{
    static const struct {
        bool (*emit)(Module *, LLVMCodeGenFileType, Emitted *);
        LLVMCodeGenFileType type;
    } how[] = {
        [EMIT_OBJ] = {emit_machine, LLVMObjectFile},
        [EMIT_ASM] = {emit_machine, LLVMAssemblyFile},
        [EMIT_LLVM] = {emit_ir, LLVMAssemblyFile},
    };

    if (!verify(m) || !optimize(m) ||
        !how[m->opt->emit].emit(m, how[m->opt->emit].type, out))
        return false;
    if (!out->bytes)
        vq_oom(m->arena);
    return true;
}
