/*
 * sparse.c -- a SparseTensorProto to a constant, zeros written out.
 *
 * Values come with indices, one number each into the elements in row-major
 * order, or one for each axis, in rising order. What is too large when it is
 * dense is refused: a small file could ask for any size.
 */
#include "frontend/import.h"

#include <string.h>

enum { MAXBYTES = 256 << 20 };

const char *
vq_sparse_name(const Onnx__SparseTensorProto *s)
{
    return s->values && s->values->name ? s->values->name : "";
}

/* Where entry i belongs among the elements; -1: nowhere. */
static int64_t
place_of(const Item *dense, const Item *index, int64_t i)
{
    const Type *t = &dense->type;
    int64_t at = 0;

    if (index->type.rank == 1) {
        at = vq_item_i(index)[i];
        return at >= 0 && at < vq_count(t) ? at : -1;
    }
    for (int k = 0; k < t->rank; k++) {
        int64_t p = vq_item_i(index)[i * t->rank + k];

        if (p < 0 || p >= t->dim[k])
            return -1;
        at = at * t->dim[k] + p;
    }
    return at;
}

static bool
check_index(Import *im, Loc loc, const Item *dense, const Item *values,
            const Item *index, const char *what)
{
    int64_t n = vq_count(&values->type);
    int rank = index->type.rank;

    if (index->type.dt == DT_S64 && values->type.rank == 1 &&
        ((rank == 1 && index->type.dim[0] == n) ||
         (rank == 2 && index->type.dim[0] == n &&
          index->type.dim[1] == dense->type.rank)))
        return true;
    return vq_error(im->diag, loc,
                    "%s: its indices do not go with its %lld values", what,
                    (long long)n);
}

static Item *
new_dense(Import *im, Loc loc, const Onnx__SparseTensorProto *s, ElemType et,
          const char *what)
{
    Item size = {.et = et};

    if (s->n_dims > MAXRANK) {
        vq_error(im->diag, loc, "%s: rank %zu; at most %d is supported", what,
                 s->n_dims, MAXRANK);
        return NULL;
    }
    if (!vq_item_shape(im, loc, &size, (int)s->n_dims, s->dims))
        return NULL;
    if (vq_count(&size.type) > MAXBYTES / 8) {
        vq_error(im->diag, loc,
                 "%s: a sparse tensor of %lld elements is too large when it "
                 "is dense: export dense weights",
                 what, (long long)vq_count(&size.type));
        return NULL;
    }
    return vq_item_new(im, loc, et, (int)s->n_dims, s->dims);
}

Item *
vq_sparse_read(Import *im, Loc loc, const Onnx__SparseTensorProto *s,
               const char *what)
{
    Item *values, *index, *dense;

    if (!s->values || !s->indices) {
        vq_error(im->diag, loc, "%s: a sparse tensor without %s", what,
                 s->values ? "indices" : "values");
        return NULL;
    }
    values = vq_tensor_read(im, loc, s->values, what, FINITE);
    index = values ? vq_tensor_read(im, loc, s->indices, what, FINITE) : NULL;
    dense = index ? new_dense(im, loc, s, values->et, what) : NULL;
    if (!dense || !check_index(im, loc, dense, values, index, what))
        return NULL;
    for (int64_t i = 0; i < vq_count(&values->type); i++) {
        int64_t at = place_of(dense, index, i);

        if (at < 0) {
            vq_error(im->diag, loc, "%s: index %lld is outside of it", what,
                     (long long)i);
            return NULL;
        }
        if (dense->type.dt == DT_F32)
            vq_item_f(dense)[at] = vq_item_f(values)[i];
        else
            vq_item_i(dense)[at] = vq_item_i(values)[i];
    }
    return dense;
}
