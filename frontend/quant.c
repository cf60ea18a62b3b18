/*
 * quant.c -- between numbers and the codes of quantized models.
 *
 * On constants quantization is worked out now. A computed value that is
 * quantized becomes a fakequant: the graph goes on with real numbers, rounded
 * to the grid, and the item remembers that the model means codes by them. So
 * a float graph of a quantized model means what the model means, and moves of
 * codes are moves of numbers.
 */
#include "frontend/import.h"

#include <math.h>
#include <string.h>

/* Whole numbers that a 32-bit sum holds; f32 counts no further one by one. */
#define WIDEST 0x1p31

static const struct {
    ElemType et;
    double lo, hi;
} codes[] = {{ET_UINT8, 0, UINT8_MAX},   {ET_INT8, INT8_MIN, INT8_MAX},
             {ET_UINT16, 0, UINT16_MAX}, {ET_INT16, INT16_MIN, INT16_MAX},
             {ET_UINT4, 0, 15},          {ET_INT4, -8, 7},
             {ET_UINT2, 0, 3},           {ET_INT2, -2, 1},
             {ET_INT32, -WIDEST, WIDEST}};

bool
vq_code_range(ElemType et, double *lo, double *hi)
{
    for (size_t i = 0; i < COUNT(codes); i++)
        if (codes[i].et == et) {
            *lo = codes[i].lo;
            *hi = codes[i].hi;
            return true;
        }
    return false;
}

/* ---- parameters ---- */

static const char *
item_text(const Item *x)
{
    return x->name ? x->name : "made by a node";
}

static bool
check_scales(Node *n, const Item *s)
{
    if (!s || !vq_known(s)) {
        vq_node_error(n,
                      "the scale (%s) is computed when the model runs: only "
                      "static quantization has one to compile with",
                      s ? item_text(s) : "absent");
        return false;
    }
    if (s->type.dt != DT_F32) {
        vq_node_error(n, "the scale (%s) is of type %s, not float",
                      item_text(s), vq_elem_text(s->et));
        return false;
    }
    for (int64_t i = 0; i < vq_count(&s->type); i++)
        if (!(vq_item_f(s)[i] > 0) || isinf(vq_item_f(s)[i])) {
            vq_node_error(n,
                          "scale %lld (%s) is %g; a scale must be a positive "
                          "number",
                          (long long)i, item_text(s), (double)vq_item_f(s)[i]);
            return false;
        }
    return true;
}

static bool
check_zeros(Node *n, const QuantParams *p)
{
    const Item *z = p->zero;

    if (!z)
        return true;
    if (!vq_known(z) || z->type.dt != DT_S64) {
        vq_node_error(n,
                      "the zero point (%s) must be integers known at compile "
                      "time",
                      item_text(z));
        return false;
    }
    if (vq_count(&z->type) == 1 ||
        vq_count(&z->type) == vq_count(&p->scale->type))
        return true;
    vq_node_error(n, "%lld scales, but %lld zero points",
                  (long long)vq_count(&p->scale->type),
                  (long long)vq_count(&z->type));
    return false;
}

/* One scale for each block of the axis: shaped as x but there. */
static bool
check_blocks(Node *n, const Type *x, const Type *s, const QuantParams *p)
{
    bool fits = s->rank == x->rank && p->block > 0;

    for (int i = 0; fits && i < x->rank; i++)
        fits =
            s->dim[i] ==
            (i == p->axis ? (x->dim[i] + p->block - 1) / p->block : x->dim[i]);
    if (fits)
        return true;
    vq_node_error(n, "scales %s do not go with %s in blocks of %lld",
                  vq_shape_text(n, s), vq_shape_text(n, x),
                  (long long)p->block);
    return false;
}

bool
vq_quant_check(Node *n, const Item *x, QuantParams *p)
{
    const Type *s;
    int axis = 0;

    if (!check_scales(n, p->scale) || !check_zeros(n, p))
        return false;
    s = &p->scale->type;
    if (vq_count(s) == 1)
        return true;
    if (!vq_axis(n, p->axis, x->type.rank, &axis))
        return false;
    p->axis = axis;
    if (p->block)
        return check_blocks(n, &x->type, s, p);
    if (s->rank == 1 && s->dim[0] == x->type.dim[axis])
        return true;
    vq_node_error(n, "%lld scales for axis %d of %s", (long long)vq_count(s),
                  axis, vq_shape_text(n, &x->type));
    return false;
}

/* ---- on constants ---- */

/* Which scale belongs to element i of x. */
static int64_t
scale_index(const QuantParams *p, const Type *x, int64_t i)
{
    int64_t inner = 1, k, outer;

    if (vq_count(&p->scale->type) == 1)
        return 0;
    for (int a = (int)p->axis + 1; a < x->rank; a++)
        inner *= x->dim[a];
    k = i / inner % x->dim[p->axis];
    if (!p->block)
        return k;
    outer = i / inner / x->dim[p->axis];
    return (outer * p->scale->type.dim[p->axis] + k / p->block) * inner +
           i % inner;
}

