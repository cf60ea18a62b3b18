/*
 * fold_int.c -- integer, bool and comparison ops on constants, and casts.
 *
 * Shape arithmetic of exported models: a table from ONNX names to functions
 * of one or two numbers, applied with numpy's broadcasting. Integers wrap to
 * their type; only a division by zero is an error.
 */
#include "frontend/import.h"

#include <math.h>
#include <string.h>

typedef struct IntOp {
    const char *name;
    int64_t (*i)(int64_t, int64_t); /* NULL: not for integers */
    float (*f)(float, float);       /* for floats, float result; or NULL */
    int (*cmp)(float, float);       /* for floats, bool result; or NULL */
    bool is_bool;                   /* the integer form gives a bool */
} IntOp;

int64_t
vq_wrapping_add(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a + (uint64_t)b);
}

static int64_t
sub(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a - (uint64_t)b);
}

int64_t
vq_wrapping_mul(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a * (uint64_t)b);
}

/* Towards zero; b = -1 apart, for INT64_MIN / -1. */
static int64_t
divide(int64_t a, int64_t b)
{
    return b == -1 ? sub(0, a) : a / b;
}

/* The result has the divisor's sign, as in Python. */
static int64_t
mod(int64_t a, int64_t b)
{
    int64_t r = b == -1 ? 0 : a % b;

    return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}

/* The result has the dividend's sign, as in C: Mod with fmod=1. */
static int64_t
remainder_c(int64_t a, int64_t b)
{
    return b == -1 ? 0 : a % b;
}

static int64_t
power(int64_t a, int64_t b)
{
    int64_t r = 1;

    if (b < 0)
        return a == 1 ? 1 : a == -1 ? (b % 2 ? -1 : 1) : 0;
    for (; b; b >>= 1) {
        if (b & 1)
            r = vq_wrapping_mul(r, a);
        a = vq_wrapping_mul(a, a);
    }
    return r;
}

/* Of unsigned numbers, which are held as they are. */
static int64_t
left(int64_t a, int64_t b)
{
    return b > 63 ? 0 : (int64_t)((uint64_t)a << (b & 63));
}

static int64_t
right(int64_t a, int64_t b)
{
    return b > 63 ? 0 : (int64_t)((uint64_t)a >> (b & 63));
}

static int64_t
bits_and(int64_t a, int64_t b)
{
    return a & b;
}

static int64_t
bits_or(int64_t a, int64_t b)
{
    return a | b;
}

static int64_t
bits_xor(int64_t a, int64_t b)
{
    return a ^ b;
}

static int64_t
equal(int64_t a, int64_t b)
{
    return a == b;
}

static int64_t
less(int64_t a, int64_t b)
{
    return a < b;
}

static int64_t
less_equal(int64_t a, int64_t b)
{
    return a <= b;
}

static int64_t
greater(int64_t a, int64_t b)
{
    return a > b;
}

static int64_t
greater_equal(int64_t a, int64_t b)
{
    return a >= b;
}

static int64_t and (int64_t a, int64_t b)
{
    return a && b;
}

static int64_t or (int64_t a, int64_t b)
{
    return a || b;
}

static int64_t xor (int64_t a, int64_t b) { return !a != !b; }

    static int equal_f(float a, float b)
{
    return a == b;
}

static int
less_f(float a, float b)
{
    return a < b;
}

static int
less_equal_f(float a, float b)
{
    return a <= b;
}

static int
greater_f(float a, float b)
{
    return a > b;
}

static int
greater_equal_f(float a, float b)
{
    return a >= b;
}

static const IntOp binary_ops[] = {
    {"Add", vq_wrapping_add, NULL, NULL, false},
    {"Sum", vq_wrapping_add, NULL, NULL, false},
    {"Sub", sub, NULL, NULL, false},
    {"Mul", vq_wrapping_mul, NULL, NULL, false},
    {"Div", divide, NULL, NULL, false},
    {"Mod", mod, fmodf, NULL, false},
    {"fmod", remainder_c, fmodf, NULL, false},
    {"Pow", power, NULL, NULL, false},
    {"Max", vq_max, NULL, NULL, false},
    {"Min", vq_min, NULL, NULL, false},
    {"Equal", equal, NULL, equal_f, true},
    {"Less", less, NULL, less_f, true},
    {"LessOrEqual", less_equal, NULL, less_equal_f, true},
    {"Greater", greater, NULL, greater_f, true},
    {"GreaterOrEqual", greater_equal, NULL, greater_equal_f, true},
    {"And", and, NULL, NULL, true},
    {"Or", or, NULL, NULL, true},
    {"Xor", xor, NULL, NULL, true},
    {"left", left, NULL, NULL, false},
    {"right", right, NULL, NULL, false},
    {"BitwiseAnd", bits_and, NULL, NULL, false},
    {"BitwiseOr", bits_or, NULL, NULL, false},
    {"BitwiseXor", bits_xor, NULL, NULL, false},
};

