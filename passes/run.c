/*
 * run.c -- running the pipeline, and watching it.
 *
 * Between passes it verifies the graph and keeps the names of its outputs.
 */
#include "passes/pass.h"

#include "ir/text.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

static double
seconds(void)
{
    struct timespec t;

    timespec_get(&t, TIME_UTC);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Text of the facts in a set, for messages. */
static const char *
fact_names(Arena *a, unsigned facts)
{
    const char *s = "";

    for (unsigned i = 0; i < NFACT; i++)
        if (facts & vq_fact[i].bit)
            s = vq_format(a, "%s%s%s", s, *s ? ", " : "", vq_fact[i].text);
    return s;
}

static bool
known_pass(Diag *d, const char *name)
{
    return !name || strcmp(name, "*") == 0 || vq_find_pass(name) >= 0 ||
           vq_error(d, NOLOC, "there is no pass '%s'; --list-passes names all",
                    name);
}

static bool
check_needs(const Graph *g, Diag *d, const Pass *p)
{
    unsigned missing = p->needs & ~g->facts;

    if (!missing)
        return true;
    return vq_error(d, NOLOC,
                    "pass %s needs a graph that is %s; run the passes before "
                    "it first",
                    p->name, fact_names(g->arena, missing));
}

/* Optional passes are numbered by their place in the table, so that the
 * number means the same whichever part of the pipeline runs. */
static bool
bisected_out(Diag *d, unsigned at, long limit)
{
    long n = 0;
    bool out;

    if (limit < 0 || vq_passes[at].level == 0)
        return false;
    for (unsigned i = 0; i <= at; i++)
        n += vq_passes[i].level > 0;
    out = n > limit;
    vq_note(d, NOLOC, "BISECT: %srunning pass (%ld) %s", out ? "NOT " : "", n,
            vq_passes[at].name);
    return out;
}

/* Before the verifier runs, so that a broken graph can be seen. */
static bool
dump(const Graph *g, Diag *d, const PassOptions *o, unsigned at)
{
    const char *name = vq_passes[at].name, *path;

    if (o->print_after && o->print_to &&
        (strcmp(o->print_after, "*") == 0 ||
         strcmp(o->print_after, name) == 0)) {
        fprintf(o->print_to, "# after %s\n", name);
        if (!vq_print(g, o->print_to, NULL))
            return vq_io_error(d, "the graph's text", "cannot be written");
    }
    if (!o->dump_dir)
        return true;
    if (mkdir(o->dump_dir, 0777) != 0 && errno != EEXIST)
        return vq_io_error(d, o->dump_dir, "%s", strerror(errno));
    path = vq_format(g->arena, "%s/%02u-%s.vir", o->dump_dir, at + 1, name);
    return vq_print_file(g, d, path);
}

static const char **
output_names(const Graph *g)
{
    const char **name = NEWN(g->arena, const char *, g->nout);

    for (uint32_t i = 0; i < g->nout; i++)
        name[i] = g->val[g->out[i]].name;
    return name;
}

/* Users know outputs by name, so whatever value a pass puts in the place of
 * one takes its name, unless that value is itself an input or an output. */
static void
keep_output_names(Graph *g, const char *const *name)
{
    for (uint32_t i = 0; i < g->nout; i++) {
        Value *v = &g->val[g->out[i]];
        bool named = !v->def;

        for (uint32_t j = 0; j < g->nout; j++)
            named = named || strcmp(v->name, name[j]) == 0;
        if (named)
            continue;
        for (ValId w = 1; w < g->nval; w++)
            if (strcmp(g->val[w].name, name[i]) == 0)
                g->val[w].name = v->name;
        v->name = name[i];
    }
}

static bool
run_one(Graph *g, const PassContext *c, const PassOptions *o, unsigned at)
{
    const Pass *p = &vq_passes[at];
    const char **names = output_names(g);

    if (!check_needs(g, c->diag, p))
        return false;
    if (o->on_pass)
        o->on_pass(o->user, p->name);
    if (!p->run(g, c))
        return false;
    g->facts |= p->makes;
    keep_output_names(g, names);
    return dump(g, c->diag, o, at) && vq_verify(g, c->diag, p->name);
}

/* The first pass that a graph with these facts still needs. */
static unsigned
first_pass(unsigned facts)
{
    for (unsigned i = vq_npasses; i > 0; i--) {
        unsigned makes = vq_passes[i - 1].makes;

        if (makes && (facts & makes) == makes)
            return i;
    }
    return 0;
}

static void
print_times(const PassOptions *o, const double *took, unsigned from,
            unsigned to)
{
    double sum = 0;

    if (!o->time || !o->print_to)
        return;
    for (unsigned i = from; i < to; i++)
        sum += took[i];
    for (unsigned i = from; i < to; i++)
        if (took[i] > 0)
            fprintf(o->print_to, "%10.3f ms %5.1f %%  %s\n", 1e3 * took[i],
                    sum > 0 ? 100 * took[i] / sum : 0, vq_passes[i].name);
    fprintf(o->print_to, "%10.3f ms          all passes\n", 1e3 * sum);
}

static bool
run_range(Graph *g, const PassContext *c, const PassOptions *o, unsigned from,
          unsigned to, double *took)
{
    for (unsigned i = from; i < to; i++) {
        double start = seconds();

        if (vq_passes[i].level <= c->level &&
            !bisected_out(c->diag, i, o->bisect_limit) && !run_one(g, c, o, i))
            return false;
        took[i] = seconds() - start;
        if (o->stop_after && strcmp(o->stop_after, vq_passes[i].name) == 0)
            return true;
    }
    return true;
}

bool
vq_run_passes(Graph *g, const PassContext *c, const PassOptions *o,
              unsigned from, unsigned to)
{
    double *took = NEWN(g->arena, double, vq_npasses);
    unsigned first = first_pass(g->facts);

    if (!known_pass(c->diag, o->only) || !known_pass(c->diag, o->stop_after) ||
        !known_pass(c->diag, o->print_after))
        return false;
    to = to < vq_npasses ? to : vq_npasses;
    if (o->only) {
        unsigned at = (unsigned)vq_find_pass(o->only);

        if (at < from || at >= to)
            return true;
        if (!run_one(g, c, o, at))
            return false;
    } else if (!run_range(g, c, o, from > first ? from : first, to, took)) {
        return false;
    }
    print_times(o, took, from, to);
    return true;
}
