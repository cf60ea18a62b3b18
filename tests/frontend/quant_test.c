/*
 * quant_test.c -- quantized models: each operator and each way to write one,
 * and what is wrong with them.
 *
 * A case is a model of a few nodes between x and y:
 * "QuantizeLinear axis=1 x s z -> q; DequantizeLinear q s z -> y", an operator
 * of another domain as "com.microsoft:QLinearAdd", an absent input as `_`.
 */
#include "tests/frontend/mktext.h"

#include <cmocka.h>
#include <math.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

typedef struct Case {
    int64_t opset;
    const char *nodes, *consts;
    const char *dims, *x; /* the input */
    const char *want;     /* the output, or part of the message */
} Case;

static void
add_node(Make *m, char *text)
{
    char *save, *s = strtok_r(text, " ", &save), *colon = strrchr(s, ':');
    const char *names = "";
    char *attrs[8];
    int nattr = 0;
    Onnx__NodeProto *p;

    for (char *w = strtok_r(NULL, " ", &save); w;
         w = strtok_r(NULL, " ", &save))
        if (strchr(w, '='))
            attrs[nattr++] = w;
        else
            names = vq_format(&m->arena, "%s %s", names, w);
    p = make_node(m, colon ? colon + 1 : s, names);
    if (colon) {
        *colon = 0;
        p->domain = s;
    }
    for (int i = 0; i < nattr; i++)
        make_attr_text(m, attrs[i]);
}

static void
build(Make *m, const Case *c)
{
    make_begin(m, c->opset);
    make_io(m, c->dims);
    make_each(m, c->nodes, ";", add_node);
    make_each(m, c->consts, " ", make_const_text);
}

#define QDQ "QuantizeLinear x s z -> q; DequantizeLinear q s z -> y"
#define MS  "com.microsoft:"

