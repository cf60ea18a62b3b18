/*
 * header.c -- the C header that goes with an object.
 */
#include "codegen/codegen.h"
#include "ir/layout.h"

#include <ctype.h>
#include <inttypes.h>

/* runtime/vqrt.h as a string, made by the build. */
extern const char vq_runtime_header[];

static char *
upper(Arena *a, const char *s)
{
    char *u = vq_strdup(a, s);

    for (char *c = u; *c; c++)
        *c = (char)toupper((unsigned char)*c);
    return u;
}

static const char *
shape_text(Arena *a, const Type *t)
{
    const char *s = "";

    for (int i = 0; i < t->rank; i++)
        s = vq_format(a, "%s%s%" PRId64, s, i ? " x " : "", t->dim[i]);
    return s;
}

/* "const float *in, float *out, void *work", numbered where there are more. */
static const char *
parameters(const Graph *g, Arena *a)
{
    const char *s = "";

    for (uint32_t i = 0; i < g->nin; i++)
        s = g->nin == 1 ? "const float *in, "
                        : vq_format(a, "%sconst float *in%u, ", s, i);
    for (uint32_t i = 0; i < g->nout; i++)
        s = g->nout == 1 ? vq_format(a, "%sfloat *out, ", s)
                         : vq_format(a, "%sfloat *out%u, ", s, i);
    return vq_format(a, "%svoid *work", s);
}

/* Sizes and shapes of inputs or outputs. */
static const char *
tensor_lines(const Graph *g, Arena *a, const char *prefix, const ValId *v,
             uint32_t n, const char *what)
{
    const char *s = "";

    for (uint32_t i = 0; i < n; i++) {
        const Type *t = vq_type(g, v[i]);
        const char *k = n == 1 ? "" : vq_format(a, "%u", i);

        s = vq_format(a,
                      "%s/* %s: float [%s] */\n#define %s_%s%s_COUNT "
                      "%" PRId64 "\n",
                      s, g->val[v[i]].name, shape_text(a, t), prefix, what, k,
                      vq_count(t));
    }
    return s;
}

static const char *
top(const Graph *g, const CodegenOptions *opt, const char *version,
    const char *source)
{
    Arena *a = g->arena;
    const char *u = upper(a, opt->prefix);

    return vq_format(
        a,
        "/* Made by vitqc %s from %s. */\n"
        "#ifndef %s_H\n#define %s_H\n\n%s\n"
        "/* Bytes and alignment of the work area; one for each call in "
        "flight. */\n"
        "#define %s_WORK_BYTES %" PRId64 "\n#define %s_WORK_ALIGN %d\n"
        "/* Bytes more for each part of a run beyond the first. */\n"
        "#define %s_PART_BYTES %" PRId64 "\n\n%s%s\n",
        version, source, u, u, vq_runtime_header, u, g->worksize, u, VQ_SLOT, u,
        vq_part_bytes(g), tensor_lines(g, a, u, g->in, g->nin, "IN"),
        tensor_lines(g, a, u, g->out, g->nout, "OUT"));
}

char *
vq_header(const Graph *g, const CodegenOptions *opt, const char *version,
          const char *source)
{
    Arena *a = g->arena;
    const char *p = opt->prefix, *par = parameters(g, a), *u = upper(a, p);

    return vq_format(
        a,
        "%s#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n"
        "/* Runs the model on the best CPU level; VQRT_OK or an error. "
        "Reentrant. */\n"
        "int %s_run(%s);\n"
        "/* The same on one level, 0 for the weakest. */\n"
        "int %s_run_level(int level, %s);\n"
        "/* The same in context->parts parts, on the threads of its "
        "parallel_for\n"
        " * (vqrt_pool.h of vitqc has one); `work` then holds %s_WORK_BYTES +\n"
        " * (parts - 1) * %s_PART_BYTES. Level -1: the best. */\n"
        "int %s_run_with(int level, %s, const VqrtContext *context);\n"
        "/* The best level that this CPU can run. */\n"
        "int %s_best_level(void);\n"
        "/* Fills in all of the above, names, shapes and levels. */\n"
        "void %s_model(VqrtModel *);\n\n"
        "#ifdef __cplusplus\n}\n#endif\n\n#endif\n",
        top(g, opt, version, source), p, par, p, par, u, u, p, par, p, p);
}
