/*
 * verify_test.c -- what the verifier must refuse: graphs that no text can
 * spell, and the last value on either side of a bound. Other rules have a
 * golden file each.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>

#include "ir/layout.h"
#include "tests/ir/messages.h"

static Arena A;

static int
free_arena(void **state)
{
    (void)state;
    vq_arena_free(&A);
    return 0;
}

/* ---- broken graphs ---- */

/* %x -> add -> %y -> neg -> %z, output %z. */
static Graph *
chain(void)
{
    Graph *g = vq_graph_new(&A, "chain");
    ValId in[2];

    in[0] = in[1] = vq_input(g, "x", TYPE(DT_F32, 2));
    in[0] = vq_emit(g, OP_ADD, "y", TYPE(DT_F32, 2), in, 2, NOLOC)->out;
    vq_output(g, vq_emit(g, OP_NEG, "z", TYPE(DT_F32, 2), in, 1, NOLOC)->out);
    return g;
}

static void
wrong_id(Graph *g)
{
    g->op[1].in[1] = 99;
}

static void
missing_input(Graph *g)
{
    g->op[1].in[1] = 0;
}

static void
used_too_early(Graph *g)
{
    g->op[1].in[1] = g->op[2].out;
}

static void
no_such_output(Graph *g)
{
    g->out[0] = g->nval;
}

static void
no_output(Graph *g)
{
    g->nout = 0;
}

static void
two_origins(Graph *g)
{
    g->val[g->in[0]].data = "12345678";
}

static void
no_origin(Graph *g)
{
    g->nin = 0;
}

static void
wrong_kind(Graph *g)
{
    g->op[2].kind = NOP;
}

static void
same_name(Graph *g)
{
    g->val[g->op[2].out].name = "x";
}

static void
bad_dtype(Graph *g)
{
    g->val[g->op[2].out].type.dt = NDTYPE;
}

static void
bad_rank(Graph *g)
{
    g->val[g->op[2].out].type.rank = -1;
}

static void
bad_scale(Graph *g)
{
    g->val[g->op[2].out].type.dt = DT_U8;
    g->val[g->op[2].out].type.q.scale = NAN;
}

static void
quantized_f32(Graph *g)
{
    g->val[g->op[2].out].type.q.scale = 1;
}

static void
scales_of_input(Graph *g)
{
    g->val[g->op[2].out].type.dt = DT_U8;
    g->val[g->op[2].out].type.q.scales = g->in[0];
}

static void
wrong_attr(Graph *g)
{
    vq_set_i(g, &g->op[2], A_AXIS, 0);
}

static void
real_for_whole(Graph *g)
{
    ValId in[1] = {g->in[0]};

    vq_set_f(vq_emit(g, OP_SOFTMAX, "s", TYPE(DT_F32, 2), in, 1, NOLOC), A_AXIS,
             0);
}

static const struct {
    void (*wreck)(Graph *);
    const char *says;
} broken[] = {
    {wrong_id, "input 1 is no value"},
    {missing_input, "input 1 is missing"},
    {used_too_early, "uses %z before it is made"},
    {no_such_output, "output 0 is no value"},
    {no_output, "no output"},
    {two_origins, "'x' has 2 origins"},
    {no_origin, "'x' has 0 origins"},
    {wrong_kind, "op 2 is of no kind"},
    {same_name, "two values are called 'x'"},
    {bad_dtype, "no sound type"},
    {bad_rank, "no sound type"},
    {bad_scale, "not a positive number"},
    {quantized_f32, "cannot be quantized"},
    {scales_of_input, "are no constant"},
    {wrong_attr, "neg %z: takes no attribute axis"},
    {real_for_whole, "softmax %s: axis must be a whole number"},
};

static void
test_broken_graphs(void **state)
{
    Messages m;

    (void)state;
    assert_true(vq_verify(chain(), listen(&m), NULL));
    for (size_t i = 0; i < COUNT(broken); i++) {
        Graph *g = chain();

        broken[i].wreck(g);
        assert_false(vq_verify(g, listen(&m), "wrecking"));
        if (!strstr(m.text, broken[i].says))
            fail_msg("not '%s' but %s", broken[i].says, m.text);
        assert_non_null(strstr(m.text, "after wrecking: "));
        assert_int_equal(m.diag.nerror, 1);
    }
}

