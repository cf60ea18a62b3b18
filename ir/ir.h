/*
 * ir.h -- the graph: values, ops and their types.
 *
 * A Graph is one straight line of ops in execution order, with static shapes.
 * Things name each other by integer ids, 0 being none. Quantization lives in
 * the type. IR.md is the language reference, ops.def the table of ops.
 *
 * A Graph and all it points to belong to its arena. Graphs are not shared
 * between threads.
 */
#ifndef VQ_IR_H
#define VQ_IR_H

#include "ir/base.h"

typedef uint32_t ValId; /* index into Graph.val; 0 is no value */

typedef enum DType {
    DT_NONE,
#define T(e, text, bytes, lo, hi) DT_##e,
#include "ir/types.def"
#undef T
    NDTYPE
} DType;

typedef struct DTypeInfo {
    const char *text;
    unsigned bytes;
    int64_t lo, hi; /* of a stored integer; both 0 for real types */
} DTypeInfo;

extern const DTypeInfo vq_dtype[NDTYPE];

enum { MAXRANK = 8 };

/*
 * real = scale * (stored - zero). Per tensor: `scale`, scales is 0. Per
 * channel: `scales` is a constant f32[dim[axis]] and `scale` is 0.
 * Plain numbers have scale 0 and scales 0.
 */
typedef struct Quant {
    float scale;
    ValId scales;
    int axis;
    int32_t zero; /* one zero point for all channels */
} Quant;

typedef struct Type {
    DType dt;
    int rank;
    int64_t dim[MAXRANK]; /* each at least 1 */
    Quant q;
} Type;

typedef struct Value {
    const char *name; /* unique in the graph, without its sigil */
    Type type;
    const void *data; /* a constant's bytes, dense row-major; NULL: not one */
    uint32_t def;     /* index of the op that makes it; 0: input or constant */
    int64_t slot;     /* byte offset in the work area; -1: none */
} Value;

typedef enum AttrKey {
    A_NONE,
#define A(e, text, kind) A_##e,
#include "ir/attrs.def"
#undef A
    NATTR
} AttrKey;

typedef struct Attr {
    AttrKey key;
    uint32_t n;       /* length of i; 1 for a single number */
    const int64_t *i; /* NULL when the attribute is a real number */
    double f;
} Attr;

typedef enum OpKind {
    OP_NONE,
#define OP(e, text, lo, hi, stage, attrs) OP_##e,
#include "ir/ops.def"
#undef OP
    NOP
} OpKind;

typedef enum Stage { STAGE_M, STAGE_R, STAGE_I, STAGE_F, STAGE_K } Stage;

typedef struct OpInfo {
    const char *text;
    unsigned lo, hi; /* how many inputs */
    Stage stage;
    const char *attrs;
} OpInfo;

extern const OpInfo vq_op[NOP];
extern const char *const vq_attr_text[NATTR];

enum { MAXATTR = 8 };

typedef struct Op {
    OpKind kind;
    uint32_t nin, nattr;
    ValId *in;
    ValId out;
    Attr attr[MAXATTR];
    int64_t scratch; /* byte offset of its scratch in the work area; -1 */
    Loc loc;
} Op;

/* What holds of a graph now. Passes state these, the verifier checks them. */
typedef enum Fact {
    F_FUSED = 1 << 0,     /* layernorm, gelu, linear, attention are found */
    F_QUANTIZED = 1 << 1, /* every value's type says how it is stored */
    F_INTEGER = 1 << 2,   /* no real op; f32 only at the edges and for F ops */
    F_KERNEL = 1 << 3,    /* weights packed, linear layers are k.linear */
    F_PLANNED = 1 << 4,   /* every value has a slot; live slots disjoint */
} Fact;

typedef struct Graph {
    Arena *arena;
    const char *name;
    Value *val; /* val[0] unused */
    Op *op;     /* op[0] unused */
    uint32_t nval, nop;
    size_t capval, capop;
    ValId *in, *out;
    uint32_t nin, nout;
    unsigned facts;
    int64_t worksize;    /* bytes of the work area, once planned */
    int64_t chunks;      /* a run does all ops so many times, on equal pieces of
                            each value's first axis; slots hold a piece */
    struct Names *names; /* which names are taken */
} Graph;

/* ---- graph.c: making graphs ---- */

Graph *vq_graph_new(Arena *, const char *name);
/* `name` may be NULL or taken: a fresh one is made from it. */
ValId vq_input(Graph *, const char *name, Type);
/* `data` must outlive the graph; it is not copied. */
ValId vq_const(Graph *, const char *name, Type, const void *data);
ValId vq_const_f32(Graph *, const char *name, float); /* a scalar, rank 0 */
void vq_output(Graph *, ValId);
/* Appends an op and its value, typed by the caller. */
Op *vq_emit(Graph *, OpKind, const char *name, Type, const ValId *in,
            uint32_t nin, Loc);