static const IntOp *
find_op(const char *name)
{
    for (size_t i = 0; i < COUNT(binary_ops); i++)
        if (strcmp(binary_ops[i].name, name) == 0)
            return &binary_ops[i];
    return NULL;
}

/* Brings both to one shape and one kind. */
static bool
match(Node *n, Item **a, Item **b)
{
    Type t;

    if ((*a)->type.dt != (*b)->type.dt) {
        *a = vq_to_float(n, *a);
        *b = vq_to_float(n, *b);
    }
    if (!*a || !*b)
        return false;
    if (!vq_broadcast_dims(&(*a)->type, &(*b)->type, &t)) {
        vq_node_error(n, "%s and %s do not broadcast",
                      vq_shape_text(n, &(*a)->type),
                      vq_shape_text(n, &(*b)->type));
        return false;
    }
    *a = vq_expand(n, *a, t.rank, t.dim);
    *b = vq_expand(n, *b, t.rank, t.dim);
    return *a && *b;
}

static Item *
apply_ints(Node *n, const IntOp *op, const Item *a, const Item *b)
{
    bool divides = op->i == divide || op->i == mod || op->i == remainder_c;
    ElemType et = op->is_bool ? ET_BOOL : a->et;
    Item *y = vq_item_like(n->im, n->loc, et, &a->type);
    int64_t count = vq_count(&a->type);

    for (int64_t i = 0; y && i < count; i++) {
        if (divides && vq_item_i(b)[i] == 0)
            return vq_node_error(n, "division by zero");
        vq_item_i(y)[i] =
            vq_wrap_int(et, op->i(vq_item_i(a)[i], vq_item_i(b)[i]));
    }
    return y;
}

static Item *
apply_floats(Node *n, const IntOp *op, const Item *a, const Item *b)
{
    Item *y =
        vq_item_like(n->im, n->loc, op->cmp ? ET_BOOL : ET_FLOAT, &a->type);
    int64_t count = vq_count(&a->type);

    for (int64_t i = 0; y && i < count; i++)
        if (op->cmp)
            vq_item_i(y)[i] = op->cmp(vq_item_f(a)[i], vq_item_f(b)[i]);
        else
            vq_item_f(y)[i] = op->f(vq_item_f(a)[i], vq_item_f(b)[i]);
    return y;
}

Item *
vq_fold_binary(Node *n, const char *name, Item *a, Item *b)
{
    const IntOp *op = find_op(name);

    if (!op || !match(n, &a, &b))
        return op ? NULL : vq_node_error(n, "not supported on integers");
    if (a->type.dt == DT_S64)
        return apply_ints(n, op, a, b);
    if (op->f || op->cmp)
        return apply_floats(n, op, a, b);
    return vq_node_error(n, "not supported on floats");
}

/* ---- reductions ---- */

typedef struct IntReduction {
    const char *name;
    int64_t (*step)(int64_t, int64_t);
    int64_t start;
} IntReduction;

static const IntReduction reductions[] = {
    {"ReduceSum", vq_wrapping_add, 0},
    {"ReduceProd", vq_wrapping_mul, 1},
    {"ReduceMax", vq_max, INT64_MIN},
    {"ReduceMin", vq_min, INT64_MAX},
};

/* The shape without the reduced axes, or with 1 in their place; step[i] is
 * how far axis i of x moves in it. */
static Type
reduced_type(const Type *x, unsigned axes, bool keep, int64_t *step)
{
    Type t = {.dt = x->dt};
    int64_t at = 1;

    for (int i = 0; i < x->rank; i++)
        if (keep || !(axes >> i & 1))
            t.dim[t.rank++] = axes >> i & 1 ? 1 : x->dim[i];
    for (int i = x->rank - 1; i >= 0; i--) {
        step[i] = axes >> i & 1 ? 0 : at;
        at *= axes >> i & 1 ? 1 : x->dim[i];
    }
    return t;
}

static int64_t
place_of(const Type *x, const int64_t *step, int64_t i)
{
    int64_t at = 0;

    for (int k = x->rank - 1; k >= 0; k--) {
        at += i % x->dim[k] * step[k];
        i /= x->dim[k];
    }
    return at;
}

/* The product of real numbers; there is no other that the IR lacks. */
static Item *
multiply_floats(Node *n, const Item *x, const Type *t, const int64_t *step)
{
    Item *y = vq_item_like(n->im, n->loc, ET_FLOAT, t);

    for (int64_t i = 0; y && i < vq_count(t); i++)
        vq_item_f(y)[i] = 1;
    for (int64_t i = 0; y && i < vq_count(&x->type); i++)
        vq_item_f(y)[place_of(&x->type, step, i)] *= vq_item_f(x)[i];
    return y;
}

