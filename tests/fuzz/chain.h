/*
 * chain.h -- operators put behind each other in a model, where each knows the
 * shape that it is given.
 */
#ifndef VQ_TESTS_FUZZ_CHAIN_H
#define VQ_TESTS_FUZZ_CHAIN_H

#include "tests/fuzz/mutate.h"

enum { RANK = 4 };

typedef struct Chain {
    Mutate *m;
    size_t at; /* the next node's place */
    char *x;   /* the value, of shape dim */
    int64_t dim[RANK];
} Chain;

/* lo .. hi, by chance. */
int64_t between(Chain *, int64_t lo, int64_t hi);
/* Of the model. */
int64_t opset(const Chain *);

/* New initializers. Weights lie mostly within [-1, 1); now and then one stands
 * out, or is a zero. */
Onnx__TensorProto *new_tensor(Chain *, int32_t type, size_t rank,
                              const int64_t *dim);
char *weight(Chain *, size_t rank, const int64_t *dim);
char *vector(Chain *, int64_t n);
char *integers(Chain *, size_t n, const int64_t *value);

/* A node; its output becomes the chain's value. */
Onnx__NodeProto *put(Chain *, const char *op, size_t nin, char *const *in);
#define PUT(c, op, ...)                                                        \
    put(c, op, sizeof(char *[]){__VA_ARGS__} / sizeof(char *),                 \
        (char *[]){__VA_ARGS__})

Onnx__AttributeProto *attribute(Chain *, Onnx__NodeProto *, const char *name,
                                int type);
void set_int(Chain *, Onnx__NodeProto *, const char *name, int64_t);
void set_ints(Chain *, Onnx__NodeProto *, const char *name, size_t count,
              const int64_t *value);

void reshape(Chain *, size_t rank, const int64_t *dim);
/* Whatever shape the value has: its numbers and ones, as many as needed. */
void bring_to_shape(Chain *);

#endif
