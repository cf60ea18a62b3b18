/*
 * import.h -- what the files of the frontend share.
 *
 * An Item is what an ONNX value name stands for: a constant known now (floats
 * as f32, every integer type and bool as s64), or a value of the graph. Emit
 * functions, one for each row of onnx_ops.def, are written in terms of the
 * builders of build.c, which compute at once what depends on constants only
 * and emit ops for the rest. Everything lives in the arena of the graph.
 */
#ifndef VQ_IMPORT_H
#define VQ_IMPORT_H

#include "frontend/frontend.h"
#include "ir/names.h"
#include "onnx.pb-c.h"

/* TensorProto.DataType. The values are ONNX's; some are newer than the
 * system's onnx.proto. */
typedef enum ElemType {
    ET_NONE = 0,
    ET_FLOAT = 1,
    ET_UINT8 = 2,
    ET_INT8 = 3,
    ET_UINT16 = 4,
    ET_INT16 = 5,
    ET_INT32 = 6,
    ET_INT64 = 7,
    ET_STRING = 8,
    ET_BOOL = 9,
    ET_FLOAT16 = 10,
    ET_DOUBLE = 11,
    ET_UINT32 = 12,
    ET_UINT64 = 13,
    ET_BFLOAT16 = 16,
    ET_FLOAT8E4M3FN = 17,
    ET_FLOAT8E4M3FNUZ = 18,
    ET_FLOAT8E5M2 = 19,
    ET_FLOAT8E5M2FNUZ = 20,
    ET_UINT4 = 21,
    ET_INT4 = 22,
    ET_FLOAT4E2M1 = 23,
    ET_FLOAT8E8M0 = 24,
    ET_UINT2 = 25,
    ET_INT2 = 26,
} ElemType;

/* What the codes of a quantized value stand for: scale * (code - zero), codes
 * within lo..hi. */
typedef struct Grid {
    float scale;
    int64_t zero;
    double lo, hi;
} Grid;

typedef struct Item {
    const char *name; /* ONNX's, or NULL for something in between */
    ElemType et;      /* ET_FLOAT for every float type */
    Type type;        /* DT_F32 or DT_S64; constants may have 0 elements */
    /* NULL, or the item is integers that a quantization made of a computed
     * value: et says which, and v is the real numbers that they stand for. */
    const Grid *grid;
    const void *data; /* of a constant; NULL: not known now */
    ValId v;          /* in the graph; 0: a constant not used there yet */
    bool bad;         /* follows from an error that was reported */
} Item;

typedef struct Call Call;
typedef struct ExternalFile ExternalFile;

typedef struct Import {
    Arena *arena;
    Diag *diag;
    const ImportOptions *opt;
    const char *path;
    Onnx__ModelProto *model;
    Graph *g;
    Names *items;   /* name -> Item; NULL for names not yet made */
    Names *uses;    /* names that some node or the graph's outputs read */
    Names *made;    /* names of all nodes' outputs */
    Names *tried;   /* name in a body -> the last number it was tried with */
    Names *refused; /* operators that vq_check_operators reported */
    int64_t opset;
    unsigned errors; /* diag->nerror at the start */
    /* Bodies written out, inline.c: */
    const Call *call; /* the functions whose body is being imported */
    unsigned depth;   /* of bodies in bodies */
    unsigned nbodies;
    size_t inlined;            /* bytes of their nodes */
    const ExternalFile *files; /* beside the model, that were read */
    uint64_t dim_used;         /* one bit for each of opt->dims */
    /* Bytes, budget.c: */
    double read;       /* from files */
    double made_bytes; /* of constants that were worked out */
    double work;       /* gone through to do so */
    bool overdrawn;    /* and reported */
} Import;

typedef struct Node Node;
typedef Item *EmitFn(Node *);

typedef struct OnnxOp {
    const char *domain, *name;
    int64_t since, until; /* opsets; until 0: any later one */
    unsigned lo, hi;      /* inputs */
    EmitFn *emit;
    OpKind kind; /* of the IR, where the emit function serves several */
} OnnxOp;

/* A node while it is imported. */
struct Node {
    Import *im;
    const Onnx__NodeProto *p;
    const OnnxOp *op;
    Loc loc;
    Item **in; /* NULL: absent */
    uint32_t nin;
    uint32_t first_op; /* ops of the graph from here on are this node's */
    unsigned fresh;    /* counts the names made up for it */
};

/* ---- onnx_load.c, scan.c: file to message ---- */

