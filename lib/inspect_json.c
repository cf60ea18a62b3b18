/*
 * inspect_json.c -- what vitqc_inspect found, for programs.
 */
#include "lib/inspect.h"

#include "passes/json.h"

#include <cjson/cJSON.h>

static cJSON *
tensors(const Graph *g, const ValId *id, uint32_t n)
{
    cJSON *list = cJSON_CreateArray();

    for (uint32_t i = 0; i < n; i++) {
        const Type *t = vq_type(g, id[i]);
        cJSON *o = cJSON_CreateObject(), *dims;

        cJSON_AddStringToObject(o, "name", g->val[id[i]].name);
        cJSON_AddStringToObject(o, "type", vq_dtype[t->dt].text);
        dims = cJSON_AddArrayToObject(o, "shape");
        for (int a = 0; a < t->rank; a++)
            cJSON_AddItemToArray(dims, cJSON_CreateNumber((double)t->dim[a]));
        cJSON_AddItemToArray(list, o);
    }
    return list;
}

static cJSON *
problems(const Problems *p)
{
    cJSON *list = cJSON_CreateArray();

    for (size_t i = 0; i < p->n; i++) {
        cJSON *o = cJSON_CreateObject(), *nodes;
        const Problem *one = &p->list[i];

        if (*one->op)
            cJSON_AddStringToObject(o, "op", one->op);
        cJSON_AddStringToObject(o, "text", one->text);
        cJSON_AddNumberToObject(o, "count", (double)one->count);
        nodes = cJSON_AddArrayToObject(o, "nodes");
        for (size_t k = 0; k < one->count && k < PROBLEM_NODES; k++)
            cJSON_AddItemToArray(nodes, cJSON_CreateString(one->node[k]));
        cJSON_AddItemToArray(list, o);
    }
    return list;
}

static cJSON *
ops(const Graph *g)
{
    int64_t count[NOP] = {0};
    cJSON *o = cJSON_CreateObject();

    for (uint32_t i = 1; i < g->nop; i++)
        count[g->op[i].kind]++;
    for (int k = 1; k < NOP; k++)
        if (count[k])
            cJSON_AddNumberToObject(o, vq_op[k].text, (double)count[k]);
    return o;
}

static void
add_graph(cJSON *o, const Inspect *in)
{
    const Graph *g = in->read;
    int64_t n, bytes;

    vq_count_constants(g, &n, &bytes);
    cJSON_AddItemToObject(o, "inputs", tensors(g, g->in, g->nin));
    cJSON_AddItemToObject(o, "outputs", tensors(g, g->out, g->nout));
    cJSON_AddItemToObject(o, "ops", ops(g));
    cJSON_AddNumberToObject(o, "macs",
                            (double)vq_total_macs(in->fused ? in->fused : g));
    cJSON_AddNumberToObject(o, "weights", (double)n);
    cJSON_AddNumberToObject(o, "weight_bytes", (double)bytes);
    if (in->structure)
        cJSON_AddItemToObject(o, "structure", vq_structure_json(in->structure));
    if (!in->planned)
        return;
    cJSON_AddNumberToObject(o, "object_bytes_about", (double)in->object_bytes);
    cJSON_AddNumberToObject(o, "work_bytes", (double)in->planned->worksize);
}

void
vq_inspect_json(Inspect *in, FILE *to)
{
    Owned *tree = vq_json_own(&in->arena);
    cJSON *o = tree->what = cJSON_CreateObject();

    cJSON_AddStringToObject(o, "vitqc", vitqc_version());
    cJSON_AddStringToObject(o, "model", in->path);
    if (in->notes.producer)
        cJSON_AddStringToObject(o, "producer", in->notes.producer);
    if (in->notes.opset)
        cJSON_AddNumberToObject(o, "opset", (double)in->notes.opset);
    cJSON_AddNumberToObject(o, "nodes", (double)in->notes.nodes);
    cJSON_AddBoolToObject(o, "compiles", in->errors.n == 0);
    if (in->read)
        add_graph(o, in);
    cJSON_AddItemToObject(o, "not_supported", problems(&in->errors));
    cJSON_AddItemToObject(o, "in_float", problems(&in->in_float));
    vq_json_write(&in->arena, tree, to);
}
