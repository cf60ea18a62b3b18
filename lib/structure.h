/*
 * structure.h -- a fused float graph as people speak of it: patches, tokens,
 * transformer blocks, convolutions, pooling, heads.
 *
 * Found from structure alone, never from names. What is not recognised stays
 * out: a block is counted only when its attention, the projections around it
 * and the sum behind it were found, and ops that belong to nothing are counted
 * as such. The graph is one of the passes up to F_FUSED at -O0, where nothing
 * is cut away that a user would miss.
 */
#ifndef VQ_STRUCTURE_H
#define VQ_STRUCTURE_H

#include "ir/ir.h"

/* Where a norm stands: before the part that it belongs to, on what that part
 * makes, before the sum (Swin v2), or after the sum. */
typedef enum NormPlace {
    NORM_NONE,
    NORM_BEFORE,
    NORM_INSIDE,
    NORM_AFTER
} NormPlace;

/* Which tokens attend to which. */
typedef enum Reach {
    REACH_ALL,
    REACH_WINDOWS, /* neighbours */
    REACH_STRIDED, /* equal places of all patches: MobileViT's unfolding */
    REACH_GROUPS,  /* some other division */
    REACH_POOL     /* one learned query */
} Reach;

typedef struct Attend {
    int64_t heads, head_size, value_size; /* of a head's q and k; of its v */
    int64_t queries, keys;                /* of one attention */
    int64_t groups;                       /* attentions of an image */
    Reach reach;
    int64_t window[2]; /* rows, columns */
    int64_t shift;
    bool bias, mask, cosine;
    bool fused; /* one op of the graph; else in its parts */
} Attend;

typedef struct Mlp {
    int64_t hidden; /* 0: none found */
    bool gated;
    const char *act; /* "gelu"; NULL: none, "": not recognised */
} Mlp;

typedef struct Block {
    const char *name; /* of the attention's node */
    int64_t tokens, width;
    int64_t rows, cols; /* of the tokens as an image; 0: not known */
    Attend attend;
    Mlp mlp;
    const char *norm; /* "layernorm"; NULL: none found */
    NormPlace place;
    bool residual; /* the attention is added to what it read */
} Block;

/* A convolution, or a linear layer that the model calls one. */
typedef struct Convolution {
    int64_t in, out, groups;
    int64_t kernel[2], stride[2];
    int64_t from[2], to[2]; /* resolution */
    const char *act;
} Convolution;

typedef enum PartKind {
    PART_PATCHES, /* the image, cut into patches and projected */
    PART_CONV,
    PART_BLOCK,
    PART_MERGE, /* neighbouring tokens become one of more channels */
    PART_POOL,  /* a pooling op of the graph */
    PART_MEAN,  /* the mean over all tokens or pixels */
    PART_HEAD,
    NPART
} PartKind;

/* Of patches, a merge, a pooling and a head. */
typedef struct Change {
    int64_t from[2], to[2]; /* rows and columns; 0: not known */
    int64_t in, out;        /* channels */
    int64_t size[2];        /* of a patch */
    const char *output;     /* of a head: the graph output's name */
    const char *reads;      /* of a head: "class token", .. */
} Change;

typedef struct Part {
    PartKind kind;
    uint32_t at; /* op: parts are in the order of execution */
    Block block;
    Convolution conv;
    Change change;
} Part;

/* Tokens put beside the patches. */
typedef struct Tokens {
    int64_t all, patches, learned;
    bool distilled;   /* the heads read the first two apart */
    bool class_token; /* the heads read the first */
    bool position;    /* a learned position is added */
} Tokens;

typedef struct Structure {
    Part *part;
    size_t n, cap;
    Tokens tokens;
    size_t attentions, blocks; /* found; recognised as blocks */
    /* Real ops that belong to nothing above, by kind. */
    int64_t other[NOP];
} Structure;

/* In the arena, as are the strings that are not the graph's. */
Structure *vq_structure_find(const Graph *, Arena *);

/* ---- structure_walk.c: from an op to the next that means something ---- */

typedef struct Users {
    uint32_t *first; /* by value: into `op`; nval + 1 entries */
    uint32_t *op;    /* indices of the ops that read it, in order */
} Users;

typedef struct Walk {
    const Graph *g;
    Arena *arena;
    Users users;
    bool *seen; /* by op: belongs to something */
} Walk;

/* What was passed on the way. */
typedef struct Way {
    int64_t shift;   /* of a roll; 0: none */
    const char *act; /* the last function; NULL: none */
    bool gated;      /* a product of two computed values */
    bool normalised; /* divided by a length */
    bool cut;        /* a slice that takes part of the tokens */
    const Op *norm;  /* the last one */
    const Op *slice; /* the last one */
} Way;

Walk vq_walk_new(const Graph *, Arena *);
/* The op that computes v: up through moves, sums and products with constants,
 * functions and, with `norms`, norms. NULL: a constant or the graph's input. */
const Op *vq_walk_up(Walk *, ValId v, bool norms, Way *);
/* The first op below v that is none of these. NULL: v becomes an output. */
const Op *vq_walk_down(Walk *, ValId v, bool norms, Way *);
/* A sum of two computed values of one size. */
bool vq_is_sum(const Graph *, const Op *);
bool vq_is_norm(const Op *);
/* Which function an op computes, as people call it; "" when not known. */
const char *vq_function_name(const Op *);

/* ---- structure_block.c ---- */

/* What op is the core of: an attention, or the softmax of one in its parts.
 * false: of none. */
bool vq_find_block(Walk *, const Op *, Block *);
bool vq_is_attention(const Graph *, const Op *);

/* ---- structure_text.c, structure_json.c ---- */

#include <stdio.h>

void vq_structure_print(const Structure *, FILE *);
struct cJSON *vq_structure_json(const Structure *);

#endif
