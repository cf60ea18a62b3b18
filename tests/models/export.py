#!/usr/bin/env python3
"""Writes the small models of this folder, as exporters write Vision
Transformers: random weights, two blocks, 32 x 32 pixels, patches of 8.

    export.py [FOLDER]

Every NAME.onnx gets NAME.out.npy, its outputs for the rows of input.npy by
PyTorch. NAME_dyn.onnx is the same model with a dynamic batch; its outputs are
those of NAME. Needs torch, onnx and onnxscript; the files in the repository
were made with torch 2.13.
"""
import math
import pathlib
import sys
import warnings

import numpy as np
import onnx
import torch
from torch import nn
from torch.nn import functional as F

IMAGE, PATCH, CLASSES, DEPTH = 32, 8, 10, 2


class FusedAttention(nn.Module):
    """timm: one Linear for q, k and v; reshape, permute, unbind."""

    def __init__(self, dim, heads):
        super().__init__()
        self.heads, self.scale = heads, (dim // heads) ** -0.5
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)

    def attend(self, q, k, v):
        return ((q * self.scale) @ k.transpose(-2, -1)).softmax(-1) @ v

    def forward(self, x):
        b, n, c = x.shape
        qkv = self.qkv(x).reshape(b, n, 3, self.heads, c // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        x = self.attend(q, k, v)
        return self.proj(x.transpose(1, 2).reshape(b, n, c))


class SdpaAttention(FusedAttention):
    """timm with fused attention: F.scaled_dot_product_attention."""

    def attend(self, q, k, v):
        return F.scaled_dot_product_attention(q, k, v)


class SeparateAttention(nn.Module):
    """Hugging Face: three Linears, scores divided by sqrt(d)."""

    def __init__(self, dim, heads):
        super().__init__()
        self.heads, self.size = heads, dim // heads
        self.query = nn.Linear(dim, dim)
        self.key = nn.Linear(dim, dim)
        self.value = nn.Linear(dim, dim)
        self.dense = nn.Linear(dim, dim)

    def split(self, x):
        x = x.view(x.size()[:-1] + (self.heads, self.size))
        return x.permute(0, 2, 1, 3)

    def forward(self, x):
        k = self.split(self.key(x))
        v = self.split(self.value(x))
        q = self.split(self.query(x))
        scores = q @ k.transpose(-1, -2) / math.sqrt(self.size)
        x = F.dropout(scores.softmax(-1), 0.1, self.training) @ v
        x = x.permute(0, 2, 1, 3).contiguous()
        return self.dense(x.view(x.size()[:-2] + (self.heads * self.size,)))


class TorchAttention(nn.Module):
    """torchvision: nn.MultiheadAttention."""

    def __init__(self, dim, heads):
        super().__init__()
        self.mha = nn.MultiheadAttention(dim, heads, batch_first=True)

    def forward(self, x):
        return self.mha(x, x, x, need_weights=False)[0]


class LayerScale(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.gamma = nn.Parameter(torch.rand(dim) + 0.5)

    def forward(self, x):
        return x * self.gamma


class Block(nn.Module):
    def __init__(self, dim, heads, attention, gelu, scale):
        super().__init__()
        self.norm1 = nn.LayerNorm(dim, eps=1e-6)
        self.attn = attention(dim, heads)
        self.ls1 = LayerScale(dim) if scale else nn.Identity()
        self.norm2 = nn.LayerNorm(dim, eps=1e-6)
        self.fc1 = nn.Linear(dim, 2 * dim)
        self.act = nn.GELU(approximate=gelu)
        self.fc2 = nn.Linear(2 * dim, dim)
        self.ls2 = LayerScale(dim) if scale else nn.Identity()

    def forward(self, x):
        x = x + self.ls1(self.attn(self.norm1(x)))
        return x + self.ls2(self.fc2(self.act(self.fc1(self.norm2(x)))))


class Vit(nn.Module):
    """pool: `token`, `pooler` (Hugging Face's, with tanh) or `mean`."""

    def __init__(self, attention, dim, pool="token", gelu="none", scale=False):
        super().__init__()
        tokens = (IMAGE // PATCH) ** 2 + 1
        self.pool = pool
        self.patch = nn.Conv2d(3, dim, PATCH, PATCH)
        self.cls = nn.Parameter(torch.randn(1, 1, dim) * 0.5)
        self.pos = nn.Parameter(torch.randn(1, tokens, dim) * 0.5)
        self.blocks = nn.Sequential(
            *[Block(dim, 2, attention, gelu, scale) for _ in range(DEPTH)]
        )
        self.norm = nn.LayerNorm(dim, eps=1e-6)
        self.pooler = nn.Linear(dim, dim) if pool == "pooler" else None
        self.head = nn.Linear(dim, CLASSES)

    def forward(self, pixels):
        x = self.patch(pixels).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls.expand(x.shape[0], -1, -1), x], 1)
        x = self.norm(self.blocks(x + self.pos))
        if self.pool == "mean":
            return self.head(x[:, 1:].mean(1))
        x = x[:, 0]
        if self.pooler:
            x = torch.tanh(self.pooler(x))
        return self.head(x)


# name: attention, dim, opset, both (a dynamic batch, too), other options
MODELS = {
    "timm_op13": (FusedAttention, 8, 13, True, {}),
    "timm_op14_scale_mean": (
        FusedAttention, 8, 14, False, {"scale": True, "pool": "mean"},
    ),
    "timm_op17": (FusedAttention, 32, 17, True, {}),
    "hf_op11": (SeparateAttention, 8, 11, False, {}),
    "hf_op14_pooler": (SeparateAttention, 16, 14, True, {"pool": "pooler"}),
    "torchvision_op17": (TorchAttention, 8, 17, True, {}),
    "sdpa_op14_tanh": (SdpaAttention, 8, 14, True, {"gelu": "tanh"}),
    "sdpa_op18": (SdpaAttention, 8, 18, False, {}),
    "dynamo_op18": (SdpaAttention, 8, 18, True, {}),
}


def export(model, path, opset, pixels, dynamic, dynamo):
    names = {"input_names": ["pixel_values"], "output_names": ["logits"]}
    if dynamo:
        batch = torch.export.Dim("batch")
        shapes = ({0: batch},) if dynamic else None
        torch.onnx.export(
            model, (pixels,), str(path), opset_version=opset, dynamo=True,
            dynamic_shapes=shapes, external_data=False, verbose=False, **names,
        )
    else:
        axes = {"pixel_values": {0: "batch"}, "logits": {0: "batch"}}
        torch.onnx.export(
            model, (pixels,), str(path), opset_version=opset, dynamo=False,
            dynamic_axes=axes if dynamic else None, **names,
        )
    strip(path)


def strip(path):
    """Drops where in whose files each node came from."""
    model = onnx.load(path)
    del model.metadata_props[:], model.graph.metadata_props[:]
    del model.graph.value_info[:]
    for part in (*model.graph.node, *model.graph.input, *model.graph.output,
                 *model.graph.initializer):
        part.doc_string = ""
        del part.metadata_props[:]
    onnx.save(model, path)


def main():
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else __file__)
    folder = folder if folder.is_dir() else folder.parent
    warnings.simplefilter("ignore")
    torch.manual_seed(1)
    pixels = torch.randn(2, 3, IMAGE, IMAGE)
    np.save(folder / "input.npy", pixels.numpy())
    for name, (attention, dim, opset, both, options) in MODELS.items():
        model = Vit(attention, dim, **options).eval()
        with torch.no_grad():
            np.save(folder / f"{name}.out.npy", model(pixels).numpy())
        dynamo = name.startswith("dynamo")
        export(model, folder / f"{name}.onnx", opset, pixels[:1], False, dynamo)
        if both:
            path = folder / f"{name}_dyn.onnx"
            export(model, path, opset, pixels, True, dynamo)


if __name__ == "__main__":
    main()