void vq_set_i(Graph *, Op *, AttrKey, int64_t);
void vq_set_is(Graph *, Op *, AttrKey, const int64_t *, uint32_t n);
void vq_set_f(Op *, AttrKey, double);
const Attr *vq_attr(const Op *, AttrKey); /* NULL: not there */
int64_t vq_get_i(const Op *, AttrKey, int64_t otherwise);
double vq_get_f(const Op *, AttrKey, double otherwise);

static inline const Type *
vq_type(const Graph *g, ValId v)
{
    return &g->val[v].type;
}

static inline bool
vq_is_const(const Graph *g, ValId v)
{
    return g->val[v].data != NULL;
}

/* The op that makes v, or NULL for an input or a constant. */
const Op *vq_def(const Graph *, ValId v);
/* How often each value is used, graph outputs included; nval entries. */
uint32_t *vq_use_counts(const Graph *, Arena *);

/* ---- type.c ---- */

Type vq_type_of(DType, int rank, const int64_t *dim);
#define TYPE(dt, ...)                                                          \
    vq_type_of(dt, sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t),         \
               (const int64_t[]){__VA_ARGS__})
Type vq_type_quant(Type, Quant);
int64_t vq_count(const Type *);                    /* elements */
int64_t vq_count_from(const Type *, int64_t axis); /* axis and later ones */
int64_t vq_bytes(const Type *);                    /* dense bytes */
int64_t vq_rows(const Type *); /* product of all but the last axis */
int64_t vq_cols(const Type *); /* the last axis; 1 for rank 0 */
bool vq_same_shape(const Type *, const Type *);
/* b's shape is a's trailing axes, with nothing or ones in front. */
bool vq_is_trailing(const Type *a, const Type *b);
bool vq_same_type(const Type *, const Type *); /* shape, dtype and quant */
bool vq_is_integer(DType);

/* ---- rewrite.c: how a pass changes a graph ---- */

/*
 * A pass re-emits: vq_rewrite walks the old ops in order and calls `step` for
 * each; the step emits what it wants into r->to, maps the old op's value with
 * vq_become, or calls vq_copy. Inputs and outputs are carried over. Constants
 * are copied when first used. At the end the new graph replaces the old one
 * in place, facts and name kept.
 */
typedef struct Rewrite {
    const Graph *from;
    Graph *to;
    ValId *map; /* old value -> new value, 0: not yet made */
    Diag *diag;
    void *user;
} Rewrite;

typedef bool Step(Rewrite *, const Op *);
bool vq_rewrite(Graph *, Diag *, Step *, void *user);
bool vq_copy(Rewrite *, const Op *); /* the default step */
ValId vq_new(Rewrite *, ValId old);  /* the new id of an old value */
void vq_become(Rewrite *, ValId old, ValId now);

/* ---- infer.c: the type of an op's value from its inputs' ---- */

/*
 * Real and move ops: shape and f32 (moves keep the input's dtype and, where
 * the axis survives, its quantization). RESHAPE, EXPAND and SLICE take the
 * shape wanted from `want`, which the others ignore (SLICE: `want` holds the
 * size along its axis as dim[axis]). Reports a mismatch at the op's loc.
 */
bool vq_infer(const Graph *, Diag *, const Op *, const Type *want, Type *out);
/* vq_emit with the type from vq_infer; 0 after an error. */
ValId vq_emit_infer(Graph *, Diag *, OpKind, const char *name, const ValId *in,
                    uint32_t nin, const Attr *attrs, uint32_t nattr,
                    const Type *want, Loc);

/* ---- print.c, parse.c, verify.c ---- */

#include <stdio.h>

/* Constants up to 16 elements are written in braces; larger ones go to `blob`
 * and are written as `blob OFFSET`, or as `...` when blob is NULL. */
bool vq_print(const Graph *, FILE *text, FILE *blob);
/* Writes PATH and, when there are large constants, PATH.bin beside it. */
bool vq_print_file(const Graph *, Diag *, const char *path);
/* Reads text; `blob` may be NULL when no constant needs it, else constants
 * point into it: it must outlive the graph. Verifies. NULL after an error. */
Graph *vq_parse(Arena *, Diag *, const char *text, size_t len, const void *blob,
                size_t bloblen);
Graph *vq_parse_file(Arena *, Diag *, const char *path);

/* Checks every rule of IR.md; `after` names what ran before, in messages. A
 * broken rule is vitqc's own bug (FAULT_BUG) unless after is NULL, which means
 * the graph came from a text (FAULT_MODEL). */
bool vq_verify(const Graph *, Diag *, const char *after);

#endif
