"""The models that are measured; ONNX files of those with random weights.

Speed does not depend on the weights; accuracy is judged on the one model that
has real ones.
"""
import os
from typing import Callable, NamedTuple

import numpy as np
from onnx import numpy_helper

from onnx_graph import Layers

INPUT, OUTPUT, CLASSES, SIZE = "pixel_values", "logits", 1000, 224


def tokens(g, x, dim, count):
    """Class token, patches, positions."""
    x = g.transpose(g.node("Reshape", x, g.constant([0, dim, -1])), 0, 2, 1)
    batch = g.node("Gather", g.node("Shape", x), g.constant(0), axis=0)
    shape = g.node("Concat", g.node("Unsqueeze", batch, g.constant([0])),
                   g.constant([-1]), g.constant([-1]), axis=0)
    ones = g.node("ConstantOfShape", g.constant([3]),
                  value=numpy_helper.from_array(np.array([1])))
    kept = g.node("Equal", shape, g.node("Mul", ones, g.constant(-1)))
    asked = g.node("Where", kept, ones, shape)
    first = g.weight("cls_token", 0.65 * g.values(1, 1, dim))
    x = g.node("Concat", g.node("Expand", first, asked), x, axis=1)
    return g.node("Add", x, g.weight("pos_embed",
                                     0.6 * g.values(1, count, dim)))


def attention_fused(g, name, x, dim, heads, count):
    """timm: one product for q, k, v; the scale on q."""
    size = dim // heads
    x = g.linear(f"{name}.qkv", x, dim, 3 * dim)
    x = g.transpose(g.reshape_batch(x, count, 3, heads, size), 2, 0, 3, 1, 4)
    q, k, v = (g.node("Squeeze", part, g.constant([0])) for part in
               g.node("Split", x, g.constant([1, 1, 1]), outputs=3, axis=0))
    q = g.node("Mul", q, g.real(size ** -0.5))
    scores = g.node("MatMul", q, g.transpose(k, 0, 1, 3, 2))
    y = g.node("MatMul", g.node("Softmax", scores, axis=-1), v)
    y = g.reshape_batch(g.transpose(y, 0, 2, 1, 3), count, dim)
    return g.linear(f"{name}.proj", y, dim, dim)


def attention_separate(g, name, x, dim, heads, count):
    """Hugging Face: a product each for q, k and v; the scores are divided."""
    size = dim // heads

    def split(part, *perm):
        y = g.linear(f"{name}.{part}", x, dim, dim)
        return g.transpose(g.reshape_batch(y, count, heads, size), *perm)

    k, v = split("key", 0, 2, 3, 1), split("value", 0, 2, 1, 3)
    q = split("query", 0, 2, 1, 3)
    scores = g.node("Div", g.node("MatMul", q, k), g.real(size ** 0.5))
    y = g.node("MatMul", g.node("Softmax", scores, axis=-1), v)
    y = g.reshape_batch(g.transpose(y, 0, 2, 1, 3), count, dim)
    return g.linear(f"{name}.output", y, dim, dim)


