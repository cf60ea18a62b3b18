/*
 * mkonnx.h -- small ONNX models built in memory, for tests.
 *
 * A Make is a model with one graph under construction; everything in it lives
 * in its arena. make_import writes it to a temporary file and reads it back.
 */
#ifndef VQ_TESTS_MKONNX_H
#define VQ_TESTS_MKONNX_H

#include "frontend/frontend.h"
#include "onnx.pb-c.h"

typedef struct Make {
    Arena arena;
    Diag diag;
    Onnx__ModelProto *model;
    Onnx__GraphProto *graph;
    Onnx__NodeProto *node; /* the one that make_attr_* add to */
    char *said;            /* all messages, a line each */
} Make;

void make_begin(Make *, int64_t opset);
void make_end(Make *);
/* "x" float [2,3]; a dimension of -1 is dynamic and named after its place. */
void make_input(Make *, const char *name, const char *dims);
void make_output(Make *, const char *name);
/* One input, named x, and the output y. */
void make_io(Make *, const char *dims);
/* Initializers from text: "1,2,3" in shape "3"; "" is a scalar. */
Onnx__TensorProto *make_floats(Make *, const char *name, const char *dims,
                               const char *values);
Onnx__TensorProto *make_ints(Make *, const char *name, const char *dims,
                             const char *values);
/* `names` is "in1 in2 -> out1 out2"; an absent input is "_". */
Onnx__NodeProto *make_node(Make *, const char *op, const char *names);
void make_attr_i(Make *, const char *name, int64_t);
void make_attr_f(Make *, const char *name, float);
void make_attr_s(Make *, const char *name, const char *);
void make_attr_is(Make *, const char *name, const char *values);
void make_attr_t(Make *, const char *name, Onnx__TensorProto *);

void make_attr_ref(Make *, const char *name, const char *of_function);
/* What follows goes into a graph of its own, until make_graph_end gives it
 * back to the graph around it. */
Onnx__GraphProto *make_graph_begin(Make *);
void make_graph_end(Make *, Onnx__GraphProto *outer);
void make_attr_g(Make *, const char *name, Onnx__GraphProto *);
/* The nodes of the graph become a function: "a b -> c" of domain "local". */
Onnx__FunctionProto *make_function(Make *, const char *name, const char *names,
                                   Onnx__GraphProto *, int64_t opset);
/* An attribute's default, whether onnx.proto knows of them or not. */
void make_default_f(Make *, Onnx__FunctionProto *, const char *name, float);

/* The model's bytes. */
uint8_t *make_bytes(Make *, size_t *n);
/* Reads bytes as a model file. Verifies what comes out. */
Graph *make_read(Make *, const uint8_t *, size_t n, const ImportOptions *);
Graph *make_import(Make *, const ImportOptions *);
/* The graph's first output on one input. */
float *make_run(Make *, const Graph *, const float *x);
/* Runs on "1,2,3" and gives the output as text with %g: "[2x3] 1,2,..". NULL
 * when the model was refused. */
const char *make_result(Make *, const char *x);

/* Adds an item to a protobuf-c list. */
void make_append(Make *, void *list, size_t *n, void *item);
float *make_parse(Make *, const char *values, size_t *n);

#endif
