/*
 * session.c -- the life of a Vitqc: options, entry, messages, end.
 *
 * Everything that a session makes is in its arenas or owned by them: what one
 * call makes, files being written and a loaded object too, ends with the call.
 */
#include "lib/session.h"

#include "codegen/codegen.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

const char *
vitqc_version(void)
{
    return VITQC_VERSION;
}

const char *
vitqc_status_text(VitqcStatus s)
{
    static const struct {
        VitqcStatus status;
        const char *text;
    } text[] = {
        {VITQC_OK, "done"},
        {VITQC_EMODEL, "the model or its data"},
        {VITQC_EUSAGE, "wrong use"},
        {VITQC_EMISMATCH, "compiled code and evaluator differ"},
        {VITQC_EIO, "cannot read or write"},
        {VITQC_EBUG, "an internal check failed"},
        {VITQC_ENOMEM, "out of memory"},
    };

    for (size_t i = 0; i < COUNT(text); i++)
        if (text[i].status == s)
            return text[i].text;
    return "unknown status";
}

void
vitqc_options_init(VitqcOptions *o)
{
    *o = (VitqcOptions){
        .size = sizeof *o,
        .bits = 8,
        .prob_bits = 16,
        .level = 3,
        .bisect_limit = -1,
    };
}

/* ---- messages ---- */

static void
pass_on(void *user, Severity sev, const char *file, Loc loc, const char *text)
{
    static const VitqcSeverity severity[] = {
        [SEV_NOTE] = VITQC_NOTE,
        [SEV_WARNING] = VITQC_WARNING,
        [SEV_ERROR] = VITQC_ERROR,
    };
    Vitqc *v = user;
    VitqcDiag d = {
        .severity = severity[sev],
        .file = file,
        .node = loc.node,
        .line = loc.line,
        .col = loc.col,
        .text = text,
        .op = loc.op,
        .domain = loc.domain,
    };

    if (v->opt.on_diag)
        v->opt.on_diag(v->opt.user, &d);
}

static void
say_error(Vitqc *v, const char *text)
{
    pass_on(v, SEV_ERROR, v->path, NOLOC, text);
}

bool
vq_ends_in(const char *s, const char *end)
{
    size_t n = strlen(s), m = strlen(end);

    return n >= m && strcmp(s + n - m, end) == 0;
}

const char *
vq_base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

void
vq_copy_known(void *to, size_t room, const void *from, size_t size)
{
    memcpy(to, from, size < room ? size : room);
}

bool
vq_usage(Vitqc *v, const char *fmt, ...)
{
    char text[512];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    v->fail = VITQC_EUSAGE;
    pass_on(v, SEV_ERROR, NULL, NOLOC, text);
    return false;
}

void
vq_progress(Vitqc *v, const char *what, int64_t done, int64_t total)
{
    if (v->opt.on_progress)
        v->opt.on_progress(v->opt.user, what, done, total);
}

/* ---- entry ---- */

static VitqcStatus
status_of(const Vitqc *v)
{
    static const VitqcStatus of_fault[] = {
        [FAULT_NONE] = VITQC_EBUG, /* a failure without a message */
        [FAULT_MODEL] = VITQC_EMODEL,
        [FAULT_IO] = VITQC_EIO,
        [FAULT_BUG] = VITQC_EBUG,
    };

    return v->fail ? v->fail : of_fault[v->diag.fault];
}

static VitqcStatus
out_of_memory(Vitqc *v)
{
    const Memory *m = &v->memory;
    char text[160];

    if (m->passed)
        snprintf(text, sizeof text,
                 "out of memory: %s %.4g MB; --max-memory=SIZE sets another",
                 m->fixed ? "the limit is"
                          : "the limit for a file of this size is",
                 (double)m->limit / (1 << 20));
    else
        snprintf(text, sizeof text, "out of memory: the system has no more");
    say_error(v, text);
    return VITQC_ENOMEM;
}

