#!/usr/bin/env python3
"""Writes the small models of converters/: Vision Transformers as tf2onnx,
Paddle2ONNX and ONNX Runtime's transformer optimizer write them, random
weights, two blocks, 32 x 32 pixels.

    converters.py [FOLDER] [keras|paddle|optimizer ..]

Every NAME.onnx gets NAME.out.npy, its outputs for the rows of input.npy by
ONNX Runtime. Each converter wants packages of its own, which need not be in
one environment; the files in the repository were made with tensorflow 2.21 and
tf2onnx 1.17, paddlepaddle 3.3 and paddle2onnx 2.1, onnxruntime 1.26 and torch
2.13.
"""
import os
import pathlib
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""

import numpy as np

SIZE, PATCH, WIDTH, HEADS, DEPTH, HIDDEN, CLASSES = 32, 8, 24, 3, 2, 48, 10
HERE = pathlib.Path(__file__).parent


def weights(shape, name, k):
    """Around 1 for gamma, around 0 for the rest, the same every time."""
    w = np.random.RandomState(k).randn(*shape).astype(np.float32) * 0.2
    return w + ("gamma" in name)


def keras_vit(tf, approximate):
    layers = tf.keras.layers

    class Tokens(layers.Layer):
        def build(self, shape):
            self.cls = self.add_weight(shape=(1, 1, shape[-1]), name="cls")
            self.pos = self.add_weight(shape=(1, shape[1] + 1, shape[-1]),
                                       name="pos")

        def call(self, x):
            cls = tf.broadcast_to(self.cls, [tf.shape(x)[0], 1, x.shape[-1]])
            return tf.concat([cls, x], 1) + self.pos

    def gelu(x):
        if approximate:
            return tf.nn.gelu(x, approximate=True)
        return 0.5 * x * (1 + tf.math.erf(x / np.float32(np.sqrt(2))))

    image = tf.keras.Input((SIZE, SIZE, 3))
    x = layers.Conv2D(WIDTH, PATCH, PATCH)(image)
    x = Tokens()(layers.Reshape(((SIZE // PATCH) ** 2, WIDTH))(x))
    for _ in range(DEPTH):
        y = layers.LayerNormalization(epsilon=1e-6)(x)
        y = layers.MultiHeadAttention(HEADS, WIDTH // HEADS)(y, y)
        x = layers.Add()([x, y])
        y = layers.LayerNormalization(epsilon=1e-6)(x)
        y = layers.Lambda(gelu)(layers.Dense(HIDDEN)(y))
        x = layers.Add()([x, layers.Dense(WIDTH)(y)])
    x = layers.LayerNormalization(epsilon=1e-6)(x)
    model = tf.keras.Model(image, layers.Dense(CLASSES)(x[:, 0]))
    for k, w in enumerate(model.weights):
        w.assign(weights(w.shape, w.path, k))
    return model


def keras(folder):
    import tensorflow as tf
    import tf2onnx

    for name, opset, batch, approximate in (
            ("keras_op13", 13, 1, False), ("keras_op18_dyn", 18, None, False),
            ("keras_op15_tanh", 15, 1, True)):
        model = keras_vit(tf, approximate)
        spec = [tf.TensorSpec([batch, SIZE, SIZE, 3], tf.float32, name="x")]
        tf2onnx.convert.from_function(
            tf.function(lambda x: model(x, training=False),
                        input_signature=spec),
            input_signature=spec, opset=opset, inputs_as_nchw=["x"],
            output_path=str(folder / f"{name}.onnx"))


def paddle_vit(paddle):
    nn = paddle.nn

    class Attention(nn.Layer):
        def __init__(self):
            super().__init__()
            self.qkv = nn.Linear(WIDTH, 3 * WIDTH)
            self.proj = nn.Linear(WIDTH, WIDTH)

        def forward(self, x):
            n = x.shape[1]
            y = self.qkv(x).reshape((-1, n, 3, HEADS, WIDTH // HEADS))
            q, k, v = y.transpose((2, 0, 3, 1, 4))
            a = q.matmul(k.transpose((0, 1, 3, 2))) * (WIDTH // HEADS) ** -0.5
            y = nn.functional.softmax(a, axis=-1).matmul(v)
            return self.proj(y.transpose((0, 2, 1, 3)).reshape((-1, n, WIDTH)))

    class Block(nn.Layer):
        def __init__(self):
            super().__init__()
            self.norm1 = nn.LayerNorm(WIDTH, epsilon=1e-6)
            self.attn = Attention()
            self.norm2 = nn.LayerNorm(WIDTH, epsilon=1e-6)
            self.mlp = nn.Sequential(nn.Linear(WIDTH, HIDDEN), nn.GELU(),
                                     nn.Dropout(0.1), nn.Linear(HIDDEN, WIDTH))

        def forward(self, x):
            x = x + self.attn(self.norm1(x))
            return x + self.mlp(self.norm2(x))

    class Vit(nn.Layer):
        def __init__(self):
            super().__init__()
            self.patches = nn.Conv2D(3, WIDTH, PATCH, PATCH)
            self.cls = self.create_parameter((1, 1, WIDTH))
            self.pos = self.create_parameter(
                (1, (SIZE // PATCH) ** 2 + 1, WIDTH))
            self.blocks = nn.LayerList([Block() for _ in range(DEPTH)])
            self.norm = nn.LayerNorm(WIDTH, epsilon=1e-6)
            self.head = nn.Linear(WIDTH, CLASSES)

        def forward(self, x):
            batch = paddle.shape(x)[0]
            x = self.patches(x).flatten(2).transpose((0, 2, 1))
            x = paddle.concat((self.cls.expand((batch, -1, -1)), x), axis=1)
            x = x + self.pos
            for block in self.blocks:
                x = block(x)
            return self.head(self.norm(x)[:, 0])

    return Vit()


def paddle(folder):
    import paddle
    import paddle2onnx
    import tempfile

    paddle.enable_static()
    main, start = paddle.static.Program(), paddle.static.Program()
    with paddle.static.program_guard(main, start):
        x = paddle.static.data("x", [-1, 3, SIZE, SIZE], "float32")
        model = paddle_vit(paddle)
        model.eval()
        y = model(x)
    exe = paddle.static.Executor(paddle.CPUPlace())
    exe.run(start)
    for k, (name, p) in enumerate(model.named_parameters()):
        gamma = "gamma" if "norm" in name and "weight" in name else ""
        paddle.static.global_scope().find_var(p.name).get_tensor().set(
            weights(p.shape, gamma, k), paddle.CPUPlace())
    with tempfile.TemporaryDirectory() as t:
        paddle.static.save_inference_model(f"{t}/m", [x], [y], exe,
                                           program=main)
        source = f"{t}/m.json"
        if not os.path.exists(source):
            source = f"{t}/m.pdmodel"
        for opset in (9, 11, 17):
            paddle2onnx.export(source, f"{t}/m.pdiparams",
                               str(folder / f"paddle_op{opset}.onnx"),
                               opset_version=opset)


def optimizer(folder):
    from onnxruntime.transformers import optimizer
    from onnxruntime.transformers.fusion_options import FusionOptions

    # Without ONNX Runtime's own passes (level 0) attention is found as well.
    for name, source, family, level, multi in (
            ("optimized_vit", "timm_op17", "vit", None, False),
            ("optimized_vit_f16", "sdpa_op18", "vit", None, False),
            ("optimized_clip", "zoo/clip_hf_ts14", "clip", None, False),
            ("optimized_attention", "hf_op14_pooler", "bert", 0, False),
            ("optimized_multihead", "hf_op11", "vit", 0, True)):
        options = FusionOptions(family)
        options.use_multi_head_attention = multi
        model = optimizer.optimize_model(
            str(HERE / f"{source}.onnx"), model_type=family, num_heads=2,
            hidden_size=16, opt_level=level, optimization_options=options)
        if name.endswith("f16"):
            model.convert_float_to_float16(keep_io_types=False)
        model.save_model_to_file(str(folder / f"{name}.onnx"))


def write_outputs(path):
    import onnxruntime as rt

    session = rt.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    x = np.load(HERE / "input.npy")
    first = session.get_inputs()[0]
    x = x.astype(np.float16 if "float16" in first.type else np.float32)
    y = [session.run(None, {first.name: row[None]})[0] for row in x]
    np.save(path.with_suffix(".out.npy"),
            np.concatenate(y).astype(np.float32))


def main():
    args = sys.argv[1:]
    known = {"keras": keras, "paddle": paddle, "optimizer": optimizer}
    folder = HERE / "converters"
    if args and args[0] not in known:
        folder = pathlib.Path(args.pop(0))
    folder.mkdir(exist_ok=True)
    for name in args or known:
        known[name](folder)
        for path in sorted(folder.glob(f"{name[:5]}*.onnx")):
            write_outputs(path)


if __name__ == "__main__":
    main()
