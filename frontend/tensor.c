/*
 * tensor.c -- TensorProto to a constant: f32 for every float type, s64 for
 * every integer type and bool.
 *
 * An ONNX tensor's elements lie in raw_data, in one of several typed fields,
 * or in another file. f32 in raw_data is not copied: the message lives in the
 * same arena as the graph.
 */
#include "frontend/import.h"

#include <math.h>
#include <string.h>

#include "ir/text.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "raw_data is little-endian; big-endian hosts need byte swaps here"
#endif

typedef struct ElemInfo {
    const char *text;
    unsigned bytes; /* of one element in raw_data; 0: not read by vitqc */
    ElemType typed; /* element type of the typed field that holds it */
} ElemInfo;

/* Which field holds what: the comments of TensorProto in onnx.proto. */
static const ElemInfo elem[] = {
    [ET_FLOAT] = {"float", 4, ET_FLOAT},
    [ET_UINT8] = {"uint8", 1, ET_INT32},
    [ET_INT8] = {"int8", 1, ET_INT32},
    [ET_UINT16] = {"uint16", 2, ET_INT32},
    [ET_INT16] = {"int16", 2, ET_INT32},
    [ET_INT32] = {"int32", 4, ET_INT32},
    [ET_INT64] = {"int64", 8, ET_INT64},
    [ET_STRING] = {"string", 0, ET_NONE},
    [ET_BOOL] = {"bool", 1, ET_INT32},
    [ET_FLOAT16] = {"float16", 2, ET_INT32},
    [ET_DOUBLE] = {"double", 8, ET_DOUBLE},
    [ET_UINT32] = {"uint32", 4, ET_UINT64},
    [ET_UINT64] = {"uint64", 8, ET_UINT64},
    [ET_BFLOAT16] = {"bfloat16", 2, ET_INT32},
    [ET_FLOAT8E4M3FN] = {"float8e4m3fn", 0, ET_NONE},
    [ET_FLOAT8E4M3FNUZ] = {"float8e4m3fnuz", 0, ET_NONE},
    [ET_FLOAT8E5M2] = {"float8e5m2", 0, ET_NONE},
    [ET_FLOAT8E5M2FNUZ] = {"float8e5m2fnuz", 0, ET_NONE},
    /* two or four in a byte: unpacked when they are found */
    [ET_UINT4] = {"uint4", 1, ET_INT32},
    [ET_INT4] = {"int4", 1, ET_INT32},
    [ET_FLOAT4E2M1] = {"float4e2m1", 0, ET_NONE},
    [ET_FLOAT8E8M0] = {"float8e8m0", 0, ET_NONE},
    [ET_UINT2] = {"uint2", 1, ET_INT32},
    [ET_INT2] = {"int2", 1, ET_INT32},
};

/* Elements in memory; `as` is how they lie there. */
typedef struct Source {
    const uint8_t *p;
    ElemType as;
} Source;

const char *
vq_elem_text(int32_t et)
{
    if (et > 0 && et < (int32_t)COUNT(elem) && elem[et].text)
        return elem[et].text;
    return "unknown";
}

bool
vq_is_float_elem(int32_t et)
{
    return et == ET_FLOAT || et == ET_FLOAT16 || et == ET_DOUBLE ||
           et == ET_BFLOAT16;
}

int64_t
vq_wrap_int(ElemType et, int64_t x)
{
    switch (et) {
    case ET_BOOL:
        return x != 0;
    case ET_UINT8:
        return (uint8_t)x;
    case ET_INT8:
        return (int8_t)x;
    case ET_UINT16:
        return (uint16_t)x;
    case ET_INT16:
        return (int16_t)x;
    case ET_UINT4:
        return x & 15;
    case ET_INT4:
        return (x & 15) - ((x & 8) << 1);
    case ET_UINT2:
        return x & 3;
    case ET_INT2:
        return (x & 3) - ((x & 2) << 1);
    case ET_UINT32:
        return (uint32_t)x;
    case ET_INT32:
        return (int32_t)x;
    default:
        return x; /* uint64 above 2^63 comes out negative */
    }
}

/* Of types that share bytes; 0: others. */
static int
packed_bits(int32_t et)
{
    if (et == ET_UINT4 || et == ET_INT4)
        return 4;
    return et == ET_UINT2 || et == ET_INT2 ? 2 : 0;
}

static int64_t
load_int(Source s, size_t i)
{
    int64_t x = 0;

    memcpy(&x, s.p + i * elem[s.as].bytes, elem[s.as].bytes);
    if (packed_bits(s.as))
        return x; /* still packed */
    return vq_wrap_int(
        s.as == ET_FLOAT16 || s.as == ET_BFLOAT16 ? ET_UINT16 : s.as, x);
}

