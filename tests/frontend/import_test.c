/*
 * import_test.c -- ONNX operators and models, one small case each.
 *
 * A row of the tables is a model of one node, x in and y out, in a short
 * notation: attributes `axes=[0,1] keepdims=0 alpha=0.5f mode='dcr'`, constant
 * inputs `w:f[2,2]=1,2,3,4 shape:i[1]=4`.
 */
#include "tests/frontend/mkonnx.h"

#include <cmocka.h>
#include <math.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

typedef struct Case {
    int64_t opset;
    const char *op, *names, *attrs, *consts;
    const char *dims, *x; /* the input */
    const char *want;     /* the output, or part of the message */
} Case;

static void
add_attr(Make *m, char *text)
{
    char *eq = strchr(text, '='), *v = eq + 1;
    size_t n = strlen(v);

    *eq = 0;
    if (*v == '[') {
        v[n - 1] = 0;
        make_attr_is(m, text, v + 1);
    } else if (*v == '\'') {
        v[n - 1] = 0;
        make_attr_s(m, text, v + 1);
    } else if (v[n - 1] == 'f') {
        make_attr_f(m, text, strtof(v, NULL));
    } else {
        make_attr_i(m, text, strtoll(v, NULL, 10));
    }
}

static void
add_const(Make *m, char *text)
{
    char *colon = strchr(text, ':'), *end = strchr(text, ']');

    *colon = *end = 0;
    (colon[1] == 'f' ? make_floats : make_ints)(m, text, colon + 3, end + 2);
}

static void
for_each_word(Make *m, const char *words, void (*add)(Make *, char *))
{
    char *save, *text = vq_strdup(&m->arena, words);

    for (char *s = strtok_r(text, " ", &save); s;
         s = strtok_r(NULL, " ", &save))
        add(m, s);
}

static void
build(Make *m, const Case *c)
{
    make_begin(m, c->opset);
    make_io(m, c->dims);
    make_node(m, c->op, c->names);
    for_each_word(m, c->attrs, add_attr);
    for_each_word(m, c->consts, add_const);
}

