/*
 * options.c -- reading the command line and printing --help, by one table.
 *
 * Long options may have one dash or two, and take `=value` or the next
 * argument; a letter may have its value attached (-O2, -oOUT.o). Names are
 * not abbreviated: a script must not change its meaning with a new option.
 */
#include "driver/options.h"
#include "driver/console.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum {
    C = 1 << CMD_COMPILE,
    R = 1 << CMD_RUN,
    B = 1 << CMD_BENCH,
    V = 1 << CMD_VERIFY,
    I = 1 << CMD_INSPECT
};

typedef enum Group { MAIN, CALIB, MODEL, CODE, PASSES, OTHER, NGROUP } Group;

static const char *const group_title[NGROUP] = {
    [MAIN] = "",
    [CALIB] = "Images and ranges",
    [MODEL] = "Model and arithmetic",
    [CODE] = "Code",
    [PASSES] = "Looking at passes",
    [OTHER] = "Other",
};

typedef enum Kind {
    FLAG,
    TEXT,
    COUNT, /* int64_t, not negative */
    LIMIT, /* int64_t */
    SIZE,  /* int64_t, bytes */
    REAL,
    CHOICE,
    NUMBERS, /* one or three, comma separated */
    DIM,
    MAYBE, /* text after = or "" */
    NKIND
} Kind;

typedef struct Option {
    const char *name;
    char letter;
    const char *arg; /* NULL: a flag */
    unsigned commands;
    Group group;
    Kind kind;
    size_t field;
    const char *help;
} Option;

static const Option option[] = {
#define OPT(name, letter, arg, commands, group, kind, field, help)             \
    {name, letter, arg, commands, group, kind, offsetof(Args, field), help},
#include "driver/options.def"
#undef OPT
};

enum { NOPTION = sizeof option / sizeof option[0] };

/* What follows a command's name; the first is the default. */
static const struct {
    const char *name, *usage, *help;
} command[NCOMMAND] = {
    [CMD_COMPILE] = {"compile", "MODEL.onnx -o OUT.o [--calib PATH]",
                     "write an object and its header"},
    [CMD_RUN] = {"run", "OUT.o --input X --output Y.npy",
                 "run an object on images"},
    [CMD_BENCH] = {"bench", "OUT.o", "latency of an object"},
    [CMD_VERIFY] = {"verify", "MODEL.onnx --calib C --input X",
                    "compare float and integer, layer by layer"},
    [CMD_INSPECT] = {"inspect", "MODEL.onnx|OUT.o",
                     "what is in a model or an object"},
};

/* ---- values ---- */

static bool
read_text(const Option *o, const char *text, void *field)
{
    (void)o;
    *(const char **)field = text;
    return *text != 0;
}

static bool
read_maybe(const Option *o, const char *text, void *field)
{
    (void)o;
    *(const char **)field = text;
    return true;
}

static bool
read_limit(const Option *o, const char *text, void *field)
{
    char *end;
    long long x;

    (void)o;
    errno = 0;
    x = strtoll(text, &end, 10);
    if (end == text || *end || errno)
        return false;
    *(int64_t *)field = x;
    return true;
}

static bool
read_count(const Option *o, const char *text, void *field)
{
    return read_limit(o, text, field) && *(int64_t *)field >= 0;
}

/* Bytes, or so many K, M or G of them, 1024 each. Less than 1M is a number of
 * megabytes that lost its letter. */
static bool
read_size(const Option *o, const char *text, void *field)
{
    static const char letter[] = "KMG";
    size_t n = strlen(text);
    const char *at =
        n ? strchr(letter, toupper((unsigned char)text[n - 1])) : NULL;
    int shift = at && *at ? 10 * (int)(at - letter + 1) : 0;
    char digits[24];
    int64_t *bytes = field;

    snprintf(digits, sizeof digits, "%.*s", (int)(n - (shift > 0)), text);
    if (n > 20 || !read_count(o, digits, bytes) ||
        __builtin_mul_overflow(*bytes, INT64_C(1) << shift, bytes))
        return false;
    return *bytes >= 1 << 20;
}

static bool
read_real(const Option *o, const char *text, void *field)
{
    char *end;

    (void)o;
    *(double *)field = strtod(text, &end);
    return end != text && !*end && isfinite(*(double *)field);
}

