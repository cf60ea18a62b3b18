#!/usr/bin/env python3
"""Writes the small models of families/: other Vision Transformers than ViT, as
Hugging Face's library defines them, random weights, two blocks or stages, 32 x
32 pixels.

    families.py [FOLDER]

Every NAME.onnx gets NAME.out.npy, its outputs for the rows of input.npy by
PyTorch. Needs torch, onnx, onnxscript and transformers; the files in the
repository were made with torch 2.13 and transformers 5.23.
"""
import contextlib
import io
import os
import pathlib
import sys
import warnings

os.environ["HF_HUB_OFFLINE"] = "1"

import numpy as np
import onnx
import torch
import transformers as hf

PLAIN = dict(hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
             intermediate_size=64, image_size=32, patch_size=8)
CLASSES = dict(num_labels=10)


def logits(y):
    return y.logits


def pooled(y):
    return y.pooler_output


def models():
    """Name, model, what of its outputs, and opsets; 0 is the dynamo exporter,
    which writes opset 18."""
    yield "beit", hf.BeitForImageClassification(hf.BeitConfig(
        **PLAIN, **CLASSES, use_relative_position_bias=True,
        layer_scale_init_value=0.1)), logits, (14,)
    yield "clip", hf.CLIPVisionModelWithProjection(hf.CLIPVisionConfig(
        **PLAIN, projection_dim=16)), lambda y: y.image_embeds, (14, 0)
    yield "deit_distilled", hf.DeiTForImageClassificationWithTeacher(
        hf.DeiTConfig(**PLAIN, **CLASSES)), logits, (14,)
    yield "dinov2_registers", hf.Dinov2WithRegistersModel(
        hf.Dinov2WithRegistersConfig(**PLAIN, mlp_ratio=2)), pooled, (0,)
    yield "dinov2_swiglu", hf.Dinov2Model(hf.Dinov2Config(
        **PLAIN, mlp_ratio=2, use_swiglu_ffn=True)), pooled, (14, 0)
    yield "swin", hf.SwinForImageClassification(hf.SwinConfig(
        image_size=32, patch_size=2, embed_dim=16, depths=[2, 2],
        num_heads=[1, 2], window_size=4, **CLASSES)), logits, (17,)


class Only(torch.nn.Module):
    """The model with one of its outputs."""

    def __init__(self, model, pick):
        super().__init__()
        self.model, self.pick = model, pick

    def forward(self, pixel_values):
        return self.pick(self.model(pixel_values=pixel_values))


def randomize(model):
    for p in model.parameters():
        if p.ndim > 1:
            torch.nn.init.normal_(p, std=0.05)
        else:
            p.data += 0.05 * torch.randn_like(p)


def export(model, x, path, opset):
    with contextlib.redirect_stdout(io.StringIO()):
        torch.onnx.export(
            model, (x,), str(path), opset_version=opset or 18,
            dynamo=not opset, **({} if opset else {"external_data": False}))
    model = onnx.load(path)
    for part in (model.graph, *model.graph.node):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    model.graph.ClearField("value_info")
    onnx.save(model, path)


def main():
    here = pathlib.Path(__file__).parent
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else (
        here / "families")
    images = torch.from_numpy(np.load(here / "input.npy"))
    warnings.filterwarnings("ignore")
    for name, model, pick, opsets in models():
        torch.manual_seed(1)
        randomize(model)
        only = Only(model, pick).eval()
        with torch.no_grad():
            rows = [only(images[i:i + 1]).numpy() for i in range(len(images))]
        for opset in opsets:
            stem = f"{name}_op{opset}" if opset else f"{name}_dynamo"
            export(only, images[:1], folder / f"{stem}.onnx", opset)
            np.save(folder / f"{stem}.out.npy", np.concatenate(rows))
            print(stem)


if __name__ == "__main__":
    main()
