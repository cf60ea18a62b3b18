/*
 * window.c -- windows of convolutions and pools, as ONNX's attributes say
 * them: one axis of pixels or two.
 */
#include "frontend/window.h"

enum { MOST = 1 << 24 };

/* A list attribute of `times` numbers for each axis of pixels, spread to two
 * axes; all `otherwise`, where it is absent or says nothing of an axis. */
static bool
read_list(const Node *n, const char *name, int axes, int times,
          int64_t otherwise, int64_t lo, int64_t *list)
{
    size_t len, count = (size_t)(axes * times);
    const int64_t *v = vq_attr_ints(n, name, &len);

    for (int i = 0; i < 2 * times; i++)
        list[i] = otherwise;
    if (v && len != count) {
        vq_node_error(n, "%s has %zu numbers, but %zu belong there", name, len,
                      count);
        return false;
    }
    for (int i = 0; v && i < axes * times; i++) {
        if (v[i] < lo || v[i] > MOST) {
            vq_node_error(n, "%s has %lld in it", name, (long long)v[i]);
            return false;
        }
        list[i / axes * 2 + 2 - axes + i % axes] = v[i];
    }
    return true;
}

/* The pixels that a window spans along an axis. */
static int64_t
reach(const Window *w, int i)
{
    return (w->kernel[i] - 1) * w->dilations[i] + 1;
}

/* The pixels of an axis with those of its pads. */
static int64_t
padded(const Window *w, int i)
{
    return w->size[i] + w->pads[i] + w->pads[2 + i];
}

/* SAME pads so that the output has ceil(input / stride) rows. */
static void
pad_same(Window *w, bool upper)
{
    for (int i = 0; i < 2; i++) {
        int64_t in = w->size[i];
        int64_t out = (in + w->strides[i] - 1) / w->strides[i];
        int64_t pad = vq_max((out - 1) * w->strides[i] + reach(w, i) - in, 0);

        w->pads[i] = upper ? pad / 2 : pad - pad / 2;
        w->pads[2 + i] = pad - w->pads[i];
    }
}

/* Where the last window may reach beyond the pads, it does; but none begins
 * there. */
static void
round_up(Window *w)
{
    for (int i = 0; i < 2; i++) {
        int64_t room = padded(w, i) - reach(w, i), out;

        if (room < 0)
            continue;
        out = (room + w->strides[i] - 1) / w->strides[i] + 1;
        if ((out - 1) * w->strides[i] >= w->size[i] + w->pads[i])
            out--;
        w->beyond[i] = vq_max((out - 1) * w->strides[i] - room, 0);
    }
}

static bool
check_size(const Node *n, const Window *w)
{
    for (int i = 0; i < 2; i++) {
        int64_t all = padded(w, i);

        if (all > MOST) {
            vq_node_error(n, "an axis of %lld pixels with its pads is too long",
                          (long long)all);
            return false;
        }
        if (w->kernel[i] > MOST || reach(w, i) > all + w->beyond[i]) {
            vq_node_error(n,
                          "a window of %lld pixels does not fit an axis of "
                          "%lld with pads of %lld and %lld",
                          (long long)reach(w, i), (long long)w->size[i],
                          (long long)w->pads[i], (long long)w->pads[2 + i]);
            return false;
        }
    }
    return true;
}

int64_t
vq_window_count(const Window *w, int axis)
{
    int64_t room = padded(w, axis) + w->beyond[axis] - reach(w, axis);

    return room / w->strides[axis] + 1;
}

bool
vq_window_read(const Node *n, const Item *x, const int64_t *kernel, Window *w)
{
    int rank = x->type.rank, axes = rank - 2;

    *w = (Window){.size = {1, 1}, .kernel = {1, 1}};
    if (axes != 1 && axes != 2) {
        vq_node_error(n, "%s: only images of one or two axes are supported",
                      vq_shape_text(n, &x->type));
        return false;
    }
    for (int i = 0; i < axes; i++)
        w->size[2 - axes + i] = x->type.dim[2 + i];
    for (int i = 0; kernel && i < axes; i++)
        w->kernel[2 - axes + i] = kernel[i];
    if (!kernel && !vq_node_attr(n, "kernel_shape")) {
        vq_node_error(n, "kernel_shape is missing");
        return false;
    }
    if ((!kernel && !read_list(n, "kernel_shape", axes, 1, 1, 1, w->kernel)) ||
        !read_list(n, "strides", axes, 1, 1, 1, w->strides) ||
        !read_list(n, "dilations", axes, 1, 1, 1, w->dilations) ||
        !read_list(n, "pads", axes, 2, 0, 0, w->pads))
        return false;
    if (vq_attr_is(n, "auto_pad", "SAME_UPPER", false))
        pad_same(w, true);
    else if (vq_attr_is(n, "auto_pad", "SAME_LOWER", false))
        pad_same(w, false);
    if (vq_attr_int(n, "ceil_mode", 0))
        round_up(w);
    return check_size(n, w);
}

Item *
vq_with_rows(Node *n, Item *x)
{
    int64_t dim[4];

    if (!x || x->type.rank != 3)
        return x;
    dim[0] = x->type.dim[0];
    dim[1] = x->type.dim[1];
    dim[2] = 1;
    dim[3] = x->type.dim[2];
    return vq_reshape(n, x, 4, dim);
}

Item *
vq_without_rows(Node *n, Item *x, int rank)
{
    int64_t dim[3];

    if (!x || rank != 3)
        return x;
    dim[0] = x->type.dim[0];
    dim[1] = x->type.dim[1];
    dim[2] = x->type.dim[3];
    return vq_reshape(n, x, 3, dim);
}
