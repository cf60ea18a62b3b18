/*
 * options.h -- the command line: what may be said, and what was said.
 */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <vitqc/vitqc.h>

#include <stdbool.h>

typedef enum Command {
    CMD_COMPILE,
    CMD_RUN,
    CMD_BENCH,
    CMD_VERIFY,
    CMD_INSPECT,
    NCOMMAND
} Command;

enum { MAX_DIMS = 32 };

typedef struct Numbers {
    int n; /* 0: not given */
    float x[3];
} Numbers;

typedef struct Dims {
    int n;
    const char *text[MAX_DIMS + 1]; /* ends with NULL */
} Dims;

/* Choices are indices into the words of their option's argument. */
enum { EMIT_OBJ, EMIT_ASM, EMIT_LLVM, EMIT_IR };

/* Fields of options.def. -1 where "not given" differs from a default. */
typedef struct Args {
    Command command;
    const char *model; /* the one argument that is no option */
    const char *output, *name, *report, *input, *labels, *object, *cpu;
    const char *golden;
    const char *json, *profile, *opt_report; /* "": given without a value */
    const char *calib, *save_calib, *load_calib;
    const char *target, *cpu_levels;
    const char *print_after, *dump_dir, *stop_after, *only;
    Numbers mean, std;
    Dims dim;
    int64_t evaluate, count, skip, repeat, warmup, threads, calib_count, resize,
        batch;
    int64_t bits, prob_bits, level, max_memory;
    int64_t emit, method, nonlinear;
    int64_t bisect_limit;
    double percentile;
    bool dyadic, require_integer;
    bool print_all, time_passes, list_passes, verbose, version, help;
} Args;

/* false after a message: wrong use. */
bool parse_args(Args *, int argc, char **argv);

/* The overview, or with `all` every option of args->command. */
void print_help(const Args *, bool all);

/* ---- request.c: from Args to the library's structs ---- */

void fill_options(const Args *, VitqcOptions *);
/* Preprocessing of both; the path and counts of --calib or --input. */
void fill_calibration(const Args *, VitqcCalibration *);
void fill_input(const Args *, VitqcImages *);

/* ---- one function a command; they return the exit code ---- */

typedef int CommandFn(const Args *);
CommandFn cmd_compile, cmd_run, cmd_bench, cmd_verify, cmd_inspect;

#endif
