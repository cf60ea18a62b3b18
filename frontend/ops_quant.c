/*
 * ops_quant.c -- QuantizeLinear, DequantizeLinear and their kin: codes where
 * the model makes them, also in QONNX's and Brevitas's words.
 */
#include "frontend/import.h"

#include <math.h>

static QuantParams
params_of(const Node *n, uint32_t scale, int64_t axis)
{
    return (QuantParams){.scale = vq_in(n, scale),
                         .zero = vq_in(n, scale + 1),
                         .axis = vq_attr_int(n, "axis", axis),
                         .block = vq_attr_int(n, "block_size", 0)};
}

Item *
vq_onnx_quantize(Node *n)
{
    Item *zero = vq_in(n, 2);
    int64_t dtype = vq_attr_int(n, "output_dtype", 0);
    ElemType et = zero ? zero->et : dtype ? (ElemType)dtype : ET_UINT8;

    return vq_quantize_item(n, vq_in(n, 0), params_of(n, 1, 1), et);
}

Item *
vq_onnx_dequantize(Node *n)
{
    Item *x = vq_in(n, 0), *zero = vq_in(n, 2);

    if (zero && zero->et != x->et)
        return vq_node_error(n, "codes are %s, but zero points %s",
                             vq_elem_text(x->et), vq_elem_text(zero->et));
    return vq_dequantize_item(n, x, params_of(n, 1, 1));
}

/*
 * y, its scale and its zero point, made while the model runs. What follows is
 * linear in scale * (y - zero), which is x but for rounding: so x itself, on a
 * grid of step 1, stands for the codes, and calibration finds its range.
 */
Item *
vq_onnx_dynamic_quantize(Node *n)
{
    static const Grid unit = {.scale = 1, .lo = 0, .hi = 255};
    Item *x = vq_in(n, 0), *y = NEW(n->im->arena, Item);
    Item *zero = vq_item_new(n->im, n->loc, ET_UINT8, 0, NULL);

    if (x->type.dt != DT_F32 || x->grid)
        return vq_node_error(n, "its input is %s, not float",
                             vq_elem_text(x->et));
    *y = (Item){.et = ET_UINT8, .type = x->type, .grid = &unit};
    y->v = vq_item_value(n, x);
    if (!y->v || !vq_set_output(n, 1, vq_item_f32(n->im, 1)) ||
        !vq_set_output(n, 2, zero))
        return NULL;
    return y;
}

/* Round half to even: codes of a grid of step 1. */
Item *
vq_onnx_round(Node *n)
{
    static const Grid whole = {.scale = 1, .lo = -0x1p31, .hi = 0x1p31};
    Item *x = vq_in(n, 0);

    return vq_known(x) ? vq_fold_unary(n, n->op->name, x)
                       : vq_fakequant(n, x, whole);
}

/* ---- QONNX ---- */

/* Input i as numbers known now; NULL after an error. */
static Item *
known_floats(Node *n, uint32_t i)
{
    Item *x = vq_in(n, i);

    if (!x || !vq_known(x))
        return vq_node_error(n, "input %u must be known at compile time", i);
    return vq_to_float(n, x);
}

/* A whole number known now. */
static bool
whole_scalar(Node *n, uint32_t i, double *x)
{
    if (!vq_in_scalar(n, i, x))
        return false;
    if (*x == rint(*x) && fabs(*x) <= 0x1p31)
        return true;
    vq_node_error(n, "input %u is %g, not a whole number", i, *x);
    return false;
}

/* The codes of `bits` bits; bits may be a fraction, as 2^bits levels. */
static bool
bit_range(Node *n, double bits, Grid *g)
{
    bool is_signed = vq_attr_int(n, "signed", 1) != 0;
    bool narrow = vq_attr_int(n, "narrow", 0) != 0;

    if (!(bits >= 1 && bits <= 32)) {
        vq_node_error(n, "a bit width of %g is not within 1..32", bits);
        return false;
    }
    g->lo = is_signed ? -exp2(bits - 1) + narrow : 0;
    g->hi = is_signed ? exp2(bits - 1) - 1 : exp2(bits) - 1 - narrow;
    g->lo = fmax(ceil(g->lo), -0x1p31);
    g->hi = fmin(floor(g->hi), 0x1p31);
    if (g->lo <= g->hi)
        return true;
    vq_node_error(n, "no code is left of %g bits", bits);
    return false;
}