def write_vit(path, dim, heads, seed, opset, epsilon, attention, patch=16,
              depth=12):
    g = Layers(opset, seed)
    count = (SIZE // patch) ** 2 + 1
    x = tokens(g, g.patches(INPUT, dim, patch), dim, count)
    for i in range(depth):
        y = g.norm(f"blocks.{i}.norm1", x, dim, epsilon)
        x = g.node("Add", attention(g, f"blocks.{i}.attn", y, dim, heads,
                                    count), x)
        y = g.norm(f"blocks.{i}.norm2", x, dim, epsilon)
        x = g.node("Add", x, g.mlp(f"blocks.{i}.mlp", y, dim, 4 * dim))
    x = g.node("Gather", g.norm("norm", x, dim, epsilon), g.constant(0),
               axis=1)
    finish(g, path, g.head("head", x, dim, CLASSES))


def finish(g, path, logits):
    g.node("Identity", logits)
    g.nodes[-1].output[0] = OUTPUT
    g.save(path, {INPUT: ["batch", 3, SIZE, SIZE]},
           {OUTPUT: ["batch", CLASSES]})


def write_deit(dim, heads, seed):
    return lambda path: write_vit(path, dim, heads, seed, 17, 1e-6,
                                  attention_fused)


def write_vit_b16(path):
    write_vit(path, 768, 12, 4, 14, 1e-12, attention_separate)


def window_bias(g, name, heads, window):
    """The table is gathered by PyTorch before the export folds it."""
    table = 0.5 * g.values((2 * window - 1) ** 2, heads)
    at = np.stack(np.meshgrid(range(window), range(window), indexing="ij"))
    at = at.reshape(2, -1)
    delta = at[:, :, None] - at[:, None, :] + window - 1
    index = delta[0] * (2 * window - 1) + delta[1]
    return g.weight(f"{name}.bias", table[index].transpose(2, 0, 1)[None])


def shift_mask(side, window, shift):
    """-100 between positions that were no neighbours before the shift."""
    zone = np.zeros(side, int)
    zone[-window:-shift], zone[-shift:] = 1, 2
    zone = (3 * zone[:, None] + zone[None, :]).reshape(
        side // window, window, side // window, window)
    zone = zone.transpose(0, 2, 1, 3).reshape(-1, window * window)
    return np.where(zone[:, :, None] == zone[:, None, :], 0.0, -100.0)


def roll(g, x, shift, side):
    """torch.roll of both image axes of [batch, side, side, dim]."""
    cut = shift % side
    for axis in (1, 2):
        x = g.node("Concat", g.slice(x, axis, side - cut, 2 ** 31),
                   g.slice(x, axis, 0, side - cut), axis=axis)
    return x


def attention_window(g, name, x, dim, heads, side, window, shift):
    """x: [batch, side, side, dim]."""
    n, across, size = window * window, side // window, dim // heads
    if shift:
        x = roll(g, x, -shift, side)
    x = g.reshape(x, -1, across, window, across, window, dim)
    x = g.reshape(g.transpose(x, 0, 1, 3, 2, 4, 5), -1, n, dim)
    x = g.linear(f"{name}.qkv", x, dim, 3 * dim)
    x = g.transpose(g.reshape(x, -1, n, 3, heads, size), 2, 0, 3, 1, 4)
    q, k, v = (g.node("Squeeze", part, g.constant([0])) for part in
               g.node("Split", x, g.constant([1, 1, 1]), outputs=3, axis=0))
    q = g.node("Mul", q, g.real(size ** -0.5))
    s = g.node("MatMul", q, g.transpose(k, 0, 1, 3, 2))
    s = g.node("Add", s, window_bias(g, name, heads, window))
    if shift:
        mask = shift_mask(side, window, shift)[None, :, None]
        s = g.reshape(s, -1, across * across, heads, n, n)
        s = g.node("Add", s, g.weight(f"{name}.mask", mask))
        s = g.reshape(s, -1, heads, n, n)
    y = g.node("MatMul", g.node("Softmax", s, axis=-1), v)
    y = g.reshape(g.transpose(y, 0, 2, 1, 3), -1, n, dim)
    y = g.linear(f"{name}.proj", y, dim, dim)
    y = g.reshape(y, -1, across, across, window, window, dim)
    y = g.reshape(g.transpose(y, 0, 1, 3, 2, 4, 5), -1, side, side, dim)
    return roll(g, y, shift, side) if shift else y


def merge_patches(g, name, x, dim):
    parts = [g.slice(g.slice(x, 1, row, 2 ** 31, 2), 2, col, 2 ** 31, 2)
             for col in (0, 1) for row in (0, 1)]
    x = g.norm(f"{name}.norm", g.node("Concat", *parts, axis=-1), 4 * dim,
               1e-5)
    return g.linear(f"{name}.reduction", x, 4 * dim, 2 * dim, bias=False)


def write_swin_t(path, dim=96, depths=(2, 2, 6, 2), window=7):
    g = Layers(17, 5)
    side = SIZE // 4
    x = g.transpose(g.patches(INPUT, dim, 4), 0, 2, 3, 1)
    x = g.norm("patch_embed.norm", x, dim, 1e-5)
    for stage, depth in enumerate(depths):
        if stage:
            x = merge_patches(g, f"layers.{stage}.downsample", x, dim)
            side, dim = side // 2, 2 * dim
        for i in range(depth):
            name = f"layers.{stage}.blocks.{i}"
            shift = window // 2 if i % 2 and side > window else 0
            y = g.norm(f"{name}.norm1", x, dim, 1e-5)
            y = attention_window(g, f"{name}.attn", y, dim, dim // 32, side,
                                 window, shift)
            x = g.node("Add", x, y)
            y = g.norm(f"{name}.norm2", x, dim, 1e-5)
            x = g.node("Add", x, g.mlp(f"{name}.mlp", y, dim, 4 * dim))
    x = g.node("ReduceMean", g.norm("norm", x, dim, 1e-5), axes=[1, 2],
               keepdims=0)
    finish(g, path, g.head("head", x, dim, CLASSES))


class Model(NamedTuple):
    key: str
    label: str
    write: Callable  # writes the model with random weights to a path
    note: str


MODELS = (
    Model("deit_t", "DeiT-T", write_deit(192, 3, 1), ""),
    Model("deit_s", "DeiT-S", write_deit(384, 6, 2), ""),
    Model("deit_b", "DeiT-B", write_deit(768, 12, 3), ""),
    Model("vit_b16", "ViT-B/16", write_vit_b16,
          "the shapes of DeiT-B as Hugging Face exports them: q, k and v are "
          "three products, layernorm is nine nodes, opset 14"),
    Model("swin_t", "Swin-T", write_swin_t,
          "windows of 7, shifted, with relative position biases"))


def find_file(model, folder, real):
    """The model's ONNX file; real: that of DeiT-T with its trained weights."""
    if model.key == "deit_t" and real:
        return real
    path = os.path.join(folder, f"{model.key}.onnx")
    if not os.path.exists(path):
        model.write(path + ".part")
        os.replace(path + ".part", path)
    return path
