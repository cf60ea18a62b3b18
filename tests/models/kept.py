#!/usr/bin/env python3
"""Writes kept/NAME.onnx: small models with ops that have no integer form, and
kept/NAME.out.npy, their outputs for the rows of input.npy by ONNX Runtime.

    kept.py [FOLDER]

Needs torch, onnx and onnxruntime; the files in the repository were made with
torch 2.13 and onnxruntime 1.31.
"""
import pathlib
import sys

import numpy as np
import onnxruntime
import torch
from torch import nn


class Tokens(nn.Module):
    """Patches of 8 x 8 pixels as tokens of the given width."""

    def __init__(self, width):
        super().__init__()
        self.proj = nn.Conv2d(3, width, 8, 8)

    def forward(self, x):
        return self.proj(x).flatten(2).transpose(1, 2)


class Elementwise(nn.Module):
    """Quotients, extremes and powers of two values."""

    def __init__(self, width=24):
        super().__init__()
        self.tokens = Tokens(width)
        self.a = nn.Linear(width, width)
        self.b = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, 10)

    def forward(self, x):
        x = self.tokens(x)
        a, b = self.a(x), self.b(x)
        q = a / (b.abs() + 0.5)
        m = torch.maximum(a, b) * q - torch.minimum(a, q)
        p = torch.pow(b.abs() + 0.1, torch.sigmoid(a))
        y = x + m + p - b
        return self.head(self.norm(y).mean(1))


class Axes(nn.Module):
    """Reductions and a softmax along other axes, products outside of
    attention."""

    def __init__(self, width=24):
        super().__init__()
        self.tokens = Tokens(width)
        self.a = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, 10)

    def forward(self, x):
        x = self.tokens(x)
        a = self.a(self.norm(x))
        pool = torch.softmax(a * 3, dim=1)
        mixed = pool.transpose(1, 2) @ x
        gram = torch.tanh(mixed @ a.transpose(1, 2) * 0.2) @ a
        top = gram.amax(1) - x.amin(1)
        y = top + gram.sum(1) * 0.1
        return self.head(self.norm(y))


def main():
    here = pathlib.Path(__file__).parent
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else here / "kept"
    rows = np.load(here / "input.npy")
    folder.mkdir(exist_ok=True)
    for name, model in ("elementwise", Elementwise), ("axes", Axes):
        torch.manual_seed(1)
        path = folder / f"{name}.onnx"
        torch.onnx.export(model().eval(), torch.from_numpy(rows[:1]), path,
                          input_names=["pixels"], output_names=["logits"],
                          opset_version=17, dynamo=False)
        run = onnxruntime.InferenceSession(str(path)).run
        np.save(folder / f"{name}.out.npy", np.concatenate(
            [run(None, {"pixels": row[None]})[0] for row in rows]))


main()
