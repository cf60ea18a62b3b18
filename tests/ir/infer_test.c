/* infer_test.c -- shapes of every kind of op, and what does not fit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "ir/text.h"
#include "tests/ir/messages.h"

/* One op on inputs of the given types: its type, or part of the message. The
 * op is a text without the names of its inputs. `want` may be NULL. */
typedef struct Case {
    const char *inputs, *op, *attrs, *want, *gives, *error;
} Case;

static const Case cases[] = {
    {"f32[2x3]", "reshape", "", "f32[6]", "f32[6]", NULL},
    {"f32[2x3]", "reshape", "", "f32[]", NULL, "the 6 elements"},
    {"f32[]", "reshape", "", "f32[1x1]", "f32[1x1]", NULL},
    {"f32[2x3]", "reshape", "", NULL, NULL, "must be given"},
    {"u8<$c3, axis=1>[2x3]", "reshape", "", "f32[2x1x3]",
     "u8<$c3, axis=2>[2x1x3]", NULL},
    {"u8<$c3, axis=1>[2x3]", "reshape", "", "f32[6]", NULL, "survive"},
    {"u8<$c3, axis=0>[3x4]", "reshape", "", "f32[3x2x2]",
     "u8<$c3, axis=0>[3x2x2]", NULL},
    {"s8<0.5>[2x3x4]", "transpose", "perm=[2, 0, 1]", NULL, "s8<0.5>[4x2x3]",
     NULL},
    {"s8<$c3, axis=1>[2x3x4]", "transpose", "perm=[2, 0, 1]", NULL,
     "s8<$c3, axis=2>[4x2x3]", NULL},
    {"f32[2x3]", "transpose", "perm=[0, 0]", NULL, NULL, "twice"},
    {"f32[2x3]", "transpose", "perm=[0]", NULL, NULL, "1 numbers, but 2"},
    {"f32[2x3]", "transpose", "perm=[0, 2]", NULL, NULL, "not within 0..1"},
    {"f32[2x3]", "transpose", "", NULL, NULL, "perm is missing"},
    {"f32[2x3] f32[2x4] f32[2x1]", "concat", "axis=1", NULL, "f32[2x8]", NULL},
    {"f32[2x3] f32[3x3]", "concat", "axis=1", NULL, NULL, "does not go with"},
    {"u8<0.5>[2] u8<0.25>[2]", "concat", "axis=0", NULL, NULL,
     "does not go with"},
    {"f32[2x3] f32[2]", "concat", "axis=0", NULL, NULL, "does not go with"},
    {"f32[]", "concat", "axis=0", NULL, NULL, "has no axis"},
    {"f32[2x9]", "slice", "axis=1 start=1 step=3", "f32[2x3]", "f32[2x3]",
     NULL},
    {"f32[2x9]", "slice", "axis=1 start=8 step=-4", "f32[2x3]", "f32[2x3]",
     NULL},
    {"f32[2x9]", "slice", "axis=1 start=3 step=3", "f32[2x3]", NULL,
     "leave axis"},
    {"f32[2x9]", "slice", "axis=1 start=3 step=-2", "f32[2x3]", NULL,
     "leave axis"},
    {"f32[2x9]", "slice", "axis=1 start=9", "f32[2x3]", NULL,
     "not within 0..8"},
    {"f32[9]", "slice", "axis=0 start=1 step=9223372036854775807", "f32[3]",
     NULL, "leave axis"},
    {"u8<0.5, zero=3>[2x3]", "pad", "pads=[0, 1, 2, 0]", NULL,
     "u8<0.5, zero=3>[4x4]", NULL},
    {"u8<$c3, axis=1>[2x3]", "pad", "pads=[1, 0, 0, 0]", NULL,
     "u8<$c3, axis=1>[3x3]", NULL},
    {"u8<$c3, axis=1>[2x3]", "pad", "pads=[0, 1, 0, 0]", NULL, NULL,
     "along the axis of its scales"},
    {"f32[2x3]", "pad", "pads=[0, 1]", NULL, NULL, "2 numbers, but 4"},
    {"f32[2x3]", "pad", "pads=[0, -1, 0, 0]", NULL, NULL, "not within"},
    {"u8<0.5>[2x7x8x3]", "unfold",
     "kernel=[3, 2] strides=[2, 1] dilations=[1, 3]", NULL, "u8<0.5>[2x3x5x18]",
     NULL},
    {"f32[2x7x8x3]", "unfold", "kernel=[8, 1] strides=[1, 1] dilations=[1, 1]",
     NULL, NULL, "larger than"},
    {"f32[7x8x3]", "unfold", "kernel=[1, 1] strides=[1, 1] dilations=[1, 1]",
     NULL, NULL, "rank 4"},
    {"u8<$c3, axis=3>[1x2x2x3]", "unfold",
     "kernel=[2, 1] strides=[1, 1] dilations=[1, 1]", NULL, NULL, "survive"},
    {"u8<$c3, axis=3>[1x5x5x3]", "maxpool",
     "kernel=[3, 3] strides=[2, 2] dilations=[1, 1] pads=[1, 1, 1, 1]", NULL,
     "u8<$c3, axis=3>[1x3x3x3]", NULL},
    {"f32[1x5x5x3]", "maxpool",
     "kernel=[3, 3] strides=[2, 2] dilations=[1, 1] pads=[1, 1]", NULL, NULL,
     "2 numbers, but 4"},
    {"f32[1x5x5x3] f32[9x3] f32[3]", "depthwise",
     "kernel=[3, 3] strides=[1, 1] dilations=[1, 1]", NULL, "f32[1x3x3x3]",
     NULL},
    {"f32[1x5x5x3] f32[9x4]", "depthwise",
     "kernel=[3, 3] strides=[1, 1] dilations=[1, 1]", NULL, NULL,
     "3 x 3 weights"},
    {"f32[1x5x5x3] f32[9x3] f32[4]", "depthwise",
     "kernel=[3, 3] strides=[1, 1] dilations=[1, 1]", NULL, NULL,
     "must have the shape [3]"},
    {"u8<0.5>[1x5x5x3] s8<1>[9x3] s32[3]", "i.depthwise",
     "kernel=[3, 3] strides=[1, 1] dilations=[1, 1]", NULL, "s32[1x3x3x3]",
     NULL},
    {"u8<0.5>[1x5x5x3] s8<1>[9x3] s32[3] s32[1] s32[1]", "k.depthwise",
     "kernel=[3, 3] strides=[1, 1] dilations=[1, 1] form=0", "u8<0.5>[1]",
     "u8<0.5>[1x3x3x3]", NULL},
    {"u8<0.5>[1x5x5x3] s8<1>[9x3] s32[3] s32[1] s32[1]", "k.depthwise",
     "kernel=[3, 3] strides=[1, 1] dilations=[1, 1] form=0", NULL, NULL,
     "must be given"},
    {"f32[3x1]", "expand", "", "f32[2x3x4]", "f32[2x3x4]", NULL},
    {"f32[3x2]", "expand", "", "f32[3x1]", NULL, "does not broadcast"},
    {"u8<$c3, axis=0>[3x1]", "expand", "", "f32[2x3x4]",
     "u8<$c3, axis=1>[2x3x4]", NULL},

    {"f32[2x1x4] f32[3x1]", "add", "", NULL, "f32[2x3x4]", NULL},
    {"f32[] f32[2]", "mul", "", NULL, "f32[2]", NULL},
    {"f32[2] f32[3]", "sub", "", NULL, NULL, "do not match"},
    {"s32[2] f32[2]", "add", "", NULL, NULL, "neither f32 nor quantized"},
    {"u8<0.5>[2] f32[2]", "add", "", NULL, "f32[2]", NULL},
    {"f32[2x3]", "erf", "", NULL, "f32[2x3]", NULL},
    {"f32[2x3x4]", "reduce_sum", "axes=[0, 2]", NULL, "f32[1x3x1]", NULL},
    {"f32[2x3x4]", "reduce_max", "axes=[2, 0]", NULL, NULL, "ascend"},
    {"f32[2x3x4]", "reduce_mean", "axes=[3]", NULL, NULL, "not within"},
    {"f32[2x3]", "softmax", "axis=2", NULL, NULL, "not within 0..1"},
    {"f32[2x3] f32[3x4]", "matmul", "", NULL, "f32[2x4]", NULL},
    {"f32[5x1x2x3] f32[7x3x4]", "matmul", "", NULL, "f32[5x7x2x4]", NULL},
    {"f32[3] f32[5x3x4]", "matmul", "", NULL, "f32[5x4]", NULL},
    {"f32[5x2x3] f32[3]", "matmul", "", NULL, "f32[5x2]", NULL},
    {"f32[3] f32[3]", "matmul", "", NULL, "f32[]", NULL},
    {"f32[] f32[3]", "matmul", "", NULL, NULL, "do not match"},
    {"f32[2x3] f32[4x3]", "matmul", "", NULL, NULL, "do not match"},
    {"f32[1x3x224x224] f32[192x3x16x16] f32[192]", "conv",
     "strides=[16, 16] pads=[0, 0, 0, 0] dilations=[1, 1] groups=1", NULL,
     "f32[1x192x14x14]", NULL},
    {"f32[1x4x7x9] f32[6x2x3x3]", "conv",
     "strides=[2, 1] pads=[1, 0, 2, 3] dilations=[2, 3] groups=2", NULL,
     "f32[1x6x3x6]", NULL},
    {"f32[1x4x7x9] f32[6x2x3x3]", "conv",
     "strides=[2, 1] pads=[1, 0, 1, 3] dilations=[1, 1] groups=3", NULL, NULL,
     "do not match"},
    {"f32[1x1x2x2] f32[1x1x3x3]", "conv",
     "strides=[1, 1] pads=[0, 0, 0, 0] dilations=[1, 1] groups=1", NULL, NULL,
     "larger than the padded"},
    {"f32[1x1x2x2] f32[1x1x2x2]", "conv",
     "strides=[0, 1] pads=[0, 0, 0, 0] dilations=[1, 1] groups=1", NULL, NULL,
     "not within 1.."},
    {"f32[1x2x2] f32[1x1x2x2]", "conv",
     "strides=[1, 1] pads=[0, 0, 0, 0] dilations=[1, 1] groups=1", NULL, NULL,
     "rank 4"},
    {"f32[5x2x3] f32[3x4] f32[4]", "linear", "", NULL, "f32[5x2x4]", NULL},
    {"f32[5x2x3] f32[3x4] f32[3]", "linear", "", NULL, NULL, "the shape [4]"},
    {"f32[2x3] f32[3] f32[3]", "layernorm", "eps=1e-6", NULL, "f32[2x3]", NULL},
    {"f32[2x3] f32[2] f32[3]", "layernorm", "eps=1e-6", NULL, NULL,
     "the shape [3]"},
    {"f32[2x4] f32[4] f32[4]", "layernorm", "eps=0 mean=0 heads=2", NULL,
     "f32[2x4]", NULL},
    {"f32[2x4] f32[4] f32[4]", "layernorm", "eps=0 heads=3", NULL, NULL,
     "do not make 3 heads"},
    {"f32[2x4] f32[4] f32[4]", "layernorm", "eps=0 mean=2", NULL, NULL, "mean"},
    {"f32[2x5x6] f32[2x7x6] f32[2x7x6]", "attention", "heads=3 scale=1", NULL,
     "f32[2x5x6]", NULL},
    {"f32[2x5x6] f32[2x7x6] f32[2x7x9]", "attention", "heads=3 scale=1", NULL,
     "f32[2x5x9]", NULL},
    {"f32[5x6] f32[7x6] f32[7x8]", "attention", "heads=3 scale=1", NULL, NULL,
     "do not make 3 heads"},
    {"f32[5x6] f32[7x6] f32[7x6]", "attention", "heads=4 scale=1", NULL, NULL,
     "do not make 4 heads"},
    {"f32[5x6] f32[7x6] f32[8x6]", "attention", "heads=2 scale=1", NULL, NULL,
     "differ"},
    {"f32[1x5x6] f32[2x7x6] f32[2x7x6]", "attention", "heads=2 scale=1", NULL,
     NULL, "do not match"},

    {"u8[2x3x4] s8[2x4x5] s32[1] s32[1]", "i.product", "form=0", "u8[1]",
     "u8[2x3x5]", NULL},
    {"u8[2x3x4] s8[1x4x5] s32[1] s32[1]", "i.product", "form=0", "u8[1]", NULL,
     "do not match"},
    {"u8[2x3x4] s8[4x5] s32[1] s32[1]", "i.product", "form=0", "u8[1]", NULL,
     "one rank"},
    {"f32[2x3]", "i.quantize", "", "u8<0.5, zero=3>[1]", "u8<0.5, zero=3>[2x3]",
     NULL},
    {"f32[2x3]", "i.quantize", "", NULL, NULL, "must be given"},
    {"s32[2x3] f32[3]", "i.dequantize", "", NULL, "f32[2x3]", NULL},
    {"u8[2x3] s8[3x4] s32[4]", "i.matmul", "", NULL, "s32[2x4]", NULL},
    {"u8[2x3] s8[4x4]", "i.matmul", "", NULL, NULL, "do not match"},
    {"s16[5x2x3] s16[1x2x3]", "i.add", "", "s16<0.5>[1]", "s16<0.5>[5x2x3]",
     NULL},
    {"s16[5x2x3] s16[2x1]", "i.add", "", NULL, NULL, "leading axes"},
    {"s16[5x2x3] s16[1x1]", "i.add", "", NULL, "s16[5x2x3]", NULL},
    {"u8[2x3] s16[256]", "i.lut", "", NULL, "s16[2x3]", NULL},
    {"u8[2x3x4]", "i.sum", "axis=1", NULL, "s32[2x1x4]", NULL},
    {"s16[2x3] u16[64]", "i.softmax", "softmax=0 pbits=8", NULL, "u8[2x3]",
     NULL},
    {"s16[2x3] u16[64]", "i.softmax", "softmax=0 pbits=16", NULL, "u16[2x3]",
     NULL},
    {"u8[5x2x3] s8[1x1x16x4] s32[7]", "k.linear", "cols=7", NULL, "s32[5x2x7]",
     NULL},
    {"u8[5x2x3] s8[1x1x16x4] s32[6]", "k.linear", "cols=7", NULL, NULL,
     "the shape [7]"},
};

