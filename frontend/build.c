/*
 * build.c -- the words that emit functions are written in.
 *
 * Each takes items and gives an item. When all it needs is known, the result
 * is computed now; otherwise ops are emitted. What changes nothing (a reshape
 * to the same shape, a full slice) gives back its input, so that exports of
 * one model with static and with dynamic shapes become one graph.
 */
#include "frontend/import.h"

#include <assert.h>
#include <string.h>

enum { MAXIN = 64 };

/* A name of a value between the node's own inputs and outputs; ONNX's names
 * are all spoken for. */
static const char *
fresh_name(Node *n)
{
    Import *im = n->im;
    const char *base = n->p->output[0], *s;

    do
        s = vq_format(im->arena, "%s/%u", base, ++n->fresh);
    while (vq_names_find(im->items, s) || vq_names_find(im->made, s));
    return s;
}

ValId
vq_item_value(Node *n, Item *x)
{
    if (x->v)
        return x->v;
    assert(vq_known(x));
    if (x->type.dt != DT_F32)
        vq_node_error(n, "an integer tensor (%s) cannot be computed with here",
                      x->name ? x->name : vq_elem_text(x->et));
    else if (vq_count(&x->type) == 0)
        vq_node_error(n, "an input is empty: %s", vq_shape_text(n, &x->type));
    else
        x->v = vq_const(n->im->g, x->name ? x->name : fresh_name(n), x->type,
                        x->data);
    return x->v;
}

static Item *
new_value(Node *n, ValId v)
{
    Item *x = NEW(n->im->arena, Item);

    if (!v)
        return NULL;
    *x = (Item){.et = ET_FLOAT, .type = *vq_type(n->im->g, v), .v = v};
    return x;
}

static bool
all_known(Item *const *in, uint32_t nin)
{
    for (uint32_t i = 0; i < nin; i++)
        if (!vq_known(in[i]))
            return false;
    return true;
}

static bool
same_grid(const Item *a, const Item *b)
{
    return a->grid && b->grid && a->et == b->et &&
           a->grid->scale == b->grid->scale && a->grid->zero == b->grid->zero;
}

/* Codes can be moved, all of one kind; arithmetic is on numbers. */
static bool
check_codes(Node *n, OpKind kind, Item *const *in, uint32_t nin)
{
    for (uint32_t i = 0; i < nin; i++) {
        bool moves = vq_op[kind].stage == STAGE_M && same_grid(in[0], in[i]);

        if (!in[i]->grid && (i == 0 || !in[0]->grid))
            continue;
        if (moves)
            continue;
        vq_node_error(n,
                      "%s codes cannot be computed with: a DequantizeLinear "
                      "is missing in front",
                      vq_elem_text(in[in[i]->grid ? i : 0]->et));
        return false;
    }
    return true;
}

/* What an op gives: codes, if it moved some. */
static Item *
result_of(Node *n, ValId v, const Item *from)
{
    Item *x = new_value(n, v);

    if (x && from->grid) {
        x->et = from->et;
        x->grid = from->grid;
    }
    return x;
}

Item *
vq_make(Node *n, OpKind kind, Item *const *in, uint32_t nin, const Attr *attrs,
        uint32_t nattr, const Type *want)
{
    ValId id[MAXIN];

    assert(nin <= MAXIN);
    for (uint32_t i = 0; i < nin; i++)
        if (!in[i])
            return NULL;
    if (!check_codes(n, kind, in, nin))
        return NULL;
    if (all_known(in, nin))
        return vq_fold_real(n, kind, in, nin, attrs, nattr, want);
    for (uint32_t i = 0; i < nin; i++)
        if (!(id[i] = vq_item_value(n, in[i])))
            return NULL;
    return result_of(n,
                     vq_emit_infer(n->im->g, n->im->diag, kind, fresh_name(n),
                                   id, nin, attrs, nattr, want, n->loc),
                     in[0]);
}

Item *
vq_make1(Node *n, OpKind kind, Item *x)
{
    return vq_make(n, kind, &x, 1, NULL, 0, NULL);
}

Item *
vq_make2(Node *n, OpKind kind, Item *a, Item *b)
{
    return vq_make(n, kind, (Item *[]){a, b}, 2, NULL, 0, NULL);
}