static const Case good[] = {
    {11, "Squeeze", "x -> y", "axes=[0]", "", "1,2,1", "1,2", "[2x1] 1,2"},
    {13, "Squeeze", "x a -> y", "", "a:i[1]=-1", "1,2,1", "1,2", "[1x2] 1,2"},
    {13, "Squeeze", "x -> y", "", "", "1,2,1", "1,2", "[2] 1,2"},
    {11, "Unsqueeze", "x -> y", "axes=[0,-1]", "", "2", "1,2", "[1x2x1] 1,2"},
    {13, "Unsqueeze", "x a -> y", "", "a:i[1]=1", "2", "1,2", "[2x1] 1,2"},
    {14, "Reshape", "x s -> y", "", "s:i[2]=0,-1", "2,2,1", "1,2,3,4",
     "[2x2] 1,2,3,4"},
    {14, "Reshape", "x s -> y", "allowzero=1", "s:i[1]=-1", "2,2", "1,2,3,4",
     "[4] 1,2,3,4"},
    {13, "Flatten", "x -> y", "axis=-1", "", "2,2,1", "1,2,3,4",
     "[4x1] 1,2,3,4"},
    {13, "Flatten", "x -> y", "axis=0", "", "2,2", "1,2,3,4", "[1x4] 1,2,3,4"},
    {13, "Transpose", "x -> y", "", "", "2,3", "1,2,3,4,5,6",
     "[3x2] 1,4,2,5,3,6"},
    {13, "Transpose", "x -> y", "perm=[1,2,0]", "", "1,2,2", "1,2,3,4",
     "[2x2x1] 1,2,3,4"},
    {9, "Slice", "x -> y", "starts=[1] ends=[9223372036854775807] axes=[0]", "",
     "3", "1,2,3", "[2] 2,3"},
    {13, "Slice", "x s e a t -> y", "",
     "s:i[1]=-1 e:i[1]=-9223372036854775807 a:i[1]=-1 t:i[1]=-2", "2,3",
     "1,2,3,4,5,6", "[2x2] 3,1,6,4"},
    {13, "Slice", "x s e -> y", "", "s:i[2]=0,-2 e:i[2]=1,100", "2,3",
     "1,2,3,4,5,6", "[1x2] 2,3"},
    {11, "Split", "x -> a y", "split=[1,2]", "", "3", "1,2,3", "[2] 2,3"},
    {13, "Split", "x s -> a y", "axis=1", "s:i[2]=1,2", "1,3", "1,2,3",
     "[1x2] 2,3"},
    {18, "Split", "x -> a y", "num_outputs=2", "", "3", "1,2,3", "[1] 3"},
    {13, "Gather", "x i -> y", "axis=1", "i:i[]=-1", "2,2", "1,2,3,4",
     "[2] 2,4"},
    {13, "Gather", "x i -> y", "", "i:i[3]=2,0,1", "3,1", "1,2,3",
     "[3x1] 3,1,2"},
    {13, "Gather", "x i -> y", "", "i:i[2,2]=0,0,2,1", "3", "1,2,3",
     "[2x2] 1,1,3,2"},
    {13, "Concat", "x w x -> y", "axis=-1", "w:f[1,1]=9", "1,2", "1,2",
     "[1x5] 1,2,9,1,2"},
    {13, "Expand", "x s -> y", "", "s:i[3]=2,1,2", "1,2", "1,2",
     "[2x1x2] 1,2,1,2"},
    {13, "Tile", "x r -> y", "", "r:i[2]=2,2", "1,2", "1,2",
     "[2x4] 1,2,1,2,1,2,1,2"},
    {13, "Pad", "x p -> y", "", "p:i[4]=0,0,0,0", "1,2", "1,2", "[1x2] 1,2"},
    {13, "Pad", "x p v -> y", "mode='constant'", "p:i[4]=0,1,0,-1 v:f[]=7",
     "1,2", "1,2", "[1x2] 7,1"},
    {18, "Pad", "x p _ a -> y", "", "p:i[2]=1,0 a:i[1]=-1", "1,2", "1,2",
     "[1x3] 0,1,2"},
    {10, "Pad", "x -> y", "pads=[1,0] value=5f", "", "2", "1,2", "[3] 5,1,2"},
    {13, "Dropout", "x -> y m", "", "", "2", "1,2", "[2] 1,2"},
    {13, "Identity", "x -> y", "", "", "2", "1,2", "[2] 1,2"},
    {13, "Cast", "x -> y", "to=10", "", "2", "1,2", "[2] 1,2"},
    {13, "Cast", "x -> y", "to=11", "", "2", "1,2", "[2] 1,2"},
    {14, "Add", "w x -> y", "", "w:f[2,1]=1,2", "2", "10,20",
     "[2x2] 11,21,12,22"},
    {14, "Sub", "x w -> y", "", "w:f[]=1", "2", "1,2", "[2] 0,1"},
    {14, "Div", "x w -> y", "", "w:f[]=4", "2", "1,2", "[2] 0.25,0.5"},
    {15, "Pow", "x e -> y", "", "e:i[]=3", "2", "1,2", "[2] 1,8"},
    {13, "Max", "x w x -> y", "", "w:f[]=1.5", "2", "1,2", "[2] 1.5,2"},
    {13, "Min", "x w -> y", "", "w:f[]=1.5", "2", "1,2", "[2] 1,1.5"},
    {13, "Sum", "x x x -> y", "", "", "2", "1,2", "[2] 3,6"},
    {13, "Mean", "x w -> y", "", "w:f[]=3", "2", "1,2", "[2] 2,2.5"},
    {13, "Neg", "x -> y", "", "", "2", "1,-2", "[2] -1,2"},
    {13, "Abs", "x -> y", "", "", "2", "1,-2", "[2] 1,2"},
    {13, "Sqrt", "x -> y", "", "", "2", "4,9", "[2] 2,3"},
    {13, "Reciprocal", "x -> y", "", "", "2", "4,8", "[2] 0.25,0.125"},
    {13, "Relu", "x -> y", "", "", "2", "1,-2", "[2] 1,0"},
    {6, "Clip", "x -> y", "min=0f max=1f", "", "3", "-1,0.5,2", "[3] 0,0.5,1"},
    {11, "Clip", "x _ h -> y", "", "h:f[]=1", "3", "-1,0.5,2", "[3] -1,0.5,1"},
    {11, "Clip", "x l -> y", "", "l:f[]=0", "3", "-1,0.5,2", "[3] 0,0.5,2"},
    {16, "LeakyRelu", "x -> y", "alpha=0.5f", "", "2", "1,-2", "[2] 1,-1"},
    {14, "HardSigmoid", "x -> y", "alpha=0.5f beta=0.25f", "", "3", "-9,1,9",
     "[3] 0,0.75,1"},
    {14, "HardSwish", "x -> y", "", "", "3", "-9,3,6", "[3] -0,3,6"},
    {20, "Gelu", "x -> y", "", "", "3", "0,1,-1", "[3] 0,0.841345,-0.158655"},
    {20, "Gelu", "x -> y", "approximate='tanh'", "", "2", "1,-1",
     "[2] 0.841192,-0.158808"},
    {13, "Erf", "x -> y", "", "", "2", "0,0.5", "[2] 0,0.5205"},
    {13, "Where", "c x w -> y", "", "c:i[2]=0,1 w:f[]=-5", "2", "1,2",
     "[2] -5,2"},
    {13, "Where", "c x w -> y", "", "c:i[2]=1,1 w:f[2,1]=-5,0", "2", "1,2",
     "[2x2] 1,2,1,2"},
    {13, "Where", "c x x -> y", "", "c:i[2]=0,1", "2", "1,2", "[2] 1,2"},
    {13, "MatMul", "x w -> y", "", "w:f[2,2]=1,2,3,4", "1,2", "1,1",
     "[1x2] 4,6"},
    {13, "MatMul", "x w -> y", "", "w:f[2]=1,2", "2", "1,1", "[] 3"},
    {13, "Gemm", "x w c -> y", "transB=1 alpha=2f beta=0.5f",
     "w:f[1,2]=1,3 c:f[1]=10", "1,2", "1,1", "[1x1] 13"},
    {13, "Gemm", "x w -> y", "transA=1", "w:f[1,2]=1,3", "1,2", "1,2",
     "[2x2] 1,3,2,6"},
    {11, "Conv", "x w b -> y", "strides=[2,2] kernel_shape=[2,2]",
     "w:f[1,1,2,2]=1,1,1,1 b:f[1]=0.5", "1,1,2,2", "1,2,3,4", "[1x1x1x1] 10.5"},
    {11, "Conv", "x w -> y", "auto_pad='SAME_UPPER'", "w:f[1,1,2,2]=1,1,1,1",
     "1,1,2,2", "1,2,3,4", "[1x1x2x2] 10,6,7,4"},
    {11, "Conv", "x w -> y", "auto_pad='SAME_LOWER'", "w:f[1,1,2,2]=1,1,1,1",
     "1,1,2,2", "1,2,3,4", "[1x1x2x2] 1,3,4,10"},
    {11, "ReduceMean", "x -> y", "axes=[-1]", "", "2,2", "1,2,3,4",
     "[2x1] 1.5,3.5"},
    {18, "ReduceMean", "x a -> y", "keepdims=0", "a:i[1]=0", "2,2", "1,2,3,4",
     "[2] 2,3"},
    {18, "ReduceSum", "x a -> y", "noop_with_empty_axes=1", "a:i[0]=", "2",
     "1,2", "[2] 1,2"},
    {13, "ReduceSum", "x -> y", "keepdims=0", "", "2,2", "1,2,3,4", "[] 10"},
    {13, "ReduceMax", "x -> y", "axes=[0]", "", "2,2", "1,4,3,2", "[1x2] 3,4"},
    {13, "ReduceMin", "x -> y", "axes=[0]", "", "2,2", "1,4,3,2", "[1x2] 1,2"},
    {13, "ReduceL1", "x -> y", "", "", "2", "3,-4", "[1] 7"},
    {13, "ReduceL2", "x -> y", "", "", "2", "3,-4", "[1] 5"},
    {13, "ReduceSumSquare", "x -> y", "", "", "2", "3,-4", "[1] 25"},
    {13, "Softmax", "x -> y", "axis=0", "", "2,1", "0,0", "[2x1] 0.5,0.5"},
    {13, "Softmax", "x -> y", "", "", "2,2", "0,0,0,0",
     "[2x2] 0.5,0.5,0.5,0.5"},
    {11, "Softmax", "x -> y", "axis=0", "", "2,2", "0,0,0,0",
     "[2x2] 0.25,0.25,0.25,0.25"},
    {11, "Softmax", "x -> y", "", "", "1,2,2", "0,0,0,0",
     "[1x2x2] 0.25,0.25,0.25,0.25"},
    {13, "GlobalAveragePool", "x -> y", "", "", "1,1,2,2", "1,2,3,4",
     "[1x1x1x1] 2.5"},
    {17, "LayerNormalization", "x g b -> y", "epsilon=0f",
     "g:f[2]=1,2 b:f[2]=0,1", "1,2", "1,3", "[1x2] -1,3"},
    {17, "LayerNormalization", "x g -> y", "epsilon=0f axis=-2",
     "g:f[2,2]=1,1,1,1", "1,2,2", "1,1,3,3", "[1x2x2] -1,-1,1,1"},
    {23, "RMSNormalization", "x g -> y", "epsilon=0f", "g:f[2]=1,2", "1,2",
     "5,5", "[1x2] 1,2"},
    {15, "BatchNormalization", "x s b m v -> y", "epsilon=0f",
     "s:f[2]=1,2 b:f[2]=0,1 m:f[2]=1,1 v:f[2]=4,1", "1,2,1", "3,3",
     "[1x2x1] 1,5"},
    {13, "SpaceToDepth", "x -> y", "blocksize=2", "", "1,1,2,2", "1,2,3,4",
     "[1x4x1x1] 1,2,3,4"},
    {13, "DepthToSpace", "x -> y", "blocksize=2 mode='CRD'", "", "1,4,1,1",
     "1,2,3,4", "[1x1x2x2] 1,2,3,4"},
};

