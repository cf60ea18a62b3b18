/*
 * changes.h -- what the files of changes share: odd values, a victim by
 * chance, and the lists that mutate_model chooses from.
 */
#ifndef CHANGES_H
#define CHANGES_H

#include "ir/base.h"
#include "tests/lib/mutations.h"

typedef struct Change {
    const char *name;
    void (*fn)(Onnx__ModelProto *, Rng *);
} Change;

/* Each ends in a row without a name. */
extern const Change change_tensors[], change_nodes[], change_attributes[],
    change_whole[];

void *keep(size_t bytes); /* zeroed, until the process ends */
char *text(const char *); /* a copy that is kept */
int64_t odd_int(Rng *);
float odd_float(Rng *);
void note(Done *, const char *what);

/* NULL: none was found. */
Onnx__NodeProto *a_node(const Onnx__ModelProto *, Rng *);
Onnx__TensorProto *a_tensor(const Onnx__ModelProto *, Rng *);
Onnx__AttributeProto *an_attribute(const Onnx__ModelProto *, Rng *);
Onnx__TypeProto__Tensor *an_input_type(const Onnx__ModelProto *, Rng *);
char **a_reference(const Onnx__ModelProto *, Rng *);

#endif