Onnx__ModelProto *vq_model_load(Arena *, Diag *, const char *path,
                                size_t max_memory, size_t *bytes);
/* The bytes are a well-formed message, nested no deeper than vitqc reads. */
bool vq_message_scan(const ProtobufCMessageDescriptor *, const uint8_t *,
                     size_t);

/* ---- newer.c: fields that the system's onnx.proto may not have ---- */

/* For messages that end with the arena. */
ProtobufCAllocator vq_message_allocator(Arena *);

/* "" where it is missing. */
const char *vq_newer_text(Arena *, const ProtobufCMessage *, unsigned number);
Onnx__AttributeProto **vq_newer_attributes(Arena *, const ProtobufCMessage *,
                                           unsigned number, size_t *n);

/* ---- order.c ---- */

/* Sorts the nodes where they are not in topological order. */
void vq_nodes_order(Arena *, Onnx__GraphProto *);

/* ---- check.c ---- */

bool vq_find_opset(Import *);
/* Reports all nodes that have no row in onnx_ops.def. */
bool vq_check_operators(Import *);
void vq_report_unsupported(Import *, const Onnx__NodeProto *);
/* vq_check_operators had something to say of this operator. */
bool vq_was_refused(const Import *, const Onnx__NodeProto *);

/* ---- import.c ---- */

bool vq_import_node(Import *, const Onnx__NodeProto *);

/* ---- inline.c: nodes of bodies, made nodes of the model ---- */

typedef struct Body Body;

struct Body {
    Node *node;        /* whose body it is */
    const Body *outer; /* the body that a graph inside it is copied from */
    Names *names;      /* of the body -> what they become */
    const char *prefix;
    bool closed; /* a function: sees nothing outside */
    /* the attributes that a function's nodes may refer to */
    Onnx__AttributeProto **given, **defaults;
    size_t ngiven, ndefaults;
};

/* Each body is entered and left, which bounds how deep they are. */
bool vq_inner_enter(Node *);
void vq_inner_leave(Node *);
Body *vq_inner_new(Node *, bool closed);
void vq_inner_rename(Body *, const char *inner, const char *outer);
/* Gives a name of the body one of the model's, unless it has one. */
void vq_inner_own(Body *, const char *inner);
void vq_inner_own_nodes(Body *, Onnx__NodeProto *const *, size_t n);
void vq_inner_own_graph(Body *, const Onnx__GraphProto *);
/* What a name of the body is in the model. */
const char *vq_inner_name(const Body *, const char *inner);
/* NULL: no such value. */
Item *vq_inner_item(const Body *, const char *inner);
/* A copy under the model's names; NULL after reporting that it is too much. */
Onnx__NodeProto *vq_inner_copy(Body *, const Onnx__NodeProto *);
bool vq_inner_import(Body *, Onnx__NodeProto *const *, size_t n);

/* ---- function.c ---- */

/* The model's function that a node calls, or NULL. */
const Onnx__FunctionProto *vq_function_find(const Import *,
                                            const Onnx__NodeProto *);
/* The default domain's opset in its body. */
int64_t vq_function_opset(const Import *, const Onnx__FunctionProto *);
bool vq_function_call(Node *, const Onnx__FunctionProto *);

/* ---- tensor.c, external.c: TensorProto to constant ---- */

typedef enum Finite {
    FINITE,         /* weights: NaN and Inf are errors */
    FINITE_OR_MASK, /* a single number may be infinite: attention masks */
    FINITE_OR_NOT   /* anything */
} Finite;

/* `what` names the tensor in messages. NULL after an error. */
Item *vq_tensor_read(Import *, Loc, const Onnx__TensorProto *, const char *what,
                     Finite);
/* The same of a sparse tensor, sparse.c, and its name. */
Item *vq_sparse_read(Import *, Loc, const Onnx__SparseTensorProto *,
                     const char *what);
const char *vq_sparse_name(const Onnx__SparseTensorProto *);
/* Bytes of a tensor stored in a file beside the model. */
const uint8_t *vq_external_read(Import *, const Onnx__TensorProto *,
                                size_t bytes);
const char *vq_elem_text(int32_t elem_type);
/* A constant, zeroed, for its maker to fill in. NULL after reporting a size
 * that is out of bounds. Dimensions may be 0. */
