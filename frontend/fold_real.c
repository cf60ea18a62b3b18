/*
 * fold_real.c -- real ops on constants, by the IR's own evaluator.
 */
#include "frontend/import.h"

#include <string.h>

#include "ir/eval.h"

/* The op alone in a graph of its own; NULL after an error. */
static const Op *
build_alone(Node *n, Graph *g, OpKind kind, Item *const *in, uint32_t nin,
            const Attr *attrs, uint32_t nattr, const Type *want)
{
    ValId *id = NEWN(g->arena, ValId, nin);
    ValId out;

    for (uint32_t i = 0; i < nin; i++)
        id[i] = vq_const(g, in[i]->name, in[i]->type, in[i]->data);
    out = vq_emit_infer(g, n->im->diag, kind, "result", id, nin, attrs, nattr,
                        want, n->loc);
    return out ? vq_def(g, out) : NULL;
}

static void
evaluate(const Graph *g, const Op *op, Item *const *in, void *out)
{
    const void **data = NEWN(g->arena, const void *, op->nin);

    for (uint32_t i = 0; i < op->nin; i++)
        data[i] = in[i]->data;
    vq_eval_fn[op->kind](&(EvalArgs){g, op, data, out, g->arena});
}

static bool
check_inputs(Node *n, Item *const *in, uint32_t nin)
{
    for (uint32_t i = 0; i < nin; i++)
        if (in[i]->type.dt != DT_F32 || vq_count(&in[i]->type) == 0) {
            vq_node_error(n,
                          "input %u is %s %s; a float tensor with elements "
                          "is needed",
                          i, vq_elem_text(in[i]->et),
                          vq_shape_text(n, &in[i]->type));
            return false;
        }
    return true;
}

Item *
vq_fold_real(Node *n, OpKind kind, Item *const *in, uint32_t nin,
             const Attr *attrs, uint32_t nattr, const Type *want)
{
    Arena *a = n->im->arena;
    Item *x = NULL;
    const Op *op;
    Graph *g;

    if (!check_inputs(n, in, nin))
        return NULL;
    g = vq_graph_new(a, "fold");
    op = build_alone(n, g, kind, in, nin, attrs, nattr, want);
    if (op && vq_budget_op(n->im, g, op))
        x = vq_item_like(n->im, n->loc, ET_FLOAT, vq_type(g, op->out));
    if (x) {
        ArenaMark mark = vq_arena_mark(a);

        evaluate(g, op, in, (void *)x->data);
        vq_arena_release(a, mark);
    }
    return x;
}
