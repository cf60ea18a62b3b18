/*
 * onnx_eval.c -- the float graph of a model on inputs from a file.
 *
 *     onnx_eval MODEL.onnx INPUT.npy OUTPUT.npy [NAME=N ..]
 *
 * INPUT.npy holds inputs for batch 1, one a row; OUTPUT.npy gets the model's
 * outputs for each, one after the other. NAME=N bind dynamic dimensions. `-`
 * for OUTPUT.npy with INPUT.npy `-` prints the graph instead.
 */
#include "data/data.h"
#include "frontend/frontend.h"
#include "ir/eval.h"

#include <string.h>

static void
print_message(void *user, Severity sev, const char *file, Loc loc,
              const char *text)
{
    (void)user;
    (void)sev;
    fprintf(stderr, "%s: %s%s%s\n", file ? file : "", loc.node ? loc.node : "",
            loc.node ? ": " : "", text);
}

static bool
evaluate_rows(Arena *a, Diag *d, const Graph *g, const Npy *in, FILE *to)
{
    int64_t dim[] = {in->rows, 0};
    float *x = NEWN(a, float, (size_t)in->cols);
    void **y = NEWN(a, void *, g->nout);

    for (uint32_t i = 0; i < g->nout; i++) {
        y[i] = vq_alloc(a, (size_t)vq_bytes(vq_type(g, g->out[i])));
        dim[1] += vq_count(vq_type(g, g->out[i]));
    }
    vq_npy_header(to, NPY_F32, 2, dim);
    for (int64_t i = 0; i < in->rows; i++) {
        if (!vq_npy_rows_f32(in, d, a, i, 1, x))
            return false;
        vq_eval(g, a, (const void *[]){x}, y, NULL, NULL);
        for (uint32_t k = 0; k < g->nout; k++)
            fwrite(y[k], 1, (size_t)vq_bytes(vq_type(g, g->out[k])), to);
    }
    return true;
}

static bool
run(Arena *a, Diag *d, char **argv, const ImportOptions *opt)
{
    Graph *g = vq_onnx_read(a, d, argv[1], opt);
    Npy in;
    FILE *to;
    bool ok;

    if (!g || !vq_verify(g, d, "import"))
        return false;
    if (strcmp(argv[2], "-") == 0)
        return vq_print(g, stdout, NULL);
    if (!vq_npy_open(a, d, argv[2], &in))
        return false;
    if (g->nin != 1 || in.cols != vq_count(vq_type(g, g->in[0])))
        return vq_error(d, NOLOC, "%s does not fit the model's input", argv[2]);
    to = fopen(argv[3], "wb");
    ok = to && evaluate_rows(a, d, g, &in, to) && !ferror(to);
    if (!to || fclose(to) != 0)
        return vq_io_error(d, argv[3], "cannot be written");
    return ok;
}

int
main(int argc, char **argv)
{
    Arena a = {0};
    Diag d = {.fn = print_message};
    bool ok;

    if (argc < 4) {
        fprintf(stderr, "usage: onnx_eval MODEL.onnx INPUT.npy OUTPUT.npy "
                        "[NAME=N ..]\n");
        return 2;
    }
    ok = run(&a, &d, argv,
             &(ImportOptions){.dims = (const char *const *)argv + 4});
    vq_arena_free(&a);
    return !ok;
}
