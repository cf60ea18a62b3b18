/*
 * inspect_text.c -- what vitqc_inspect found, for people.
 */
#include "lib/inspect.h"

#include "ir/text.h"
#include "lib/columns.h"

#include <string.h>

static void
print_file(Inspect *in, FILE *to)
{
    const ImportNotes *n = &in->notes;
    const char *text = vq_base_name(in->path);

    if (n->producer && *n->producer)
        text = vq_format(&in->arena, "%s, by %s %s", text, n->producer,
                         n->version);
    if (n->opset)
        text = vq_format(&in->arena, "%s, opset %lld, %zu nodes", text,
                         (long long)n->opset, n->nodes);
    vq_put_column(to, "model", text);
}

static void
print_tensors(Inspect *in, const char *what, const ValId *id, uint32_t n,
              FILE *to)
{
    const Graph *g = in->read;

    for (uint32_t i = 0; i < n; i++)
        vq_put_column(
            to, what,
            vq_format(&in->arena, "%s %s", g->val[id[i]].name,
                      vq_type_text(&in->arena, g, vq_type(g, id[i]))));
}

static void
print_ops(Inspect *in, FILE *to)
{
    const Graph *g = in->read;
    int64_t count[NOP] = {0};
    const char *text = vq_format(&in->arena, "%u:", g->nop - 1);
    const char *comma = "";

    for (uint32_t i = 1; i < g->nop; i++)
        count[g->op[i].kind]++;
    for (int k = 1; k < NOP; k++)
        if (count[k]) {
            text = vq_format(&in->arena, "%s%s %lld %s", text, comma,
                             (long long)count[k], vq_op[k].text);
            comma = ",";
        }
    vq_put_column(to, "ops", text);
}

/* ---- figures ---- */

static const char *
macs_text(Arena *a, int64_t n)
{
    if (n < 100000)
        return vq_format(a, "%.1f k multiply-adds", (double)n / 1e3);
    return vq_format(a, "%.1f M multiply-adds", (double)n / 1e6);
}

static const char *
bytes_text(Arena *a, int64_t n)
{
    if (n < 100000)
        return vq_format(a, "%.1f kB", (double)n / 1e3);
    return vq_format(a, "%.2f MB", (double)n / 1e6);
}

static void
print_work(Inspect *in, const Graph *g, FILE *to)
{
    int64_t kind[NOP] = {0}, all = vq_total_macs(g);
    const char *text = macs_text(&in->arena, all), *sep = ":";

    for (uint32_t i = 1; i < g->nop; i++)
        kind[g->op[i].kind] += vq_macs(g, &g->op[i]);
    for (int k = 1; k < NOP; k++)
        if (kind[k]) {
            text =
                vq_format(&in->arena, "%s%s %s %.1f %%", text, sep,
                          vq_op[k].text, 100 * (double)kind[k] / (double)all);
            sep = ",";
        }
    vq_put_column(to, "work", text);
}

static void
print_figures(Inspect *in, FILE *to)
{
    const Graph *g = in->fused ? in->fused : in->read;
    Arena *a = &in->arena;
    int64_t n, bytes;

    vq_count_constants(in->read, &n, &bytes);
    print_work(in, g, to);
    vq_put_column(to, "weights",
                  vq_format(a, "%.3f M numbers, %s in the model",
                            (double)n / 1e6, bytes_text(a, bytes)));
    if (in->planned)
        vq_put_column(to, "compiled",
                      vq_format(a, "about %s of object, %s of work area",
                                bytes_text(a, in->object_bytes),
                                bytes_text(a, in->planned->worksize)));
    else if (in->read->worksize)
        vq_put_column(to, "memory",
                      vq_format(a, "%lld bytes of work area",
                                (long long)in->read->worksize));
}

/* ---- problems ---- */

static const char *
nodes_text(Arena *a, const Problem *p)
{
    const char *text = p->count == 1 ? "node" : "";

    if (p->count > 1)
        text = vq_format(a, "%zu nodes:", p->count);
    for (size_t i = 0; i < p->count && i < PROBLEM_NODES; i++)
        text = vq_format(a, "%s%s %s", text, i ? "," : "", p->node[i]);
    if (p->count > PROBLEM_NODES)
        text = vq_format(a, "%s and %zu more", text, p->count - PROBLEM_NODES);
    return text;
}

static void
print_problems(Inspect *in, const char *title, const Problems *list, FILE *to)
{
    if (!list->n)
        return;
    fprintf(to, "\n%s\n", title);
    for (size_t i = 0; i < list->n; i++) {
        const Problem *p = &list->list[i];
        bool op = *p->op != 0;

        fprintf(to, "%s%s\n", op ? p->op : "the model", op ? ":" : ":");
        vq_put_column(to, "", p->text);
        if (p->count)
            vq_put_column(to, "", nodes_text(&in->arena, p));
    }
}

void
vq_inspect_print(Inspect *in, FILE *to)
{
    print_file(in, to);
    if (in->read) {
        print_tensors(in, "input", in->read->in, in->read->nin, to);
        print_tensors(in, "output", in->read->out, in->read->nout, to);
        print_ops(in, to);
        vq_describe_quantized(in->read, to);
    }
    if (in->structure) {
        fprintf(to, "\n");
        vq_structure_print(in->structure, to);
    }
    if (in->read) {
        fprintf(to, "\n");
        print_figures(in, to);
    }
    print_problems(in, "Not supported", &in->errors, to);
    print_problems(in, "Kept in float", &in->in_float, to);
}
