/*
 * weights.c -- weights as s8 per output channel (given.h).
 */
#include "passes/given.h"

#include "passes/report.h"

#include "ir/quant.h"

#include <float.h>
#include <math.h>

/* Of a step: f32 products of a scale and a code are off by a few 2^-24, and
 * what is closer than this loses nothing worth having. */
#define CLOSE 1e-3

static bool
are_multiples(const float *w, int64_t rows, int64_t cols, double step)
{
    for (int64_t i = 0; i < rows; i++) {
        double q = (double)w[i * cols] / step, whole = rint(q);

        if (fabs(q - whole) > CLOSE || whole < INT8_MIN || whole > INT8_MAX)
            return false;
    }
    return true;
}

/* The largest weight is k steps: the least k that fits. Few levels are spread
 * over the codes, so that multipliers are as small as of other weights. */
float
vq_weight_step(const float *w, int64_t rows, int64_t cols, int64_t j)
{
    double most = 0;

    for (int64_t i = 0; i < rows; i++)
        most = fmax(most, fabs((double)w[i * cols + j]));
    for (int k = 1; most > 0 && k <= -INT8_MIN; k++) {
        float step = (float)(most / k);
        float scale = step / (float)(INT8_MAX / k > 0 ? INT8_MAX / k : 1);

        if (scale >= FLT_MIN && are_multiples(w + j, rows, cols, (double)step))
            return scale;
    }
    return 0;
}

static float
column_scale(const float *w, int64_t rows, int64_t cols, int64_t j, bool *kept)
{
    float most = 0, step = vq_weight_step(w, rows, cols, j);

    *kept = step > 0;
    if (*kept)
        return step;
    for (int64_t i = 0; i < rows; i++)
        most = fmaxf(most, fabsf(w[i * cols + j]));
    return most / 127 >= FLT_MIN ? most / 127 : 1; /* 1: all codes are 0 */
}

ValId
vq_weight_as_s8(Graph *g, const PassContext *cx, const Value *v,
                const float *least)
{
    int64_t rows = vq_rows(&v->type), cols = vq_cols(&v->type), kept = 0;
    float *s = NEWN(g->arena, float, cols);
    Type t = v->type;
    uint8_t *data;

    for (int64_t j = 0; j < cols; j++) {
        bool is_kept;

        s[j] = column_scale(v->data, rows, cols, j, &is_kept);
        if (least && s[j] < least[j]) {
            s[j] = least[j];
            is_kept = false;
        }
        kept += is_kept;
    }
    vq_report_weights(cx->report, cols, kept);
    t.dt = DT_S8;
    t.q = (Quant){.axis = t.rank - 1};
    t.q.scales = vq_const(g, vq_format(g->arena, "%s.s", v->name),
                          TYPE(DT_F32, cols), s);
    data = NEWN(g->arena, uint8_t, vq_bytes(&t));
    vq_from_real(g, &t, v->data, data);
    return vq_const(g, v->name, t, data);
}
