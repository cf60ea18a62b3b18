/*
 * eval_test.c -- running whole graphs, and real ops on quantized types.
 */
#include "tests/ir/one_op.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* A real op on quantized operands reads, computes and rounds; the per-channel
 * operand has its scales along axis 1. */
static void
quantized_operands(void **state)
{
    static const uint8_t a[] = {10, 20, 30, 200, 255, 0};
    static const int8_t b[] = {-128, 5, 127, 1, 2, 3};
    static const float scales[] = {0.5f, 0.25f, 0.125f};
    Type ta =
        vq_type_quant(TYPE(DT_U8, 2, 3), (Quant){.scale = 0.1f, .zero = 20});
    Type tb = TYPE(DT_S8, 2, 3), ty;
    OneOp t = one_op(OP_ADD, ta, (Type[]){ta, tb}, (const void *[]){a, b}, 2);
    const int16_t *y;

    (void)state;
    ty = vq_type_quant(TYPE(DT_S16, 2, 3), (Quant){.scale = 0.01f});
    t.out = NEWN(&A, int16_t, 6);
    t.g->val[t.op->out].type = ty;
    t.g->val[t.op->in[1]].type.q = (Quant){
        .scales = vq_const(t.g, "s", TYPE(DT_F32, 3), scales), .axis = 1};
    y = run_op(&t);
    for (int i = 0; i < 6; i++)
        assert_int_equal(
            y[i], (int)rint(((a[i] - 20) * 0.1 + b[i] * scales[i % 3]) / 0.01));
}

static void
convert_stores_anew(void **state)
{
    Type x = vq_type_quant(TYPE(DT_S16, 4), (Quant){.scale = 0.01f});
    Type y = vq_type_quant(TYPE(DT_U8, 4), (Quant){.scale = 0.1f, .zero = 100});
    static const int16_t codes[] = {-1003, 0, 998, 32767};
    static const uint8_t want[] = {0, 100, 200, 255};
    OneOp t = one_op(OP_CONVERT, y, &x, (const void *[]){codes}, 1);

    (void)state;
    assert_memory_equal(run_op(&t), want, 4);
}

/* ---- whole graphs ---- */

typedef struct Seen {
    const Arena *tmp;
    size_t most;
    int n;
    float last;
} Seen;

static void
note_value(void *user, const Graph *g, ValId v, const void *data)
{
    Seen *s = user;

    (void)g;
    assert_true(v != 0);
    s->n++;
    s->last = *(const float *)data;
    if (s->tmp->total > s->most)
        s->most = s->tmp->total;
}

/* A long chain needs two buffers, not a hundred. */
static void
buffers_are_reused(void **state)
{
    enum { STEPS = 100, N = 1 << 18 };
    Type t = TYPE(DT_F32, N);
    Graph *g = vq_graph_new(&A, "chain");
    ValId one = vq_const_f32(g, "one", 1), v = vq_input(g, "x", t);
    float *x = random_f32(N, 0, 1, 1), *y = NEWN(&A, float, N);
    Arena tmp = {0};
    Seen seen = {.tmp = &tmp};

    (void)state;
    for (int i = 0; i < STEPS; i++)
        v = vq_emit(g, OP_ADD, "a", t, (ValId[]){v, one}, 2, NOLOC)->out;
    vq_output(g, v);
    vq_eval(g, &tmp, (const void *[]){x}, (void *[]){y}, note_value, &seen);
    assert_int_equal(seen.n, STEPS + 1);
    assert_true(fabsf(seen.last - (x[0] + STEPS)) < 1e-3f);
    assert_true(fabsf(y[N - 1] - (x[N - 1] + STEPS)) < 1e-3f);
    assert_true(seen.most <= 4 << 20);
    vq_arena_free(&tmp);
    assert_int_equal(tmp.total, 0);
}

/* Values of several sizes, read again late and not only in their own order: a
 * buffer that is too small or given away too early would show. */