/* IEEE 754 binary16: 5 bits of exponent with bias 15, 10 of fraction. */
static float
half_to_float(uint16_t h)
{
    int exponent = h >> 10 & 31, fraction = h & 1023;
    float x;

    if (exponent == 31)
        x = fraction ? NAN : INFINITY;
    else if (exponent == 0)
        x = ldexpf((float)fraction, -24);
    else
        x = ldexpf((float)(fraction + 1024), exponent - 25);
    return h & 0x8000 ? -x : x;
}

static float
bfloat_to_float(uint16_t b)
{
    uint32_t bits = (uint32_t)b << 16;
    float x;

    memcpy(&x, &bits, sizeof x);
    return x;
}

static float
load_float(ElemType et, Source s, size_t i)
{
    double d;
    float f;

    switch (et) {
    case ET_FLOAT16:
        return half_to_float((uint16_t)load_int(s, i));
    case ET_BFLOAT16:
        return bfloat_to_float((uint16_t)load_int(s, i));
    case ET_DOUBLE:
        memcpy(&d, s.p + i * sizeof d, sizeof d);
        return (float)d;
    default:
        memcpy(&f, s.p + i * sizeof f, sizeof f);
        return f;
    }
}

/* The typed field that holds elements of the type, and how many it has. */
static Source
typed_field(const Onnx__TensorProto *t, ElemType et, size_t *n)
{
    switch (elem[et].typed) {
    case ET_FLOAT:
        *n = t->n_float_data;
        return (Source){(const uint8_t *)t->float_data, ET_FLOAT};
    case ET_INT64:
        *n = t->n_int64_data;
        return (Source){(const uint8_t *)t->int64_data, ET_INT64};
    case ET_UINT64:
        *n = t->n_uint64_data;
        return (Source){(const uint8_t *)t->uint64_data, ET_UINT64};
    case ET_DOUBLE:
        *n = t->n_double_data;
        return (Source){(const uint8_t *)t->double_data, ET_DOUBLE};
    default:
        *n = t->n_int32_data;
        return (Source){(const uint8_t *)t->int32_data, ET_INT32};
    }
}

/* Finds count stored elements. s->p is NULL after an error. */
static Source
find_stored(Import *im, Loc loc, const Onnx__TensorProto *t, const char *what,
            size_t count)
{
    ElemType et = (ElemType)t->data_type;
    Source s = {NULL, et};
    size_t n;

    if (t->has_data_location &&
        t->data_location == ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL) {
        s.p = vq_external_read(im, t, count * elem[et].bytes);
        return s;
    }
    if (t->has_raw_data) {
        n = t->raw_data.len / elem[et].bytes;
        if (t->raw_data.len % elem[et].bytes == 0 && n == count)
            s.p = t->raw_data.data ? t->raw_data.data : (uint8_t *)"";
    } else {
        s = typed_field(t, et, &n);
        if (n != count)
            s.p = NULL;
        else if (n == 0)
            s.p = (const uint8_t *)"";
    }
    if (!s.p)
        vq_error(im->diag, loc,
                 "%s: %zu elements are stored, its shape needs %zu", what, n,
                 count);
    return s;
}

/* Two 4-bit integers, or four of 2 bits, lie in a byte, or in a typed field's
 * number, the first in the low bits. */
static Source
find_elements(Import *im, Loc loc, const Onnx__TensorProto *t, const char *what,
              size_t count)
{
    size_t bits = (size_t)packed_bits(t->data_type), each;
    Source s;
    uint8_t *p;

    if (!bits)
        return find_stored(im, loc, t, what, count);
    each = 8 / bits;
    s = find_stored(im, loc, t, what, (count + each - 1) / each);
    if (!s.p)
        return s;
    p = NEWN(im->arena, uint8_t, count + 1);
    for (size_t i = 0; i < count; i++)
        p[i] = (uint8_t)(load_int(s, i / each) >> (i % each * bits) &
                         ((1 << bits) - 1));
    return (Source){p, ET_UINT8};
}

/* Nothing but 0 and -inf: an attention mask. */
static bool
is_mask(const float *f, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        if (f[i] != 0 && !(isinf(f[i]) && f[i] < 0))
            return false;
    return true;
}

static bool
check_finite(Import *im, Loc loc, const Item *x, const char *what,
             Finite finite)
{
    const float *f = vq_item_f(x);
    int64_t n = vq_count(&x->type);
    bool inf = (finite == FINITE_OR_MASK && n == 1) || is_mask(f, n);

    for (int64_t i = 0; i < n && finite != FINITE_OR_NOT; i++)
        if (isnan(f[i]) || (!inf && isinf(f[i])))
            return vq_error(im->diag, loc,
                            "%s: element %lld is %s; weights must be finite",
                            what, (long long)i, isnan(f[i]) ? "NaN" : "Inf");
    return true;
}

/* f32 that can stay where it is. */
static bool
usable_in_place(const Onnx__TensorProto *t, Source s)
{
    return t->data_type == ET_FLOAT && s.as == ET_FLOAT &&
           (uintptr_t)s.p % _Alignof(float) == 0;
}

