/*
 * loader.c -- a compiled object in this process, by LLVM's JIT linker.
 */
#include "codegen/codegen.h"
#include "codegen/level.h"
#include "runtime/vqrt.h"

#include <inttypes.h>
#include <llvm-c/Core.h>
#include <llvm-c/Error.h>
#include <llvm-c/LLJIT.h>
#include <llvm-c/Object.h>
#include <llvm-c/Orc.h>
#include <llvm-c/Target.h>
#include <stdlib.h>
#include <string.h>

struct Loaded {
    LLVMOrcLLJITRef jit;
    VqrtModel model;
};

static void
complain(Diag *diag, const char *path, const char *what, const char *why)
{
    diag->file = path;
    vq_error(diag, NOLOC, "%s%s%s", what, why ? ": " : "", why ? why : "");
}

/* Reports and frees an LLVM error; true when there is none. */
static bool
good(Diag *diag, const char *path, const char *what, LLVMErrorRef e)
{
    char *message;

    if (!e)
        return true;
    message = LLVMGetErrorMessage(e);
    complain(diag, path, what, message);
    LLVMDisposeErrorMessage(message);
    return false;
}

static LLVMMemoryBufferRef
read_bytes(Diag *diag, const char *path)
{
    LLVMMemoryBufferRef buffer;
    char *message = NULL;

    if (!LLVMCreateMemoryBufferWithContentsOfFile(path, &buffer, &message))
        return buffer;
    vq_io_error(diag, path, "cannot read: %s", message);
    LLVMDisposeMessage(message);
    return NULL;
}

static bool
ends_with(const char *s, const char *tail)
{
    size_t n = strlen(s), k = strlen(tail);

    return n > k && strcmp(s + n - k, tail) == 0;
}

/* Local symbols have a dot after the prefix; PREFIX_model has none. */
static char *
find_in(LLVMBinaryRef object)
{
    LLVMSymbolIteratorRef i = LLVMObjectFileCopySymbolIterator(object);
    char *name = NULL;

    while (!name && !LLVMObjectFileIsSymbolIteratorAtEnd(object, i)) {
        const char *s = LLVMGetSymbolName(i);

        if (s && !strchr(s, '.') && ends_with(s, "_model"))
            name = strdup(s);
        LLVMMoveToNextSymbol(i);
    }
    LLVMDisposeSymbolIterator(i);
    return name;
}

/* Machines that vitqc compiles for, by their number in an ELF file. */
static const struct {
    unsigned number;
    const char *name;
} machines[] = {{62, "x86-64"}, {183, "aarch64"}};

enum {
#if defined __aarch64__
    THIS_MACHINE = 183
#elif defined __x86_64__
    THIS_MACHINE = 62
#else
    THIS_MACHINE = 0
#endif
};

static const char *
machine_name(unsigned number)
{
    for (size_t i = 0; i < COUNT(machines); i++)
        if (machines[i].number == number)
            return machines[i].name;
    return "another machine";
}

/* Can this process run it? Of ELF, e_machine is the 16 bits at byte 18. LLVM
 * has read the header. */
static bool
check_machine(Diag *diag, const char *path, LLVMMemoryBufferRef buffer,
              LLVMBinaryType type)
{
    const unsigned char *p = (const unsigned char *)LLVMGetBufferStart(buffer);
    unsigned machine;

    diag->file = path;
    if (type == LLVMBinaryTypeMachO64L)
        return vq_error(diag, NOLOC,
                        "compiled for macOS, this vitqc loads ELF: link it "
                        "into a program there");
    if (type != LLVMBinaryTypeELF64L)
        return vq_error(diag, NOLOC, "not a 64-bit ELF object");
    machine = p[18] | (unsigned)p[19] << 8;
    return machine == THIS_MACHINE ||
           vq_error(diag, NOLOC,
                    "compiled for %s, this machine is %s: link it into a "
                    "program there, or compile for this --target",
                    machine_name(machine), machine_name(THIS_MACHINE));
}

/* The descriptor's name, malloc'ed; NULL after an error. */
static char *
find_descriptor(Diag *diag, const char *path, LLVMMemoryBufferRef buffer)
{
    char *message = NULL, *name;
    LLVMBinaryRef object = LLVMCreateBinary(buffer, NULL, &message);

    if (!object) {
        complain(diag, path, "not an object file", message);
        LLVMDisposeMessage(message);
        return NULL;
    }
    if (!check_machine(diag, path, buffer, LLVMBinaryGetType(object))) {
        LLVMDisposeBinary(object);
        return NULL;
    }
    name = find_in(object);
    LLVMDisposeBinary(object);
    if (!name)
        complain(diag, path,
                 "not an object made by vitqc: it has no symbol "
                 "that ends in _model",
                 NULL);
    return name;
}

