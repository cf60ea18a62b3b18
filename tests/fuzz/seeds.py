#!/usr/bin/env python3
"""seeds.py -- writes the seeds of the ONNX targets into corpus/onnx.

    seeds.py [NODE_TESTS]

From the ONNX project's operator tests (Debian: libonnx-testdata) it takes the
smallest of each operator, twice: as it is, and with all but the first input
as constants. To them it adds a few models of a transformer's block in the
forms that exporters write, as small as they can be, and one of all element
types.

Needs the Python packages onnx and numpy; the result is committed.
"""
import os
import sys

import numpy as np
import onnx
from onnx import TensorProto as T
from onnx import helper, numpy_helper

HERE = os.path.dirname(os.path.abspath(__file__))
OUT = os.path.join(HERE, "corpus", "onnx")
MAX_BYTES = 4000


def save(name, model):
    model.doc_string = ""
    model.producer_name = ""
    for n in model.graph.node:
        n.doc_string = ""
    del model.graph.value_info[:]
    data = model.SerializeToString(deterministic=True)
    if len(data) <= MAX_BYTES:
        with open(os.path.join(OUT, name + ".onnx"), "wb") as f:
            f.write(data)


# ---- operator tests ----

def with_constants(folder, model):
    """All inputs but the first as initializers; None: one is no tensor."""
    inputs = list(model.graph.input)
    for i, v in enumerate(inputs[1:], 1):
        path = os.path.join(folder, "test_data_set_0", f"input_{i}.pb")
        t = T()
        try:
            with open(path, "rb") as f:
                t.ParseFromString(f.read())
        except Exception:
            return None
        t.name = v.name
        model.graph.initializer.append(t)
    del model.graph.input[1:]
    return model if len(inputs) > 1 else None


def of_node_tests(root):
    best = {}
    for name in sorted(os.listdir(root)):
        path = os.path.join(root, name, "model.onnx")
        if not os.path.exists(path):
            continue
        model = onnx.load(path)
        nodes = {n.op_type for n in model.graph.node}
        size = os.path.getsize(path)
        for op in nodes:
            if op not in best or size < best[op][0]:
                best[op] = (size, os.path.join(root, name))
    for op, (_, folder) in sorted(best.items()):
        path = os.path.join(folder, "model.onnx")
        save(op.lower(), onnx.load(path))
        model = with_constants(folder, onnx.load(path))
        if model:
            save(op.lower() + "_const", model)


# ---- blocks ----

class Graph:
    def __init__(self):
        self.node, self.init, self.n = [], [], 0
        self.rng = np.random.default_rng(1)

    def const(self, value, dtype=np.float32):
        self.n += 1
        name = f"c{self.n}"
        value = np.asarray(value, dtype)
        self.init.append(numpy_helper.from_array(value, name))
        return name

    def weight(self, *shape):
        return self.const(self.rng.normal(0, 0.4, shape).round(2))

    def op(self, kind, *inputs, outputs=1, domain="", **attrs):
        self.n += 1
        names = [f"v{self.n}" + "abc"[k] * (k > 0) for k in range(outputs)]
        self.node.append(helper.make_node(kind, inputs, names, domain=domain,
                                          **attrs))
        return names[0] if outputs == 1 else names

    def model(self, out, shape=(1, 3, 4, 4), opset=17, elem=T.FLOAT):
        g = helper.make_graph(
            self.node, "g",
            [helper.make_tensor_value_info("x", elem, shape)],
            [helper.make_tensor_value_info(out, elem, None)], self.init)
        return helper.make_model(
            g, opset_imports=[helper.make_opsetid("", opset),
                              helper.make_opsetid("com.microsoft", 1)])


def patches(g, x, width=4):
    y = g.op("Conv", x, g.weight(width, 3, 2, 2), g.weight(width),
             strides=[2, 2], kernel_shape=[2, 2])
    y = g.op("Reshape", y, g.const([1, width, 4], np.int64))
    y = g.op("Transpose", y, perm=[0, 2, 1])
    return g.op("Concat", g.weight(1, 1, width), y, axis=1)