Item *vq_item_new(Import *, Loc, ElemType, int rank, const int64_t *dim);
/* The shape part of it: sets x->type for x->et. */
bool vq_item_shape(Import *, Loc, Item *, int rank, const int64_t *dim);
/* The same in the shape of a type. */
Item *vq_item_like(Import *, Loc, ElemType, const Type *);
Item *vq_item_f32(Import *, float); /* a scalar */
Item *vq_item_ints(Import *, const int64_t *, int64_t n);
Item *vq_item_range(Import *, int64_t n); /* 0 .. n - 1 */
bool vq_is_float_elem(int32_t elem_type);
/* An integer brought into the range of its type as C converts it. */
int64_t vq_wrap_int(ElemType, int64_t);
/* Modulo 2^64 (fold_int.c). */
int64_t vq_wrapping_add(int64_t, int64_t);
int64_t vq_wrapping_mul(int64_t, int64_t);

/* ---- budget.c: bounds on what is worked out at compile time ---- */

/* So many bytes of the model were read. */
void vq_budget_read(Import *, size_t bytes);
/* A constant is about to be made, or gone through. false when that is out of
 * proportion to the model; the first such is reported. */
bool vq_budget_make(Import *, Loc, double bytes);
bool vq_budget_work(Import *, Loc, double bytes);
/* A node is about to work on its known inputs, an op to be evaluated. */
bool vq_budget_inputs(Node *);
bool vq_budget_op(Import *, const Graph *, const Op *);

/* ---- inputs.c: the graph's inputs and outputs ---- */

bool vq_import_inputs(Import *);
bool vq_import_outputs(Import *);
bool vq_define(Import *, Loc, const char *name, Item *);
/* As many as a reader takes in; or a file cannot be read, and all that follows
 * would be of that. */
bool vq_enough_errors(const Import *);

/* ---- onnx_ops.c ---- */

const OnnxOp *vq_onnx_find(const Import *, const Onnx__NodeProto *);
/* Whether some row has the name, whatever its opsets. */
bool vq_onnx_knows(const char *domain, const char *name);

/* ---- node.c: a node's attributes and inputs ---- */