VitqcStatus
vq_guard(Vitqc *v, Work *fn, void *arg)
{
    VitqcStatus status;

    if (v->broken) {
        vq_usage(v, "an earlier call on this session failed");
        return VITQC_EUSAGE;
    }
    v->fail = VITQC_OK;
    v->diag.fault = FAULT_NONE;
    v->diag.nerror = 0;
    if (setjmp(v->jump))
        status = out_of_memory(v);
    else
        status = fn(v, arg) ? VITQC_OK : status_of(v);
    if (status == VITQC_EBUG && v->diag.fault == FAULT_NONE)
        say_error(v, "internal: a step failed without saying why");
    /* Wrong use is refused before anything changes. */
    v->broken = status != VITQC_OK && status != VITQC_EUSAGE &&
                status != VITQC_EMISMATCH;
    vq_arena_free(&v->tmp);
    return status;
}

/* ---- begin and end ---- */

static const char *
keep(Arena *a, const char *s)
{
    return s ? vq_strdup(a, s) : NULL;
}

static void
keep_dims(Vitqc *v)
{
    const char *const *from = v->opt.dims;
    const char **to;
    size_t n = 0;

    if (!from)
        return;
    while (from[n])
        n++;
    to = NEWN(&v->arena, const char *, n + 1);
    for (size_t i = 0; i < n; i++)
        to[i] = vq_strdup(&v->arena, from[i]);
    v->opt.dims = to;
}

static bool
check_options(Vitqc *v)
{
    const VitqcOptions *o = &v->opt;

    if (o->bits != 8)
        return vq_usage(v,
                        "%d bits are not supported: weights and activations"
                        " have 8",
                        o->bits);
    if (o->prob_bits != 8 && o->prob_bits != 16)
        return vq_usage(v, "probabilities have 8 or 16 bits, not %d",
                        o->prob_bits);
    if (o->level < 0 || o->level > 3)
        return vq_usage(v, "optimisation levels are 0 to 3, not %d", o->level);
    if (o->batch < 0)
        return vq_usage(v, "a batch has at least one image");
    if (o->name && !vq_prefix_valid(o->name))
        return vq_usage(v,
                        "'%s' cannot begin names in C: use letters, digits"
                        " and _, no keyword",
                        o->name);
    if (o->stop_after && vq_find_pass(o->stop_after) < 0)
        return vq_usage(v, "no pass is called '%s'", o->stop_after);
    if (o->only && vq_find_pass(o->only) < 0)
        return vq_usage(v, "no pass is called '%s'", o->only);
    if (o->print_after && strcmp(o->print_after, "*") != 0 &&
        vq_find_pass(o->print_after) < 0)
        return vq_usage(v, "no pass is called '%s'", o->print_after);
    return true;
}

static bool
begin(Vitqc *v, void *arg)
{
    Arena *a = &v->arena;
    VitqcOptions *o = &v->opt;

    (void)arg;
    keep_dims(v);
    o->target = keep(a, o->target);
    o->cpu_levels = keep(a, o->cpu_levels);
    o->name = keep(a, o->name);
    o->stop_after = keep(a, o->stop_after);
    o->only = keep(a, o->only);
    o->print_after = keep(a, o->print_after);
    o->dump_dir = keep(a, o->dump_dir);
    return check_options(v);
}

/* Enough for the values of large models; a batch has more of them. What a
 * model's files add is added when they are opened. */
static Memory
first_limit(const VitqcOptions *o)
{
    const size_t least = (size_t)4 << 30, image = (size_t)256 << 20;
    size_t batch = (size_t)vq_clamp(o->batch, 1, 1 << 16);

    if (o->max_memory)
        return (Memory){.limit = o->max_memory, .fixed = true};
    return (Memory){.limit = least + image * (batch - 1)};
}

VitqcStatus
vitqc_new(Vitqc **vp, const VitqcOptions *options)
{
    Vitqc *v = calloc(1, sizeof *v);
    VitqcStatus status;

    *vp = NULL;
    if (!v)
        return VITQC_ENOMEM;
    vitqc_options_init(&v->opt);
    if (options)
        vq_copy_known(&v->opt, sizeof v->opt, options, options->size);
    v->memory = first_limit(&v->opt);
    v->arena = v->tmp = (Arena){.memory = &v->memory, .oom = &v->jump};
    v->diag = (Diag){.fn = pass_on, .user = v};
    status = vq_guard(v, begin, NULL);
    if (status == VITQC_OK)
        *vp = v;
    else
        vitqc_free(v);
    return status;
}

void
vitqc_free(Vitqc *v)
{
    if (!v)
        return;
    vq_arena_free(&v->tmp);
    vq_arena_free(&v->arena);
    free(v);
}