def norm_in_parts(g, x, width=4):
    d = g.op("Sub", x, g.op("ReduceMean", x, axes=[-1], keepdims=1))
    v = g.op("ReduceMean", g.op("Pow", d, g.const(2.0)), axes=[-1], keepdims=1)
    y = g.op("Div", d, g.op("Sqrt", g.op("Add", v, g.const(1e-5))))
    return g.op("Add", g.op("Mul", y, g.weight(width)), g.weight(width))


def gelu_erf(g, x):
    e = g.op("Erf", g.op("Div", x, g.const(2 ** 0.5)))
    y = g.op("Mul", x, g.op("Add", e, g.const(1.0)))
    return g.op("Mul", y, g.const(0.5))


def gelu_tanh(g, x):
    c = g.op("Mul", g.op("Pow", x, g.const(3.0)), g.const(0.044715))
    t = g.op("Tanh", g.op("Mul", g.op("Add", x, c), g.const(0.7978845608)))
    return g.op("Mul", g.op("Mul", x, g.op("Add", t, g.const(1.0))),
                g.const(0.5))


def linear(g, x, rows, cols):
    return g.op("Add", g.weight(cols), g.op("MatMul", x,
                                            g.weight(rows, cols)))


def heads(g, x, perm, tokens=5):
    y = g.op("Reshape", x, g.const([1, tokens, 2, 2], np.int64))
    return g.op("Transpose", y, perm=perm)


def attention(g, x, mask=None, tokens=5):
    q = heads(g, linear(g, x, 4, 4), [0, 2, 1, 3], tokens)
    k = heads(g, linear(g, x, 4, 4), [0, 2, 3, 1], tokens)
    v = heads(g, linear(g, x, 4, 4), [0, 2, 1, 3], tokens)
    s = g.op("Mul", g.op("MatMul", q, k), g.const(0.7071))
    if mask:
        s = g.op("Add", s, mask)
    y = g.op("MatMul", g.op("Softmax", s, axis=-1), v)
    y = g.op("Transpose", y, perm=[0, 2, 1, 3])
    y = g.op("Reshape", y, g.const([1, tokens, 4], np.int64))
    return linear(g, y, 4, 4)


def vit():
    g = Graph()
    x = patches(g, "x")
    x = g.op("Add", x, attention(g, norm_in_parts(g, x)))
    y = gelu_erf(g, linear(g, norm_in_parts(g, x), 4, 6))
    x = g.op("Add", x, linear(g, y, 6, 4))
    x = g.op("Gather", x, g.const(0, np.int64), axis=1)
    return g.model(g.op("Gemm", x, g.weight(3, 4), g.weight(3), transB=1))


def vit_fused():
    g = Graph()
    x = patches(g, "x")
    y = g.op("LayerNormalization", x, g.weight(4), g.weight(4), epsilon=1e-6)
    qkv = g.op("MatMul", y, g.weight(4, 12))
    q, k, v = g.op("Split", qkv, outputs=3, axis=2)
    q, k, v = (heads(g, t, [0, 2, 1, 3]) for t in (q, k, v))
    y = g.op("Attention", q, k, v)
    y = g.op("Reshape", g.op("Transpose", y, perm=[0, 2, 1, 3]),
             g.const([1, 5, 4], np.int64))
    x = g.op("Add", x, gelu_tanh(g, linear(g, y, 4, 4)))
    y = g.op("Gelu", linear(g, x, 4, 4), approximate="tanh")
    y = g.op("ReduceMean", y, g.const([1], np.int64), keepdims=0)
    return g.model(y, opset=23)


def window():
    """Swin's: roll, cut into windows, attend with a bias and a mask, back."""
    g = Graph()
    x = g.op("Transpose", "x", perm=[0, 2, 3, 1])
    x = linear(g, x, 3, 4)
    a = g.op("Slice", x, g.const([1], np.int64), g.const([9], np.int64),
             g.const([1], np.int64))
    b = g.op("Slice", x, g.const([0], np.int64), g.const([1], np.int64),
             g.const([1], np.int64))
    x = g.op("Concat", a, b, axis=1)
    x = g.op("Reshape", x, g.const([1, 2, 2, 2, 2, 4], np.int64))
    x = g.op("Transpose", x, perm=[0, 1, 3, 2, 4, 5])
    x = g.op("Reshape", x, g.const([4, 4, 4], np.int64))
    x = g.op("Slice", x, g.const([0], np.int64), g.const([1], np.int64))
    mask = g.op("Where", g.const([[True, False, True, True]] * 4, bool),
                g.const(0.0), g.const(-np.inf))
    y = attention(g, x, g.op("Add", g.weight(2, 4, 4), mask), 4)
    return g.model(g.op("Sigmoid", y))


