/*
 * eval_store.c -- stored integers as s32 and as real numbers, and back.
 */
#include "ir/eval_fn.h"

#include <assert.h>
#include <string.h>

#define STORE(T)                                                               \
    static void widen_##T(const void *from, int64_t at, int64_t n,             \
                          int32_t *to)                                         \
    {                                                                          \
        const T *x = (const T *)from + at;                                     \
                                                                               \
        for (int64_t i = 0; i < n; i++)                                        \
            to[i] = (int32_t)x[i];                                             \
    }                                                                          \
                                                                               \
    static void narrow_##T(const int32_t *from, int64_t n, void *to,           \
                           int64_t at)                                         \
    {                                                                          \
        T *y = (T *)to + at;                                                   \
                                                                               \
        for (int64_t i = 0; i < n; i++)                                        \
            y[i] = (T)from[i];                                                 \
    }

STORE(uint8_t)
STORE(int8_t)
STORE(uint16_t)
STORE(int16_t)
STORE(int32_t)
STORE(int64_t)

static const struct {
    void (*widen)(const void *, int64_t, int64_t, int32_t *);
    void (*narrow)(const int32_t *, int64_t, void *, int64_t);
} store[NDTYPE] = {
    [DT_U8] = {widen_uint8_t, narrow_uint8_t},
    [DT_S8] = {widen_int8_t, narrow_int8_t},
    [DT_U16] = {widen_uint16_t, narrow_uint16_t},
    [DT_S16] = {widen_int16_t, narrow_int16_t},
    [DT_S32] = {widen_int32_t, narrow_int32_t},
    [DT_S64] = {widen_int64_t, narrow_int64_t},
};

void
vq_widen(DType dt, const void *from, int64_t at, int64_t n, int32_t *to)
{
    assert(store[dt].widen);
    store[dt].widen(from, at, n, to);
}

void
vq_narrow(DType dt, const int32_t *from, int64_t n, void *to, int64_t at)
{
    assert(store[dt].narrow);
    store[dt].narrow(from, n, to, at);
}

/* How many neighbours share a scale. */
static int64_t
same_scale(const Type *t)
{
    return vq_count_from(t, t->q.scales ? t->q.axis + 1 : 0);
}

enum { BLOCK = 256 };

void
vq_to_real(const Graph *g, const Type *t, const void *from, float *to)
{
    int64_t n = vq_count(t), run = same_scale(t);
    int64_t channels = t->q.scales ? t->dim[t->q.axis] : 1;
    int32_t codes[BLOCK];

    if (t->dt == DT_F32) {
        memcpy(to, from, (size_t)vq_bytes(t));
        return;
    }
    for (int64_t at = 0, len; at < n; at += len) {
        float scale = vq_scale_at(g, t, at / run % channels);

        len = vq_min(vq_min(run - at % run, n - at), BLOCK);
        vq_widen(t->dt, from, at, len, codes);
        for (int64_t i = 0; i < len; i++)
            to[at + i] = vq_dequantize(codes[i], scale, t->q.zero);
    }
}

void
vq_from_real(const Graph *g, const Type *t, const float *from, void *to)
{
    int64_t n = vq_count(t), run = same_scale(t);
    int64_t channels = t->q.scales ? t->dim[t->q.axis] : 1;
    int32_t codes[BLOCK];

    if (t->dt == DT_F32) {
        memcpy(to, from, (size_t)vq_bytes(t));
        return;
    }
    for (int64_t at = 0, len; at < n; at += len) {
        float scale = vq_scale_at(g, t, at / run % channels);

        len = vq_min(vq_min(run - at % run, n - at), BLOCK);
        for (int64_t i = 0; i < len; i++)
            codes[i] = vq_quantize(from[at + i], scale, t->q.zero, t->dt);
        vq_narrow(t->dt, codes, len, to, at);
    }
}
