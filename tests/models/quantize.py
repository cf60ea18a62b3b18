#!/usr/bin/env python3
"""Quantizes a small model of this folder by ONNX Runtime's quantizers.

    quantize.py [FOLDER]

Writes quantized/NAME.onnx and quantized/NAME.out.npy: what ONNX Runtime gives
for the rows of input.npy without optimizing the graph, so that it computes what
the file says. Needs onnx and onnxruntime; the files in the repository were made
with onnxruntime 1.31.
"""
import pathlib
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime as ort
from onnxruntime.quantization import (
    CalibrationDataReader, QuantFormat, QuantType, quantize_dynamic,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process

BASE = "timm_op17"
LINEAR = ["MatMul", "Gemm", "Conv"]
U8, S8 = QuantType.QUInt8, QuantType.QInt8

# name: format, activations, weights, other options
STATIC = {
    "qdq_u8s8": (QuantFormat.QDQ, U8, S8, {}),
    "qdq_s8s8": (QuantFormat.QDQ, S8, S8, {}),
    "qdq_linear_u8s8": (
        QuantFormat.QDQ, U8, S8, {"op_types_to_quantize": LINEAR},
    ),
    "qdq_linear_u8u8_tensor": (
        QuantFormat.QDQ, U8, U8,
        {"op_types_to_quantize": LINEAR, "per_channel": False},
    ),
    "qdq_linear_s8s8_symmetric": (
        QuantFormat.QDQ, S8, S8,
        {
            "op_types_to_quantize": LINEAR,
            "extra_options": {"ActivationSymmetric": True},
        },
    ),
    "qdq_u16s8": (QuantFormat.QDQ, QuantType.QUInt16, S8, {}),
    "qop_u8s8": (QuantFormat.QOperator, U8, S8, {}),
    "qop_s8s8": (QuantFormat.QOperator, S8, S8, {}),
}


class Noise(CalibrationDataReader):
    """The same few inputs each time."""

    def __init__(self, name, shape, count=8):
        rng = np.random.default_rng(7)
        self.data = iter(
            [{name: rng.standard_normal(shape, np.float32)}
             for _ in range(count)]
        )

    def get_next(self):
        return next(self.data, None)


def run(path, rows):
    options = ort.SessionOptions()
    options.graph_optimization_level = (
        ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    )
    session = ort.InferenceSession(
        str(path), options, providers=["CPUExecutionProvider"]
    )
    name = session.get_inputs()[0].name
    return np.concatenate(
        [session.run(None, {name: rows[i : i + 1]})[0]
         for i in range(len(rows))]
    )


def strip(path):
    """Drops what no reader needs."""
    model = onnx.load(path)
    del model.graph.value_info[:]
    for node in model.graph.node:
        node.doc_string = ""
    used = {n.domain for n in model.graph.node} | {""}
    kept = [o for o in model.opset_import if o.domain in used]
    del model.opset_import[:]
    model.opset_import.extend(kept)
    onnx.save(model, path)


def main():
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else __file__)
    folder = folder if folder.is_dir() else folder.parent
    out = folder / "quantized"
    out.mkdir(exist_ok=True)
    rows = np.load(folder / "input.npy")
    with tempfile.TemporaryDirectory() as tmp:
        ready = f"{tmp}/ready.onnx"
        quant_pre_process(
            str(folder / f"{BASE}.onnx"), ready, skip_symbolic_shape=True
        )
        for name, (form, acts, weights, options) in STATIC.items():
            reader = Noise("pixel_values", (1, *rows.shape[1:]))
            quantize_static(
                ready, str(out / f"{name}.onnx"), reader, quant_format=form,
                activation_type=acts, weight_type=weights,
                **{"per_channel": True, **options},
            )
        quantize_dynamic(
            ready, str(out / "dynamic_u8.onnx"), weight_type=U8,
            op_types_to_quantize=["MatMul"],
        )
    for path in sorted(out.glob("*.onnx")):
        strip(path)
        np.save(path.with_suffix(".out.npy"), run(path, rows))


if __name__ == "__main__":
    main()
