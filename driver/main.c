/*
 * main.c -- the vitqc command: the public API, and printing.
 */
#include "driver/console.h"
#include "driver/options.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static CommandFn *const run_command[NCOMMAND] = {
    [CMD_COMPILE] = cmd_compile, [CMD_RUN] = cmd_run,
    [CMD_BENCH] = cmd_bench,     [CMD_VERIFY] = cmd_verify,
    [CMD_INSPECT] = cmd_inspect,
};

/* An assert that fails is an error of ours, and has its exit code. */
static void
on_abort(int signal)
{
    static const char text[] =
        "vitqc: error: internal: please report this with the model\n";
    ssize_t ignored = write(STDERR_FILENO, text, sizeof text - 1);

    (void)ignored;
    (void)signal;
    _exit(VITQC_EBUG);
}

static int
no_file(const Args *args)
{
    static const char *const what[NCOMMAND] = {
        [CMD_COMPILE] = "a model",
        [CMD_RUN] = "an object",
        [CMD_BENCH] = "an object",
        [CMD_VERIFY] = "a model",
        [CMD_INSPECT] = "a model or an object",
    };

    say_error("which file? Give %s (vitqc --help)", what[args->command]);
    return VITQC_EUSAGE;
}

/* What is printed on standard output may be lost too: a full disk. */
static int
flush_output(int code)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return code;
    say_error("cannot write to standard output");
    return code ? code : VITQC_EIO;
}

int
main(int argc, char **argv)
{
    Args args;
    int code = 0;

    signal(SIGABRT, on_abort);
    /* A file that may not grow is a write error, not the end. */
    signal(SIGXFSZ, SIG_IGN);
    console_init(false);
    if (!parse_args(&args, argc, argv))
        return VITQC_EUSAGE;
    console_init(args.verbose);
    if (args.help)
        print_help(&args, argc > 1 && argv[1][0] != '-');
    else if (args.version)
        printf("vitqc %s\n", vitqc_version());
    else if (args.list_passes)
        vitqc_list_passes(stdout);
    else if (!args.model)
        code = no_file(&args);
    else
        code = run_command[args.command](&args);
    end_progress();
    code = flush_output(code);
    return code == VITQC_ENOMEM ? VITQC_EMODEL : code;
}
