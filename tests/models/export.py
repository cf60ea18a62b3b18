#!/usr/bin/env python3
"""Exports the models of zoo.py with random weights.

    export.py FOLDER [--size small|full] [--images X.npy] [NAME | NAME_FORM]..

Writes NAME_FORM.onnx for each model and form (for each model's first kept form
in full size, unless names are given). A form is the exporter (`ts` is
TorchScript, `dyn` dynamo) with the opset, and what is done to the file: +batch
a dynamic batch, +data weights in a file of their own, +functions layers as
local functions, +raw the exporter's graph as it comes, +fp16 and +bf16 types,
+ort ONNX Runtime's transformer optimizer, +names in other alphabets, +nhwc an
image with its channels last.

Weights are of each library's own initialisation, widened where the signal would
vanish; LayerScale is near one, and so is a norm's scale that starts near 0;
batch normalisation has the statistics of the images (noise without them). A
full model that has any is then trained, for a few steps and to tell images
apart, until it is as steady as a trained one: before, it amplifies the least
noise, and nothing can be said about rounding. Prints a line per file; what
fails is printed with its reason and the rest goes on. Needs requirements.txt.
"""
import argparse
import contextlib
import copy
import io
import math
import os
import pathlib
import traceback
import warnings

import numpy as np
import onnx
import torch

import zoo


def widen(p, fan):
    """Small weights are made large enough for the signal to live on: 0.7 /
    sqrt(fan) is where a linear layer of normalised input gives 0.7."""
    least = 0.7 / math.sqrt(fan)
    std = p.std().item() if p.numel() > 1 else 0.0
    if std == 0 or not math.isfinite(std):
        p.normal_(0, least)
    elif std < least:
        p.mul_(least / std)


@torch.no_grad()
def randomize(model):
    torch.manual_seed(2)
    for name, p in model.named_parameters():
        last = name.split(".")[-1]
        if "gamma" in last or "lambda" in last or "layer_scale" in name:
            p.copy_(0.5 + torch.rand_like(p))
        elif "logit_scale" in last:
            continue
        elif "relative_position_bias_table" in name:
            p.normal_(0, 0.5)
        elif p.ndim > 1 and min(p.shape) > 1 and "pos" not in last:
            widen(p, p[0].numel())
        elif p.ndim > 1:
            p.normal_(0, 0.3)
        elif last == "weight" and p.mean() < 0.5:
            p.copy_(0.5 + torch.rand_like(p))
        else:
            p.add_(0.05 * torch.randn_like(p))


def batch_norms(model):
    return [m for m in model.modules()
            if isinstance(m, torch.nn.modules.batchnorm._BatchNorm)]


@torch.no_grad()
def set_statistics(model, images):
    """Batch normalisation sees the images."""
    norms = batch_norms(model)
    model.eval()
    for m in norms:
        m.train()
        m.momentum = None
        m.reset_running_stats()
    for i in range(0, len(images), 8):
        model(images[i:i + 8])
    model.eval()


def resize(images, side):
    x = torch.from_numpy(np.ascontiguousarray(images, np.float32))
    if x.shape[-1] == side:
        return x
    return torch.nn.functional.interpolate(
        x, (side, side), mode="bicubic", antialias=True)


def classes(outputs):
    """The logits among what a model of any library returns."""
    if isinstance(outputs, (tuple, list)):
        outputs = outputs[0]
    return getattr(outputs, "logits", outputs)


@torch.no_grad()
def steadiness(model, images):
    """dB of the outputs over what noise 50 dB below the images changes."""
    model.eval()
    torch.manual_seed(5)
    noise = torch.randn_like(images) * images.std() * 10 ** -2.5
    want = classes(model(images))
    error = classes(model(images + noise)) - want
    return float(10 * torch.log10(want.square().sum() / error.square().sum()))


def train(model, optimizer, images, steps, batch):
    """Every image is a class of its own."""
    model.train()
    for m in batch_norms(model):
        m.momentum = 0.1
    for _ in range(steps):
        i = torch.randperm(len(images))[:batch]
        loss = torch.nn.functional.cross_entropy(classes(model(images[i])), i)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1)
        optimizer.step()


def settle(model, images, least=40, rounds=12):
    """Trains until the model is as steady as a trained one (DeiT-T has 39)."""
    torch.manual_seed(4)
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3)
    while rounds and steadiness(model, images[:24]) < least:
        train(model, optimizer, images, steps=12, batch=12)
        rounds -= 1