static int64_t
zero_at(const QuantParams *p, int64_t s)
{
    if (!p->zero)
        return 0;
    return vq_item_i(p->zero)[vq_count(&p->zero->type) == 1 ? 0 : s];
}

static Item *
quantize_known(Node *n, Item *x, const QuantParams *p, ElemType et, double lo,
               double hi)
{
    Item *y = vq_item_like(n->im, n->loc, et, &x->type);

    for (int64_t i = 0; y && i < vq_count(&x->type); i++) {
        int64_t s = scale_index(p, &x->type, i);
        double q = (double)rintf(vq_item_f(x)[i] / vq_item_f(p->scale)[s]) +
                   (double)zero_at(p, s);

        vq_item_i(y)[i] = (int64_t)(q >= lo ? fmin(q, hi) : lo);
    }
    return y;
}

static Item *
dequantize_known(Node *n, const Item *x, const QuantParams *p)
{
    Item *y = vq_item_like(n->im, n->loc, ET_FLOAT, &x->type);

    for (int64_t i = 0; y && i < vq_count(&x->type); i++) {
        int64_t s = scale_index(p, &x->type, i);

        vq_item_f(y)[i] =
            vq_item_f(p->scale)[s] * (float)(vq_item_i(x)[i] - zero_at(p, s));
    }
    return y;
}

/* ---- on computed values ---- */

Item *
vq_fakequant(Node *n, Item *x, Grid g)
{
    Attr attrs[] = {{.key = A_SCALE, .n = 1, .f = (double)g.scale},
                    {.key = A_ZERO, .n = 1, .i = &g.zero},
                    {.key = A_LO, .n = 1, .f = g.lo},
                    {.key = A_HI, .n = 1, .f = g.hi}};

    return vq_make(n, OP_FAKEQUANT, &x, 1, attrs, COUNT(attrs), NULL);
}

static Item *
as_codes(Node *n, const Item *x, ElemType et, Grid g)
{
    Item *y;
    Grid *copy;

    if (!x)
        return NULL;
    y = NEW(n->im->arena, Item);
    copy = NEW(n->im->arena, Grid);
    *copy = g;
    *y = (Item){.et = et, .type = x->type, .v = x->v, .grid = copy};
    return y;
}

static Item *
as_numbers(Node *n, const Item *x)
{
    Item *y = NEW(n->im->arena, Item);

    *y = (Item){.et = ET_FLOAT, .type = x->type, .v = x->v};
    return y;
}

/* x rounded to its grid before may be on the very same. */
static bool
is_on_grid(const Node *n, const Item *x, const Grid *g)
{
    const Op *op = x->v ? vq_def(n->im->g, x->v) : NULL;

    return op && op->kind == OP_FAKEQUANT &&
           (float)vq_get_f(op, A_SCALE, 0) == g->scale &&
           vq_get_i(op, A_ZERO, 0) == g->zero &&
           vq_get_f(op, A_LO, 0) >= g->lo && vq_get_f(op, A_HI, 0) <= g->hi;
}

/* One number for each scale, shaped to go with axis `axis` of x. */
static Item *
along_axis(Node *n, const Item *x, int64_t axis, const float *v, int64_t count)
{
    int64_t dim[MAXRANK], rank = count == 1 ? 0 : x->type.rank - axis;
    Item *y;

    for (int64_t i = 0; i < rank; i++)
        dim[i] = i ? 1 : count;
    y = vq_item_new(n->im, n->loc, ET_FLOAT, (int)rank, dim);
    if (y)
        memcpy(vq_item_f(y), v, (size_t)count * sizeof *v);
    return y;
}

/* x * (num / den[c]), or x * (num[c] / den): either list may be NULL for 1. */
static Item *
times_scales(Node *n, Item *x, const QuantParams *p, bool divide, double by)
{
    int64_t count = vq_count(&p->scale->type);
    float *m = NEWN(n->im->arena, float, (size_t)count);

    for (int64_t i = 0; i < count; i++) {
        double s = (double)vq_item_f(p->scale)[i];

        m[i] = (float)(by * (divide ? 1 / s : s));
    }
    return vq_make2(n, OP_MUL, x, along_axis(n, x, p->axis, m, count));
}

static bool
all_same(const QuantParams *p, bool *zeros)
{
    bool same = true;

    *zeros = true;
    for (int64_t i = 1; i < vq_count(&p->scale->type); i++) {
        same = same && vq_item_f(p->scale)[i] == vq_item_f(p->scale)[0];
        *zeros = *zeros && zero_at(p, i) == zero_at(p, 0);
    }
    return same && *zeros;
}

/* Scales per channel of a computed value: x / s on a grid of step 1. */
static Item *
quantize_channels(Node *n, Item *x, const QuantParams *p, ElemType et, Grid g)
{
    if (p->block)
        return vq_node_error(n,
                             "a computed value in blocks of %lld is not "
                             "supported; per tensor is",
                             (long long)p->block);
    g.scale = 1;
    return as_codes(n, vq_fakequant(n, times_scales(n, x, p, true, 1), g), et,
                    g);
}

