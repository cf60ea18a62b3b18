/*
 * budget.c -- how much may be worked out at compile time.
 *
 * A few bytes of a model can ask for any amount of constants and of work on
 * them (ConstantOfShape, Expand, Tile, Range, a Loop around them). Both are
 * bounded by what the model brings along, so that no real model comes near:
 * an exporter leaves the same weights to be worked on a few times over.
 */
#include "frontend/import.h"

/* Bytes: of their own, and for each byte that was read. */
enum { MADE_BASE = 192 << 20, MADE_EACH = 16 };
enum { WORK_BASE = 256 << 20, WORK_EACH = 64 };

void
vq_budget_read(Import *im, size_t bytes)
{
    im->read += (double)bytes;
}

static bool
report_once(Import *im, Loc loc, const char *what, double most)
{
    if (im->overdrawn)
        return false;
    im->overdrawn = true;
    return vq_error(im->diag, loc,
                    "working out what is constant in the model takes more "
                    "than %.0f MiB%s, out of proportion to its size; export "
                    "it with its constants folded",
                    most / (1 << 20), what);
}

bool
vq_budget_work(Import *im, Loc loc, double bytes)
{
    double most = WORK_BASE + WORK_EACH * im->read;

    im->work += bytes;
    return im->work <= most || report_once(im, loc, " of work", most);
}

bool
vq_budget_make(Import *im, Loc loc, double bytes)
{
    double most = MADE_BASE + MADE_EACH * im->read;

    im->made_bytes += bytes;
    return (im->made_bytes <= most || report_once(im, loc, "", most)) &&
           vq_budget_work(im, loc, bytes);
}

bool
vq_budget_inputs(Node *n)
{
    double bytes = 256; /* of the node itself */

    for (uint32_t i = 0; i < n->nin; i++)
        if (n->in[i] && vq_known(n->in[i]))
            bytes += (double)vq_bytes(&n->in[i]->type);
    return vq_budget_work(n->im, n->loc, bytes);
}

/* Multiplications or comparisons of an op for each element of its value; 0: a
 * few. */
static double
terms_of(const Graph *g, const Op *op)
{
    const Type *w = op->nin > 1 ? vq_type(g, op->in[1]) : NULL;
    const Attr *kernel = vq_attr(op, A_KERNEL);

    switch (op->kind) {
    case OP_MATMUL:
    case OP_LINEAR:
    case OP_ATTENTION:
        return (double)vq_cols(vq_type(g, op->in[0]));
    case OP_CONV:
        return (double)vq_count(w) / (double)w->dim[0];
    default: /* of windows, or element by element */
        return kernel ? (double)kernel->i[0] * (double)kernel->i[1] : 0;
    }
}

bool
vq_budget_op(Import *im, const Graph *g, const Op *op)
{
    double out = (double)vq_count(vq_type(g, op->out));

    return vq_budget_work(im, op->loc, out * terms_of(g, op));
}