static void
test_whose_fault(void **state)
{
    Graph *g = chain();
    Messages m;

    (void)state;
    g->val[g->op[2].out].type.dim[0] = 3;
    assert_false(vq_verify(g, listen(&m), "wrecking"));
    assert_int_equal(m.diag.fault, FAULT_BUG);
    assert_non_null(strstr(m.text, "after wrecking: neg %z: the result is "
                                   "f32[2], but is said to be f32[3]"));
    assert_false(vq_verify(g, listen(&m), NULL));
    assert_int_equal(m.diag.fault, FAULT_MODEL);
}

/* ---- bounds ---- */

/* u8[1 x rows] times a column of `weight`, plus bias; `packed` as k.linear. */
static bool
sum_fits(int64_t rows, int8_t weight, int32_t bias, bool packed)
{
    Graph *g = vq_graph_new(&A, "sum");
    Type a = vq_type_quant(TYPE(DT_U8, 1, rows), (Quant){.scale = 1});
    Type t = packed ? vq_packed_type(rows, 1) : TYPE(DT_S8, rows, 1);
    int8_t *w = NEWN(&A, int8_t, rows), *p = w;
    int32_t *b = NEW(&A, int32_t);
    ValId in[3] = {vq_input(g, "a", a)};
    Messages m;
    bool fits;
    Op *op;

    memset(w, weight, (size_t)rows);
    if (packed) {
        p = NEWN(&A, int8_t, vq_bytes(&t));
        vq_pack(w, rows, 1, p);
    }
    *b = bias;
    in[1] = vq_const(g, "w", t, p);
    in[2] = vq_const(g, "b", TYPE(DT_S32, 1), b);
    op = vq_emit(g, packed ? OP_K_LINEAR : OP_I_MATMUL, "y", TYPE(DT_S32, 1, 1),
                 in, 3, NOLOC);
    if (packed)
        vq_set_i(g, op, A_COLS, 1);
    vq_output(g, op->out);
    fits = vq_verify(g, listen(&m), NULL);
    if (!fits)
        assert_non_null(strstr(m.text, "column 0 can add up to"));
    return fits;
}

/* 255 * 127 * 33155 is 1073724675, 17148 below 2^30 - 1. */
static void
test_accumulator_bound(void **state)
{
    (void)state;
    for (int packed = 0; packed <= 1; packed++) {
        assert_true(sum_fits(33155, 127, 17148, packed));
        assert_false(sum_fits(33155, 127, 17149, packed));
        assert_true(sum_fits(33155, -127, -17148, packed));
        assert_false(sum_fits(33155, -127, -17149, packed));
        assert_false(sum_fits(33156, 127, 0, packed));
        assert_true(sum_fits(33155, 127, -1, packed));
        /* A bias of the other sign does not make room on the way there. */
        assert_false(sum_fits(33156, 127, -20000, packed));
    }
}

static bool
text_fits(const char *consts, const char *inputs, const char *op)
{
    const char *text = vq_format(&A,
                                 "vir 1 facts %s graph g(%s) -> (%%y) "
                                 "{ %%y: %s }",
                                 consts, inputs, op);
    Messages m;

    return vq_parse(&A, listen(&m), text, strlen(text), NULL, 0) != NULL;
}

typedef struct Bound {
    const char *consts, *inputs, *op;
    bool fits;
} Bound;

#define NORM(frac)                                                             \
    "u8<1, zero=9>[4] = i.layernorm %x, $g, $b frac=" frac " shift=3 ieps=1"
#define LONG(n, frac)                                                          \
    "const $g: s32[" n "] = splat 1 const $b: s32[" n "] = splat 0",           \
        "%x: s16<1>[" n "]",                                                   \
        "u8<1, zero=9>[" n "] = i.layernorm %x, $g, $b frac=" frac             \
        " shift=3 ieps=1"
