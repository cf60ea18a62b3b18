/*
 * onnx_run.c -- from a model's bytes to a graph that only wants machine code.
 */
#include "tests/fuzz/onnx.h"

#include "frontend/frontend.h"

/* Weights for models that have theirs in a file of their own. */
static void
write_weights(Fuzz *f)
{
    static uint8_t bytes[1 << 12];
    static bool done;

    if (done)
        return;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i % 4 == 3 ? 0x3e : i);
    fuzz_file(f, "weights.bin", bytes, sizeof bytes);
    done = true;
}

void
fuzz_onnx(Fuzz *f, const uint8_t *data, size_t n)
{
    Graph *g;

    write_weights(f);
    g = vq_onnx_read(&f->arena, &f->diag, fuzz_file(f, "model.onnx", data, n),
                     NULL);
    fuzz_check_said(f, g != NULL);
    if (!g)
        return;
    fuzz_check(vq_verify(g, &f->diag, "import"), "what is imported verifies");
    if (fuzz_is_small(g))
        fuzz_evaluate(f, g);
    if (!fuzz_compile(f, g, fuzz_hash(data, n)))
        fuzz_check_said(f, false);
    else if (fuzz_is_small(g))
        fuzz_evaluate(f, g);
}