@contextlib.contextmanager
def noisy_norms(model, db):
    """Normalisations leave db over noise, as bytes of what they make would."""
    def add(_module, _inputs, y):
        return y + 10 ** (-db / 20) * y.detach().std() * torch.randn_like(y)

    hooks = [m.register_forward_hook(add) for m in model.modules()
             if "Norm" in type(m).__name__]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


@torch.no_grad()
def smooth(model):
    """Depthwise filters take means, as many of a trained model do: random
    differences of photographs, which are smooth, leave little but noise."""
    for m in model.modules():
        if isinstance(m, torch.nn.Conv2d) and m.groups == m.in_channels > 1:
            m.weight.abs_()


def harden(model, images, rounds=30):
    """For a model that settle's training leaves unsteady: with noise inside."""
    torch.manual_seed(4)
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3)
    rate = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, rounds)
    smooth(model)
    for _ in range(rounds):
        set_statistics(model, images[24:88])
        with noisy_norms(model, 20):
            train(model, optimizer, images, steps=12, batch=12)
        rate.step()
    set_statistics(model, images[24:88])


def inputs(path, side, count=16):
    if path:
        return resize(np.load(path, mmap_mode="r")[:count], side)
    torch.manual_seed(3)
    return torch.randn(count, 3, side, side)


def lessons(path):
    """Images that are not among those that matrix.py takes, every 12th."""
    return np.load(path, mmap_mode="r")[2::4]


def set_eager(model):
    """Attention in single steps: older opsets have no other form of it."""
    if hasattr(model.model, "set_attn_implementation"):
        model.model.set_attn_implementation("eager")
    for m in model.modules():
        if hasattr(m, "fused_attn"):
            m.fused_attn = False


def export(model, x, path, form):
    """The exporter's part of a form."""
    base, *more = form.split("+")
    if base in ("ts11", "ts13"):
        model = copy.deepcopy(model)
        set_eager(model)
    names = dict(input_names=["pixel_values"])
    batch = "batch" in more
    if base.startswith("ts"):
        torch.onnx.export(
            model, (x,), str(path), opset_version=int(base[2:]), dynamo=False,
            dynamic_axes={"pixel_values": {0: "batch"}} if batch else None,
            **names)
    else:
        shapes = ({0: torch.export.Dim("batch")},) if batch else None
        program = torch.onnx.export(
            model, (x.repeat(2, 1, 1, 1) if batch else x,),
            opset_version=int(base[3:]), dynamo=True, dynamic_shapes=shapes,
            verbose=False, optimize="raw" not in more, **names)
        program.save(str(path), external_data="data" in more)


def half(path):
    """Weights and arithmetic in 16 bits, as converters write them: casts at the
    graph's edges."""
    from onnxruntime.transformers.float16 import convert_float_to_float16
    model = convert_float_to_float16(
        onnx.load(path), keep_io_types=True,
        op_block_list=["LayerNormalization"])
    onnx.save(model, path)


def optimize(path):
    from onnxruntime.transformers import optimizer
    heads, width = 0, 0
    done = optimizer.optimize_model(
        str(path), model_type="vit", num_heads=heads, hidden_size=width,
        opt_level=1)
    done.save_model_to_file(str(path))


LAYERS = ("LayerNormalization", "Gelu", "Softmax", "MatMul")


def use_names(path):
    """Names as people give them, beyond ASCII."""
    model = onnx.load(path)
    new = {model.graph.input[0].name: "entr\u00e9e/\u753b\u50cf 0:",
           model.graph.output[0].name: "r\u00e9sultat/\u7d50\u679c 0:"}
    for part in (*model.graph.input, *model.graph.output):
        part.name = new.get(part.name, part.name)
    for node in model.graph.node:
        node.name = "/\u30e2\u30c7\u30eb" + node.name
        for names in (node.input, node.output):
            for i, name in enumerate(names):
                names[i] = new.get(name, name)
    onnx.save(model, path)


def use_nhwc(path):
    """The image's channels last, as Keras has them."""
    model = onnx.load(path)
    x = model.graph.input[0]
    for node in model.graph.node:
        for i, name in enumerate(node.input):
            if name == x.name:
                node.input[i] = "channels_first"
    model.graph.node.insert(0, onnx.helper.make_node(
        "Transpose", [x.name], ["channels_first"], name="to_channels_first",
        perm=[0, 3, 1, 2]))
    dims = [d.dim_value for d in x.type.tensor_type.shape.dim]
    x.CopyFrom(onnx.helper.make_tensor_value_info(
        x.name, onnx.TensorProto.FLOAT, [dims[0], dims[2], dims[3], dims[1]]))
    onnx.save(model, path)


