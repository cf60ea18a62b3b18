/*
 * compare.c -- two graphs on the same random inputs.
 */
#include "tests/golden/golden.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "ir/eval.h"
#include "ir/text.h"
#include "tests/ir/random.h"

/* f32 in [-2, 2); codes from the type's whole range. */
static void *
random_tensor(Arena *a, const Type *t, uint64_t *seed)
{
    int64_t n = vq_count(t), lo = vq_dtype[t->dt].lo, hi = vq_dtype[t->dt].hi;
    size_t bytes = vq_dtype[t->dt].bytes;
    char *data = vq_alloc(a, (size_t)vq_bytes(t));

    for (int64_t i = 0; i < n; i++) {
        float x = (float)(4 * vq_random_unit(seed) - 2);
        uint64_t code = vq_random(seed);

        if (t->dt != DT_F32 && t->dt != DT_S64)
            code = (uint64_t)lo + code % (uint64_t)(hi - lo + 1);
        memcpy(data + (size_t)i * bytes,
               t->dt == DT_F32 ? (void *)&x : (void *)&code, bytes);
    }
    return data;
}

static void
check_ports(const Graph *a, const Graph *b)
{
    if (a->nin != b->nin || a->nout != b->nout)
        golden_die("the graph's inputs or outputs have changed");
    for (uint32_t i = 0; i < a->nin; i++)
        if (vq_type(a, a->in[i])->dt != vq_type(b, b->in[i])->dt ||
            !vq_same_shape(vq_type(a, a->in[i]), vq_type(b, b->in[i])))
            golden_die("input %u has changed its type", i);
    for (uint32_t i = 0; i < a->nout; i++)
        if (vq_type(a, a->out[i])->dt != vq_type(b, b->out[i])->dt ||
            !vq_same_shape(vq_type(a, a->out[i]), vq_type(b, b->out[i])))
            golden_die("output %u has changed its type", i);
}

static void **
run(const Graph *g, Arena *a, const void *const *in)
{
    void **out = NEWN(a, void *, g->nout);
    Arena tmp = {0};

    for (uint32_t i = 0; i < g->nout; i++)
        out[i] = vq_alloc(a, (size_t)vq_bytes(vq_type(g, g->out[i])));
    vq_eval(g, &tmp, in, out, NULL, NULL);
    vq_arena_free(&tmp);
    return out;
}

static double
element(DType dt, const void *data, int64_t i)
{
    const char *p = (const char *)data + (size_t)i * vq_dtype[dt].bytes;
    int64_t v = 0;
    float x;

    if (dt == DT_F32) {
        memcpy(&x, p, sizeof x);
        return (double)x;
    }
    memcpy(&v, p, vq_dtype[dt].bytes);
    if (vq_dtype[dt].lo < 0 && dt != DT_S64 && v > vq_dtype[dt].hi)
        v -= INT64_C(1) << 8 * vq_dtype[dt].bytes;
    return (double)v;
}

static bool
same_output(const Graph *g, uint32_t i, const void *a, const void *b,
            double tolerance)
{
    const Type *t = vq_type(g, g->out[i]);
    size_t bytes = vq_dtype[t->dt].bytes;

    for (int64_t k = 0; k < vq_count(t); k++) {
        double x = element(t->dt, a, k), y = element(t->dt, b, k);

        if (memcmp((const char *)a + (size_t)k * bytes,
                   (const char *)b + (size_t)k * bytes, bytes) == 0 ||
            (tolerance > 0 && fabs(x - y) <= tolerance))
            continue;
        fprintf(stderr, "eval: %s[%lld] was %.9g and is %.9g, off by %.3g\n",
                vq_val_text(g->arena, g, g->out[i]), (long long)k, x, y,
                fabs(x - y));
        return false;
    }
    return true;
}

static bool
compare_once(const Graph *before, const Graph *after, uint64_t seed,
             double tolerance)
{
    Arena a = {0};
    const void **in = NEWN(&a, const void *, before->nin);
    void **x, **y;
    bool ok = true;

    for (uint32_t i = 0; i < before->nin; i++)
        in[i] = random_tensor(&a, vq_type(before, before->in[i]), &seed);
    x = run(before, &a, in);
    y = run(after, &a, in);
    for (uint32_t i = 0; ok && i < before->nout; i++)
        ok = same_output(before, i, x[i], y[i], tolerance);
    vq_arena_free(&a);
    return ok;
}

bool
golden_compare(const Graph *before, const Graph *after, const Golden *golden)
{
    check_ports(before, after);
    for (int i = 0; i < golden->seeds; i++)
        if (!compare_once(before, after, (uint64_t)i + 1, golden->tolerance))
            return false;
    return true;
}