Item *
vq_fold_reduce(Node *n, const Item *x, unsigned axes, bool keep)
{
    const IntReduction *r = NULL;
    int64_t step[MAXRANK];
    Type t = reduced_type(&x->type, axes, keep, step);
    Item *y;

    if (x->type.dt == DT_F32)
        return multiply_floats(n, x, &t, step);
    y = vq_item_like(n->im, n->loc, x->et, &t);
    for (size_t i = 0; i < COUNT(reductions); i++)
        if (strcmp(reductions[i].name, n->op->name) == 0)
            r = &reductions[i];
    if (!r)
        return vq_node_error(n, "not supported on integers");
    for (int64_t i = 0; y && i < vq_count(&t); i++)
        vq_item_i(y)[i] = r->start;
    for (int64_t i = 0; y && i < vq_count(&x->type); i++) {
        int64_t *sum = &vq_item_i(y)[place_of(&x->type, step, i)];

        *sum = vq_wrap_int(x->et, r->step(*sum, vq_item_i(x)[i]));
    }
    return y;
}

static int64_t
negate(int64_t a)
{
    return sub(0, a);
}

static int64_t
magnitude(int64_t a)
{
    return a < 0 ? sub(0, a) : a;
}

static int64_t not(int64_t a)
{
    return !a;
}

static int64_t
same(int64_t a)
{
    return a;
}

static int64_t
sign(int64_t a)
{
    return (a > 0) - (a < 0);
}

static float
sign_f(float a)
{
    return (float)((a > 0) - (a < 0));
}

typedef struct UnaryOp {
    const char *name;
    int64_t (*i)(int64_t);
    float (*f)(float);
} UnaryOp;

static int64_t
inverse(int64_t a)
{
    return ~a;
}

static const UnaryOp unary_ops[] = {
    {"Neg", negate, NULL},   {"Abs", magnitude, NULL},
    {"Not", not, NULL},      {"Floor", same, floorf},
    {"Ceil", same, ceilf},   {"Sign", sign, sign_f},
    {"Round", same, rintf},  {"Log", NULL, logf},
    {"Sin", NULL, sinf},     {"Cos", NULL, cosf},
    {"Tan", NULL, tanf},     {"Asin", NULL, asinf},
    {"Acos", NULL, acosf},   {"Atan", NULL, atanf},
    {"Sinh", NULL, sinhf},   {"Cosh", NULL, coshf},
    {"Asinh", NULL, asinhf}, {"Acosh", NULL, acoshf},
    {"Atanh", NULL, atanhf}, {"BitwiseNot", inverse, NULL},
};

Item *
vq_fold_unary(Node *n, const char *name, Item *a)
{
    int64_t count = vq_count(&a->type);
    Item *y = vq_item_like(n->im, n->loc, a->et, &a->type);
    const UnaryOp *op = NULL;

    for (size_t i = 0; i < COUNT(unary_ops); i++)
        if (strcmp(unary_ops[i].name, name) == 0)
            op = &unary_ops[i];
    if (!op || (a->type.dt == DT_S64 ? !op->i : !op->f))
        return vq_node_error(n, "not supported on %s", vq_elem_text(a->et));
    for (int64_t i = 0; y && i < count; i++)
        if (a->type.dt == DT_S64)
            vq_item_i(y)[i] = vq_wrap_int(a->et, op->i(vq_item_i(a)[i]));
        else
            vq_item_f(y)[i] = op->f(vq_item_f(a)[i]);
    return y;
}

/* As C converts, but defined for all of f32. */
static int64_t
to_int(ElemType et, float f)
{
    if (et == ET_BOOL)
        return f != 0;
    if (isnan(f))
        return 0;
    if (f >= 0x1p63f)
        return INT64_MAX;
    if (f < -0x1p63f)
        return INT64_MIN;
    return vq_wrap_int(et, (int64_t)f);
}

Item *
vq_fold_cast(Node *n, Item *x, ElemType et)
{
    bool real = vq_is_float_elem(et);
    int64_t count = vq_count(&x->type);
    Item *y;

    if (real && x->type.dt == DT_F32)
        return x;
    y = vq_item_like(n->im, n->loc, real ? ET_FLOAT : et, &x->type);
    for (int64_t i = 0; y && i < count; i++)
        if (real)
            vq_item_f(y)[i] = (float)vq_item_i(x)[i];
        else if (x->type.dt == DT_F32)
            vq_item_i(y)[i] = to_int(et, vq_item_f(x)[i]);
        else
            vq_item_i(y)[i] = vq_wrap_int(et, vq_item_i(x)[i]);
    return y;
}