def pyramid():
    """Convolutions, pools and gates."""
    g = Graph()
    x = g.op("Conv", "x", g.weight(4, 3, 3, 3), pads=[1, 1, 1, 1])
    x = g.op("BatchNormalization", x, g.weight(4), g.weight(4), g.weight(4),
             g.const([1, 2, 1, 0.5]))
    x = g.op("HardSwish", x)
    x = g.op("Conv", x, g.weight(4, 1, 3, 3), g.weight(4), group=4,
             pads=[1, 1, 1, 1], strides=[2, 2])
    x = g.op("Mul", x, g.op("Sigmoid", x))
    m = g.op("MaxPool", x, kernel_shape=[2, 2], strides=[1, 1],
             pads=[0, 0, 1, 1])
    a = g.op("AveragePool", x, kernel_shape=[2, 2], strides=[1, 1],
             auto_pad="SAME_UPPER")
    x = g.op("Resize", g.op("Add", m, a), "", g.const([1, 1, 2, 2]),
             mode="linear")
    x = g.op("Flatten", g.op("GlobalAveragePool", x))
    return g.model(g.op("Clip", x, g.const(0.0), g.const(6.0)))


def qdq(signed):
    g = Graph()
    et = np.int8 if signed else np.uint8
    zero = 0 if signed else 120

    def pair(x, scale):
        q = g.op("QuantizeLinear", x, g.const(scale), g.const(zero, et))
        return g.op("DequantizeLinear", q, g.const(scale), g.const(zero, et))

    def weight(rows, cols):
        w = g.const(g.rng.integers(-127, 128, (rows, cols)), np.int8)
        return g.op("DequantizeLinear", w,
                    g.const(np.linspace(0.002, 0.005, cols)),
                    g.const(np.zeros(cols), np.int8), axis=1)

    x = patches(g, pair("x", 0.02))
    y = pair(norm_in_parts(g, pair(x, 0.03)), 0.02)
    y = g.op("MatMul", y, weight(4, 8))
    y = pair(gelu_erf(g, pair(y, 0.05)), 0.03)
    y = pair(g.op("MatMul", y, weight(8, 4)), 0.05)
    return g.model(g.op("Softmax", g.op("Add", x, y), axis=-1))


def qoperator():
    g = Graph()
    s, z = g.const(0.02), g.const(128, np.uint8)
    x = g.op("QuantizeLinear", "x", s, z)
    w = g.const(g.rng.integers(-127, 128, (4, 3, 2, 2)), np.int8)
    x = g.op("QLinearConv", x, s, z, w, g.const(0.01), g.const(0, np.int8),
             g.const(0.05), z, g.const([1, -2, 3, 4], np.int32),
             strides=[2, 2])
    x = g.op("Reshape", x, g.const([4, 4], np.int64))
    w = g.const(g.rng.integers(-127, 128, (4, 4)), np.int8)
    y = g.op("QLinearMatMul", x, g.const(0.05), z, w, g.const(0.01),
             g.const(0, np.int8), g.const(0.04), z)
    y = g.op("QLinearAdd", y, g.const(0.04), z, x, g.const(0.05), z,
             g.const(0.06), z, domain="com.microsoft")
    y = g.op("QLinearSoftmax", y, g.const(0.06), z, g.const(1 / 256),
             g.const(0, np.uint8), domain="com.microsoft", axis=-1, opset=13)
    return g.model(g.op("DequantizeLinear", y, g.const(1 / 256),
                        g.const(0, np.uint8)))