static const Case refused[] = {
    {13, "Reshape", "x s -> y", "", "s:i[1]=3", "2,2", "",
     "[2x2] cannot become [3]"},
    {13, "Reshape", "x x -> y", "", "", "2,2", "",
     "depends on the model's input"},
    {11, "Squeeze", "x -> y", "axes=[1]", "", "1,2", "", "is not 1"},
    {11, "Unsqueeze", "x -> y", "axes=[1,1]", "", "2", "", "named twice"},
    {13, "Transpose", "x -> y", "perm=[0,2]", "", "2,2", "",
     "axis 2 is not one of rank 2"},
    {13, "Transpose", "x -> y", "perm=[0]", "", "2,2", "", "perm has 1"},
    {13, "Concat", "x w -> y", "axis=0", "w:f[1,3]=1,2,3", "1,2", "",
     "does not go with"},
    {13, "Gather", "x i -> y", "", "i:i[]=5", "2", "",
     "outside an axis of length 2"},
    {13, "Slice", "x s e -> y", "", "s:i[1]=1 e:i[1]=1", "2", "",
     "nothing is left"},
    {13, "Split", "x -> y a", "", "", "3", "", "3 does not divide by 2"},
    {13, "Split", "x s -> y a", "", "s:i[2]=2,2", "3", "", "more than axis 0"},
    {13, "Expand", "x s -> y", "", "s:i[1]=3", "2", "", "does not broadcast"},
    {13, "Expand", "x s -> y", "", "s:i[3]=99999999,99999999,2", "2", "",
     "too large"},
    {13, "Tile", "x r -> y", "", "r:i[1]=0", "2", "", "0 times"},
    {13, "Pad", "x p -> y", "mode='reflect'", "p:i[2]=1,1", "2", "",
     "only mode `constant`"},
    {13, "Cast", "x -> y", "to=7", "", "2", "", "to int64"},
    {13, "Equal", "x w -> y", "", "w:f[]=1", "2", "", "known at compile time"},
    {13, "Where", "x x x -> y", "", "", "2", "", "condition"},
    {13, "MatMul", "x w -> y", "", "w:f[3,1]=1,2,3", "1,2", "", "matmul"},
    {13, "Gemm", "x w -> y", "", "w:f[2]=1,2", "1,2", "", "matrices"},
    {11, "Conv", "x w -> y", "", "w:f[1,1,1]=1", "1,1,2", "", "2-D"},
    {11, "Conv", "x w -> y", "", "w:f[1,2,1,1]=1,2", "1,1,2,2", "", "conv"},
    {13, "Softmax", "x -> y", "axis=2", "", "2,2", "",
     "axis 2 is not one of rank 2"},
    {15, "BatchNormalization", "x s s s s -> y", "training_mode=1", "s:f[1]=1",
     "1,1,1", "", "training mode"},
    {13, "Add", "x -> y", "", "", "2", "", "input 1 is missing"},
    {13, "Relu", "x x -> y", "", "", "2", "", "at most 1"},
    {13, "Relu", "z -> y", "", "", "2", "", "does not exist"},
    {13, "ReduceProd", "x -> y", "", "", "2", "", "product"},
    {5, "Add", "x x -> y", "", "", "2", "", "as of opset 5"},
    {13, "Range", "a b c -> y", "", "a:i[]=0 b:i[]=9 c:i[]=0", "2", "",
     "Range"},
    {13, "Mod", "a b -> y", "", "a:i[]=1 b:i[]=0", "2", "", "division by zero"},
};