/* On one scale for each element of x, broadcast. */
static Item *
quant_known(Node *n, Item *x, Item *scale, const Grid *g)
{
    Item *y = vq_item_like(n->im, n->loc, ET_FLOAT, &x->type);
    Item *s = vq_expand(n, scale, x->type.rank, x->type.dim);

    if (!y || !s)
        return NULL;
    if (!vq_same_shape(&s->type, &x->type))
        return vq_node_error(n, "scales %s do not go with %s",
                             vq_shape_text(n, &scale->type),
                             vq_shape_text(n, &x->type));
    for (int64_t i = 0; i < vq_count(&x->type); i++) {
        float step = vq_item_f(s)[i];
        double q = (double)rintf(vq_item_f(x)[i] / step) + (double)g->zero;

        q = q >= g->lo ? fmin(q, g->hi) : g->lo;
        vq_item_f(y)[i] = step * (float)(q - (double)g->zero);
    }
    return y;
}

static bool
positive(Node *n, const Item *scale)
{
    for (int64_t i = 0; i < vq_count(&scale->type); i++)
        if (!(vq_item_f(scale)[i] > 0) || isinf(vq_item_f(scale)[i])) {
            vq_node_error(n,
                          "scale %lld is %g; a scale must be a positive "
                          "number",
                          (long long)i, (double)vq_item_f(scale)[i]);
            return false;
        }
    return true;
}

/* Scales of a computed value: one, or x / s on a grid of step 1. */
static Item *
quant_value(Node *n, Item *x, Item *scale, Grid g)
{
    Item *y;

    if (vq_count(&scale->type) == 1) {
        g.scale = vq_item_f(scale)[0];
        return vq_fakequant(n, x, g);
    }
    g.scale = 1;
    y = vq_fakequant(n, vq_make2(n, OP_DIV, x, scale), g);
    return vq_make2(n, OP_MUL, y, scale);
}

/* Quant(x, scale, zero point, bit width): numbers to numbers. */
Item *
vq_onnx_qonnx_quant(Node *n)
{
    Item *x = vq_to_float(n, vq_in(n, 0)), *scale = known_floats(n, 1);
    double zero, bits;
    Grid g;

    if (!x || !scale || !positive(n, scale) || !whole_scalar(n, 2, &zero) ||
        !vq_in_scalar(n, 3, &bits) || !bit_range(n, bits, &g))
        return NULL;
    if (!vq_attr_is(n, "rounding_mode", "ROUND", true) &&
        !vq_attr_is(n, "rounding_mode", "HALF_EVEN", false))
        return vq_node_error(n, "only rounding_mode ROUND is supported");
    g.zero = (int64_t)zero;
    return vq_known(x) ? quant_known(n, x, scale, &g)
                       : quant_value(n, x, scale, g);
}

/* BipolarQuant(x, scale): scale where x >= 0, else -scale. Of weights. */
Item *
vq_onnx_qonnx_bipolar(Node *n)
{
    Item *x = known_floats(n, 0), *scale = known_floats(n, 1), *sign;

    if (!x || !scale || !positive(n, scale))
        return NULL;
    sign = vq_item_like(n->im, n->loc, ET_FLOAT, &x->type);
    for (int64_t i = 0; sign && i < vq_count(&x->type); i++)
        vq_item_f(sign)[i] = vq_item_f(x)[i] >= 0 ? 1 : -1;
    return vq_make2(n, OP_MUL, sign, scale);
}

/*
 * Trunc(x, scale, zero point, bits in, bits out): the code of x loses its low
 * bits: scale * (floor(k / T) - zero), k whole and T = 2^(in - out). k / T is
 * a multiple of 1 / T, so that floor is rounding of k / T - (1 - 1/T) / 2,
 * which never lies half-way.
 */
Item *
vq_onnx_qonnx_trunc(Node *n)
{
    Item *x = vq_to_float(n, vq_in(n, 0)), *y;
    double scale, zero, in, out, t, s;
    Grid g = {.lo = -0x1p31, .hi = 0x1p31};

    if (!x || !vq_in_scalar(n, 1, &scale) || !whole_scalar(n, 2, &zero) ||
        !whole_scalar(n, 3, &in) || !whole_scalar(n, 4, &out))
        return NULL;
    s = (double)(g.scale = (float)scale);
    if (!(s > 0) || isinf(s) || out < 1 || in < out || in > 32)
        return vq_node_error(n, "scale %g from %g to %g bits", scale, in, out);
    if (!vq_attr_is(n, "rounding_mode", "FLOOR", true))
        return vq_node_error(n, "only rounding_mode FLOOR is supported");
    t = exp2(in - out);
    y = vq_fakequant(n, x, g);
    y = vq_make2(n, OP_MUL, y, vq_item_f32(n->im, (float)(1 / t)));
    y = vq_make2(n, OP_ADD, y,
                 vq_item_f32(n->im, (float)(s * (zero / t - (0.5 - 0.5 / t)))));
    y = vq_fakequant(n, y, g);
    return vq_make2(n, OP_ADD, y, vq_item_f32(n->im, (float)(-s * zero)));
}
