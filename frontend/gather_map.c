/*
 * gather_map.c -- any selection of a tensor's elements, the places known.
 *
 * Of a constant they are copied. Of a computed value the selection is taken
 * apart into slices side by side: blocks of elements that stay together are
 * rows, leading axes that all select alike are left alone, and what remains
 * are runs of equally spaced indices along one axis.
 */
#include "frontend/import.h"

#include <string.h>

/* x's elements at map[i], of any type. */
static Item *
take_known(Node *n, const Item *x, const int64_t *map, const Type *out)
{
    Item *y = vq_item_like(n->im, n->loc, x->et, out);

    for (int64_t i = 0; y && i < vq_count(out); i++)
        if (x->type.dt == DT_F32)
            vq_item_f(y)[i] = vq_item_f(x)[map[i]];
        else
            vq_item_i(y)[i] = vq_item_i(x)[map[i]];
    return y;
}

/* Whether all blocks of `size` are elements that lie together in x, too, each
 * block at a multiple of the size. */
static bool
are_blocks(const int64_t *map, int64_t count, int64_t size, int64_t total)
{
    if (total % size != 0)
        return false;
    for (int64_t i = 0; i < count; i++)
        if (map[i] != map[i - i % size] + i % size || map[i - i % size] % size)
            return false;
    return true;
}

/* The largest block made of the result's last axes. */
static int64_t
block_size(const int64_t *map, const Type *out, int64_t total)
{
    int64_t size = 1, best = 1, count = vq_count(out);

    for (int i = out->rank - 1; i >= 0; i--) {
        size *= out->dim[i];
        if (are_blocks(map, count, size, total))
            best = size;
    }
    return best;
}

/* Whether each of `parts` equal pieces selects from its piece of x what the
 * first selects from the first. */
static bool
are_alike(const int64_t *map, int64_t count, int64_t parts, int64_t total)
{
    int64_t from = total / parts, to = count / parts;

    if (total % parts != 0)
        return false;
    for (int64_t i = 0; i < count; i++)
        if (map[i] != map[i % to] + i / to * from || map[i % to] >= from)
            return false;
    return true;
}

static int64_t
alike_parts(const int64_t *map, const Type *out, int64_t total)
{
    int64_t parts = 1, best = 1, count = vq_count(out);

    for (int i = 0; i < out->rank; i++) {
        parts *= out->dim[i];
        if (are_alike(map, count, parts, total))
            best = parts;
    }
    return best;
}

static Item *
take_computed(Node *n, Item *x, const int64_t *map, const Type *out)
{
    int64_t total = vq_count(&x->type), count = vq_count(out), dim[3];
    int64_t block = block_size(map, out, total), parts, rows, *index;

    index = NEWN(n->im->arena, int64_t, (size_t)count + 1);
    parts = alike_parts(map, out, total);
    if (parts * block > count) /* each alone would do */
        parts = 1;
    rows = count / block / parts;
    for (int64_t i = 0; i < rows; i++)
        index[i] = map[i * block] / block;
    dim[0] = parts;
    dim[1] = total / parts / block;
    dim[2] = block;
    x = vq_reshape(n, x, 3, dim);
    x = x ? vq_gather_runs(n, x, index, rows, 1) : NULL;
    return vq_reshape(n, x, out->rank, out->dim);
}

Item *
vq_gather_map(Node *n, Item *x, const int64_t *map, const Type *out)
{
    if (!x)
        return NULL;
    if (vq_known(x) || vq_count(out) == 0)
        return vq_known(x) ? take_known(n, x, map, out)
                           : vq_node_error(n, "nothing is selected");
    return take_computed(n, x, map, out);
}