#define NARROW "s8<1>[4] = i.requant %x, $m, $s form=0"
#define WIDE   "s16<1>[4] = i.requant %x, $m, $s form=1"
#define ROW    "%x: s16<1>[4]"

static const Bound bounds[] = {
    /* sqrt(4) * 2^frac < 2^15, and (2^14 + 1) g + b in 32 bits. */
    {"const $g: s32[4] = {1, 2, 3, -32767} const $b: s32[4] = {0, 1, 2, 3}",
     ROW, NORM("13"), true},
    {"const $g: s32[4] = {1, 2, 3, -32767} const $b: s32[4] = {0, 1, 2, 3}",
     ROW, NORM("14"), false},
    {"const $g: s32[4] = {1, 2, 3, 32768} const $b: s32[4] = {0, 1, 2, 3}", ROW,
     NORM("13"), false},
    {"const $g: s32[4] = {0, 0, 0, 1} const $b: s32[4] = {0, 0, 0, "
     "2147467262}",
     ROW, NORM("13"), true},
    {"const $g: s32[4] = {0, 0, 0, 1} const $b: s32[4] = {0, 0, 0, "
     "2147467263}",
     ROW, NORM("13"), false},

    /* Long rows are clamped, and end at 2^20. */
    {LONG("32768", "8"), false},
    {LONG("32769", "8"), true},
    {LONG("1048576", "14"), true},
    {LONG("1048577", "0"), false},

    {"const $m: s32[1] = {-32768} const $s: s32[1] = {31}", ROW, NARROW, true},
    {"const $m: s32[1] = {-32769} const $s: s32[1] = {31}", ROW, NARROW, false},
    {"const $m: s32[1] = {1} const $s: s32[1] = {32}", ROW, NARROW, false},
    {"const $m: s32[1] = {1} const $s: s32[1] = {-1}", ROW, NARROW, false},
    {"const $m: s32[2] = {1, 1} const $s: s32[2] = {1, 1}", ROW, NARROW, false},
    {"const $m: s32[4] = {1, 1, 1, 1} const $s: s32[1] = {1}", ROW, NARROW,
     false},
    /* 31 + 64 * 15; then t * mul and its rounding leave 32 bits. */
    {"const $m: s32[1] = {16383} const $s: s32[1] = {991}", ROW, WIDE, true},
    {"const $m: s32[1] = {16384} const $s: s32[1] = {991}", ROW, WIDE, false},
    {"const $m: s32[1] = {16383} const $s: s32[1] = {1280}", ROW, WIDE, false},
    {"const $m: s32[1] = {8192} const $s: s32[1] = {1280}", ROW, WIDE, true},
    {"const $m: s32[1] = {1} const $s: s32[1] = {32}", ROW, WIDE, false},
    {"const $m: s32[1] = {1} const $s: s32[1] = {2944}", ROW, WIDE, false},

    {"", "%x: s16<1>[32768x1]", "s32[1x1] = i.sum %x axis=0", false},
    {"", "%x: s16<1>[32767x1]", "s32[1x1] = i.sum %x axis=0", true},
    {"", "%x: u8<1, zero=255>[4210752]", "s32[1] = i.sum %x axis=0", true},
    {"", "%x: u8<1, zero=255>[4210753]", "s32[1] = i.sum %x axis=0", false},

    {"const $t: u16[64] = splat 65535", "%x: s16<1>[32768]",
     "u8<1>[32768] = i.softmax %x, $t softmax=0 pbits=8", true},
    {"const $t: u16[64] = splat 65535", "%x: s16<1>[32769]",
     "u8<1>[32769] = i.softmax %x, $t softmax=0 pbits=8", false},
    {"const $t: u16[64] = splat 65534", "%x: s16<1>[2]",
     "u8<1>[2] = i.softmax %x, $t softmax=0 pbits=8", false},
    {"const $t: s32[256] = splat 1", "%x: s8<1>[2]",
     "u16<1>[2] = i.softmax %x, $t softmax=1 pbits=15", true},
    {"const $t: s32[256] = splat 0", "%x: s8<1>[2]",
     "u16<1>[2] = i.softmax %x, $t softmax=1 pbits=15", false},

    {"", "%x: s16<1>[2]", "s16<1>[2] = i.add %x, %x ashift=30", true},
    {"", "%x: s16<1>[2]", "s16<1>[2] = i.add %x, %x ashift=31", false},
    {"", "%x: s16<1, zero=1>[2]", "s16<1>[2] = i.add %x, %x", false},
};

