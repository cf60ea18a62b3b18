/*
 * onnx_graph.c -- models that the mutator of mutate.h makes of models.
 *
 * Deep nesting is left to the target `onnx`: what is unpacked and packed here
 * is of a few levels.
 */
#include "tests/fuzz/mutate.h"
#include "tests/fuzz/onnx.h"

#include <string.h>

enum { MAX_CHANGES = 5 };

size_t LLVMFuzzerMutate(uint8_t *, size_t n, size_t max);
size_t LLVMFuzzerCustomMutator(uint8_t *, size_t n, size_t max, unsigned seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *, size_t, const uint8_t *,
                                 size_t, uint8_t *, size_t, unsigned seed);

void
fuzz_target(Fuzz *f, const uint8_t *data, size_t n)
{
    fuzz_onnx(f, data, n);
}

/* Changes a model in data; its new size, 0 when it does not fit or is none. */
static size_t
change(const uint8_t *data, size_t n, const uint8_t *other, size_t nother,
       uint8_t *to, size_t max, unsigned seed)
{
    Arena a = {0};
    Mutate m = {.arena = &a,
                .model = mutate_unpack(&a, data, n),
                .other = other ? mutate_unpack(&a, other, nother) : NULL,
                .seed = seed};
    size_t size = 0;

    if (m.model) {
        /* Mostly one or two: each may make the model invalid. */
        for (int i = 0; i < MAX_CHANGES && (i == 0 || mutate_pick(&m, 2)); i++)
            mutate_model(&m);
        size = mutate_pack(m.model, to, max);
    }
    vq_arena_free(&a);
    return size;
}

size_t
LLVMFuzzerCustomMutator(uint8_t *data, size_t n, size_t max, unsigned seed)
{
    size_t size = change(data, n, NULL, 0, data, max, seed);

    return size ? size : LLVMFuzzerMutate(data, n, max);
}

size_t
LLVMFuzzerCustomCrossOver(const uint8_t *data, size_t n, const uint8_t *other,
                          size_t nother, uint8_t *to, size_t max, unsigned seed)
{
    return change(data, n, other, nother, to, max, seed);
}