static void
buffers_of_all_sizes(void **state)
{
    enum { N = 24, M = 7 };
    Type small = TYPE(DT_F32, N), wide = TYPE(DT_F32, M, N);
    Type tall = TYPE(DT_F32, N, M);
    Graph *g = vq_graph_new(&A, "sizes");
    ValId one = vq_const_f32(g, "one", 1), x = vq_input(g, "x", small), a, b, c;
    float *in = random_f32(N, 0, 1, 1), *y = NEWN(&A, float, N *M);
    Arena tmp = {0};
    Op *t;

    (void)state;
    a = vq_emit(g, OP_ADD, "a", small, (ValId[]){x, one}, 2, NOLOC)->out;
    b = vq_emit(g, OP_ADD, "b", small, (ValId[]){a, one}, 2, NOLOC)->out;
    c = vq_emit(g, OP_EXPAND, "c", wide, &b, 1, NOLOC)->out;
    c = vq_emit(g, OP_MUL, "d", wide, (ValId[]){c, b}, 2, NOLOC)->out;
    t = vq_emit(g, OP_TRANSPOSE, "t", tall, &c, 1, NOLOC);
    vq_set_is(g, t, A_PERM, (int64_t[]){1, 0}, 2);
    t = vq_emit(g, OP_TRANSPOSE, "u", wide, &t->out, 1, NOLOC);
    vq_set_is(g, t, A_PERM, (int64_t[]){1, 0}, 2);
    vq_output(
        g, vq_emit(g, OP_SUB, "y", wide, (ValId[]){t->out, b}, 2, NOLOC)->out);
    vq_eval(g, &tmp, (const void *[]){in}, (void *[]){y}, NULL, NULL);
    for (int i = 0; i < N * M; i++) {
        double v = in[i % N] + 2.0;

        assert_close(y[i], v * v - v, 1);
    }
    vq_arena_free(&tmp);
}

/* x + x twice, with values that are used late, never, and as outputs that are
 * also an input, a constant and each other. */
static void
outputs_of_every_kind(void **state)
{
    Type t = TYPE(DT_F32, 3);
    Graph *g = vq_graph_new(&A, "outs");
    float x[] = {1, 2, 3}, c[] = {7, 8, 9}, out[5][3];
    ValId in = vq_input(g, "x", t), k = vq_const(g, "c", t, c), y, z;
    Arena tmp = {0};

    (void)state;
    y = vq_emit(g, OP_ADD, "y", t, (ValId[]){in, in}, 2, NOLOC)->out;
    vq_emit(g, OP_NEG, "unused", t, &y, 1, NOLOC);
    z = vq_emit(g, OP_MUL, "z", t, (ValId[]){y, y}, 2, NOLOC)->out;
    z = vq_emit(g, OP_ADD, "z", t, (ValId[]){z, y}, 2, NOLOC)->out;
    vq_output(g, y);
    vq_output(g, in);
    vq_output(g, k);
    vq_output(g, z);
    vq_output(g, z);
    vq_eval(g, &tmp, (const void *[]){x},
            (void *[]){out[0], out[1], out[2], out[3], out[4]}, NULL, NULL);
    for (int i = 0; i < 3; i++) {
        assert_true(out[0][i] == 2 * x[i]);
        assert_true(out[1][i] == x[i]);
        assert_true(out[2][i] == c[i]);
        assert_true(out[3][i] == 4 * x[i] * x[i] + 2 * x[i]);
        assert_true(out[4][i] == out[3][i]);
    }
    vq_arena_free(&tmp);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(quantized_operands, free_arena),
        cmocka_unit_test_teardown(convert_stores_anew, free_arena),
        cmocka_unit_test_teardown(buffers_are_reused, free_arena),
        cmocka_unit_test_teardown(buffers_of_all_sizes, free_arena),
        cmocka_unit_test_teardown(outputs_of_every_kind, free_arena),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
