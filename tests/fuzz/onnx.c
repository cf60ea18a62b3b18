/*
 * onnx.c -- a model's bytes as they come: the wire format and what it holds.
 */
#include "tests/fuzz/onnx.h"

void
fuzz_target(Fuzz *f, const uint8_t *data, size_t n)
{
    fuzz_onnx(f, data, n);
}
