/*
 * runner.c -- runs the kernel checker's cases on another machine, or under an
 * emulator of it: see case_check.
 *
 * runner LEVEL MODEL.so SYMBOL DATA: the best level of this CPU must be LEVEL,
 * and that is what runs. DATA, in this machine's byte order, holds for each run
 * u32 fill, all, apart, inputs (u64 bytes and those) and outputs (a Wanted and
 * its bytes); how many there are of each the model says.
 */
#include "tests/codegen/fail.h"
#include "tests/codegen/ways.h"

#include <dlfcn.h>
#include <string.h>

enum { ALIGN = 64 };

static bool
get(FILE *f, void *to, size_t bytes)
{
    return fread(to, 1, bytes, f) == bytes;
}

static void *
new_bytes(size_t n)
{
    void *p = aligned_alloc(ALIGN, (n + 2 * ALIGN) / ALIGN * ALIGN);

    assert_non_null(p);
    return p;
}

static void
get_input(FILE *f, const void **in)
{
    uint64_t bytes;
    void *data;

    assert_true(get(f, &bytes, sizeof bytes));
    data = new_bytes(bytes);
    assert_true(get(f, data, bytes));
    *in = data;
}

static void
get_output(FILE *f, Wanted *o)
{
    assert_true(get(f, o, sizeof *o));
    o->want = new_bytes(o->bytes);
    o->got = (unsigned char *)new_bytes(o->bytes + 2 * GUARD) + GUARD;
    assert_true(get(f, o->want, o->bytes));
}

static void
free_run(Run *r, const VqrtModel *m)
{
    for (uint32_t i = 0; i < m->nin; i++)
        free((void *)r->in[i]);
    for (uint32_t i = 0; i < m->nout; i++) {
        free(r->out[i].want);
        free(r->out[i].got - GUARD);
    }
}

static void
run_all(const VqrtModel *m, FILE *f)
{
    uint32_t head[3], n = 0;
    static const void *in[MAXVALUES];
    static Wanted out[MAXVALUES];
    Run r = {.in = in, .out = out, .pool = vqrt_pool_new(3)};

    r.work = new_bytes(run_work_bytes(m, VQRT_MAXPARTS) + GUARD);
    assert_true(m->nin <= MAXVALUES && m->nout <= MAXVALUES && r.pool);
    for (; get(f, head, sizeof head); n++) {
        r.fill = (int)head[0];
        r.all = head[1] != 0;
        r.apart = head[2] != 0;
        for (uint32_t i = 0; i < m->nin; i++)
            get_input(f, &in[i]);
        for (uint32_t i = 0; i < m->nout; i++)
            get_output(f, &out[i]);
        assert_true(run_ways(m, &r, m->best_level()) >= 1);
        free_run(&r, m);
    }
    assert_true(n >= 1);
    free(r.work);
    vqrt_pool_free(r.pool);
}

int
main(int argc, char **argv)
{
    void (*describe)(VqrtModel *);
    VqrtModel m;
    void *so, *at;
    FILE *f;

    if (argc != 5)
        return 2;
    so = dlopen(argv[2], RTLD_NOW);
    if (!so)
        fail_msg("%s", dlerror());
    at = dlsym(so, argv[3]);
    assert_non_null(at);
    memcpy(&describe, &at, sizeof describe);
    describe(&m);
    if (strcmp(m.level[m.best_level()], argv[1]) != 0)
        fail_msg("the level is %s, not %s", m.level[m.best_level()], argv[1]);
    f = fopen(argv[4], "rb");
    assert_non_null(f);
    run_all(&m, f);
    fclose(f);
    dlclose(so);
    return 0;
}
