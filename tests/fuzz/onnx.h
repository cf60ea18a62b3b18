/* onnx.h -- what the two targets of ONNX models do with one. */
#ifndef VQ_TESTS_FUZZ_ONNX_H
#define VQ_TESTS_FUZZ_ONNX_H

#include "tests/fuzz/fuzz.h"

/* Imports the bytes with default limits, runs every pass on what comes out
 * and evaluates it where it is small. */
void fuzz_onnx(Fuzz *, const uint8_t *data, size_t n);

#endif
