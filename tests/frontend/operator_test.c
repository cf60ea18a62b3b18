/*
 * operator_test.c -- ONNX operators, one small case each.
 *
 * A row of the tables is a model of one node, x in and y out, in a short
 * notation: attributes `axes=[0,1] keepdims=0 alpha=0.5f mode='dcr'`, constant
 * inputs `w:f[2,2]=1,2,3,4 shape:i[1]=4`. An op's domain stands before its last
 * dot.
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
    const char *dot = strrchr(c->op, '.');

    make_begin(m, c->opset);
    make_io(m, c->dims);
    if (dot) {
        make_node(m, dot + 1, c->names);
        m->node->domain =
            vq_format(&m->arena, "%.*s", (int)(dot - c->op), c->op);
    } else {
        make_node(m, c->op, c->names);
    }
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
    {11, "Conv", "x w -> y", "pads=[1,0] strides=[2]", "w:f[1,1,2]=1,10",
     "1,1,4", "1,2,3,4", "[1x1x2] 10,32"},
    {11, "AveragePool", "x -> y", "kernel_shape=[2] pads=[1,0]", "", "1,1,3",
     "1,2,3", "[1x1x3] 1,1.5,2.5"},
    {11, "AveragePool", "x -> y",
     "kernel_shape=[2] pads=[1,0] count_include_pad=1", "", "1,1,3", "1,2,3",
     "[1x1x3] 0.5,1.5,2.5"},
    {11, "AveragePool", "x -> y",
     "kernel_shape=[2,2] strides=[2,2] ceil_mode=1", "", "1,1,3,2",
     "1,2,3,4,5,7", "[1x1x2x1] 2.5,6"},
    {11, "MaxPool", "x -> y", "kernel_shape=[2,2] pads=[1,1,0,0]", "",
     "1,1,2,2", "-1,-2,-3,-4", "[1x1x2x2] -1,-1,-1,-1"},
    {11, "MaxPool", "x -> y",
     "kernel_shape=[2] dilations=[2] strides=[2] "
     "ceil_mode=1",
     "", "1,1,6", "1,5,2,4,3,6", "[1x1x3] 2,3,3"},
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
    {13, "Resize", "x _ s -> y", "mode='linear'", "s:f[2]=1,2", "1,2", "0,4",
     "[1x4] 0,1,3,4"},
    {13, "Resize", "x _ _ s -> y", "", "s:i[2]=1,4", "1,2", "0,4",
     "[1x4] 0,0,4,4"},
    {18, "Resize", "x _ _ s -> y",
     "mode='linear' antialias=1 axes=[1] coordinate_transformation_mode='half_"
     "pixel'",
     "s:i[1]=1", "1,4", "0,4,4,0", "[1x1] 1.75"},
    {23, "Attention", "x x x -> y", "q_num_heads=1 kv_num_heads=1 is_causal=1",
     "", "1,2,1", "0,4", "[1x2x1] 0,4"},
    {13, "SpaceToDepth", "x -> y", "blocksize=2", "", "1,1,2,2", "1,2,3,4",
     "[1x4x1x1] 1,2,3,4"},
    {13, "DepthToSpace", "x -> y", "blocksize=2 mode='CRD'", "", "1,4,1,1",
     "1,2,3,4", "[1x1x2x2] 1,2,3,4"},
    {16, "Elu", "x -> y", "alpha=2f", "", "2", "3,-1", "[2] 3,-1.26424"},
    {16, "Selu", "x -> y", "alpha=2f gamma=3f", "", "2", "1,-1",
     "[2] 3,-3.79272"},
    {16, "Celu", "x -> y", "alpha=2f", "", "2", "1,-2", "[2] 1,-1.26424"},
    {16, "PRelu", "x s -> y", "", "s:f[2]=0.5,0.25", "1,2", "-4,-4",
     "[1x2] -2,-1"},
    {13, "Log", "x -> y", "", "", "2", "1,2", "[2] 0,0.693147"},
    {13, "Softplus", "x -> y", "", "", "3", "0,-200,200", "[3] 0.693147,0,200"},
    {13, "LogSoftmax", "x -> y", "", "", "1,2", "0,1000", "[1x2] -1000,0"},
    {18, "ReduceLogSum", "x a -> y", "keepdims=0", "a:i[1]=0", "2", "3,4",
     "[] 1.94591"},
    {18, "ReduceLogSumExp", "x -> y", "", "", "2", "1,2", "[1] 2.31326"},
    {18, "Mish", "x -> y", "", "", "3", "0,1,100", "[3] 0,0.865098,100"},
    {16, "ThresholdedRelu", "x -> y", "alpha=2f", "", "4", "1,2,2.0001,-3",
     "[4] 0,0,2.0001,-0"},
    {16, "Shrink", "x -> y", "lambd=1f bias=0.5f", "", "5", "-2,-1,0,1,3",
     "[5] -1.5,0,0,0,2.5"},
    {16, "Sign", "x -> y", "", "", "3", "-0.001,0,7", "[3] -1,0,1"},
    {16, "Floor", "x -> y", "", "", "6", "-1.5,-1,0.5,1.5,2.5,3",
     "[6] -2,-1,0,1,2,3"},
    {16, "Ceil", "x -> y", "", "", "6", "-1.5,-1,0.5,1.5,2.5,3",
     "[6] -1,-1,1,2,3,3"},
    {13, "Einsum", "x w -> y", "equation='ij,jk->ik'", "w:f[2,2]=1,2,3,4",
     "1,2", "1,1", "[1x2] 4,6"},
    {13, "Einsum", "x w -> y", "equation='ij,jk'", "w:f[2,1]=1,2", "2,2",
     "1,2,3,4", "[2x1] 5,11"},
    {13, "Einsum", "x -> y", "equation='ij->ji'", "", "1,2", "1,2",
     "[2x1] 1,2"},
    {13, "Einsum", "x -> y", "equation='ij->j'", "", "2,2", "1,2,3,4",
     "[2] 4,6"},
    {13, "Einsum", "x -> y", "equation='...ii->...i'", "", "1,2,2", "1,2,3,4",
     "[1x2] 1,4"},
    {13, "Einsum", "x w -> y", "equation='aecd,abcd->acbe'",
     "w:f[1,2,1,2]=1,0,0,1", "1,2,1,2", "1,2,3,4", "[1x1x2x2] 1,3,2,4"},
    {13, "Einsum", "x w -> y", "equation='...j,kj->...k'", "w:f[1,2]=3,5",
     "2,1,2", "1,0,0,1", "[2x1x1] 3,5"},
    {13, "Einsum", "x w x -> y", "equation='i,ij,j->'", "w:f[2,2]=1,2,3,4", "2",
     "1,2", "[] 27"},
    {13, "Einsum", "x w -> y", "equation='i,j->ij'", "w:f[2]=3,4", "2", "1,2",
     "[2x2] 3,4,6,8"},
    {13, "GatherND", "x i -> y", "", "i:i[3,1]=1,0,1", "2,2", "1,2,3,4",
     "[3x2] 3,4,1,2,3,4"},
    {13, "GatherND", "x i -> y", "", "i:i[2,2]=0,1,1,-2", "2,2", "1,2,3,4",
     "[2] 2,3"},
    {13, "GatherND", "x i -> y", "batch_dims=1", "i:i[2,1]=1,0", "2,2",
     "1,2,3,4", "[2] 2,3"},
    {13, "GatherElements", "x i -> y", "axis=1", "i:i[2,2]=1,0,1,0", "2,2",
     "1,2,3,4", "[2x2] 2,1,4,3"},
    {13, "GatherElements", "x i -> y", "axis=0", "i:i[1,2]=1,0", "2,2",
     "1,2,3,4", "[1x2] 3,2"},
    {18, "ScatterElements", "x i u -> y", "axis=0", "i:i[1,2]=1,0 u:f[1,2]=7,8",
     "2,2", "1,2,3,4", "[2x2] 1,8,7,4"},
    {18, "ScatterND", "x i u -> y", "", "i:i[1,1]=1 u:f[1,2]=7,8", "2,2",
     "1,2,3,4", "[2x2] 1,2,7,8"},
    {13, "Compress", "x c -> y", "axis=1", "c:i[3]=1,0,1", "1,3", "1,2,3",
     "[1x2] 1,3"},
    {13, "InstanceNormalization", "x s b -> y", "epsilon=0f",
     "s:f[2]=1,2 b:f[2]=0,1", "1,2,2", "1,3,1,3", "[1x2x2] -1,1,-1,3"},
    {13, "InstanceNormalization", "x s b -> y", "epsilon=0f",
     "s:f[2]=1,1 b:f[2]=0,0", "1,2,2", "1,3,5,1", "[1x2x2] -1,1,1,-1"},
    {18, "GroupNormalization", "x s b -> y", "epsilon=0f num_groups=1",
     "s:f[1]=2 b:f[1]=1", "1,2,1", "1,3", "[1x2x1] -1,3"},
    {21, "GroupNormalization", "x s b -> y", "epsilon=0f num_groups=1",
     "s:f[2]=2,3 b:f[2]=1,0", "1,2,1", "1,3", "[1x2x1] -1,3"},
    {13, "LpNormalization", "x -> y", "axis=0", "", "2", "3,4", "[2] 0.6,0.8"},
    {13, "LpNormalization", "x -> y", "p=1", "", "2", "3,-1", "[2] 0.75,-0.25"},
    {13, "com.microsoft.FusedMatMul", "x w -> y", "transB=1 alpha=2f",
     "w:f[1,2]=3,5", "1,2", "1,1", "[1x1] 16"},
    {13, "com.microsoft.FusedMatMul", "x w -> y", "transA=1 transBatchA=1",
     "w:f[2,1,1]=1,1", "1,2,2", "1,2,3,4", "[2x2x1] 1,2,3,4"},
    {13, "com.microsoft.FusedGemm", "x w c -> y", "transB=1 activation='Relu'",
     "w:f[2,1]=1,-1 c:f[2]=1,1", "1,1", "3", "[1x2] 4,0"},
    {13, "com.microsoft.FusedConv", "x w b z -> y", "activation='Relu'",
     "w:f[1,1,1,1]=2 b:f[1]=1 z:f[1,1,1,2]=-9,1", "1,1,1,2", "3,4",
     "[1x1x1x2] 0,10"},
    {13, "com.microsoft.NhwcConv", "x w -> y", "", "w:f[1,1,1,2]=2,3",
     "1,1,1,2", "1,10", "[1x1x1x1] 32"},
    {13, "com.microsoft.BiasGelu", "x b -> y", "", "b:f[2]=1,0", "2", "0,1",
     "[2] 0.841345,0.841345"},
    {13, "com.microsoft.FastGelu", "x b -> y", "", "b:f[2]=1,0", "2", "0,1",
     "[2] 0.841192,0.841192"},
    {13, "com.microsoft.QuickGelu", "x -> y", "alpha=1f", "", "1", "1",
     "[1] 0.731059"},
    {13, "com.microsoft.BiasSplitGelu", "x b -> y", "", "b:f[2]=0,1", "1,2",
     "3,0", "[1x1] 2.52403"},
    {13, "com.microsoft.SkipLayerNormalization", "x w g b c -> y", "epsilon=0f",
     "w:f[1,2]=0,1 g:f[2]=1,2 b:f[2]=0,1 c:f[2]=0,1", "1,2", "1,1",
     "[1x2] -1,3"},
    {13, "com.microsoft.SkipSimplifiedLayerNormalization", "x w g -> y",
     "epsilon=0f", "w:f[1,2]=4,4 g:f[2]=1,2", "1,2", "1,1", "[1x2] 1,2"},
    {13, "SimplifiedLayerNormalization", "x g -> y", "epsilon=0f", "g:f[2]=1,2",
     "1,2", "5,5", "[1x2] 1,2"},
    {13, "com.microsoft.GroupNorm", "x g b -> y", "epsilon=0f groups=1",
     "g:f[2]=2,3 b:f[2]=1,0", "1,1,1,2", "1,3", "[1x1x1x2] -1,3"},
    {13, "com.microsoft.Attention", "x w b -> y", "num_heads=1",
     "w:f[1,3]=0,0,2 b:f[3]=0,0,1", "1,2,1", "1,3", "[1x2x1] 5,5"},
    {13, "com.microsoft.Attention", "x w b -> y",
     "num_heads=1 unidirectional=1", "w:f[1,3]=0,0,2 b:f[3]=0,0,1", "1,2,1",
     "1,3", "[1x2x1] 3,5"},
    {13, "com.microsoft.MultiHeadAttention", "x x x b _ a -> y", "num_heads=1",
     "b:f[3]=0,0,1 a:f[1,1,2,2]=0,-99999,-99999,0", "1,2,1", "1,3",
     "[1x2x1] 2,4"},
    {13, "com.microsoft.MultiHeadAttention", "x -> y", "num_heads=1", "",
     "1,1,1,3,2", "1,2,3,4,5,6", "[1x1x2] 5,6"},
    {13, "com.microsoft.MatMulNBits", "x w s -> y",
     "K=16 N=1 bits=4 block_size=16",
     "w:i[1,1,8]=152,136,136,136,136,136,136,248 s:f[1]=0.5", "1,16",
     "2,10,0,0,0,0,0,0,0,0,0,0,0,0,0,100", "[1x1] 355"},
    {13, "com.microsoft.MatMulNBits", "x w s z -> y",
     "K=16 N=1 bits=4 block_size=16",
     "w:i[1,1,8]=152,136,136,136,136,136,136,248 s:f[1]=0.5 z:i[1]=9", "1,16",
     "2,10,0,0,0,0,0,0,0,0,0,0,0,0,0,100", "[1x1] 299"},
    {23, "RotaryEmbedding", "x c s -> y", "num_heads=1",
     "c:f[1,1,1]=0 s:f[1,1,1]=1", "1,1,2", "3,5", "[1x1x2] -5,3"},
    {23, "RotaryEmbedding", "x c s p -> y", "interleaved=1",
     "c:f[2,1]=1,0 s:f[2,1]=0,1 p:i[1,2]=1,0", "1,1,2,2", "3,5,7,9",
     "[1x1x2x2] -5,3,7,9"},
    {13, "com.microsoft.RotaryEmbedding", "x p c s -> y", "",
     "p:i[1]=1 c:f[3,1]=1,0,1 s:f[3,1]=0,1,0", "1,1,1,2", "3,5",
     "[1x1x1x2] -5,3"},
    {13, "Pad", "x p -> y", "mode='reflect'", "p:i[2]=2,1", "3", "1,2,3",
     "[6] 3,2,1,2,3,2"},
    {13, "Pad", "x p -> y", "mode='edge'", "p:i[2]=2,1", "3", "1,2,3",
     "[6] 1,1,1,2,3,3"},
    {19, "Pad", "x p -> y", "mode='wrap'", "p:i[2]=2,-1", "3", "1,2,3",
     "[4] 2,3,1,2"},
    {14, "Trilu", "x k -> y", "upper=0", "k:i[]=-1", "2,2", "1,2,3,4",
     "[2x2] 0,0,3,0"},
    {9, "Upsample", "x s -> y", "", "s:f[2]=1,2", "1,2", "0,4",
     "[1x4] 0,0,4,4"},
    {10, "Resize", "x s -> y", "mode='linear'", "s:f[2]=1,2", "1,2", "0,4",
     "[1x4] 0,2,4,4"},
    {12, "MaxPool", "x -> y", "kernel_shape=[2,2] pads=[1,1,0,0]", "",
     "1,1,2,2", "-1,-2,-3,-4", "[1x1x2x2] -1,-1,-1,-1"},
    {12, "MaxPool", "x -> y", "kernel_shape=[2] strides=[2] ceil_mode=1", "",
     "1,1,3", "1,2,3", "[1x1x2] 2,3"},
    {12, "AveragePool", "x -> y", "kernel_shape=[2,2] pads=[1,1,0,0]", "",
     "1,1,2,2", "1,2,3,4", "[1x1x2x2] 1,1.5,2,2.5"},
    {12, "AveragePool", "x -> y",
     "kernel_shape=[2,2] pads=[1,1,0,0] count_include_pad=1", "", "1,1,2,2",
     "1,2,3,4", "[1x1x2x2] 0.25,0.75,1,2.5"},
    {12, "AveragePool", "x -> y", "kernel_shape=[2,2]", "", "1,1,2,2",
     "1,2,3,4", "[1x1x1x1] 2.5"},
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
    {13, "Pad", "x p -> y", "mode='mirror'", "p:i[2]=1,1", "2", "",
     "this mode"},
    {13, "Cast", "x -> y", "to=7", "", "2", "", "to type int64"},
    {13, "Equal", "x w -> y", "", "w:f[]=1", "2", "", "known at compile time"},
    {13, "Where", "x x x -> y", "", "", "2", "", "condition"},
    {13, "MatMul", "x w -> y", "", "w:f[3,1]=1,2,3", "1,2", "", "matmul"},
    {13, "Gemm", "x w -> y", "", "w:f[2]=1,2", "1,2", "", "matrices"},
    {11, "Conv", "x w -> y", "", "w:f[1,1,1,1,1]=1", "1,1,2,2,2", "",
     "one or two axes"},
    {11, "Conv", "x w -> y", "", "w:f[1,1,3]=1,1,1", "1,1,2", "",
     "does not fit"},
    {11, "Conv", "x w -> y", "", "w:f[1,2,1,1]=1,2", "1,1,2,2", "", "conv"},
    {13, "Softmax", "x -> y", "axis=2", "", "2,2", "",
     "axis 2 is not one of rank 2"},
    {15, "BatchNormalization", "x s s s s -> y", "training_mode=1", "s:f[1]=1",
     "1,1,1", "", "training mode"},
    {13, "Scan", "x -> y", "", "", "2", "", "without control flow"},
    {13, "Add", "x -> y", "", "", "2", "", "input 1 is missing"},
    {13, "Relu", "x x -> y", "", "", "2", "", "at most 1"},
    {13, "Relu", "z -> y", "", "", "2", "", "does not exist"},
    {13, "ReduceProd", "x -> y", "", "", "2", "", "known at compile"},
    {5, "Add", "x x -> y", "", "", "2", "", "as of opset 5"},
    {13, "Range", "a b c -> y", "", "a:i[]=0 b:i[]=9 c:i[]=0", "2", "",
     "Range"},
    {13, "Mod", "a b -> y", "", "a:i[]=1 b:i[]=0", "2", "", "division by zero"},
    {13, "Einsum", "x x -> y", "equation='ij,jk->iz'", "", "2,2", "",
     "does not go with its inputs"},
    {13, "Einsum", "x w -> y", "equation='ij,jk->ik'", "w:f[3,1]=1,2,3", "2,2",
     "", "lengths 2 and 3"},
    {13, "Einsum", "x -> y", "equation='i$'", "", "2,2", "",
     "does not go with its inputs"},
    {13, "GatherND", "x i -> y", "", "i:i[1,3]=0,0,0", "2,2", "",
     "do not go with"},
    {13, "GatherElements", "x i -> y", "", "i:i[1,1]=5", "2,2", "",
     "outside an axis of length 2"},
    {13, "ScatterElements", "x i u -> y", "reduction='add'",
     "i:i[1,1]=0 u:f[1,1]=0", "2,2", "", "reduction add"},
    {13, "TopK", "x k -> y", "", "k:i[1]=1", "2", "", "do it in the program"},
    {13, "ArgMax", "x -> y", "", "", "2", "", "do it in the program"},
    {13, "Sinh", "x -> y", "", "", "2", "", "at compile time"},
    {13, "Unique", "x -> y", "", "", "2", "", "do it in the program"},
    {13, "LSTM", "x -> y", "", "", "2", "", "vitqc is for Transformers"},
    {13, "com.microsoft.PackedAttention", "x -> y", "", "", "2", "",
     "without packing"},
    {13, "com.microsoft.nchwc.Conv", "x -> y", "", "", "2", "",
     "graph optimization level `extended`"},
    {13, "com.microsoft.Attention", "x w _ m -> y", "num_heads=1",
     "w:f[1,3]=0,0,2 m:i[1]=1", "1,2,1", "", "mask by lengths"},
    {13, "com.microsoft.MatMulNBits", "x w s -> y",
     "K=16 N=1 bits=3 block_size=16", "w:i[1,1,8]=1,2,3,4,5,6,7,8 s:f[1]=1",
     "1,16", "", "3 bits"},
    {12, "MaxPool", "x -> y", "kernel_shape=[3,3]", "", "1,1,2,2", "",
     "larger than the image"},
    {12, "MaxPool", "x -> y", "", "", "1,1,2,2", "", "no kernel_shape"},
    {12, "MaxPool", "x -> y", "kernel_shape=[2]", "", "1,1,2,2", "",
     "has 1 numbers, not 2"},
    {12, "AveragePool", "x -> y", "kernel_shape=[1,1,1]", "", "1,1,2,2,2", "",
     "only images"},
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

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_operators),
        cmocka_unit_test(test_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
