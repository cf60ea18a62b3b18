#!/usr/bin/env python3
"""Writes outputs/NAME.onnx: small models with several outputs, and
outputs/NAME.I.npy, output I for the rows of input.npy by ONNX Runtime.

    outputs.py [FOLDER]

Needs torch, onnx and onnxruntime; the files in the repository were made with
torch 2.13 and onnxruntime 1.31.
"""
import pathlib
import sys

import numpy as np
import onnxruntime
import torch
from torch import nn


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        self.fc1 = nn.Linear(width, 2 * width)
        self.fc2 = nn.Linear(2 * width, width)

    def forward(self, x):
        b, n, c = x.shape
        q, k, v = self.qkv(self.norm1(x)).reshape(
            b, n, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4)
        p = (q @ k.transpose(-2, -1) * (c // self.heads) ** -0.5).softmax(-1)
        x = x + self.proj((p @ v).transpose(1, 2).reshape(b, n, c))
        return x + self.fc2(nn.functional.gelu(self.fc1(self.norm2(x))))


class Trunk(nn.Module):
    def __init__(self, width=24, heads=3, depth=2):
        super().__init__()
        self.proj = nn.Conv2d(3, width, 8, 8)
        self.token = nn.Parameter(torch.randn(1, 1, width) * 0.3)
        self.position = nn.Parameter(torch.randn(1, 17, width) * 0.3)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(width)

    def forward(self, x):
        x = self.proj(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1)
        states = [x + self.position]
        for block in self.blocks:
            states.append(block(states[-1]))
        return states


class Heads(nn.Module):
    """A state that the next block reads, an image of features, the features
    that the classifiers read, and the answers of two classifiers."""

    def __init__(self, width=24):
        super().__init__()
        self.trunk = Trunk(width)
        self.coarse = nn.Linear(width, 5)
        self.fine = nn.Linear(width, 10)

    def forward(self, x):
        states = self.trunk(x)
        y = self.trunk.norm(states[-1])
        image = y[:, 1:].transpose(1, 2).reshape(x.shape[0], -1, 4, 4)
        pooled = y[:, 0]
        return (states[1], image, pooled, self.fine(pooled),
                self.coarse(pooled).softmax(-1))


class Features(nn.Module):
    """No head: the states before, between and after the blocks."""

    def __init__(self):
        super().__init__()
        self.trunk = Trunk()

    def forward(self, x):
        states = self.trunk(x)
        return (*states, self.trunk.norm(states[-1]))


def main():
    here = pathlib.Path(__file__).parent
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 \
        else here / "outputs"
    rows = np.load(here / "input.npy")
    folder.mkdir(exist_ok=True)
    for name, model in ("heads", Heads), ("features", Features):
        torch.manual_seed(1)
        path = folder / f"{name}.onnx"
        torch.onnx.export(model().eval(), torch.from_numpy(rows[:1]), path,
                          input_names=["pixels"], opset_version=17,
                          dynamo=False)
        run = onnxruntime.InferenceSession(str(path)).run
        for i, y in enumerate(zip(*(run(None, {"pixels": row[None]})
                                    for row in rows))):
            np.save(folder / f"{name}.{i}.npy", np.concatenate(y))


main()
