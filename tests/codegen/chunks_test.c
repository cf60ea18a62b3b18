/*
 * chunks_test.c -- a batch run a few images at a time gives the same bits.
 */
#include "ir/chunks.h"
#include "ir/layout.h"
#include "runtime/vqrt.h"
#include "tests/codegen/check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

/* Part of a model, with constants that all images share and some that each
 * has its own of. */
static const char text[] =
    "vir 1 facts\n"
    "const $w: s8[1x3x16x4] = splat 7\n"
    "const $u: s8[1x4x16x4] = splat 5\n"
    "const $b: s32[16] = splat 1000\n"
    "const $m: s32[1] = {20000}\n"
    "const $n: s32[1] = {4}\n"
    "const $wm: s32[1] = {9000}\n"
    "const $wn: s32[1] = {960}\n"
    "const $cls: s16<1>[12x1x16] = splat 77\n"
    "const $pos: s16<1>[3x16] = splat -5\n"
    "const $same: s16<1>[12x4x16] = splat 9\n"
    "const $g: s32[16] = splat 6000\n"
    "const $e: s32[16] = splat 100000\n"
    "const $qm: s32[2] = {9000, 11000}\n"
    "const $qn: s32[2] = {960, 960}\n"
    "const $t: u16[64] = splat 65535\n"
    "const $pm: s32[16] = splat 20000\n"
    "const $pn: s32[16] = splat 14\n"
    "const $f: f32[1] = {0.5}\n"
    "graph chunks(%x: u8<1, zero=3>[12x3x12]) -> (%y, %p, %a, %t1, %z) {\n"
    " %l: s16<1>[12x3x16] = k.linear %x, $w, $b, $wm, $wn cols=16 form=1\n"
    " %p: s16<1>[12x3x16] = i.add %l, $pos ashift=0 bshift=0\n"
    " %c: s16<1>[12x4x16] = concat $cls, %p axis=1\n"
    " %h: u8<1, zero=128>[12x4x16] = i.layernorm %c, $g, $e frac=12 shift=18 "
    "ieps=100\n"
    " %q: u8<1, zero=128>[12x4x16] = k.linear %h, $u, $b, $m, $n cols=16 "
    "form=0\n"
    " %k: s8<1>[12x4x16] = k.linear %h, $u, $b, $m, $n cols=16 form=0\n"
    " %v: s8<1>[12x4x16] = k.linear %h, $u, $b, $m, $n cols=16 form=0\n"
    " %a: u8<1, zero=9>[12x4x16] = i.attention %q, %k, %v, $qm, $qn, $t, $pm, "
    "$pn heads=2 softmax=0 pbits=16 form=0\n"
    " %r: s16<1>[12x4x16] = k.linear %a, $u, $b, $wm, $wn, _, %c cols=16 "
    "form=1 ashift=0 bshift=0\n"
    " %o: s16<1>[12x4x16] = k.linear %a, $u, $b, $wm, $wn, _, $same cols=16 "
    "form=1 ashift=0 bshift=0\n"
    " %d: s16<1>[12x4x16] = i.add %r, %o ashift=1 bshift=1\n"
    " %s: s16<1>[12x1x16] = slice %d axis=1 start=0\n"
    " %t1: s16<1>[12x16x4] = transpose %d perm=[0, 2, 1]\n"
    " %y: s16<1>[12x16] = reshape %s\n"
    " %i: s32[12x4x16] = k.linear %h, $u, $b cols=16\n"
    " %z: f32[12x4x16] = i.dequantize %i, $f\n"
    "}\n";

/* Padding of the weights stays zero: K is a multiple of 4, N of 16. */
static void
randomize(Case *c, const char *name)
{
    for (ValId v = 1; v < c->g->nval; v++)
        if (strcmp(c->g->val[v].name, name) == 0) {
            int64_t n = vq_bytes(&c->g->val[v].type);
            int8_t *w = vq_alloc(&c->arena, (size_t)n);

            for (int64_t i = 0; i < n; i++)
                w[i] = (int8_t)case_pick(c, -127, 127);
            c->g->val[v].data = w;
        }
}

static void
start(Case *c, int64_t chunks)
{
    const Op *mixes;

    case_start(c, "chunks");
    c->g = vq_parse(&c->arena, &c->diag, text, sizeof text - 1, NULL, 0);
    assert_non_null(c->g);
    assert_non_null(vq_one_chunk(c->g, chunks, &c->arena, &mixes));
    c->g->chunks = chunks;
    randomize(c, "w");
    randomize(c, "u");
}

static void
same_bits(void **state)
{
    static const int64_t chunks[] = {1, 2, 6, 12};
    Case c;

    (void)state;
    for (size_t i = 0; i < COUNT(chunks); i++) {
        start(&c, chunks[i]);
        case_check(&c);
        case_end(&c);
    }
}

typedef struct Said {
    int64_t work, batch, rows, macs;
} Said;

static Said
describe(int64_t chunks)
{
    static const char path[] = "codegen_chunks_test.o";
    const VqrtModel *m;
    VqrtStep step;
    Said said;
    Loaded *l;
    Case c;

    start(&c, chunks);
    case_plan(&c);
    assert_true(case_compile(&c, path, "base"));
    l = vq_load_object(&c.diag, path);
    assert_non_null(l);
    m = vq_loaded_model(l);
    said = (Said){.work = (int64_t)m->work_bytes, .batch = m->in[0].dim[0]};
    for (uint32_t i = 0; i < m->nstep; i++) {
        m->step(i, &step);
        said.rows += step.rows;
        said.macs += step.macs;
    }
    vq_unload(l);
    case_end(&c);
    return said;
}

/* The descriptor speaks of the whole batch, but for the smaller work area. */
static void
whole_batch(void **state)
{
    Said one = describe(1), many = describe(6);

    (void)state;
    assert_int_equal(one.batch, 12);
    assert_int_equal(many.batch, 12);
    assert_int_equal(one.rows, many.rows);
    assert_int_equal(one.macs, many.macs);
    assert_true(many.work < one.work);
}

typedef struct Mark {
    unsigned n, wrong, nstep;
} Mark;

static void
count_mark(void *user, uint32_t step)
{
    Mark *k = user;

    k->wrong += step != k->n++ % k->nstep;
}

/* Steps are marked once for each chunk. */
static void
marks(void **state)
{
    static const char path[] = "codegen_chunks_test.o";
    static uint8_t x[12 * 3 * 12 + VQ_SLACK];
    static int32_t y[5][12 * 4 * 16];
    const void *in[] = {x};
    void *out[] = {y[0], y[1], y[2], y[3], y[4]}, *work;
    const VqrtModel *m;
    Mark k = {0};
    Loaded *l;
    Case c;

    (void)state;
    start(&c, 4);
    case_plan(&c);
    assert_true(case_compile(&c, path, "base"));
    l = vq_load_object(&c.diag, path);
    assert_non_null(l);
    m = vq_loaded_model(l);
    work = vq_alloc(&c.arena, m->work_bytes);
    k.nstep = m->nstep;
    assert_int_equal(
        m->run_with(0, in, out, work,
                    &(VqrtContext){.parts = 1, .mark = count_mark, .user = &k}),
        VQRT_OK);
    assert_int_equal(k.n, 4 * m->nstep);
    assert_int_equal(k.wrong, 0);
    vq_unload(l);
    case_end(&c);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_bits),
        cmocka_unit_test(whole_batch),
        cmocka_unit_test(marks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