static void
test_operators(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(good); i++) {
        const char *got;
        Make m;

        build(&m, &good[i]);
        got = make_result(&m, good[i].x);
        if (!got || strcmp(got, good[i].want) != 0)
            fail_msg("%s, row %zu: %s, should be %s; %s", good[i].op, i, got,
                     good[i].want, m.said);
        make_end(&m);
    }
}

static void
test_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(refused); i++) {
        Make m;

        build(&m, &refused[i]);
        if (make_import(&m, NULL))
            fail_msg("%s, row %zu: was not refused", refused[i].op, i);
        if (!strstr(m.said, refused[i].want) || !strstr(m.said, "node0: "))
            fail_msg("%s, row %zu: said %s", refused[i].op, i, m.said);
        assert_int_equal(m.diag.fault, FAULT_MODEL);
        make_end(&m);
    }
}

/* ---- the shape evaluator ---- */

/* Shape -> Gather -> .. -> Reshape, as exporters flatten. */
static void
test_shape_arithmetic(void **state)
{
    Make m;

    (void)state;
    make_begin(&m, 13);
    make_io(&m, "-1,4,2");
    make_ints(&m, "zero", "", "0");
    make_ints(&m, "one", "", "1");
    make_ints(&m, "minus", "1", "-1");
    make_ints(&m, "axis0", "1", "0");
    make_node(&m, "Shape", "x -> s");
    make_node(&m, "Gather", "s zero -> b");
    make_node(&m, "Gather", "s one -> n");
    make_node(&m, "Mul", "b n -> bn");
    make_node(&m, "Div", "bn one -> bn1");
    make_node(&m, "Unsqueeze", "bn1 axis0 -> bn2");
    make_node(&m, "Concat", "bn2 minus -> shape");
    make_attr_i(&m, "axis", 0);
    make_node(&m, "Reshape", "x shape -> y");
    assert_string_equal(make_result(&m, "1,2,3,4,5,6,7,8"),
                        "[4x2] 1,2,3,4,5,6,7,8");
    make_end(&m);
}