static const Case good[] = {
    /* Halves to even, saturation, zero points of every type. */
    {10, QDQ, "s:f[]=0.5 z:u8[]=3", "6", "-9,-0.25,0.25,0.3,0.75,999",
     "[6] -1.5,-0,0,0.5,1,126"},
    {13, QDQ, "s:f[1]=0.5 z:s8[1]=-3", "4", "-99,-1,1,99", "[4] -62.5,-1,1,65"},
    {21, QDQ, "s:f[]=1 z:u16[]=1", "3", "-9,1,70000", "[3] -1,1,65534"},
    {21, QDQ, "s:f[]=1 z:s16[]=1", "2", "-40000,40000", "[2] -32769,32766"},
    {21, QDQ, "s:f[]=1 z:s4[]=1", "3", "-40,2,40", "[3] -9,2,6"},
    {21, QDQ, "s:f[]=1 z:u4[]=1", "3", "-40,2,40", "[3] -1,2,14"},
    {13, MS "QuantizeLinear x s z -> q;" MS "DequantizeLinear q s z -> y",
     "s:f[]=1 z:s16[]=0", "2", "-1e9,5", "[2] -32768,5"},
    /* No zero point: u8, or what output_dtype says. */
    {13, "QuantizeLinear x s -> q; DequantizeLinear q s -> y", "s:f[]=1", "2",
     "-1,300", "[2] 0,255"},
    {21, "QuantizeLinear output_dtype=3 x s -> q; DequantizeLinear q s -> y",
     "s:f[]=1", "2", "-999,300", "[2] -128,127"},
    /* Other scales behind than in front. */
    {13, "QuantizeLinear x s z -> q; DequantizeLinear q t w -> y",
     "s:f[]=1 z:u8[]=2 t:f[]=0.5 w:u8[]=0", "2", "1,4", "[2] 1.5,3"},
    /* Per channel. */
    {13, "QuantizeLinear axis=0 x s z -> q; DequantizeLinear axis=0 q s z -> y",
     "s:f[2]=1,0.5 z:s8[2]=0,0", "2,2", "1.2,2.2,1.2,2.2", "[2x2] 1,2,1,2"},
    {13, "QuantizeLinear axis=-1 x s -> q; DequantizeLinear axis=-1 q s -> y",
     "s:f[2]=1,1", "2,2", "1.2,2.2,-1.2,2.2", "[2x2] 1,2,0,2"},
    /* Moves of codes; a clip of them; casts. */
    {13,
     "QuantizeLinear x s z -> q; Transpose q -> t; Reshape t r -> u;"
     "DequantizeLinear u s z -> y",
     "s:f[]=1 z:u8[]=0 r:i[1]=-1", "2,2", "1,2,3,4", "[4] 1,3,2,4"},
    {13,
     "QuantizeLinear x s z -> q; Clip q lo hi -> c; DequantizeLinear c s z -> "
     "y",
     "s:f[]=0.5 z:s8[]=0 lo:s8[]=-7 hi:s8[]=7", "3", "-9,1,9",
     "[3] -3.5,1,3.5"},
    {13,
     "QuantizeLinear x s z -> q; Clip q _ hi -> c; DequantizeLinear c s z -> y",
     "s:f[]=0.5 z:u8[]=0 hi:u8[]=127", "2", "1,99", "[2] 1,63.5"},
    {13, "QuantizeLinear x s z -> q; Cast to=1 q -> y", "s:f[]=0.5 z:u8[]=3",
     "2", "1,2", "[2] 5,7"},
    {13,
     "Div x s -> a; Round a -> b; Cast to=3 b -> c; Cast to=1 c -> d;"
     "Mul d s -> y",
     "s:f[]=0.5", "3", "0.8,-0.3,999", "[3] 1,-0.5,63.5"},
    {13, "Round x -> y", "", "4", "0.5,1.5,-0.4,2.6", "[4] 0,2,-0,3"},
    /* Weights. */
    {13, "DequantizeLinear axis=1 w s z -> v; MatMul x v -> y",
     "w:s8[2,2]=1,2,3,-4 s:f[2]=1,0.5 z:s8[2]=0,0", "1,2", "1,1", "[1x2] 4,-1"},
    {13, "DequantizeLinear w s z -> v; MatMul x v -> y",
     "w:u8[2,2]=129,130,131,124 s:f[]=0.5 z:u8[]=128", "1,2", "1,1",
     "[1x2] 2,-1"},
    {21, "DequantizeLinear w s -> v; MatMul x v -> y",
     "w:s4[3,1]=-8,7,-1 s:f[]=0.5", "1,3", "1,2,4", "[1x1] 1"},
    {21, "DequantizeLinear w s z -> v; MatMul x v -> y",
     "w:u4[3,1]=15,0,8 s:f[]=0.5 z:u4[]=8", "1,3", "1,2,4", "[1x1] -4.5"},
    {21, "DequantizeLinear axis=0 block_size=2 w s -> v; MatMul x v -> y",
     "w:s8[4,1]=1,1,1,1 s:f[2,1]=1,10", "1,4", "1,1,1,1", "[1x1] 22"},
    {13, "DequantizeLinear b s -> v; Add x v -> y",
     "b:s32[2]=1000,-1 s:f[]=0.5", "1,2", "1,1", "[1x2] 501,0.5"},
    {13,
     "QuantizeLinear axis=0 w s z -> q; DequantizeLinear axis=0 q s z -> v;"
     "Transpose v -> t; MatMul x t -> y",
     "w:f[1,2]=1.2,-3 s:f[1]=1 z:s8[1]=0", "1,2", "1,1", "[1x1] -2"},
    /* On codes. */
    {13,
     "QuantizeLinear x s z -> q; QLinearMatMul q s z w ws wz ys yz -> p;"
     "DequantizeLinear p ys yz -> y",
     "s:f[]=0.5 z:u8[]=1 w:s8[2,2]=1,2,3,-4 ws:f[2]=1,0.5 wz:s8[2]=0,0 "
     "ys:f[]=0.25 yz:u8[]=9",
     "1,2", "1,1.1", "[1x2] 4,-1"},
    {13,
     "QuantizeLinear x s z -> q; QLinearConv q s z w ws wz ys yz b -> p;"
     "DequantizeLinear p ys yz -> y",
     "s:f[]=0.5 z:u8[]=1 w:s8[1,1,1,2]=1,2 ws:f[1]=0.5 wz:s8[1]=0 ys:f[]=0.25 "
     "yz:u8[]=9 b:s32[1]=8",
     "1,1,1,2", "1,2", "[1x1x1x1] 4.5"},
    {13,
     "QuantizeLinear x s z -> q; MatMulInteger q w z -> p; Cast to=1 p -> y",
     "s:f[]=0.5 z:u8[]=1 w:s8[2,1]=3,-1", "1,2", "1,2", "[1x1] 2"},
    {13,
     "DynamicQuantizeLinear x -> q s z; MatMulInteger q w z wz -> p;"
     "Cast to=1 p -> f; Mul s ws -> t; Mul f t -> y",
     "w:u8[2,1]=131,127 wz:u8[]=128 ws:f[]=0.5", "1,2", "1,2", "[1x1] 0.5"},
    {13,
     "DynamicQuantizeLinear x -> q s z; ConvInteger q w z -> p;"
     "Cast to=1 p -> y",
     "w:s8[1,1,1,1]=3", "1,1,1,2", "1,2", "[1x1x1x2] 3,6"},
    {13, MS "DynamicQuantizeMatMul x w ws _ b -> y",
     "w:s8[2,1]=3,-1 ws:f[]=0.5 b:f[1]=1", "1,2", "1,2", "[1x1] 1.5"},
    {13,
     "QuantizeLinear x s z -> q;" MS
     "QLinearAdd q s z w ws wz ys yz -> p; DequantizeLinear p ys yz -> y",
     "s:f[]=0.5 z:u8[]=1 w:u8[2]=3,5 ws:f[]=0.25 wz:u8[]=1 ys:f[]=1 yz:u8[]=9",
     "2", "1,2", "[2] 2,3"},
    {13,
     "QuantizeLinear x s z -> q;" MS
     "QLinearMul q s z w ws wz ys yz -> p; DequantizeLinear p ys yz -> y",
     "s:f[]=0.5 z:u8[]=1 w:u8[]=3 ws:f[]=0.25 wz:u8[]=1 ys:f[]=0.5 yz:u8[]=9",
     "2", "1,2", "[2] 0.5,1"},
    {13,
     "QuantizeLinear x s z -> q;" MS
     "QLinearSoftmax axis=-1 opset=13 q s z ys yz -> p;"
     "DequantizeLinear p ys yz -> y",
     "s:f[]=0.5 z:u8[]=1 ys:f[]=0.00390625 yz:u8[]=0", "1,2", "1,1",
     "[1x2] 0.5,0.5"},
    {13,
     "QuantizeLinear x s z -> q;" MS
     "QLinearSigmoid q s z ys yz -> p; DequantizeLinear p ys yz -> y",
     "s:f[]=0.5 z:u8[]=1 ys:f[]=0.00390625 yz:u8[]=0", "2", "0,99",
     "[2] 0.5,0.996094"},
    {13,
     "QuantizeLinear x s z -> q;" MS
     "QLinearGlobalAveragePool q s z s z -> p; DequantizeLinear p s z -> y",
     "s:f[]=0.5 z:u8[]=1", "1,1,2,2", "1,2,3,4", "[1x1x1x1] 2.5"},
    {13,
     "QuantizeLinear x s z -> q;" MS
     "QLinearConcat axis=1 s z q s z w s z -> p; DequantizeLinear p s z -> y",
     "s:f[]=0.5 z:u8[]=1 w:u8[1,1]=5", "1,2", "1,2", "[1x3] 1,2,2"},
    {13,
     "QuantizeLinear x s z -> q;" MS
     "QGemm transB=1 alpha=2f q s z w ws wz b ys yz -> p;"
     "DequantizeLinear p ys yz -> y",
     "s:f[]=0.5 z:u8[]=1 w:s8[1,2]=3,-1 ws:f[1]=0.5 wz:s8[1]=0 b:s32[1]=4 "
     "ys:f[]=0.25 yz:u8[]=9",
     "1,2", "1,2", "[1x1] 3"},
    {13,
     "QuantizeLinear x s z -> q;" MS
     "QAttention num_heads=1 q w b s ws _ z wz -> y",
     "s:f[]=0.5 z:u8[]=1 w:s8[1,3]=1,1,2 ws:f[]=1 wz:s8[]=0 b:f[3]=0,0,1",
     "1,1,1", "1.5", "[1x1x1] 4"},
    /* QONNX and Brevitas. */
    {13, "onnx.brevitas:Quant signed=1 narrow=1 x s z b -> y",
     "s:f[]=0.5 z:f[]=0 b:f[]=4", "3", "-99,0.8,99", "[3] -3.5,1,3.5"},
    {13, "qonnx.custom_op.general:Quant signed=0 narrow=0 x s z b -> y",
     "s:f[1]=0.5 z:f[]=1 b:f[]=2", "3", "-99,0.8,99", "[3] -0.5,1,1"},
    {13,
     "finn.custom_op.general:Quant signed=1 narrow=0 w s z b -> v;"
     "MatMul x v -> y",
     "w:f[1,2]=0.8,9 s:f[1,2]=0.5,1 z:f[]=0 b:f[]=3", "1,1", "1", "[1x2] 1,3"},
    {13, "onnx.brevitas:BipolarQuant w s -> v; MatMul x v -> y",
     "w:f[1,2]=0.8,-9 s:f[]=0.5", "1,1", "1", "[1x2] 0.5,-0.5"},
    {13, "onnx.brevitas:Trunc x s z a b -> y",
     "s:f[]=0.5 z:f[]=0 a:f[]=8 b:f[]=6", "4", "1.5,2,-0.5,5.5",
     "[4] 0,0.5,-0.5,1"},
};

