/*
 * write.c -- what a session can write: one row a kind of file.
 */
#include "lib/session.h"

#include "codegen/codegen.h"

#include <errno.h>
#include <string.h>

static CodegenOptions
code_options(const Vitqc *v, EmitKind emit)
{
    return (CodegenOptions){
        .triple = v->opt.target,
        .levels = v->opt.cpu_levels,
        .prefix = v->name,
        .emit = emit,
        .level = v->opt.level,
    };
}

static bool
put(FILE *f, const void *bytes, size_t n)
{
    /* A failure stays in the stream's error flag: the commit reports it. */
    fwrite(bytes, 1, n, f);
    return true;
}

static void
end_emitted(void *code)
{
    vq_emitted_free(code);
}

/* Into f unless it is NULL; the report on it is kept. */
bool
vq_emit_code(Vitqc *v, VitqcFileKind kind, FILE *f)
{
    static const EmitKind emit[] = {
        [VITQC_OBJECT] = EMIT_OBJ,
        [VITQC_ASM] = EMIT_ASM,
        [VITQC_LLVM] = EMIT_LLVM,
    };
    CodegenOptions options = code_options(v, emit[kind]);
    Owned *owned = vq_own(&v->tmp, end_emitted);
    Emitted *code = NEW(&v->tmp, Emitted);
    bool good;

    owned->what = code;
    vq_progress(v, "generating code", 0, 0);
    good = vq_codegen(v->g, &v->diag, &options, code);
    if (good) {
        v->optreport = vq_strdup(&v->arena, code->report);
        good = !f || put(f, code->bytes, code->size);
    }
    vq_owned_end(owned);
    return good;
}

/* Where a file goes. */
typedef struct Place {
    const char *path; /* as asked for */
    OutputSet *set;
    FILE *f;
} Place;

static bool
write_object(Vitqc *v, const Place *p)
{
    return vq_emit_code(v, VITQC_OBJECT, p->f);
}

static bool
write_asm(Vitqc *v, const Place *p)
{
    return vq_emit_code(v, VITQC_ASM, p->f);
}

static bool
write_llvm(Vitqc *v, const Place *p)
{
    return vq_emit_code(v, VITQC_LLVM, p->f);
}

static bool
write_header(Vitqc *v, const Place *p)
{
    CodegenOptions options = code_options(v, EMIT_OBJ);
    const char *text =
        vq_header(v->g, &options, vitqc_version(), vq_base_name(v->path));

    return put(p->f, text, strlen(text));
}

/* Large constants go beside a file, and are left out on a stream. */
static bool
write_ir(Vitqc *v, const Place *p)
{
    FILE *blob = NULL;

    if (!vq_output_is_direct(p->path)) {
        const char *name = vq_format(&v->tmp, "%s.bin", p->path);

        blob = vq_output_open(p->set, name);
        if (!blob)
            return false;
    }
    if (vq_print(v->g, p->f, blob))
        return true;
    return vq_io_error(&v->diag, p->path, "cannot write: %s", strerror(errno));
}

static bool
write_report(Vitqc *v, const Place *p)
{
    vq_emit_report(v, p->f);
    return true;
}

static bool
write_calib(Vitqc *v, const Place *p)
{
    if (!v->calib || !v->calibkey)
        return vq_usage(v, "no calibration to save");
    vq_calib_save(v->calib, p->f, v->calibkey);
    return true;
}

/* Of the code that was made last; alone, it is made for the report. */
static bool
write_opt_report(Vitqc *v, const Place *p)
{
    if (!v->optreport && !vq_emit_code(v, VITQC_OBJECT, NULL))
        return false;
    return put(p->f, v->optreport, strlen(v->optreport));
}

typedef bool Writer(Vitqc *, const Place *);

static const struct {
    Writer *write;
    unsigned needs; /* facts of the graph */
} file_kind[] = {
    [VITQC_OBJECT] = {write_object, F_PLANNED},
    [VITQC_HEADER] = {write_header, F_PLANNED},
    [VITQC_ASM] = {write_asm, F_PLANNED},
    [VITQC_LLVM] = {write_llvm, F_PLANNED},
    [VITQC_IR] = {write_ir, 0},
    [VITQC_REPORT] = {write_report, F_PLANNED},
    [VITQC_CALIBRATION] = {write_calib, 0},
    [VITQC_OPT_REPORT] = {write_opt_report, F_PLANNED},
};

_Static_assert(COUNT(file_kind) == VITQC_NFILEKIND, "a row a kind");

typedef struct Files {
    const VitqcFile *file;
    size_t n;
} Files;

static bool
write_one(Vitqc *v, const VitqcFile *file, OutputSet *set)
{
    Place p = {.path = vq_strdup(&v->tmp, file->path), .set = set};
    unsigned needs;

    if (file->kind >= VITQC_NFILEKIND)
        return vq_usage(v, "no such kind of file");
    needs = file_kind[file->kind].needs;
    if ((v->g->facts & needs) != needs)
        return vq_usage(v, "the pipeline has not run to its end: only the IR "
                           "can be written");
    p.f = vq_output_open(set, p.path);
    return p.f && file_kind[file->kind].write(v, &p);
}

static bool
write_files(Vitqc *v, void *arg)
{
    const Files *files = arg;
    OutputSet *set = vq_output_new(&v->tmp, &v->diag);

    if (!v->g)
        return vq_usage(v, "no model was read");
    for (size_t i = 0; i < files->n; i++)
        if (!write_one(v, &files->file[i], set))
            return false;
    return vq_output_commit(set);
}

VitqcStatus
vitqc_write(Vitqc *v, const VitqcFile *file, size_t n)
{
    Files files = {file, n};

    return vq_guard(v, write_files, &files);
}