/* The class token's ConstantOfShape -> Mul -> Equal -> Where -> Expand. */
static void
test_expand_chain(void **state)
{
    Make m;

    (void)state;
    make_begin(&m, 13);
    make_io(&m, "-1,2");
    make_floats(&m, "token", "1,2", "7,8");
    make_ints(&m, "want", "2", "1,-1");
    make_ints(&m, "rank", "1", "2");
    make_ints(&m, "minus", "", "-1");
    make_node(&m, "ConstantOfShape", "rank -> ones");
    make_attr_t(&m, "value", make_ints(&m, NULL, "1", "1"));
    make_node(&m, "Mul", "ones minus -> m1");
    make_node(&m, "Equal", "want m1 -> eq");
    make_node(&m, "Where", "eq ones want -> shape");
    make_node(&m, "Expand", "token shape -> t");
    make_node(&m, "Concat", "t x -> y");
    make_attr_i(&m, "axis", 0);
    assert_string_equal(make_result(&m, "1,2"), "[2x2] 7,8,1,2");
    make_end(&m);
}

/* 1 / Sqrt(Cast(Shape[-1])): the scale of attention is one number. */
static void
test_scale_is_folded(void **state)
{
    Make m;
    Graph *g;

    (void)state;
    make_begin(&m, 14);
    make_io(&m, "1,16");
    make_ints(&m, "last", "", "-1");
    make_floats(&m, "unit", "", "1");
    make_node(&m, "Shape", "x -> s");
    make_node(&m, "Gather", "s last -> d");
    make_node(&m, "Cast", "d -> f");
    make_attr_i(&m, "to", 1);
    make_node(&m, "Sqrt", "f -> r");
    make_node(&m, "Div", "unit r -> scale");
    make_node(&m, "Mul", "x scale -> y");
    g = make_import(&m, NULL);
    assert_non_null(g);
    assert_int_equal(g->nop, 2);
    assert_int_equal(g->op[1].kind, OP_MUL);
    assert_true(*(const float *)g->val[g->op[1].in[1]].data == 0.25f);
    make_end(&m);
}

/* A masked score: Where with -inf, as exporters write attention masks. */
static void
test_infinite_mask(void **state)
{
    Make m;

    (void)state;
    make_begin(&m, 13);
    make_io(&m, "3");
    make_ints(&m, "c", "3", "1,0,1");
    make_node(&m, "Constant", "-> inf");
    make_attr_t(&m, "value", make_floats(&m, NULL, "", "-inf"));
    make_node(&m, "Where", "c x inf -> z");
    make_node(&m, "Softmax", "z -> y");
    assert_string_equal(make_result(&m, "1,5,1"), "[3] 0.5,0,0.5");
    make_end(&m);
}

static void
test_range_scatter_nonzero(void **state)
{
    Make m;

    (void)state;
    make_begin(&m, 13);
    make_io(&m, "1,5");
    make_ints(&m, "a", "", "0");
    make_ints(&m, "b", "", "5");
    make_ints(&m, "c", "", "1");
    make_ints(&m, "at", "2,1", "1,-1");
    make_ints(&m, "up", "2", "0,0");
    make_node(&m, "Range", "a b c -> r");       /* 0,1,2,3,4 */
    make_node(&m, "ScatterND", "r at up -> k"); /* 0,0,2,3,0 */
    make_node(&m, "NonZero", "k -> nz");        /* [[2,3]] */
    make_ints(&m, "flat", "1", "-1");
    make_node(&m, "Reshape", "nz flat -> i");
    make_node(&m, "Gather", "x i -> y");
    make_attr_i(&m, "axis", 1);
    assert_string_equal(make_result(&m, "10,11,12,13,14"), "[1x2] 12,13");
    make_end(&m);
}

