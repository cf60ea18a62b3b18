/*
 * tiles_test.c -- products in AMX tiles: sizes around tiles and blocks, depths
 * that are cut, a whole model, and threads. Levels are compared by case_check;
 * what is new here is that the tiles were used.
 */
#include "ir/quant.h"
#include "runtime/vqrt.h"
#include "tests/codegen/amx_trap.h"
#include "tests/codegen/deit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct Size {
    int64_t m, n, k;
} Size;

/* Rows around 16 and 32 and a chunk of 384, columns around panels of 16 and
 * blocks of 2 and 4, depths around 64 and beyond those that are cut. */
static const Size size[] = {
    {16, 16, 64},   {17, 64, 250},  {31, 100, 128},  {32, 15, 192},
    {33, 48, 65},   {40, 33, 200},  {47, 80, 130},   {48, 17, 63},
    {49, 129, 320}, {64, 96, 60},   {65, 40, 1600},  {100, 16, 3072},
    {50, 72, 768},  {197, 64, 192}, {420, 32, 1700}, {800, 16, 64},
};

/* Does amx-trap run here, so that tile products must have been counted? */
static bool
emulated(void)
{
    return __builtin_cpu_supports("avx512vnni") &&
           __builtin_cpu_supports("avx512vbmi") && amx_trap_possible();
}

static void
expect_tiles(uint64_t before, bool any)
{
    if (emulated())
        assert_int_equal(amx_trap_products() > before, any);
    else
        print_message(
            "skipped: no AVX512-VNNI and VBMI to emulate tiles with\n");
}

static void
add_linear(Case *c, int64_t m, int64_t n, int64_t k, bool residual)
{
    Type x = vq_type_quant(TYPE(DT_U8, m, k), (Quant){.scale = 1, .zero = 3});
    Type t = vq_type_quant(TYPE(residual ? DT_S16 : DT_U8, m, n),
                           (Quant){.scale = 1, .zero = residual ? 0 : 9});
    ValId in[7] = {case_in(c, x), case_weight(c, k, n),
                   case_random(c, TYPE(DT_S32, n), -100000, 100000)};
    int form = residual ? RQ_WIDE : RQ_NARROW;
    Op *op;

    case_requant(c, form, n, 5000.0 * (double)k, t.dt, &in[3], &in[4]);
    if (residual)
        in[6] = case_in(c, TYPE(DT_S16, m, n));
    op = case_op(c, OP_K_LINEAR, t, in, residual ? 7 : 5);
    vq_set_i(c->g, op, A_COLS, n);
    vq_set_i(c->g, op, A_FORM, form);
}

static void
check_size(const Size *s, bool residual, bool tiles)
{
    uint64_t before = amx_trap_products();
    Case c;

    case_start(&c, "size");
    add_linear(&c, s->m, s->n, s->k, residual);
    case_check(&c);
    case_end(&c);
    expect_tiles(before, tiles);
}

static void
test_sizes(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(size); i++)
        check_size(&size[i], i % 2, true);
}

/* Registers are faster for few rows, and where tiles would be mostly padding.
 */
static void
test_left_to_registers(void **state)
{
    static const Size few[] = {{15, 192, 192}, {17, 16, 64}, {197, 32, 4}};

    (void)state;
    for (size_t i = 0; i < COUNT(few); i++)
        check_size(&few[i], false, false);
}

/* Two blocks of a model that is small for the emulator's sake. */
static const DeitShape shape = {112, 50, 128, 2, 256, 2, 10, 16};

static void
test_model(void **state)
{
    uint64_t before = amx_trap_products();
    Case c;

    (void)state;
    case_start(&c, "model");
    deit_build(&c, &shape);
    case_check(&c);
    case_end(&c);
    expect_tiles(before, true);
}

/* ---- threads ---- */

typedef struct Job {
    VqrtTask *task;
    const void *frame;
    uint32_t part, parts;
} Job;

static void *
run_job(void *arg)
{
    const Job *job = arg;

    job->task(job->frame, job->part, job->parts);
    return NULL;
}

/* A thread for each part; the caller has none. */
static void
run_threads(void *unused, VqrtTask *task, const void *frame, uint32_t parts)
{
    pthread_t thread[VQRT_MAXPARTS];
    Job job[VQRT_MAXPARTS];

    (void)unused;
    for (uint32_t i = 0; i < parts; i++) {
        job[i] = (Job){task, frame, i, parts};
        assert_int_equal(pthread_create(&thread[i], NULL, run_job, &job[i]), 0);
    }
    for (uint32_t i = 0; i < parts; i++)
        assert_int_equal(pthread_join(thread[i], NULL), 0);
}

static const VqrtModel *
load_model(Case *c, Loaded **l)
{
    char path[] = "/tmp/vitqc-tiles-XXXXXX";
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    close(fd);
    deit_build(c, &shape);
    assert_true(case_compile(c, path, "base,amx-trap,amx"));
    *l = vq_load_object(&c->diag, path);
    unlink(path);
    assert_non_null(*l);
    return vq_loaded_model(*l);
}

static void
test_threads(void **state)
{
    VqrtContext context = {.parallel_for = run_threads, .parts = 3};
    float image[3 * 112 * 112], want[10], got[10];
    const void *in[1] = {image};
    void *out[1] = {want}, *work;
    const VqrtModel *m;
    Loaded *l;
    Case c;

    (void)state;
    case_start(&c, "threads");
    m = load_model(&c, &l);
    for (size_t i = 0; i < COUNT(image); i++)
        image[i] = (float)case_pick(&c, -250, 250) / 100;
    work = vq_alloc(&c.arena, (size_t)(m->work_bytes + 2 * m->part_bytes));
    assert_int_equal(m->run_level(0, in, out, work), VQRT_OK);
    out[0] = got;
    amx_trap_start();
    for (int i = 1; i < (int)m->nlevel; i++) {
        int status = VQRT_ELEVEL;

        if (strcmp(m->level[i], "amx") == 0 || emulated())
            status = m->run_with(i, in, out, work, &context);
        if (status != VQRT_ELEVEL) {
            assert_int_equal(status, VQRT_OK);
            assert_memory_equal(got, want, sizeof got);
        }
    }
    amx_trap_stop();
    vq_unload(l);
    case_end(&c);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_left_to_registers),
        cmocka_unit_test(test_model),
        cmocka_unit_test(test_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