/* A node's name, or its output's. */
Loc vq_node_loc(const Onnx__NodeProto *);
/* Reports at the node, "OpType: " in front. Returns NULL. */
Item *vq_node_error(const Node *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
const Onnx__AttributeProto *vq_node_attr(const Node *, const char *name);
int64_t vq_attr_int(const Node *, const char *name, int64_t otherwise);
float vq_attr_float(const Node *, const char *name, float otherwise);
/* The attribute epsilon of a normalisation, from 0. */
bool vq_attr_epsilon(const Node *, float otherwise, float *eps);
/* NULL when missing. */
const int64_t *vq_attr_ints(const Node *, const char *name, size_t *n);
bool vq_attr_is(const Node *, const char *name, const char *text,
                bool otherwise);
/* The item of input i, NULL when absent. */
Item *vq_in(const Node *, uint32_t i);
/* Input i as a list of integers known now. false after an error. */
bool vq_in_ints(const Node *, uint32_t i, const int64_t **, int64_t *n);
/* Attribute `name`, or else input i; *v is NULL when neither is there. */
bool vq_attr_or_in(const Node *, const char *name, uint32_t i,
                   const int64_t **v, int64_t *n);
/* Input i as one number known now. */
bool vq_in_scalar(const Node *, uint32_t i, double *);
/* Brings an axis into 0..rank-1. */
bool vq_axis(const Node *, int64_t axis, int rank, int *out);
/* The same for a list: one bit for each axis. */
bool vq_axes(const Node *, const int64_t *, int64_t n, int rank,
             unsigned *mask);
/* Whether output k is named and read by anyone. */
bool vq_wants_output(const Node *, uint32_t k);
/* Names the item as output k of the node. Output 0 is the result of emit. */
bool vq_set_output(Node *, uint32_t k, Item *);
/* "[2x3]" */
const char *vq_shape_text(const Node *, const Type *);

/* ---- build.c: constants are folded, the rest emitted ---- */

/* All of them pass NULL arguments on as errors that were reported. */
Item *vq_make(Node *, OpKind, Item *const *in, uint32_t nin, const Attr *,
              uint32_t nattr, const Type *want);
Item *vq_make1(Node *, OpKind, Item *);
Item *vq_make2(Node *, OpKind, Item *, Item *);
Item *vq_reshape(Node *, Item *, int rank, const int64_t *dim);
Item *vq_transpose(Node *, Item *, const int64_t *perm);
Item *vq_swap_last(Node *, Item *); /* the last two axes */
Item *vq_slice(Node *, Item *, int axis, int64_t start, int64_t step,
               int64_t count);
Item *vq_concat(Node *, Item *const *, uint32_t n, int axis);
Item *vq_expand(Node *, Item *, int rank, const int64_t *dim);
Item *vq_reduce(Node *, OpKind, Item *, unsigned axes, bool keep);
Item *vq_softmax(Node *, Item *, int axis);
Item *vq_clip(Node *, Item *, double lo, double hi);
/* x as a real constant where it is one; other types cannot be computed on. */
Item *vq_to_float(Node *, Item *);
/* The value in the graph; 0 after an error. */
ValId vq_item_value(Node *, Item *);
/* numpy's broadcast of two shapes, 0 sizes included. */
bool vq_broadcast_dims(const Type *, const Type *, Type *);

/* Slices side by side: x's elements at the indices along an axis.
 * ops_select.c. */
Item *vq_gather_runs(Node *, Item *x, const int64_t *index, int64_t count,
                     int axis);
/* out[i] = x[map[i]], both in row-major order. gather_map.c. */
Item *vq_gather_map(Node *, Item *x, const int64_t *map, const Type *out);
/* The axes of a reduction, by attribute or input. ops_reduce.c. */
bool vq_reduced_axes(const Node *, unsigned *mask);

/* Convolution with the node's strides, pads, dilations and groups; b may be
 * NULL. ops_linear.c, as the product below. */
Item *vq_conv(Node *, Item *x, Item *w, Item *b);
/* alpha A' B' + beta C by the node's attributes; c may be NULL. */
Item *vq_gemm(Node *, Item *a, Item *b, Item *c);

/* ---- quant.c: between numbers and codes ---- */

/* How a quantization is parametrized. */
typedef struct QuantParams {
    Item *scale, *zero; /* zero may be NULL */
    int64_t axis;       /* where there are several scales */
    int64_t block;      /* elements that share one along the axis; 0: all */
} QuantParams;

/* The scales are known, positive and as many as x needs, and so the zeros. */
bool vq_quant_check(Node *, const Item *x, QuantParams *);
/* Numbers to codes of type et. */
Item *vq_quantize_item(Node *, Item *x, QuantParams, ElemType et);
/* Codes to numbers. */
Item *vq_dequantize_item(Node *, Item *x, QuantParams);
/* x rounded to a grid: still real numbers. */
Item *vq_fakequant(Node *, Item *x, Grid);
/* Codes of a computed value, held within lo..hi. */
Item *vq_clip_codes(Node *, Item *x, double lo, double hi);
/* They and integers of a computed value, to another type. */
Item *vq_cast_codes(Node *, Item *x, ElemType);
/* Least and greatest code; false: no integer type. */
bool vq_code_range(ElemType, double *lo, double *hi);

/* ---- fold_move.c, fold_real.c, fold_int.c: on constants ---- */

/* out[i] = x[offset + sum i_k * stride_k]; strides count elements. */
Item *vq_fold_view(Node *, const Item *, const Type *shape, int64_t offset,
                   const int64_t *stride);
Item *vq_fold_concat(Node *, Item *const *, uint32_t n, int axis);
Item *vq_fold_gather(Node *, const Item *x, const Item *index, int axis);
/* One real op by the IR's evaluator. */
Item *vq_fold_real(Node *, OpKind, Item *const *in, uint32_t nin, const Attr *,
                   uint32_t nattr, const Type *want);
/* Integer, bool and comparison ops by ONNX name; both inputs constant. */
Item *vq_fold_binary(Node *, const char *name, Item *a, Item *b);
Item *vq_fold_unary(Node *, const char *name, Item *a);
/* A reduction of integers, by the node's ONNX name. */
Item *vq_fold_reduce(Node *, const Item *x, unsigned axes, bool keep);
Item *vq_fold_cast(Node *, Item *, ElemType);
/* x's elements laid out for `shape`, which x broadcasts to. */
Item *vq_fold_expand(Node *, const Item *x, const Type *shape);

static inline bool
vq_known(const Item *x)
{
    return x->data != NULL;
}

/* A constant's elements; only the maker of an item writes to them. */
static inline int64_t *
vq_item_i(const Item *x)
{
    return (int64_t *)x->data;
}

static inline float *
vq_item_f(const Item *x)
{
    return (float *)x->data;
}

/* ---- the emit functions ---- */

#define ONNX(domain, name, since, until, lo, hi, fn, kind) EmitFn vq_onnx_##fn;
#include "frontend/onnx_ops.def"
#undef ONNX

#endif