/* ---- inputs ---- */

static Graph *
import_bound(Make *m, const char *dims, int64_t batch, const char *const *dim)
{
    make_begin(m, 13);
    make_io(m, dims);
    make_node(m, "Relu", "x -> y");
    return make_import(m, &(ImportOptions){.batch = batch, .dims = dim});
}

static void
test_dimensions(void **state)
{
    static const char *const x1[] = {"x1=5", NULL}, *const bad[] = {"x1=0", 0};
    static const char *const place[] = {"x.1=6", NULL};
    Graph *g;
    Make m;

    (void)state;
    g = import_bound(&m, "-1,2", 0, NULL);
    assert_int_equal(vq_type(g, g->in[0])->dim[0], 1);
    make_end(&m);
    g = import_bound(&m, "-1,2", 3, NULL);
    assert_int_equal(vq_type(g, g->in[0])->dim[0], 3);
    make_end(&m);
    g = import_bound(&m, "-1,-1", 0, x1);
    assert_int_equal(vq_type(g, g->in[0])->dim[1], 5);
    make_end(&m);
    g = import_bound(&m, "1,-1", 0, place);
    assert_int_equal(vq_type(g, g->in[0])->dim[1], 6);
    make_end(&m);
    g = import_bound(&m, "1,2", 0, x1);
    assert_non_null(g);
    assert_non_null(strstr(m.said, "--dim x1=5: the model has no such"));
    make_end(&m);
    assert_null(import_bound(&m, "1,-1", 0, NULL));
    assert_non_null(strstr(m.said, "--dim x1=N"));
    make_end(&m);
    assert_null(import_bound(&m, "1,-1", 0, bad));
    assert_non_null(strstr(m.said, "must be 1 or more"));
    make_end(&m);
    assert_null(import_bound(&m, "1,2", 4, NULL));
    assert_non_null(strstr(m.said, "dynamic batch"));
    make_end(&m);
    assert_null(import_bound(&m, "4611686018427387904,4", 0, NULL));
    assert_non_null(strstr(m.said, "too large"));
    make_end(&m);
}

/* Before IR version 4, initializers were listed as inputs, too. */
static void
test_initializer_is_no_input(void **state)
{
    Make m;
    Graph *g;

    (void)state;
    make_begin(&m, 13);
    make_io(&m, "2");
    make_input(&m, "w", "2");
    make_floats(&m, "w", "2", "1,2");
    make_node(&m, "Mul", "x w -> y");
    g = make_import(&m, NULL);
    assert_non_null(g);
    assert_int_equal(g->nin, 1);
    make_end(&m);
}

static void
test_outputs_are_ops(void **state)
{
    Make m;
    Graph *g;

    (void)state;
    make_begin(&m, 13);
    make_io(&m, "2");
    make_output(&m, "z");
    make_output(&m, "t");
    make_floats(&m, "w", "2", "3,4");
    make_node(&m, "Identity", "x -> y");
    make_node(&m, "Identity", "w -> z");
    make_node(&m, "Relu", "x -> r");
    make_node(&m, "Identity", "r -> t");
    g = make_import(&m, NULL);
    assert_non_null(g);
    assert_int_equal(g->nout, 3);
    for (uint32_t i = 0; i < 3; i++)
        assert_non_null(vq_def(g, g->out[i]));
    assert_string_equal(g->val[g->out[0]].name, "y");
    assert_string_equal(g->val[g->out[1]].name, "z");
    assert_string_equal(g->val[g->out[2]].name, "t");
    make_end(&m);
}

/* ---- whole models that are refused ---- */

static void
assert_refused(Make *m, const char *why)
{
    assert_null(make_import(m, NULL));
    if (!strstr(m->said, why))
        fail_msg("said %s instead of %s", m->said, why);
    assert_int_equal(m->diag.fault, FAULT_MODEL);
    make_end(m);
}

