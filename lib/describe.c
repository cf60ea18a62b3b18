/*
 * describe.c -- what a model is: inputs, outputs, ops, work, sizes.
 */
#include "lib/session.h"

#include "ir/text.h"

static void
put_tensors(Arena *a, const Graph *g, const char *what, const ValId *id,
            uint32_t n, FILE *to)
{
    for (uint32_t i = 0; i < n; i++)
        fprintf(to, "%-8s %s %s\n", what, g->val[id[i]].name,
                vq_type_text(a, g, vq_type(g, id[i])));
}

typedef struct Tally {
    int64_t ops[NOP], macs[NOP];
    int64_t const_bytes, nconst;
} Tally;

static Tally
tally(const Graph *g)
{
    Tally t = {0};

    for (uint32_t i = 1; i < g->nop; i++) {
        t.ops[g->op[i].kind]++;
        t.macs[g->op[i].kind] += vq_macs(g, &g->op[i]);
    }
    for (ValId i = 1; i < g->nval; i++)
        if (g->val[i].data) {
            t.nconst++;
            t.const_bytes += vq_bytes(vq_type(g, i));
        }
    return t;
}

static bool
describe(Vitqc *v, void *arg)
{
    const Graph *g = v->g;
    FILE *to = arg;
    int64_t macs = 0;
    Tally t;

    if (!g)
        return vq_usage(v, "no model was read");
    t = tally(g);
    put_tensors(&v->tmp, g, "input", g->in, g->nin, to);
    put_tensors(&v->tmp, g, "output", g->out, g->nout, to);
    fprintf(to, "%-8s %.2f MB in %lld tensors\n", "weights",
            (double)t.const_bytes / 1e6, (long long)t.nconst);
    if (g->worksize)
        fprintf(to, "%-8s %lld bytes of work area\n", "memory",
                (long long)g->worksize);
    vq_describe_quantized(g, to);
    fprintf(to, "%-8s %u\n", "ops", g->nop - 1);
    for (int k = 1; k < NOP; k++) {
        macs += t.macs[k];
        if (t.macs[k])
            fprintf(to, "  %-14s %5lld  %.1f M multiply-adds\n", vq_op[k].text,
                    (long long)t.ops[k], (double)t.macs[k] / 1e6);
        else if (t.ops[k])
            fprintf(to, "  %-14s %5lld\n", vq_op[k].text, (long long)t.ops[k]);
    }
    fprintf(to, "%-8s %.1f M multiply-adds\n", "work", (double)macs / 1e6);
    return true;
}

VitqcStatus
vitqc_describe(Vitqc *v, FILE *to)
{
    return vq_guard(v, describe, to);
}