static void
convert(Item *x, ElemType et, Source s, size_t n)
{
    if (vq_is_float_elem(et))
        for (size_t i = 0; i < n; i++)
            vq_item_f(x)[i] = load_float(et, s, i);
    else
        for (size_t i = 0; i < n; i++)
            vq_item_i(x)[i] = vq_wrap_int(et, load_int(s, i));
}

static bool
check_tensor(Import *im, Loc loc, const Onnx__TensorProto *t, const char *what)
{
    int32_t et = t->has_data_type ? t->data_type : 0;

    if (et <= 0 || et >= (int32_t)COUNT(elem) || !elem[et].bytes)
        return vq_error(im->diag, loc,
                        "%s: tensors of type %s (ONNX data type %d) are not "
                        "supported",
                        what, vq_elem_text(et), (int)et);
    if (t->segment)
        return vq_error(im->diag, loc, "%s: segments are not supported", what);
    if (t->n_dims > MAXRANK)
        return vq_error(im->diag, loc, "%s: rank %zu; at most %d is supported",
                        what, t->n_dims, MAXRANK);
    return true;
}

Item *
vq_tensor_read(Import *im, Loc loc, const Onnx__TensorProto *t,
               const char *what, Finite finite)
{
    bool real = t->has_data_type && vq_is_float_elem(t->data_type);
    Item shape, *x;
    Source s;
    size_t n;

    if (!check_tensor(im, loc, t, what))
        return NULL;
    shape = (Item){.et = real ? ET_FLOAT : (ElemType)t->data_type};
    if (!vq_item_shape(im, loc, &shape, (int)t->n_dims, t->dims))
        return NULL;
    n = (size_t)vq_count(&shape.type);
    s = find_elements(im, loc, t, what, n);
    if (!s.p)
        return NULL;
    x = NEW(im->arena, Item);
    *x = shape;
    if (usable_in_place(t, s)) {
        x->data = s.p;
    } else {
        x->data = vq_allocn(im->arena, n + 1, real ? sizeof(float) : 8);
        convert(x, (ElemType)t->data_type, s, n);
    }
    if (real && !check_finite(im, loc, x, what, finite))
        return NULL;
    return x;
}

/* The largest constant that is worked out; weights of the largest ViTs have
 * a few GiB all together. */
#define MAX_CONST_BYTES (INT64_C(1) << 33)

bool
vq_item_shape(Import *im, Loc loc, Item *x, int rank, const int64_t *dim)
{
    int64_t bytes = x->et == ET_FLOAT ? 4 : 8;

    x->type = (Type){.dt = x->et == ET_FLOAT ? DT_F32 : DT_S64, .rank = rank};
    for (int i = 0; i < rank; i++) {
        x->type.dim[i] = dim[i];
        if (dim[i] < 0)
            return vq_error(im->diag, loc, "dimension %d of a tensor is %lld",
                            i, (long long)dim[i]);
    }
    for (int i = 0; i < rank; i++)
        if (__builtin_mul_overflow(bytes, dim[i] ? dim[i] : 1, &bytes))
            bytes = INT64_MAX;
    if (bytes <= 4096 ||
        (bytes <= MAX_CONST_BYTES &&
         (!im->opt->max_memory || (uint64_t)bytes <= im->opt->max_memory)))
        return true;
    return vq_error(im->diag, loc, "a tensor of %.1f GiB is too large",
                    (double)bytes / (1 << 30));
}

Item *
vq_item_new(Import *im, Loc loc, ElemType et, int rank, const int64_t *dim)
{
    Item *x = NEW(im->arena, Item);

    x->et = et;
    if (!vq_item_shape(im, loc, x, rank, dim))
        return NULL;
    /* Small ones cannot fail; their sum counts with the next large one. */
    if (!vq_budget_make(im, loc, (double)vq_bytes(&x->type)) &&
        vq_bytes(&x->type) > 4096)
        return NULL;
    x->data = vq_allocn(im->arena, (size_t)vq_count(&x->type) + 1,
                        vq_dtype[x->type.dt].bytes);
    return x;
}

Item *
vq_item_like(Import *im, Loc loc, ElemType et, const Type *t)
{
    return vq_item_new(im, loc, et, t->rank, t->dim);
}

Item *
vq_item_f32(Import *im, float f)
{
    Item *x = vq_item_new(im, NOLOC, ET_FLOAT, 0, NULL);

    vq_item_f(x)[0] = f;
    return x;
}

Item *
vq_item_range(Import *im, int64_t n)
{
    Item *x = vq_item_new(im, NOLOC, ET_INT64, 1, &n);

    for (int64_t i = 0; x && i < n; i++)
        vq_item_i(x)[i] = i;
    return x;
}

Item *
vq_item_ints(Import *im, const int64_t *v, int64_t n)
{
    Item *x = vq_item_new(im, NOLOC, ET_INT64, 1, &n);

    if (n)
        memcpy(vq_item_i(x), v, (size_t)n * sizeof *v);
    return x;
}
