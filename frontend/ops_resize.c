/*
 * ops_resize.c -- ONNX's Resize as one matrix for each axis that changes.
 *
 * Interpolation is linear in the samples and separable, so an axis of length
 * `from` becomes one of length `to` by a constant [from x to] matrix. Position
 * embeddings resized at compile time fold away; feature maps become matmuls.
 */
#include "frontend/import.h"

#include <math.h>
#include <string.h>

typedef struct Axis {
    int64_t from, to;
    double scale; /* to / from, or as the model says */
} Axis;

typedef struct Filter {
    const char *coordinates, *nearest; /* attributes' texts */
    double reach;                      /* of the kernel: 0, 1 or 2 samples */
    double a;                          /* of the cubic */
    bool antialias, exclude;
} Filter;

/* An attribute's text, or the default. */
static const char *
attr_text(Node *n, const char *name, const char *otherwise)
{
    const Onnx__AttributeProto *a = vq_node_attr(n, name);

    if (!a || !a->has_s)
        return otherwise;
    return vq_format(n->im->arena, "%.*s", (int)a->s.len,
                     (const char *)a->s.data);
}

/* Where output sample i lies in the input: ONNX's
 * coordinate_transformation_mode. NAN for one that is not known. */
static double
input_place(const char *mode, const Axis *x, int64_t i)
{
    double half = ((double)i + 0.5) / x->scale - 0.5;

    if (strcmp(mode, "half_pixel") == 0)
        return half;
    if (strcmp(mode, "pytorch_half_pixel") == 0)
        return x->to > 1 ? half : 0;
    if (strcmp(mode, "tf_half_pixel_for_nn") == 0)
        return ((double)i + 0.5) / x->scale;
    if (strcmp(mode, "asymmetric") == 0)
        return (double)i / x->scale;
    if (strcmp(mode, "align_corners") == 0)
        return x->to == 1
                   ? 0
                   : (double)i * (double)(x->from - 1) / (double)(x->to - 1);
    if (strcmp(mode, "half_pixel_symmetric") == 0)
        return half + (double)x->from / 2 *
                          (1 - (double)x->to / (x->scale * (double)x->from));
    return NAN;
}

static double
nearest_place(const char *mode, double x)
{
    if (strcmp(mode, "floor") == 0)
        return floor(x);
    if (strcmp(mode, "ceil") == 0)
        return ceil(x);
    if (strcmp(mode, "round_prefer_ceil") == 0)
        return floor(x + 0.5);
    return ceil(x - 0.5); /* round_prefer_floor */
}

/* The triangle, or Keys' cubic (1981). */
static double
kernel(const Filter *f, double d)
{
    d = fabs(d);
    if (d >= f->reach)
        return 0;
    if (f->reach == 1)
        return 1 - d;
    if (d <= 1)
        return ((f->a + 2) * d - (f->a + 3)) * d * d + 1;
    return ((f->a * d - 5 * f->a) * d + 8 * f->a) * d - 4 * f->a;
}

/* Column i of the matrix. Samples outside repeat the edge, or do not count. */
static void
fill_column(const Filter *f, const Axis *x, int64_t i, double place,
            float *matrix)
{
    double wide = f->antialias ? fmin(x->scale, 1) : 1, sum = 0;
    int64_t first = (int64_t)ceil(place - f->reach / wide);
    int64_t last = (int64_t)floor(place + f->reach / wide);

    for (int64_t j = first; j <= last; j++)
        if (!f->exclude || (j >= 0 && j < x->from))
            sum += kernel(f, ((double)j - place) * wide);
    for (int64_t j = first; j <= last; j++)
        if (!f->exclude || (j >= 0 && j < x->from))
            matrix[vq_clamp(j, 0, x->from - 1) * x->to + i] +=
                (float)(kernel(f, ((double)j - place) * wide) / sum);
}

static Item *
resize_matrix(Node *n, const Filter *f, const Axis *x)
{
    Item *m =
        vq_item_new(n->im, n->loc, ET_FLOAT, 2, (int64_t[]){x->from, x->to});

    for (int64_t i = 0; m && i < x->to; i++) {
        double place = input_place(f->coordinates, x, i);

        if (!(fabs(place) < 0x1p40))
            return vq_node_error(n,
                                 "coordinate transformation %s is not "
                                 "supported",
                                 f->coordinates);
        if (f->reach > 0) {
            fill_column(f, x, i, place, vq_item_f(m));
            continue;
        }
        place = nearest_place(f->nearest, place);
        vq_item_f(m)[vq_clamp((int64_t)place, 0, x->from - 1) * x->to + i] = 1;
    }
    return m;
}

/* Brings an axis to the end, or back from there. */
static Item *
swap_with_last(Node *n, Item *x, int axis)
{
    int64_t perm[MAXRANK];

    for (int i = 0; x && i < x->type.rank; i++)
        perm[i] = i;
    if (!x)
        return NULL;
    perm[axis] = x->type.rank - 1;
    perm[x->type.rank - 1] = axis;
    return vq_transpose(n, x, perm);
}

