"""Writes ONNX graphs, node by node, as PyTorch's exporter writes them.

Small integers are Constant nodes, weights are initializers, and shapes that
depend on the batch are computed in the graph by Shape, Gather and Concat.
"""
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


class Graph:
    """A graph under construction; every method returns a tensor's name."""

    def __init__(self, opset, seed):
        self.opset = opset
        self.nodes, self.weights = [], []
        self.rng = np.random.default_rng(seed)

    def node(self, op, *inputs, outputs=1, **attributes):
        at = f"/{op}_{len(self.nodes)}"
        names = [f"{at}_output_{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(op, inputs, names, name=at,
                                           **attributes))
        return names[0] if outputs == 1 else names

    def constant(self, value, dtype=np.int64):
        return self.node("Constant", value=numpy_helper.from_array(
            np.asarray(value, dtype)))

    def real(self, value):
        return self.constant(value, np.float32)

    def weight(self, name, array):
        self.weights.append(numpy_helper.from_array(
            np.ascontiguousarray(array, np.float32), name))
        return name

    def reshape(self, x, *shape):
        return self.node("Reshape", x, self.constant(shape))

    def reshape_batch(self, x, *shape):
        """To [batch, *shape], the batch read from x itself."""
        batch = self.node("Gather", self.node("Shape", x), self.constant(0),
                          axis=0)
        parts = [self.node("Unsqueeze", batch, self.constant([0]))]
        parts += [self.constant([n]) for n in shape]
        return self.node("Reshape", x, self.node("Concat", *parts, axis=0))

    def transpose(self, x, *perm):
        return self.node("Transpose", x, perm=perm)

    def slice(self, x, axis, start, end, step=1):
        return self.node("Slice", x, *(self.constant([n]) for n in
                                       (start, end, axis, step)))

    def save(self, path, inputs, outputs):
        """inputs, outputs: name -> shape; a dimension may be a name."""
        def infos(tensors):
            return [helper.make_tensor_value_info(n, TensorProto.FLOAT, s)
                    for n, s in tensors.items()]

        graph = helper.make_graph(self.nodes, "main_graph", infos(inputs),
                                  infos(outputs), self.weights)
        model = helper.make_model(
            graph, ir_version=8, producer_name="vitqc tests/bench",
            opset_imports=[helper.make_opsetid("", self.opset)])
        onnx.checker.check_model(model)
        onnx.save(model, path)


class Layers(Graph):
    """Layers with random weights whose statistics are those of trained ones.

    The figures are those of DeiT-Tiny's ImageNet weights: values with heavy
    tails (Student's t with 8 degrees of freedom), a standard deviation near
    0.7 / sqrt(inputs), channels that differ by 15 %, biases as large as the
    values they are added to, and norms whose gains differ from channel to
    channel.
    """

    def values(self, *shape):
        return self.rng.standard_t(8, shape) / np.sqrt(8 / 6)

    def bias(self, name, n, mean=0.0, spread=0.3):
        return self.weight(name, mean + spread * self.values(n))

    def matrix(self, fan_in, fan_out):
        channel = np.exp(self.rng.normal(0, 0.15, fan_out))
        return self.values(fan_in, fan_out) * channel * 0.7 / np.sqrt(fan_in)

    def linear(self, name, x, fan_in, fan_out, bias=True, mean=0.0):
        w = self.weight(f"onnx::{name}", self.matrix(fan_in, fan_out))
        y = self.node("MatMul", x, w)
        if not bias:
            return y
        return self.node("Add", self.bias(f"{name}.bias", fan_out, mean), y)

    def head(self, name, x, fan_in, fan_out):
        w = self.weight(f"{name}.weight", self.matrix(fan_in, fan_out).T)
        return self.node("Gemm", x, w, self.bias(f"{name}.bias", fan_out),
                         transB=1)

    def patches(self, x, dim, size, channels=3):
        fan_in = channels * size * size
        w = self.matrix(fan_in, dim).T.reshape(dim, channels, size, size)
        return self.node(
            "Conv", x, self.weight("patch_embed.weight", w),
            self.bias("patch_embed.bias", dim), dilations=[1, 1], group=1,
            kernel_shape=[size, size], pads=[0] * 4, strides=[size, size])

    def norm(self, name, x, dim, epsilon):
        gain = self.weight(f"{name}.weight",
                           np.exp(self.rng.normal(0.2, 0.15, dim)))
        bias = self.bias(f"{name}.bias", dim)
        if self.opset >= 17:
            return self.node("LayerNormalization", x, gain, bias, axis=-1,
                             epsilon=epsilon)
        mean = self.node("ReduceMean", x, axes=[-1])
        centred = self.node("Sub", x, mean)
        square = self.node("Pow", centred, self.real(2))
        variance = self.node("ReduceMean", square, axes=[-1])
        root = self.node("Sqrt", self.node("Add", variance,
                                           self.real(epsilon)))
        scaled = self.node("Mul", self.node("Div", centred, root), gain)
        return self.node("Add", scaled, bias)

    def gelu(self, x):
        erf = self.node("Erf", self.node("Div", x, self.real(2 ** 0.5)))
        y = self.node("Mul", x, self.node("Add", erf, self.real(1)))
        return self.node("Mul", y, self.real(0.5))

    def mlp(self, name, x, dim, hidden):
        x = self.linear(f"{name}.fc1", x, dim, hidden, mean=-0.6)
        return self.linear(f"{name}.fc2", self.gelu(x), hidden, dim)