/* memcpy and its kin come from this process. */
static bool
add_process_symbols(Diag *diag, const char *path, LLVMOrcLLJITRef jit)
{
    LLVMOrcDefinitionGeneratorRef gen;
    LLVMErrorRef e = LLVMOrcCreateDynamicLibrarySearchGeneratorForProcess(
        &gen, LLVMOrcLLJITGetGlobalPrefix(jit), NULL, NULL);

    if (!good(diag, path, "no symbols of this process", e))
        return false;
    LLVMOrcJITDylibAddGenerator(LLVMOrcLLJITGetMainJITDylib(jit), gen);
    return true;
}

/* Takes the buffer; has the object's function `name` fill in the model. */
static bool
link_object(Diag *diag, const char *path, LLVMOrcLLJITRef jit,
            LLVMMemoryBufferRef buffer, const char *name, VqrtModel *model)
{
    void (*describe)(VqrtModel *);
    LLVMOrcExecutorAddress at = 0;
    LLVMErrorRef e;

    e = LLVMOrcLLJITAddObjectFile(jit, LLVMOrcLLJITGetMainJITDylib(jit),
                                  buffer);
    if (!good(diag, path, "cannot be loaded", e))
        return false;
    e = LLVMOrcLLJITLookup(jit, &at, name);
    if (!good(diag, path, "cannot be linked", e))
        return false;
    memcpy(&describe, &at, sizeof describe);
    describe(model);
    return true;
}

static bool
check_model(Diag *diag, const char *path, const VqrtModel *model)
{
    if (model->abi == VQRT_ABI && model->size >= sizeof(VqrtModel))
        return true;
    diag->file = path;
    return vq_error(diag, NOLOC,
                    "was made by another version of vitqc (ABI %u, this is "
                    "%u); compile the model again",
                    model->abi, VQRT_ABI);
}

static bool
load(Diag *diag, const char *path, Loaded *l, LLVMMemoryBufferRef buffer,
     const char *name)
{
    LLVMErrorRef e = LLVMOrcCreateLLJIT(&l->jit, NULL);

    if (!good(diag, path, "no JIT linker", e) ||
        !add_process_symbols(diag, path, l->jit)) {
        LLVMDisposeMemoryBuffer(buffer);
        return false;
    }
    return link_object(diag, path, l->jit, buffer, name, &l->model) &&
           check_model(diag, path, &l->model);
}

static void
init_host(void)
{
    char *triple = LLVMGetDefaultTargetTriple();
    const Arch *host = vq_arch(triple);

    if (host)
        host->init();
    LLVMDisposeMessage(triple);
}

Loaded *
vq_load_object(Diag *diag, const char *path)
{
    LLVMMemoryBufferRef buffer = read_bytes(diag, path);
    Loaded *l;
    char *name;
    bool ok;

    if (!buffer)
        return NULL;
    init_host();
    name = find_descriptor(diag, path, buffer);
    l = name ? calloc(1, sizeof *l) : NULL;
    if (!l) {
        free(name);
        LLVMDisposeMemoryBuffer(buffer);
        return NULL;
    }
    ok = load(diag, path, l, buffer, name);
    free(name);
    if (ok)
        return l;
    vq_unload(l);
    return NULL;
}

const VqrtModel *
vq_loaded_model(const Loaded *l)
{
    return &l->model;
}

void
vq_unload(Loaded *l)
{
    if (!l)
        return;
    if (l->jit)
        LLVMConsumeError(LLVMOrcDisposeLLJIT(l->jit));
    free(l);
}

/* ---- what an object holds ---- */

static void
print_tensor(FILE *to, const char *what, const VqrtTensor *t)
{
    fprintf(to, "%-12s %s f32[", what, t->name);
    for (uint32_t i = 0; i < t->rank; i++)
        fprintf(to, "%s%" PRId64, i ? "x" : "", t->dim[i]);
    fprintf(to, "]\n");
}

static void
print_model(FILE *to, const VqrtModel *m)
{
    int best = m->best_level();

    fprintf(to, "%-12s %s\n%-12s %s\n", "model", m->name, "compiler",
            m->compiler);
    for (uint32_t i = 0; i < m->nin; i++)
        print_tensor(to, "input", &m->in[i]);
    for (uint32_t i = 0; i < m->nout; i++)
        print_tensor(to, "output", &m->out[i]);
    fprintf(to, "%-12s %" PRIu64 " bytes\n%-12s %" PRIu64 " bytes\n",
            "constants", m->const_bytes, "work area", m->work_bytes);
    fprintf(to, "%-12s %" PRIu64 " bytes for each beyond the first\n",
            "threads", m->part_bytes);
    fprintf(to, "%-12s %" PRIu32 "\n%-12s", "steps", m->nstep, "cpu levels");
    for (uint32_t i = 0; i < m->nlevel; i++)
        fprintf(to, " %s%s", m->level[i], (int)i == best ? " (here)" : "");
    fprintf(to, "\n");
}

bool
vq_object_info(Diag *diag, const char *path, FILE *to)
{
    Loaded *l = vq_load_object(diag, path);

    if (!l)
        return false;
    print_model(to, &l->model);
    vq_unload(l);
    return true;
}