static Item *
resize_axis(Node *n, Item *x, int axis, const Filter *f, const Axis *size)
{
    Item *m = resize_matrix(n, f, size);

    x = vq_make2(n, OP_MATMUL, swap_with_last(n, x, axis), m);
    return swap_with_last(n, x, axis);
}

static bool
read_filter(Node *n, Filter *f)
{
    const char *mode = attr_text(n, "mode", "nearest");

    f->coordinates =
        attr_text(n, "coordinate_transformation_mode", "half_pixel");
    f->nearest = attr_text(n, "nearest_mode", "round_prefer_floor");
    f->a = vq_attr_float(n, "cubic_coeff_a", -0.75f);
    f->antialias = vq_attr_int(n, "antialias", 0) != 0;
    f->exclude = vq_attr_int(n, "exclude_outside", 0) != 0;
    f->reach = strcmp(mode, "linear") == 0  ? 1
               : strcmp(mode, "cubic") == 0 ? 2
                                            : 0;
    if ((f->reach > 0 || strcmp(mode, "nearest") == 0) &&
        vq_attr_is(n, "keep_aspect_ratio_policy", "stretch", true))
        return true;
    vq_node_error(n, "mode %s, or this aspect ratio policy, is not supported",
                  mode);
    return false;
}

/* The longest axis that is made: a matrix of weights has as many columns. */
enum { MAXAXIS = 1 << 20 };

static bool
check_size(Node *n, const Axis *x)
{
    if (x->scale > 0 && x->to >= 1 && x->to <= MAXAXIS)
        return true;
    vq_node_error(n, "an axis of %lld would become %g; 1 to %d are supported",
                  (long long)x->from, (double)x->from * x->scale, MAXAXIS);
    return false;
}

static void
size_by_scale(Axis *x, float scale)
{
    x->scale = (double)scale;
    x->to = vq_whole((double)x->from * x->scale, 0, MAXAXIS + 1);
}

/* Size k of what the model gives: sizes, or else scales. */
static bool
read_size(Node *n, int64_t k, Axis *x)
{
    const Item *sizes = vq_in(n, 3);

    if (sizes) {
        x->to = vq_item_i(sizes)[k];
        x->scale = (double)x->to / (double)x->from;
    } else {
        size_by_scale(x, vq_item_f(vq_in(n, 2))[k]);
    }
    return check_size(n, x);
}

/* How many sizes or scales there are; -1 after an error. */
static int64_t
count_sizes(Node *n)
{
    Item *x = vq_in(n, 3) ? vq_in(n, 3) : vq_in(n, 2);
    DType want = vq_in(n, 3) ? DT_S64 : DT_F32;

    if (x && vq_known(x) && x->type.dt == want && x->type.rank == 1)
        return vq_count(&x->type);
    vq_node_error(n, "its sizes or scales must be known at compile time");
    return -1;
}

Item *
vq_onnx_resize(Node *n)
{
    Item *x = vq_in(n, 0);
    int64_t count = count_sizes(n);
    size_t naxes;
    const int64_t *axes = vq_attr_ints(n, "axes", &naxes);
    Filter f;

    if (count < 0 || !read_filter(n, &f))
        return NULL;
    if (count != (axes ? (int64_t)naxes : x->type.rank))
        return vq_node_error(n, "%lld sizes for rank %d", (long long)count,
                             x->type.rank);
    for (int64_t k = 0; k < count && x; k++) {
        Axis size;
        int axis;

        if (!vq_axis(n, axes ? axes[k] : k, x->type.rank, &axis))
            return NULL;
        size.from = x->type.dim[axis];
        if (!read_size(n, k, &size))
            return NULL;
        if (size.to != size.from || size.scale != 1)
            x = resize_axis(n, x, axis, &f, &size);
    }
    return x;
}

/* Upsample, and Resize of opset 10: by scales, from each sample's corner. */
Item *
vq_onnx_upsample(Node *n)
{
    Filter f = {.coordinates = "asymmetric", .nearest = "floor"};
    const Onnx__AttributeProto *a = vq_node_attr(n, "scales");
    Item *x = vq_in(n, 0), *scales = vq_in(n, 1);
    bool linear = vq_attr_is(n, "mode", "linear", false) ||
                  vq_attr_is(n, "mode", "bilinear", false);
    int64_t count;

    if (scales && (!vq_known(scales) || scales->type.dt != DT_F32))
        return vq_node_error(n, "its scales must be known at compile time");
    count = scales ? vq_count(&scales->type) : a ? (int64_t)a->n_floats : 0;
    if (count != x->type.rank ||
        (!linear && !vq_attr_is(n, "mode", "nearest", true)))
        return vq_node_error(n,
                             "%lld scales for rank %d, or another mode "
                             "than nearest and linear",
                             (long long)count, x->type.rank);
    f.reach = linear;
    for (int axis = 0; axis < count && x; axis++) {
        Axis size = {.from = x->type.dim[axis]};

        size_by_scale(&size,
                      scales ? vq_item_f(scales)[axis] : a->floats[axis]);
        if (!check_size(n, &size))
            return NULL;
        if (size.scale != 1)
            x = resize_axis(n, x, axis, &f, &size);
    }
    return x;
}
