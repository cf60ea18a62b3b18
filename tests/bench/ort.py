#!/usr/bin/env python3
"""Speed and agreement of a compiled model beside ONNX Runtime's int8.

    python3 -m venv venv && venv/bin/pip install numpy onnx onnxruntime pillow
    venv/bin/python tests/bench/ort.py MODEL.onnx MODEL.o --images LIST

MODEL.o is what vitqc made of MODEL.onnx. ONNX Runtime runs the float model
and every int8 model that its own quantizers make of it: dynamic, and static
QDQ with u8 or s8 activations, calibrated on the first images of the list. All
run interleaved in one process on one thread; the table gives the median time
and the median over rounds of (time of the peer / time of ours), so a machine
that slows down slows both. Times are of this run only; the ratios are the
result.
"""
import argparse
import ctypes
import os
import statistics
import subprocess
import tempfile
import time

import numpy as np
import onnx
import onnxruntime as ort
from onnxruntime.quantization import (
    CalibrationDataReader, QuantFormat, QuantType, quantize_dynamic,
    quantize_static)
from onnxruntime.quantization.shape_inference import quant_pre_process
from PIL import Image

MEAN = np.array([0.485, 0.456, 0.406], np.float32)
STD = np.array([0.229, 0.224, 0.225], np.float32)


def load_image(path, size):
    """Shorter side to size * 256 / 224, bicubic; centre; ImageNet's numbers."""
    image = Image.open(path).convert("RGB")
    short = round(size * 256 / 224)
    if min(image.size) != short:
        scale = short / min(image.size)
        image = image.resize([round(s * scale) for s in image.size],
                             Image.BICUBIC)
    left, top = [(s - size) // 2 for s in image.size]
    image = image.crop((left, top, left + size, top + size))
    x = (np.asarray(image, np.float32) / 255 - MEAN) / STD
    return np.ascontiguousarray(x.transpose(2, 0, 1)[None])


def read_list(path):
    folder = os.path.dirname(path)
    with open(path) as lines:
        return [os.path.join(folder, line.split("\t")[0].strip())
                for line in lines if line.strip()]


class Reader(CalibrationDataReader):
    def __init__(self, name, images):
        self.feeds = iter([{name: x} for x in images])

    def get_next(self):
        return next(self.feeds, None)


def session(path):
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    return ort.InferenceSession(path, options,
                                providers=["CPUExecutionProvider"])


def quantized_models(model, name, images, folder):
    """Yields (label, path) for every int8 model of the peer's quantizers."""
    ready = os.path.join(folder, "ready.onnx")
    try:
        quant_pre_process(model, ready, skip_symbolic_shape=True)
    except Exception as why:  # its optimizer refuses some models
        print(f"# pre-processing skipped: {why}")
        ready = model
    path = os.path.join(folder, "dynamic.onnx")
    quantize_dynamic(ready, path, weight_type=QuantType.QInt8,
                     per_channel=True)
    yield "dynamic int8", path
    for label, act in (("u8", QuantType.QUInt8), ("s8", QuantType.QInt8)):
        path = os.path.join(folder, f"static_{label}.onnx")
        quantize_static(ready, path, Reader(name, images),
                        quant_format=QuantFormat.QDQ, per_channel=True,
                        activation_type=act, weight_type=QuantType.QInt8)
        yield f"static QDQ {label}", path


class Compiled:
    """A vitqc object, linked to a shared library and called by its C name."""

    def __init__(self, path, folder, outputs, align=64):
        names = subprocess.run(["nm", "-g", "--defined-only", path],
                               check=True, capture_output=True, text=True)
        model = next(line.split()[2] for line in names.stdout.splitlines()
                     if line.endswith("_model"))
        prefix = model[:-len("_model")]
        library = os.path.join(folder, "model.so")
        subprocess.run(["cc", "-shared", "-o", library, path], check=True)
        self.library = ctypes.CDLL(library)
        self.run_level = getattr(self.library, prefix + "_run_level")
        # VqrtModel, runtime/vqrt.h: work_bytes and eight names of levels.
        words = (ctypes.c_uint64 * 32)()
        getattr(self.library, model)(words)
        self.work = np.zeros(words[6] + align, np.uint8)
        self.at = -self.work.ctypes.data % align
        self.levels = [ctypes.string_at(p).decode() for p in words[9:17] if p]
        self.out = np.zeros(outputs, np.float32)

    def call(self, level, x):
        return self.run_level(
            level, x.ctypes.data_as(ctypes.c_void_p),
            self.out.ctypes.data_as(ctypes.c_void_p),
            ctypes.c_void_p(self.work.ctypes.data + self.at))

    def run(self, level, x):
        assert self.call(level, x) == 0
        return self.out

    def here(self, x):
        """The levels that this CPU can run, weakest first."""
        return [n for n in range(len(self.levels)) if self.call(n, x) == 0]


def time_rounds(runners, x, rounds):
    times = {label: [] for label in runners}
    for i in range(rounds + 3):
        for label, run in runners.items():
            start = time.perf_counter()
            run(x)
            if i >= 3:
                times[label].append(time.perf_counter() - start)
    return times


def print_table(times, ours, agree):
    print("| what | median ms | its time / ours | argmax agreement |")
    print("|---|---|---|---|")
    for label, t in times.items():
        ratio = statistics.median(a / b for a, b in zip(t, times[ours]))
        print(f"| {label} | {1e3 * statistics.median(t):.2f} | {ratio:.2f} "
              f"| {agree[label]:.3f} |")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("object")
    parser.add_argument("--images", required=True,
                        help="a list of image files, one a line")
    parser.add_argument("--calib-count", type=int, default=32)
    parser.add_argument("--judge-count", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=40)
    args = parser.parse_args()

    graph = onnx.load(args.model, load_external_data=False).graph
    name = graph.input[0].name
    size = graph.input[0].type.tensor_type.shape.dim[2].dim_value
    files = read_list(args.images)[:args.calib_count + args.judge_count]
    images = [load_image(f, size) for f in files]
    calib, judge = images[:args.calib_count], images[args.calib_count:]

    with tempfile.TemporaryDirectory() as folder:
        fp32 = session(args.model)
        runners = {"ONNX Runtime fp32":
                   lambda x, s=fp32: s.run(None, {name: x})[0]}
        for label, path in quantized_models(args.model, name, calib, folder):
            runners["ONNX Runtime " + label] = (
                lambda x, s=session(path): s.run(None, {name: x})[0])
        outputs = fp32.run(None, {name: judge[0]})[0].shape
        ours = Compiled(args.object, folder, outputs)
        levels = ours.here(judge[0])
        for level in levels:
            runners["vitqc " + ours.levels[level]] = (
                lambda x, n=level: ours.run(n, x))
        want = [fp32.run(None, {name: x})[0].argmax() for x in judge]
        agree = {label: float(np.mean([run(x).argmax() == w
                                       for x, w in zip(judge, want)]))
                 for label, run in runners.items()}
        times = time_rounds(runners, judge[0], args.rounds)
        for level in reversed(levels):
            print(f"\nours: {ours.levels[level]}, onnxruntime "
                  f"{ort.__version__}, one thread, batch 1")
            print_table(times, "vitqc " + ours.levels[level], agree)


if __name__ == "__main__":
    main()
