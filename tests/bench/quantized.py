#!/usr/bin/env python3
"""Compares vitqc with ONNX Runtime on models that ONNX Runtime quantized.

    quantized.py VITQC MODEL.onnx IMAGES.npy [--count 300] [--calib 32]
        [--folder DIR]

IMAGES.npy: f32 [N x C x H x W], as the model takes them. Its last --calib images
calibrate (ONNX Runtime's quantizer sees the last 16), its first --count judge.
Each row is a way to quantize; its figures are shares of images of the same
class: ONNX Runtime with and without graph optimizations, vitqc and either,
and each and the float model. Needs numpy, onnx and onnxruntime.
"""
import argparse
import pathlib
import subprocess
import tempfile

import numpy as np
import onnxruntime as ort
from onnxruntime.quantization import (
    CalibrationDataReader, QuantFormat, QuantType, quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process

U8, S8 = QuantType.QUInt8, QuantType.QInt8
LINEAR = {"op_types_to_quantize": ["MatMul", "Gemm", "Conv"]}
QOP = {"quant_format": QuantFormat.QOperator}
WAYS = {
    "MatMul, Gemm, Conv u8/s8": (U8, LINEAR),
    "MatMul, Gemm, Conv s8/s8": (S8, LINEAR),
    "all u8/s8": (U8, {}),
    "all s8/s8": (S8, {}),
    "all u8/s8, QOperator": (U8, QOP),
}


class Reader(CalibrationDataReader):
    def __init__(self, name, images):
        self.data = iter([{name: x[None]} for x in images])

    def get_next(self):
        return next(self.data, None)


def run_ort(path, images, optimize):
    options = ort.SessionOptions()
    options.log_severity_level = 3
    if not optimize:
        options.graph_optimization_level = (
            ort.GraphOptimizationLevel.ORT_DISABLE_ALL
        )
    session = ort.InferenceSession(
        str(path), options, providers=["CPUExecutionProvider"]
    )
    name = session.get_inputs()[0].name
    return np.concatenate(
        [session.run(None, {name: x[None]})[0] for x in images]
    )


def run_vitqc(vitqc, path, folder, calib, images):
    np.save(folder / "calib.npy", calib)
    np.save(folder / "in.npy", images)
    subprocess.run(
        [vitqc, path, "--calib", folder / "calib.npy", "-o", folder / "q.o"],
        check=True,
    )
    subprocess.run(
        [vitqc, "run", folder / "q.o", "--input", folder / "in.npy",
         "--output", folder / "out.npy"],
        check=True,
    )
    return np.load(folder / "out.npy").reshape(len(images), -1)


def agree(a, b):
    return 100 * (a.argmax(1) == b.argmax(1)).mean()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("vitqc")
    parser.add_argument("model")
    parser.add_argument("images")
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--calib", type=int, default=32)
    parser.add_argument("--folder", help="keeps the quantized models there")
    args = parser.parse_args()
    data = np.load(args.images, mmap_mode="r")
    images = np.ascontiguousarray(data[: args.count])
    calib = np.ascontiguousarray(data[-args.calib :])
    tmp = args.folder or tempfile.mkdtemp()
    folder = pathlib.Path(tmp)
    folder.mkdir(exist_ok=True)
    ready = folder / "ready.onnx"
    quant_pre_process(args.model, str(ready), skip_symbolic_shape=True)
    real = run_ort(ready, images, True)
    name = ort.InferenceSession(
        str(ready), providers=["CPUExecutionProvider"]
    ).get_inputs()[0].name
    print("| quantized | ORT, ORT unoptimized | vitqc, ORT "
          "| vitqc, ORT unoptimized | ORT, float | vitqc, float |")
    print("|---|---|---|---|---|---|")
    for way, (acts, options) in WAYS.items():
        path = folder / f"{way.replace(', ', '_').replace('/', '')}.onnx"
        quantize_static(
            str(ready), str(path), Reader(name, calib[-16:]),
            activation_type=acts, weight_type=S8, per_channel=True, **options,
        )
        fast = run_ort(path, images, True)
        plain = run_ort(path, images, False)
        ours = run_vitqc(args.vitqc, path, folder, calib, images)
        print(f"| {way} | {agree(fast, plain):.1f} | {agree(ours, fast):.1f} "
              f"| {agree(ours, plain):.1f} | {agree(fast, real):.1f} "
              f"| {agree(ours, real):.1f} |", flush=True)


if __name__ == "__main__":
    main()