static Type
shaped(const Item *x, int rank, const int64_t *dim)
{
    Type t = {.dt = x->type.dt, .rank = rank};

    for (int i = 0; i < rank; i++)
        t.dim[i] = dim[i];
    return t;
}

Item *
vq_reshape(Node *n, Item *x, int rank, const int64_t *dim)
{
    Item like;
    Type want;

    if (!x)
        return NULL;
    want = shaped(x, rank, dim);
    like = (Item){.et = x->et};
    if (!vq_item_shape(n->im, n->loc, &like, rank, dim))
        return NULL;
    if (vq_count(&x->type) != vq_count(&want))
        return vq_node_error(n, "%s does not have as many elements as %s",
                             vq_shape_text(n, &x->type),
                             vq_shape_text(n, &want));
    if (vq_same_shape(&x->type, &want))
        return x;
    if (!vq_known(x))
        return vq_make(n, OP_RESHAPE, &x, 1, NULL, 0, &want);
    like.data = x->data;
    return memcpy(NEW(n->im->arena, Item), &like, sizeof like);
}

/* How far one step along each axis goes in x. */
static void
strides_of(const Type *t, int64_t *stride)
{
    int64_t step = 1;

    for (int i = t->rank - 1; i >= 0; i--) {
        stride[i] = step;
        step *= t->dim[i];
    }
}

Item *
vq_transpose(Node *n, Item *x, const int64_t *perm)
{
    int64_t from[MAXRANK], stride[MAXRANK];
    bool moves = false;
    Type want;

    if (!x)
        return NULL;
    want = x->type;
    strides_of(&x->type, from);
    for (int i = 0; i < x->type.rank; i++) {
        want.dim[i] = x->type.dim[perm[i]];
        stride[i] = from[perm[i]];
        moves = moves || perm[i] != i;
    }
    if (!moves)
        return x;
    if (vq_known(x))
        return vq_fold_view(n, x, &want, 0, stride);
    return vq_make(
        n, OP_TRANSPOSE, &x, 1,
        &(Attr){.key = A_PERM, .n = (uint32_t)x->type.rank, .i = perm}, 1,
        NULL);
}

Item *
vq_swap_last(Node *n, Item *x)
{
    int64_t perm[MAXRANK];
    int rank;

    if (!x)
        return NULL;
    rank = x->type.rank;
    for (int i = 0; i < rank; i++)
        perm[i] = i;
    perm[rank - 1] = rank - 2;
    perm[rank - 2] = rank - 1;
    return vq_transpose(n, x, perm);
}

Item *
vq_slice(Node *n, Item *x, int axis, int64_t start, int64_t step, int64_t count)
{
    int64_t stride[MAXRANK];
    Attr attrs[3] = {{.key = A_AXIS, .n = 1, .i = (int64_t[]){axis}},
                     {.key = A_START, .n = 1, .i = &start},
                     {.key = A_STEP, .n = 1, .i = &step}};
    Type want;

    if (!x)
        return NULL;
    want = x->type;
    if (count == want.dim[axis] && step == 1)
        return x;
    want.dim[axis] = count;
    strides_of(&x->type, stride);
    if (vq_known(x)) {
        int64_t offset = count ? start * stride[axis] : 0;

        stride[axis] = count > 1 ? stride[axis] * step : 0;
        return vq_fold_view(n, x, &want, offset, stride);
    }
    if (count < 1)
        return vq_node_error(n, "nothing is left of axis %d of %s", axis,
                             vq_shape_text(n, &x->type));
    return vq_make(n, OP_SLICE, &x, 1, attrs, step == 1 ? 2 : 3, &want);
}

/* The inputs without those that are empty. */
static uint32_t
drop_empty(Item *const *in, uint32_t n, Item **some)
{
    uint32_t k = 0;

    for (uint32_t i = 0; i < n; i++)
        if (vq_count(&in[i]->type) != 0)
            some[k++] = in[i];
    return k;
}