/* A graph whose inputs have the types in the text, apart by blanks outside
 * of <>. */
static Graph *
graph_with(Arena *a, const char *inputs, const char *want)
{
    char *text = vq_format(a, "vir 1 facts\n"
                              "const $c3: f32[3] = {1, 2, 3}\n"
                              "graph g(");
    int n = 0;
    Messages m;
    Graph *g;

    for (const char *s = inputs; *s;) {
        const char *end = strchr(s, ']') + 1;

        text = vq_format(a, "%s%s%%x%d: %.*s", text, n ? ", " : "", n,
                         (int)(end - s), s);
        n++;
        s = end + (*end == ' ');
    }
    text = vq_format(a, "%s, %%want: %s) -> (%%x0) {}", text,
                     want ? want : "f32[1]");
    g = vq_parse(a, listen(&m), text, strlen(text), NULL, 0);
    if (!g)
        fail_msg("%s\n%s", text, m.text);
    return g;
}

static OpKind
kind_of(const char *name)
{
    for (int k = 1; k < NOP; k++)
        if (strcmp(vq_op[k].text, name) == 0)
            return (OpKind)k;
    fail_msg("no op %s", name);
    return OP_NONE;
}

/* `axis=1 perm=[1, 2]` onto an op; as the parser reads them. */
static void
set_attrs(Graph *g, Op *op, const char *s)
{
    for (; *s; s += strspn(s, " ")) {
        size_t n = strcspn(s, "=");
        AttrKey key = A_NONE;
        int64_t v[8];
        uint32_t count = 0;
        char *end;

        for (int k = 1; k < NATTR; k++)
            if (strlen(vq_attr_text[k]) == n &&
                strncmp(vq_attr_text[k], s, n) == 0)
                key = (AttrKey)k;
        s += n + 1;
        if (vq_attr_form[key] == AF_f) {
            vq_set_f(op, key, strtod(s, &end));
            s = end;
            continue;
        }
        for (s += *s == '['; *s && *s != ']' && (!count || *s == ',');) {
            s += *s == ',';
            v[count++] = strtoll(s, &end, 10);
            s = end;
        }
        s += *s == ']';
        vq_set_is(g, op, key, v, count);
    }
}