static void
test_bounds(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(bounds); i++)
        if (text_fits(bounds[i].consts, bounds[i].inputs, bounds[i].op) !=
            bounds[i].fits)
            fail_msg("%s %s %s: %s", bounds[i].consts, bounds[i].inputs,
                     bounds[i].op, bounds[i].fits ? "refused" : "taken");
}

/* ---- attention ---- */

static const char attention_consts[] =
    "const $qm: s32[2] = {9000, 9001} const $qs: s32[2] = {970, 970}"
    "const $t: u16[64] = splat 65535 const $pm: s32[4] = splat 9000 "
    "const $ps: s32[4] = splat 3 ";

static void
test_attention(void **state)
{
    const char *op = "u8<1>[3x4] = i.attention %q, %k, %k, $qm, $qs, $t, $pm, "
                     "$ps softmax=0 pbits=16 form=0 heads=";
    const char *two = vq_format(&A, "%s2", op),
               *four = vq_format(&A, "%s4", op);

    (void)state;
    assert_true(text_fits(attention_consts,
                          "%q: u8<1, zero=128>[3x4], %k: s8<1>[5x4]", two));
    /* Four heads need four multipliers. */
    assert_false(text_fits(attention_consts,
                           "%q: u8<1, zero=128>[3x4], %k: s8<1>[5x4]", four));
    assert_false(
        text_fits(attention_consts, "%q: s8<1>[3x4], %k: s8<1>[5x4]", two));
    assert_false(text_fits(attention_consts,
                           "%q: u8<1>[3x4], %k: s8<1, zero=1>[5x4]", two));
    assert_false(
        text_fits(attention_consts, "%q: u8<1>[3x4], %k: s8<1>[32769x4]", two));
}

/* ---- packed weights ---- */

static void
test_padding_is_zero(void **state)
{
    Graph *g = vq_graph_new(&A, "pad");
    Type a = vq_type_quant(TYPE(DT_U8, 1, 5), (Quant){.scale = 1});
    int8_t w[10] = {1, -2, 3, -4, 5, -6, 7, -8, 9, -10};
    Type t = vq_packed_type(5, 2);
    int8_t *p = NEWN(&A, int8_t, vq_bytes(&t));
    ValId in[3] = {vq_input(g, "a", a)};
    int wrong = 0;
    Messages m;
    Op *op;

    (void)state;
    vq_pack(w, 5, 2, p);
    in[1] = vq_const(g, "w", t, p);
    in[2] = vq_const(g, "b", TYPE(DT_S32, 2), NEWN(&A, int32_t, 2));
    op = vq_emit(g, OP_K_LINEAR, "y", TYPE(DT_S32, 1, 2), in, 3, NOLOC);
    vq_set_i(g, op, A_COLS, 2);
    vq_output(g, op->out);
    assert_true(vq_verify(g, listen(&m), NULL));
    for (int64_t i = 0; i < vq_bytes(&t); i++)
        if (p[i] == 0) {
            p[i] = 1;
            wrong += !vq_verify(g, listen(&m), NULL);
            p[i] = 0;
        }
    assert_int_equal(wrong, vq_bytes(&t) - 10);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_broken_graphs, free_arena),
        cmocka_unit_test_teardown(test_whose_fault, free_arena),
        cmocka_unit_test_teardown(test_accumulator_bound, free_arena),
        cmocka_unit_test_teardown(test_bounds, free_arena),
        cmocka_unit_test_teardown(test_attention, free_arena),
        cmocka_unit_test_teardown(test_padding_is_zero, free_arena),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
