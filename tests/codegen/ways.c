/*
 * ways.c -- ways to run a model, and comparing: see ways.h.
 */
#include "tests/codegen/ways.h"

#include "tests/codegen/fail.h"
#include "tests/codegen/parts.h"

#include <string.h>

enum { GUARD_BYTE = 0xc3, WORK_BYTE = 0x5a };

/* A way to run all steps. */
typedef struct Way {
    const char *what;
    void (*parallel_for)(void *, VqrtTask *, const void *, uint32_t);
    uint32_t parts;
} Way;

static const Way ways[] = {
    {"alone", NULL, 1},
    {"reversed", parts_reversed, 1},
    {"reversed", parts_reversed, 2},
    {"apart", parts_apart, 3},
    {"in a pool", vqrt_pool_run, 5},
    {"reversed", parts_reversed, VQRT_MAXPARTS},
};

size_t
run_work_bytes(const VqrtModel *m, uint32_t parts)
{
    return m->work_bytes + (parts - 1) * m->part_bytes;
}

static bool
guards_hold(const unsigned char *p, size_t n)
{
    for (int i = 1; i <= GUARD; i++)
        if (p[-i] != GUARD_BYTE || p[n + (size_t)i - 1] != GUARD_BYTE)
            return false;
    return true;
}

static void
compare(const Run *r, const Wanted *o, const char *level, const Way *way)
{
    const unsigned char *want = o->want;
    size_t i = 0;

    if (!guards_hold(o->got, o->bytes))
        fail_msg("%s, %s, fill %d, %u parts %s: writes beyond its result",
                 o->name, level, r->fill, way->parts, way->what);
    while (i < o->bytes && want[i] == o->got[i])
        i++;
    if (i < o->bytes)
        fail_msg("%s, %s, fill %d, %u parts %s: element %zu of %lld (rows of "
                 "%lld) differs",
                 o->name, level, r->fill, way->parts, way->what, i / o->size,
                 (long long)o->count, (long long)o->cols);
}

static int
run_way(const VqrtModel *m, Run *r, int level, const Way *way)
{
    unsigned char *at[MAXVALUES];
    size_t bytes[MAXVALUES], n = run_work_bytes(m, way->parts);
    Written written = {at, bytes, m->nout};
    VqrtContext context = {.parallel_for = way->parallel_for,
                           .pool = &written,
                           .parts = way->parts};
    int status;

    assert_true(m->nout <= MAXVALUES);
    if (way->parallel_for == vqrt_pool_run)
        context.pool = r->pool;
    for (uint32_t i = 0; i < m->nout; i++) {
        at[i] = r->out[i].got;
        bytes[i] = r->out[i].bytes;
        memset(at[i] - GUARD, GUARD_BYTE, bytes[i] + 2 * GUARD);
    }
    memset(r->work, WORK_BYTE, n + GUARD);
    status = way->parallel_for
                 ? m->run_with(level, r->in, (void **)at, r->work, &context)
                 : m->run_level(level, r->in, (void **)at, r->work);
    for (int i = 0; i < GUARD; i++)
        if (r->work[n + (size_t)i] != WORK_BYTE)
            fail_msg("%s, %u parts %s: writes beyond its work area",
                     m->level[level], way->parts, way->what);
    return status;
}

/* False when this CPU cannot run the level. */
static bool
run_level(const VqrtModel *m, Run *r, int level, const Way *way)
{
    int status = run_way(m, r, level, way);

    if (status == VQRT_ELEVEL)
        return false;
    assert_int_equal(status, VQRT_OK);
    for (uint32_t i = 0; i < m->nout; i++)
        compare(r, &r->out[i], m->level[level], way);
    return true;
}

unsigned
run_ways(const VqrtModel *m, Run *r, int level)
{
    unsigned ran = 0;

    for (size_t k = 0; k < sizeof ways / sizeof *ways; k++)
        if (k == 0 || r->all)
            if (r->apart || ways[k].parallel_for != parts_apart)
                ran += run_level(m, r, level, &ways[k]);
    return ran;
}