static void
check_case(const Case *k)
{
    Arena a = {0};
    Graph *g = graph_with(&a, k->inputs, k->want);
    Op op = {.kind = kind_of(k->op), .nin = g->nin - 1, .in = g->in};
    const Type *want = vq_type(g, g->in[g->nin - 1]);
    Messages m;
    Type t;
    bool ok;

    set_attrs(g, &op, k->attrs);
    ok = vq_infer(g, listen(&m), &op, k->want ? want : NULL, &t);
    if (ok != (k->gives != NULL))
        fail_msg("%s of %s: %s", k->op, k->inputs, m.text);
    if (k->gives)
        assert_string_equal(vq_type_text(&a, g, &t), k->gives);
    else if (!strstr(m.text, k->error))
        fail_msg("%s of %s: %s", k->op, k->inputs, m.text);
    vq_arena_free(&a);
}

static void
test_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        check_case(&cases[i]);
}

static void
test_emit_infer(void **state)
{
    Arena a = {0};
    Graph *g = vq_graph_new(&a, "g");
    ValId x = vq_input(g, "x", TYPE(DT_F32, 2, 3));
    const int64_t perm[] = {1, 0}, bad[] = {1, 1};
    Attr attr = {.key = A_PERM, .n = 2, .i = perm};
    Messages m;
    ValId y;

    (void)state;
    y = vq_emit_infer(g, listen(&m), OP_TRANSPOSE, "y", &x, 1, &attr, 1, NULL,
                      NOLOC);
    assert_true(y != 0);
    assert_int_equal(vq_type(g, y)->dim[0], 3);
    assert_int_equal(vq_attr(vq_def(g, y), A_PERM)->i[0], 1);
    attr.i = bad;
    assert_int_equal(vq_emit_infer(g, &m.diag, OP_TRANSPOSE, "z", &x, 1, &attr,
                                   1, NULL, (Loc){.line = 7}),
                     0);
    assert_string_equal(m.text, "7:0 error transpose: perm names axis 1 "
                                "twice\n");
    assert_int_equal(g->nop, 2);
    vq_arena_free(&a);
}

/* Inputs that are missing or too many are reported, not read. */
static void
test_arity(void **state)
{
    Arena a = {0};
    Graph *g = vq_graph_new(&a, "g");
    ValId in[2] = {vq_input(g, "x", TYPE(DT_F32, 2)), 0};
    Op op = {.kind = OP_ADD, .nin = 2, .in = in};
    Messages m;
    Type t;

    (void)state;
    assert_false(vq_infer(g, listen(&m), &op, NULL, &t));
    assert_non_null(strstr(m.text, "input 1 is missing"));
    op.nin = 1;
    assert_false(vq_infer(g, listen(&m), &op, NULL, &t));
    assert_non_null(strstr(m.text, "takes 2 to 2"));
    vq_arena_free(&a);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_emit_infer),
        cmocka_unit_test(test_arity),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