static void
test_good(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(good); i++) {
        Make m;
        const char *got;

        build(&m, &good[i]);
        got = make_result(&m, good[i].x);
        if (!got || strcmp(got, good[i].want) != 0)
            fail_msg("%s: %s instead of %s", good[i].nodes, got ? got : m.said,
                     good[i].want);
        make_end(&m);
    }
}

/* One line each that says what is wrong. */
static const Case bad[] = {
    {13, QDQ, "s:f[]=0 z:u8[]=3", "2", "1,2",
     "QuantizeLinear: scale 0 (s) is 0; a scale must be a positive number"},
    {13, QDQ, "s:f[]=-1 z:u8[]=3", "2", "1,2", "scale 0 (s) is -1"},
    {13, QDQ, "s:f[]=nan z:u8[]=3", "2", "1,2", "NaN; weights must be finite"},
    {13, QDQ, "s:f[3]=1,1,1 z:u8[3]=0,0,0", "2,2", "1,2,3,4",
     "3 scales for axis 1 of [2x2]"},
    {13, "QuantizeLinear axis=7 x s -> y", "s:f[2]=1,1", "2,2", "1,2,3,4",
     "axis 7 is not one of rank 2"},
    {13, QDQ, "s:f[2]=1,1 z:u8[3]=0,0,0", "2,2", "1,2,3,4",
     "2 scales, but 3 zero points"},
    {13, QDQ, "s:f[2]=1,2 z:u8[2]=0,1", "2,2", "1,2,3,4",
     "quantize activations per tensor"},
    {13, QDQ, "s:f[]=1 z:f[]=0", "2", "1,2", "the zero point (z) must be"},
    {13, "QuantizeLinear x x z -> y", "z:u8[]=0", "1", "1",
     "only static quantization has one"},
    {13, "QuantizeLinear x s z -> q; DequantizeLinear q s w -> y",
     "s:f[]=1 z:u8[]=0 w:s8[]=0", "1", "1", "codes are uint8, but zero points"},
    {13, "QuantizeLinear x s z -> y", "s:f[]=1 z:u8[]=0", "1", "1",
     "output 'y' is of type uint8"},
    {13, "QuantizeLinear x s z -> q; Add q q -> y", "s:f[]=1 z:u8[]=0", "1",
     "1", "uint8 codes cannot be computed with: a DequantizeLinear"},
    {13, "QuantizeLinear x s z -> q; Concat axis=0 q x -> y",
     "s:f[]=1 z:u8[]=0", "1", "1", "uint8 codes cannot be computed with"},
    {13, "DequantizeLinear x s -> y", "s:f[]=1", "1", "1",
     "not codes that a quantization made"},
    {19, "DequantizeLinear w s -> v; Add x v -> y", "w:f8[1]=1 s:f[]=1", "1",
     "1", "float8e4m3fn"},
    {21, "DequantizeLinear axis=0 block_size=2 w s -> v; Add x v -> y",
     "w:s8[5]=1,1,1,1,1 s:f[2]=1,1", "5", "1,2,3,4,5", "in blocks of 2"},
    {21, "QuantizeLinear axis=0 block_size=2 x s -> y", "s:f[2]=1,2", "4",
     "1,2,3,4", "in blocks of 2"},
    {13, "QuantizeLinear x s z -> q; Clip q a b -> y",
     "s:f[]=1 z:u8[]=0 a:u8[]=9 b:u8[]=3", "1", "1", "output 'y'"},
    {13, "Cast to=3 x -> y", "", "1", "1", "to type int8 of a value"},
    {13, "onnx.brevitas:Quant x s z b -> y", "s:f[]=0 z:f[]=0 b:f[]=8", "1",
     "1", "scale 0 is 0"},
    {13, "onnx.brevitas:Quant x s z b -> y", "s:f[]=1 z:f[]=0.5 b:f[]=8", "1",
     "1", "0.5, not a whole number"},
    {13, "onnx.brevitas:Quant x s z b -> y", "s:f[]=1 z:f[]=0 b:f[]=99", "1",
     "1", "a bit width of 99"},
    {13, "onnx.brevitas:Quant rounding_mode='CEIL' x s z b -> y",
     "s:f[]=1 z:f[]=0 b:f[]=8", "1", "1", "only rounding_mode ROUND"},
    {13, "onnx.brevitas:BipolarQuant x s -> y", "s:f[]=1", "1", "1",
     "must be known at compile time"},
    {13, "onnx.brevitas:Trunc x s z a b -> y",
     "s:f[]=1 z:f[]=0 a:f[]=4 b:f[]=8", "1", "1", "from 4 to 8 bits"},
    {13,
     "QuantizeLinear x s z -> q;" MS
     "QLinearConv channels_last=1 q s z w s z s z -> y",
     "s:f[]=1 z:u8[]=0 w:u8[1,1,1,1]=1", "1,1,1,1", "1",
     "channels_last is not supported"},
    {13, "QLinearMatMul x s z w s z s z -> y", "s:f[]=1 z:u8[]=0 w:u8[1,1]=1",
     "1,1", "1", "not codes"},
    {13,
     "QuantizeLinear x s z -> q;" MS
     "QAttention num_heads=1 q w b s s m z z -> y",
     "s:f[]=1 z:u8[]=0 w:u8[1,3]=1,1,1 b:f[3]=0,0,0 m:s32[1]=1", "1,1,1", "1",
     "a mask or past keys"},
};

static void
test_bad(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        Make m;

        build(&m, &bad[i]);
        if (make_import(&m, NULL))
            fail_msg("%s: accepted", bad[i].nodes);
        if (!strstr(m.said, bad[i].want))
            fail_msg("%s: said %s instead of %s", bad[i].nodes, m.said,
                     bad[i].want);
        if (m.diag.nerror != 1)
            fail_msg("%s: %u messages: %s", bad[i].nodes, m.diag.nerror,
                     m.said);
        make_end(&m);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_bad),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