static void
test_order_and_names(void **state)
{
    Make m;

    (void)state;
    make_begin(&m, 13);
    make_io(&m, "2");
    make_node(&m, "Add", "x b -> a");
    make_node(&m, "Add", "x a -> b");
    make_node(&m, "Relu", "b -> y");
    assert_refused(&m, "topological order, or form a cycle");
    make_begin(&m, 13);
    make_io(&m, "2");
    make_node(&m, "Relu", "x -> y");
    make_node(&m, "Relu", "x -> y");
    assert_refused(&m, "'y' is made twice");
    make_begin(&m, 13);
    make_io(&m, "2");
    make_node(&m, "Relu", "x -> z");
    assert_refused(&m, "no node makes the output 'y'");
    make_begin(&m, 13);
    make_output(&m, "y");
    make_node(&m, "Relu", "x -> y");
    assert_refused(&m, "no input");
    make_begin(&m, 13);
    make_input(&m, "x", "2");
    make_node(&m, "Relu", "x -> y");
    assert_refused(&m, "no output");
    make_begin(&m, 13);
    make_io(&m, "2");
    make_node(&m, "Shape", "x -> y");
    assert_refused(&m, "only float outputs");
    make_begin(&m, 0);
    make_io(&m, "2");
    make_node(&m, "Relu", "x -> y");
    assert_refused(&m, "no opset");
    make_begin(&m, 13);
    make_io(&m, "2");
    m.graph->input[0]->type->tensor_type->elem_type = 2;
    make_node(&m, "Relu", "x -> y");
    assert_refused(&m, "input 'x' is uint8");
}

static unsigned
count_lines(const char *s)
{
    unsigned n = 0;

    for (; *s; s++)
        n += *s == '\n';
    return n;
}

static void
test_all_unsupported_are_named(void **state)
{
    Make m;

    (void)state;
    make_begin(&m, 13);
    make_io(&m, "2");
    make_node(&m, "Frobnicate", "x -> a");
    make_node(&m, "Relu", "a -> b");
    make_node(&m, "FusedMatMul", "b b -> y")->domain =
        vq_strdup(&m.arena, "com.microsoft");
    assert_null(make_import(&m, NULL));
    assert_int_equal(count_lines(m.said), 2);
    assert_non_null(strstr(m.said, "node0: operator Frobnicate is not"));
    assert_non_null(strstr(m.said, "node2: operator com.microsoft.FusedMat"));
    make_end(&m);

    make_begin(&m, 13);
    make_io(&m, "2");
    for (int i = 0; i < 30; i++)
        make_node(&m, "Frobnicate", vq_format(&m.arena, "x -> a%d", i));
    assert_null(make_import(&m, NULL));
    assert_int_equal(count_lines(m.said), 21);
    assert_non_null(strstr(m.said, "and 10 more"));
    make_end(&m);
}

static void
test_functions_are_refused(void **state)
{
    Onnx__FunctionProto *f;
    Make m;

    (void)state;
    make_begin(&m, 13);
    make_io(&m, "2");
    f = NEW(&m.arena, Onnx__FunctionProto);
    onnx__function_proto__init(f);
    f->name = vq_strdup(&m.arena, "gelu");
    f->domain = vq_strdup(&m.arena, "local");
    make_append(&m, &m.model->functions, &m.model->n_functions, f);
    make_node(&m, "gelu", "x -> y")->domain = f->domain;
    assert_refused(&m, "local.gelu is a function of the model: inline it");
}

/* Errors of independent nodes are all reported, those that follow are not. */
static void
test_errors_go_on(void **state)
{
    Make m;

    (void)state;
    make_begin(&m, 13);
    make_io(&m, "2,2");
    make_ints(&m, "s", "1", "3");
    make_node(&m, "Reshape", "x s -> a");
    make_node(&m, "Relu", "a -> b");
    make_node(&m, "Gather", "x s -> c");
    make_node(&m, "Add", "b c -> y");
    assert_null(make_import(&m, NULL));
    assert_int_equal(count_lines(m.said), 2);
    make_end(&m);
}

/* ---- tensors ---- */

/* The values of one initializer, by way of x * 0 + w. */
static const char *
result_of(Make *m)
{
    make_input(m, "x", "1");
    make_output(m, "y");
    make_floats(m, "zero", "1", "0");
    make_node(m, "Mul", "x zero -> z");
    make_node(m, "Cast", "w -> f");
    make_attr_i(m, "to", 1);
    make_node(m, "Add", "z f -> y");
    return make_result(m, "1");
}

