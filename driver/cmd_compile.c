/*
 * cmd_compile.c -- vitqc MODEL.onnx -o OUT.o: the object and its header, or
 * another form of the same.
 */
#include "driver/console.h"
#include "driver/options.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

enum { PATH_BYTES = 4096, MAX_FILES = 5 };

typedef struct Wanted {
    char output[PATH_BYTES], header[PATH_BYTES];
    char name[VITQC_NAME_MAX];
    VitqcFile file[MAX_FILES];
    size_t n;
} Wanted;

/* By Args.emit. */
static const struct {
    VitqcFileKind kind;
    const char *suffix;
} form[] = {
    [EMIT_OBJ] = {VITQC_OBJECT, ".o"},
    [EMIT_ASM] = {VITQC_ASM, ".s"},
    [EMIT_LLVM] = {VITQC_LLVM, ".ll"},
    [EMIT_IR] = {VITQC_IR, ".vir"},
};

static const char *
base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

/* path with its extension, if it has one, replaced. */
static bool
with_suffix(char out[PATH_BYTES], const char *path, const char *suffix)
{
    const char *base = base_name(path);
    const char *dot = strrchr(base, '.');
    int n = (int)(dot && dot > base ? (size_t)(dot - path) : strlen(path));

    return snprintf(out, PATH_BYTES, "%.*s%s", n, path, suffix) < PATH_BYTES;
}

/* Without -o the result goes into the current folder, as cc -c does it. */
static bool
name_output(const Args *a, int emit, Wanted *w)
{
    if (a->output)
        return snprintf(w->output, PATH_BYTES, "%s", a->output) < PATH_BYTES;
    return with_suffix(w->output, base_name(a->model), form[emit].suffix);
}

static bool
same_file(const char *a, const char *b)
{
    struct stat x, y;

    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev &&
           x.st_ino == y.st_ino;
}

/* Standard output, a device, a pipe: nothing lies beside them. */
static bool
is_stream(const char *path)
{
    struct stat st;

    return strcmp(path, "-") == 0 ||
           (stat(path, &st) == 0 && !S_ISREG(st.st_mode) &&
            !S_ISDIR(st.st_mode));
}

static void
add_file(Wanted *w, VitqcFileKind kind, const char *path)
{
    w->file[w->n++] = (VitqcFile){kind, path};
}

/* Said before the model is compiled, not after. */
static bool
place_exists(const char *path)
{
    char folder[PATH_BYTES];
    const char *slash = strrchr(path, '/');
    struct stat st;

    if (!slash || slash == path)
        return true;
    snprintf(folder, sizeof folder, "%.*s", (int)(slash - path), path);
    if (stat(folder, &st) == 0)
        return true;
    say_error("cannot write %s: %s", path, strerror(errno));
    return false;
}

static bool
plan_files(const Args *a, Wanted *w)
{
    bool partial = a->stop_after || a->only;
    int emit = a->emit >= 0 ? (int)a->emit : partial ? EMIT_IR : EMIT_OBJ;

    if (!name_output(a, emit, w)) {
        say_error("the output's path is too long");
        return false;
    }
    if (same_file(w->output, a->model)) {
        say_error("%s is the model: give another -o", w->output);
        return false;
    }
    vitqc_name_of(strcmp(w->output, "-") == 0 ? a->model : w->output, w->name);
    add_file(w, form[emit].kind, w->output);
    if (emit == EMIT_OBJ && !is_stream(w->output)) {
        if (!with_suffix(w->header, w->output, ".h") ||
            strcmp(w->header, w->output) == 0) {
            say_error("%s: the header would be written to the same file",
                      w->output);
            return false;
        }
        add_file(w, VITQC_HEADER, w->header);
    }
    if (a->report)
        add_file(w, VITQC_REPORT, a->report);
    if (a->save_calib)
        add_file(w, VITQC_CALIBRATION, a->save_calib);
    if (a->opt_report)
        add_file(w, VITQC_OPT_REPORT,
                 *a->opt_report ? a->opt_report : "/dev/stderr");
    return true;
}

static VitqcStatus
compile(Vitqc *v, const Args *a, const Wanted *w)
{
    VitqcCalibration c;
    VitqcStatus s = vitqc_read_file(v, a->model);

    fill_calibration(a, &c);
    if (s == VITQC_OK && vitqc_needs_calibration(v))
        s = vitqc_calibrate(v, &c);
    if (s == VITQC_OK)
        s = vitqc_compile(v);
    if (s == VITQC_OK)
        s = vitqc_write(v, w->file, w->n);
    return s;
}

static void
say_files(const Wanted *w)
{
    struct stat st;

    for (size_t i = 0; i < w->n; i++)
        if (stat(w->file[i].path, &st) == 0)
            say_verbose("wrote %s (%lld bytes)", w->file[i].path,
                        (long long)st.st_size);
}

int
cmd_compile(const Args *a)
{
    VitqcOptions o;
    VitqcStatus s;
    Vitqc *v;
    Wanted w = {.n = 0};

    if (!plan_files(a, &w))
        return VITQC_EUSAGE;
    for (size_t i = 0; i < w.n; i++)
        if (!place_exists(w.file[i].path))
            return VITQC_EIO;
    fill_options(a, &o);
    if (!o.name)
        o.name = w.name;
    s = vitqc_new(&v, &o);
    if (s == VITQC_OK)
        s = compile(v, a, &w);
    if (s == VITQC_OK)
        say_files(&w);
    vitqc_free(v);
    return s;
}