Item *
vq_quantize_item(Node *n, Item *x, QuantParams p, ElemType et)
{
    bool zeros;
    Grid g;

    if (!x || !vq_quant_check(n, x, &p))
        return NULL;
    if (!vq_code_range(et, &g.lo, &g.hi))
        return vq_node_error(n, "to type %s is not supported",
                             vq_elem_text(et));
    if (x->grid || x->type.dt != DT_F32)
        return vq_node_error(n, "its input is %s, not float",
                             vq_elem_text(x->et));
    if (vq_known(x))
        return quantize_known(n, x, &p, et, g.lo, g.hi);
    g.scale = vq_item_f(p.scale)[0];
    g.zero = zero_at(&p, 0);
    if (!all_same(&p, &zeros)) {
        if (zeros)
            return quantize_channels(n, x, &p, et, g);
        return vq_node_error(n, "zero points per channel of a computed value "
                                "are not supported: quantize activations per "
                                "tensor");
    }
    return as_codes(n, is_on_grid(n, x, &g) ? x : vq_fakequant(n, x, g), et, g);
}

/* scale[c] * (code - zero[c]) where code = x / g.scale + g.zero. */
static Item *
rescale(Node *n, const Item *x, const QuantParams *p)
{
    const Grid *g = x->grid;
    int64_t count = vq_count(&p->scale->type);
    float *offset = NEWN(n->im->arena, float, (size_t)count);
    bool shifts = false;
    Item *y = as_numbers(n, x);

    for (int64_t i = 0; i < count; i++) {
        offset[i] = vq_item_f(p->scale)[i] * (float)(g->zero - zero_at(p, i));
        shifts = shifts || offset[i] != 0;
    }
    y = times_scales(n, y, p, false, 1 / (double)g->scale);
    if (!shifts)
        return y;
    return vq_make2(n, OP_ADD, y, along_axis(n, x, p->axis, offset, count));
}

Item *
vq_dequantize_item(Node *n, Item *x, QuantParams p)
{
    if (!x || !vq_quant_check(n, x, &p))
        return NULL;
    if (vq_known(x) && x->type.dt == DT_S64)
        return dequantize_known(n, x, &p);
    if (!x->grid)
        return vq_node_error(n,
                             "its input is %s, not codes that a "
                             "quantization made",
                             vq_elem_text(x->et));
    if (vq_count(&p.scale->type) == 1 &&
        vq_item_f(p.scale)[0] == x->grid->scale &&
        zero_at(&p, 0) == x->grid->zero)
        return as_numbers(n, x);
    if (p.block)
        return vq_node_error(n,
                             "a computed value in blocks of %lld is not "
                             "supported; per tensor is",
                             (long long)p.block);
    return rescale(n, x, &p);
}

Item *
vq_clip_codes(Node *n, Item *x, double lo, double hi)
{
    Grid g = *x->grid;
    const Op *op = vq_def(n->im->g, x->v);
    Item *from = as_numbers(n, x);

    g.lo = fmax(g.lo, lo);
    g.hi = fmin(g.hi, hi);
    if (g.lo > g.hi)
        return vq_node_error(n, "no code is left between %g and %g", lo, hi);
    if (g.lo == x->grid->lo && g.hi == x->grid->hi)
        return x;
    if (op && op->kind == OP_FAKEQUANT &&
        (float)vq_get_f(op, A_SCALE, 0) == g.scale)
        from->v = op->in[0];
    return as_codes(n, vq_fakequant(n, from, g), x->et, g);
}

/* Integers that the graph holds: codes, or what Round made. */
static const Grid *
integers_of(const Node *n, const Item *x, Grid *g)
{
    const Op *op = x->v ? vq_def(n->im->g, x->v) : NULL;

    if (x->grid)
        return x->grid;
    if (!op || op->kind != OP_FAKEQUANT || vq_get_f(op, A_SCALE, 0) != 1)
        return NULL;
    *g = (Grid){.scale = 1,
                .lo = vq_get_f(op, A_LO, 0) - (double)vq_get_i(op, A_ZERO, 0),
                .hi = vq_get_f(op, A_HI, 0) - (double)vq_get_i(op, A_ZERO, 0)};
    return g;
}

Item *
vq_cast_codes(Node *n, Item *x, ElemType et)
{
    Grid own = {0};
    const Grid *g = integers_of(n, x, &own);
    double lo, hi;
    Item *y;

    if (!g)
        return vq_node_error(n,
                             "to type %s of a value that depends on the "
                             "model's input is not supported",
                             vq_elem_text(et));
    if (!vq_is_float_elem(et)) {
        if (!vq_code_range(et, &lo, &hi))
            return vq_node_error(n, "of codes to type %s is not supported",
                                 vq_elem_text(et));
        /* Out of range: ONNX leaves it open, and quantizers mean to clip. */
        return vq_clip_codes(n, as_codes(n, x, et, *g), lo, hi);
    }
    y = as_numbers(n, x);
    if (g->scale != 1)
        y = vq_make2(n, OP_MUL, y,
                     vq_item_f32(n->im, (float)(1 / (double)g->scale)));
    if (g->zero != 0)
        y = vq_make2(n, OP_ADD, y, vq_item_f32(n->im, (float)g->zero));
    return y;
}
