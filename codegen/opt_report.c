/*
 * opt_report.c -- the text of --opt-report: what each layer compiled to, level
 * by level, and what about it is slow. Needs a module whose kernels are all
 * made; layers of one pattern about which the same is to be said share lines.
 *
 *     blocks.0..11.fc1: linear 197x768x192, 12 layers, 4 parts at most
 *         avx2, avxvnni: ...
 *         base: slow: ...
 */
#include "codegen/module.h"
#include "codegen/remark.h"

#include "ir/names.h"
#include "ir/span.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct Line {
    Remark remark;
    const char *levels; /* "avx2, avxvnni" */
    unsigned nlevel;
} Line;

typedef struct Lines {
    Line *line;
    size_t n, cap;
} Lines;

/* Layers that share lines. */
typedef struct Group {
    const char *span, *head, *body;
    const char **name;
    size_t n, cap;
    bool slow;
} Group;

typedef struct OptReport {
    Module *m;
    Arena *arena;
    Group **group;
    size_t n, cap;
    Names *by_key;
} OptReport;

static void
add_line(Arena *a, Lines *l, const Remark *r, const char *level)
{
    Line *line;

    for (size_t i = 0; i < l->n; i++) {
        line = &l->line[i];
        if (strcmp(line->remark.text, r->text) != 0)
            continue;
        line->levels = vq_format(a, "%s, %s", line->levels, level);
        line->nlevel++;
        return;
    }
    l->line = vq_grow(a, l->line, l->n, &l->cap, sizeof *l->line);
    l->line[l->n++] = (Line){*r, level, 1};
}

static void
add_remarks(Arena *a, Lines *l, const Remarks *r, const char *level)
{
    for (size_t i = 0; r && i < r->n; i++)
        add_line(a, l, &r->item[i], level);
}

/* Those lines that say what is slow, or those that do not. */
static const char *
text_of(const Module *m, const Lines *l, bool slow)
{
    const char *text = "";

    for (size_t i = 0; i < l->n; i++) {
        const Line *line = &l->line[i];
        bool all = line->nlevel == m->nlevel && m->nlevel > 1;

        if (line->remark.slow == slow)
            text = vq_format(m->arena, "%s    %s: %s%s\n", text,
                             all ? "all levels" : line->levels,
                             slow ? "slow: " : "", line->remark.text);
    }
    return text;
}

/* The remarks on an op, as text; an empty one when there are none. */
static const char *
lines_text(OptReport *o, uint32_t op, bool *slow)
{
    Module *m = o->m;
    Arena *a = o->arena;
    Lines l = {0};

    for (unsigned i = 0; i < m->nlevel; i++) {
        add_remarks(a, &l, m->plan[op].remarks, m->level[i]->name);
        add_remarks(a, &l, vq_module_remarks(m, m->level[i], &m->g->op[op]),
                    m->level[i]->name);
    }
    *slow = false;
    for (size_t i = 0; i < l.n; i++)
        *slow |= l.line[i].remark.slow;
    return vq_format(a, "%s%s", text_of(m, &l, true), text_of(m, &l, false));
}

/* "linear 197x768x192": rows, columns, depth. */
static const char *
head_text(OptReport *o, uint32_t op)
{
    const Plan *p = &o->m->plan[op];
    const char *s = vq_format(o->arena, "%s %lldx%lld", p->name,
                              (long long)p->rows, (long long)p->cols);

    if (p->depth)
        s = vq_format(o->arena, "%sx%lld", s, (long long)p->depth);
    return s;
}

static void
add_op(OptReport *o, uint32_t op)
{
    Arena *a = o->arena;
    const char *name = vq_step_name(o->m, op), *head = head_text(o, op), *key;
    bool slow, found;
    const char *body = lines_text(o, op, &slow);
    Group **at;

    key = vq_format(a, "%s\n%s\n%u\n%s", vq_span_key(a, name), head,
                    o->m->plan[op].most, body);
    at = (Group **)vq_names_at(o->by_key, key, &found);
    if (!found) {
        const char *parts =
            o->m->plan[op].most > 1
                ? vq_format(a, ", %u parts at most", o->m->plan[op].most)
                : ", not cut for threads";

        *at = NEW(a, Group);
        **at = (Group){.head = vq_format(a, "%s%s", head, parts),
                       .body = body,
                       .slow = slow};
        o->group = vq_grow(a, o->group, o->n, &o->cap, sizeof *o->group);
        o->group[o->n++] = *at;
    }
    (*at)->name =
        vq_grow(a, (*at)->name, (*at)->n, &(*at)->cap, sizeof *(*at)->name);
    (*at)->name[(*at)->n++] = name;
}

static void
print(const OptReport *o, FILE *to)
{
    size_t layers = 0, slow = 0;

    for (size_t i = 0; i < o->n; i++) {
        layers += o->group[i]->n;
        slow += o->group[i]->slow ? o->group[i]->n : 0;
    }
    fprintf(to, "%zu of %zu layers have code that is slow on some level\n",
            slow, layers);
    if (o->m->whole->chunks > 1)
        fprintf(to,
                "a call runs them %u times, for a share of the batch each; "
                "shapes are of a share\n",
                (unsigned)o->m->whole->chunks);
    for (size_t i = 0; i < o->n; i++) {
        const Group *g = o->group[i];

        fprintf(to, "%s: %s", g->span, g->head);
        if (g->n > 1)
            fprintf(to, ", %zu layers", g->n);
        fprintf(to, "\n%s", g->body);
    }
}

char *
vq_opt_report(Module *m)
{
    OptReport o = {.m = m, .arena = m->arena};
    char *text = NULL;
    size_t size;
    FILE *to;

    o.by_key = vq_names_new(m->arena);
    for (uint32_t i = 1; i < m->g->nop; i++)
        if (vq_is_step(m, i))
            add_op(&o, i);
    for (size_t i = 0; i < o.n; i++)
        o.group[i]->span =
            vq_span_name(o.arena, o.group[i]->name, o.group[i]->n);
    to = open_memstream(&text, &size); /* no jump passes while it is open */
    if (!to)
        vq_oom(m->arena);
    print(&o, to);
    if (fclose(to) != 0) {
        free(text);
        vq_oom(m->arena);
    }
    return text;
}