static bool
read_choice(const Option *o, const char *text, void *field)
{
    size_t n = strlen(text);
    const char *word = o->arg;

    for (int64_t i = 0; word; i++) {
        size_t len = strcspn(word, "|");

        if (len == n && strncmp(word, text, n) == 0) {
            *(int64_t *)field = i;
            return true;
        }
        word = word[len] ? word + len + 1 : NULL;
    }
    return false;
}

static bool
read_numbers(const Option *o, const char *text, void *field)
{
    Numbers *numbers = field;
    char *end;

    (void)o;
    for (numbers->n = 0; numbers->n < 3; text = end + 1) {
        float x = strtof(text, &end);

        if (end == text || !isfinite(x) || (*end && *end != ','))
            return false;
        numbers->x[numbers->n++] = x;
        if (!*end)
            return numbers->n != 2;
    }
    return false;
}

static bool
read_dim(const Option *o, const char *text, void *field)
{
    Dims *dims = field;
    const char *equals = strchr(text, '=');
    int64_t n;

    if (!equals || equals == text || dims->n == MAX_DIMS ||
        !read_count(o, equals + 1, &n) || n < 1)
        return false;
    dims->text[dims->n++] = text;
    return true;
}

static bool
read_flag(const Option *o, const char *text, void *field)
{
    (void)o;
    (void)text;
    *(bool *)field = true;
    return true;
}

typedef bool ReadValue(const Option *, const char *, void *);

static ReadValue *const read_value[NKIND] = {
    [FLAG] = read_flag,       [TEXT] = read_text, [COUNT] = read_count,
    [LIMIT] = read_limit,     [REAL] = read_real, [CHOICE] = read_choice,
    [NUMBERS] = read_numbers, [DIM] = read_dim,   [MAYBE] = read_maybe,
    [SIZE] = read_size,
};

/* ---- finding options ---- */

static const Option *
find_name(unsigned commands, const char *name, size_t len)
{
    for (int i = 0; i < NOPTION; i++)
        if ((option[i].commands & commands) && strlen(option[i].name) == len &&
            strncmp(option[i].name, name, len) == 0)
            return &option[i];
    return NULL;
}

static const Option *
find_letter(unsigned commands, char letter)
{
    for (int i = 0; i < NOPTION; i++)
        if ((option[i].commands & commands) && option[i].letter == letter)
            return &option[i];
    return NULL;
}