static void
test_element_types(void **state)
{
    static const struct {
        int32_t type;
        unsigned n; /* bytes */
        uint8_t raw[16];
        const char *want;
    } row[] = {
        {1, 8, {0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0}, "[2] 1,-2"},
        {2, 2, {1, 0xff}, "[2] 1,255"},
        {3, 2, {1, 0xff}, "[2] 1,-1"},
        {4, 4, {1, 0, 0xff, 0xff}, "[2] 1,65535"},
        {5, 4, {1, 0, 0xff, 0xff}, "[2] 1,-1"},
        {6, 8, {1, 0, 0, 0, 0xfe, 0xff, 0xff, 0xff}, "[2] 1,-2"},
        {7,
         16,
         {1, [8] = 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
         "[2] 1,-1"},
        {9, 2, {1, 0}, "[2] 1,0"},
        {10, 4, {0x01, 0x3c, 0, 0xc0}, "[2] 1.00098,-2"},
        {10, 4, {0x01, 0, 0, 0x80}, "[2] 5.96046e-08,0"}, /* subnormal, -0 */
        {11, 16, {[6] = 0xf0, 0x3f, [15] = 0xc0}, "[2] 1,-2"},
        {12, 8, {1, 0, 0, 0, 0, 0, 0, 0x80}, "[2] 1,2.14748e+09"},
        {16, 4, {0x80, 0x3f, 0, 0xc0}, "[2] 1,-2"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(row); i++) {
        Onnx__TensorProto *t;
        const char *got;
        Make m;

        make_begin(&m, 13);
        t = make_floats(&m, "w", "2", "");
        t->data_type = row[i].type;
        t->has_raw_data = 1;
        t->raw_data.data = (uint8_t *)row[i].raw;
        t->raw_data.len = row[i].n;
        got = result_of(&m);
        if (!got || strcmp(got, row[i].want) != 0)
            fail_msg("type %d: %s, should be %s; %s", (int)row[i].type, got,
                     row[i].want, m.said);
        make_end(&m);
    }
}

static void
test_typed_fields(void **state)
{
    static int32_t bits[] = {0x3c00, 0xc000};
    static double reals[] = {1.5, -2};
    static uint64_t big[] = {1, 4294967295u};
    Onnx__TensorProto *t;
    Make m;

    (void)state;
    make_begin(&m, 13);
    t = make_floats(&m, "w", "2", "");
    t->data_type = 10;
    t->n_int32_data = 2;
    t->int32_data = bits;
    assert_string_equal(result_of(&m), "[2] 1,-2");
    make_end(&m);
    make_begin(&m, 13);
    t = make_floats(&m, "w", "2", "");
    t->data_type = 11;
    t->n_double_data = 2;
    t->double_data = reals;
    assert_string_equal(result_of(&m), "[2] 1.5,-2");
    make_end(&m);
    make_begin(&m, 13);
    t = make_floats(&m, "w", "2", "");
    t->data_type = 12;
    t->n_uint64_data = 2;
    t->uint64_data = big;
    assert_string_equal(result_of(&m), "[2] 1,4.29497e+09");
    make_end(&m);
}

static void
test_bad_tensors(void **state)
{
    static const struct {
        const char *dims, *values, *why;
    } row[] = {
        {"2", "1,nan", "w: element 1 is NaN; weights must be finite"},
        {"2", "inf,1", "w: element 0 is Inf; weights must be finite"},
        {"3", "1,2", "w: 2 elements are stored, its shape needs 3"},
        {"-1", "1", "dimension 0 of a tensor is -1"},
        {"4611686018427387904,4611686018427387904", "1", "too large"},
        {"1,1,1,1,1,1,1,1,1", "1", "rank 9"},
    };
    Make m;

    (void)state;
    for (size_t i = 0; i < COUNT(row); i++) {
        make_begin(&m, 13);
        make_floats(&m, "w", row[i].dims, row[i].values);
        make_io(&m, "1");
        make_node(&m, "Add", "x w -> y");
        assert_refused(&m, row[i].why);
    }
    for (int32_t type = -1; type < 30; type++) {
        make_begin(&m, 13);
        make_floats(&m, "w", "1", "1")->data_type = type;
        make_io(&m, "1");
        make_node(&m, "Add", "x w -> y");
        make_import(&m, NULL); /* and no crash */
        make_end(&m);
    }
    make_begin(&m, 13);
    make_floats(&m, "w", "1", "1")->data_type = 8;
    make_io(&m, "1");
    make_node(&m, "Add", "x w -> y");
    assert_refused(&m, "w: tensors string (ONNX data type 8)");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_operators),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_shape_arithmetic),
        cmocka_unit_test(test_expand_chain),
        cmocka_unit_test(test_scale_is_folded),
        cmocka_unit_test(test_infinite_mask),
        cmocka_unit_test(test_range_scatter_nonzero),
        cmocka_unit_test(test_dimensions),
        cmocka_unit_test(test_initializer_is_no_input),
        cmocka_unit_test(test_outputs_are_ops),
        cmocka_unit_test(test_order_and_names),
        cmocka_unit_test(test_all_unsupported_are_named),
        cmocka_unit_test(test_functions_are_refused),
        cmocka_unit_test(test_errors_go_on),
        cmocka_unit_test(test_element_types),
        cmocka_unit_test(test_typed_fields),
        cmocka_unit_test(test_bad_tensors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