def control():
    """Einsum, a local function, If and Loop with known conditions."""
    g = Graph()
    x = g.op("Reshape", "x", g.const([12, 4], np.int64))
    x = g.op("Einsum", x, g.weight(4, 4), equation="ij,kj->ik")
    out = [helper.make_tensor_value_info("t", T.FLOAT, None)]
    then = helper.make_graph([helper.make_node("Neg", [x], ["t"])], "a", [],
                             out)
    other = helper.make_graph([helper.make_node("Abs", [x], ["t"])], "b", [],
                              out)
    x = g.op("If", g.const(True, bool), then_branch=then, else_branch=other)
    body = helper.make_graph(
        [helper.make_node("Add", ["a", "a"], ["b"]),
         helper.make_node("Identity", ["c"], ["d"])], "body",
        [helper.make_tensor_value_info("i", T.INT64, []),
         helper.make_tensor_value_info("c", T.BOOL, []),
         helper.make_tensor_value_info("a", T.FLOAT, None)],
        [helper.make_tensor_value_info("d", T.BOOL, []),
         helper.make_tensor_value_info("b", T.FLOAT, None)])
    x = g.op("Loop", g.const(2, np.int64), g.const(True, bool), x, body=body)
    x = g.op("Twice", x, domain="local", alpha=0.5)
    m = g.model(x, opset=18)
    m.functions.append(helper.make_function(
        "local", "Twice", ["a"], ["b"],
        [helper.make_node("LeakyRelu", ["a"], ["c"]),
         helper.make_node("Add", ["c", "c"], ["b"])],
        [helper.make_opsetid("", 18)], ["alpha"]))
    m.functions[0].node[0].attribute.add(
        name="alpha", ref_attr_name="alpha", type=onnx.AttributeProto.FLOAT)
    m.opset_import.append(helper.make_opsetid("local", 1))
    return m


def casts():
    """Every element type, in typed fields and in raw data."""
    g = Graph()
    x = "x"
    for i in range(1, 24):
        if i in (T.STRING, T.COMPLEX64, T.COMPLEX128):
            continue
        g.n += 1
        t = T(name=f"c{g.n}", data_type=i, dims=[4])
        t.raw_data = bytes(range(64))[:4 * {1: 4, 4: 2, 5: 2, 6: 4, 7: 8,
                                            10: 2, 11: 8, 12: 4, 13: 8,
                                            16: 2}.get(i, 1)]
        if i > 20:
            t.raw_data = bytes([0x21, 0x43])
        if i > 16 and i < 21 or i == 23:
            continue
        g.init.append(t)
        x = g.op("Add", x, g.op("Cast", t.name, to=T.FLOAT))
    return g.model(x, opset=21)


def shapes():
    """Sizes worked out at compile time."""
    g = Graph()
    s = g.op("Shape", "x")
    n = g.op("Gather", s, g.const(2, np.int64))
    n = g.op("Unsqueeze", g.op("Div", n, g.const(2, np.int64)),
             g.const([0], np.int64))
    r = g.op("Range", g.const(0, np.int64), g.const(4, np.int64),
             g.const(1, np.int64))
    e = g.op("Expand", r, g.op("Concat", n, g.const([4], np.int64), axis=0))
    e = g.op("Tile", g.op("Cast", e, to=T.FLOAT), g.const([2, 1], np.int64))
    f = g.op("ConstantOfShape", s, value=numpy_helper.from_array(
        np.array([0.5], np.float32)))
    y = g.op("Pad", g.op("Add", "x", f), g.const([0, 0, 1, 1, 0, 0, 0, 1],
                                                 np.int64))
    y = g.op("Trilu", y, g.const(1, np.int64))
    y = g.op("Slice", y, g.const([0, 1], np.int64), g.const([4, 9], np.int64),
             g.const([2, -1], np.int64))
    return g.model(g.op("Add", y, e))


def external():
    g = Graph()
    m = g.model(g.op("Add", "x", g.weight(1, 3, 4, 4)))
    t = m.graph.initializer[0]
    t.ClearField("raw_data")
    t.data_location = T.EXTERNAL
    for k, v in (("location", "weights.bin"), ("offset", "64"),
                 ("length", "192")):
        t.external_data.add(key=k, value=v)
    return m


MODELS = (vit, vit_fused, window, pyramid, qoperator, control, casts, shapes,
          external)


def main():
    os.makedirs(OUT, exist_ok=True)
    of_node_tests(sys.argv[1] if len(sys.argv) > 1
                  else "/usr/share/libonnx-testdata/data/node")
    for make in MODELS:
        save("model_" + make.__name__, make())
    save("model_qdq_s8", qdq(True))
    save("model_qdq_u8", qdq(False))


main()