def use_functions(path):
    """Each layer of LAYERS becomes a call of a local function, a second one
    around it, as exporters that keep modules write them."""
    model = onnx.load(path)
    inner, outer = "pkg.torch.nn", "pkg.model"
    for node in model.graph.node:
        if node.op_type not in LAYERS:
            continue
        ins = [f"x{i}" for i in range(len(node.input))]
        names = [a.name for a in node.attribute]
        body = onnx.helper.make_node(node.op_type, ins, ["y"])
        for a in node.attribute:
            body.attribute.add(name=a.name, ref_attr_name=a.name, type=a.type)
        call = onnx.helper.make_node("", ins, ["y"], domain=inner)
        for a in node.attribute:
            call.attribute.add(name=a.name, ref_attr_name=a.name, type=a.type)
        name = f"{node.op_type}_{len(ins)}_{len(names)}"
        call.op_type = f"{name}_inner"
        opsets = [onnx.helper.make_opsetid(inner, 1), *model.opset_import]
        if name not in [f.name for f in model.functions]:
            model.functions.extend([
                onnx.helper.make_function(inner, call.op_type, ins, ["y"],
                                          [body], opsets, names),
                onnx.helper.make_function(outer, name, ins, ["y"], [call],
                                          opsets, names)])
        node.op_type, node.domain = name, outer
    model.opset_import.extend([onnx.helper.make_opsetid(inner, 1),
                               onnx.helper.make_opsetid(outer, 1)])
    onnx.save(model, path)


def strip(path, keep_data):
    """Drops where in whose files each node came from."""
    model = onnx.load(path, load_external_data=not keep_data)
    for part in (model, model.graph, *model.graph.node, *model.graph.input,
                 *model.graph.output, *model.graph.initializer,
                 *model.functions,
                 *(n for f in model.functions for n in f.node)):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    model.graph.ClearField("value_info")
    for f in model.functions:
        f.ClearField("value_info")
    onnx.save(model, path)


CHANGES = {"ort": optimize, "functions": use_functions, "fp16": half,
           "names": use_names, "nhwc": use_nhwc}


def write(row, size, form, folder, model, x):
    path = folder / f"{row.name}_{form.replace('+', '_')}.onnx"
    parts = form.split("+")
    if "bf16" in parts:
        model, x = Bf16(model), x
    quiet = io.StringIO()
    with contextlib.redirect_stdout(quiet), contextlib.redirect_stderr(quiet):
        export(model, x, path, form)
        for part, change in CHANGES.items():
            if part in parts:
                change(path)
        strip(path, "data" in parts)
    return path


class Bf16(torch.nn.Module):
    """A model in bfloat16 between inputs and outputs of 32 bits."""

    def __init__(self, model):
        super().__init__()
        self.model = copy.deepcopy(model).to(torch.bfloat16)

    def forward(self, pixel_values):
        y = self.model(pixel_values.to(torch.bfloat16))
        if isinstance(y, tuple):
            return tuple(part.float() for part in y)
        return y.float()


def wanted(row, names, size):
    forms = list(row.exports())
    if size == "full" and not names:
        kept = [form for form, kept in row.exports().items() if kept]
        return (kept or forms)[:1]
    if not names or row.name in names:
        return forms
    return [f for f in forms if f"{row.name}_{f.replace('+', '_')}" in names]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--size", default="small", choices=["small", "full"])
    parser.add_argument("--images")
    parser.add_argument("names", nargs="*")
    args = parser.parse_intermixed_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    warnings.filterwarnings("ignore")
    for row in zoo.MODELS.values():
        forms = wanted(row, args.names, args.size)
        if not forms:
            continue
        try:
            side = row.sizes[args.size == "full"]
            x = inputs(args.images, side)
            model = row.build(args.size)
            randomize(model)
            set_statistics(model, x)
            if args.images and args.size == "full" and batch_norms(model):
                teach = harden if row.hardened else settle
                teach(model, resize(lessons(args.images), side))
            model.eval()
        except Exception as e:
            traceback.print_exc()
            print(f"{row.name} - FAIL {str(e).splitlines()[0][:200]}",
                  flush=True)
            continue
        for form in forms:
            try:
                path = write(row, args.size, form, args.folder, model, x[:1])
                print(path.stem, "ok", os.path.getsize(path), flush=True)
            except Exception as e:
                text = (str(e).splitlines() or [repr(e)])[0][:200]
                print(f"{row.name}_{form} FAIL {text}", flush=True)


if __name__ == "__main__":
    main()