/* Edits (insert, delete, replace) between two short words. */
static size_t
distance(const char *a, size_t n, const char *b, size_t m)
{
    size_t row[64];

    if (n >= 64 || m >= 64)
        return 64;
    for (size_t j = 0; j <= m; j++)
        row[j] = j;
    for (size_t i = 1; i <= n; i++) {
        size_t diagonal = row[0];

        row[0] = i;
        for (size_t j = 1; j <= m; j++) {
            size_t best = diagonal + (a[i - 1] != b[j - 1]);

            diagonal = row[j];
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[m];
}

static bool
unknown(Command cmd, const char *text)
{
    const char *name = text + strspn(text, "-");
    size_t len = strcspn(name, "="), best = 3;
    const Option *near = NULL;

    for (int i = 0; i < NOPTION; i++) {
        size_t d = distance(name, len, option[i].name, strlen(option[i].name));

        if ((option[i].commands & 1u << cmd) && d < best) {
            best = d;
            near = &option[i];
        }
    }
    if (near)
        say_error("unknown option '%s' (is --%s meant?)", text, near->name);
    else if (find_name(~0u, name, len))
        say_error("option '%s' is not one of vitqc %s", text,
                  command[cmd].name);
    else
        say_error("unknown option '%s' (vitqc %s --help lists all)", text,
                  command[cmd].name);
    return false;
}

/* ---- parsing ---- */

typedef struct Cursor {
    char **argv;
    int argc, at;
} Cursor;

/* `value` is attached text, NULL: none. */
static bool
apply(Args *args, Cursor *c, const Option *o, const char *value)
{
    const char *text = c->argv[c->at];

    if (!o->arg && value) {
        say_error("option --%s takes no value", o->name);
        return false;
    }
    if (o->kind == MAYBE && !value)
        value = "";
    if (o->arg && !value) {
        if (c->at + 1 >= c->argc) {
            say_error("option '%s' needs a value: %s", text, o->arg);
            return false;
        }
        value = c->argv[++c->at];
    }
    if (read_value[o->kind](o, value, (char *)args + o->field))
        return true;
    say_error("--%s: '%s' is not %s%s", o->name, value,
              o->kind == CHOICE ? "one of " : "", o->arg);
    return false;
}

static bool
parse_option(Args *args, Cursor *c)
{
    const char *text = c->argv[c->at];
    const char *name = text + (text[1] == '-' ? 2 : 1);
    size_t len = strcspn(name, "=");
    unsigned mask = 1u << args->command;
    const Option *o = len > 1 ? find_name(mask, name, len) : NULL;

    if (o)
        return apply(args, c, o, name[len] ? name + len + 1 : NULL);
    o = text[1] != '-' ? find_letter(mask, text[1]) : NULL;
    if (o && (o->arg || !text[2]))
        return apply(args, c, o, text[2] ? text + 2 : NULL);
    return unknown(args->command, text);
}

static bool
parse_positional(Args *args, const char *text)
{
    if (args->model) {
        say_error("one file at a time: '%s' and '%s'", args->model, text);
        return false;
    }
    args->model = text;
    return true;
}

static void
set_defaults(Args *args)
{
    *args = (Args){
        .evaluate = 16,
        .repeat = 100,
        .warmup = 10,
        .threads = 1,
        .bits = 8,
        .prob_bits = 16,
        .level = 3,
        .emit = -1,
        .bisect_limit = -1,
        .percentile = 99.99,
    };
}

static bool
agree(const Args *args)
{
    if (args->mean.n != args->std.n) {
        say_error("--mean and --std go together, with as many values");
        return false;
    }
    if (args->calib && args->load_calib) {
        say_error("--calib measures ranges, --load-calib reads them: give one");
        return false;
    }
    return true;
}

bool
parse_args(Args *args, int argc, char **argv)
{
    Cursor c = {argv, argc, 1};
    bool options = true;

    set_defaults(args);
    for (int i = 0; argc > 1 && i < NCOMMAND; i++)
        if (strcmp(argv[1], command[i].name) == 0) {
            args->command = (Command)i;
            c.at = 2;
        }
    for (; c.at < argc; c.at++) {
        const char *text = argv[c.at];
        bool good = true;

        if (options && strcmp(text, "--") == 0)
            options = false;
        else if (options && text[0] == '-' && text[1])
            good = parse_option(args, &c);
        else
            good = parse_positional(args, text);
        if (!good)
            return false;
    }
    return agree(args);
}

/* ---- help ---- */

static void
print_option(const Option *o)
{
    char left[64], letter[8] = "";

    if (o->letter)
        snprintf(letter, sizeof letter, "-%c, ", o->letter);
    if (strlen(o->name) == 1)
        snprintf(left, sizeof left, "-%s%s", o->name, o->arg);
    else
        snprintf(left, sizeof left, "%s--%s%s%s%s", letter, o->name,
                 o->kind == MAYBE ? "[="
                 : o->arg         ? "="
                                  : "",
                 o->arg ? o->arg : "", o->kind == MAYBE ? "]" : "");
    printf("  %-36s %s\n", left, o->help);
}

static void
print_group(Command cmd, Group group)
{
    bool any = false;

    for (int i = 0; i < NOPTION; i++) {
        if (option[i].group != group || !(option[i].commands & 1u << cmd))
            continue;
        if (!any && *group_title[group])
            printf("%s:\n", group_title[group]);
        any = true;
        print_option(&option[i]);
    }
}

static void
print_usage(int i)
{
    printf("  vitqc %s%s%s\n", i ? command[i].name : "", i ? " " : "",
           command[i].usage);
}

void
print_help(const Args *args, bool all)
{
    if (all) {
        printf("vitqc %s: %s\n", command[args->command].name,
               command[args->command].help);
        print_usage(args->command);
        for (int g = 0; g < NGROUP; g++)
            print_group(args->command, (Group)g);
        return;
    }
    puts("vitqc: a trained Vision Transformer becomes an integer-only object");
    for (int i = 0; i < NCOMMAND; i++) {
        print_usage(i);
        printf("      %s\n", command[i].help);
    }
    print_group(CMD_COMPILE, MAIN);
    print_option(find_name(C, "calib", 5));
    print_option(find_name(C, "mean", 4));
    print_option(find_name(C, "std", 3));
    print_group(CMD_COMPILE, OTHER);
    puts("vitqc compile --help lists all of a command's options.\n"
         "Exit codes: 0 done, 1 the model or its data, 2 usage, 3 mismatch,\n"
         "4 cannot read or write, 70 an error of vitqc's own.");
}
