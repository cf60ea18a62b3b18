/*
 * codegen.c -- vq_codegen: a planned graph becomes an object.
 */
#include "codegen/module.h"

#include "ir/chunks.h"
#include "ir/layout.h"

#include <stdlib.h>
#include <string.h>

/* Does the comma-separated list contain the name? */
static bool
lists(const char *list, const char *name)
{
    size_t n = strlen(name);

    for (const char *s = list; s; s = strchr(s, ',') ? strchr(s, ',') + 1 : 0)
        if (strncmp(s, name, n) == 0 && (s[n] == ',' || s[n] == '\0'))
            return true;
    return false;
}

static bool
check_names(Module *m, const Level *all)
{
    char name[32];

    for (const char *s = m->opt->levels; s && *s;) {
        size_t n = strcspn(s, ",");
        const Level *l = all;

        snprintf(name, sizeof name, "%.*s", (int)vq_min((int64_t)n, 31), s);
        while (l->name && strcmp(l->name, name) != 0)
            l++;
        if (!l->name)
            return vq_error(m->diag, NOLOC,
                            "there is no CPU level '%s' (see --help)", name);
        s += n + (s[n] == ',');
    }
    return true;
}

static bool
choose_levels(Module *m)
{
    const Level *all = m->arch->levels;

    if (!check_names(m, all))
        return false;
    for (const Level *l = all; l->name; l++)
        if (m->opt->levels ? lists(m->opt->levels, l->name) : !l->hidden)
            m->level[m->nlevel++] = l;
    if (!m->nlevel)
        return vq_error(m->diag, NOLOC, "no CPU level was asked for");
    return true;
}

/* All constants as one array; slack is read by kernels at its end. */
static void
add_constants(Module *m)
{
    size_t size = m->const_size + VQ_SLACK;
    char *bytes = vq_alloc(m->arena, size);
    Val init;

    for (size_t i = 0; i < m->nseg; i++)
        memcpy(bytes + m->seg[i].at, m->seg[i].data, m->seg[i].size);
    init = LLVMConstStringInContext2(m->b.c, bytes, size, 1);
    m->consts =
        LLVMAddGlobal(m->b.m, LLVMTypeOf(init),
                      vq_format(m->arena, "%s.constants", m->opt->prefix));
    LLVMSetInitializer(m->consts, init);
    LLVMSetGlobalConstant(m->consts, 1);
    LLVMSetLinkage(m->consts, LLVMInternalLinkage);
    LLVMSetAlignment(m->consts, VQ_SLOT);
    LLVMSetSection(m->consts, strstr(LLVMGetTarget(m->b.m), "-apple-")
                                  ? "__TEXT,__const"
                                  : ".rodata");
}

static bool
make_object(Module *m, Emitted *out)
{
    if (!vq_target_open(m) || !choose_levels(m) || !vq_module_plan(m))
        return false;
    add_constants(m);
    vq_module_entries(m);
    out->report = vq_opt_report(m);
    return vq_target_emit(m, out);
}

bool
vq_codegen(const Graph *g, Diag *diag, const CodegenOptions *opt, Emitted *out)
{
    ArenaMark mark = vq_arena_mark(g->arena);
    Module m = {.whole = g, .diag = diag, .opt = opt, .arena = g->arena};
    const Op *mixes;
    bool ok;

    *out = (Emitted){0};
    if (!(g->facts & F_PLANNED))
        return vq_bug(diag, NOLOC, "the graph is not planned");
    m.g = g->chunks > 1 ? vq_one_chunk(g, g->chunks, g->arena, &mixes) : g;
    if (!m.g)
        return vq_bug(diag, NOLOC, "the chunks of a batch are not apart");
    b_init(&m.b, g->arena, opt->prefix);
    ok = make_object(&m, out);
    vq_arena_release(g->arena, mark);
    return ok;
}

void
vq_emitted_free(Emitted *e)
{
    free(e->bytes);
    free(e->report);
    *e = (Emitted){0};
}