/* An op takes up to MAXIN inputs; more are joined by groups. */
static Item *
emit_concat(Node *n, Item **in, uint32_t count, int axis)
{
    Attr attr = {.key = A_AXIS, .n = 1, .i = (int64_t[]){axis}};

    while (count > MAXIN) {
        uint32_t k = 0;

        for (uint32_t i = 0; i < count; i += MAXIN)
            if (!(in[k++] = emit_concat(
                      n, in + i, count - i < MAXIN ? count - i : MAXIN, axis)))
                return NULL;
        count = k;
    }
    if (count == 1)
        return in[0];
    if (all_known(in, count))
        return vq_fold_concat(n, in, count, axis);
    return vq_make(n, OP_CONCAT, in, count, &attr, 1, NULL);
}

Item *
vq_concat(Node *n, Item *const *in, uint32_t count, int axis)
{
    Item **some = NEWN(n->im->arena, Item *, count);
    uint32_t k;

    for (uint32_t i = 0; i < count; i++)
        if (!in[i])
            return NULL;
    if (all_known(in, count))
        return count == 1 ? in[0] : vq_fold_concat(n, in, count, axis);
    k = drop_empty(in, count, some);
    return emit_concat(n, some, k, axis);
}

bool
vq_broadcast_dims(const Type *a, const Type *b, Type *out)
{
    Type t = {.dt = a->dt, .rank = a->rank > b->rank ? a->rank : b->rank};

    for (int i = 0; i < t.rank; i++) {
        int ia = i - (t.rank - a->rank), ib = i - (t.rank - b->rank);
        int64_t m = ia < 0 ? 1 : a->dim[ia], k = ib < 0 ? 1 : b->dim[ib];

        if (m != k && m != 1 && k != 1)
            return false;
        t.dim[i] = m == 1 ? k : m;
    }
    *out = t;
    return true;
}

Item *
vq_expand(Node *n, Item *x, int rank, const int64_t *dim)
{
    Item like;
    Type want, both;

    if (!x)
        return NULL;
    like = (Item){.et = x->et};
    want = shaped(x, rank, dim);
    if (!vq_item_shape(n->im, n->loc, &like, rank, dim))
        return NULL;
    if (!vq_broadcast_dims(&x->type, &want, &both))
        return vq_node_error(n, "%s does not broadcast to %s",
                             vq_shape_text(n, &x->type),
                             vq_shape_text(n, &want));
    if (!vq_item_shape(n->im, n->loc, &like, both.rank, both.dim))
        return NULL;
    both.dt = x->type.dt;
    if (vq_same_shape(&x->type, &both))
        return x;
    if (vq_known(x))
        return vq_fold_expand(n, x, &both);
    return vq_make(n, OP_EXPAND, &x, 1, NULL, 0, &both);
}

Item *
vq_reduce(Node *n, OpKind kind, Item *x, unsigned axes, bool keep)
{
    int64_t list[MAXRANK], dim[MAXRANK];
    Attr attr = {.key = A_AXES, .i = list};
    int rank = 0;

    if (!x || !axes)
        return x;
    for (int i = 0; i < x->type.rank; i++)
        if (axes & 1u << i)
            list[attr.n++] = i;
        else
            dim[rank++] = x->type.dim[i];
    x = vq_make(n, kind, &x, 1, &attr, 1, NULL);
    return keep ? x : vq_reshape(n, x, rank, dim);
}

Item *
vq_softmax(Node *n, Item *x, int axis)
{
    Attr attr = {.key = A_AXIS, .n = 1, .i = (int64_t[]){axis}};

    return vq_make(n, OP_SOFTMAX, &x, 1, &attr, 1, NULL);
}

Item *
vq_clip(Node *n, Item *x, double lo, double hi)
{
    Attr attrs[2];
    uint32_t k = 0;

    if (lo > -3.4e38)
        attrs[k++] = (Attr){.key = A_LO, .n = 1, .f = lo};
    if (hi < 3.4e38)
        attrs[k++] = (Attr){.key = A_HI, .n = 1, .f = hi};
    return k ? vq_make(n, OP_CLIP, &x, 1, attrs, k, NULL) : x;
}

Item *
vq_to_float(Node *n, Item *x)
{
    if (!x || x->type.dt == DT_F32)
        return x;
    return vq_fold_cast(n, x, ET_FLOAT);
}
